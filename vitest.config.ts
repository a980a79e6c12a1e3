import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The promises about answers, loads and races, which the way of a read may concern. */
const OF_READS = [
  'computed-fields',
  'explain',
  'filters',
  'fluent',
  'hooks-behind',
  'queries',
  'read-your-writes',
  'relations-to-many',
  'relations-to-one',
  'round-trips',
  'rows-by-keys',
  'same-answer',
  'single-load',
  'uniques',
]

const WITH_NEAR = ['get-or-set', 'read-your-writes', 'same-answer']

const IN_STRICT_MODE = [
  'read-your-writes',
  'same-answer',
  'prisma-traps',
  'uniques',
  'single-load',
  'regressions',
  'regressions-of-lists',
  'cluster-slots',
  'cluster-changes',
]

/** Files that take longest: first, or one of two workers would end with them while the other one has nothing to do. */
const LONGEST = [
  'chaos/chaos',
  'fuzz/fuzz',
  'promises/tenants',
  'fuzz/versions',
  'fuzz/schemas',
  'promises/sentinel',
  'verify/verify',
  'promises/versions',
  'promises/names',
  'mutation/mutation',
  'promises/moves',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex(name => moduleId.endsWith(`/${name}.test.ts`))
      return at < 0 ? LONGEST.length : at
    }
    // oxlint-disable-next-line unicorn/no-array-sort -- of the sequencer
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => place(a) - place(b))
  }
}

const common = {
  globalSetup: ['test/support/global-setup.ts'],
  testTimeout: 30_000,
  hookTimeout: 60_000,
  expect: { poll: { timeout: 15_000 } },
}

export default defineConfig({
  test: {
    // Two cores run servers and tests. In processes, although threads start faster: a thread that Node can't clean up (its event
    // loop still waits for a request that never ends) would keep the whole run from ending.
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...common,
          name: 'front',
          include: ['test/**/*.test.ts'],
          typecheck: { enabled: true, include: ['test/types/*.test-d.ts'], tsconfig: './tsconfig.json' },
        },
      },
      {
        // The same where every read goes through Prisma's query hook. `FRONT=off npm test` runs all tests so.
        test: {
          ...common,
          name: 'hook',
          include: [...OF_READS.map(name => `test/promises/${name}.test.ts`), 'test/schedules/races.test.ts'],
          env: { FRONT: 'off' },
        },
      },
      {
        // The same with a near cache in every process, for what does not count round trips. `NEAR=on` runs any file so.
        test: {
          ...common,
          name: 'near',
          include: [...WITH_NEAR.map(name => `test/promises/${name}.test.ts`), 'test/schedules/*.test.ts'],
          env: { NEAR: 'on' },
        },
      },
      {
        // The same in strict mode with write-through, for what does not count loads.
        test: {
          ...common,
          name: 'strict',
          include: [...IN_STRICT_MODE.map(name => `test/promises/${name}.test.ts`), 'test/schedules/*.test.ts'],
          env: { CONSISTENCY: 'strict' },
        },
      },
    ],
  },
})

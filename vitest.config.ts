import { defineConfig } from 'vitest/config'

/** Long, and of other things than the way that a read takes. */
const ONCE = ['adapters', 'cluster', 'cluster-changes', 'names', 'partition', 'redis-url', 'tenants', 'versions']

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
        // The same promises where every read goes through Prisma's query hook. `FRONT=off npm test` runs all tests so.
        test: {
          ...common,
          name: 'hook',
          include: ['test/promises/*.test.ts', 'test/schedules/*.test.ts'],
          exclude: ONCE.map(name => `test/promises/${name}.test.ts`),
          env: { FRONT: 'off' },
        },
      },
    ],
  },
})

/** Promises of the cache that were made over a real Redis hold over the stand-in, with no Redis anywhere. */
import { fileURLToPath } from 'node:url'
import { expect, inject, it } from 'vitest'
import { run } from '../support/commands.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
/** Nobody listens there: a test that asks a real Redis for something fails. */
const NOWHERE = 'redis://127.0.0.1:1'
/** Most others hold as well; these take the shortest time. A race is worth most: its controls go wrong over the stand-in, too. */
const FILES = ['test/schedules/races.test.ts', 'test/promises/single-load.test.ts', 'test/promises/same-answer.test.ts']
const PATIENCE_MS = 240_000

interface Report {
  readonly numFailedTests: number
  readonly numPassedTests: number
  readonly testResults: readonly { readonly name: string; readonly assertionResults: readonly unknown[] }[]
}

it('races, single loads and the same answers as Prisma', { timeout: PATIENCE_MS + 10_000 }, async () => {
  const flags = [
    'run',
    '--project=front',
    '--maxWorkers=1',
    '--typecheck.enabled=false',
    '--retry=2',
    '--silent',
    '--reporter=json',
  ]
  const printed = await run(process.execPath, ['node_modules/vitest/vitest.mjs', ...flags, ...FILES], {
    cwd: root,
    env: { ...process.env, REDIS: 'memory', REDIS_URL: NOWHERE, DATABASE_URL: inject('databaseUrl') },
    withinMs: PATIENCE_MS,
  })
  const report = JSON.parse(printed.slice(printed.indexOf('{"num'))) as Report
  expect(report).toMatchObject({ numFailedTests: 0 })
  expect(report.testResults.map(({ name }) => name.replace(root, '')).toSorted()).toEqual(FILES.toSorted())
  expect(report.numPassedTests).toBeGreaterThan(100)
})

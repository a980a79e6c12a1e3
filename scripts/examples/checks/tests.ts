import assert from 'node:assert/strict'
import type { Lab } from '../lab.js'

/** Tests that need a database and no Redis. */
export async function runTests(lab: Lab, summary: RegExp): Promise<void> {
  await lab.claim('the tests compile under strict', () => lab.script('typecheck', 60_000))
  delete lab.where.env['REDIS_URL']
  await lab.claim('4 tests are green without a Redis, and the test runner ends by itself', async () => {
    const printed = await lab.script('test', 60_000)
    assert.match(printed, summary)
    assert.doesNotMatch(printed, /did not exit|open handle|worker process has failed to exit/i)
    assert.equal(lab.redis.opened, 0)
    assert.ok(lab.sql.seen.some(([text]) => text?.includes('"User"')))
  })
}

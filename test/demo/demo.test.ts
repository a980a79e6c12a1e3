/** The demo, as others see it: in a pipe, with a Redis of its own; and its outage on a Redis that is not its own. */
import { execFile } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'
import { expect, inject, onTestFinished, test, vi } from 'vitest'
import { connect } from '../../demo/client.js'
import { breakable, outage } from '../../demo/outage.js'
import { firstPosts, seed } from '../../demo/seeding.js'
import { useWorld } from '../support/world.js'

const world = useWorld()

test('it runs to its end in a pipe, kills its Redis under traffic, and no query fails', {
  timeout: 120_000,
}, async () => {
  const { REDIS_URL: _, ...env } = process.env // a server that others use is not killed
  const { code, printed } = await runDemo({ ...env, DATABASE_URL: inject('databaseUrl') })

  expect({ code, printed }).toMatchObject({ code: 0 })
  expect(printed).toContain('10,000 users and 50,000 posts')
  expect(printed).toMatch(/email +String +"user11@example.com"/)
  expect(printed).toMatch(/cached +yes, by email/)
  expect(printed).toMatch(/Redis is killed: SIGKILL to process \d+/)
  expect(printed).toMatch(/queries \(.* reads, .* writes\): 0 failed, 0 stale/)
  expect(printed).toMatch(/user with 20 posts +[\d.]+ ms +[\d.]+ ms +[\d.]+ ×/)
  // oxlint-disable-next-line no-control-regex -- they are what must not be there
  expect(printed).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/)
  expect(printed.split('\n').filter(line => line.length > 80)).toEqual([])
})

test('a Redis that is not its own is never killed: the connections to it are cut', { timeout: 60_000 }, async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  onTestFinished(() => log.mockRestore())
  const endings: (() => Promise<unknown>)[] = []
  onTestFinished(async () => {
    for (const end of endings.toReversed()) await end()
  })
  const redis = await breakable({ redisProcess: undefined, redisUrl: world.redisUrl }, end => endings.push(end))
  const connected = connect({ databaseUrl: world.databaseUrl, redisUrl: redis.url, prefix: world.prefix })
  endings.push(() => connected.close())
  await seed(connected, 20)

  const outcome = await outage(connected, redis, firstPosts(50), { before: 1, down: 2, after: 4 })
  expect(outcome).toEqual({ queries: expect.any(Number), failed: 0, stale: 0 })
  expect(await world.redis.ping()).toBe('PONG')
  const printed = stripVTControlCharacters(log.mock.calls.flat().join('\n'))
  expect(printed).toContain('connections are cut and refused')
  expect(printed).not.toContain('SIGKILL')
})

function runDemo(env: NodeJS.ProcessEnv): Promise<{ code: unknown; printed: string }> {
  return new Promise(resolve => {
    execFile(process.execPath, ['--import', 'tsx', 'demo/demo.ts'], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, printed: stdout + stderr })
    })
  })
}

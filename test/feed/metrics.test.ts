/** A feed as metrics of Prometheus, and on the command line. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { prometheusOfFeed } from '../../src/observe/prometheus.js'
import { caughtUp, SCHEMA_FILE, useFeeds } from '../support/feeds.js'
import { useShared } from '../support/hooks.js'
import { startPostgres } from '../support/postgres-server.js'
import { inUse, nameOf, newUser } from '../support/users.js'
import { useWorld } from '../support/world.js'

const postgres = useShared(
  () => startPostgres(),
  server => server.stop(),
)
const world = useWorld({ databaseUrl: () => postgres.url })
const newFeed = useFeeds(world, { isPerTest: true })

it('metrics say whether it is alive, how far behind it is, and what it has done', async () => {
  const register = new Registry()
  const feed = newFeed()
  const off = prometheusOfFeed(feed, { register })
  const value = async (name: string) =>
    Number(new RegExp(`^prisma_cache_feed_${name} (\\S+)$`, 'm').exec(await register.metrics())?.[1])
  expect(await value('alive')).toBe(0)
  await feed.start()
  await newUser(world)
  await caughtUp(feed)
  expect(await value('alive')).toBe(1)
  expect(await value('lag_seconds')).toBeLessThan(60)
  expect(await value('transactions_total')).toBe(1)
  expect(await value('rows_total')).toBe(1)
  expect(await value('resyncs_total')).toBe(1)
  await newUser(world)
  await caughtUp(feed)
  expect(await value('transactions_total')).toBe(2)
  off()
  expect(await register.metrics()).not.toContain('feed')
})

const cli = (...args: string[]) => run('feed', ...args, '--slot', 'cli_feed', '--publication', 'cli_feed')

function run(...args: string[]) {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'src/cli/main.ts', ...args, '--schema', SCHEMA_FILE, '--prefix', world.prefix],
    { env: { ...process.env, DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl, NO_COLOR: '1' } },
  )
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()))
  const exit = once(child, 'exit') as Promise<[code: number | null]>
  return { child, exit, said: () => said }
}

it('the command line sets it up, runs it, says how it is, and takes it down', async () => {
  const setup = cli('setup')
  expect([await setup.exit, setup.said()]).toEqual([[0, null], expect.anything()])
  expect(setup.said()).toContain('CREATE PUBLICATION "cli_feed" FOR TABLE')
  expect(setup.said()).toContain('ALTER TABLE public."Post" REPLICA IDENTITY FULL;')
  const idle = cli('status')
  await idle.exit
  expect(idle.said()).toContain('cli_feed is read by no feed')
  const running = cli('run')
  await expect.poll(running.said, { timeout: 20_000 }).toContain('running')
  const reader = world.process()
  const id = await newUser(world)
  await inUse(reader, id)
  await world.plain.user.update({ where: { id }, data: { name: 'v1' } })
  await expect.poll(() => nameOf(reader, id)).toBe('v1')
  const alive = cli('status')
  expect(await alive.exit).toEqual([0, null])
  expect(alive.said()).toMatch(/slot: cli_feed is read; .*\nfeed: all that was committed .* ago is invalidated/)
  const doctor = run('doctor')
  await doctor.exit
  expect(doctor.said()).toMatch(/ok\s+slot: cli_feed is read/)
  running.child.kill('SIGTERM')
  expect(await running.exit).toEqual([0, null])
  const teardown = cli('teardown')
  expect(await teardown.exit).toEqual([0, null])
  const none = cli('status')
  expect(await none.exit).toEqual([1, null])
  expect(none.said()).toContain('there is no cli_feed')
}, 60_000)

/** Whatever crashes or is cut off, each committed change is invalidated: at least once, and without anybody's help. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Client } from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Store } from '../../src/redis/store.js'
import type { FeedEvent } from '../../src/feed/types.js'
import { caughtUp, useFeeds } from '../support/feeds.js'
import { useProxy, useRedis, useShared } from '../support/hooks.js'
import { startPostgres } from '../support/postgres-server.js'
import { inUse, newUsers } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const postgres = useShared(
  () => startPostgres({ durable: true }),
  server => server.stop(),
)
const redis = useRedis()
const world = useWorld({ databaseUrl: () => postgres.url, redisUrl: () => redis.url })
const proxy = useProxy(() => redis.url)
const newFeed = useFeeds(world, { isPerTest: true })
const USERS = 40

let ids: readonly number[] = []
let reader: CachedProcess

beforeEach(async () => {
  ids = await newUsers(world, USERS)
  reader = world.process({ ttl: '1h' })
})

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

const readAll = () => Promise.all(ids.map(async id => (await reader.prisma.user.findUnique({ where: { id } }))?.name))

/** All rows are in the cache. */
async function warm(): Promise<void> {
  await inUse(reader, ids[0] as number)
  await readAll()
  await reader.flushed()
  expect(await reader.countSql(readAll)).toBe(0)
}

/** As another program: each row in a transaction of its own. */
async function writeAll(name: string): Promise<void> {
  const client = new Client({ connectionString: world.databaseUrl })
  client.on('error', () => undefined)
  await client.connect()
  for (const id of ids) await client.query('UPDATE "User" SET name = $1 WHERE id = $2', [name, id])
  await client.end()
}

const all = (name: string) => ids.map(() => name)

function eventsOf(feed: ReturnType<typeof newFeed>): FeedEvent[] {
  const events: FeedEvent[] = []
  feed.on(event => events.push(event))
  return events
}

async function feedProcess(slot: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/support/scripts/feed.ts'], {
    env: {
      ...process.env,
      DATABASE_URL: world.databaseUrl,
      REDIS_URL: world.redisUrl,
      PREFIX: world.prefix,
      SLOT: slot,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let said = ''
  child.stdout?.on('data', (text: Buffer) => (said += text.toString()))
  await expect.poll(() => said, { timeout: 20_000 }).toMatch(/running|waiting/)
  return child
}

it('a feed that is killed in the middle of changes: the next one goes on where it was', async () => {
  const slot = `killed_${process.pid}`
  const child = await feedProcess(slot)
  await warm()
  const writing = writeAll('v1')
  await expect
    .poll(async () => (await world.plain.user.count({ where: { id: { in: [...ids] }, name: 'v1' } })) > 5)
    .toBe(true)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await writing
  const feed = newFeed({ slot })
  const events = eventsOf(feed)
  await feed.start()
  await expect.poll(() => feed.status().phase, { timeout: 10_000 }).toBe('running')
  await caughtUp(feed)
  expect(await readAll()).toEqual(all('v1'))
  expect(events.filter(({ type }) => type === 'resync')).toEqual([])
  await feed.stop()
}, 60_000)

it('of two feeds one runs; the other takes over when it is gone, and nothing is missed', async () => {
  const [first, second] = [newFeed({ slot: 'two_feeds' }), newFeed({ slot: 'two_feeds' })]
  await first.start()
  await second.start()
  expect([first.status().phase, second.status().phase]).toEqual(['running', 'waiting'])
  await warm()
  const writing = writeAll('v1')
  await first.stop()
  await writing
  await expect.poll(() => second.status().phase, { timeout: 10_000 }).toBe('running')
  await caughtUp(second)
  expect(await readAll()).toEqual(all('v1'))
  expect(second.status().resyncs).toBe(0)
  await second.stop()
})

it('Redis that is cut off while changes flow: they are confirmed only once it has acknowledged them', async () => {
  const feed = newFeed({ redis: proxy.url })
  await feed.start()
  await warm()
  await proxy.refuse()
  await writeAll('v1')
  const slotEnd = async () =>
    (
      await world.plain.$queryRaw<
        { lsn: string }[]
      >`SELECT max(confirmed_flush_lsn)::text AS lsn FROM pg_replication_slots WHERE active`
    )[0]?.lsn
  const before = await slotEnd()
  await writeAll('v2')
  expect(await slotEnd()).toBe(before)
  await proxy.mend()
  await caughtUp(feed)
  expect(await readAll()).toEqual(all('v2'))
  await expect.poll(slotEnd).not.toBe(before)
  await feed.stop()
}, 60_000)

it('a restart of Postgres is survived, without an invalidation of everything', async () => {
  const feed = newFeed()
  const events = eventsOf(feed)
  await feed.start()
  events.length = 0
  await warm()
  await writeAll('v1')
  await postgres.restart()
  await expect
    .poll(
      () =>
        writeAll('v2')
          .then(() => true)
          .catch(() => false),
      { timeout: 20_000 },
    )
    .toBe(true)
  await expect.poll(() => feed.status().phase, { timeout: 20_000 }).toBe('running')
  await caughtUp(feed)
  expect(await readAll()).toEqual(all('v2'))
  expect(events.map(({ type }) => type)).not.toContain('resync')
  await feed.stop()
}, 60_000)

it('a slot that was lost, or dropped, ends in an invalidation of everything, and an event', async () => {
  const slot = 'dropped'
  const feed = newFeed({ slot })
  const events = eventsOf(feed)
  await feed.start()
  await warm()
  const stopped = feed.stop()
  await stopped
  await world.plain.$queryRawUnsafe(`SELECT pg_drop_replication_slot('${slot}')::text`)
  await writeAll('v1')
  expect(await readAll()).toEqual(all('v0'))
  await feed.start()
  await caughtUp(feed)
  expect(await readAll()).toEqual(all('v1'))
  expect(events.filter(({ type }) => type === 'resync').at(-1)).toEqual({
    type: 'resync',
    why: 'the slot is new: what was committed before it is not in it',
  })
  await feed.stop()
})

it('a table that was altered is invalidated as a whole with its next change', async () => {
  const feed = newFeed()
  await feed.start()
  await writeAll('v0')
  await caughtUp(feed)
  await warm()
  // Every row gets another value, and Postgres tells of none.
  await world.plain.$executeRawUnsafe(`ALTER TABLE "User" ALTER COLUMN name TYPE varchar(40) USING upper(name)`)
  await world.plain.$executeRaw`UPDATE "User" SET name = 'last' WHERE id = ${ids[0]}`
  await caughtUp(feed)
  expect((await readAll()).slice(1)).toEqual(all('V0').slice(1))
  await feed.stop()
})

class NoDrop extends Store {
  override async invalidate(): ReturnType<Store['invalidate']> {
    return 'done'
  }
}

it('a writer that ends between COMMIT and DEL: what it wrote is fresh once the feed has caught up', async () => {
  const feed = newFeed()
  await feed.start()
  await warm()
  const writer = world.process({}, { parts: { Store: NoDrop } })
  for (const id of ids) await writer.prisma.user.update({ where: { id }, data: { name: 'v1' } })
  await caughtUp(feed)
  expect(await readAll()).toEqual(all('v1'))
  await feed.stop()
})

it('a table that is not in the schema: everything is invalidated, and an event says so', async () => {
  const lines: string[] = []
  const feed = newFeed({ slot: 'strange', publication: 'strange', log: { warn: line => lines.push(line) } })
  const events = eventsOf(feed)
  await feed.start()
  await world.plain.$executeRawUnsafe(`CREATE TABLE stranger (id int PRIMARY KEY)`)
  await world.plain.$executeRawUnsafe(`ALTER PUBLICATION strange ADD TABLE stranger`)
  await warm()
  await world.plain.$executeRawUnsafe(`INSERT INTO stranger VALUES (1)`)
  await caughtUp(feed)
  expect(events).toContainEqual({ type: 'unknown-table', table: 'public.stranger' })
  expect(lines.at(-1)).toContain(
    'public.stranger has changed, and is not in the schema: the change feed has invalidated everything.',
  )
  expect(await reader.countSql(readAll)).toBeGreaterThan(0)
  const said = lines.length
  await feed.stop()
  expect(lines.slice(said)).toEqual([])
})

/** What the feed needs in the database: it makes it, says who has to make it where it may not, and makes it again when it was lost. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { expect, it } from 'vitest'
import type { FeedEvent } from '../../src/feed/types.js'
import { caughtUp, useFeeds } from '../support/feeds.js'
import { useCluster, useShared } from '../support/hooks.js'
import { startPostgres } from '../support/postgres-server.js'
import { inUse, nameOf, newUser } from '../support/users.js'
import { useWorld } from '../support/world.js'
import { Cluster } from 'ioredis'

const postgres = useShared(
  () => startPostgres(),
  server => server.stop(),
)
const world = useWorld({ databaseUrl: () => postgres.url })
const newFeed = useFeeds(world, { isPerTest: true })

async function sql(text: string): Promise<Record<string, string | null>[]> {
  const client = new Client({ connectionString: world.databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<Record<string, string | null>>(text)
    return rows
  } finally {
    await client.end()
  }
}

/** The URL for another database user. */
function urlOf(user: string): string {
  const url = new URL(world.databaseUrl)
  url.username = user
  url.password = 'secret'
  return url.href
}

it('setup makes slot and publication, once; teardown drops them', async () => {
  const feed = newFeed({ slot: 'once', publication: 'once' })
  const { done } = await feed.setup()
  expect(done).toHaveLength(2)
  expect((await feed.setup()).done).toEqual([])
  await sql(`CREATE TABLE "_Unrelated" (id int PRIMARY KEY)`)
  expect((await feed.setup()).done).toEqual([])
  // A table that came back is published again.
  await sql(`ALTER PUBLICATION once DROP TABLE "User"`)
  expect((await feed.setup()).done).toEqual(['ALTER PUBLICATION "once" ADD TABLE public."User"'])
  expect(await feed.teardown()).toHaveLength(2)
  expect(await feed.teardown()).toEqual([])
})

it('a slot that is in use is not dropped', async () => {
  const feed = newFeed({ slot: 'busy', publication: 'busy' })
  await feed.start()
  await expect(newFeed({ slot: 'busy', publication: 'busy' }).teardown()).rejects.toThrow(
    'The slot busy is in use: stop the feed that uses it',
  )
})

it('a database user without the rights: the error has the SQL for one who has them', async () => {
  await sql(`CREATE ROLE reader LOGIN PASSWORD 'secret'`)
  const feed = newFeed({ slot: 'rights', publication: 'rights', connectionString: urlOf('reader') })
  const error = await feed.start().catch((thrown: unknown) => String(thrown))
  expect(error).toContain('The database user reader may not do this. Run it as one who may:')
  expect(error).toContain('CREATE PUBLICATION "rights" FOR TABLE')
  // Somebody else has made the publication.
  await newFeed({ slot: 'rights', publication: 'rights' }).setup()
  await sql(`SELECT pg_drop_replication_slot('rights')`)
  const slotError = await feed.setup().catch((thrown: unknown) => String(thrown))
  expect(slotError).toContain(`SELECT pg_create_logical_replication_slot('rights', 'pgoutput'`)
  expect(slotError).toContain('ALTER ROLE "reader" REPLICATION')
  // With that right it runs, though it owns no table.
  await sql(`ALTER ROLE reader REPLICATION`)
  await feed.start()
  expect(feed.status().phase).toBe('running')
})

it('a database without wal_level = logical is an error that says how to set it', async () => {
  const other = await startPostgres({ walLevel: 'replica' })
  try {
    const feed = newFeed({ connectionString: other.url })
    await expect(feed.start()).rejects.toThrow(
      'wal_level is replica, and has to be logical. Run ALTER SYSTEM SET wal_level',
    )
    expect(feed.status().phase).toBe('stopped')
  } finally {
    await other.stop()
  }
})

it('a password may be fetched for each connection', async () => {
  const url = new URL(world.databaseUrl)
  let fetched = 0
  const connection = {
    host: url.hostname,
    port: Number(url.port),
    database: url.pathname.slice(1),
    user: url.username,
    password() {
      fetched++
      return decodeURIComponent(url.password)
    },
  }
  const feed = newFeed({ connectionString: undefined, connection })
  await feed.start()
  expect(fetched).toBeGreaterThanOrEqual(2)
})

function eventsOf(feed: ReturnType<typeof newFeed>): FeedEvent[] {
  const events: FeedEvent[] = []
  feed.on(event => events.push(event))
  return events
}

const resyncs = (events: FeedEvent[]) => events.flatMap(event => (event.type === 'resync' ? [event.why] : []))

it('a slot whose WAL the server has removed is made again, and everything is invalidated', async () => {
  const feed = newFeed({ slot: 'lost', publication: 'lost' })
  const events = eventsOf(feed)
  await feed.start()
  const reader = world.process({ ttl: '1h' })
  const id = await newUser(world)
  await caughtUp(feed)
  await inUse(reader, id)
  await feed.stop()
  await sql(`ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'`)
  await sql('SELECT pg_reload_conf()')
  await world.plain.user.update({ where: { id }, data: { name: 'v1' } })
  await expect
    .poll(
      async () => {
        await sql('SELECT pg_switch_wal()')
        await sql('CREATE TABLE IF NOT EXISTS wal (x int)')
        await sql('INSERT INTO wal VALUES (1)')
        await sql('CHECKPOINT')
        return (await sql(`SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'lost'`))[0]?.['wal_status']
      },
      { timeout: 30_000 },
    )
    .toBe('lost')
  await sql('ALTER SYSTEM RESET max_slot_wal_keep_size')
  await sql('SELECT pg_reload_conf()')
  expect(await nameOf(reader, id)).toBe('v0')
  events.length = 0
  await feed.start()
  expect(resyncs(events)).toEqual(['the slot is new: what was committed before it is not in it'])
  expect(await nameOf(reader, id)).toBe('v1')
}, 60_000)

it('after a promotion everything is invalidated, without anybody’s help', async () => {
  const feed = newFeed({ slot: 'failover', publication: 'failover' })
  const events = eventsOf(feed)
  await feed.start()
  const reader = world.process({ ttl: '1h' })
  const id = await newUser(world)
  await caughtUp(feed)
  await inUse(reader, id)
  await expect.poll(() => world.redis.get(`${world.prefix}@feed`)).toContain('"slot":"failover"')
  events.length = 0
  // It comes back as a replica of no server, with its slot, and is promoted: another timeline.
  await writeFile(join(postgres.dir, 'data/standby.signal'), '')
  const restarted = postgres.restart()
  await expect
    .poll(() => events.flatMap(event => (event.type === 'error' ? [event.message] : [])).join(), { timeout: 20_000 })
    .toContain('The database is a replica: connect to the primary')
  await sql('SELECT pg_promote()')
  await restarted
  await expect.poll(() => feed.status().phase, { timeout: 20_000 }).toBe('running')
  expect(resyncs(events)).toEqual(['another server has taken over, or the database was restored'])
  await world.plain.user.update({ where: { id }, data: { name: 'v1' } })
  await caughtUp(feed)
  expect(await nameOf(reader, id)).toBe('v1')
}, 60_000)

it('a slot that was dropped and made again while no feed ran, and a table that was published meanwhile, are noticed', async () => {
  const feed = newFeed({ slot: 'again', publication: 'again' })
  const events = eventsOf(feed)
  await feed.start()
  const reader = world.process({ ttl: '1h' })
  const id = await newUser(world)
  await caughtUp(feed)
  await inUse(reader, id)
  await feed.stop()
  await feed.teardown()
  // Neither slot has it.
  await world.plain.user.update({ where: { id }, data: { name: 'v1' } })
  await feed.setup()
  events.length = 0
  await feed.start()
  expect(resyncs(events)).toEqual([
    'the slot is further than the last feed was: it was made anew, or read by another program',
  ])
  expect(await nameOf(reader, id)).toBe('v1')
  await caughtUp(feed)
  await feed.stop()
  await sql('ALTER PUBLICATION again DROP TABLE "Tag"')
  await feed.start()
  await caughtUp(feed)
  await feed.stop()
  expect(resyncs(events).slice(1)).toEqual(['tables were not published'])
})

const cluster = useCluster()

it('on a Redis Cluster', async () => {
  const client = () => new Cluster([...cluster.addresses])
  const clients = [client(), client()] as const
  const feed = newFeed({ redis: clients[0] })
  try {
    await feed.start()
    const reader = world.process({ redis: clients[1] as never })
    const ids = await Promise.all(Array.from({ length: 20 }, () => newUser(world)))
    await caughtUp(feed)
    for (const id of ids) await inUse(reader, id)
    await world.plain.user.updateMany({ where: { id: { in: ids } }, data: { name: 'v1' } })
    await caughtUp(feed)
    for (const id of ids) expect(await nameOf(reader, id)).toBe('v1')
  } finally {
    await feed.stop()
    for (const each of clients) each.disconnect()
  }
})

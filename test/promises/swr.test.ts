/** Stale-while-revalidate: past its TTL an entry is served while one process loads it anew; never after an invalidation. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Overrides } from '../../src/assemble.js'
import type { CacheAsideOptions } from '../../src/index.js'
import { expire, NoLeases, refreshed, timesOf, UnguardedFill } from '../support/ages.js'
import { control } from '../support/control.js'
import { Gates } from '../support/gates.js'
import { smallWorld } from '../support/readings.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
const SWR = { ttl: '1m', swr: '10m', jitter: 0 } as const
const MODELS: CacheAsideOptions['models'] = {
  User: { ...SWR, queries: true },
  Post: { ...SWR, queries: true },
  Profile: SWR,
}
const MINUTE = 60_000
type Db = CachedProcess['prisma']
type Query = (db: Db) => PromiseLike<unknown>

beforeEach(async () => {
  await world.evict()
  await smallWorld(world)
})

const processOf = (options: Partial<CacheAsideOptions> = {}, parts: Partial<Overrides> = {}) =>
  world.process({ models: MODELS, ...options }, { parts })

/** Another program changes what all of these read: nothing is invalidated. */
async function changeBehindTheCache(): Promise<void> {
  await world.plain.user.update({ where: { id: 1 }, data: { name: 'Eve' } })
  await world.plain.post.update({ where: { id: 1 }, data: { title: 'Once' } })
}

const aRow: Query = db => db.user.findUnique({ where: { id: 1 } })
const nameOf = async (db: Db) => (await db.user.findUnique({ where: { id: 1 } }))?.name

const READS: Record<string, Query> = {
  'a row': aRow,
  'a row by another unique': db => db.user.findUnique({ where: { email: 'ada@x.org' } }),
  'a part of a row': db => db.user.findUnique({ where: { id: 1 }, select: { name: true } }),
  'a row with related rows': db => db.user.findUnique({ where: { id: 1 }, include: { posts: true, profile: true } }),
  'a row with a row that it references': db => db.post.findUnique({ where: { id: 1 }, include: { author: true } }),
  'rows by their keys': async db => byId(await db.user.findMany({ where: { id: { in: [1, 2] } } })),
  'rows by their keys, with related rows': async db =>
    byId(await db.user.findMany({ where: { id: { in: [1, 2] } }, include: { posts: true } })),
  'a list': db => db.user.findMany({ where: { name: { not: 'x' } }, orderBy: { id: 'asc' } }),
  'a first match': db => db.post.findFirst({ where: { title: { startsWith: 'On' } } }),
  'a number': db => db.user.aggregate({ _max: { name: true } }),
  'a fluent call': db => db.user.findUnique({ where: { id: 1 } }).posts(),
}

/** No order is asked for. After an update the database has another one. */
function byId<Row extends { id: number }>(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => a.id - b.id)
}

describe.each([true, false])('with the front: %s', front => {
  it.each(Object.entries(READS))(
    '%s past its TTL is served as it is stored, and loaded anew in the background',
    async (name, read) => {
      const cached = processOf({ front })
      const old = await read(cached.prisma)
      await cached.flushed()
      await changeBehindTheCache()
      expect(await expire(world, MINUTE)).toBeGreaterThan(0)
      const { result, events } = await cached.prisma.$cache.trace(() => read(cached.prisma))
      expect(result).toEqual(old)
      // No load, and nothing else, is in the caller's trace.
      expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['hit']))
      expect(events.some(event => event.type === 'hit' && event.stale === true)).toBe(true)
      await refreshed(cached, 1)
      const truth = await read(world.plain as unknown as Db)
      expect(truth).not.toEqual(old)
      expect(await cached.countSql(async () => expect(await read(cached.prisma)).toEqual(truth))).toBe(0)
      const { staleHits, refreshes, misses } = cached.prisma.$cache.stats()
      expect(staleHits).toBeGreaterThan(0)
      expect(refreshes).toBeGreaterThan(0)
      // None but the first read, of a list each of its rows.
      expect(misses).toBe(name.startsWith('rows') ? 2 : 1)
    },
  )

  it('within its TTL an entry is no stale hit and is not loaded', async () => {
    const cached = processOf({ front })
    await aRow(cached.prisma)
    await cached.flushed()
    await expire(world, -1000)
    expect(await cached.countSql(async () => aRow(cached.prisma))).toBe(0)
    expect(cached.prisma.$cache.stats()).toMatchObject({ staleHits: 0, refreshes: 0, hits: 1 })
  })

  it('past its TTL and its swr an entry is a miss, and is replaced', async () => {
    const cached = processOf({ front })
    await aRow(cached.prisma)
    await cached.flushed()
    await changeBehindTheCache()
    await expire(world, 11 * MINUTE)
    expect(await nameOf(cached.prisma)).toBe('Eve')
    await cached.flushed()
    expect(await cached.countSql(() => nameOf(cached.prisma))).toBe(0)
    expect(cached.prisma.$cache.stats()).toMatchObject({ staleHits: 0, misses: 2 })
  })

  it('a process whose model has no swr never serves it past its TTL', async () => {
    const cached = processOf({ front })
    await aRow(cached.prisma)
    await cached.flushed()
    await changeBehindTheCache()
    await expire(world, 1)
    const other = processOf({ front, models: { User: '1m' } })
    expect(await nameOf(other.prisma)).toBe('Eve')
  })

  it.each<[string, (db: Db) => PromiseLike<unknown>]>([
    ['a write that names the row', db => db.user.update({ where: { id: 1 }, data: { name: 'new' } })],
    ['a write that names no row', db => db.user.updateMany({ data: { name: 'new' } })],
    ['raw SQL', db => db.$executeRaw`UPDATE "User" SET "name" = 'new'`],
  ])('%s invalidates an entry past its TTL: it is not served', async (_, write) => {
    const cached = processOf({ front })
    await aRow(cached.prisma)
    await cached.flushed()
    await expire(world, MINUTE)
    await write(processOf().prisma)
    expect(await nameOf(cached.prisma)).toBe('new')
    expect(cached.prisma.$cache.stats().staleHits).toBe(0)
  })

  it('while a write of unknown outcome holds the model, nothing past its TTL is served', async () => {
    const cached = processOf({ front })
    await aRow(cached.prisma)
    await cached.flushed()
    await changeBehindTheCache()
    await expire(world, MINUTE)
    await world.redis.set(`${world.prefix}{User}@hold`, 1, 'PX', 60_000)
    expect(await nameOf(cached.prisma)).toBe('Eve')
    expect(cached.prisma.$cache.stats()).toMatchObject({ staleHits: 0, refreshes: 0 })
  })

  it('a value of getOrSet past its TTL is served, and fetched anew in the background', async () => {
    const cached = processOf({ front })
    let calls = 0
    const get = () => cached.prisma.$cache.getOrSet('counter', () => ++calls, { ttl: '1m', swr: '1m' })
    expect(await get()).toBe(1)
    await cached.flushed()
    await expire(world, 1000)
    expect(await get()).toBe(1)
    await refreshed(cached, 1)
    expect([await get(), calls]).toEqual([2, 2])
    await expire(world, 2 * MINUTE)
    expect(await get()).toBe(3)
  })
})

it('an entry with swr is kept for both, and its epochs for longer', async () => {
  const cached = processOf({ models: { User: { ttl: '1m', swr: '20m', staleIfError: '10m', jitter: 0 } } })
  await aRow(cached.prisma)
  await cached.prisma.user.findUnique({ where: { email: 'ada@x.org' } })
  await cached.prisma.user.findUnique({ where: { id: -1 } })
  await cached.flushed()
  const left = (key: string) => world.redis.pttl(world.prefix + key)
  expect((await timesOf(world, 'User:1')).graceMs).toBe(20 * MINUTE)
  expect(await left('User:1')).toBeGreaterThan(20 * MINUTE)
  expect(await left('User:1')).toBeLessThanOrEqual(21 * MINUTE)
  expect(await left('{User}@rows')).toBeGreaterThan(22 * MINUTE)
  // "No such row" has none.
  expect((await timesOf(world, 'User:-1')).graceMs).toBe(0)
  expect(await left('User:-1')).toBeLessThanOrEqual(5000)
})

// ---- one load

/** Reads a row past its TTL many times in each of three processes; answers how many statements it took. */
async function statementsOfFleet(parts: Partial<Overrides>): Promise<number> {
  // All loads begin together, when all have read.
  const begins: (() => void)[] = []
  const fleet = Array.from({ length: 3 }, () => processOf({}, { refreshLater: run => begins.push(run), ...parts }))
  for (const { prisma, flushed } of fleet) {
    await aRow(prisma)
    await flushed()
  }
  await expire(world, MINUTE)
  const before = fleet.map(({ sql }) => sql.length)
  await Promise.all(fleet.flatMap(({ prisma }) => Array.from({ length: 10 }, () => aRow(prisma))))
  for (const begin of begins.splice(0)) begin()
  await expect.poll(async () => (await timesOf(world, 'User:1')).expiresAt > Date.now()).toBe(true)
  await Promise.all(fleet.map(({ flushed }) => flushed()))
  await Promise.all(fleet.flatMap(({ prisma }) => Array.from({ length: 10 }, () => aRow(prisma))))
  for (const begin of begins.splice(0)) begin()
  await new Promise(resolve => setTimeout(resolve, 50))
  return fleet.reduce((sum, { sql }, i) => sum + sql.length - (before[i] as number), 0)
}

it('one process of a fleet loads an entry past its TTL anew, by one statement, however many readers find it', async () => {
  expect(await statementsOfFleet({})).toBe(1)
})

control('without the lease, others load it too', async () => {
  expect(await statementsOfFleet({ Leases: NoLeases })).toBeGreaterThan(1)
})

// ---- a write meanwhile

/** A row past its TTL is loaded anew, and written while that load is on its way back. Answers what is read afterwards. */
async function overtaken(parts: Partial<Overrides>): Promise<unknown> {
  const gates = new Gates()
  const cached = processOf({ front: false }, parts)
  const db = cached.prisma.$extends(gates.extension)
  await db.user.findUnique({ where: { id: 1 } })
  await cached.flushed()
  await expire(world, MINUTE)
  const gate = gates.hold('findUnique', 'after')
  await db.user.findUnique({ where: { id: 1 } })
  await gate.arrived
  await processOf().prisma.user.update({ where: { id: 1 }, data: { name: 'new' } })
  gate.open()
  await refreshed(cached, 1)
  return (await db.user.findUnique({ where: { id: 1 } }))?.name
}

it('a write during a load in the background leaves nothing of it: the next read sees the write', async () => {
  expect(await overtaken({})).toBe('new')
})

control('without the token, the old row is stored', async () => {
  expect(await overtaken({ Store: UnguardedFill })).toBe('Ada')
})

// ---- what fails

it('a load in the background that fails is an event and no error, and is not tried again for a second', async () => {
  const cached = processOf()
  const failing = cached.prisma.$extends({
    query: {
      user: {
        findUnique: ({ args, query }) => (isBroken ? Promise.reject(new RangeError('broken')) : query(args)),
      },
    },
  })
  let isBroken = false
  const read = () => failing.user.findUnique({ where: { id: 1 } })
  await read()
  await cached.flushed()
  await expire(world, MINUTE)
  isBroken = true
  const events: unknown[] = []
  cached.prisma.$cache.on(event => event.type === 'refresh' && events.push(event))
  expect((await read())?.name).toBe('Ada')
  await refreshed(cached, 1)
  expect(events).toEqual([
    { type: 'refresh', model: 'User', operation: 'findUnique', outcome: 'failed', error: 'RangeError' },
  ])
  const lease = `${world.prefix}User:1@refresh`
  expect(await world.redis.pttl(lease)).toBeGreaterThan(0)
  expect(await world.redis.pttl(lease)).toBeLessThanOrEqual(1000)
  expect((await read())?.name).toBe('Ada')
})

it('the lease is given back after the load', async () => {
  const cached = processOf()
  await aRow(cached.prisma)
  await cached.flushed()
  await expire(world, MINUTE)
  await aRow(cached.prisma)
  await refreshed(cached, 1)
  expect((await world.keys()).filter(key => key.endsWith('@refresh'))).toEqual([])
})

it('a load in the background does not keep a process alive', async () => {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const script = fileURLToPath(new URL('../support/scripts/stale-at-end.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: world.databaseUrl, REDIS_URL: world.redisUrl, PREFIX: `${world.prefix}end:` },
    // Far more than it takes: after that it is killed, and the test fails.
    timeout: 25_000,
    killSignal: 'SIGKILL',
  })
  expect(JSON.parse(stdout)).toEqual({ staleHits: 1 })
})

it('after $cache.close() nothing is loaded in the background', async () => {
  const begins: (() => void)[] = []
  const cached = processOf({}, { refreshLater: run => begins.push(run) })
  await aRow(cached.prisma)
  await cached.flushed()
  await expire(world, MINUTE)
  await aRow(cached.prisma)
  expect(begins).toHaveLength(1)
  await cached.prisma.$cache.close()
  expect(await cached.countSql(async () => begins[0]?.())).toBe(0)
})

/** Early refresh (XFetch): an entry that is read all the time is loaded anew before it ends, in the background, by one process. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Overrides } from '../../src/assemble.js'
import type { CacheEvent } from '../../src/events.js'
import type { CacheAsideOptions } from '../../src/index.js'
import { costOf } from '../../src/redis/ticket.js'
import { expire, NoLeases, refreshed, timesOf, UnguardedFill } from '../support/ages.js'
import { control } from '../support/control.js'
import { Gates } from '../support/gates.js'
import { smallWorld } from '../support/readings.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
const AHEAD = { ttl: '1m', refreshAhead: true, jitter: 0, queries: true } as const
const MODELS: CacheAsideOptions['models'] = { User: AHEAD, Post: AHEAD, Profile: AHEAD }
type Db = CachedProcess['prisma']
type Query = (db: Db) => PromiseLike<unknown>

beforeEach(async () => {
  await world.evict()
  await smallWorld(world)
})

/** Chance that has each entry loaded anew, and chance that has none before its end. */
const EARLY = () => Number.MIN_VALUE
const LATE = () => 1

const processOf = (options: Partial<CacheAsideOptions> = {}, parts: Partial<Overrides> = {}) =>
  world.process({ models: MODELS, ...options }, { parts: { random: EARLY, ...parts } })

const aRow: Query = db => db.user.findUnique({ where: { id: 1 } })

const READS: Record<string, Query> = {
  'a row': aRow,
  'a row by another unique': db => db.user.findUnique({ where: { email: 'ada@x.org' } }),
  'a row with related rows': db => db.user.findUnique({ where: { id: 1 }, include: { posts: true, profile: true } }),
  'rows by their keys': db => db.user.findMany({ where: { id: { in: [1, 2] } } }),
  'no such row': db => db.user.findUnique({ where: { id: -1 } }),
  'no such row by another unique': db => db.user.findUnique({ where: { email: 'nobody@x.org' } }),
  'a list': db => db.user.findMany({ where: { name: { not: 'x' } }, orderBy: { id: 'asc' } }),
  'no first match': db => db.post.findFirst({ where: { title: { startsWith: '???' } } }),
}

describe.each([true, false])('with the front: %s', front => {
  it.each(Object.entries(READS))(
    '%s is loaded anew while it is still valid: the hit itself sends no statement',
    async (_, read) => {
      const cached = processOf({ front })
      const answer = await read(cached.prisma)
      await cached.flushed()
      const { misses } = cached.prisma.$cache.stats()
      const { result, events } = await cached.prisma.$cache.trace(() => read(cached.prisma))
      expect(result).toEqual(answer)
      expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['hit']))
      await refreshed(cached, 1)
      const after = cached.prisma.$cache.stats()
      expect(after).toMatchObject({ misses, staleHits: 0, refreshesFailed: 0 })
      expect(after.refreshes).toBeGreaterThan(0)
    },
  )

  it('a refresh ends later than the entry that it replaces, and shows what another program has written', async () => {
    const cached = processOf({ front })
    await aRow(cached.prisma)
    await cached.flushed()
    await expire(world, -5_000)
    const { expiresAt } = await timesOf(world, 'User:1')
    await world.plain.user.update({ where: { id: 1 }, data: { name: 'Eve' } })
    await aRow(cached.prisma)
    await refreshed(cached, 1)
    expect((await timesOf(world, 'User:1')).expiresAt).toBeGreaterThan(expiresAt)
    expect(await aRow(cached.prisma)).toMatchObject({ name: 'Eve' })
  })

  it('long before its end, as chance has it, nothing is loaded', async () => {
    const cached = processOf({ front }, { random: LATE })
    await aRow(cached.prisma)
    await cached.flushed()
    expect(await cached.countSql(async () => aRow(cached.prisma))).toBe(0)
    expect(cached.prisma.$cache.stats().refreshes).toBe(0)
  })

  it('without the option nothing is loaded, whatever chance has', async () => {
    const cached = processOf({ front, models: { User: '1m' } })
    await aRow(cached.prisma)
    await cached.flushed()
    await expire(world, -1)
    expect(await cached.countSql(async () => aRow(cached.prisma))).toBe(0)
  })

  it('a value of getOrSet is fetched anew', async () => {
    const cached = processOf({ front })
    let calls = 0
    const get = () => cached.prisma.$cache.getOrSet('counter', () => ++calls, { ttl: '1m', refreshAhead: true })
    await get()
    await cached.flushed()
    expect(await get()).toBe(1)
    await refreshed(cached, 1)
    expect(calls).toBe(2)
  })
})

// ---- the rule

it('how early is proportional to the cost of the load, to beta and to the logarithm of chance', async () => {
  let chance = 1
  const cached = processOf({ models: { User: { ttl: '1m', refreshAhead: 3, jitter: 0 } } }, { random: () => chance })
  await aRow(cached.prisma)
  await cached.flushed()
  const { loadMs } = await timesOf(world, 'User:1')
  expect(loadMs).toBeGreaterThanOrEqual(600)
  // -loadMs × 3 × ln(chance) is 9 s; a second is more than this test takes.
  chance = Math.exp(-9_000 / (3 * loadMs))
  await expire(world, -10_000, 'User:1')
  await aRow(cached.prisma)
  await nextTurn()
  expect(cached.prisma.$cache.stats().refreshes).toBe(0)
  await expire(world, -8_000, 'User:1')
  await aRow(cached.prisma)
  await refreshed(cached, 1)
})

it('a load counts as 1 % of the TTL at least, and as 50 ms or a tenth of a short TTL', () => {
  expect([costOf(5, 3_600_000), costOf(5, 1_000), costOf(5, 100), costOf(500, 1_000), costOf(0, 10)]).toEqual([
    36_000, 50, 10, 500, 1,
  ])
})

// ---- one load in a fleet

/** How many statements three processes send that all find the same row due at once. */
async function statementsOfFleet(parts: Partial<Overrides>): Promise<number> {
  const begins: (() => void)[] = []
  const fleet = Array.from({ length: 3 }, () => processOf({}, { refreshLater: run => begins.push(run), ...parts }))
  for (const { prisma, flushed } of fleet) {
    await prisma.user.findUnique({ where: { id: 2 } })
    await flushed()
  }
  await aRow((fleet[0] as CachedProcess).prisma)
  await (fleet[0] as CachedProcess).flushed()
  await expire(world, -1_000, 'User:1')
  begins.length = 0
  const before = fleet.map(({ sql }) => sql.length)
  await Promise.all(fleet.flatMap(({ prisma }) => Array.from({ length: 10 }, () => aRow(prisma))))
  for (const begin of begins.splice(0)) begin()
  await expect.poll(async () => (await timesOf(world, 'User:1')).expiresAt - Date.now()).toBeGreaterThan(30_000)
  await Promise.all(fleet.map(({ flushed }) => flushed()))
  return fleet.reduce((sum, { sql }, i) => sum + sql.length - (before[i] as number), 0)
}

it('one process of a fleet loads an entry that is due, by one statement', async () => {
  expect(await statementsOfFleet({})).toBe(1)
})

control('without the lease, others load it too', async () => {
  expect(await statementsOfFleet({ Leases: NoLeases })).toBeGreaterThan(1)
})

// ---- a write meanwhile

/** A row is refreshed, and written while that load is on its way back. Answers what is read then, and afterwards. */
async function overtaken(parts: Partial<Overrides>): Promise<unknown[]> {
  const gates = new Gates()
  let chance = 1
  const cached = processOf({ front: false }, { random: () => chance, ...parts })
  const db = cached.prisma.$extends(gates.extension)
  const name = async () => (await db.user.findUnique({ where: { id: 1 } }))?.name
  await name()
  await cached.flushed()
  chance = EARLY()
  const gate = gates.hold('findUnique', 'after')
  await name()
  await gate.arrived
  chance = 1
  await processOf().prisma.user.update({ where: { id: 1 }, data: { name: 'new' } })
  const meanwhile = await processOf().prisma.user.findUnique({ where: { id: 1 } })
  gate.open()
  await refreshed(cached, 1)
  return [meanwhile?.name, await name()]
}

it('a write during a refresh leaves nothing of it: reads see the write, meanwhile and afterwards', async () => {
  expect(await overtaken({})).toEqual(['new', 'new'])
})

control('without the token, the old row is stored', async () => {
  expect(await overtaken({ Store: UnguardedFill })).toEqual(['new', 'Ada'])
})

it('others go on reading the entry while it is loaded anew', async () => {
  const gates = new Gates()
  const cached = processOf({ front: false })
  const db = cached.prisma.$extends(gates.extension)
  const read = () => db.user.findUnique({ where: { id: 1 } })
  await read()
  await cached.flushed()
  const gate = gates.hold('findUnique', 'before')
  await read()
  await gate.arrived
  const { hits } = cached.prisma.$cache.stats()
  await Promise.all([read(), read(), processOf({}, { random: LATE }).prisma.user.findUnique({ where: { id: 1 } })])
  expect(cached.prisma.$cache.stats().hits).toBe(hits + 2)
  gate.open()
  await refreshed(cached, 1)
  expect(cached.prisma.$cache.stats().refreshes).toBe(1)
})

it('a refresh does not run in the transaction of the application, nor in its async context', async () => {
  const { AsyncLocalStorage } = await import('node:async_hooks')
  const request = new AsyncLocalStorage<string>()
  const seen: unknown[] = []
  const cached = processOf()
  const get = () =>
    cached.prisma.$cache.getOrSet('context', () => seen.push(request.getStore()), { ttl: '1m', refreshAhead: true })
  await request.run('first', get)
  await cached.flushed()
  await cached.prisma.$transaction(async tx => {
    await tx.user.count()
    await request.run('second', get)
  })
  await refreshed(cached, 1)
  expect(seen).toEqual(['first', undefined])
})

// ---- the promise

/**
 * Reads one row all the time for some TTLs, in two processes, with the front and without; answers the reads that were no hits after
 * the first fill.
 */
async function hotFor(ttls: number, refreshAhead: boolean | number): Promise<CacheEvent[]> {
  const TTL = 500
  const models = { User: { ttl: `${TTL}ms`, refreshAhead, jitter: 0.1 } } as const
  const fleet = [world.process({ models, front: true }), world.process({ models, front: false })]
  for (const { prisma, flushed } of fleet) {
    await aRow(prisma)
    await flushed()
  }
  const waited: CacheEvent[] = []
  for (const { prisma } of fleet) {
    prisma.$cache.on(event => {
      if (event.type === 'miss' || event.type === 'shared' || event.type === 'bypass') waited.push(event)
    })
  }
  const until = performance.now() + ttls * TTL
  const caller = async ({ prisma }: CachedProcess) => {
    while (performance.now() < until) await aRow(prisma)
  }
  await Promise.all(fleet.flatMap(process => [caller(process), caller(process), caller(process)]))
  expect(fleet.reduce((sum, { prisma }) => sum + prisma.$cache.stats().hits, 0)).toBeGreaterThan(1_000)
  return waited
}

describe('a hot key over 20 TTLs under constant load', () => {
  // With a beta of 2 nearly as soon as it is there: a test machine may stall for longer than a beta of 1 leaves.
  it('with refreshAhead no caller waits for the database after the first', async () => {
    expect(await hotFor(20, 2)).toEqual([])
  })

  control('without it, some wait after each TTL', async () => {
    expect((await hotFor(5, false)).length).toBeGreaterThanOrEqual(4)
  })
})

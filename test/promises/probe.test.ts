/** The probe compares some answers with the database, in the background: it finds what is stale, and takes no lag for it. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { CacheEvent } from '../../src/events.js'
import type { CacheAsideOptions } from '../../src/index.js'
import { smallWorld } from '../support/readings.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
const MODELS: CacheAsideOptions['models'] = { User: { queries: true }, Post: { queries: true }, Profile: true }
const ALWAYS = { rate: 1, perSecond: 1_000 }
type Db = CachedProcess['prisma']

beforeEach(async () => {
  await world.evict()
  await smallWorld(world)
})

const READS: Record<string, (db: Db) => PromiseLike<unknown>> = {
  'a row': db => db.user.findUnique({ where: { id: 1 } }),
  'a row by another unique': db => db.user.findUnique({ where: { email: 'ada@x.org' } }),
  'a part of a row': db => db.user.findUnique({ where: { id: 1 }, select: { name: true } }),
  'a row with related rows': db => db.user.findUnique({ where: { id: 1 }, include: { posts: true } }),
  'rows by their keys': db => db.user.findMany({ where: { id: { in: [1, 2] } } }),
  'a list': db => db.user.findMany({ where: { name: { not: 'x' } } }),
  'a first match': db => db.post.findFirst({ where: { title: { startsWith: 'On' } } }),
}

function processOf(options: Partial<CacheAsideOptions>, probePauseMs = 30) {
  const process = world.process({ models: MODELS, ...options }, { parts: { probePauseMs } })
  const found: CacheEvent[] = []
  process.prisma.$cache.on(event => event.type === 'mismatch' && found.push(event))
  return { process, found, prisma: process.prisma }
}

describe.each([true, false])('with the front: %s', front => {
  it.each(Object.entries(READS))(
    '%s that another program has changed is reported, by model and key',
    async (_, read) => {
      const { prisma, found, process } = processOf({ probe: ALWAYS, includeKeys: true, front })
      await read(prisma)
      await process.flushed()
      // As psql would: nothing is invalidated.
      await world.plain.user.update({ where: { id: 1 }, data: { name: 'Eve' } })
      await world.plain.post.update({ where: { id: 1 }, data: { title: 'Once' } })
      await read(prisma)
      await expect.poll(() => found.length).toBe(1)
      const [event] = found
      expect(event).toMatchObject({ type: 'mismatch', key: expect.stringContaining(world.prefix) as string })
      expect(prisma.$cache.stats().mismatches).toBe(1)
      if (event?.type === 'mismatch' && event.model === 'User') {
        expect(await world.redis.exists(event.key as string)).toBe(1)
      }
    },
  )

  it.each(Object.entries(READS))('%s that is right is never reported', async (_, read) => {
    const { prisma, found, process } = processOf({ probe: ALWAYS, front }, 1)
    for (let round = 0; round < 10; round++) {
      await read(prisma)
      await process.flushed()
      if (round % 3 === 2) await prisma.user.update({ where: { id: 1 }, data: { name: `Ada ${round}` } })
    }
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(found).toEqual([])
  })

  it('never reaches the caller: a hit sends no statement before it is answered, and a probe that fails is nobody’s error', async () => {
    const { prisma, process, found } = processOf({ probe: ALWAYS, front })
    const read = READS['a row'] as (db: Db) => PromiseLike<unknown>
    await read(prisma)
    await process.flushed()
    const { events } = await prisma.$cache.trace(() => read(prisma))
    expect(events.map(({ type }) => type)).toEqual(['hit'])
    await process.base.$disconnect()
    await read(prisma)
    expect(found).toEqual([])
  })
})

describe('rows that the database gives in another order than before', () => {
  type Rows = { posts?: unknown[] }[]
  const reversed = (rows: Rows): Rows =>
    rows.map(row => (row.posts === undefined ? row : { ...row, posts: row.posts.toReversed() })).toReversed()

  /** What the probe reports of a read that is answered in one order first, then in the other. */
  async function reportedOf(read: (db: Db) => PromiseLike<unknown>): Promise<number> {
    let isTurned = false
    const { process, prisma, found } = processOf({ probe: ALWAYS }, 1)
    const turning = prisma.$extends({
      query: {
        user: {
          async findMany({ args, query }) {
            const rows = (await query(args)) as Rows
            return (isTurned ? reversed(rows) : rows) as never
          },
        },
      },
    }) as unknown as Db
    await read(turning)
    await process.flushed()
    isTurned = true
    const { events } = await prisma.$cache.trace(() => read(turning))
    expect(events.map(({ type }) => type)).toContain('hit')
    await new Promise(resolve => setTimeout(resolve, 100))
    return found.length
  }

  it.each<[string, (db: Db) => PromiseLike<unknown>]>([
    ['by their keys', db => db.user.findMany({ where: { id: { in: [1, 2] } } })],
    ['in a list', db => db.user.findMany()],
    ['in a list, with related rows', db => db.user.findMany({ include: { posts: true } })],
    ['in a list, with related rows alone', db => db.user.findMany({ select: { posts: { select: { title: true } } } })],
  ])('%s are not reported where the query asks for none', async (_, read) => {
    expect(await reportedOf(read)).toBe(0)
  })

  it.each<[string, (db: Db) => PromiseLike<unknown>]>([
    ['the rows', db => db.user.findMany({ orderBy: { name: 'asc' } })],
    ['related rows', db => db.user.findMany({ include: { posts: { orderBy: { title: 'asc' } } } })],
  ])('are reported where it asks for an order of %s', async (_, read) => {
    expect(await reportedOf(read)).toBe(1)
  })
})

it('a change that is invalidated before the second look is lag, and not reported', async () => {
  const { prisma, found, process } = processOf({ probe: ALWAYS }, 200)
  const read = () => prisma.user.findUnique({ where: { id: 1 } })
  await read()
  await process.flushed()
  await world.plain.user.update({ where: { id: 1 }, data: { name: 'Eve' } })
  await read()
  await prisma.$cache.invalidate('User', { id: 1 })
  await new Promise(resolve => setTimeout(resolve, 400))
  expect(found).toEqual([])
})

it('at most so many a second: the database is not loaded by it', async () => {
  const { prisma, process } = processOf({ probe: { rate: 1, perSecond: 2 } })
  const read = () => prisma.user.findUnique({ where: { id: 1 } })
  await read()
  await process.flushed()
  const statements = await process.countSql(async () => {
    for (let n = 0; n < 50; n++) await read()
    await new Promise(resolve => setTimeout(resolve, 100))
  })
  expect(statements).toBeLessThanOrEqual(4)
})

it('by default there is none', async () => {
  const { prisma, found, process } = processOf({})
  const read = () => prisma.user.findUnique({ where: { id: 1 } })
  await read()
  await process.flushed()
  await world.plain.user.update({ where: { id: 1 }, data: { name: 'Eve' } })
  expect(await process.countSql(read)).toBe(0)
  await new Promise(resolve => setTimeout(resolve, 100))
  expect(found).toEqual([])
})

it.each([
  [true, 'probe must be an object, got true.'],
  [{ rate: 2 }, 'probe.rate must be a number (of all reads, as a fraction) from 0 to 1, got 2.'],
  [{}, 'probe.rate must be a number'],
  [{ rate: 1, perSecond: 0 }, 'probe.perSecond must be a number (of reads a second) from 1 to 1000, got 0.'],
  [{ rate: 1, often: true }, 'there is no option of probe named "often". There are: rate, perSecond.'],
])('probe: %j is an error that says why', (probe, message) => {
  expect(() => processOf({ probe: probe as never })).toThrow(message)
})

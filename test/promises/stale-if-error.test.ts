/** `staleIfError`: an entry past its TTL answers when the database can't be reached, within its bound, and never after an invalidation. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Overrides } from '../../src/assemble.js'
import type { CacheEvent } from '../../src/events.js'
import type { CacheAsideOptions } from '../../src/index.js'
import { isDatabaseAway } from '../../src/prisma7/errors.js'
import { expire } from '../support/ages.js'
import { type Proxy, startProxy } from '../support/proxy.js'
import { smallWorld } from '../support/readings.js'
import { type CachedProcess, newClient, useWorld } from '../support/world.js'
import { useShared } from '../support/hooks.js'

const world = useWorld()
const proxy = useShared<Proxy>(
  () => startProxy(world.databaseUrl),
  started => started.stop(),
)
const MINUTE = 60_000
const GRACE = { ttl: '1m', staleIfError: '10m', jitter: 0, queries: true } as const
const MODELS: CacheAsideOptions['models'] = { User: GRACE, Post: GRACE, Profile: GRACE }
type Db = CachedProcess['prisma']
type Query = (db: Db) => PromiseLike<unknown>

beforeEach(async () => {
  await proxy.mend()
  await world.evict()
  await smallWorld(world)
})

/** A process whose way to the database can be cut. */
function processOf(options: Partial<CacheAsideOptions> = {}, parts: Partial<Overrides> = {}) {
  const base = newClient(proxy.url, {}, { max: 2, connectionTimeoutMillis: 2000 })
  const cached = world.process({ models: MODELS, ...options }, { base, parts })
  const stale: CacheEvent[] = []
  cached.prisma.$cache.on(event => event.type === 'stale' && stale.push(event))
  return { ...cached, stale }
}

const aRow: Query = db => db.user.findUnique({ where: { id: 1 } })
const READS: Record<string, Query> = {
  'a row': aRow,
  'a row by another unique': db => db.user.findUnique({ where: { email: 'ada@x.org' } }),
  'a row that has to be there': db => db.user.findUniqueOrThrow({ where: { id: 1 } }),
  'a row with related rows': db => db.user.findUnique({ where: { id: 1 }, include: { posts: true, profile: true } }),
  'a row with a row that it references': db => db.post.findUnique({ where: { id: 1 }, include: { author: true } }),
  'rows by their keys': db => db.user.findMany({ where: { id: { in: [1, 2] } } }),
  'a list': db => db.user.findMany({ where: { name: { not: 'x' } }, orderBy: { id: 'asc' } }),
  'a number': db => db.user.count(),
}

describe.each([true, false])('with the front: %s', front => {
  it.each(Object.entries(READS))('%s past its TTL answers while the database refuses connections', async (_, read) => {
    const { prisma, flushed, stale } = processOf({ front })
    const old = await read(prisma)
    await flushed()
    await expire(world, MINUTE)
    await proxy.refuse()
    expect(await read(prisma)).toEqual(old)
    expect(stale.length).toBeGreaterThan(0)
    expect(stale[0]).toMatchObject({ type: 'stale', error: 'P1001' })
    expect(prisma.$cache.stats().staleIfErrors).toBe(stale.length)
    await proxy.mend()
    expect(await read(prisma)).toEqual(old)
    expect(prisma.$cache.stats().staleIfErrors).toBe(stale.length)
  })

  it('readers that share a load that fails are all answered', async () => {
    const { prisma, flushed } = processOf({ front })
    await aRow(prisma)
    await flushed()
    await expire(world, MINUTE)
    await proxy.refuse()
    const answers = await Promise.all(Array.from({ length: 5 }, () => aRow(prisma)))
    expect(answers).toHaveLength(5)
    expect(answers.every(answer => (answer as { name: string }).name === 'Ada')).toBe(true)
  })

  it('a connection that is cut in the middle of the query is a database that is away', async () => {
    const { prisma, flushed, stale } = processOf({ front })
    await aRow(prisma)
    await flushed()
    await expire(world, MINUTE)
    proxy.cutAfter(1)
    expect(await aRow(prisma)).toMatchObject({ name: 'Ada' })
    expect(stale).toHaveLength(1)
  })

  it('a pool without a free connection is a database that is away', async () => {
    const { prisma, flushed, stale } = processOf({ front })
    await aRow(prisma)
    await flushed()
    await expire(world, MINUTE)
    await prisma.$transaction(
      async tx => {
        await tx.$queryRaw`SELECT 1`
        await prisma.$transaction(async other => {
          await other.$queryRaw`SELECT 1`
          expect(await aRow(prisma)).toMatchObject({ name: 'Ada' })
        })
      },
      { timeout: 20_000 },
    )
    expect(stale).toHaveLength(1)
  })

  it('beyond its bound the error is the caller’s', async () => {
    const { prisma, flushed, stale } = processOf({ front })
    await aRow(prisma)
    await flushed()
    await expire(world, 11 * MINUTE)
    await proxy.refuse()
    await expect(aRow(prisma)).rejects.toMatchObject({ code: 'P1001' })
    expect(stale).toEqual([])
  })

  it('of a model without staleIfError the error is the caller’s, although another process has kept the entry', async () => {
    const { prisma, flushed } = processOf({ front })
    await aRow(prisma)
    await flushed()
    await expire(world, 1)
    const other = processOf({ front, models: { User: '1m', Post: GRACE } })
    await other.prisma.post.findUnique({ where: { id: 1 } })
    await proxy.refuse()
    await expect(aRow(other.prisma)).rejects.toMatchObject({ code: 'P1001' })
  })

  it.each<[string, (db: Db) => PromiseLike<unknown>]>([
    ['a write that names the row', db => db.user.update({ where: { id: 1 }, data: { name: 'new' } })],
    ['a write that names no row', db => db.user.updateMany({ data: { name: 'new' } })],
  ])('after %s the entry does not answer', async (_, write) => {
    const { prisma, flushed } = processOf({ front })
    await aRow(prisma)
    await flushed()
    await expire(world, MINUTE)
    await write(world.process({ models: MODELS }).prisma)
    await proxy.refuse()
    await expect(aRow(prisma)).rejects.toMatchObject({ code: 'P1001' })
  })

  it('while a write of unknown outcome holds the model, the entry does not answer', async () => {
    const { prisma, flushed } = processOf({ front })
    await aRow(prisma)
    await flushed()
    await expire(world, MINUTE)
    await world.redis.set(`${world.prefix}{User}@hold`, 1, 'PX', 60_000)
    await proxy.refuse()
    await expect(aRow(prisma)).rejects.toMatchObject({ code: 'P1001' })
  })

  it('an invalidation that comes while the database is waited for counts', async () => {
    const { prisma, flushed } = processOf({ front })
    await aRow(prisma)
    await flushed()
    await expire(world, MINUTE)
    await proxy.refuse()
    await proxy.mend()
    proxy.keep('replies')
    const arrival = proxy.arrival('requests')
    const read = aRow(prisma).then(
      answer => ({ answer }),
      (error: unknown) => ({ error }),
    )
    await arrival
    await world.process({ models: MODELS }).prisma.user.update({ where: { id: 1 }, data: { name: 'new' } })
    await proxy.refuse()
    expect(await read).toMatchObject({ error: expect.any(Error) as Error })
  })

  it('an error of the query itself is the caller’s', async () => {
    const { prisma, flushed, stale } = processOf({ front })
    const read = () => prisma.user.findFirst({ where: { name: { startsWith: 'A' } } })
    await read()
    await flushed()
    await expire(world, MINUTE)
    await world.plain.$executeRaw`ALTER TABLE "User" RENAME COLUMN "name" TO "other"`
    try {
      await expect(read()).rejects.toMatchObject({ code: 'P2022' })
    } finally {
      await world.plain.$executeRaw`ALTER TABLE "User" RENAME COLUMN "other" TO "name"`
    }
    expect(stale).toEqual([])
  })
})

it('a value of getOrSet past its TTL answers when fetch throws, within its bound', async () => {
  const { prisma, flushed, stale } = processOf()
  let isBroken = false
  const get = () =>
    prisma.$cache.getOrSet(
      'value',
      () => {
        if (isBroken) throw new RangeError('broken')
        return 'value'
      },
      { ttl: '1m', staleIfError: '10m', tags: ['t'] },
    )
  await get()
  await flushed()
  isBroken = true
  await expire(world, MINUTE)
  expect(await get()).toBe('value')
  expect(stale).toMatchObject([{ type: 'stale', model: 'getOrSet', error: 'RangeError' }])
  await prisma.$cache.invalidateTags(['t'])
  await expect(get()).rejects.toThrow('broken')
})

describe('the errors that say that the database is away', () => {
  it.each(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2037'])('%s is one', code => {
    expect(isDatabaseAway(Object.assign(new Error('x'), { code }))).toBe(true)
  })

  it.each(['P2002', 'P2010', 'P2022', 'P2025', 'P2028', 'P1000', '42703', '57014', '23505'])('%s is none', code => {
    expect(isDatabaseAway(Object.assign(new Error('x'), { code }))).toBe(false)
  })

  it.each([
    Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED', syscall: 'connect' }),
    new Error('Connection terminated unexpectedly'),
    new Error('timeout exceeded when trying to connect'),
    Object.assign(new Error('terminating connection'), { cause: { originalCode: '57P01' } }),
    Object.assign(new Error('too many clients'), { cause: { originalCode: '53300' } }),
    new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNRESET' }) }),
  ])('%s is one', error => expect(isDatabaseAway(error)).toBe(true))

  it.each([new TypeError('Cannot read properties of undefined'), new RangeError('x'), undefined, null, 'P1001'])(
    '%s is none',
    error => expect(isDatabaseAway(error)).toBe(false),
  )
})

/** `$cached`: one query with another TTL, with tags, with a fresh answer, or cached though it is not configured. */
import { beforeEach, describe, expect, it } from 'vitest'
import { type CacheAsideOptions, type QueryOptions, withCache } from '../../src/index.js'
import type { CacheEvent } from '../../src/events.js'
import { smallWorld } from '../support/readings.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
type Db = CachedProcess['base']
const MODELS: CacheAsideOptions['models'] = {
  User: { ttl: 300, negativeTtl: 30, jitter: 0 },
  Post: { ttl: 300, jitter: 0 },
}
let cached: CachedProcess

beforeEach(async () => {
  await world.evict()
  await smallWorld(world)
  cached = world.process({ models: MODELS })
  await cached.prisma.user.findUnique({ where: { id: 99 } })
})

const READS: Record<string, (db: Db) => PromiseLike<unknown>> = {
  'a row': db => db.user.findUnique({ where: { id: 1 } }),
  'a row by another unique': db => db.user.findUnique({ where: { email: 'ada@x.org' } }),
  'a row or an error': db => db.user.findUniqueOrThrow({ where: { id: 1 } }),
  'a part of a row': db => db.user.findUnique({ where: { id: 1 }, select: { name: true } }),
  'a row with related rows': db => db.user.findUnique({ where: { id: 1 }, include: { posts: true, profile: true } }),
  'a row with a row that it points to': db => db.post.findUnique({ where: { id: 1 }, include: { author: true } }),
  'a fluent call': db => db.user.findUnique({ where: { id: 1 } }).posts(),
  // In one order: without an ORDER BY, that of the database depends on its plan.
  'rows by their keys': async db =>
    (await db.user.findMany({ where: { id: { in: [1, 2] } } })).toSorted((a, b) => a.id - b.id),
  'a first match': db => db.user.findFirst({ where: { name: 'Ada' } }),
  'a list of a model without queries': db => db.post.findMany({ where: { published: true } }),
  'a number': db => db.user.count(),
  'a row of a model that is not configured': db => db.tag.findUnique({ where: { id: 't1' } }),
  'a list of a model that is not configured': db => db.tag.findMany(),
  'no row': db => db.user.findUnique({ where: { id: 77 } }),
}

const types = (events: readonly CacheEvent[]) =>
  events.map(event => event.type).filter(type => type !== 'fill' && type !== 'redis')

/** What a read through `$cached` does. */
async function read(
  query: (db: Db) => PromiseLike<unknown>,
  options?: QueryOptions,
  { prisma }: CachedProcess = cached,
): Promise<{ result: unknown; did: string; events: readonly CacheEvent[] }> {
  const db = options === undefined ? prisma : prisma.$cached(options)
  const { result, events } = await prisma.$cache.trace(() => query(db as unknown as Db))
  return { result, did: types(events).join(), events }
}

describe.each([true, false])('with the front: %s', front => {
  beforeEach(() => {
    cached = world.process({ models: MODELS, front })
  })

  it.each(Object.entries(READS))(
    '%s: a miss and then a hit, configured or not, with the answer of Prisma',
    async (_, query) => {
      const truth = await query(world.plain)
      for (const options of [
        {},
        { ttl: 10 },
        { tags: ['t'] },
        { ttl: '1m', tags: ['t', 'u'] },
      ] satisfies QueryOptions[]) {
        await world.evict()
        const first = await read(query, options)
        expect(first.did, JSON.stringify(options)).toMatch(/^miss(,miss)*$/)
        const second = await read(query, options)
        expect(second.did, JSON.stringify(options)).toMatch(/^hit(,hit)*$/)
        expect([first.result, second.result]).toEqual([truth, truth])
      }
    },
  )
})

describe('what is read so', () => {
  it.each(Object.entries(READS))('%s: fresh reads the database and stores what it says', async (_, query) => {
    await read(query, {})
    await read(query, {})
    // As another program would: nothing is invalidated.
    await world.plain.user.update({ where: { id: 1 }, data: { name: 'Ada' + Math.random() } })
    await world.plain.post.update({ where: { id: 1 }, data: { title: 'Once' } })
    await world.plain.tag.update({ where: { id: 't1' }, data: { name: 'analysis' } })
    const truth = await query(world.plain)
    const fresh = await read(query, { fresh: true })
    expect(fresh.did).toMatch(/^miss(,miss)*$/)
    for (const event of fresh.events) if (event.type === 'miss') expect(event.why).toBe('fresh')
    expect(fresh.result).toEqual(truth)
    const after = await read(query, {})
    expect(after.did).toMatch(/^hit(,hit)*$/)
    expect(after.result).toEqual(truth)
  })

  it.each(Object.entries(READS))('%s: invalidateTags makes it stale, and no other query', async (_, query) => {
    await read(query, { tags: ['reports', 'weekly'] })
    await read(query, { tags: ['reports'] })
    await read(query, {})
    await cached.prisma.$cache.invalidateTags(['weekly'])
    expect((await read(query, { tags: ['weekly', 'reports'] })).did).toBe('miss')
    expect((await read(query, { tags: ['reports'] })).did).toBe('hit')
    expect((await read(query, {})).did).toMatch(/^hit(,hit)*$/)
  })

  it.each(Object.entries(READS))(
    '%s: a write of a process that is not configured for it invalidates it',
    async (_, query) => {
      const other = world.process({ models: { Brand: true } })
      for (const options of [{}, { tags: ['t'] }]) {
        await read(query, options)
        expect((await read(query, options)).did).toMatch(/^hit(,hit)*$/)
        await other.prisma.user.update({ where: { id: 1 }, data: { name: 'Ada' } })
        await other.prisma.post.update({ where: { id: 1 }, data: { title: 'Once' } })
        await other.prisma.tag.update({ where: { id: 't1' }, data: { name: 'analysis' } })
        await other.prisma.user.upsert({ where: { id: 77 }, create: { id: 77, email: 'b@x.org' }, update: {} })
        await other.prisma.user.delete({ where: { id: 77 } })
        const truth = await query(world.plain)
        const after = await read(query, options)
        expect(after.did).toContain('miss')
        expect(after.result).toEqual(truth)
      }
    },
  )
})

describe('the TTL', () => {
  const ttlOf = async (pattern: RegExp) => {
    const keys = (await world.keys()).filter(key => pattern.test(key))
    expect(keys.length, String(pattern)).toBeGreaterThan(0)
    return Promise.all(keys.map(key => world.redis.pttl(world.prefix + key)))
  }
  const within = (found: readonly number[], seconds: number) => {
    for (const ms of found) {
      expect(ms).toBeGreaterThan(seconds * 500)
      expect(ms).toBeLessThanOrEqual(seconds * 1000)
    }
  }

  it.each([
    ['a row', /^User:1$/],
    ['a row with related rows', /^User:1/],
    ['a list of a model without queries', /^Post\?/],
    ['a row of a model that is not configured', /^Tag:t1$/],
  ])('of what it stores is that of $cached: %s', async (name, pattern) => {
    for (const seconds of [20, 3000]) {
      await world.evict()
      await read(READS[name] as (typeof READS)[string], { ttl: seconds })
      // Tags of related rows live longer than their entries.
      within(
        (await ttlOf(pattern)).filter(ms => ms <= seconds * 1000),
        seconds,
      )
    }
  })

  it('of "no such row" is shortened, and not made longer', async () => {
    const none = READS['no row'] as (typeof READS)[string]
    await read(none, { ttl: 5 })
    within(await ttlOf(/^User:77$/), 5)
    await world.evict()
    await read(none, { ttl: 500 })
    within(await ttlOf(/^User:77$/), 30)
  })

  it('of a model that is not configured is the default one', async () => {
    await read(READS['a row of a model that is not configured'] as (typeof READS)[string], {})
    const [ms = 0] = await ttlOf(/^Tag:t1$/)
    expect(ms).toBeGreaterThan(3_000_000)
  })
})

describe('the client', () => {
  it('is made once for the same options, and has the other extensions', async () => {
    const extended = cached.prisma.$extends({
      client: { $answer: () => 42 },
      result: { user: { shout: { needs: { name: true }, compute: ({ name }) => `${name}!` } } },
    })
    const first = extended.$cached({ ttl: 10, tags: ['b', 'a'] }) as unknown as typeof extended
    expect(extended.$cached({ tags: ['a', 'b'], ttl: '10s' })).toBe(first)
    expect(extended.$cached({ ttl: 11 })).not.toBe(first)
    expect(first.$answer()).toBe(42)
    for (let i = 0; i < 2; i++) {
      expect(await first.user.findUnique({ where: { id: 1 }, select: { shout: true } })).toMatchObject({
        shout: 'Ada!',
      })
    }
  })

  it('keeps its settings when it is extended, and whatever hooks before the cache do to args', async () => {
    const hooked = world.plain.$extends({
      query: { $allModels: { $allOperations: ({ args, query }) => query(structuredClone(args)) } },
    })
    const prisma = withCache(hooked, { redis: world.redis, prefix: world.prefix, models: {}, deadlineMs: 2000 })
    const db = prisma.$cached({}).$extends({ client: { $more: () => 1 } })
    await db.tag.findUnique({ where: { id: 't1' } })
    await new Promise(setImmediate)
    await world.redis.ping()
    const { events } = await prisma.$cache.trace(() => db.tag.findUnique({ where: { id: 't1' } }))
    expect(types(events)).toEqual(['hit'])
    await prisma.$cache.close()
  })

  it.each([true, false])('works where the cache is applied twice, with the front: %s', async front => {
    const options = { redis: world.redis, prefix: world.prefix, models: {}, deadlineMs: 2000, front }
    const prisma = withCache(withCache(world.plain, options), options)
    for (const query of [{}, { tags: ['t'] }]) {
      const db = prisma.$cached(query)
      await prisma.$cache.trace(() => db.tag.findUnique({ where: { id: 't1' } }))
      const { events, result } = await prisma.$cache.trace(() => db.tag.findUnique({ where: { id: 't1' } }))
      expect(types(events)).toEqual(['hit'])
      expect(result).toMatchObject({ name: 'redis' })
      const fresh = prisma.$cached({ ...query, fresh: true })
      await world.plain.tag.update({ where: { id: 't1' }, data: { name: 'analysis' } })
      expect(await fresh.tag.findUnique({ where: { id: 't1' } })).toMatchObject({ name: 'analysis' })
      await prisma.tag.update({ where: { id: 't1' }, data: { name: 'redis' } })
    }
    await prisma.$cache.close()
  })

  it('in a transaction, and of its client, it has no effect and does no harm', async () => {
    const { prisma } = cached
    const db = prisma.$cached({ tags: ['t'], ttl: 5 })
    const { events, result } = await prisma.$cache.trace(async () => {
      const [inBatch] = await db.$transaction([db.user.findUnique({ where: { id: 1 } })])
      const inside = await prisma.$transaction(async tx => {
        const own = (tx as unknown as typeof prisma).$cached({ fresh: true })
        await own.user.update({ where: { id: 1 }, data: { name: 'Eve' } })
        return own.user.findUnique({ where: { id: 1 } })
      })
      const outer = await db.$transaction(async tx => tx.user.findUnique({ where: { id: 1 } }))
      return [inBatch?.name, inside?.name, outer?.name]
    })
    expect(result).toEqual(['Ada', 'Eve', 'Eve'])
    expect(types(events)).toEqual(['bypass', 'bypass', 'invalidate', 'bypass'])
    expect((await world.keys()).filter(key => /^User[:?]1/.test(key))).toEqual([])
  })

  it('writes through it invalidate, as all writes do', async () => {
    await read(READS['a row'] as (typeof READS)[string])
    await cached.prisma.$cached({ ttl: 5 }).user.update({ where: { id: 1 }, data: { name: 'Eve' } })
    expect((await read(READS['a row'] as (typeof READS)[string])).result).toMatchObject({ name: 'Eve' })
  })

  it('explain says what it does', async () => {
    cached = world.process({ models: MODELS, front: true })
    await cached.prisma.user.findUnique({ where: { id: 1 } })
    const explain = (options?: QueryOptions) => {
      const { $cache } = (
        options === undefined ? cached.prisma : cached.prisma.$cached(options)
      ) as CachedProcess['prisma']
      return $cache.explain('Tag', 'findMany', {})
    }
    expect(explain()).toMatchObject({ cached: false })
    expect(explain({})).toMatchObject({ cached: true, way: 'front' })
    expect(explain({ tags: ['t'] })).toMatchObject({ cached: true })
    expect(explain({ fresh: true })).toMatchObject({ cached: true, way: 'hook', whyHook: 'it reads the database' })
  })

  it.each([
    [null, '$cached takes an object of options, got null.'],
    [{ ttl: 0 }, 'the ttl of $cached must be'],
    [{ ttl: 'soon' }, 'the ttl of $cached must be'],
    [{ tags: 'a' }, 'tags must be an array of strings'],
    [{ tags: [''] }, 'tags must be an array of strings'],
    [{ fresh: 1 }, 'fresh must be true or false, got 1.'],
    [{ TTL: 1 }, '$cached has no option named "TTL". There are: ttl, tags, fresh.'],
  ])('%j is an error that says why', (options, message) => {
    expect(() => cached.prisma.$cached(options as never)).toThrow(message)
  })
})

/** What an event of a read explains: where its time went, in how many round trips, and why it was a miss. */
import { Redis } from 'ioredis'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { CacheEvent } from '../../src/events.js'
import type { CacheAsideOptions } from '../../src/index.js'
import { PAYLOAD_AT } from '../../src/wire/envelope.js'
import { startProxy } from '../support/proxy.js'
import { smallWorld } from '../support/readings.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
const MODELS: CacheAsideOptions['models'] = { User: { queries: true }, Post: true, Profile: true }
let cached: CachedProcess
beforeEach(async () => {
  await world.evict()
  await smallWorld(world)
  cached = world.process({ models: MODELS, includeKeys: true })
  await cached.prisma.user.findUnique({ where: { id: 99 } }) // connected
})

type Read = (process: CachedProcess) => Promise<unknown>
const byKey: Read = async ({ prisma }) => prisma.user.findUnique({ where: { id: 1 } })
const byUnique: Read = async ({ prisma }) => prisma.user.findUnique({ where: { email: 'ada@x.org' } })
const withPosts: Read = async ({ prisma }) => prisma.user.findUnique({ where: { id: 1 }, include: { posts: true } })
const count: Read = async ({ prisma }) => prisma.user.count({ where: { name: 'Ada' } })
const value: Read = ({ prisma }) => prisma.$cache.getOrSet('rates', () => 1, { tags: ['finance', 'daily'] })

type Told<Type extends CacheEvent['type']> = Extract<CacheEvent, { type: Type }>

async function eventsOf(read: Read, process = cached): Promise<readonly CacheEvent[]> {
  return (await process.prisma.$cache.trace(() => read(process))).events
}
async function one<Type extends CacheEvent['type']>(type: Type, read: Read, process = cached): Promise<Told<Type>> {
  const all = await eventsOf(read, process)
  const events = all.filter((event): event is Told<Type> => event.type === type)
  expect(events, JSON.stringify(all)).toHaveLength(1)
  return events[0] as Told<Type>
}
/** Why a read missed, and by what it was stale, without the prefix. */
async function why(read: Read, process = cached): Promise<unknown[]> {
  const { why: reason, staleBy = [] } = await one('miss', read, process)
  return [reason, ...staleBy.map(epoch => epoch.replace(world.prefix, ''))]
}
/** Reads until it is a hit. */
async function warm(read: Read): Promise<void> {
  await eventsOf(read)
  await one('hit', read)
}

describe('a miss says why', () => {
  it.each(Object.entries({ byKey, byUnique, withPosts, count, value }))('absent: %s', async (_, read) => {
    expect(await why(read)).toEqual(['absent'])
    await one('hit', read)
  })

  it('absent: a row whose key was deleted by a write', async () => {
    await warm(byKey)
    await cached.prisma.user.update({ where: { id: 1 }, data: { name: 'Ada' } })
    expect(await why(byKey)).toEqual(['absent'])
  })

  it.each(Object.entries({ byKey, withPosts }))('stale by a write that names no rows: %s', async (_, read) => {
    await warm(read)
    await cached.prisma.user.updateMany({ data: { name: 'Ada' } })
    expect(await why(read)).toEqual(['stale', '{User}@rows'])
  })

  it('stale by any write: that there is no such row', async () => {
    const none: Read = async ({ prisma }) => prisma.user.findUnique({ where: { id: 99 } })
    await warm(none)
    await cached.prisma.user.create({ data: { id: 50, email: 'eve@x.org' } })
    expect(await why(none)).toEqual(['stale', '{User}@any'])
  })

  it('stale by the tag of one parent: its related rows', async () => {
    await warm(withPosts)
    await cached.prisma.post.create({ data: { id: 11, title: 'On looms', authorId: 1 } })
    expect(await why(withPosts)).toEqual(['stale', 'User:1:Post.authorId'])
  })

  it('stale by the tag that changed, and not by the other one', async () => {
    await warm(value)
    await cached.prisma.$cache.invalidateTags(['daily'])
    expect(await why(value)).toEqual(['stale', '#daily'])
  })

  it('stale by the epoch that was made anew since, though all of them are there again', async () => {
    await warm(value)
    await cached.prisma.$cache.invalidateTags(['finance'])
    // Another value under the tag makes its epoch anew.
    await cached.prisma.$cache.getOrSet('others', () => 1, { tags: ['finance'] })
    await cached.flushed()
    // One of 256 new epochs has the same first byte: then all that it may be are named.
    const [reason, ...staleBy] = await why(value)
    expect(reason).toBe('stale')
    expect(staleBy).toContain('#finance')
  })

  it('held: while a write of unknown outcome is not settled', async () => {
    await warm(byKey)
    await world.redis.set(`${world.prefix}{User}@hold`, '1', 'PX', 60_000)
    expect(await why(byKey)).toEqual(['held'])
    await world.redis.del(`${world.prefix}{User}@hold`)
  })

  it('foreign: bytes that this schema has not written', async () => {
    await warm(byKey)
    await world.redis.set(`${world.prefix}User:1`, 'rubbish')
    expect(await why(byKey)).toEqual(['foreign'])
  })

  it('timeout: Redis has not replied in time; unusable: it is not connected', async () => {
    const proxy = await startProxy(world.redisUrl)
    const redis = new Redis(proxy.url, { retryStrategy: () => null })
    redis.on('error', () => {})
    const own = world.process({ models: MODELS, redis, deadlineMs: 100 })
    await eventsOf(byKey, own)
    await one('hit', byKey, own)
    proxy.keep('replies')
    expect(await why(byKey, own)).toEqual(['timeout'])
    redis.disconnect()
    await expect.poll(() => own.prisma.$cache.stats().usable).toBe(false)
    expect(await why(byKey, own)).toEqual(['unusable'])
    await own.prisma.$cache.close()
    await proxy.stop()
  })

  it('without includeKeys nothing of a row and nothing of the prefix is named', async () => {
    const own = world.process({ models: MODELS })
    for (const read of [withPosts, value]) {
      await eventsOf(read, own)
      await one('hit', read, own)
    }
    await own.prisma.post.create({ data: { id: 12, title: 'On cards', authorId: 1 } })
    await own.prisma.$cache.invalidateTags(['finance'])
    expect(await one('miss', withPosts, own)).toMatchObject({ staleBy: ['…:Post.authorId'] })
    expect(await one('miss', value, own)).toMatchObject({ staleBy: ['#…'] })
    await own.prisma.user.updateMany({ data: { name: 'Ada' } })
    expect(await one('miss', byKey, own)).toMatchObject({ staleBy: ['{User}@rows'] })
  })
})

describe('where the time went', () => {
  it('round trips are those that the query waited for', async () => {
    const misses = { byKey: 2, byUnique: 2, withPosts: 2, count: 2, value: 2 }
    for (const [name, read] of Object.entries({ byKey, byUnique, withPosts, count, value })) {
      await world.evict()
      expect((await one('miss', read)).roundTrips, `a miss, ${name}`).toBe(misses[name as keyof typeof misses])
      expect((await one('hit', read)).roundTrips, `a hit, ${name}`).toBe(1)
    }
    // Another process does not know yet where the pointer leads.
    await world.evict()
    await eventsOf(byUnique, world.process({ models: MODELS }))
    const other = world.process({ models: MODELS })
    await eventsOf(byKey, other)
    expect((await one('hit', byUnique, other)).roundTrips).toBe(2)
    expect((await one('hit', byUnique, other)).roundTrips).toBe(1)
  })

  it('the parts are no more than the whole, and each is where it was spent', async () => {
    const miss = await one('miss', byKey)
    expect(miss.redisMs).toBeGreaterThan(0)
    expect(miss.databaseMs).toBeGreaterThan(0)
    const hit = await one('hit', byKey)
    expect(hit.redisMs).toBeGreaterThan(0)
    expect(hit.databaseMs).toBe(0)
    const bypass = await one('bypass', async ({ prisma }) => prisma.tag.count())
    expect(bypass.redisMs).toBe(0)
    expect(bypass.databaseMs).toBeGreaterThan(0)
    const invalidate = await one('invalidate', async ({ prisma }) => prisma.user.updateMany({ data: { name: 'Ada' } }))
    expect(invalidate).toMatchObject({ roundTrips: 1, databaseMs: 0 })
    expect(invalidate.redisMs).toBeGreaterThan(0)
    for (const { ms, redisMs, databaseMs } of [miss, hit, bypass, invalidate]) {
      expect(ms).toBeGreaterThanOrEqual(redisMs + databaseMs - 0.001)
    }
  })

  it('a query that fails is a miss too', async () => {
    const failing: Read = async ({ prisma }) => {
      await prisma.user.findUniqueOrThrow({ where: { id: 98 } }).catch(() => {})
    }
    expect(await one('miss', failing)).toMatchObject({ why: 'absent', operation: 'findUniqueOrThrow' })
  })

  it('rows by their keys: each has an event, and a miss its reason', async () => {
    await warm(byKey)
    const both: Read = async ({ prisma }) => prisma.user.findMany({ where: { id: { in: [1, 2] } } })
    const events = await eventsOf(both)
    expect(events.map(({ type }) => type)).toEqual(['hit', 'miss', 'fill'])
    expect(events[1]).toMatchObject({ why: 'absent', roundTrips: 2 })
  })

  it('a fill has its bytes, and its time until Redis has replied', async () => {
    const fill = await one('fill', byKey)
    expect(fill).toMatchObject({ outcome: 'sent', roundTrips: 1, databaseMs: 0 })
    expect(fill.redisMs).toBeGreaterThan(0)
    expect(fill.bytes).toBe((await world.redis.strlen(`${world.prefix}User:1`)) - PAYLOAD_AT)
  })
})

describe('a trace', () => {
  it('answers the result, and the events of all that ran inside, whatever runs beside it', async () => {
    await warm(byKey)
    const ids = Array.from({ length: 20 }, (_, i) => i + 100)
    const beside = Promise.all(ids.map(async id => cached.prisma.user.findUnique({ where: { id } })))
    const [first, second] = await Promise.all([
      cached.prisma.$cache.trace(() => cached.prisma.user.findUnique({ where: { id: 1 } })),
      cached.prisma.$cache.trace(async () => {
        await cached.prisma.user.findUnique({ where: { id: 98 } })
        await new Promise(setImmediate)
        return cached.prisma.user.findMany({ where: { name: 'Ada' } })
      }),
    ])
    await beside
    expect(first.result).toMatchObject({ id: 1 })
    expect(first.events.map(({ type }) => type)).toEqual(['hit'])
    expect(second.result).toHaveLength(1)
    const read = second.events.filter(({ type }) => type !== 'fill')
    expect(read).toMatchObject([
      { type: 'miss', operation: 'findUnique' },
      { type: 'miss', operation: 'findMany' },
    ])
    expect(second.events).toHaveLength(4)
  })

  it('contains the events of a trace inside', async () => {
    await warm(byKey)
    const { result, events } = await cached.prisma.$cache.trace(async () => {
      await byKey(cached)
      return cached.prisma.$cache.trace(() => byKey(cached))
    })
    expect(result.events).toHaveLength(1)
    expect(events).toHaveLength(2)
  })

  it('throws what the function throws', async () => {
    await expect(
      cached.prisma.$cache.trace(() => {
        throw new Error('mine')
      }),
    ).rejects.toThrow('mine')
  })

  it.each([true, false])('sees hits, writes and transactions, with the front: %s', async front => {
    const own = world.process({ models: MODELS, front })
    await eventsOf(byKey, own)
    const { events } = await own.prisma.$cache.trace(async () => {
      await byKey(own)
      await own.prisma.user.update({ where: { id: 1 }, data: { name: 'Ada' } })
      await own.prisma.$transaction(async tx => {
        await tx.user.findUnique({ where: { id: 1 } })
        await tx.user.update({ where: { id: 1 }, data: { name: 'Ada' } })
      })
      await own.prisma.$transaction([own.prisma.user.findUnique({ where: { id: 1 } })])
    })
    expect(events.map(({ type }) => type)).toEqual(['hit', 'invalidate', 'bypass', 'invalidate', 'bypass'])
  })

  it('nothing is measured when it has ended', async () => {
    await eventsOf(byKey)
    const now = vi.spyOn(performance, 'now')
    const clockReads = async (run: () => Promise<unknown>) => {
      now.mockClear()
      await run()
      return now.mock.calls.length
    }
    const before = await clockReads(() => byKey(cached))
    const traced = await clockReads(() => eventsOf(byKey))
    expect(traced).toBeGreaterThan(before)
    expect(await clockReads(() => byKey(cached))).toBe(before)
    now.mockRestore()
  })
})

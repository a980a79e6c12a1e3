/** The cache as metrics of prom-client: the numbers are those of the cache, and nothing in them is anybody's data. */
import { Registry } from 'prom-client'
import { beforeEach, describe, expect, it } from 'vitest'
import { prometheus } from '../../src/observe/prometheus.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess
let register: Registry
beforeEach(async () => {
  await world.evict()
  await world.plain.user.deleteMany()
  await world.plain.user.create({ data: { id: 4711, email: 'odd-mail@x.org', name: 'Ada' } })
  cached = world.process({ models: { User: { ttl: 60 } } })
  register = new Registry()
})

async function work({ prisma }: CachedProcess): Promise<void> {
  const read = (id: number) => prisma.user.findUnique({ where: { id } })
  await prisma.$cache.trace(async () => {
    await read(4711)
    await read(4711)
    await read(4711)
    await read(4712)
    await read(4712)
    await prisma.user.count()
    await prisma.user.findMany({ where: { email: { contains: 'odd' } } })
    await prisma.user.findUnique({ where: { id: 4711, 'odd-field': 1 } as { id: number } }).catch(() => {})
    await prisma.user.updateMany({ data: { name: 'Bob' } })
    await read(4711)
  })
}

/** The lines of a metric, as label texts with their values. */
async function values(name: string): Promise<Record<string, number>> {
  const text = await register.metrics()
  return Object.fromEntries(
    [...text.matchAll(new RegExp(`^prisma_cache_${name}(?:\\{(.*)\\})? (.*)$`, 'gm'))].map(([, labels = '', value]) => [
      labels.replaceAll('"', ''),
      Number(value),
    ]),
  )
}

it('counts are those of the cache, by model, operation and reason', async () => {
  prometheus(cached.prisma.$cache, { register })
  await work(cached)
  expect(await values('hits_total')).toEqual({
    'model=User,operation=findUnique,negative=false': 2,
    'model=User,operation=findUnique,negative=true': 1,
  })
  expect(await values('misses_total')).toEqual({
    'model=User,operation=findUnique,reason=absent': 2,
    'model=User,operation=findUnique,reason=stale': 1,
  })
  const bypasses = await values('bypasses_total')
  expect(Object.keys(bypasses)).toHaveLength(3)
  expect(Object.values(bypasses)).toEqual([1, 1, 1])
  expect(await values('fills_total')).toEqual({ 'model=User,outcome=sent': 3 })
  expect(await values('invalidations_total')).toEqual({ 'model=User,source=write,outcome=done': 1 })
  const bytes = await values('fill_bytes_total')
  expect(bytes['model=User']).toBeGreaterThan(50)

  const stats = cached.prisma.$cache.stats()
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0)
  expect(sum(await values('hits_total'))).toBe(stats.hits)
  expect(sum(await values('misses_total'))).toBe(stats.misses)
  expect(sum(bypasses)).toBe(stats.bypassed)
})

it('durations are histograms: one observation for each query that waited', async () => {
  prometheus(cached.prisma.$cache, { register })
  await work(cached)
  expect(await values('read_duration_seconds_count')).toMatchObject({
    'model=User,operation=findUnique,outcome=hit': 3,
    'model=User,operation=findUnique,outcome=miss': 3,
    'model=User,operation=count,outcome=bypass': 1,
  })
  expect((await values('redis_duration_seconds_count'))['model=User,operation=findUnique']).toBe(6)
  // Misses, and the one that Prisma refuses.
  expect((await values('database_duration_seconds_count'))['model=User,operation=findUnique']).toBe(4)
  expect(await values('invalidation_duration_seconds_count')).toEqual({ 'source=write': 1 })
  const [total = 0] = Object.values(await values('invalidation_duration_seconds_sum'))
  expect(total).toBeGreaterThan(0)
})

it('no label has a key, an id, a value, or a name that a caller makes up', async () => {
  const own = world.process({ models: { User: true }, includeKeys: true })
  prometheus(own.prisma.$cache, { register })
  await work(own)
  const text = await register.metrics()
  expect(text).toContain('reason="where.…')
  for (const word of ['4711', '4712', 'odd', 'Ada', world.prefix]) expect(text).not.toContain(word)
})

describe('gauges', () => {
  it('say whether the cache is usable, and what waits for Redis', async () => {
    prometheus(cached.prisma.$cache, { register })
    expect(await values('usable')).toEqual({ '': 0 })
    await work(cached)
    expect(await values('usable')).toEqual({ '': 1 })
    expect(await values('pending_invalidations')).toEqual({ '': 0 })
    expect(await values('other_versions')).toEqual({ '': 0 })
    cached.prisma.$cache.disable()
    expect(await values('usable')).toEqual({ '': 0 })
  })

  it('of two caches in one registry: usable only if both are, and counts are of both', async () => {
    const other = world.process({ models: { User: true } })
    prometheus(cached.prisma.$cache, { register })
    const end = prometheus(other.prisma.$cache, { register })
    await work(cached)
    expect(await values('usable')).toEqual({ '': 0 })
    await work(other)
    expect(await values('usable')).toEqual({ '': 1 })
    const hits = async () => Object.values(await values('hits_total')).reduce((a, b) => a + b, 0)
    const both = cached.prisma.$cache.stats().hits + other.prisma.$cache.stats().hits
    expect(await hits()).toBe(both)
    end()
    await work(other)
    expect(await hits()).toBe(both)
  })
})

it('takes prisma.$cache, and says so', () => {
  expect(() => prometheus(null as never)).toThrow('prometheus takes prisma.$cache, got null.')
  expect(() => prometheus({} as never)).toThrow('prometheus takes prisma.$cache')
})

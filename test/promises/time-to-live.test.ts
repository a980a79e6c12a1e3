import { expect, it, vi } from 'vitest'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()

async function users(count: number): Promise<number[]> {
  const made = await world.plain.user.createManyAndReturn({
    data: Array.from({ length: count }, () => ({ email: `${Math.random()}@x.org` })),
  })
  return made.map(user => user.id)
}

/** Fills are sent and not waited for: one more command on the same connection is answered after them. */
const filled = (cached: CachedProcess) => cached.flushed()

it('every key has a TTL, whatever was read and written', async () => {
  const cached = world.process()
  const [id] = await users(1)
  await cached.prisma.user.findUnique({ where: { id: id as number } })
  await cached.prisma.user.findUnique({ where: { id: -1 } })
  await cached.prisma.post.findUnique({ where: { id: -1 } })
  await cached.prisma.user.updateMany({ data: { name: 'x' } })
  await cached.prisma.user.findUnique({ where: { id: id as number } })
  await filled(cached)
  const keys = await world.keys()
  expect(keys).toContain(`User:${id}`)
  expect(keys.some(key => key.startsWith('@seen:'))).toBe(true)
  for (const key of keys) expect(await world.redis.pttl(world.prefix + key), key).toBeGreaterThan(0)
})

it('a TTL is up to 10 % shorter than configured, never longer, and not the same for all', async () => {
  const cached = world.process({ models: { User: '100s' } })
  const ids = await users(50)
  await Promise.all(ids.map(id => cached.prisma.user.findUnique({ where: { id } })))
  await filled(cached)
  const ttls = await Promise.all(ids.map(id => world.redis.pttl(`${world.prefix}User:${id}`)))
  expect(Math.max(...ttls)).toBeLessThanOrEqual(100_000)
  expect(Math.min(...ttls)).toBeGreaterThan(85_000)
  expect(new Set(ttls).size).toBeGreaterThan(10)
})

it('an entry outlives no epoch: a fill extends those it was made under when they may have grown old', async () => {
  const cached = world.process({ models: { User: 60 } })
  const [first, second] = (await users(2)) as [number, number]
  await cached.prisma.user.findUnique({ where: { id: first } })
  await filled(cached)
  // As if half of the time had passed.
  const epochs = [`${world.prefix}{User}@rows`, `${world.prefix}{User}@any`]
  for (const epoch of epochs) expect(await world.redis.pexpire(epoch, 60_000 - 1)).toBe(1)
  const now = performance.now.bind(performance)
  vi.spyOn(performance, 'now').mockImplementation(() => now() + 60_000 + 1)
  await cached.prisma.user.findUnique({ where: { id: second } })
  await filled(cached)
  vi.restoreAllMocks()
  const entry = await world.redis.pttl(`${world.prefix}User:${second}`)
  expect(entry).toBeGreaterThan(50_000)
  for (const epoch of epochs) expect(await world.redis.pttl(epoch)).toBeGreaterThan(entry)
  // Only hits from here on: they need not extend anything.
  expect(await cached.countSql(() => cached.prisma.user.findUnique({ where: { id: second } }))).toBe(0)
  for (const epoch of epochs) expect(await world.redis.pttl(epoch)).toBeGreaterThan(entry - 1000)
})

it('an entry outlives no epoch that was deleted meanwhile and made anew by an entry with a shorter life', async () => {
  const cached = world.process({
    ttl: '2s',
    models: { User: { ttl: '2s', negativeTtl: '1s', queries: { ttl: '1h' } } },
  })
  const { prisma } = cached
  const epoch = (name: string) => world.redis.pttl(world.prefix + name)
  await prisma.user.count()
  await filled(cached)
  await prisma.user.create({ data: { email: `${Math.random()}@x.org` } })
  await prisma.user.findUnique({ where: { id: -7 } })
  await filled(cached)
  await prisma.user.count()
  await filled(cached)
  const [list] = (await world.keys()).filter(key => key.startsWith('User?'))
  expect(await epoch('{User}@any')).toBeGreaterThan(await epoch(list!))

  const long = () => prisma.$cache.getOrSet('long', () => 1, { ttl: '1h', tags: ['t'] })
  await long()
  await filled(cached)
  await prisma.$cache.invalidateTags(['t'])
  await prisma.$cache.getOrSet('short', () => 1, { ttl: '1s', tags: ['t'] })
  await filled(cached)
  await long()
  await filled(cached)
  expect(await epoch('#t')).toBeGreaterThan(await epoch('=long'))
})

it('negativeTtl: 0 keeps no absent rows', async () => {
  const cached = world.process({ models: { User: { ttl: 60, negativeTtl: 0 } } })
  const read = () => cached.prisma.user.findUnique({ where: { id: -5 } })
  await read()
  expect(await cached.countSql(read)).toBe(1)
})

/** An invalidation that is lost: the writer reads right throughout, others when the writer is back, at the latest at the TTL. */
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { useProxy } from '../support/hooks.js'
import { inUse, nameOf, newUser, rename } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
const proxy = useProxy(() => world.redisUrl)

const deadlines = { deadlineMs: 500, invalidationDeadlineMs: 500 }

/** A process that reaches Redis through the proxy alone. */
const behindProxy = (options = {}) =>
  world.process({ ...deadlines, redis: new Redis(proxy.url, { retryStrategy: () => 10 }), ...options })

const pending = (cached: CachedProcess) => cached.prisma.$cache.stats().pendingInvalidations

describe('a partition between a writer and Redis', () => {
  const partitions: [string, () => void | Promise<void>, sawIt: boolean][] = [
    ['that loses everything', () => proxy.lose(), false],
    ['that loses its requests', () => proxy.lose('requests'), false],
    ['that loses the replies alone, so that Redis did what nobody acknowledged', () => proxy.lose('replies'), true],
    ['that keeps its requests back and delivers them late', () => proxy.keep('requests'), false],
    ['that refuses its connections', () => proxy.refuse(), false],
    ['half-open', () => proxy.abandon(), false],
  ]
  it.each(partitions)(
    'a partition %s: the writer’s reads stay correct, other processes’ when it is back',
    async (_, part, sawIt) => {
      const [writer, reader] = [behindProxy(), world.process()]
      const id = await newUser(world)
      await inUse(writer, id)
      await inUse(reader, id)
      await part()
      await rename(writer, id, 'v1')
      expect(await nameOf(writer, id)).toBe('v1')
      expect(writer.prisma.$cache.stats()).toMatchObject({ invalidationsQueued: 1 })
      expect(pending(writer)).toBeGreaterThan(0)
      expect(await nameOf(reader, id)).toBe(sawIt ? 'v1' : 'v0') // the bound that the docs state
      await rename(writer, id, 'v2')
      for (let i = 0; i < 3; i++) expect(await nameOf(writer, id)).toBe('v2')

      const replayed = new Promise<number>(resolve => {
        writer.prisma.$cache.on(event => event.type === 'replayed' && resolve(event.invalidations))
      })
      await proxy.mend()
      expect(await replayed).toBeGreaterThan(0)
      await inUse(writer, id)
      expect([await nameOf(writer, id), await nameOf(reader, id)]).toEqual(['v2', 'v2'])
      expect(pending(writer)).toBe(0)
      await writer.end()
    },
  )

  it('a partition in which the writer dies as well: other processes read nothing stale after the TTL', async () => {
    const models = { User: { ttl: '2s' } } as const
    const [writer, reader] = [behindProxy({ models }), world.process({ models })]
    const id = await newUser(world)
    await inUse(reader, id)
    await inUse(writer, id)
    await proxy.refuse()
    await rename(writer, id, 'v1')
    await writer.end()
    await proxy.mend()
    const ttl = await world.redis.pttl(`${world.prefix}User:${id}`)
    expect(ttl).toBeLessThanOrEqual(2000)
    await expect.poll(() => nameOf(reader, id)).toBe('v1')
  })

  it('a partition of a reader alone: it reads from the database, and what it missed is not served afterwards', async () => {
    const [writer, reader] = [world.process(), behindProxy()]
    const id = await newUser(world)
    await inUse(reader, id)
    proxy.lose()
    await rename(writer, id, 'v1')
    for (let i = 0; i < 4; i++) expect(await nameOf(reader, id)).toBe('v1')
    await proxy.mend()
    await inUse(reader, id)
    expect(await nameOf(reader, id)).toBe('v1')
    await reader.end()
  })
})

describe('debts', () => {
  it('pending invalidations that grow while they are replayed are all replayed before trust', async () => {
    const [writer, reader] = [behindProxy(), world.process()]
    const ids = await Promise.all(Array.from({ length: 6 }, () => newUser(world)))
    for (const id of ids) await inUse(reader, id)
    await inUse(writer, ids[0] as number)
    await proxy.refuse()
    await rename(writer, ids[0] as number, 'v1')
    let trusted = false
    const trust = new Promise<void>(resolve => {
      writer.prisma.$cache.on(event => {
        if (event.type !== 'redis' || !event.usable) return
        trusted = true
        resolve()
      })
    })
    await proxy.mend()
    // Each packet of requests on the way to trust is answered only after one write more.
    for (const id of ids.slice(1)) {
      await Promise.race([proxy.arrival('requests'), trust])
      if (trusted) break
      proxy.keep('replies')
      const written = rename(writer, id, 'v1')
      await world.plain.user.findFirst({ where: { id, name: 'v1' } })
      await proxy.mend()
      await written
    }
    await expect.poll(() => pending(writer)).toBe(0)
    for (const id of ids) {
      const { name } = await world.plain.user.findUniqueOrThrow({ where: { id } })
      expect([await nameOf(writer, id), await nameOf(reader, id)]).toEqual([name, name])
    }
    await inUse(writer, ids[0] as number)
    await writer.end()
  })

  it('pending invalidations whose replay is cut off are kept, and replayed on the next connection', async () => {
    const [writer, reader] = [behindProxy(), world.process()]
    const id = await newUser(world)
    await inUse(writer, id)
    await inUse(reader, id)
    await proxy.refuse()
    await rename(writer, id, 'v1')
    for (let round = 0; round < 4; round++) {
      await proxy.mend()
      // The handshake, the question who it is, and in later rounds the marks: each time cut a packet later.
      for (let packet = 0; packet <= round; packet++) await proxy.arrival('requests')
      await proxy.refuse()
      expect(pending(writer)).toBeGreaterThanOrEqual(0)
      expect(await nameOf(writer, id)).toBe('v1')
    }
    await proxy.mend()
    await inUse(writer, id)
    expect([await nameOf(writer, id), await nameOf(reader, id)]).toEqual(['v1', 'v1'])
    expect(pending(writer)).toBe(0)
    await writer.end()
  })

  it('too many pending invalidations become “all epochs”: one event, a journal of bounded size, and nothing stale afterwards', async () => {
    const [writer, reader] = [behindProxy(), world.process()]
    const id = await newUser(world)
    await inUse(writer, id)
    await inUse(reader, id)
    await reader.prisma.$cache.getOrSet('rates', () => 1, { tags: ['rates'] })
    await reader.flushed()
    const errors: string[] = []
    writer.prisma.$cache.on(event => event.type === 'error' && errors.push(event.code))
    await proxy.refuse()
    await rename(writer, id, 'v1')
    await writer.prisma.$cache.invalidateTags(['rates'])
    for (let i = 0; i < 3; i++) {
      const tags = Array.from({ length: 5000 }, (_, j) => `${i}-${j}`)
      expect(await writer.prisma.$cache.invalidateTags(tags)).toBe('queued')
    }
    expect(errors.filter(code => code === 'JOURNAL_OVERFLOW')).toHaveLength(1)
    expect(pending(writer)).toBeLessThan(200)
    const epoch = await world.redis.getBuffer(`${world.prefix}{User}@rows`)
    await proxy.mend()
    await expect.poll(() => pending(writer)).toBe(0)
    expect(await world.redis.getBuffer(`${world.prefix}{User}@rows`)).not.toEqual(epoch)
    expect(await nameOf(reader, id)).toBe('v1')
    expect(await reader.prisma.$cache.getOrSet('rates', () => 2, { tags: ['rates'] })).toBe(2)
    await writer.end()
  })
})

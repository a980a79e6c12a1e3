/** Redis may be down, slow, restarted, full or holding other people's bytes: the application is answered, and rightly. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { useRedis } from '../support/hooks.js'
import { inUse, nameOf, newUser } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

// Its own, because it is killed, stopped and filled; with a log, so that a restart brings old entries back.
const server = useRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
const world = useWorld({ redisUrl: () => server.url })

const deadlines = { deadlineMs: 50, invalidationDeadlineMs: 200 }

const trusts = (cached: CachedProcess, trusted: boolean) =>
  new Promise<void>(resolve => {
    const off = cached.prisma.$cache.on(event => {
      if (event.type !== 'redis' || event.usable !== trusted) return
      off()
      resolve()
    })
  })

describe('Redis that is not there', () => {
  it('when Redis is not there from the start, the database answers everything and invalidations are queued', async () => {
    const redis = new Redis(1, '127.0.0.1', { retryStrategy: () => 1000 })
    const cached = world.process({ ...deadlines, redis })
    const id = await newUser(world)
    expect(await nameOf(cached, id)).toBe('v0')
    await cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    await cached.prisma.$transaction(async tx => {
      await tx.user.update({ where: { id }, data: { name: 'v2' } })
    })
    expect(await nameOf(cached, id)).toBe('v2')
    expect(cached.prisma.$cache.stats()).toMatchObject({ hits: 0, invalidationsQueued: 2 })
    expect(cached.prisma.$cache.stats().pendingInvalidations).toBeGreaterThan(0)
  })

  it('when Redis is killed and restarted with its old entries, reads never fail and nothing stale is served', async () => {
    const [writer, reader] = [world.process(deadlines), world.process(deadlines)]
    const id = await newUser(world)
    await inUse(writer, id)
    await inUse(reader, id)
    const lost = Promise.all([trusts(writer, false), trusts(reader, false)])
    await server.kill('SIGKILL')
    await lost
    expect(await nameOf(reader, id)).toBe('v0')
    await writer.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    expect([await nameOf(writer, id), await nameOf(reader, id)]).toEqual(['v1', 'v1'])

    const back = Promise.all([trusts(writer, true), trusts(reader, true)])
    await server.restart()
    await back
    expect(await world.redis.exists(`${world.prefix}User:${id}`)).toBe(0) // it was back, and was dropped by the journal
    expect([await nameOf(writer, id), await nameOf(reader, id)]).toEqual(['v1', 'v1'])
    await inUse(reader, id)
    expect(writer.prisma.$cache.stats().pendingInvalidations).toBe(0)
  })

  it('when Redis is restarted from an old snapshot, entries whose invalidation it never saw are not served', async () => {
    const cached = world.process(deadlines)
    const id = await newUser(world)
    await inUse(cached, id)
    const key = `${world.prefix}User:${id}`
    const old = await world.redis.getBuffer(key)
    await cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    const epoch = await world.redis.getBuffer(`${world.prefix}{User}@rows`)
    const back = trusts(cached, true)
    await world.redis.set(key, old as Buffer, 'PX', 60_000) // what a snapshot would bring back
    await server.kill('SIGKILL')
    await server.restart()
    await back
    expect(await world.redis.getBuffer(key)).toEqual(old)
    expect(await world.redis.getBuffer(`${world.prefix}{User}@rows`)).not.toEqual(epoch)
    expect(await nameOf(cached, id)).toBe('v1')
  })

  it('when Redis is unreachable for the writer alone, its reads stay correct, and other processes are when its journal is replayed', async () => {
    const [writer, reader] = [world.process(deadlines), world.process(deadlines)]
    const id = await newUser(world)
    await inUse(writer, id)
    await inUse(reader, id)
    const lost = trusts(writer, false)
    writer.redis.disconnect()
    await lost
    await writer.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    expect(await nameOf(writer, id)).toBe('v1')
    expect(await nameOf(reader, id)).toBe('v0') // the bound that the docs state

    const back = trusts(writer, true)
    await writer.redis.connect()
    await back
    expect(await nameOf(reader, id)).toBe('v1')
  })
})

describe('Redis that hangs', () => {
  it('a Redis that hangs is not waited for: the database answers meanwhile, and invalidations catch up', async () => {
    const [cached, other] = [world.process(deadlines), world.process(deadlines)]
    const id = await newUser(world)
    await inUse(cached, id)
    await inUse(other, id)
    await server.kill('SIGSTOP')
    let answered = false
    const ping = world.redis.ping().then(() => {
      answered = true
    })
    try {
      expect(await nameOf(cached, id)).toBe('v0')
      await cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })
      expect(await nameOf(cached, id)).toBe('v1')
      for (let i = 0; i < 5; i++) await nameOf(cached, id)
      expect(answered).toBe(false)
    } finally {
      await server.kill('SIGCONT')
    }
    await ping
    await inUse(cached, id)
    expect([await nameOf(cached, id), await nameOf(other, id)]).toEqual(['v1', 'v1'])
  })
})

describe('bytes that are not ours', () => {
  const rubbish: [string, (key: string) => Promise<unknown>][] = [
    ['another type', async key => world.redis.multi().del(key).lpush(key, 'x').exec()],
    ['text', key => world.redis.set(key, 'hello')],
    ['nothing', key => world.redis.set(key, '')],
    ['a token of another format', key => world.redis.set(key, Buffer.from(`92ffc410${'00'.repeat(16)}`, 'hex'))],
    ['msgpack of somebody else', key => world.redis.set(key, Buffer.from('93010203', 'hex'))],
  ]
  for (const [title, put] of rubbish) {
    it.each(['User:%', '{User}@rows', '{User}@any'])(
      `${title} at %s: the database answers, and the key heals`,
      async name => {
        const cached = world.process(deadlines)
        const id = await newUser(world)
        await inUse(cached, id)
        await put(world.prefix + name.replace('%', String(id)))
        for (let i = 0; i < 3; i++) expect(await nameOf(cached, id)).toBe('v0')
        await inUse(cached, id)
        await cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })
        expect(await nameOf(cached, id)).toBe('v1')
      },
    )
  }

  it('foreign bytes at the hold: the model is read from the database', async () => {
    const cached = world.process(deadlines)
    const id = await newUser(world)
    await inUse(cached, id)
    await world.redis.set(`${world.prefix}{User}@hold`, 'x', 'PX', 60_000)
    expect(await cached.countSql(() => nameOf(cached, id))).toBe(1)
    expect(await cached.countSql(() => nameOf(cached, id))).toBe(1)
    await world.redis.del(`${world.prefix}{User}@hold`)
    expect(await cached.countSql(() => nameOf(cached, id))).toBe(0)
  })
})

describe('Redis that is full', () => {
  it('a full Redis fills nothing and still invalidates', async () => {
    const cached = world.process(deadlines)
    const [warm, cold] = [await newUser(world), await newUser(world)]
    await inUse(cached, warm)
    await world.redis.config('SET', 'maxmemory-policy', 'noeviction')
    await world.redis.config('SET', 'maxmemory', '1mb')
    try {
      await cached.prisma.user.update({ where: { id: warm }, data: { name: 'v1' } })
      expect(await world.redis.exists(`${world.prefix}User:${warm}`)).toBe(0)
      for (let i = 0; i < 3; i++) expect([await nameOf(cached, warm), await nameOf(cached, cold)]).toEqual(['v1', 'v0'])
    } finally {
      await world.redis.config('SET', 'maxmemory', '0')
    }
    await inUse(cached, warm)
  })

  it('after a flush of Redis, everything is loaded again', async () => {
    const cached = world.process(deadlines)
    const id = await newUser(world)
    await inUse(cached, id)
    await world.redis.flushall()
    expect(await cached.countSql(() => nameOf(cached, id))).toBe(1)
    await cached.flushed()
    expect(await cached.countSql(() => nameOf(cached, id))).toBe(0)
  })
})

describe('a client that the application closes', () => {
  it('after the application quits the client, queries go on from the database', async () => {
    const cached = world.process(deadlines)
    const id = await newUser(world)
    await inUse(cached, id)
    await cached.redis.quit()
    await nextTurn()
    expect(await nameOf(cached, id)).toBe('v0')
    await cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    expect(await nameOf(cached, id)).toBe('v1')
  })

  it('after $cache.close, queries go on and the client is left alone', async () => {
    const cached = world.process(deadlines)
    const id = await newUser(world)
    await inUse(cached, id)
    await cached.prisma.$cache.close()
    expect(await nameOf(cached, id)).toBe('v0')
    await cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    expect(await world.redis.exists(`${world.prefix}User:${id}`)).toBe(0)
    expect(cached.redis.status).toBe('ready')
  })

  it('a client that connects lazily is connected by the first query', async () => {
    const cached = world.process({ deadlineMs: 2000, redis: new Redis(server.url, { lazyConnect: true }) })
    const id = await newUser(world)
    await nameOf(cached, id)
    await cached.flushed()
    expect(await cached.countSql(() => nameOf(cached, id))).toBe(0)
  })
})

/** When it gets tight: a Redis that is full or can't be written, services that differ, ticks of thousands, shutdowns. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis5'
import { describe, expect, it } from 'vitest'
import { Connection } from '../../src/redis/connection.js'
import { Holds } from '../../src/redis/holds.js'
import { control } from '../support/control.js'
import { useProxy, useRedis } from '../support/hooks.js'
import { inUse, nameOf, newUsers, rename } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const server = useRedis()
const proxy = useProxy(() => server.url)
const world = useWorld({ redisUrl: () => server.url })

const deadlines = { deadlineMs: 500, invalidationDeadlineMs: 1000 }

function codesOf(cached: CachedProcess): string[] {
  const codes: string[] = []
  cached.prisma.$cache.on(event => {
    if (event.type === 'error') codes.push(event.code)
  })
  return codes
}

const forgetMarks = async () => {
  const marks = await world.redis.keys(`${world.prefix}@seen:*`)
  if (marks.length > 0) await world.redis.del(marks)
}

describe('a process that can’t write to Redis', () => {
  /** Ten reads of one that can, while the other tries again and again. */
  const harmless = async (trusted: CachedProcess, id: number, newcomer: () => CachedProcess) => {
    await inUse(trusted, id)
    await forgetMarks()
    const other = newcomer()
    const codes = codesOf(other)
    const statements = await trusted.countSql(async () => {
      for (let i = 0; i < 15; i++) {
        await nameOf(trusted, id)
        expect(await nameOf(other, id)).toBe('v0')
        await sleep(100)
      }
    })
    expect(statements).toBe(0)
    expect(codes.filter(code => code === 'REDIS_NOT_WRITABLE')).toHaveLength(1)
    expect(other.prisma.$cache.stats().hits).toBe(0)
    return other
  }

  it('a process that cannot write because Redis is full takes no hit from the others, and caches as soon as it can', async () => {
    const [id] = (await newUsers(world, 1)) as [number]
    const trusted = world.process(deadlines)
    await inUse(trusted, id)
    await world.redis.config('SET', 'maxmemory-policy', 'noeviction')
    await world.redis.config('SET', 'maxmemory', '1mb')
    let other: CachedProcess
    try {
      other = await harmless(trusted, id, () => world.process(deadlines))
    } finally {
      await world.redis.config('SET', 'maxmemory', '0')
    }
    await inUse(other, id)
  })

  it('a process whose user may not SET takes no hit from the others', async () => {
    const [id] = (await newUsers(world, 1)) as [number]
    const trusted = world.process(deadlines)
    await world.redis.call('ACL', 'SETUSER', 'reader', 'on', 'nopass', '~*', '+@all', '-set')
    const redis = () => new Redis(server.url, { username: 'reader', password: 'x' })
    await harmless(trusted, id, () => world.process({ ...deadlines, redis: redis() }))
  })

  it('a process that cannot write to Redis still invalidates what it writes to the database', async () => {
    const [id] = (await newUsers(world, 1)) as [number]
    const trusted = world.process(deadlines)
    await world.redis.call('ACL', 'SETUSER', 'reader', 'on', 'nopass', '~*', '+@all', '-set')
    const redis = new Redis(server.url, { username: 'reader', password: 'x' })
    const other = await harmless(trusted, id, () => world.process({ ...deadlines, redis }))
    await rename(other, id, 'v1')
    expect(other.prisma.$cache.stats()).toMatchObject({ invalidationsQueued: 0, pendingInvalidations: 0 })
    expect(await nameOf(trusted, id)).toBe('v1')
  })

  it('the mark of a process that cannot write is kept: a mark that is gone is set again by a process that trusts the server', async () => {
    const [id] = (await newUsers(world, 1)) as [number]
    const parts = { fleetTimes: { leaseMs: 4000, freshMs: 2000, renewMs: 50 } }
    const cached = world.process(deadlines, { parts })
    await inUse(cached, id)
    await forgetMarks()
    await expect
      .poll(async () => {
        await nameOf(cached, id)
        return (await world.redis.keys(`${world.prefix}@seen:*`)).length
      })
      .toBe(1)
  })
})

describe('a server that a service with fewer models has met first', () => {
  it('a server that a service with fewer models has met first is unknown to one with more: its stale entries are not served', async () => {
    const [id] = (await newUsers(world, 1)) as [number]
    const first = world.process(deadlines)
    await inUse(first, id)
    await first.end()
    // As after a restore from a snapshot: nobody has met this server, and an entry is older than a write.
    await forgetMarks()
    await world.plain.user.update({ where: { id }, data: { name: 'v1' } })
    const fewer = world.process({ ...deadlines, models: { Tag: true } })
    const tag = await world.plain.tag.create({ data: { name: `${Math.random()}` } })
    await expect
      .poll(async () => {
        await fewer.prisma.tag.findUnique({ where: { id: tag.id } })
        return fewer.prisma.$cache.stats().hits
      })
      .toBeGreaterThan(0)
    await fewer.end()
    const more = world.process(deadlines)
    expect(await nameOf(more, id)).toBe('v1')
  })
})

describe('processes with other TTLs', () => {
  it.each([
    ['a row', async (cached: CachedProcess, id: number) => cached.prisma.user.findUnique({ where: { id } })],
    [
      'a list of related rows',
      async (cached: CachedProcess, id: number) =>
        cached.prisma.user.findUnique({ where: { id }, include: { posts: true } }),
    ],
    [
      'a value with a tag',
      async (cached: CachedProcess, id: number) =>
        cached.prisma.$cache.getOrSet(`v${id}`, async () => cached.base.user.findUnique({ where: { id } }), {
          tags: [`t${id}`],
        }),
    ],
  ] as const)('%s of 1 h outlives epochs and tags that one with 1 s has made', async (_title, read) => {
    const short = world.process({ ...deadlines, ttl: 1, models: { User: { ttl: 1 }, Post: { ttl: 1 } } })
    const long = world.process({ ...deadlines, ttl: '1h', models: { User: { ttl: '1h' }, Post: { ttl: '1h' } } })
    const [id] = (await newUsers(world, 1)) as [number]
    const renew = async () => {
      await short.prisma.$cache.invalidateModel('User')
      await short.prisma.$cache.invalidateModel('Post')
      await short.prisma.$cache.invalidateTags([`t${id}`])
      await short.prisma.post.deleteMany({ where: { authorId: id } })
      await short.prisma.post.create({ data: { title: 'x', authorId: id } })
    }
    await inUse(short, id)
    await inUse(long, id)
    for (let round = 0; round < 2; round++) {
      await read(long, id)
      await renew()
      await read(short, id)
      await short.flushed()
      // The entries of the short one are gone; its epochs and tags stand.
      const keys = await world.redis.keys(`${world.prefix}*`)
      const entries = keys.filter(key => /(:User:\d+|:Post:\d+|\?[\w-]+|=v\d+)$/.test(key))
      await world.redis.del(entries)
      await read(long, id)
      await long.flushed()
    }
    const left = await Promise.all(
      (await world.redis.keys(`${world.prefix}*`))
        .filter(key => !/@seen|@fleet/.test(key))
        .filter(key => /@/.test(key.slice(world.prefix.length)) || key.includes(`:${id}`) || key.endsWith(`#t${id}`))
        .map(async key => ({ key, ttl: await world.redis.pttl(key) })),
    )
    const tags = left.filter(({ key }) => /Post\.\w+$|#t\d+$|@\w+$/.test(key))
    expect(tags.length).toBeGreaterThan(0)
    const needed = tags.filter(
      ({ key }) => /@(rows|any)$/.test(key) || key.endsWith(`#t${id}`) || key.includes(`:${id}:`),
    )
    for (const { key, ttl } of needed) expect(ttl, key).toBeGreaterThan(3_500_000)
  })
})

describe('a tick of thousands of lookups', () => {
  it('a tick of thousands of lookups is kept with the default deadline, and each of them is a hit the next time', async () => {
    const ids = await newUsers(world, 5000)
    const cached = world.process({ deadlineMs: 50, invalidationDeadlineMs: 5000 }, { pool: { max: 10 } })
    await inUse(cached, ids[0] as number)
    const all = () => Promise.all(ids.map(id => nameOf(cached, id)))
    await all()
    await cached.flushed()
    const { hits } = cached.prisma.$cache.stats()
    expect(await cached.countSql(all)).toBe(0)
    expect(cached.prisma.$cache.stats().hits - hits).toBe(ids.length)
  }, 60_000)
})

describe('$cache.close()', () => {
  it('$cache.close() replays pending invalidations, and says that none is left', async () => {
    const [id] = (await newUsers(world, 1)) as [number]
    const [writer, reader] = [world.process({ ...deadlines, redis: new Redis(proxy.url) }), world.process(deadlines)]
    await inUse(writer, id)
    await inUse(reader, id)
    proxy.keep()
    await rename(writer, id, 'v1')
    expect(writer.prisma.$cache.stats().pendingInvalidations).toBeGreaterThan(0)
    await proxy.mend()
    expect(await writer.prisma.$cache.close()).toEqual({ pendingInvalidations: 0, openHolds: 0 })
    expect(await nameOf(reader, id)).toBe('v1')
  })

  it('$cache.close() says what it had to leave, also by an event, when Redis is out of reach', async () => {
    const [id] = (await newUsers(world, 1)) as [number]
    const writer = world.process({ ...deadlines, redis: new Redis(proxy.url, { retryStrategy: () => 20 }) })
    await inUse(writer, id)
    await proxy.refuse()
    await rename(writer, id, 'v1')
    const events: string[] = []
    writer.prisma.$cache.on(event => events.push(event.type))
    const left = await writer.prisma.$cache.close()
    expect(left.pendingInvalidations).toBeGreaterThan(0)
    expect(events).toContain('closed')
    await proxy.mend()
  })

  it('$cache.close() ends no write: a later one still invalidates, long after what was known of other processes has expired', async () => {
    const [id] = (await newUsers(world, 1)) as [number]
    const parts = { fleetTimes: { leaseMs: 400, freshMs: 100, renewMs: 50 } }
    const [writer, reader] = [world.process(deadlines, { parts }), world.process(deadlines)]
    await inUse(writer, id)
    await inUse(reader, id)
    await writer.prisma.$cache.close()
    await sleep(200)
    await rename(writer, id, 'v1')
    expect(writer.prisma.$cache.stats().invalidationsQueued).toBe(0)
    expect(await nameOf(reader, id)).toBe('v1')
  })
})

/** A client of which it is believed that nobody selects another database on it. */
class StaysHere extends Connection {
  override get otherDatabase(): undefined {
    return undefined
  }
}

describe.each([
  ['ioredis 6', () => new Redis(server.url)],
  ['ioredis 5', () => new Redis5(server.url) as never as Redis],
])('a SELECT on the shared client of %s', (_title, connect) => {
  const story = async (parts = {}) => {
    const [id] = (await newUsers(world, 1)) as [number]
    const [writer, reader] = [world.process({ ...deadlines, redis: connect() }, { parts }), world.process(deadlines)]
    await inUse(writer, id)
    await inUse(reader, id)
    const codes = codesOf(writer)
    await writer.redis.select(1)
    await rename(writer, id, 'v1')
    expect(await nameOf(writer, id)).toBe('v1')
    const queued = writer.prisma.$cache.stats().invalidationsQueued
    await sleep(200)
    await writer.redis.select(0)
    return { writer, reader, id, codes, queued }
  }

  it('a SELECT on the shared client is noticed: invalidations wait until it is back, and an event says so once', async () => {
    const { writer, reader, id, codes, queued } = await story()
    expect(queued).toBe(1)
    await expect.poll(() => writer.prisma.$cache.stats().pendingInvalidations).toBe(0)
    expect([await nameOf(writer, id), await nameOf(reader, id)]).toEqual(['v1', 'v1'])
    expect(codes).toEqual(['OTHER_DATABASE'])
    expect(await world.redis.call('INFO', 'keyspace')).not.toContain('db1')
  })

  control('without that check, other processes read the stale row', async () => {
    const { writer, reader, id } = await story({ Connection: StaysHere })
    expect(await nameOf(reader, id)).toBe('v0')
    await writer.redis.select(1)
    await writer.redis.flushdb()
    await world.evict()
  })
})

describe('a client whose listeners the application takes away', () => {
  it('a client without its listeners is noticed to be on another connection, and the cache comes back by itself', async () => {
    const [id] = (await newUsers(world, 1)) as [number]
    const cached = world.process({ ...deadlines, redis: new Redis(server.url, { retryStrategy: () => 20 }) })
    await inUse(cached, id)
    for (const event of ['ready', 'close', 'end']) cached.redis.removeAllListeners(event)
    const trust: boolean[] = []
    cached.prisma.$cache.on(event => event.type === 'redis' && trust.push(event.usable))
    const { stream } = cached.redis as unknown as { stream: { destroy: () => void } }
    stream.destroy()
    const isReady = () => cached.redis.status === 'ready'
    while (isReady()) await sleep(5)
    while (!isReady()) await sleep(5)
    await inUse(cached, id)
    expect(trust).toEqual([false, true])
  })

  it('a client that was quit and is connected again is used again', async () => {
    const [id] = (await newUsers(world, 1)) as [number]
    const cached = world.process(deadlines)
    await inUse(cached, id)
    await cached.redis.quit()
    for (const event of ['ready', 'close', 'end']) cached.redis.removeAllListeners(event)
    await rename(cached, id, 'v1')
    await cached.redis.connect()
    await inUse(cached, id)
    expect(await nameOf(cached, id)).toBe('v1')
  })
})

/** A hold that is set once and left to Redis. */
class LeftToRedis extends Holds {
  override async keep(): Promise<void> {}
}

describe('a hold that Redis evicts', () => {
  const story = async (Kept: typeof Holds = Holds) => {
    const connection = new Connection(world.redis)
    const key = `${world.prefix}{User}@hold`
    let repeated = 0
    const kept = new Kept(connection, 3000, () => repeated++)
    await connection.hold([key], 3000, 500)
    kept.open({ holds: [key], keys: [] })
    await world.redis.del(key)
    await sleep(500)
    const ttl = await world.redis.pttl(key)
    return { key, kept, ttl, repeated: () => repeated }
  }

  it('a hold that Redis evicts is set again for the rest of its time, while its process lives', async () => {
    const { key, ttl, repeated } = await story()
    expect(ttl).toBeGreaterThan(0)
    expect(ttl).toBeLessThanOrEqual(3000)
    await expect.poll(repeated).toBe(1)
    // Redis counts from when it was told.
    await expect.poll(() => world.redis.exists(key)).toBe(0)
  })

  it('a hold that is set again never shortens a longer one of another process', async () => {
    const { key, kept } = await story()
    await world.redis.set(key, 1, 'PX', 60_000)
    await sleep(300)
    expect(await world.redis.pttl(key)).toBeGreaterThan(50_000)
    await world.redis.del(key)
    expect(kept.close()).toBe(1)
  })

  control('without setting it again, an evicted hold is gone', async () => {
    const { ttl, kept } = await story(LeftToRedis)
    expect(ttl).toBe(-2)
    kept.close()
  })
})

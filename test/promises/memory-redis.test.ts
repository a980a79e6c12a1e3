/** The stand-in for tests: the cache works over it as over a Redis, it fails when a test wants that, and nothing else is needed. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis5'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ClientClass, connectedTo, type MemoryRedis } from '../../src/testing/client.js'
import { memoryRedis } from '../../src/testing/index.js'
import { MemoryServer } from '../../src/testing/server.js'
import { inUse, nameOf, newUser, newUsers, rename } from '../support/users.js'
import { useWorld } from '../support/world.js'

const world = useWorld()
const deadlines = { deadlineMs: 50, invalidationDeadlineMs: 200 }
const retryStrategy = () => 20

const clients: readonly (readonly [string, () => MemoryRedis])[] = [
  ['ioredis 6', () => memoryRedis({ retryStrategy })],
  ['ioredis 5', () => connectedTo(new MemoryServer(), Redis5 as unknown as ClientClass, { retryStrategy })],
]

const used: MemoryRedis[] = []
afterEach(() => {
  for (const redis of used.splice(0)) redis.disconnect()
})

describe.each(clients)('over a memory, with a client of %s', (_name, newMemory) => {
  const memory = (): MemoryRedis => {
    const redis = newMemory()
    used.push(redis)
    return redis
  }
  const over = (redis: Redis, options = {}) => world.process({ redis, ...deadlines, ...options })

  it('a first read is a miss, a second one a hit, and a write invalidates', async () => {
    const cached = over(memory())
    const id = await newUser(world)
    expect(await cached.countSql(() => nameOf(cached, id))).toBe(1)
    await cached.flushed()
    expect(await cached.countSql(() => nameOf(cached, id))).toBe(0)
    expect(cached.prisma.$cache.stats()).toMatchObject({ misses: 1, hits: 1 })
    await rename(cached, id, 'v1')
    expect(await cached.countSql(async () => expect(await nameOf(cached, id)).toBe('v1'))).toBe(1)
    expect(cached.prisma.$cache.stats()).toMatchObject({ misses: 2, hits: 1, errors: 0 })
  })

  it('reads of one tick, lists, values and transactions work as over a Redis', async () => {
    const cached = over(memory(), { models: { User: { ttl: 300, queries: true } } })
    const ids = await newUsers(world, 20)
    const many = () => Promise.all(ids.map(id => nameOf(cached, id)))
    const list = () => cached.prisma.user.findMany({ where: { id: { in: ids } }, orderBy: { id: 'asc' } })
    const value = () => cached.prisma.$cache.getOrSet('rates', async () => ({ at: new Date(0) }), { ttl: 60 })
    const first = [await many(), await list(), await value()]
    await cached.flushed()
    expect(await cached.countSql(async () => expect([await many(), await list(), await value()]).toEqual(first))).toBe(
      0,
    )
    await cached.prisma.$transaction(async tx => {
      await tx.user.updateMany({ where: { id: { in: ids } }, data: { name: 'v1' } })
    })
    expect(new Set(await many())).toEqual(new Set(['v1']))
    expect((await list()).map(({ name }) => name)).toEqual(ids.map(() => 'v1'))
  })

  it('two clients of one memory share it, and those of two memories do not', async () => {
    const redis = memory()
    const [one, other, stranger] = [over(redis), over(redis.duplicate()), over(memory())]
    const id = await newUser(world)
    await inUse(one, id)
    expect(await other.countSql(() => nameOf(other, id))).toBe(0)
    await rename(other, id, 'v1')
    expect(await nameOf(one, id)).toBe('v1')
    expect(await stranger.redis.exists(`${world.prefix}User:${id}`)).toBe(0)
    expect(await stranger.countSql(() => nameOf(stranger, id))).toBe(1)
  })

  it('an entry ends with its TTL, by the clock that the test sets', async () => {
    const cached = over(memory(), { models: { User: { ttl: 60, jitter: 0 } } })
    const id = await newUser(world)
    await inUse(cached, id)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    try {
      vi.setSystemTime(Date.now() + 50_000)
      expect(await cached.countSql(() => nameOf(cached, id))).toBe(0)
      vi.setSystemTime(Date.now() + 11_000)
      expect(await cached.redis.exists(`${world.prefix}User:${id}`)).toBe(0)
      expect(await nameOf(cached, id)).toBe('v0')
    } finally {
      vi.useRealTimers()
    }
  })

  it('flushall takes everything away, and everything is loaded again', async () => {
    const cached = over(memory())
    const id = await newUser(world)
    await inUse(cached, id)
    await cached.redis.flushall()
    expect(await cached.countSql(() => nameOf(cached, id))).toBe(1)
    await inUse(cached, id)
  })

  it('down: Postgres answers, invalidations are queued, and after none() there are hits again and nothing stale', async () => {
    const redis = memory()
    const [cached, other] = [over(redis), over(redis.duplicate())]
    const id = await newUser(world)
    await inUse(cached, id)
    await inUse(other, id)
    redis.faults.down()
    await expect.poll(() => redis.status).not.toBe('ready')
    expect(await nameOf(cached, id)).toBe('v0')
    await rename(cached, id, 'v1')
    expect(await nameOf(cached, id)).toBe('v1')
    expect(cached.prisma.$cache.stats().pendingInvalidations).toBeGreaterThan(0)
    expect(await cached.countSql(() => nameOf(cached, id))).toBe(1)

    redis.faults.none()
    await inUse(cached, id)
    expect(cached.prisma.$cache.stats().pendingInvalidations).toBe(0)
    await inUse(other, id)
    expect([await nameOf(cached, id), await nameOf(other, id)]).toEqual(['v1', 'v1'])
  })

  it('down from the start: a cache that was made meanwhile works when it is over', async () => {
    const redis = memory()
    redis.faults.down()
    const cached = over(redis)
    const id = await newUser(world)
    expect(await nameOf(cached, id)).toBe('v0')
    redis.faults.none()
    await inUse(cached, id)
  })

  it.each([
    ['slow', 1_000],
    ['hanging', Number.POSITIVE_INFINITY],
  ])(
    '%s: a read waits until its deadline and a write until its own, and after none() there are hits again',
    async (_fault, ms) => {
      const redis = memory()
      const cached = over(redis)
      const id = await newUser(world)
      await inUse(cached, id)
      redis.faults.slow(ms)
      const timed = async (run: () => Promise<unknown>) => {
        const before = performance.now()
        await run()
        return performance.now() - before
      }
      const readMs = await timed(async () => expect(await nameOf(cached, id)).toBe('v0'))
      expect(readMs).toBeGreaterThanOrEqual(deadlines.deadlineMs - 2)
      expect(readMs).toBeLessThan(1_000)
      const writeMs = await timed(() => rename(cached, id, 'v1'))
      expect(writeMs).toBeGreaterThanOrEqual(deadlines.invalidationDeadlineMs - 2)
      expect(writeMs).toBeLessThan(1_000)
      expect(await nameOf(cached, id)).toBe('v1')
      redis.faults.none()
      await inUse(cached, id)
      expect(await nameOf(cached, id)).toBe('v1')
    },
  )

  it('full: there are hits and invalidations and no fills, one event says so, and after none() fills come again', async () => {
    const redis = memory()
    const cached = over(redis)
    const [warm, cold] = (await newUsers(world, 2)) as [number, number]
    await inUse(cached, warm)
    const words: string[] = []
    cached.prisma.$cache.on(event => {
      if (event.type === 'error') words.push(event.message)
      if (event.type === 'redis') words.push(`usable: ${event.usable}`)
    })
    redis.faults.full()
    await expect(redis.set('a', 'b')).rejects.toThrow("OOM command not allowed when used memory > 'maxmemory'.")
    expect(await cached.countSql(() => nameOf(cached, warm))).toBe(0)
    for (let i = 0; i < 5; i++) expect(await cached.countSql(() => nameOf(cached, cold))).toBe(1)
    await rename(cached, warm, 'v1')
    expect(await nameOf(cached, warm)).toBe('v1')
    expect(words).toEqual(['Redis refused a command: OOM.'])
    expect(cached.prisma.$cache.stats().invalidationsQueued).toBe(0)
    redis.faults.none()
    await inUse(cached, cold)
  })

  it('fake timers of a test keep back no reply', async () => {
    const redis = memory()
    await redis.set('a', 'b')
    vi.useFakeTimers()
    try {
      expect(await redis.get('a')).toBe('b')
    } finally {
      vi.useRealTimers()
    }
  })

  it('quit and disconnect end a client, and the others of its memory go on', async () => {
    const redis = memory()
    const [quits, leaves] = [redis.duplicate(), redis.duplicate()]
    await redis.set('a', 'b')
    expect(await quits.quit()).toBe('OK')
    await leaves.ping()
    leaves.disconnect()
    await expect.poll(() => [quits.status, leaves.status]).toEqual(['end', 'end'])
    expect(await redis.get('a')).toBe('b')
  })

  it('options of ioredis count, and those that say where a server is do not', async () => {
    const redis = memory().duplicate({ db: 3, host: 'nowhere.invalid', port: 1, path: '/nowhere', tls: {} })
    used.push(redis)
    await redis.set('a', 'b')
    expect(await memoryOf(redis, 3).get('a')).toBe('b')
    expect(await memoryOf(redis, 0).get('a')).toBeNull()
  })

  it('a command that it does not have is refused as Redis refuses one that it does not know, and a foreign script with the reason', async () => {
    const redis = memory()
    await expect(redis.lpush('a', 'b')).rejects.toThrow(
      "ERR unknown command 'lpush', with args beginning with: 'a' 'b'",
    )
    await expect(redis.eval('return 1', 0)).rejects.toThrow(/^ERR memoryRedis has no Lua/)
    expect(await redis.info()).toMatch(/^role:master\r$/m)
  })

  it('a command that is larger than a chunk, in pieces, and many at once are answered in order', async () => {
    const redis = memory()
    const large = 'x'.repeat(3_000_000)
    const replies = await Promise.all([
      redis.set('large', large),
      ...Array.from({ length: 1_000 }, (_, i) => redis.set(`k${i}`, String(i))),
      redis.get('large'),
      redis.get('k999'),
      redis.dbsize(),
    ])
    expect(replies.slice(-3)).toEqual([large, '999', 1_001])
  })
})

/** Another client of the same memory, in a database. */
function memoryOf(redis: MemoryRedis, db: number): MemoryRedis {
  const other = redis.duplicate({ db })
  used.push(other)
  return other
}

describe('without any Redis', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const script = fileURLToPath(new URL('../support/scripts/in-memory.ts', import.meta.url))

  it.each(['no fault', 'slow', 'hangs'])(
    'a process that leaves its client open ends by itself: %s',
    { timeout: 60_000 },
    async fault => {
      const { REDIS_URL: _, ...env } = process.env
      const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
        cwd: root,
        env: { ...env, DATABASE_URL: world.databaseUrl, FAULT: fault },
        timeout: 50_000,
        killSignal: 'SIGKILL',
      })
      expect(JSON.parse(stdout)).toEqual({ names: ['v0', 'v0', 'v1'], hits: fault === 'hangs' ? 0 : 1 })
    },
  )
})

describe('a mistake', () => {
  it('in what memoryRedis is given says what it takes', () => {
    for (const [wrong, got] of [
      ['redis://127.0.0.1', '"redis://127.0.0.1"'],
      [6379, '6379'],
      [null, 'null'],
      [[], 'an array'],
    ]) {
      expect(() => memoryRedis(wrong as never)).toThrow(
        expect.objectContaining({
          code: 'INVALID_OPTION',
          message: `[prisma-extension-cache-aside] memoryRedis takes an object with options of ioredis, got ${String(got)}. It leads to no server: write memoryRedis().`,
        }) as Error,
      )
    }
  })

  it('in the time of slow says what it takes', () => {
    const redis = memoryRedis()
    for (const wrong of [-1, Number.NaN, '5', 2 ** 31, undefined]) {
      expect(() => redis.faults.slow(wrong as never)).toThrow(
        expect.objectContaining({
          code: 'INVALID_OPTION',
          message: expect.stringContaining('Write faults.slow(200).') as string,
        }) as Error,
      )
    }
    redis.disconnect()
  })
})

it('is a client of ioredis, for code that looks', () => {
  const redis: Redis = memoryRedis({ lazyConnect: true })
  expect(redis).toBeInstanceOf(Redis)
  expect(redis.status).toBe('wait')
})

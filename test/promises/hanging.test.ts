/** A Redis that hangs costs a query its deadline a few times, then nothing; and it costs the process no memory. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { useProxy, useRedis } from '../support/hooks.js'
import { inUse, nameOf, newUser, rename } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const server = useRedis()
const proxy = useProxy(() => server.url)
const world = useWorld({ redisUrl: () => server.url })

const deadlines = { deadlineMs: 50, invalidationDeadlineMs: 200 }

/** Reads until this process asks Redis no more. */
async function untilDistrusted(cached: CachedProcess, id: number): Promise<void> {
  const state = { trusted: true }
  const off = cached.prisma.$cache.on(event => {
    if (event.type === 'redis') state.trusted = event.usable
  })
  while (state.trusted) expect(await nameOf(cached, id)).toBeDefined()
  off()
}

interface Queues {
  commandQueue: { length: number; toArray(): { command: { name: string } }[] }
  offlineQueue: { length: number }
}

const queues = (cached: CachedProcess) => cached.redis as unknown as Queues
const unanswered = (cached: CachedProcess) => queues(cached).commandQueue.length + queues(cached).offlineQueue.length
const probes = (cached: CachedProcess) =>
  queues(cached)
    .commandQueue.toArray()
    .filter(({ command }) => command.name === 'info').length
/** Timers that keep the process alive; ours that don't are counted in `test/chaos`. */
const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length

/** A pool without timers of its own. */
const NO_POOL_TIMERS = { pool: { idleTimeoutMillis: 0 } }

const SETTINGS = [
  ['the defaults of ioredis', {}],
  ['an offline queue and endless retries', { enableOfflineQueue: true, maxRetriesPerRequest: null }],
  ['no offline queue and no retries', { enableOfflineQueue: false, maxRetriesPerRequest: 0 }],
  ['auto-pipelining', { enableAutoPipelining: true }],
  ['no ready check', { enableReadyCheck: false }],
  ['a command time-out beyond our deadlines', { commandTimeout: 60_000 }],
  ['RESP2', { protocol: 2 }],
] as const

describe.each(SETTINGS)('with %s', (_title, options) => {
  it('a stopped Redis keeps no read, write, transaction or value: all are answered while it is still stopped', async () => {
    const redis = new Redis(server.url, { ...options })
    const cached = world.process({ ...deadlines, redis })
    const other = world.process(deadlines)
    const [id, second] = [await newUser(world), await newUser(world)]
    await inUse(cached, id)
    await inUse(other, id)
    await server.kill('SIGSTOP')
    let stopped = true
    const ping = world.redis.ping().then(() => {
      stopped = false
    })
    try {
      expect(await nameOf(cached, id)).toBe('v0')
      await rename(cached, id, 'v1')
      expect(await nameOf(cached, id)).toBe('v1')
      await cached.prisma.$transaction(tx => tx.user.update({ where: { id }, data: { name: 'v2' } }))
      await cached.prisma.$transaction([
        cached.prisma.user.update({ where: { id: second }, data: { name: 'v2' } }),
        cached.prisma.user.updateMany({ where: { id }, data: { role: 'ADMIN' } }),
      ])
      expect(await Promise.all([nameOf(cached, id), nameOf(cached, second)])).toEqual(['v2', 'v2'])
      expect(await cached.prisma.$cache.getOrSet('k', () => 1)).toBe(1)
      expect(await cached.prisma.$cache.invalidate('User', { id })).toBe('queued')
      expect(stopped).toBe(true)
    } finally {
      await server.kill('SIGCONT')
    }
    await ping
    await inUse(cached, id)
    expect([await nameOf(cached, id), await nameOf(other, id), await nameOf(other, second)]).toEqual(['v2', 'v2', 'v2'])
    expect(cached.prisma.$cache.stats().pendingInvalidations).toBe(0)
    await cached.end()
  })

  it('a distrusted Redis is sent nothing but one probe, and neither queues nor timers grow while it hangs', async () => {
    const redis = new Redis(proxy.url, { ...options })
    const cached = world.process({ ...deadlines, redis }, NO_POOL_TIMERS)
    const id = await newUser(world)
    await inUse(cached, id)
    const timersBefore = timers()
    proxy.keep()
    try {
      await untilDistrusted(cached, id)
      const asked = unanswered(cached)
      const some = Array.from({ length: 50 }, (__, i) => i)
      await Promise.all(some.map(i => (i % 5 === 0 ? rename(cached, id, `v${i}`) : nameOf(cached, id))))
      // Longer than several retries take: none of them may add a command to one that is not answered.
      await sleep(1000)
      for (const i of some) await (i % 5 === 0 ? rename(cached, id, `v${i}`) : nameOf(cached, id))
      expect(unanswered(cached) - asked).toBeLessThanOrEqual(1)
      expect(probes(cached)).toBe(1)
      // With `commandTimeout` ioredis has a timer for each command: those that are unanswered, and no more.
      expect(timers()).toBeLessThanOrEqual(timersBefore + ('commandTimeout' in options ? unanswered(cached) : 0))
      expect(await nameOf(cached, id)).toBe('v45')
    } finally {
      await proxy.mend()
    }
    await inUse(cached, id)
    expect(await nameOf(cached, id)).toBe('v45')
    await expect.poll(() => unanswered(cached)).toBe(0)
    await cached.end()
  })
})

describe('a connection that dies without a word', () => {
  it('reads and writes go on over a half-open connection, and the journal is replayed on the next one', async () => {
    const cached = world.process({ ...deadlines, redis: new Redis(proxy.url) })
    const other = world.process(deadlines)
    const id = await newUser(world)
    await inUse(cached, id)
    await inUse(other, id)
    proxy.abandon()
    await rename(cached, id, 'v1')
    expect(await nameOf(cached, id)).toBe('v1')
    expect(cached.prisma.$cache.stats()).toMatchObject({ invalidationsQueued: 1 })
    await proxy.mend() // which tells the client at last
    await inUse(cached, id)
    expect([await nameOf(cached, id), await nameOf(other, id)]).toEqual(['v1', 'v1'])
  })

  it('with the caller’s socketTimeout, the client notices a half-open connection and the cache is used again', async () => {
    const cached = world.process({ ...deadlines, redis: new Redis(proxy.url, { socketTimeout: 300 }) })
    const id = await newUser(world)
    await inUse(cached, id)
    const closed = new Promise(resolve => cached.redis.once('close', resolve))
    proxy.abandon()
    await rename(cached, id, 'v1')
    expect(await nameOf(cached, id)).toBe('v1')
    await closed
    await inUse(cached, id)
    expect(cached.prisma.$cache.stats().pendingInvalidations).toBe(0)
    await cached.end()
  })

  it('the database answers when the connection is cut in the middle of a reply', async () => {
    const cached = world.process({ ...deadlines, redis: new Redis(proxy.url) })
    const id = await newUser(world)
    for (const bytes of [1, 5, 30, 60, 100]) {
      await inUse(cached, id)
      const closed = new Promise(resolve => cached.redis.once('close', resolve))
      proxy.cutAfter(bytes)
      expect(await nameOf(cached, id)).toBe('v0')
      await rename(cached, id, 'v0')
      await closed
    }
    await inUse(cached, id)
  })

  it('a reconnect that fails leaves nothing behind', async () => {
    const redis = new Redis(proxy.url, { retryStrategy: () => 5 })
    const cached = world.process({ ...deadlines, redis })
    const id = await newUser(world)
    await inUse(cached, id)
    await proxy.refuse()
    let reconnects = 0
    redis.on('reconnecting', () => reconnects++)
    for (let i = 0; i < 20; i++) {
      await rename(cached, id, `v${i}`)
      expect(await nameOf(cached, id)).toBe(`v${i}`)
    }
    await expect.poll(() => reconnects).toBeGreaterThan(5)
    expect(unanswered(cached)).toBe(0)
    await proxy.mend()
    await inUse(cached, id)
    expect(await nameOf(cached, id)).toBe('v19')
  })
})

describe('a Redis that is slower than the deadline', () => {
  it('a Redis slower than the deadline is tried less and less often, until a read is answered in time', async () => {
    const cached = world.process({ ...deadlines, invalidationDeadlineMs: 2000, redis: new Redis(proxy.url) })
    const id = await newUser(world)
    await inUse(cached, id)
    proxy.delay(30)
    let trials = 0
    const off = cached.prisma.$cache.on(event => {
      if (event.type === 'redis' && event.usable) trials++
    })
    const end = performance.now() + 3000
    while (performance.now() < end) expect(await nameOf(cached, id)).toBe('v0')
    // With 50 ms between them it would have been nine.
    expect(trials).toBeLessThan(7)
    off()
    await proxy.mend()
    await inUse(cached, id)
  })

  it('when Redis delays writes alone (CLIENT PAUSE WRITE), invalidations are queued, reads stay correct, and the journal is replayed', async () => {
    const [writer, reader] = [world.process(deadlines), world.process(deadlines)]
    const id = await newUser(world)
    await inUse(writer, id)
    await inUse(reader, id)
    await world.redis.call('CLIENT', 'PAUSE', '60000', 'WRITE')
    await rename(writer, id, 'v1')
    expect(writer.prisma.$cache.stats().invalidationsQueued).toBe(1)
    for (let i = 0; i < 5; i++) expect(await nameOf(writer, id)).toBe('v1')
    await world.redis.call('CLIENT', 'UNPAUSE')
    await inUse(writer, id)
    expect([await nameOf(writer, id), await nameOf(reader, id)]).toEqual(['v1', 'v1'])
  })

  it('when Redis is slow from the start, queries wait for its first reply once, not each of them', async () => {
    proxy.keep()
    const cached = world.process(
      { ...deadlines, invalidationDeadlineMs: 5000, redis: new Redis(proxy.url, { enableReadyCheck: false }) },
      NO_POOL_TIMERS,
    )
    const id = await newUser(world)
    await nameOf(cached, id)
    // That was the wait. From here on each read is one statement, and Redis is not waited for.
    let waited = 0
    const { setTimeout: real } = globalThis
    globalThis.setTimeout = Object.assign((...args: Parameters<typeof real>) => {
      waited++
      return real(...args)
    }, real)
    try {
      for (let i = 0; i < 5; i++) expect(await nameOf(cached, id)).toBe('v0')
    } finally {
      globalThis.setTimeout = real
    }
    expect(waited).toBeLessThan(5)
    await proxy.mend()
    await inUse(cached, id)
  })
})

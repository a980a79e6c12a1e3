/**
 * A Redis that is not the one we knew: restored, failed over, demoted, full, loading, locked, older. Each ends in the
 * database's answer and an event; none in an exception or a stale row.
 */
import { once } from 'node:events'
import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Connection } from '../../src/redis/connection.js'
import { Health } from '../../src/redis/health.js'
import { useProxy, useRedis } from '../support/hooks.js'
import { startProxy } from '../support/proxy.js'
import { type RedisServer, startRedis } from '../support/servers.js'
import { inUse, nameOf, newUser, rename } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

// Slow to load, and responsive meanwhile, when it has something to load.
const slow = ['--key-load-delay', '2000', '--loading-process-events-interval-bytes', '1024']
const server = useRedis({ args: slow })
const world = useWorld({ redisUrl: () => server.url })

const deadlines = { deadlineMs: 200, invalidationDeadlineMs: 500 }

interface Settings {
  enableReadyCheck?: boolean
  username?: string
  password?: string
}

const processOn = (url = server.url, settings: Settings = {}) =>
  world.process({ ...deadlines, redis: new Redis(url, { retryStrategy: () => 20, ...settings }) })

const rowKey = (id: number) => `${world.prefix}User:${id}`

/** What this process has said since: `trust`, `distrust`, or the code of an error with what Redis said. */
function said(cached: CachedProcess): string[] {
  const words: string[] = []
  cached.prisma.$cache.on(event => {
    if (event.type === 'redis') words.push(event.usable ? 'trust' : 'distrust')
    if (event.type === 'error') words.push(/: ([A-Z]+)\.$/.exec(event.message)?.[1] ?? event.code)
  })
  return words
}

const nextTrust = (cached: CachedProcess) =>
  new Promise<void>(resolve => {
    const off = cached.prisma.$cache.on(event => {
      if (event.type !== 'redis' || !event.usable) return
      off()
      resolve()
    })
  })

describe('Redis that was restored', () => {
  it('a Redis restored from a snapshot older than acknowledged writes serves nothing of the snapshot', async () => {
    const cached = [processOn(), processOn()] as const
    const id = await newUser(world)
    for (const one of cached) await inUse(one, id)
    await world.redis.save() // with the row at v0, and with the mark that this process of Redis is known
    await copyFile(join(server.dir, 'dump.rdb'), join(server.dir, 'old.rdb'))
    await rename(cached[0], id, 'v1')
    await inUse(cached[1], id)
    const back = Promise.all(cached.map(nextTrust))
    await server.kill('SIGKILL')
    await copyFile(join(server.dir, 'old.rdb'), join(server.dir, 'dump.rdb'))
    await server.restart()
    await back
    expect(await world.redis.exists(rowKey(id))).toBe(1) // it is back,
    for (const one of cached) expect(await nameOf(one, id)).toBe('v1') // and nobody believes it
    await rm(join(server.dir, 'dump.rdb'))
  })

  it('the reply to a read that the client repeats on a server that came back meanwhile is not used', async () => {
    // Of its own: another process would meet the server first, and drop the epochs of what must not be believed.
    const restored = await startRedis()
    const proxy = await startProxy(restored.url)
    const redis = new Redis(proxy.url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
    const reader = world.process({ deadlineMs: 20_000, redis })
    const writer = processOn(restored.url)
    const onServer = new Redis(restored.url)
    const id = await newUser(world)
    for (const one of [reader, writer]) await inUse(one, id)
    await onServer.save()
    await copyFile(join(restored.dir, 'dump.rdb'), join(restored.dir, 'old.rdb'))
    await rename(writer, id, 'v1')
    expect(writer.prisma.$cache.stats().invalidationsQueued).toBe(0)
    await writer.end()
    onServer.disconnect()

    proxy.keep('requests')
    const asked = proxy.arrival('requests')
    const read = nameOf(reader, id)
    await asked
    const back = nextTrust(reader)
    await restored.kill('SIGKILL')
    await proxy.mend()
    await copyFile(join(restored.dir, 'old.rdb'), join(restored.dir, 'dump.rdb'))
    await restored.restart()
    expect(await read).toBe('v1')
    await back
    await reader.end()
    await proxy.stop()
    await restored.stop()
  })

  it('after a restart of an empty Redis, everything is loaded again', async () => {
    const cached = processOn()
    const id = await newUser(world)
    await inUse(cached, id)
    const words = said(cached)
    const back = nextTrust(cached)
    await server.kill('SIGKILL')
    await server.restart()
    await back
    expect(words).toEqual(['distrust', 'trust'])
    expect(await nameOf(cached, id)).toBe('v0')
    await inUse(cached, id)
  })

  it('while Redis is still loading (LOADING), the database answers', async () => {
    const cached = processOn(server.url, { enableReadyCheck: false })
    const id = await newUser(world)
    await inUse(cached, id)
    const fillers = Array.from({ length: 1000 }, (_, i) => [`${world.prefix}filler:${i}`, 'x'.repeat(100)]).flat()
    await world.redis.mset(fillers)
    await world.redis.save()
    const words = said(cached)
    await server.kill('SIGKILL')
    const restarted = server.restart()
    await expect
      .poll(async () => {
        expect(await nameOf(cached, id)).toBe('v0')
        return words.includes('LOADING')
      })
      .toBe(true)
    expect(words).not.toContain('trust')
    await rename(cached, id, 'v1')
    expect(await nameOf(cached, id)).toBe('v1')
    await restarted
    await inUse(cached, id)
    expect(await nameOf(cached, id)).toBe('v1')
    await world.redis.del(fillers.filter((_, i) => i % 2 === 0))
    await rm(join(server.dir, 'dump.rdb'))
  })
})

describe('Redis that failed over', () => {
  let replica: RedisServer
  let onReplica: Redis
  beforeAll(async () => {
    replica = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] })
    onReplica = new Redis(replica.url)
  })
  afterAll(async () => {
    onReplica.disconnect()
    await replica.stop()
  })

  const follow = async (follower: Redis, of: RedisServer) => {
    await follower.replicaof('127.0.0.1', of.port)
    await expect.poll(() => follower.info('replication')).toContain('master_link_status:up')
  }

  async function moveTo(cached: CachedProcess, to: RedisServer): Promise<void> {
    const ended = new Promise(resolve => cached.redis.once('end', resolve))
    cached.redis.disconnect()
    await ended
    cached.redis.options.port = to.port
    await cached.redis.connect()
  }

  it('a failover to a replica that missed the last invalidations serves nothing stale', async () => {
    const [writer, reader] = [processOn(), processOn()]
    const id = await newUser(world)
    await inUse(writer, id)
    await inUse(reader, id)
    await follow(onReplica, server)
    await expect.poll(() => onReplica.exists(rowKey(id))).toBe(1)
    await onReplica.replicaof('NO', 'ONE') // promoted: what the old master hears from here on is lost
    await rename(writer, id, 'v1')
    expect(writer.prisma.$cache.stats().invalidationsQueued).toBe(0)
    const trusted = nextTrust(reader)
    await moveTo(reader, replica)
    await trusted
    expect(await onReplica.exists(rowKey(id))).toBe(1)
    expect(await nameOf(reader, id)).toBe('v1')
  })

  it('a master that became a replica (READONLY) is not trusted, though it is the process that we knew', async () => {
    const cached = processOn()
    const id = await newUser(world)
    await inUse(cached, id)
    const words = said(cached)
    await follow(world.redis, replica)
    // A miss says so: its token is refused.
    const other = await newUser(world)
    expect(await nameOf(cached, other)).toBe('v0')
    expect(words).toEqual(['READONLY', 'distrust'])
    await rename(cached, other, 'v1')
    expect([await nameOf(cached, id), await nameOf(cached, other)]).toEqual(['v0', 'v1'])
    expect(cached.prisma.$cache.stats().pendingInvalidations).toBeGreaterThan(0)
    // Nor by who connects to it now.
    const late = processOn()
    const lateWords = said(late)
    expect(await nameOf(late, other)).toBe('v1')
    await expect.poll(() => lateWords).toContain('READONLY')
    expect(late.prisma.$cache.stats().hits).toBe(0)

    await world.redis.replicaof('NO', 'ONE')
    await inUse(cached, other)
    expect(cached.prisma.$cache.stats().pendingInvalidations).toBe(0)
    expect(await nameOf(cached, other)).toBe('v1')
    await inUse(late, other)
  })

  it('a server that comes back with the data of another one is unknown, though it is the same process', async () => {
    const cached = processOn()
    const id = await newUser(world)
    await inUse(cached, id)
    const epoch = await world.redis.getBuffer(`${world.prefix}{User}@rows`)
    await follow(onReplica, server)
    await onReplica.replicaof('NO', 'ONE')
    await follow(world.redis, replica)
    await world.redis.replicaof('NO', 'ONE')
    const trusted = nextTrust(cached)
    cached.redis.disconnect(true)
    await trusted
    expect(await world.redis.getBuffer(`${world.prefix}{User}@rows`)).not.toEqual(epoch)
    expect(await nameOf(cached, id)).toBe('v0')
  })

  it('after a failover to a server that could not be used, and back, the first one serves nothing that was invalidated meanwhile', async () => {
    const cached = processOn()
    const id = await newUser(world)
    await inUse(cached, id)
    await onReplica.config('SET', 'maxmemory', '1') // it takes a DEL, and no mark
    const words = said(cached)
    await moveTo(cached, replica)
    await expect.poll(() => words).toContain('REDIS_NOT_WRITABLE')
    await rename(cached, id, 'v1')
    expect(cached.prisma.$cache.stats()).toMatchObject({ invalidationsQueued: 0, pendingInvalidations: 0 })
    const trusted = nextTrust(cached)
    await moveTo(cached, server)
    await trusted
    expect(await world.redis.exists(rowKey(id))).toBe(1)
    expect(await nameOf(cached, id)).toBe('v1')
    await onReplica.config('SET', 'maxmemory', '0')
  })
})

describe('Redis that refuses', () => {
  it('while Redis refuses everything (NOAUTH), the database answers', async () => {
    const cached = processOn(server.url, { enableReadyCheck: false })
    const checked = processOn()
    const id = await newUser(world)
    await inUse(cached, id)
    await inUse(checked, id)
    const words = said(cached)
    await world.redis.config('SET', 'requirepass', 'secret')
    try {
      cached.redis.disconnect(true)
      checked.redis.disconnect(true)
      await expect
        .poll(async () => {
          expect([await nameOf(cached, id), await nameOf(checked, id)]).toEqual(['v0', 'v0'])
          return words.includes('NOAUTH')
        })
        .toBe(true)
      await rename(cached, id, 'v1')
      expect([await nameOf(cached, id), await nameOf(checked, id)]).toEqual(['v1', 'v1'])
    } finally {
      await world.redis.config('SET', 'requirepass', '')
    }
    await inUse(cached, id)
    await inUse(checked, id)
    expect([await nameOf(cached, id), await nameOf(checked, id)]).toEqual(['v1', 'v1'])
  })

  it('answers are still correct when Redis refuses some commands or keys to this user (NOPERM)', async () => {
    const forbidden: [string, string][] = [
      ['mget', '-mget'],
      ['set', '-set'],
      ['del', '-del'],
      ['eval', '-eval'],
      ['info', '-info'],
      ['keys', 'resetkeys ~elsewhere:*'],
    ]
    // The server is known: a process that may not delete uses it all the same.
    await inUse(processOn(), await newUser(world))
    for (const [user, rule] of forbidden) {
      await world.redis.call('ACL', 'SETUSER', user, 'on', 'nopass', '~*', '+@all', ...rule.split(' '))
      const cached = processOn(server.url, { username: user, password: 'x', enableReadyCheck: false })
      const words = said(cached)
      const id = await newUser(world)
      for (let i = 1; i < 4; i++) {
        await nameOf(cached, id)
        await rename(cached, id, `v${i}`)
        expect(await nameOf(cached, id), user).toBe(`v${i}`)
      }
      if (user === 'info') await inUse(cached, id)
      else await expect.poll(() => words, { message: user }).toContain('NOPERM')
    }
  })

  it('a full Redis (OOM) still has hits and invalidations, and one event says so, not one per command', async () => {
    const cached = processOn()
    const [warm, ...cold] = await Promise.all(Array.from({ length: 10 }, () => newUser(world)))
    await inUse(cached, warm as number)
    const words = said(cached)
    await world.redis.config('SET', 'maxmemory-policy', 'noeviction')
    await world.redis.config('SET', 'maxmemory', '1mb')
    try {
      expect(await cached.countSql(() => nameOf(cached, warm as number))).toBe(0)
      for (const id of cold) expect(await nameOf(cached, id)).toBe('v0')
      await rename(cached, warm as number, 'v1')
      expect(await nameOf(cached, warm as number)).toBe('v1')
      expect(words.filter(word => word === 'OOM').length).toBeLessThan(cold.length)
      expect(words).toContain('OOM')
      expect(words).not.toContain('distrust')
      expect(cached.prisma.$cache.stats().invalidationsQueued).toBe(0)
    } finally {
      await world.redis.config('SET', 'maxmemory', '0')
    }
    await inUse(cached, warm as number)
  })

  it('fills go on after Redis has forgotten its scripts (SCRIPT FLUSH)', async () => {
    const cached = processOn()
    await inUse(cached, await newUser(world))
    await world.redis.script('FLUSH')
    await inUse(cached, await newUser(world))
  })
})

describe('Redis that loses keys by itself', () => {
  it('a Redis that evicts epochs and rows at random never serves a stale row', async () => {
    const cached = [processOn(), processOn()] as const
    const ids = await Promise.all(Array.from({ length: 20 }, () => newUser(world)))
    const used = Number(/used_memory:(\d+)/.exec(await world.redis.info('memory'))?.[1])
    await world.redis.config('SET', 'maxmemory-policy', 'allkeys-random')
    await world.redis.config('SET', 'maxmemory', String(used + 300_000))
    const padding = Array.from({ length: 200 }, (_, i) => `${world.prefix}padding:${i}`)
    try {
      for (let round = 1; round <= 5; round++) {
        for (const key of padding) await world.redis.set(key, 'x'.repeat(2000)).catch(() => {})
        await Promise.all(ids.map(id => rename(cached[round % 2 === 0 ? 0 : 1], id, `v${round}`)))
        for (const one of cached) {
          expect(await Promise.all(ids.map(id => nameOf(one, id)))).toEqual(ids.map(() => `v${round}`))
        }
      }
      expect(Number(/evicted_keys:(\d+)/.exec(await world.redis.info('stats'))?.[1])).toBeGreaterThan(0)
    } finally {
      await world.redis.config('SET', 'maxmemory', '0')
      await world.redis.del(padding)
    }
  })

  it('a load during a flush of Redis fills nothing that a later write would miss', async () => {
    const cached = processOn()
    const id = await newUser(world)
    for (let round = 1; round < 20; round++) {
      const [first] = await Promise.all([nameOf(cached, id), world.redis.flushall(), rename(cached, id, `v${round}`)])
      expect([`v${round - 1}`, `v${round}`]).toContain(first)
      expect(await nameOf(cached, id)).toBe(`v${round}`)
    }
  })
})

describe('keys of ours that hold another type (WRONGTYPE)', () => {
  const places: [string, (id: number) => string][] = [
    ['a row', id => `User:${id}`],
    ['@rows', () => '{User}@rows'],
    ['@any', () => '{User}@any'],
    ['@hold', () => '{User}@hold'],
    ['a value', () => '=k'],
    ['a tag', () => '#t'],
    ['the epoch of values', () => '@values'],
    ['a pointer', id => `User.email:${id}%40x.org`],
  ]
  it.each(places)(
    '%s of another type (WRONGTYPE): the answer is correct, and the key is repaired',
    async (_, keyOf) => {
      const cached = processOn()
      const id = await newUser(world)
      const email = `${id}@x.org`
      await world.plain.user.update({ where: { id }, data: { email } })
      let value = 0
      const read = async () => [
        await nameOf(cached, id),
        (await cached.prisma.user.findUnique({ where: { email } }))?.name,
        await cached.prisma.$cache.getOrSet('k', () => value, { tags: ['t'] }),
      ]
      await read()
      await inUse(cached, id)
      const key = world.prefix + keyOf(id)
      await world.redis.multi().del(key).lpush(key, 'x').exec()
      value = 1
      await rename(cached, id, 'v1')
      await cached.prisma.$cache.invalidateTags(['t'])
      for (let i = 0; i < 3; i++) expect(await read()).toEqual(['v1', 'v1', 1])
      const hits = cached.prisma.$cache.stats().hits
      await expect
        .poll(async () => {
          await read()
          return cached.prisma.$cache.stats().hits - hits
        })
        .toBeGreaterThan(3)
      expect(cached.prisma.$cache.stats().invalidationsQueued).toBe(0)
    },
  )
})

describe('Redis of another version', () => {
  const proxy = useProxy(() => server.url)

  it('a Redis older than 7.0 is one event and is not used, until a newer one replaces it', async () => {
    // What it says of itself is all that we go by.
    const [said7 = ''] = /redis_version:7/.exec(await world.redis.info('server')) ?? []
    proxy.rewrite(said7, 'redis_version:6')
    const cached = processOn(proxy.url)
    const words = said(cached)
    const id = await newUser(world)
    for (let i = 1; i < 4; i++) {
      expect(await nameOf(cached, id)).toBe(`v${i - 1}`)
      await rename(cached, id, `v${i}`)
    }
    expect(words).toEqual(['REDIS_TOO_OLD', 'distrust'])
    expect(cached.prisma.$cache.stats().hits).toBe(0)
    await proxy.mend()
    cached.redis.disconnect(true)
    await inUse(cached, id)
    expect(await nameOf(cached, id)).toBe('v3')
    await cached.end()
  })
})

/** Has a client connect to another server, or back. */
async function goTo(redis: Redis, url: string): Promise<void> {
  redis.options.port = Number(new URL(url).port)
  const ready = once(redis, 'ready')
  redis.disconnect(true)
  await ready
}

async function anotherServer(): Promise<RedisServer> {
  const other = await startRedis()
  onTestFinished(() => other.stop())
  return other
}

describe('an invalidation that a server acknowledges before it is known which one it is', () => {
  /** A client that is with another server for a moment, and back before `INFO` has told; answers what another process reads then. */
  async function elsewhere(NoticedBy = Health) {
    const other = await anotherServer()
    let told = Promise.resolve()
    class LateInfo extends Connection {
      override async server(ms: number) {
        await told
        return super.server(ms)
      }
    }
    const redis = new Redis(server.url, { retryStrategy: () => 20 })
    const cached = world.process({ ...deadlines, redis }, { parts: { Connection: LateInfo, Health: NoticedBy } })
    const reader = processOn()
    const id = await newUser(world)
    for (const one of [cached, reader]) await inUse(one, id)
    let tell = () => {}
    told = new Promise(resolve => (tell = resolve))
    await goTo(redis, other.url)
    await rename(cached, id, 'v1')
    expect(cached.prisma.$cache.stats().pendingInvalidations).toBe(0)
    const back = nextTrust(cached)
    await goTo(redis, server.url)
    tell()
    await back
    return nameOf(reader, id)
  }

  it('is made up for on the server that has not seen it', async () => {
    expect(await elsewhere()).toBe('v1')
  })

  it('(where that is not noticed, the row stays stale there)', async () => {
    class Unaware extends Health {
      override sending() {
        return () => undefined
      }
    }
    expect(await elsewhere(Unaware)).toBe('v0')
  })

  it('is made up for, too, where it was queued, and the replay went to the other server', async () => {
    const other = await anotherServer()
    const redis = new Redis(server.url, { retryStrategy: () => 20 })
    const next: ((del: () => Promise<boolean>) => Promise<boolean>)[] = []
    class Detours extends Connection {
      override del(...of: Parameters<Connection['del']>) {
        const del = () => super.del(...of)
        const detour = next.shift()
        return detour === undefined ? del() : detour(del)
      }
    }
    const cached = world.process({ ...deadlines, redis }, { parts: { Connection: Detours } })
    const reader = processOn()
    const id = await newUser(world)
    for (const one of [cached, reader]) await inUse(one, id)
    next.push(async () => false) // not acknowledged: it is queued
    next.push(async del => {
      await goTo(redis, other.url)
      const isDone = await del()
      await goTo(redis, server.url)
      return isDone
    })
    const back = nextTrust(cached)
    await rename(cached, id, 'v1')
    await back
    expect(next).toEqual([])
    expect(await nameOf(reader, id)).toBe('v1')
  })

  it('does not mark a server as known whose epochs another one has deleted', async () => {
    const other = await anotherServer()
    const redis = new Redis(server.url, { retryStrategy: () => 20 })
    const id = await newUser(world)
    const reader = processOn()
    await inUse(reader, id)
    await world.plain.user.update({ where: { id }, data: { name: 'v1' } })
    // As if no process had met it yet.
    const marks = await world.redis.keys(`${world.prefix}@seen:*`)
    await world.redis.del(...marks)
    let detours = 1
    class Detour extends Connection {
      override async del(...of: Parameters<Connection['del']>) {
        if (detours-- <= 0) return super.del(...of)
        await goTo(redis, other.url)
        const isDone = await super.del(...of)
        await goTo(redis, server.url)
        return isDone
      }
    }
    const cached = world.process({ ...deadlines, redis }, { parts: { Connection: Detour } })
    await inUse(cached, id)
    expect(detours).toBeLessThan(0)
    expect(await nameOf(reader, id)).toBe('v1')
  })
})

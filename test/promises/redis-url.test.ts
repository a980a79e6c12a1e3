/** A Redis that is given by its URL: the cache makes the client, one per URL and process, and closes it. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { type CacheAsideOptions, cacheAside, withCache } from '../../src/index.js'
import type { Reloaded } from '../support/scripts/hot-reload.js'
import { newUser } from '../support/users.js'
import { newClient, useWorld } from '../support/world.js'

const world = useWorld()
const root = fileURLToPath(new URL('../../', import.meta.url))
/** Nobody listens there. */
const NOWHERE = 'redis://127.0.0.1:1'

/** How many connections with this name there are. */
async function connections(name: string): Promise<number> {
  const list = (await world.redis.client('LIST')) as string
  return list.split('\n').filter(line => line.includes(` name=${name} `)).length
}

let count = 0
/** A URL of its own, whose connections can be told apart. */
function ownUrl(): { redis: string; name: string } {
  const name = `by-url-${process.pid}-${count++}`
  return { redis: `${world.redisUrl}?connectionName=${name}`, name }
}

function open(redis: string, options: Partial<CacheAsideOptions> = {}) {
  const all = { prefix: world.prefix, deadlineMs: 2000, ...options, redis, models: { User: { ttl: 300 } } } as const
  return withCache(newClient(world.databaseUrl), all as CacheAsideOptions)
}

/** Runs a script to its end and answers what it printed. */
async function run(script: string, env: Record<string, string>, flags: readonly string[] = []): Promise<string> {
  const path = fileURLToPath(new URL(`../support/scripts/${script}`, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, '--import', 'tsx', path], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: world.databaseUrl, PREFIX: world.prefix, ...env },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  })
  return stdout
}

describe('a Redis that is given by its URL', () => {
  it('is connected to, used, and closed with $disconnect()', async () => {
    const { redis, name } = ownUrl()
    const prisma = open(redis)
    const id = await newUser(world)
    await prisma.user.findUnique({ where: { id } })
    await prisma.user.findUnique({ where: { id } })
    expect(prisma.$cache.stats()).toMatchObject({ hits: 1, misses: 1, usable: true })
    expect(await connections(name)).toBe(1)
    await prisma.$disconnect()
    await expect.poll(() => connections(name)).toBe(0)
    expect(prisma.$cache.stats().usable).toBe(false)
  })

  it('is connected to again when the client is used after $disconnect(), for reads and for writes', async () => {
    const { redis, name } = ownUrl()
    const [prisma, other] = [open(redis), world.process()]
    const id = await newUser(world)
    const nameOf = async (client: typeof prisma | typeof other.prisma) =>
      (await client.user.findUnique({ where: { id } }))?.name
    for (const value of ['a', 'b', 'c']) {
      await nameOf(other.prisma)
      await prisma.user.update({ where: { id }, data: { name: value } })
      expect([await nameOf(prisma), await nameOf(other.prisma)]).toEqual([value, value])
      const { hits } = prisma.$cache.stats()
      await nameOf(prisma)
      expect(prisma.$cache.stats().hits).toBe(hits + 1)
      await prisma.$disconnect()
      await expect.poll(() => connections(name)).toBe(0)
    }
  })

  it('is closed with $cache.close(), and stays closed for reads', async () => {
    const { redis, name } = ownUrl()
    const prisma = open(redis)
    await prisma.user.findUnique({ where: { id: 1 } })
    expect(await prisma.$cache.close()).toEqual({ pendingInvalidations: 0, openHolds: 0 })
    await expect.poll(() => connections(name)).toBe(0)
    await prisma.user.findUnique({ where: { id: 1 } })
    expect(await connections(name)).toBe(0)
    await prisma.$disconnect()
  })

  it('is one connection for all that use the URL, and is closed with the last of them', async () => {
    const { redis, name } = ownUrl()
    const all = [
      open(redis),
      open(redis, { prefix: `${world.prefix}a:` }),
      open(redis, { prefix: `${world.prefix}b:` }),
    ]
    await Promise.all(all.map(prisma => prisma.user.findUnique({ where: { id: 1 } })))
    expect(await connections(name)).toBe(1)
    for (const prisma of all) {
      expect(await connections(name)).toBe(1)
      await prisma.$disconnect()
    }
    await expect.poll(() => connections(name)).toBe(0)
  })

  it('that is not there: the database answers, and it is said why', async () => {
    const lines: string[] = []
    const prisma = open(NOWHERE, { log: { warn: line => lines.push(line) } })
    const events: object[] = []
    prisma.$cache.on(event => events.push(event))
    const id = await newUser(world)
    expect((await prisma.user.findUnique({ where: { id } }))?.id).toBe(id)
    await prisma.user.update({ where: { id }, data: { name: 'new' } })
    expect((await prisma.user.findUnique({ where: { id } }))?.name).toBe('new')
    const why = expect.stringContaining('ECONNREFUSED') as string
    expect(events).toContainEqual({ type: 'redis', usable: false, why })
    expect(prisma.$cache.stats().usable).toBe(false)
    expect(prisma.$cache.explain('User', 'findUnique', { where: { id } })).toEqual({ cached: false, why })
    expect(lines).toEqual([why])
    await prisma.$disconnect()
  })
})

describe('a process', () => {
  it.each([
    ['whose Redis is there', () => world.redisUrl],
    ['whose Redis is not there', () => NOWHERE],
  ])('%s ends by itself, whether it disconnects or not', async (_, url) => {
    for (const END of ['disconnect', 'close', 'nothing']) {
      const stdout = await run('by-url.ts', { REDIS_URL: url(), END })
      expect(JSON.parse(stdout)).toMatchObject({ answers: 2 })
    }
  })

  it('that loads its modules again 50 times has one connection, and listeners and caches of the last time alone', async () => {
    const { redis, name } = ownUrl()
    const stdout = await run('hot-reload.ts', { REDIS_URL: redis, NAME: name }, ['--expose-gc'])
    const reloaded = JSON.parse(stdout) as Reloaded
    expect(reloaded).toMatchObject({ connections: 1, listeners: { ready: 1, close: 1, end: 1 }, warnings: [] })
    // The last ones are still in use; one or two more may be on a stack.
    expect(reloaded.caches).toBeLessThanOrEqual(5)
    expect(reloaded.hits).toBeGreaterThan(0)
  }, 90_000)

  it('the same with a client of the caller’s that is kept', async () => {
    const { redis, name } = ownUrl()
    const stdout = await run('hot-reload.ts', { REDIS_URL: redis, NAME: name, OWN: 'yes' }, ['--expose-gc'])
    const reloaded = JSON.parse(stdout) as Reloaded
    expect(reloaded).toMatchObject({ connections: 1, listeners: { ready: 1, close: 1, end: 1 }, warnings: [] })
    expect(reloaded.caches).toBeLessThanOrEqual(5)
  }, 90_000)
})

describe('without a Redis', () => {
  it('enabled: false opens nothing, and everything is answered by the database', async () => {
    const prisma = withCache(newClient(world.databaseUrl), { enabled: false, models: { User: true } })
    const id = await newUser(world)
    const connected = async () =>
      [...((await world.redis.client('LIST')) as string).matchAll(/^id=(\d+)/gm)].map(m => m[1])
    const before = await connected()
    await prisma.user.update({ where: { id }, data: { name: 'new' } })
    expect((await prisma.user.findUnique({ where: { id } }))?.name).toBe('new')
    expect(await prisma.$transaction(async tx => (await tx.user.findUnique({ where: { id } }))?.name)).toBe('new')
    expect(await prisma.$transaction([prisma.user.count({ where: { id } })])).toEqual([1])
    expect(await prisma.$cache.getOrSet('a', () => 1)).toBe(1)
    expect(await prisma.$cache.invalidate('User', { id })).toBe('done')
    expect(await prisma.$cache.invalidateAll()).toBe('done')
    expect(prisma.$cache.explain('User', 'findUnique', { where: { id } })).toEqual({
      cached: false,
      why: 'the cache is turned off',
    })
    expect(prisma.$cache.stats()).toMatchObject({ usable: false, bypassed: 3, pendingInvalidations: 0 })
    expect(() => prisma.$cache.enable()).toThrow(expect.objectContaining({ code: 'INVALID_CALL' }))
    expect(await prisma.$cache.close()).toEqual({ pendingInvalidations: 0, openHolds: 0 })
    // Those of tests before this one may still be going.
    expect(before).toEqual(expect.arrayContaining(await connected()))
    await prisma.$disconnect()
  })

  it('enabled: false with a URL connects only for a write, because other processes may have read the row', async () => {
    const { redis, name } = ownUrl()
    const prisma = open(redis, { enabled: false })
    const other = world.process()
    const id = await newUser(world)
    await other.prisma.user.findUnique({ where: { id } })
    await prisma.user.findUnique({ where: { id } })
    expect(await connections(name)).toBe(0)
    await prisma.user.update({ where: { id }, data: { name: 'new' } })
    expect(await connections(name)).toBe(1)
    expect((await other.prisma.user.findUnique({ where: { id } }))?.name).toBe('new')
    await prisma.$disconnect()
    await expect.poll(() => connections(name)).toBe(0)
  })

  it.each([
    ['undefined', undefined, /got undefined\. If it is process\.env\.REDIS_URL, set that variable/],
    ['an empty text', '', /got an empty string/],
    ['a host', 'localhost:6379', /got a URL of localhost:\/\//],
    ['a text', 'redis', /got a string that is no URL/],
    ['a URL of something else', 'https://user:secret@x.org', /got a URL of https:\/\//],
  ])('%s is a clear error, which contains no password', (_, redis, message) => {
    const make = () => cacheAside({ redis, models: {} })
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    expect(make).toThrow(message)
    expect(make).not.toThrow(/secret/)
  })
})

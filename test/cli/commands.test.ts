/** `keys`, `stats`, `invalidate` and `top`: what they print is what is in Redis, and what they do is what `$cache` does. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { invalidate, type Invalidated } from '../../src/cli/invalidate.js'
import { opened, run } from '../support/cli.js'
import { watchRedis } from '../support/monitor.js'
import { smallWorld } from '../support/readings.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess
const SHORT = { leaseMs: 4000, freshMs: 2500, renewMs: 200 }

beforeEach(async () => {
  await world.evict()
  await smallWorld(world)
  cached = world.process(
    { models: { User: { ttl: 300 }, Post: { ttl: '5m', queries: true } } },
    { parts: { fleetTimes: SHORT } },
  )
  await cached.prisma.user.findUnique({ where: { id: 1 } })
  await cached.prisma.user.findUnique({ where: { email: 'ada@x.org' }, include: { posts: true } })
  await cached.prisma.post.findMany({ where: { authorId: 1 } })
  await cached.prisma.$cache.getOrSet('rates', async () => 1, { tags: ['finance'] })
  await cached.flushed()
})

// It may still have something to report.
afterEach(() => cached.end())

const json = async (...args: string[]) => JSON.parse((await run(world, [...args, '--json'])).stdout) as unknown

describe('keys', () => {
  it('lists what is stored of a model, with its kind, bytes and TTL', async () => {
    const found = (await json('keys', 'User')) as { key: string; kind: string; bytes: number; leftMs: number }[]
    const kinds = Object.fromEntries(
      found.map(({ key, kind }) => [key.slice(world.prefix.length).replace(/\?.*/, '?'), kind]),
    )
    expect(kinds).toEqual({ 'User:1': 'row', 'User.email:ada%40x.org': 'pointer', 'User:1:posts?': 'related' })
    expect(found.every(({ bytes, leftMs }) => bytes > 50 && leftMs > 0 && leftMs <= 300_000)).toBe(true)
  })

  it('stops at the limit, and says so', async () => {
    const { stdout } = await run(world, ['keys', '--limit', '2'])
    expect(stdout.split('\n')).toHaveLength(5)
    expect(stdout).toContain('… and more: --limit 20')
  })
})

describe('stats', () => {
  it('counts what is stored by model, and says whose rows they are', async () => {
    expect(await json('stats')).toMatchObject({
      inUse: true,
      versionsInUse: 1,
      cachedModels: { User: { ttlMs: 300_000 }, Post: { ttlMs: 300_000, queriesTtlMs: 300_000 } },
      models: { User: { row: 1, pointer: 1, related: 1 }, Post: { result: 1 } },
      others: { value: 1 },
    })
    const { stdout } = await run(world, ['stats'])
    expect(stdout).toMatch(/^MODEL {2}ROWS {2}POINTERS {2}RELATED {2}RESULTS {2}BYTES {4}TTL$/m)
    expect(stdout).toMatch(/^User {6}1 .* 5 min$/m)
  })

  it('of a prefix that nothing uses says that', async () => {
    const { stdout } = await run({ redisUrl: world.redisUrl, databaseUrl: '', prefix: 'nobody:' }, ['stats'])
    expect(stdout).toContain('No process has used this prefix yet.')
  })
})

describe('invalidate', () => {
  const readUser = () => cached.prisma.user.findUnique({ where: { id: 1 } })
  const readPosts = () => cached.prisma.post.findMany({ where: { authorId: 1 } })
  const statements = async (query: () => PromiseLike<unknown>) => cached.countSql(async () => await query())

  async function done(
    what: string | undefined,
    more: Partial<Parameters<typeof invalidate>[1]> = {},
  ): Promise<Invalidated> {
    const tool = await opened(world)
    try {
      return await invalidate(tool.cache, { what, json: undefined, tags: [], all: false, ...more })
    } finally {
      await tool.close()
    }
  }

  it('one row: it is loaded again, and other rows are not', async () => {
    await cached.prisma.user.findUnique({ where: { id: 2 } })
    await cached.flushed()
    expect(await done('User:1')).toMatchObject({ what: 'one row of User' })
    expect(await statements(readUser)).toBe(1)
    expect(await statements(() => cached.prisma.user.findUnique({ where: { id: 2 } }))).toBe(0)
  })

  it('a row by another unique: all rows of the model, as its key is not known', async () => {
    await done('User', { json: '{"email":"ada@x.org"}' })
    expect(await statements(readUser)).toBe(1)
  })

  it('a model', async () => {
    expect(await done('Post')).toMatchObject({ what: 'all of Post' })
    expect(await statements(readPosts)).toBe(1)
    expect(await statements(readUser)).toBe(0)
  })

  it('a tag', async () => {
    await done(undefined, { tags: ['finance'] })
    let isFetched = false
    await cached.prisma.$cache.getOrSet('rates', async () => (isFetched = true), { tags: ['finance'] })
    expect(isFetched).toBe(true)
  })

  it('everything', async () => {
    await done(undefined, { all: true })
    expect(await statements(readUser)).toBe(1)
    expect(await statements(readPosts)).toBe(1)
  })
})

describe('top', () => {
  /** Reads until `end`, at a pace that leaves time for others. */
  async function load(end: AbortSignal): Promise<number> {
    let reads = 0
    while (!end.aborted) {
      await cached.prisma.user.findUnique({ where: { id: 1 } })
      if (++reads % 4 === 0) await cached.prisma.post.findMany({ where: { authorId: 1 } })
      await sleep(5)
    }
    return reads
  }

  it('shows by model how much is read, how much of it from the cache, how long it takes, and the hottest keys', async () => {
    const end = new AbortController()
    const loading = load(end.signal)
    const found = (await json('top').finally(() => end.abort())) as {
      processes: number
      unusable: number
      models: Record<
        string,
        { readsPerSecond: number; hitRatio: number; p50Ms: number; p99Ms: number; roundTrips: number }
      >
      keys: Record<string, number>
    }
    await loading
    expect(found).toMatchObject({ processes: 1, unusable: 0, models: { User: { hitRatio: 1, roundTrips: 1 } } })
    const { User, Post } = found.models
    expect(User?.readsPerSecond).toBeGreaterThan(0)
    expect((User?.readsPerSecond ?? 0) / (Post?.readsPerSecond ?? 0)).toBeGreaterThan(2.5)
    expect(User?.p50Ms).toBeGreaterThan(0)
    expect(User?.p99Ms).toBeGreaterThanOrEqual(User?.p50Ms ?? 0)
    expect(Object.keys(found.keys)[0]).toBe(`${world.prefix}User:1`)
  })

  it('costs the processes nothing while it does not run', async () => {
    const seen = await watchRedis(world, async () => {
      const end = new AbortController()
      const loading = load(end.signal)
      await sleep(1500)
      end.abort()
      await loading
    })
    expect(new Set(seen.commands())).toEqual(new Set(['mget']))
  })

  it('without a process that reads, ends with one line', async () => {
    const { redisUrl, prefix } = world
    const { code, stderr, stdout } = await run({ redisUrl, prefix: `${prefix}idle:`, databaseUrl: '' }, ['top'])
    expect(stderr).toMatch(/^No process has reported within 15 s\. Only those report that read under the prefix "/)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  })
})

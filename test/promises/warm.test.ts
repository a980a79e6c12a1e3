/** `$cache.warm`: rows are in the cache before they are asked for, and no write is overlooked. */
import { memoryUsage } from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Cluster, Redis } from 'ioredis'
import { cacheAside, type CacheAsideOptions, type Warmed, type WarmProgress, withCache } from '../../src/index.js'
import { Store } from '../../src/redis/store.js'
import type { FillOptions } from '../../src/redis/ticket.js'
import { control } from '../support/control.js'
import { delegate } from '../support/delegates.js'
import { Gates } from '../support/gates.js'
import { useCluster, useRedis } from '../support/hooks.js'
import { watchRedis } from '../support/monitor.js'
import { nameOf, newUsers } from '../support/users.js'
import { type CachedProcess, createWorld, newClient, useWorld } from '../support/world.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const world = useWorld()
let cached: CachedProcess

beforeAll(() => {
  cached = world.process()
})

beforeEach(async () => {
  await world.plain.user.deleteMany()
  await world.evict()
})

const readAll = (of: CachedProcess, ids: number[]) => of.prisma.user.findMany({ where: { id: { in: ids } } })

/** Statements that load whole rows of users, and all statements. */
async function statements(run: () => Promise<unknown>, of = cached) {
  const before = of.sql.length
  const all = await of.countSql(run)
  const rows = of.sql.slice(before).filter(text => /^SELECT.*"email"/.test(text))
  return { all, rows: rows.length }
}

describe('what is loaded', () => {
  it('of 100 rows of which half are cached, the other half is loaded, one statement per batch, and then all are hits', async () => {
    const ids = await newUsers(world, 100)
    await readAll(
      cached,
      ids.filter((_, i) => i % 2 === 0),
    )
    await cached.flushed()
    let warmed: unknown
    const run = async () => (warmed = await cached.prisma.$cache.warm('User', {}, { batchSize: 25 }))
    // Four times keys and rows, and keys once more, of which there are none.
    expect(await statements(run)).toEqual({ all: 9, rows: 4 })
    expect(warmed).toEqual({ done: 100, loaded: 50, finished: true, cursor: { id: ids[99] }, why: undefined })
    expect(await cached.countSql(() => readAll(cached, ids))).toBe(0)
    expect(await cached.countSql(() => nameOf(cached, ids[7] as number))).toBe(0)
  })

  it('rows that are cached already cost one MGET per batch, and no statement that loads rows', async () => {
    await newUsers(world, 100)
    await cached.prisma.$cache.warm('User')
    const seen = await watchRedis(world, async () => {
      const run = () => cached.prisma.$cache.warm('User', {}, { batchSize: 50 })
      expect(await statements(run)).toEqual({ all: 3, rows: 0 })
    })
    expect(seen.commands()).toEqual(['mget', 'mget'])
  })

  it('rows that are not cached cost a token and a fill each, and one look at the hold of all', async () => {
    await newUsers(world, 20)
    await cached.prisma.$cache.warm('User')
    const keys = (await world.keys()).filter(key => key.startsWith('User:'))
    await world.redis.del(keys.slice(0, 5).map(key => world.prefix + key))
    const seen = await watchRedis(world, () => cached.prisma.$cache.warm('User'))
    const count = (name: string) => seen.commands().filter(command => command === name).length
    expect([count('mget'), count('set'), count('eval'), seen.lines.length]).toEqual([1, 5, 5, 12])
  })

  it('a where says which rows, and rows that are not of them are neither looked up nor loaded', async () => {
    const ids = await newUsers(world, 10)
    await world.plain.user.updateMany({ where: { id: { in: ids.slice(0, 4) } }, data: { role: 'ADMIN' } })
    const warmed = await cached.prisma.$cache.warm('User', { where: { role: 'ADMIN' } }, { batchSize: 3 })
    expect(warmed).toMatchObject({ done: 4, loaded: 4, finished: true, cursor: { id: ids[3] } })
    expect((await world.keys()).filter(key => key.startsWith('User:'))).toEqual(
      ids
        .slice(0, 4)
        .map(id => `User:${id}`)
        .toSorted(),
    )
  })

  it('where there are no rows, it is finished at once', async () => {
    const none = { done: 0, loaded: 0, finished: true, cursor: undefined, why: undefined }
    expect(await cached.prisma.$cache.warm('User')).toEqual(none)
  })

  it.each([
    'Tag',
    'Tenant',
    'Order',
    'Bookmark',
    'Membership',
    'OrderLine',
    'Project',
    'AliasDecimal',
    'AliasTimestamp3',
  ])(
    'the rows of %s, whose primary key is of another type or of several columns, are found by their keys afterwards',
    async model => {
      const own = await createWorld()
      try {
        const process = own.process({ models: { [model]: true } })
        const wheres = await fillIn(own.plain, model)
        const warmed = (await process.prisma.$cache.warm(
          model as 'Tag',
          {},
          { batchSize: 2, concurrency: 3 },
        )) as Warmed<unknown>
        expect(warmed).toMatchObject({ done: 5, loaded: 5, finished: true, why: undefined })
        await process.flushed()
        const sql = await process.countSql(async () => {
          for (const where of wheres) expect(await delegate(process.prisma, model).findUnique({ where })).not.toBeNull()
        })
        expect(sql).toBe(0)
        expect(await process.prisma.$cache.warm(model as 'Tag', {}, { batchSize: 2 })).toMatchObject({
          done: 5,
          loaded: 0,
        })
      } finally {
        await own.close()
      }
    },
  )

  it('results of queries over the model are not touched, nor taken for its rows', async () => {
    const process = world.process({ models: { User: { ttl: 300, queries: true } } })
    const [id] = (await newUsers(world, 3)) as [number]
    await process.prisma.$cache.warm('User')
    await world.plain.user.deleteMany({ where: { id } })
    await newUsers(world, 2)
    // The keys of the rows come past the cache.
    expect(await process.prisma.$cache.warm('User', {}, { count: true })).toMatchObject({ done: 4, loaded: 2 })
    expect((await world.keys()).filter(key => key.includes('?'))).toEqual([])
  })

  it('$cached({ fresh: true }) loads all rows anew, also those that another program has changed', async () => {
    const ids = await newUsers(world, 6)
    await cached.prisma.$cache.warm('User')
    await world.plain.user.updateMany({ data: { name: 'elsewhere' } })
    const fresh = cached.prisma.$cached({ fresh: true }) as typeof cached.prisma
    expect(await fresh.$cache.warm('User')).toMatchObject({ done: 6, loaded: 6, finished: true })
    expect(await nameOf(cached, ids[5] as number)).toBe('elsewhere')
  })

  it('$cached({ ttl }) is how long they are stored', async () => {
    await newUsers(world, 3)
    const brief = cached.prisma.$cached({ ttl: 20 }) as typeof cached.prisma
    await brief.$cache.warm('User')
    const key = (await world.keys()).find(each => each.startsWith('User:')) as string
    expect(await world.redis.pttl(world.prefix + key)).toBeLessThanOrEqual(20_000)
  })

  it('what an extension computes is not stored, and does not hide the key of the rows', async () => {
    const ids = await newUsers(world, 3)
    const process = world.process()
    const db = process.prisma.$extends({
      result: { user: { id: { needs: { id: true }, compute: () => -1 }, name: { compute: () => 'computed' } } },
    })
    expect(await db.$cache.warm('User')).toMatchObject({ done: 3, loaded: 3, cursor: { id: ids[2] } })
    expect(await nameOf(cached, ids[0] as number)).toBe('v0')
  })
})

describe('progress, and going on', () => {
  it('progress comes after each batch, in order, and says where it is', async () => {
    const ids = await newUsers(world, 10)
    await readAll(cached, ids.slice(0, 3))
    await cached.flushed()
    const seen: WarmProgress<unknown>[] = []
    const options = {
      batchSize: 4,
      concurrency: 3,
      count: true,
      onProgress: (at: WarmProgress<unknown>) => seen.push(at),
    }
    await cached.prisma.$cache.warm('User', {}, options as object)
    expect(seen).toEqual([
      { done: 4, loaded: 1, total: 10, cursor: { id: ids[3] } },
      { done: 8, loaded: 5, total: 10, cursor: { id: ids[7] } },
      { done: 10, loaded: 7, total: 10, cursor: { id: ids[9] } },
    ])
  })

  it.each([1, 4])(
    'after an abort, what goes on from the cursor loads nothing twice (%i batches at a time)',
    async concurrency => {
      const ids = await newUsers(world, 40)
      const controller = new AbortController()
      const options = { batchSize: 5, concurrency, signal: controller.signal }
      const first = await cached.prisma.$cache.warm(
        'User',
        {},
        { ...options, onProgress: at => at.done >= 10 && controller.abort() },
      )
      expect(first).toMatchObject({ finished: false, why: 'aborted' })
      expect(first.done).toBeGreaterThanOrEqual(10)
      expect(first.done).toBeLessThan(40)
      expect(first.cursor).toEqual({ id: ids[first.done - 1] })
      const before = cached.sql.length
      const second = await cached.prisma.$cache.warm('User', {}, { batchSize: 5, after: first.cursor })
      expect(second).toMatchObject({ finished: true, why: undefined, done: 40 - first.done, loaded: 40 - first.done })
      expect(first.loaded + second.loaded).toBe(40)
      expect(cached.sql.slice(before).filter(text => /^SELECT.*"email"/.test(text))).toHaveLength((40 - first.done) / 5)
      expect(await cached.countSql(() => readAll(cached, ids))).toBe(0)
    },
  )

  it('a signal that is aborted already: nothing is queried', async () => {
    await newUsers(world, 3)
    const run = async () =>
      expect(await cached.prisma.$cache.warm('User', {}, { signal: AbortSignal.abort() })).toEqual({
        done: 0,
        loaded: 0,
        finished: false,
        cursor: undefined,
        why: 'aborted',
      })
    expect(await cached.countSql(run)).toBe(0)
  })

  it('no more batches are under way than concurrency says', async () => {
    await newUsers(world, 60)
    let [underWay, most] = [0, 0]
    const db = cached.prisma.$extends({
      query: {
        user: {
          async findMany({ args, query }) {
            if ('select' in args && args.select?.email !== true) return query(args)
            most = Math.max(most, ++underWay)
            const rows = await query(args)
            underWay--
            return rows
          },
        },
      },
    })
    await db.$cache.warm('User', {}, { batchSize: 5, concurrency: 3 })
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(3)
  })

  it('10,000 rows take no more memory than 2,000: rows are not kept', async () => {
    await newUsers(world, 10_000)
    const process = world.process({ deadlineMs: 30_000 })
    const heap: number[] = []
    const onProgress = ({ done }: { done: number }) => {
      if (done !== 2_000 && done !== 10_000) return
      process.sql.length = 0
      collectGarbage()
      heap.push(memoryUsage().heapUsed)
    }
    expect(await process.prisma.$cache.warm('User', {}, { onProgress })).toMatchObject({ done: 10_000, loaded: 10_000 })
    const [few, many] = heap as [number, number]
    // 8,000 rows would be some 5 MB.
    expect(many - few).toBeLessThan(2_500_000)
  })

  it('an error of onProgress, or of the database, is thrown to the caller', async () => {
    await newUsers(world, 3)
    const mine = new Error('mine')
    const onProgress = () => {
      throw mine
    }
    await expect(cached.prisma.$cache.warm('User', {}, { onProgress })).rejects.toBe(mine)
    const wrong = { nam: 'x' } as object
    await expect(cached.prisma.$cache.warm('User', { where: wrong })).rejects.toMatchObject({
      name: 'PrismaClientValidationError',
    })
  })
})

describe('races', () => {
  class UnguardedFill extends Store {
    override fill(key: string, entry: Buffer, options: FillOptions): void {
      super.fill(key, entry, { ...options, guard: 'none' })
    }
  }

  /** A write comes when the rows of the batch were read in the database, and are not stored yet. */
  async function race(parts: Parameters<typeof world.process>[1]): Promise<(string | null)[]> {
    const ids = await newUsers(world, 3)
    const slow = world.process({}, parts)
    await slow.prisma.user.findUnique({ where: { id: -1 } })
    const gates = new Gates()
    const db = slow.prisma.$extends(gates.extension)
    const [keys, rows] = [gates.hold('findMany', 'after'), gates.hold('findMany', 'after')]
    const warming = db.$cache.warm('User')
    await keys.arrived
    keys.open()
    await rows.arrived
    await cached.prisma.user.update({ where: { id: ids[1] as number }, data: { name: 'new' } })
    rows.open()
    expect(await warming).toMatchObject({ done: 3, loaded: 3, finished: true })
    const sql = await slow.countSql(async () => {
      for (const i of [0, 2]) await nameOf(slow, ids[i] as number)
    })
    expect(sql).toBe(0)
    return (await readAll(slow, ids)).map(({ name }) => name)
  }

  it('a write between the load of a batch and its fill: its row is not stored stale, the others are stored', async () => {
    expect(await race({})).toEqual(['v0', 'new', 'v0'])
  })

  control('without the token, the stale row is stored', async () => {
    expect(await race({ parts: { Store: UnguardedFill } })).toEqual(['v0', 'v0', 'v0'])
  })

  it('a write that names no rows, between the load of a batch and its fill: none of its rows is stored stale', async () => {
    const ids = await newUsers(world, 3)
    const gates = new Gates()
    const db = cached.prisma.$extends(gates.extension)
    const [keys, rows] = [gates.hold('findMany', 'after'), gates.hold('findMany', 'after')]
    const warming = db.$cache.warm('User')
    await keys.arrived
    keys.open()
    await rows.arrived
    await cached.prisma.user.updateMany({ where: { name: 'v0' }, data: { name: 'new' } })
    rows.open()
    await warming
    expect((await readAll(cached, ids)).map(({ name }) => name)).toEqual(['new', 'new', 'new'])
  })

  /** The same under a key of two columns, whose rows are read one by one. */
  async function raceOfBookmarks(parts: Parameters<typeof world.process>[1]): Promise<string | null | undefined> {
    const [userId] = (await newUsers(world, 1)) as [number]
    const { id: postId } = await world.plain.post.create({ data: { title: 't', authorId: userId } })
    const key = { userPost: { userId, postId } }
    await world.plain.bookmark.create({ data: { userId, postId, note: 'v0' } })
    const slow = world.process({}, parts)
    const gates = new Gates()
    const db = slow.prisma.$extends(gates.extension)
    const row = gates.hold('findUnique', 'after')
    const warming = db.$cache.warm('Bookmark')
    await row.arrived
    await cached.prisma.bookmark.update({ where: key, data: { note: 'new' } })
    row.open()
    expect(await warming).toMatchObject({ done: 1, loaded: 1, finished: true })
    return (await slow.prisma.bookmark.findUnique({ where: key }))?.note
  }

  it('a write during the load of a row under a key of several columns: it is not stored stale', async () => {
    expect(await raceOfBookmarks({})).toBe('new')
  })

  control('under a key of several columns, without the token, the stale row is stored', async () => {
    expect(await raceOfBookmarks({ parts: { Store: UnguardedFill } })).toBe('v0')
  })

  it('a row that is deleted between its key and its load is not stored', async () => {
    const ids = await newUsers(world, 3)
    const gates = new Gates()
    const db = cached.prisma.$extends(gates.extension)
    const keys = gates.hold('findMany', 'after')
    const warming = db.$cache.warm('User')
    await keys.arrived
    await cached.prisma.user.delete({ where: { id: ids[1] as number } })
    keys.open()
    expect(await warming).toMatchObject({ done: 3, finished: true })
    expect(await cached.prisma.user.findUnique({ where: { id: ids[1] as number } })).toBeNull()
  })
})

describe('where nothing can be stored, nothing is loaded', () => {
  const server = useRedis()
  const loseable = (options: Partial<CacheAsideOptions> = {}) => {
    const redis = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: 0 })
    return world.process({ deadlineMs: 300, ...options, redis })
  }

  it('Redis is away from the start: no statement, and why', async () => {
    await newUsers(world, 10)
    const redis = new Redis({ port: 1, lazyConnect: true, retryStrategy: () => null })
    const process = world.process({ redis })
    let warmed: Warmed<unknown> | undefined
    expect(await process.countSql(async () => (warmed = await process.prisma.$cache.warm('User')))).toBeLessThanOrEqual(
      1,
    )
    expect(process.sql.filter(text => text.includes('"User"'))).toEqual([])
    expect(warmed).toMatchObject({ done: 0, loaded: 0, finished: false, cursor: undefined })
    expect(warmed?.why).toMatch(/^Redis is not used: /)
  })

  it('Redis goes away in the middle: it stops with why and the cursor, and not with the last row', async () => {
    const ids = await newUsers(world, 100)
    const process = loseable()
    const onProgress = () => process.redis.disconnect()
    const warmed = await process.prisma.$cache.warm('User', {}, { batchSize: 10, concurrency: 2, onProgress })
    expect(warmed.finished).toBe(false)
    expect(warmed.why).toMatch(/^Redis is not used: /)
    expect(warmed.done).toBeLessThanOrEqual(20)
    expect(warmed.cursor).toEqual({ id: ids[warmed.done - 1] })
    expect(process.sql.filter(text => /^SELECT.*"email"/.test(text)).length).toBeLessThanOrEqual(3)
    await process.redis.connect()
    await expect.poll(() => process.prisma.$cache.stats().usable).toBe(true)
    expect(await process.prisma.$cache.warm('User', {}, { after: warmed.cursor })).toMatchObject({
      done: 100 - warmed.done,
      finished: true,
    })
  })

  it('a Redis that is full takes nothing: it stops after the batches that are under way, tried three times', async () => {
    await newUsers(world, 200)
    const process = loseable()
    await process.prisma.user.findUnique({ where: { id: -1 } })
    const admin = new Redis(server.url)
    try {
      await admin.config('SET', 'maxmemory-policy', 'noeviction')
      await admin.config('SET', 'maxmemory', '1')
      process.sql.length = 0
      const warmed = await process.prisma.$cache.warm('User', {}, { batchSize: 10 })
      expect(warmed).toMatchObject({ done: 0, finished: false, cursor: undefined })
      expect(warmed.why).toMatch(/refuses what is to be stored|Redis is not used/)
      expect(process.sql.filter(text => /^SELECT.*"email"/.test(text)).length).toBeLessThanOrEqual(2 * 3)
    } finally {
      await admin.config('SET', 'maxmemory', '0')
      admin.disconnect()
    }
  })

  const admins = (change: (where: object) => object) =>
    newClient(world.databaseUrl).$extends({
      query: {
        user: {
          $allOperations({ args, query }) {
            const { where = {} } = args as { where?: object }
            return query({ ...args, where: change(where) } as never)
          },
        },
      },
    })

  it('the cache is turned off, by enabled or by disable: no statement, and why', async () => {
    await newUsers(world, 3)
    const off = { done: 0, loaded: 0, finished: false, cursor: undefined, why: 'the cache is turned off' }
    const never = world.process({ enabled: false })
    expect(await never.countSql(async () => expect(await never.prisma.$cache.warm('User')).toEqual(off))).toBe(0)
    const process = world.process()
    process.prisma.$cache.disable()
    expect(await process.countSql(async () => expect(await process.prisma.$cache.warm('User')).toEqual(off))).toBe(0)
    process.prisma.$cache.enable()
    expect(await process.prisma.$cache.warm('User')).toMatchObject({ finished: true, loaded: 3 })
  })

  it('a write of unknown outcome holds the model: no rows are loaded, and why', async () => {
    await newUsers(world, 3)
    const process = world.process()
    await process.prisma.user.findUnique({ where: { id: -1 } })
    await world.redis.set(`${world.prefix}{User}@hold`, 'x', 'PX', 60_000)
    const run = async () =>
      expect(await process.prisma.$cache.warm('User')).toMatchObject({
        done: 0,
        loaded: 0,
        why: expect.stringContaining('unknown outcome') as string,
      })
    expect((await statements(run, process)).rows).toBe(0)
  })

  it('hooks behind the cache may change the rows: nothing is stored, and why', async () => {
    await newUsers(world, 3)
    const process = world.process({ hooksBehind: undefined })
    const db = process.prisma.$extends({ query: { user: { findMany: ({ args, query }) => query(args) } } })
    const { why, done } = await db.$cache.warm('User')
    expect(done).toBe(0)
    expect(why).toMatch(/^an extension with query hooks was applied after the cache/)
    expect(process.sql.filter(text => /^SELECT.*"email"/.test(text))).toEqual([])
    expect((await world.keys()).filter(key => key.startsWith('User:'))).toEqual([])
  })

  it('hooks before the cache, as of tenants, say which rows; what is stored is the whole row, for everybody', async () => {
    const ids = await newUsers(world, 4)
    await world.plain.user.updateMany({ where: { id: { in: ids.slice(0, 2) } }, data: { role: 'ADMIN' } })
    const base = admins(where => ({ ...where, role: 'ADMIN' }))
    const process = world.process({}, { base: base as never })
    expect(await process.prisma.$cache.warm('User')).toMatchObject({ done: 2, loaded: 2, cursor: { id: ids[1] } })
    const stored = (await world.keys()).filter(key => key.startsWith('User:'))
    expect(stored).toEqual([`User:${ids[0]}`, `User:${ids[1]}`].toSorted())
    for (const id of ids) expect(await nameOf(cached, id)).toBe('v0')
    await base.$disconnect()
  })

  it('where a hook before the cache turns the list of keys into another query, nothing is stored, and why', async () => {
    await newUsers(world, 4)
    const base = admins(where => ({ AND: [where, { role: 'READER' }] }))
    const process = world.process({}, { base: base as never })
    const { done, why } = await process.prisma.$cache.warm('User')
    expect(done).toBe(0)
    expect(why).toMatch(/findMany|applied before the cache/)
    expect((await world.keys()).filter(key => key.startsWith('User:'))).toEqual([])
    await base.$disconnect()
  })

  it('rows that the database shows to some users only are not cached, and so not warmed', async () => {
    const own = await createWorld()
    const role = `warm_${process.pid}`
    try {
      await own.plain.user.createMany({ data: [1, 2].map(id => ({ id, email: `u${id}@x.org` })) })
      await own.plain.$executeRawUnsafe(`CREATE ROLE "${role}" LOGIN PASSWORD 'secret'`)
      await own.plain.$executeRawUnsafe(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO "${role}"`)
      await own.plain.$executeRawUnsafe('ALTER TABLE "User" ENABLE ROW LEVEL SECURITY')
      await own.plain.$executeRawUnsafe('CREATE POLICY own ON "User" USING (id = 2)')
      const url = new URL(own.databaseUrl)
      url.username = role
      url.password = 'secret'
      const restricted = own.process({}, { base: newClient(url.href) })
      const { why, loaded } = await restricted.prisma.$cache.warm('User')
      expect(loaded).toBe(0)
      expect(why).toMatch(/row/)
      expect((await own.keys()).filter(key => key.startsWith('User:'))).toEqual([])
      await restricted.base.$disconnect()
    } finally {
      await own.plain.$executeRawUnsafe(`DROP OWNED BY "${role}"`)
      await own.plain.$executeRawUnsafe(`DROP ROLE "${role}"`)
      await own.close()
    }
  })

  it('rows that are larger than maxBytes are loaded, and done, without being stored', async () => {
    const process = world.process({ models: { User: { maxBytes: 100 } } })
    const ids = await newUsers(world, 2)
    await world.plain.user.update({ where: { id: ids[0] as number }, data: { name: 'x'.repeat(200) } })
    expect(await process.prisma.$cache.warm('User')).toMatchObject({ done: 2, finished: true })
    // It is remembered for a while that the row is too large.
    const run = () => process.prisma.$cache.warm('User')
    expect(await statements(run, process)).toMatchObject({ rows: 0 })
  })
})

describe('wherever the cache is', () => {
  const cluster = useCluster()

  it('on a Redis Cluster the rows are on all nodes, and all are hits', async () => {
    const redis = new Cluster([...cluster.addresses])
    const process = world.process({ redis, deadlineMs: 2000 })
    const ids = await newUsers(world, 60)
    await process.prisma.user.findMany({ where: { id: { in: ids.slice(0, 10) } } })
    await expect.poll(() => process.prisma.$cache.stats().share).toBe(1)
    const { done, finished } = await process.prisma.$cache.warm('User', {}, { batchSize: 20 })
    expect([done, finished]).toEqual([60, true])
    expect(await process.countSql(() => readAll(process, ids))).toBe(0)
  })

  it('where the cache is applied twice, the rows are loaded once, and are hits', async () => {
    const ids = await newUsers(world, 10)
    const base = newClient(world.databaseUrl)
    const redis = new Redis(world.redisUrl)
    const options = { redis, models: { User: true as const }, prefix: world.prefix, deadlineMs: 2000 }
    const db = base.$extends(cacheAside(options)).$extends(cacheAside(options))
    expect(await db.$cache.warm('User', {}, { batchSize: 4 })).toMatchObject({ done: 10, loaded: 10, finished: true })
    expect(await cached.countSql(() => readAll(cached, ids))).toBe(0)
    await db.$cache.close()
    await base.$disconnect()
    redis.disconnect()
  })

  it('a client of withCache, and one without the front, warm as well', async () => {
    await newUsers(world, 4)
    const base = newClient(world.databaseUrl)
    const redis = new Redis(world.redisUrl)
    const db = withCache(base, { redis, models: { User: true }, prefix: world.prefix, deadlineMs: 2000, front: false })
    expect(await db.$cache.warm('User')).toMatchObject({ done: 4, loaded: 4, finished: true })
    expect(await db.$cache.warm('User')).toMatchObject({ done: 4, loaded: 0 })
    await db.$cache.close()
    await base.$disconnect()
    redis.disconnect()
  })
})

describe('calls that make no sense', () => {
  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['a model that is not there', () => cached.prisma.$cache.warm('Usr' as 'User'), /no model named "Usr"/],
    [
      'a model that is not cached',
      () => cached.prisma.$cache.warm('Shipment'),
      /a model that is cached, got "Shipment"/,
    ],
    [
      'include',
      () => cached.prisma.$cache.warm('User', { include: { posts: true } } as object),
      /where alone, got "include"/,
    ],
    ['args that are none', () => cached.prisma.$cache.warm('User', 1 as never), /second argument, got 1/],
    [
      'a where that is none',
      () => cached.prisma.$cache.warm('User', { where: [] as never }),
      /where must be an object.*an array/,
    ],
    [
      'concurrency 0',
      () => cached.prisma.$cache.warm('User', {}, { concurrency: 0 }),
      /concurrency .* from 1 to 16, got 0/,
    ],
    ['concurrency 1.5', () => cached.prisma.$cache.warm('User', {}, { concurrency: 1.5 }), /got 1.5/],
    [
      'batchSize 5000',
      () => cached.prisma.$cache.warm('User', {}, { batchSize: 5000 }),
      /batchSize .* 1 to 1000, got 5000/,
    ],
    ['an unknown option', () => cached.prisma.$cache.warm('User', {}, { size: 1 } as object), /no option named "size"/],
    [
      'an after of another form',
      () => cached.prisma.$cache.warm('User', {}, { after: 7 as never }),
      /after must be .*\{ id \}, got 7/,
    ],
    [
      'half of a compound key',
      () => cached.prisma.$cache.warm('Bookmark', {}, { after: { userPost: { userId: 1 } } as never }),
      /userPost: \{ userId, postId \}/,
    ],
    [
      'no signal',
      () => cached.prisma.$cache.warm('User', {}, { signal: 1 as never }),
      /signal must be an AbortSignal, got 1/,
    ],
    [
      'no function',
      () => cached.prisma.$cache.warm('User', {}, { onProgress: 1 as never }),
      /onProgress must be a function, got 1/,
    ],
    [
      'tags',
      () => (cached.prisma.$cached({ tags: ['t'] }) as typeof cached.prisma).$cache.warm('User'),
      /takes no tags/,
    ],
    ['a transaction', () => cached.prisma.$transaction(tx => tx.$cache.warm('User')), /in a transaction/],
    [
      'a key without order',
      () => world.process({ models: { AliasEnum: true } }).prisma.$cache.warm('AliasEnum'),
      /its id is of type Enum/,
    ],
    [
      'a key without an exact text',
      () => world.process({ models: { AliasFloat: true } }).prisma.$cache.warm('AliasFloat'),
      /no exact text/,
    ],
  ])('%s: the error says the rule, what was got, and the fix', async (_, call, message) => {
    await expect(call()).rejects.toMatchObject({
      name: 'CacheAsideError',
      code: 'INVALID_CALL',
      message: expect.stringMatching(message) as string,
    })
  })
})

/** Five rows of a model; answers how each is found by its primary key. */
async function fillIn(db: typeof world.plain, model: string): Promise<object[]> {
  const five = [1, 2, 3, 4, 5]
  if (model === 'Tag') {
    const made = await db.tag.createManyAndReturn({ data: five.map(n => ({ name: `t${n}` })) })
    return made.map(({ id }) => ({ id }))
  }
  if (model === 'AliasDecimal') {
    await db.aliasDecimal.createMany({ data: five.map(n => ({ id: `${n}.5`, v: n })) })
    return five.map(n => ({ id: `${n}.5` }))
  }
  if (model === 'AliasTimestamp3') {
    const at = (n: number) => new Date(Date.UTC(2024, 0, 1, 0, 0, 0, n))
    await db.aliasTimestamp3.createMany({ data: five.map(n => ({ id: at(n), v: n })) })
    return five.map(n => ({ id: at(n) }))
  }
  const user = await db.user.create({ data: { email: 'one@x.org' } })
  const tenants = await db.tenant.createManyAndReturn({ data: five.map(n => ({ slug: `t${n}`, name: `t${n}` })) })
  if (model === 'Tenant') return tenants.map(({ id }) => ({ id }))
  if (model === 'Membership') {
    const keys = tenants.map(({ id }) => ({ userId: user.id, tenantId: id }))
    await db.membership.createMany({ data: keys })
    return keys.map(key => ({ userId_tenantId: key }))
  }
  if (model === 'Project') {
    const keys = five.map(n => ({ tenantId: (tenants[n % 2] as { id: string }).id, number: n }))
    await db.project.createMany({ data: keys.map(key => ({ ...key, name: 'p' })) })
    return keys.map(key => ({ tenantId_number: key }))
  }
  if (model === 'Bookmark') {
    const posts = await db.post.createManyAndReturn({ data: five.map(n => ({ title: `p${n}`, authorId: user.id })) })
    const keys = posts.map(({ id }) => ({ userId: user.id, postId: id }))
    await db.bookmark.createMany({ data: keys })
    return keys.map(key => ({ userPost: key }))
  }
  const orders = await db.order.createManyAndReturn({ data: five.map(n => ({ number: `o${n}`, customerId: user.id })) })
  if (model === 'Order') return orders.map(({ id }) => ({ id }))
  await db.brand.create({ data: { slug: 'b', name: 'b' } })
  await db.product.createMany({
    data: five.map(n => ({ sku: `s${n}`, brandSlug: 'b', model: `m${n}`, name: 'n', price: 1 })),
  })
  const keys = five.map(n => ({ orderId: (orders[n % 2] as { id: bigint }).id, position: n }))
  await db.orderLine.createMany({
    data: keys.map((key, i) => ({ ...key, sku: `s${i + 1}`, quantity: 1, unitPrice: 1 })),
  })
  return keys.map(key => ({ orderId_position: key }))
}

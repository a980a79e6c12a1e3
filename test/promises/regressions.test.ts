/** Faults that an attack on an earlier state found; each has a run that showed it. */
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { PrismaClient } from '../../generated/prisma/client.js'
import { cacheAside } from '../../src/index.js'
import { Flight } from '../../src/local/flights.js'
import { type RedisServer, startRedis } from '../support/servers.js'
import { type CachedProcess, createWorld, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess
beforeAll(async () => {
  cached = world.process()
})

let serial = 0
const fresh = (what: string) => `${what}-${++serial}`

async function newUser(): Promise<number> {
  return (await world.plain.user.create({ data: { email: fresh('e'), name: 'v0' } })).id
}

const nameOf = async (process: CachedProcess, id: number) =>
  (await process.prisma.user.findUnique({ where: { id } }))?.name

describe('a fluent call on a write', () => {
  it('a fluent call on a write answers with the whole relation, and invalidates the row that was written and not the one that it answers with', async () => {
    const user = await world.plain.user.create({
      data: { email: fresh('e'), posts: { create: { title: 'old', slug: 's' } } },
    })
    const post = await world.plain.post.findFirstOrThrow({ where: { authorId: user.id } })
    await cached.prisma.post.findUnique({ where: { id: post.id } })
    const author = await cached.prisma.post
      .update({ where: { authorId_slug: { authorId: user.id, slug: 's' } }, data: { title: 'new' } })
      .author()
    expect(author).toStrictEqual(await world.plain.user.findUnique({ where: { id: user.id } }))
    expect((await cached.prisma.post.findUnique({ where: { id: post.id } }))?.title).toBe('new')
  })
})

describe('raw SQL that commits by itself and then fails', () => {
  it.each([
    [`DO $$ BEGIN UPDATE "User" SET name = 'v1'; COMMIT; RAISE EXCEPTION 'x'; END $$`],
    [`UPDATE "User" SET name = 'v1'; COMMIT; SELECT 1/0`],
  ])('%s', async sql => {
    const id = await newUser()
    await nameOf(cached, id)
    await expect(cached.prisma.$executeRawUnsafe(sql)).rejects.toThrow()
    expect(await nameOf(cached, id)).toBe('v1')
  })
})

describe('raw SQL with a comparison in front of the column that others reference', () => {
  it.each([
    (from: string, to: string) =>
      `UPDATE "Brand" SET name = CASE WHEN name IS NOT DISTINCT FROM 'x' THEN 'y' ELSE 'z' END, slug = '${to}' WHERE slug = '${from}'`,
    (from: string, to: string) =>
      `UPDATE "Brand" SET name = "Brand".name IS DISTINCT FROM 'z', slug = '${to}' FROM "User" WHERE slug = '${from}'`,
    (from: string, to: string) =>
      `UPDATE "Brand" SET name = name IS DISTINCT FROM 'z', slug = '${to}' WHERE slug = '${from}'`,
    (from: string, to: string) =>
      `INSERT INTO "Brand" (slug, name) VALUES ('${from}', 'n') ON CONFLICT (slug) DO UPDATE ` +
      `SET name = CASE WHEN excluded.name IS DISTINCT FROM 'x' THEN 'y' END, slug = '${to}'`,
  ])('raw SQL that changes a referenced column after a comparison invalidates the rows that follow it', async sql => {
    await newUser()
    const [from, to, sku] = [fresh('brand'), fresh('brand'), fresh('sku')]
    await world.plain.brand.create({ data: { slug: from, name: 'n' } })
    await world.plain.product.create({ data: { sku, brandSlug: from, model: 'm', name: 'n', price: '1', sizes: [] } })
    const read = () => cached.prisma.product.findUnique({ where: { sku }, select: { brandSlug: true } })
    expect(await read()).toEqual({ brandSlug: from })
    await cached.flushed()
    await cached.prisma.$executeRawUnsafe(sql(from, to))
    expect(await read()).toEqual({ brandSlug: to })
  })
})

describe('an extension that is applied twice', () => {
  it('an extension that is applied twice queries the database once, and does not wait for itself', async () => {
    const { base, redis } = world.process()
    const cache = cacheAside<PrismaClient>({
      redis,
      prefix: world.prefix,
      models: { User: { queries: true }, Post: true },
    })
    const twice = base.$extends(cache).$extends(cache)
    const waits = vi.spyOn(Flight.prototype, 'wait')
    const id = await newUser()
    await twice.post.create({ data: { title: 't', authorId: id } })
    const reads = [
      () => twice.user.findUnique({ where: { id } }),
      () => twice.user.findUniqueOrThrow({ where: { id }, include: { posts: true } }),
      () => twice.user.findMany({ where: { id } }),
      () => twice.user.findUnique({ where: { id: -1 } }),
    ]
    for (const name of ['v1', 'v2']) {
      await twice.user.update({ where: { id }, data: { name } })
      for (const read of reads) expect(await read()).toStrictEqual(await read())
      expect((await twice.user.findUnique({ where: { id } }))?.name).toBe(name)
    }
    expect(waits).not.toHaveBeenCalled()
    vi.restoreAllMocks()
    await twice.$cache.close()
  })
})

describe('many caches on one client', () => {
  it('many caches on one client leak no listeners', async () => {
    const warnings: Error[] = []
    const warned = (warning: Error) => warnings.push(warning)
    process.on('warning', warned)
    const redis = new Redis(world.redisUrl)
    const most = redis.getMaxListeners()
    const bases = Array.from({ length: 15 }, () => world.process({ redis, prefix: fresh('tenant') }))
    await Promise.all(bases.map(({ prisma }) => prisma.user.findUnique({ where: { id: 1 } })))
    for (const { prisma } of bases) await prisma.$cache.close()
    await new Promise(resolve => setImmediate(resolve))
    process.off('warning', warned)
    // Each process of this test has its own listener of errors.
    expect(
      warnings.filter(({ message }) => message.includes('listeners') && !message.includes('error listeners')),
    ).toEqual([])
    expect(redis.getMaxListeners()).toBe(most)
  })
})

describe('a load of the whole row that fails for a column that the caller did not select', () => {
  it('a load of the whole row that fails for an unselected column lets the caller’s own query answer', async () => {
    const own = await createWorld()
    const process = own.process()
    const user = await own.plain.user.create({ data: { email: 'e', name: 'v0' } })
    await own.plain.$executeRaw`ALTER TYPE "Role" ADD VALUE 'NEWER'`
    await own.plain.$executeRaw`UPDATE "User" SET role = 'NEWER'`
    const select = { id: true, email: true }
    for (let i = 0; i < 2; i++) {
      expect(await process.prisma.user.findUnique({ where: { id: user.id }, select })).toEqual({
        id: user.id,
        email: 'e',
      })
    }
    await expect(process.prisma.user.findUnique({ where: { id: user.id } })).rejects.toThrow(
      /'NEWER' not found in enum/,
    )
    await own.plain.$executeRaw`ALTER TABLE "User" DROP COLUMN name`
    expect(await process.prisma.user.findUnique({ where: { id: user.id }, select })).toEqual({
      id: user.id,
      email: 'e',
    })
    await own.close()
  })

  it('a query does not fail for an unreadable row that its further filters leave out', async () => {
    const own = await createWorld()
    const { prisma } = own.process()
    const { id } = await own.plain.user.create({ data: { email: 'e', name: 'v0' } })
    const post = await own.plain.post.create({ data: { title: 't', authorId: id, slug: 's' } })
    await own.plain.$executeRaw`ALTER TYPE "Role" ADD VALUE 'NEWER'`
    await own.plain.$executeRaw`UPDATE "User" SET role = 'NEWER'`
    expect(await prisma.user.findUnique({ where: { id, name: 'other' } })).toBeNull()
    expect(await prisma.user.findUnique({ where: { email: 'e', id: id + 1 } })).toBeNull()
    expect(await prisma.user.findFirst({ where: { id, name: null } })).toBeNull()
    await expect(prisma.user.findUniqueOrThrow({ where: { id, name: 'other' } })).rejects.toMatchObject({
      code: 'P2025',
    })
    const include = { author: true }
    expect(await prisma.post.findUnique({ where: { id: post.id, title: 'other' }, include })).toBeNull()
    await expect(prisma.user.findUnique({ where: { id, name: 'v0' } })).rejects.toThrow(/'NEWER' not found in enum/)
    await own.close()
  })

  it('a query does not fail for an unselected column that the database user may not read', async () => {
    const own = await createWorld()
    await own.plain.user.create({ data: { email: 'e', name: 'v0' } })
    const role = `reader_${process.pid}_${Date.now()}`
    await own.plain.$executeRawUnsafe(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`)
    await own.plain.$executeRawUnsafe(`GRANT SELECT (id, email) ON "User" TO ${role}`)
    const url = new URL(own.databaseUrl)
    url.username = role
    url.password = 'x'
    const { newClient } = await import('../support/world.js')
    const base = newClient(url.href)
    const reader = own.process({}, { base })
    const read = () => reader.prisma.user.findUnique({ where: { id: 1 }, select: { email: true } })
    expect(await read()).toEqual({ email: 'e' })
    expect(await reader.countSql(read)).toBe(1) // it is known by now: one statement, not two
    await reader.end()
    await own.plain.$executeRawUnsafe(`DROP OWNED BY ${role}`)
    await own.plain.$executeRawUnsafe(`DROP ROLE ${role}`)
    await own.close()
  })
  it('a write does not fail for an unreadable column that would have named the lists that it changes', async () => {
    const own = await createWorld()
    await own.plain.user.create({ data: { id: 1, email: 'e', posts: { create: { id: 1, title: 't' } } } })
    const role = `writer_${process.pid}_${Date.now()}`
    await own.plain.$executeRawUnsafe(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`)
    await own.plain.$executeRawUnsafe(`GRANT SELECT (id, views), UPDATE (views, "updatedAt") ON "Post" TO ${role}`)
    const url = new URL(own.databaseUrl)
    url.username = role
    url.password = 'x'
    const { newClient } = await import('../support/world.js')
    const writer = own.process({}, { base: newClient(url.href) })
    const reader = own.process()
    const read = () =>
      reader.prisma.user.findUnique({ where: { id: 1 }, select: { posts: { select: { views: true } } } })
    for (const views of [1, 2]) {
      await read()
      await reader.flushed()
      await writer.prisma.post.update({ where: { id: 1 }, data: { views }, select: { id: true } })
      expect(await read()).toEqual({ posts: [{ views }] })
    }
    await writer.end()
    await own.plain.$executeRawUnsafe(`DROP OWNED BY ${role}`)
    await own.plain.$executeRawUnsafe(`DROP ROLE ${role}`)
    await own.close()
  })
})

describe('options of the caller’s ioredis client', () => {
  it.each([
    ['enableAutoPipelining', { enableAutoPipelining: true }],
    ['keyPrefix', { keyPrefix: 'theirs:' }],
    ['stringNumbers', { stringNumbers: true }],
    ['no offline queue, no retries', { enableOfflineQueue: false, maxRetriesPerRequest: 0 }],
    ['endless retries', { maxRetriesPerRequest: null }],
    ['RESP2', { protocol: 2 as const }],
    ['a command time-out', { commandTimeout: 1000 }],
  ])('rows are cached and invalidated through an ioredis client with %s', async (_, options) => {
    const process = world.process({ redis: new Redis(world.redisUrl, options) })
    const id = await newUser()
    await nameOf(process, id)
    await process.flushed()
    expect(await process.countSql(() => nameOf(process, id))).toBe(0)
    await process.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    expect(await nameOf(process, id)).toBe('v1')
    expect(process.prisma.$cache.stats().invalidationsQueued).toBe(0)
    // The world cleans up behind its own prefix, not behind `theirs:`.
    const left = await world.redis.keys(`theirs:${world.prefix}*`)
    if (left.length > 0) await world.redis.del(left)
  })

  it('a MULTI of the application’s on the shared connection does not swallow a DEL', async () => {
    const process = world.process()
    const id = await newUser()
    await nameOf(process, id)
    await process.flushed()
    await process.redis.multi({ pipeline: false })
    await process.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    await process.redis.discard()
    expect(process.prisma.$cache.stats().invalidationsQueued).toBe(1)
    expect(await nameOf(process, id)).toBe('v1')
    await expect.poll(() => process.prisma.$cache.stats().pendingInvalidations).toBe(0)
    expect(await nameOf(world.process(), id)).toBe('v1')
  })
})

describe('results and values at the edge', () => {
  it('a frozen result of an inner extension does not make a committed write reject', async () => {
    const id = await newUser()
    const db = cached.prisma.$extends({
      query: { user: { update: async ({ args, query }) => Object.freeze(await query(args)) } },
    })
    expect(await db.user.update({ where: { id }, data: { name: 'v1' }, select: { name: true } })).toEqual({
      name: 'v1',
    })
  })

  it('a JSON number beyond a double is not kept', async () => {
    const { id } = await world.plain.product.create({
      data: { brandSlug: 'unbranded', model: fresh('m'), sku: fresh('s'), name: 'n', price: 1, sizes: [] },
    })
    await world.plain.$executeRaw`UPDATE "Product" SET attributes = '{"a": 1e400}'::jsonb WHERE id = ${id}::uuid`
    for (let i = 0; i < 3; i++) {
      expect(await cached.prisma.product.findUnique({ where: { id } })).toStrictEqual(
        await world.plain.product.findUnique({ where: { id } }),
      )
    }
  })

  it('a write on a transaction client whose transaction has ended sets no hold', async () => {
    const id = await newUser()
    const left = await cached.prisma.$transaction(async tx => tx)
    const late = (left as unknown as CachedProcess['prisma']).user.update({ where: { id }, data: { name: 'late' } })
    await expect(late).rejects.toMatchObject({ code: 'P2028' })
    expect(await world.redis.exists(`${world.prefix}{User}@hold`)).toBe(0)
  })

  it('waiting for a slow database is not taken for a slow Redis', async () => {
    const process = world.process({ deadlineMs: 50 })
    const ids = await Promise.all([newUser(), newUser(), newUser(), newUser()])
    await nameOf(process, ids[0])
    const slow = process.prisma.$extends({
      query: {
        user: {
          async findUnique({ args, query }) {
            const result = await query(args)
            await world.plain.$executeRaw`SELECT pg_sleep(0.12)`
            return result
          },
        },
      },
    })
    const trust: boolean[] = []
    process.prisma.$cache.on(event => {
      if (event.type === 'redis') trust.push(event.usable)
    })
    await process.prisma.$cache.invalidateModel('User')
    const read = (id: number) => (async () => slow.user.findUnique({ where: { id } }))()
    const early = ids.map(read)
    await world.plain.$executeRaw`SELECT pg_sleep(0.05)` // so that the next ones come after the database was asked
    await Promise.all([...early, ...ids.map(read)])
    expect(trust).toEqual([])
  })
})

describe('a create', () => {
  it.each([
    [
      'by itself',
      (id: { userId: number; postId: number }) => cached.prisma.bookmark.create({ data: { ...id, note: 'new' } }),
    ],
    [
      'of many',
      (id: { userId: number; postId: number }) => cached.prisma.bookmark.createMany({ data: [{ ...id, note: 'new' }] }),
    ],
    [
      'by connecting',
      ({ userId, postId }: { userId: number; postId: number }) =>
        cached.prisma.bookmark.create({
          data: { user: { connect: { id: userId } }, post: { connect: { id: postId } }, note: 'new' },
          select: { note: true },
        }),
    ],
    [
      'as a fluent call, which answers with another row',
      ({ userId, postId }: { userId: number; postId: number }) =>
        cached.prisma.bookmark
          .create({ data: { user: { connect: { id: userId } }, post: { connect: { id: postId } }, note: 'new' } })
          .user(),
    ],
    [
      'inside another write',
      ({ userId, postId }: { userId: number; postId: number }) =>
        cached.prisma.user.update({ where: { id: userId }, data: { bookmarks: { create: { postId, note: 'new' } } } }),
    ],
  ])('%s, under an id that a deleted row had: the row from before is not served', async (_, create) => {
    const userId = await newUser()
    const post = await world.plain.post.create({ data: { title: 't', authorId: userId } })
    const where = { userPost: { userId, postId: post.id } }
    await world.plain.bookmark.create({ data: { ...where.userPost, note: 'old' } })
    await cached.prisma.bookmark.findUnique({ where })
    await cached.flushed()
    await world.plain.bookmark.delete({ where }) // by somebody whose DEL has not come yet
    await create(where.userPost)
    expect((await cached.prisma.bookmark.findUnique({ where }))?.note).toBe('new')
  })
})

describe('a raw query whose result Prisma stumbles over', () => {
  it('a raw query whose result Prisma cannot read sets no hold', async () => {
    await expect(cached.prisma.$queryRawUnsafe(`UPDATE "Tag" SET name = name; SELECT 1`)).rejects.toThrow(TypeError)
    expect(await world.redis.exists(`${world.prefix}{Tag}@hold`)).toBe(0)
  })
})

describe('another Redis at the other end', () => {
  let one: RedisServer
  let two: RedisServer
  beforeAll(async () => {
    ;[one, two] = await Promise.all([startRedis(), startRedis()])
  })
  afterAll(async () => {
    await Promise.all([one.stop(), two.stop()])
  })

  it('failing over to a second server and back to the first, which missed the invalidations, serves nothing stale', async () => {
    const redis = new Redis(one.url)
    const process = world.process({ redis })
    const id = await newUser()
    await nameOf(process, id)
    await process.flushed()
    expect(await process.countSql(() => nameOf(process, id))).toBe(0)

    const moveTo = async (server: RedisServer) => {
      const trusted = new Promise<void>(resolve => {
        const off = process.prisma.$cache.on(event => {
          if (event.type !== 'redis' || !event.usable) return
          off()
          resolve()
        })
      })
      const ended = new Promise(resolve => redis.once('end', resolve))
      redis.disconnect()
      await ended
      redis.options.port = server.port
      await redis.connect()
      await trusted
    }
    await moveTo(two)
    await process.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    await moveTo(one)
    expect(await nameOf(process, id)).toBe('v1')
  })
})

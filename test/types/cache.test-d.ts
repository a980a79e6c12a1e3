import type { Redis } from 'ioredis'
import { describe, expectTypeOf, it } from 'vitest'
import type { PrismaClient, User } from '../../generated/prisma/client.js'
import { type CacheEvent, cacheAside } from '../../src/index.js'

declare const redis: Redis
declare const plain: PrismaClient
const prisma = plain.$extends(cacheAside({ redis, models: { User: true } }))

describe('$cache.invalidate', () => {
  it('takes a model of the schema and what findUnique takes as where', async () => {
    expectTypeOf(await prisma.$cache.invalidate('User', { id: 1 })).toEqualTypeOf<
      'done' | 'queued' | 'after-transaction'
    >()
    await prisma.$cache.invalidate('User', { email: 'ada@x.org' })
    await prisma.$cache.invalidate('User', { id: 1, role: 'ADMIN' })
    await prisma.$cache.invalidate('Order', { id: 1n })
    await prisma.$cache.invalidate('Bookmark', { userPost: { userId: 1, postId: 2 } })
    await prisma.$cache.invalidate('Membership', { userId_tenantId: { userId: 1, tenantId: 'a' } })
    await prisma.$cache.invalidate('AliasBytes', { id: new Uint8Array([1]) })
  })

  it('refuses a model that is not there', async () => {
    // @ts-expect-error -- a typo
    await prisma.$cache.invalidate('Usr', { id: 1 })
    // @ts-expect-error -- the name of the delegate, not of the model
    await prisma.$cache.invalidate('user', { id: 1 })
    // @ts-expect-error -- the client does not have it
    await prisma.$cache.invalidate('TenantImport', { line: 'a' })
  })

  it('refuses a where that is not unique, or of another model', async () => {
    // @ts-expect-error -- not unique
    await prisma.$cache.invalidate('User', { name: 'Ada' })
    // @ts-expect-error -- no such field
    await prisma.$cache.invalidate('User', { id: 1, nam: 'Ada' })
    // @ts-expect-error -- of another type
    await prisma.$cache.invalidate('User', { id: '1' })
    // @ts-expect-error -- nothing
    await prisma.$cache.invalidate('User', {})
    // @ts-expect-error -- half of a compound id
    await prisma.$cache.invalidate('Bookmark', { userPost: { userId: 1 } })
    // @ts-expect-error -- the where of another model
    await prisma.$cache.invalidate('Product', { email: 'ada@x.org' })
    // @ts-expect-error -- a bare id
    await prisma.$cache.invalidate('User', 1)
  })
})

describe('$cache.warm', () => {
  it('takes a where as findMany does, and answers a cursor that it takes again', async () => {
    const { cursor, done, why, finished } = await prisma.$cache.warm('User', { where: { name: { startsWith: 'A' } } })
    expectTypeOf(done).toEqualTypeOf<number>()
    expectTypeOf(why).toEqualTypeOf<string | undefined>()
    expectTypeOf(finished).toEqualTypeOf<boolean>()
    await prisma.$cache.warm('User', {}, { after: cursor, onProgress: ({ total, cursor: at }) => [total, at.id] })
    await prisma.$cache.warm('Order', {}, { after: { id: 1n }, concurrency: 2, batchSize: 10, count: true })
    await prisma.$cache.warm('Bookmark', {}, { after: { userPost: { userId: 1, postId: 2 } } })
    await prisma.$cache.warm('Post', { where: { author: { email: 'a' } } }, { signal: AbortSignal.timeout(1000) })
  })

  it('refuses a model that is not there, a where of another model, and what findMany takes besides', async () => {
    // @ts-expect-error -- a typo
    await prisma.$cache.warm('Usr')
    // @ts-expect-error -- no such field
    await prisma.$cache.warm('User', { where: { nam: 'Ada' } })
    // @ts-expect-error -- rows are stored whole
    await prisma.$cache.warm('User', { select: { id: true } })
    // @ts-expect-error -- without relations
    await prisma.$cache.warm('User', { include: { posts: true } })
    // @ts-expect-error -- the key of another model
    await prisma.$cache.warm('User', {}, { after: { userPost: { userId: 1, postId: 2 } } })
    // @ts-expect-error -- a typo
    await prisma.$cache.warm('User', {}, { concurency: 2 })
  })
})

describe('the rest of $cache', () => {
  it('invalidateModel takes a model of the schema', async () => {
    expectTypeOf(await prisma.$cache.invalidateModel('User')).toEqualTypeOf<'done' | 'queued' | 'after-transaction'>()
    expectTypeOf(await prisma.$cache.invalidateAll()).toEqualTypeOf<'done' | 'queued' | 'after-transaction'>()
    // @ts-expect-error -- a typo
    await prisma.$cache.invalidateModel('Usr')
  })

  it('stats are numbers, listeners get events, and ending is a function', () => {
    expectTypeOf(prisma.$cache.stats().hits).toEqualTypeOf<number>()
    expectTypeOf(prisma.$cache.stats().pendingInvalidations).toEqualTypeOf<number>()
    expectTypeOf(prisma.$cache.on(event => expectTypeOf(event).toEqualTypeOf<CacheEvent>())).toEqualTypeOf<() => void>()
    expectTypeOf(prisma.$cache.close()).resolves.toEqualTypeOf<{
      readonly pendingInvalidations: number
      readonly openHolds: number
    }>()
  })
})

describe('$uncached', () => {
  it('is the client that was extended', async () => {
    // As every extended client is typed: without $on, which it does not have.
    const extended = plain.$extends({})
    expectTypeOf(prisma.$uncached).toExtend<typeof extended>()
    expectTypeOf(extended).toExtend<typeof prisma.$uncached>()
    expectTypeOf(await prisma.$uncached.user.findUnique({ where: { id: 1 } })).toEqualTypeOf<User | null>()
    expectTypeOf(prisma.$uncached).not.toHaveProperty('$cache')
  })
})

describe('an extension kept in a variable', () => {
  it('does not know the models, and takes any', async () => {
    const cache = cacheAside({ redis, models: { User: true } })
    const kept = plain.$extends(cache)
    expectTypeOf(await kept.user.findUnique({ where: { id: 1 } })).toEqualTypeOf<User | null>()
    await kept.$cache.invalidate('AnyName', { any: 'where' })
  })
})

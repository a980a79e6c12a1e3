import type { Redis } from 'ioredis'
import { describe, expectTypeOf, it } from 'vitest'
import type { Prisma, PrismaClient, User } from '../../generated/prisma/client.js'
import { type CacheApi, type WithCache, withCache } from '../../src/index.js'

declare const redis: Redis
declare const plain: PrismaClient
declare const logging: PrismaClient<'query'>
declare const omitting: PrismaClient<never, { user: { email: true } }>

const prisma = withCache(plain, { redis, models: { User: true, Post: '5m' } })
const where = { id: 1 }

describe('withCache', () => {
  it('gives the client’s own type, with three members', () => {
    expectTypeOf(prisma).toEqualTypeOf<WithCache<PrismaClient>>()
    expectTypeOf(prisma.$cache).toEqualTypeOf<CacheApi<PrismaClient>>()
    expectTypeOf(prisma.$uncached).toEqualTypeOf<PrismaClient>()
    expectTypeOf(prisma.$cached({ ttl: '1m', tags: ['a'], fresh: true })).toEqualTypeOf<PrismaClient>()
    // @ts-expect-error -- there is no such option
    prisma.$cached({ TTL: 1 })
  })

  it('goes where PrismaClient or typeof prisma is asked for', () => {
    const service = (db: PrismaClient) => db.user.count()
    const own = (db: typeof prisma) => db.$cache.stats()
    void service(prisma)
    own(prisma)
    void service(prisma.$uncached)
    expectTypeOf(prisma).toExtend<Prisma.TransactionClient>()
  })

  it('gives a transaction client that goes where Prisma.TransactionClient is asked for', async () => {
    const repository = async (db: Prisma.TransactionClient): Promise<User | null> => db.user.findUnique({ where })
    await repository(prisma)
    const found = await prisma.$transaction(async tx => repository(tx))
    expectTypeOf(found).toEqualTypeOf<User | null>()
  })

  it('keeps $on, with the events that the client logs', () => {
    const cached = withCache(logging, { redis, models: {} })
    cached.$on('query', event => expectTypeOf(event).toEqualTypeOf<Prisma.QueryEvent>())
    // @ts-expect-error -- this client does not log errors as events
    cached.$on('error', () => {})
  })

  it('keeps the types of results, those of an extended client too', async () => {
    expectTypeOf(await prisma.user.findUnique({ where })).toEqualTypeOf<User | null>()
    const narrow = withCache(omitting, { redis, models: { User: true } })
    expectTypeOf(await narrow.user.findUnique({ where })).toEqualTypeOf<Omit<User, 'email'> | null>()
    const extended = plain.$extends({ model: { user: { signUp: async (email: string) => email.length } } })
    const cached = withCache(extended, { redis, models: { User: true } })
    expectTypeOf(await cached.user.signUp('a')).toEqualTypeOf<number>()
    expectTypeOf(await cached.user.findUnique({ where })).toEqualTypeOf<User | null>()
  })

  it('types $cache by the client', () => {
    void prisma.$cache.invalidate('User', where)
    // @ts-expect-error -- no such model
    void prisma.$cache.invalidate('Usr', where)
  })
})

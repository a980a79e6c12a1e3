import type { Redis } from 'ioredis'
import { describe, expectTypeOf, it } from 'vitest'
import type { PrismaClient } from '../../generated/prisma/client.js'
import { type CacheApi, type CacheAsideOptions, cacheAside } from '../../src/index.js'

declare const redis: Redis
declare const plain: PrismaClient
const prisma = plain.$extends(cacheAside({ redis, models: { User: true } }))

describe('models that are known', () => {
  it('are checked in the options, inline in $extends', () => {
    // @ts-expect-error -- no such model
    plain.$extends(cacheAside({ redis, models: { User: true, Usr: true } }))
    // @ts-expect-error -- the name of the delegate, not of the model
    plain.$extends(cacheAside({ redis, models: { user: '5m' } }))
    // @ts-expect-error -- no such unit
    plain.$extends(cacheAside({ redis, models: { User: '5 minutes' } }))
  })

  it('are checked when the client is named', async () => {
    const options: CacheAsideOptions<PrismaClient> = { redis, models: { User: true } }
    // @ts-expect-error -- no such model
    cacheAside<PrismaClient>({ redis, models: { Usr: true } })
    const cache = cacheAside<PrismaClient>(options)
    const soft = plain
      .$extends(cache.invalidation)
      .$extends({ model: { user: { $bye: async () => 1 } } })
      .$extends(cache)
    expectTypeOf(await soft.user.$bye()).toEqualTypeOf<number>()
    await soft.$cache.invalidate('User', { id: 1 })
    // @ts-expect-error -- no such model
    await soft.$cache.invalidate('Usr', { id: 1 })
    // @ts-expect-error -- not unique
    await soft.$cache.invalidate('User', { name: 'Ada' })
  })

  it('make one type of $cache, however the client was extended', () => {
    expectTypeOf(prisma.$cache).toExtend<CacheApi<PrismaClient>>()
    expectTypeOf(prisma.$cache).toExtend<CacheApi<typeof prisma>>()
    expectTypeOf<CacheApi<PrismaClient>>().toExtend<typeof prisma.$cache>()
  })

  it('are any where the client is not known', async () => {
    const options: CacheAsideOptions = { redis, models: { AnyName: true } }
    const kept = plain.$extends(cacheAside(options))
    await kept.$cache.invalidateModel('User')
    const loose = cacheAside({ redis, models: { AnyName: true } })
    await plain.$extends(loose).$cache.invalidate('AnyName', { any: 'where' })
  })
})

import type { Cluster, Redis } from 'ioredis'
import type { Cluster as ValkeyCluster, Redis as Valkey } from 'iovalkey'
import { describe, expectTypeOf, it } from 'vitest'
import type { PrismaClient } from '../../generated/prisma/client.js'
import {
  CacheAsideError,
  type CacheAsideErrorCode,
  type CacheAsideOptions,
  cacheAside,
  withCache,
} from '../../src/index.js'

declare const redis: Redis
declare const valkey: Valkey
declare const valkeyCluster: ValkeyCluster
declare const cluster: Cluster
declare const plain: PrismaClient

describe('options', () => {
  it('take a TTL as a number of seconds, as a duration, and true for the default', () => {
    cacheAside({ redis, models: { User: 300, Post: '5m', Tag: true, Category: '250ms', Brand: '1.5h', Tenant: '1d' } })
    cacheAside({ redis, models: { User: { ttl: '5m' }, Post: { ttl: 300, negativeTtl: 0 }, Tag: {} }, ttl: '30s' })
  })

  it('take strict mode, for all, and for a model', () => {
    cacheAside({ redis, models: { User: true }, consistency: 'strict', onIntentFailure: 'reject', writeThrough: true })
    cacheAside({ redis, models: { User: { consistency: 'strict', writeThrough: true }, Post: true } })
    // @ts-expect-error -- no such consistency
    cacheAside({ redis, models: {}, consistency: 'eventual' })
    // @ts-expect-error -- no such answer to a failure
    cacheAside({ redis, models: {}, consistency: 'strict', onIntentFailure: 'retry' })
  })

  it('take a near cache, for all, and for a model or not', () => {
    cacheAside({ redis, models: { User: { near: false }, Post: true }, near: true })
    cacheAside({ redis, models: { User: { near: true } }, near: { max: 10, maxBytes: 1_000_000, maxStaleMs: 500 } })
    // @ts-expect-error -- bytes are a number
    cacheAside({ redis, models: {}, near: { maxBytes: '1mb' } })
    // @ts-expect-error -- sizes are for the whole cache
    cacheAside({ redis, models: { User: { near: { max: 10 } } } })
  })

  it('take how old an entry may be', () => {
    cacheAside({
      redis,
      models: { User: { refreshAhead: true, swr: '5m', staleIfError: 60 }, Post: { refreshAhead: 2 } },
    })
    // @ts-expect-error -- no beta
    cacheAside({ redis, models: { User: { refreshAhead: 'early' } } })
    // @ts-expect-error -- no such unit
    cacheAside({ redis, models: { User: { swr: '5w' } } })
    // @ts-expect-error -- no duration
    cacheAside({ redis, models: { User: { staleIfError: true } } })
  })

  it('refuse what is no duration', () => {
    // @ts-expect-error -- no such unit
    cacheAside({ redis, models: { User: '5 minutes' } })
    // @ts-expect-error -- no such unit
    cacheAside({ redis, models: { User: '5w' } })
    // @ts-expect-error -- no unit
    cacheAside({ redis, models: { User: { ttl: '300' } } })
    // @ts-expect-error -- no number
    cacheAside({ redis, models: {}, ttl: 'm' })
    // @ts-expect-error -- leave the model out instead
    cacheAside({ redis, models: { User: false } })
    // @ts-expect-error -- leave the model out instead
    cacheAside({ redis, models: { User: null } })
  })

  it('refuse names that are not known', () => {
    // @ts-expect-error -- no such option
    cacheAside({ redis, models: {}, debug: true })
    // @ts-expect-error -- no such option of a model
    cacheAside({ redis, models: { User: { tll: '5m' } } })
    // @ts-expect-error -- no such option, inline in $extends
    plain.$extends(cacheAside({ redis, models: {}, debug: true }))
    // @ts-expect-error -- no such option of a model, inline in $extends
    plain.$extends(cacheAside({ redis, models: { User: { ttl: '5m', stale: true } } }))
  })

  it('need redis and models', () => {
    // @ts-expect-error -- no redis
    cacheAside({ models: {} })
    // @ts-expect-error -- no models
    cacheAside({ redis })
    // @ts-expect-error -- no redis
    cacheAside({ enabled: true, models: {} })
    // @ts-expect-error -- nothing
    cacheAside()
  })

  it('take a URL, also one that may not be set, and none where the cache is turned off', () => {
    cacheAside({ redis: 'redis://127.0.0.1', models: {} })
    cacheAside({ redis: process.env['REDIS_URL'], models: {} })
    cacheAside({ redis: valkey, models: {} })
    cacheAside({ redis: valkeyCluster, models: {} })
    // @ts-expect-error -- a client of another package
    cacheAside({ redis: { isReady: true, mGet: async () => [] }, models: {} })
    cacheAside({ enabled: false, models: {} })
    cacheAside({ enabled: false, redis: undefined, models: {} })
    cacheAside({ enabled: process.env['CACHE'] !== 'off', redis, models: {} })
  })

  it('take a logger', () => {
    cacheAside({ redis, models: {}, log: true })
    cacheAside({ redis, models: {}, log: console })
    // @ts-expect-error -- no logger
    cacheAside({ redis, models: {}, log: 'console' })
  })

  it('know the fields and the models of the client', () => {
    plain.$extends(cacheAside({ redis, models: { User: { exclude: ['name'] } } }))
    // @ts-expect-error -- no such field
    plain.$extends(cacheAside({ redis, models: { User: { exclude: ['nmae'] } } }))
    // @ts-expect-error -- a relation is no field
    plain.$extends(cacheAside({ redis, models: { User: { exclude: ['posts'] } } }))
    // @ts-expect-error -- no such model
    plain.$extends(cacheAside({ redis, models: { User: { dependsOn: ['Psot'] } } }))
    withCache(plain, { redis, models: { User: { exclude: ['name'], dependsOn: ['Post'] } } })
    // @ts-expect-error -- no such field
    withCache(plain, { redis, models: { User: { exclude: ['nmae'] } } })
    // @ts-expect-error -- no such model
    withCache(plain, { redis, models: { Usr: true } })
    // @ts-expect-error -- no such option
    withCache(plain, { redis, models: {}, debug: true })
  })

  it('take a Redis and a Cluster of ioredis', () => {
    expectTypeOf(redis).toExtend<CacheAsideOptions['redis']>()
    expectTypeOf(cluster).toExtend<CacheAsideOptions['redis']>()
  })

  it('are all there is: cacheAside takes nothing else', () => {
    expectTypeOf<CacheAsideOptions>().toExtend<Parameters<typeof cacheAside>[0]>()
    // @ts-expect-error -- no second argument
    cacheAside({ redis, models: {} }, {})
  })
})

describe('CacheAsideError', () => {
  it('is an Error with a code', () => {
    expectTypeOf<CacheAsideError>().toExtend<Error>()
    expectTypeOf<CacheAsideError>().toHaveProperty('code').toEqualTypeOf<CacheAsideErrorCode>()
  })
})

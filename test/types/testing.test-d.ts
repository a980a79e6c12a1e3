import type { Redis } from 'ioredis'
import { describe, expectTypeOf, it } from 'vitest'
import { type CacheAsideOptions, cacheAside } from '../../src/index.js'
import { type MemoryRedis, memoryRedis } from '../../src/testing/index.js'

describe('memoryRedis', () => {
  it('is a Redis of ioredis, and goes where the client of the cache goes', () => {
    const redis = memoryRedis()
    expectTypeOf(redis).toExtend<Redis>()
    expectTypeOf(redis).toExtend<CacheAsideOptions['redis']>()
    cacheAside({ redis, models: { User: true } })
    expectTypeOf(redis.get('a')).toEqualTypeOf<Promise<string | null>>()
  })

  it('has faults, and its duplicates have them, too', () => {
    expectTypeOf(memoryRedis().duplicate({ db: 1 })).toEqualTypeOf<MemoryRedis>()
    memoryRedis({ keyPrefix: 'a:' }).duplicate().faults.slow(200)
  })

  it('refuses what is no option of ioredis, and times that are no numbers', () => {
    // @ts-expect-error -- a URL
    memoryRedis('redis://127.0.0.1')
    // @ts-expect-error -- no such option
    memoryRedis({ faults: 'down' })
    // @ts-expect-error -- a duration
    memoryRedis().faults.slow('200ms')
  })
})

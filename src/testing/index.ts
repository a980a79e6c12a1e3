/** The door `prisma-extension-cache-aside/testing`: a Redis for tests, without a server. Nothing of the cache itself imports it. */
import { Redis, type RedisOptions } from 'ioredis'
import { CacheAsideError, shown } from '../errors.js'
import { connectedTo, type MemoryRedis } from './client.js'
import { MemoryServer } from './server.js'

/**
 * A client of ioredis with a memory in this process instead of a server, for tests and for a machine without Redis. Each call makes
 * a memory of its own; `duplicate()` makes another client of the same memory. The memory has the commands that the cache uses, a
 * few to look at keys (`KEYS`, `EXISTS`, `TTL`, `PTTL`, `DBSIZE`) and to remove them (`FLUSHALL`, `FLUSHDB`), and answers all others as
 * Redis answers a command that it does not know. Keys end by the clock (`Date`). A process ends although the client is connected.
 *
 * @param options - options of ioredis, such as `db`, `keyPrefix`, `retryStrategy` or `lazyConnect`. Those that say where the
 *   server is (`host`, `port`, `path`, `tls`, `sentinels`, `Connector`) are not used. Default: those of ioredis
 * @returns the client, with `faults` to make the memory fail
 * @throws CacheAsideError `INVALID_OPTION` for a URL, or anything else that is no object
 * @example
 * const redis = memoryRedis()
 * const prisma = new PrismaClient({ adapter }).$extends(cacheAside({ redis, models: { User: '5m' } }))
 * redis.faults.down() // from here on Postgres answers
 */
export function memoryRedis(options: RedisOptions = {}): MemoryRedis {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new CacheAsideError(
      'INVALID_OPTION',
      `memoryRedis takes an object with options of ioredis, got ${shown(options)}. It leads to no server: write memoryRedis().`,
    )
  }
  return connectedTo(new MemoryServer(), Redis, options)
}

export type { Faults } from './faults.js'
export type { MemoryClient, MemoryRedis } from './client.js'

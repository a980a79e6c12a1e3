import type { CacheApi } from './cache-api.js'
import type { CacheAside } from './extension.js'
import { createExtension } from './extension.js'
import type { CacheAsideOptions, QueryOptions } from './options.js'

/**
 * Cache-aside for a Prisma client. Rows of the named models come from Redis, and every write made through the client
 * invalidates the entries that it made stale.
 *
 * Redis: a hit takes one `MGET` for all reads of the same tick, and Postgres is not queried. A miss takes one more round trip
 * (`SET … NX GET`) before the query, and one script afterwards, which is not awaited. A write takes one `DEL` afterwards,
 * which is awaited.
 *
 * @param options - `redis`: a URL, or your ioredis client. `models`: which models are cached, and for how long (a number is seconds,
 *   `'5m'` is a duration). The other options have defaults: see {@link CacheAsideOptions}.
 * @returns the extension, for `$extends`
 * @throws CacheAsideError `INVALID_OPTION` when it is created; `INVALID_MODEL` and `UNSUPPORTED_CLIENT` at `$extends`
 * @example
 * const prisma = new PrismaClient({ adapter }).$extends(
 *   cacheAside({ redis: process.env.REDIS_URL, models: { User: { ttl: 300 }, Post: '5m' } }),
 * )
 * await prisma.user.findUnique({ where: { id: 42 } }) // miss: Postgres, then `User:42` in Redis; next time: Redis only
 */
// `any` where the client is not known, as when the extension is kept in a variable before `$extends`.
// oxlint-disable-next-line typescript/no-explicit-any
export function cacheAside<Client = any>(options: NoInfer<CacheAsideOptions<Client>>): CacheAside<Client> {
  return createExtension<Client>(options)
}

/** A client with the cache: the caller's own type, with two members added. */
export type WithCache<Client> = Client & CacheMembers<Client>

export interface CacheMembers<Client> {
  /** The cache by hand: `invalidate`, `getOrSet`, `explain`, `stats` and others. */
  readonly $cache: CacheApi<Client>
  /** The same client without the cache. Its writes still invalidate. */
  readonly $uncached: Client
  /**
   * The same client with other settings for its reads: another TTL, tags, or a fresh answer; and reads that are not configured are
   * cached too. Writes are the same. In a transaction it has no effect.
   *
   * Redis: the same commands as without it. Under tags, a read of rows by their keys is stored as one result.
   *
   * @param options - see {@link QueryOptions}. `{}`: as configured, and what is not configured is cached with the default TTL
   * @throws CacheAsideError `INVALID_CALL`
   * @example await prisma.$cached({ ttl: '10s', tags: ['reports'] }).post.findMany({ where: { published: true } })
   */
  readonly $cached: (options?: QueryOptions) => Client
}

/**
 * The same as `client.$extends(cacheAside(options))`, with another type: that of the client, so that the result goes wherever
 * `PrismaClient` or `typeof prisma` is asked for, and what `$transaction` gives to its callback wherever
 * `Prisma.TransactionClient` is. `$on` stays.
 *
 * @param client - your Prisma client, extended or not
 * @param options - as for {@link cacheAside}
 * @returns the client with the cache, and with `$cache` and `$uncached`
 * @throws CacheAsideError `INVALID_OPTION`, `INVALID_MODEL`, `UNSUPPORTED_CLIENT`
 * @example
 * export const prisma = withCache(new PrismaClient({ adapter }), {
 *   redis: process.env.REDIS_URL,
 *   models: { User: { ttl: 300 }, Post: '5m' },
 * })
 */
export function withCache<Client extends object>(
  client: Client,
  options: NoInfer<CacheAsideOptions<Client>>,
): WithCache<Client> {
  const cached: object = cacheAside<Client>(options)(client)
  const { $on } = client as { $on?: (...args: unknown[]) => unknown }
  if ($on === undefined) return cached as WithCache<Client>
  // Prisma takes it away from extended clients, for good: so it is in an object before the client.
  const withEvents: object = Object.create(cached, {
    $on: {
      value(...args: unknown[]) {
        $on.apply(client, args)
        return withEvents
      },
    },
  }) as object
  return withEvents as WithCache<Client>
}

export default cacheAside
export type {
  CacheApi,
  Explanation,
  GetOrSetOptions,
  Invalidated,
  WarmArgs,
  Warmed,
  WarmOptions,
  WarmProgress,
} from './cache-api.js'
export { CacheAsideError, type CacheAsideErrorCode } from './errors.js'
export type { CacheEvent, ErrorCode, Missed, Spent, Stats, Traced, WarningCode } from './events.js'
export type { CacheAside } from './extension.js'
export type { Logger } from './log.js'
export type { CacheAsideOptions, Duration, ModelOptions, NearOptions, QueryOptions } from './options.js'
export type { NearStats } from './redis/near-caches.js'

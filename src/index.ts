import type { CacheAside } from './extension.js'
import { createExtension } from './extension.js'
import type { CacheAsideOptions } from './options.js'

/**
 * Cache-aside for a Prisma client: rows of the named models come from Redis, and every write made through the client drops
 * what it made wrong.
 *
 * On a hit Redis sees one `MGET` for all reads of the same tick and Postgres nothing; on a miss one more round trip
 * (`SET … NX GET`) before the query, and one script after it that nobody waits for; at a write one `DEL` behind it.
 *
 * @param options - `redis`: your ioredis client. `models`: which models, and for how long (a number is seconds, `'5m'` is
 *   a duration). The others have defaults: see {@link CacheAsideOptions}.
 * @returns the extension, for `$extends`
 * @throws CacheAsideError `INVALID_OPTION` here, `INVALID_MODEL` and `UNSUPPORTED_CLIENT` at `$extends`
 * @example
 * const prisma = new PrismaClient({ adapter }).$extends(
 *   cacheAside({ redis: new Redis(process.env.REDIS_URL), models: { User: { ttl: 300 }, Post: '5m' } }),
 * )
 * await prisma.user.findUnique({ where: { id: 42 } }) // miss: Postgres, then `User:42` in Redis; next time: Redis only
 */
// `any` where the client is not known, as when the extension is kept in a variable before `$extends`.
// oxlint-disable-next-line typescript/no-explicit-any
export function cacheAside<Client = any>(options: NoInfer<CacheAsideOptions<Client>>): CacheAside<Client> {
  return createExtension<Client>(options)
}

export default cacheAside
export type { CacheApi, Explanation, GetOrSetOptions } from './cache-api.js'
export { CacheAsideError, type CacheAsideErrorCode } from './errors.js'
export type { CacheEvent, ErrorCode, Stats } from './events.js'
export type { CacheAside } from './extension.js'
export type { CacheAsideOptions, Duration, ModelOptions } from './options.js'

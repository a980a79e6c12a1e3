/** Wrong configuration or wrong use of `$cache`. Compare by `code`: two copies of the package have two classes. */
export class CacheAsideError extends Error {
  override readonly name = 'CacheAsideError'
  readonly code: CacheAsideErrorCode

  constructor(code: CacheAsideErrorCode, message: string) {
    super(`[prisma-extension-cache-aside] ${message}`)
    this.code = code
  }
}

export type CacheAsideErrorCode =
  /** An option has a wrong value, or is not known. */
  | 'INVALID_OPTION'
  /** A configured model is not in the schema, or can't be cached. */
  | 'INVALID_MODEL'
  /** The client is not one that this version can extend. */
  | 'UNSUPPORTED_CLIENT'
  /** A call of `$cache` that makes no sense. */
  | 'INVALID_CALL'

/** A value as an error message shows it: short, and never a whole object. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return String(value)
}

/** What kind of error it is, and no more: messages, of decoders for one, may hold data of rows. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}

/** The codes of `error` events. docs/operations.md says what to do about each. */
export type ErrorCode =
  /** Redis answered a command with an error. */
  | 'REDIS_REFUSED'
  /** Redis is older than 7.0: nothing is cached. */
  | 'REDIS_TOO_OLD'
  /** Redis is full, or does not let this process write: nothing is cached in this process. */
  | 'REDIS_NOT_WRITABLE'
  /** The application has sent `SELECT` on the client: nothing is cached, and invalidations wait. */
  | 'OTHER_DATABASE'
  /** Redis refuses what the near cache needs: each read asks Redis. */
  | 'NEAR_CACHE_OFF'
  /** More invalidations wait for Redis than the journal holds: all entries are invalidated instead. */
  | 'JOURNAL_OVERFLOW'
  /** Arguments of a form that this version does not know: a read went to the database, a write invalidated everything. */
  | 'PLAN'
  /** A value of `getOrSet` could not be turned into bytes: it was returned and not stored. */
  | 'SERIALIZE'
  /** The bytes of a stored value could not be read: `fetch` was called. */
  | 'DESERIALIZE'
  /** The keys under the prefix belong to another database or Postgres schema: nothing is cached. */
  | 'PREFIX_IN_USE'
  /** The function `prefix` threw or returned no valid prefix: nothing is cached. */
  | 'PREFIX'
  /** An extension with query hooks was applied after the cache: the models that it applies to are not cached. */
  | 'HOOKS_BEHIND'
  /** An error of this package itself: nothing is cached until it is over. */
  | 'UNEXPECTED'

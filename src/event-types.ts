/** What the cache says of what it does: the events, and the words in them. */
import type { Spent } from './times.js'

/** `key`, the key in Redis, is contained only with the option `includeKeys`. For times and round trips see {@link Spent}. */
export type CacheEvent =
  /**
   * A query was answered from Redis. `negative`: the answer is that there is no such row. `stale`: an entry of it is past its TTL, and is
   * loaded anew in the background (`swr`).
   */
  | ({ type: 'hit'; model: string; operation: string; negative: boolean; stale?: true; key?: string } & Spent)
  /** Redis had no valid entry, so the database was queried. */
  | ({ type: 'miss'; model: string; operation: string; key?: string } & Missed & Spent)
  /** A query was answered by a load that was in progress in this process. */
  | ({ type: 'shared'; model: string; operation: string; key?: string } & Spent)
  /** The query went to the database unchanged. `why`: the reason, in the words of `explain`. */
  | ({ type: 'bypass'; model: string; operation: string; why: string } & Spent)
  /**
   * The database could not answer, and an entry past its TTL did (`staleIfError`). `error`: the code of Prisma's error, or its name. Of the
   * same read there is a `miss` before, where it queried the database for itself.
   */
  | ({ type: 'stale'; model: string; operation: string; error: string; key?: string } & Spent)
  /**
   * An entry was loaded anew in the background, because it is about to end (`refreshAhead`) or is past its TTL (`swr`); or that has failed,
   * with an `error` as in `stale`. `ms`: what it took.
   */
  | { type: 'refresh'; model: string; operation: string; outcome: 'done'; ms: number; key?: string }
  | { type: 'refresh'; model: string; operation: string; outcome: 'failed'; error: string; key?: string }
  /**
   * What became of a loaded answer. Nothing waits for a fill: its times are those until Redis has replied. `bytes`: of the
   * answer as it is stored, without the 74 bytes around it.
   */
  | ({ type: 'fill'; model: string; outcome: FillOutcome; bytes: number; key?: string } & Spent)
  /**
   * A write, a transaction or a call of `$cache.invalidate…` invalidated entries. `outcome`: `'done'` when Redis has
   * acknowledged it, `'queued'` when it waits in the journal of this process until Redis can be reached.
   */
  | ({
      type: 'invalidate'
      source: InvalidationSource
      models: readonly string[]
      outcome: 'done' | 'queued'
    } & Spent)
  /**
   * The probe has found an answer in Redis that the database does not give, twice, a second apart: it is stale. A write by another
   * program, for one, that the cache was not told of.
   */
  | { type: 'mismatch'; model: string; operation: string; key?: string }
  /** This process began to use the cache, all of it. */
  | { type: 'redis'; usable: true; share?: 1 }
  /** It ceased to, or could not begin to: reads go to the database. `share`: what is still used of a Cluster, 0 to 1. `why`: in words. */
  | { type: 'redis'; usable: false; share?: number; why: string }
  /** Redis has acknowledged the invalidations that were queued: so many keys and holds. */
  | { type: 'replayed'; invalidations: number }
  /** How many other versions of the schema are in use under the same prefix. Writes invalidate for them too. */
  | { type: 'versions'; others: number }
  /** `$cache.close()` had to leave invalidations undone: other processes may read old rows until the TTL. */
  | ({ type: 'closed' } & Outstanding)
  /** Something in the set-up that has not the effect that one would expect. Said to each listener when it begins to listen. */
  | { type: 'warning'; code: WarningCode; message: string }
  /** Something is wrong and needs attention. No query fails because of it. */
  | { type: 'error'; code: ErrorCode; message: string }

/**
 * Why a read was a miss. `absent`: nothing was stored. `stale`: a write has invalidated what was stored. `held`: a write of unknown
 * outcome is not settled, or one in strict mode has not ended. `timeout`: Redis has not replied within `deadlineMs`. `unusable`: Redis was not in use. `foreign`: the
 * bytes are damaged, or of another version of the schema. `fresh`: the query was told to read the database (`$cached`).
 */
export interface Missed {
  readonly why: 'absent' | 'stale' | 'held' | 'timeout' | 'unusable' | 'foreign' | 'fresh'
  /**
   * Of a stale entry: the epochs that have changed since, or, where more than six are its own, all of them. What stands for rows in
   * their names is `…` without `includeKeys`.
   */
  readonly staleBy?: readonly string[]
}

/** The same before it is known whether keys may be told. `name`: without the prefix, and without what stands for rows. */
export interface WhyMissed {
  readonly why: Missed['why']
  readonly staleBy?: readonly { readonly key: string; readonly name: string }[]
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
  /** Redis has not acknowledged the intent of a write in strict mode: the write goes on as in standard mode, or is refused. */
  | 'INTENT_FAILED'
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

/** The codes of `warning` events. */
export type WarningCode =
  /** An option that has no effect. */
  | 'OPTION_WITHOUT_EFFECT'
  /** A model has no key that rows can be cached by: only its lists and results are. */
  | 'NO_KEY'
  /** Read replicas were applied before the cache: it sees no reads. */
  | 'READ_REPLICAS'

/** What `$cache.close()` could not do. */
export interface Outstanding {
  /** Keys and holds that Redis has not acknowledged. */
  readonly pendingInvalidations: number
  /** Writes of unknown outcome whose hold has not ended: their rows are not invalidated again at its end. */
  readonly openHolds: number
}

/**
 * `sent`: the entry was sent, and is stored unless a write came in between. The others are reasons why nothing was sent.
 * `inexact`: a value would not come back exactly. `too-large`: more than `maxBytes`. `other-id`: the database spells the key
 * differently than the query. `unproven`: Prisma's batching may have reported the row as missing wrongly. `off`:
 * `negativeTtl` is 0.
 */
export type FillOutcome = 'sent' | 'inexact' | 'too-large' | 'other-id' | 'unproven' | 'off'

export type InvalidationSource = 'write' | 'transaction' | 'manual' | 'feed'

/** How often each of it was. */
export interface Stats {
  hits: number
  negativeHits: number
  misses: number
  shared: number
  bypassed: number
  /** Hits with an entry past its TTL (`swr`). */
  staleHits: number
  /** Answers that an entry past its TTL gave because the database could not (`staleIfError`). */
  staleIfErrors: number
  refreshes: number
  refreshesFailed: number
  fills: number
  fillsRefused: number
  invalidations: number
  invalidationsQueued: number
  mismatches: number
  errors: number
}

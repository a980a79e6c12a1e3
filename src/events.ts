/**
 * What the cache does, as data: counters that are always on, and events that are only built while somebody listens.
 * Logs, metrics and traces are subscribers, here or on the `node:diagnostics_channel` of the same name.
 */
import { channel } from 'node:diagnostics_channel'

/** The name of the diagnostics channel on which every event is published too. */
const CHANNEL = 'prisma-extension-cache-aside'

/** `key`, the key in Redis, is contained only with the option `includeKeys`. */
export type CacheEvent =
  /** A query was answered from Redis. `negative`: the answer is that there is no such row. */
  | { type: 'hit'; model: string; operation: string; negative: boolean; key?: string }
  /** Redis had no valid entry, so the database was queried. */
  | { type: 'miss'; model: string; operation: string; key?: string }
  /** A query was answered by a load that was in progress in this process. */
  | { type: 'shared'; model: string; operation: string; key?: string }
  /** The query went to the database unchanged. `why`: the reason, in the words of `explain`. */
  | { type: 'bypass'; model: string; operation: string; why: string }
  /** What became of a loaded answer. */
  | { type: 'fill'; model: string; outcome: FillOutcome; key?: string }
  /**
   * A write, a transaction or a call of `$cache.invalidate…` invalidated entries. `outcome`: `'done'` when Redis has
   * acknowledged it, `'queued'` when it waits in the journal of this process until Redis can be reached.
   */
  | { type: 'invalidate'; source: InvalidationSource; models: readonly string[]; outcome: 'done' | 'queued' }
  /** This process began to use the cache. */
  | { type: 'redis'; usable: true }
  /** This process ceased to use the cache, or could not begin to; `why`: in words. Meanwhile reads go to the database. */
  | { type: 'redis'; usable: false; why: string }
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

export type InvalidationSource = 'write' | 'transaction' | 'manual'

export interface Stats {
  hits: number
  negativeHits: number
  misses: number
  shared: number
  bypassed: number
  fills: number
  fillsRefused: number
  invalidations: number
  invalidationsQueued: number
  errors: number
}

export type Emit = (event: CacheEvent) => void

/** Where rare events become lines for people (`log.ts`). */
export interface EventLog {
  event(event: CacheEvent): void
  /** Nothing is said any more. */
  end(): void
}

export class Events {
  readonly stats: Stats = {
    hits: 0,
    negativeHits: 0,
    misses: 0,
    shared: 0,
    bypassed: 0,
    fills: 0,
    fillsRefused: 0,
    invalidations: 0,
    invalidationsQueued: 0,
    errors: 0,
  }
  readonly #listeners = new Set<Emit>()
  readonly #channel = channel(CHANNEL)
  readonly #includeKeys: boolean
  readonly #log: EventLog
  /** Warnings about the set-up: they come before anybody can listen. */
  readonly #warnings: CacheEvent[] = []

  constructor(includeKeys: boolean, log: EventLog) {
    this.#includeKeys = includeKeys
    this.#log = log
  }

  on(listener: Emit): () => void {
    this.#listeners.add(listener)
    for (const warning of this.#warnings) tell(listener, warning)
    return () => this.#listeners.delete(listener)
  }

  /** The cache ends because the application says so: that is nothing to warn of. */
  endLog(): void {
    this.#log.end()
  }

  /** Warns of the set-up, once per message. */
  warn(code: WarningCode, message: string): void {
    if (this.#warnings.some(warning => warning.type === 'warning' && warning.message === message)) return
    const warning: CacheEvent = { type: 'warning', code, message }
    this.#warnings.push(warning)
    this.emit(warning)
  }

  hit(model: string, operation: string, negative: boolean, key: string): void {
    this.stats.hits++
    if (negative) this.stats.negativeHits++
    if (this.#heard) this.emit({ type: 'hit', model, operation, negative, ...this.#keyed(key) })
  }

  miss(model: string, operation: string, key: string): void {
    this.stats.misses++
    if (this.#heard) this.emit({ type: 'miss', model, operation, ...this.#keyed(key) })
  }

  shared(model: string, operation: string, key: string): void {
    this.stats.shared++
    if (this.#heard) this.emit({ type: 'shared', model, operation, ...this.#keyed(key) })
  }

  bypass(model: string, operation: string, why: string): void {
    this.stats.bypassed++
    if (this.#heard) this.emit({ type: 'bypass', model, operation, why })
  }

  fill(model: string, outcome: FillOutcome, key: string): void {
    if (outcome === 'sent') this.stats.fills++
    else this.stats.fillsRefused++
    if (this.#heard) this.emit({ type: 'fill', model, outcome, ...this.#keyed(key) })
  }

  invalidate(source: InvalidationSource, models: Iterable<string>, outcome: 'done' | 'queued'): void {
    this.stats.invalidations++
    if (outcome === 'queued') this.stats.invalidationsQueued++
    if (this.#heard) this.emit({ type: 'invalidate', source, models: [...models], outcome })
  }

  /** Rare events; only errors are counted. */
  readonly emit: Emit = event => {
    if (event.type === 'error') this.stats.errors++
    this.#log.event(event)
    for (const listener of this.#listeners) tell(listener, event)
    if (this.#channel.hasSubscribers) this.#channel.publish(event)
  }

  #keyed(key: string): { key?: string } {
    return this.#includeKeys ? { key } : {}
  }

  get #heard(): boolean {
    return this.#listeners.size > 0 || this.#channel.hasSubscribers
  }
}

function tell(listener: Emit, event: CacheEvent): void {
  try {
    listener(event)
  } catch (error) {
    process.emitWarning(`A listener of $cache.on() threw: ${String(error)}`, 'CacheAsideWarning')
  }
}

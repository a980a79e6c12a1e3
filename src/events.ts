/**
 * What the cache does, as data: counters that are always on, and events that are only built while somebody listens.
 * Logs, metrics and traces are subscribers, here or on the `node:diagnostics_channel` of the same name.
 */
import { channel } from 'node:diagnostics_channel'
import { nameOf } from './errors.js'
import type { CacheEvent, FillOutcome, InvalidationSource, Stats, WarningCode, WhyMissed } from './event-types.js'
import { type Spent, Times } from './times.js'
import { type Traced, Traces } from './traces.js'

export type { Spent } from './times.js'
export type { Traced } from './traces.js'
export type * from './event-types.js'

/** The name of the diagnostics channel on which every event is published too. */
const CHANNEL = 'prisma-extension-cache-aside'

export type Emit = (event: CacheEvent) => void

export type ReadEvent = Extract<CacheEvent, { type: 'hit' | 'miss' | 'shared' | 'bypass' }>

/** Is told of each read, with its key whatever `includeKeys` says. */
export type WatchReads = (read: ReadEvent, key: string | undefined) => void

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
    staleHits: 0,
    staleIfErrors: 0,
    refreshes: 0,
    refreshesFailed: 0,
    fills: 0,
    fillsRefused: 0,
    invalidations: 0,
    invalidationsQueued: 0,
    mismatches: 0,
    errors: 0,
  }
  readonly #listeners = new Set<Emit>()
  readonly #channel = channel(CHANNEL)
  readonly #includeKeys: boolean
  readonly #log: EventLog
  /** Warnings about the set-up: they come before anybody can listen. */
  readonly #warnings: CacheEvent[] = []
  readonly #traces = new Traces<CacheEvent>()
  #watchReads: WatchReads | undefined

  constructor(includeKeys: boolean, log: EventLog) {
    this.#includeKeys = includeKeys
    this.#log = log
  }

  on(listener: Emit): () => void {
    this.#listeners.add(listener)
    for (const warning of this.#warnings) tell(listener, warning)
    return () => this.#listeners.delete(listener)
  }

  /** For the command line; it is one at a time. */
  watchReads(watch: WatchReads): () => void {
    this.#watchReads = watch
    return () => {
      this.#watchReads = undefined
    }
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

  /** The clock of a query that begins now; undefined while nobody listens. */
  times(): Times | undefined {
    return this.#heard ? new Times() : undefined
  }

  /** @param spent - undefined: nobody listened when the query began */
  /** @param isStale - whether an entry of it is past its TTL */
  hit({ model, operation, key }: Queried, negative: boolean, spent: Spent | undefined, isStale: boolean): void {
    this.stats.hits++
    if (negative) this.stats.negativeHits++
    if (isStale) this.stats.staleHits++
    if (spent === undefined) return
    const stale = isStale ? { stale: true as const } : undefined
    this.#read({ type: 'hit', model, operation, negative, ...stale, ...this.#keyed(key), ...spent }, key)
  }

  /** The database could not answer, and an entry past its TTL did. */
  staleIfError({ model, operation, key }: Queried, error: unknown, spent: Spent | undefined): void {
    this.stats.staleIfErrors++
    if (spent !== undefined)
      this.emit({ type: 'stale', model, operation, error: codeOf(error), ...this.#keyed(key), ...spent })
  }

  refreshed({ model, operation, key }: Queried, ms: number): void {
    this.stats.refreshes++
    this.emit({ type: 'refresh', model, operation, outcome: 'done', ms, ...this.#keyed(key) })
  }

  refreshFailed({ model, operation, key }: Queried, error: unknown): void {
    this.stats.refreshesFailed++
    this.emit({ type: 'refresh', model, operation, outcome: 'failed', error: codeOf(error), ...this.#keyed(key) })
  }

  miss({ model, operation, key }: Queried, missed: WhyMissed | undefined, spent: Spent | undefined): void {
    this.stats.misses++
    if (missed === undefined || spent === undefined) return
    const { why } = missed
    const staleBy = missed.staleBy?.map(epoch => (this.#includeKeys ? epoch.key : epoch.name))
    this.#read({ type: 'miss', model, operation, ...this.#keyed(key), why, ...(staleBy && { staleBy }), ...spent }, key)
  }

  shared({ model, operation, key }: Queried, spent: Spent | undefined): void {
    this.stats.shared++
    if (spent !== undefined) this.#read({ type: 'shared', model, operation, ...this.#keyed(key), ...spent }, key)
  }

  /**
   * Runs the query of a read that bypasses the cache.
   *
   * @param roundTrips - to Redis, before that was known
   */
  bypass<T>(
    { model, operation }: Omit<Queried, 'key'>,
    why: string,
    query: () => Promise<T>,
    times: Times | undefined = this.times(),
    roundTrips = 0,
  ): Promise<T> {
    this.stats.bypassed++
    if (times === undefined) return query()
    return afterwards(query, () => {
      times.database()
      this.#read({ type: 'bypass', model, operation, why, ...times.spent(roundTrips) })
    })
  }

  /** @param store - its fills are on their way, and nothing waits for them */
  fill(model: string, outcome: FillOutcome, key: string, payload: Buffer | undefined, store: Filling): void {
    if (outcome === 'sent') this.stats.fills++
    else this.stats.fillsRefused++
    const times = this.times()
    if (times === undefined) return
    const bytes = payload?.length ?? 0
    const emit = (roundTrips: number) =>
      this.emit({ type: 'fill', model, outcome, bytes, ...this.#keyed(key), ...times.spent(roundTrips) })
    if (outcome !== 'sent') return emit(0)
    const filled = store.filled(key).then(() => {
      times.redis()
      emit(1)
    })
    this.#traces.waitFor(filled)
  }

  mismatch({ model, operation, key }: Queried): void {
    this.stats.mismatches++
    this.emit({ type: 'mismatch', model, operation, ...this.#keyed(key) })
  }

  invalidate(
    source: InvalidationSource,
    models: Iterable<string>,
    outcome: 'done' | 'queued',
    spent: Spent | undefined,
  ): void {
    this.stats.invalidations++
    if (outcome === 'queued') this.stats.invalidationsQueued++
    if (spent !== undefined) this.emit({ type: 'invalidate', source, models: [...models], outcome, ...spent })
  }

  /** Runs something, and answers the events of all that it does, whatever runs beside it. */
  trace<T>(run: () => T | PromiseLike<T>): Promise<Traced<T, CacheEvent>> {
    return this.#traces.run(run)
  }

  /** Rare events; only errors are counted. */
  readonly emit: Emit = event => {
    if (event.type === 'error') this.stats.errors++
    this.#log.event(event)
    for (const listener of this.#listeners) tell(listener, event)
    this.#traces.add(event)
    if (this.#channel.hasSubscribers) this.#channel.publish(event)
  }

  #read(event: ReadEvent, key?: string): void {
    this.#watchReads?.(event, key)
    this.emit(event)
  }

  #keyed(key: string): { key?: string } {
    return this.#includeKeys ? { key } : {}
  }

  get #heard(): boolean {
    const isObserved = this.#listeners.size > 0 || this.#channel.hasSubscribers
    return isObserved || this.#traces.areRunning || this.#watchReads !== undefined
  }
}

/** The query of an event. */
interface Queried {
  readonly model: string
  readonly operation: string
  readonly key: string
}

interface Filling {
  filled(key: string): Promise<unknown>
}

/** What may be told of an error: no message, which may hold values. */
function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : nameOf(error)
}

async function afterwards<T>(run: () => Promise<T>, then: () => void): Promise<T> {
  try {
    return await run()
  } finally {
    then()
  }
}

/** @param of - what is listened to */
export function tell<Event>(listener: (event: Event) => void, event: Event, of = '$cache.on()'): void {
  try {
    listener(event)
  } catch (error) {
    process.emitWarning(`A listener of ${of} threw: ${String(error)}`, 'CacheAsideWarning')
  }
}

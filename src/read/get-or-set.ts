/** `getOrSet`: cache-aside for any value of the caller, by the rules that hold for rows. */
import type { Context } from '../context.js'
import { nameOf, shown } from '../errors.js'
import type { FillOutcome, WhyMissed } from '../events.js'
import type { Flight } from '../local/flights.js'
import { checkAges, checkTags } from '../check-options.js'
import { duration, wrongCall } from '../check-values.js'
import type { Duration } from '../options.js'
import type { Snapshot } from '../redis/batches.js'
import type { Deadline } from '../redis/deadline.js'
import type { Ticket } from '../redis/ticket.js'
import { combinedStamp, hasStamp, Kind, PAYLOAD_AT, seal, verifiedKind } from '../wire/envelope.js'
import { type Dependencies, tagKey, valueKey, valuesEpoch } from '../wire/keys.js'
import { packValue, unpackValue } from '../wire/values.js'
import { graceMsOf } from '../plan/lives.js'
import { aged, type AgeLimits } from './age.js'
import { elsewhere } from './elsewhere.js'
import { type Answer, BYPASS, cacheAside, MISS, type Reading } from './read.js'
import { whyMissed } from './why-missed.js'

export interface GetOrSetOptions<T> {
  /** How long the value is stored: a number of seconds, or a duration such as `'5m'`. Default: the top-level `ttl`. */
  ttl?: Duration | undefined
  /**
   * Loads the value anew before its TTL ends, in the background, by one process of all: `fetch` of the call that found it due. As the
   * option of a model (`ModelOptions`). Default: `false`.
   */
  refreshAhead?: boolean | number | undefined
  /** For so long past its TTL the value is still served, while one process of all fetches it anew. At most 30 days. Default: 0. */
  swr?: Duration | undefined
  /** For so long past its TTL the value answers when `fetch` throws, whatever it throws. At most 30 days. Default: 0. */
  staleIfError?: Duration | undefined
  /** `invalidateTags` with any of them invalidates the value. Default: none. */
  tags?: readonly string[] | undefined
  /**
   * Longest time in ms that a call waits for the `fetch` of another call; then one of the waiting calls fetches too. Default: as
   * long as it takes. Set it where a `fetch` may hang. (A `fetch` that calls `getOrSet` with its own key does not wait for itself:
   * the inner call fetches.)
   */
  loadTimeoutMs?: number | undefined
  /** Turns the value into something that msgpack can hold: a string, a `Buffer`, plain data. Default: the value itself. */
  serialize?: ((value: T) => unknown) | undefined
  /** The way back. If it throws, that is a miss. Required with `serialize`. */
  deserialize?: ((stored: unknown) => T) | undefined
}

export type Fetch<T> = () => T | PromiseLike<T>

const OPERATION = 'getOrSet'

/** @param options - checked by `checkGetOrSet` */
export async function getOrSet<T>(
  context: Context,
  key: string,
  fetch: Fetch<T>,
  options: GetOrSetOptions<T>,
): Promise<T> {
  const reading = new ValueReading(context, key, fetch, options)
  const { store, events, valueFlights: flights, loadWaits, refreshes } = context
  const { value } = (await cacheAside({ store, events, flights, loadWaits, refreshes }, reading)) as Boxed<T>
  return value
}

/** In a box, because a value may be `undefined`. */
interface Boxed<T> {
  readonly value: T
}

class ValueReading<T> implements Reading<Snapshot | undefined, Ticket | undefined, Boxed<T>, Buffer> {
  readonly model = OPERATION
  readonly operation = OPERATION
  readonly key: string
  readonly flightKey: string
  readonly longestWaitMs: number | undefined
  readonly #context: Context
  readonly #fetch: Fetch<T>
  readonly #options: GetOrSetOptions<T>
  readonly #dependsOn: Dependencies
  readonly #ages: AgeLimits

  constructor(context: Context, key: string, fetch: Fetch<T>, options: GetOrSetOptions<T>) {
    const { prefix, buckets } = context
    this.key = this.flightKey = valueKey(buckets, key)
    this.longestWaitMs = options.loadTimeoutMs
    this.#context = context
    this.#fetch = fetch
    this.#options = { ...options } // as they are now: the caller may change them during the load
    this.#ages = checkAges('', options, wrongCall)
    // In one order, because the stamp of the value is made over the tags in order.
    const tags = [...new Set(options.tags)].toSorted().map(tag => tagKey(prefix, tag))
    this.#dependsOn = { epochs: [valuesEpoch(prefix), ...tags], holds: [] }
  }

  get elsewhere() {
    return elsewhere(this.#context.store, this.key)
  }

  lookUp(deadline: Deadline): Promise<Snapshot | undefined> {
    const { key } = this
    return this.#context.store.lookUp(
      key,
      this.#dependsOn,
      deadline,
      stored => stored && aged(this.#context, key, stored, this.#ages, deadline),
    )
  }

  answer(snapshot: Snapshot | undefined): Answer {
    if (snapshot === undefined || snapshot.entry === null) return MISS
    const { entry, epochs } = snapshot
    if (verifiedKind(entry, this.#context.signature) !== Kind.value) return MISS
    const stamp = combinedStamp(epochs)
    if (stamp === undefined || !hasStamp(entry, stamp)) return MISS
    return this.#decoded(entry, PAYLOAD_AT) ?? MISS
  }

  unseen(snapshot: Snapshot | undefined): Snapshot | undefined {
    return snapshot
  }

  whyMissed(snapshot: Snapshot | undefined, deadline: Deadline): WhyMissed {
    return whyMissed(snapshot, deadline, this.#context.signature, this.#dependsOn.epochs)
  }

  acquire(snapshot: Snapshot | undefined, deadline: Deadline, flight: Flight<Buffer>) {
    return snapshot && this.#context.store.acquire(this.key, this.#dependsOn, snapshot, deadline, flight)
  }

  async query(flight: Flight<Buffer>): Promise<Boxed<T>> {
    return { value: await flight.run(this.#fetch) }
  }

  fillAndShare(
    _: Snapshot | undefined,
    ticket: Ticket | undefined,
    { value }: Boxed<T>,
    loadMs: number,
  ): Buffer | undefined {
    const payload = this.#encoded(value)
    if (ticket !== undefined) {
      const { events, store, loadWaits } = this.#context
      const outcome = this.#fill(ticket, payload, loadMs)
      if (outcome !== 'sent') loadWaits.leavesToken(this.key)
      events.fill(OPERATION, outcome, this.key, payload, store)
    }
    return payload
  }

  answerLoaded(loaded: Boxed<T>): Boxed<T> {
    return loaded
  }

  answerShared(payload: Buffer): Answer {
    return this.#decoded(payload, 0) ?? BYPASS
  }

  mayAnswerStale(): boolean {
    return this.#ages.staleIfErrorMs > 0
  }

  recover(error: unknown): Promise<unknown> {
    throw error
  }

  async callerQuery(): Promise<Boxed<T>> {
    return { value: await this.#fetch() }
  }

  #fill({ entry: token, epochs }: Ticket, payload: Buffer | undefined, loadMs: number): FillOutcome {
    const { store, signature, ttlMs: defaultMs } = this.#context
    const stamp = combinedStamp(epochs)
    if (payload === undefined || token === undefined || stamp === undefined) return 'inexact'
    const { ttl } = this.#options
    const ttlMs = ttl === undefined ? defaultMs : ttlOf(ttl)
    const entry = seal(Kind.value, payload, token, stamp, signature)
    store.fill(this.key, entry, {
      dependsOn: this.#dependsOn,
      ttlMs,
      loadMs,
      graceMs: graceMsOf(this.#ages),
      guard: token,
    })
    return 'sent'
  }

  /** Undefined when the value can't be given back exactly. */
  #encoded(value: T): Buffer | undefined {
    const { serialize } = this.#options
    try {
      return packValue(serialize === undefined ? value : serialize(value))
    } catch (error) {
      const message = `A value of getOrSet could not be serialized: ${nameOf(error)}.`
      this.#context.events.emit({ type: 'error', code: 'SERIALIZE', message })
      return undefined
    }
  }

  #decoded(bytes: Buffer, start: number): { kind: 'hit'; value: Boxed<T> } | undefined {
    const { deserialize } = this.#options
    try {
      const stored = unpackValue(bytes, start)
      return { kind: 'hit', value: { value: deserialize === undefined ? (stored as T) : deserialize(stored) } }
    } catch (error) {
      const message = `A value of getOrSet could not be read: ${nameOf(error)}.`
      this.#context.events.emit({ type: 'error', code: 'DESERIALIZE', message })
      return undefined
    }
  }
}

// ---- what the caller gives

const OPTIONS = ['ttl', 'refreshAhead', 'swr', 'staleIfError', 'tags', 'loadTimeoutMs', 'serialize', 'deserialize']

/** @throws CacheAsideError `INVALID_CALL` */
export function checkGetOrSet<T>(key: unknown, fetch: unknown, options: GetOrSetOptions<T>): void {
  if (typeof key !== 'string' || key === '')
    throw wrongCall(`getOrSet takes a key of at least one character, got ${shown(key)}.`)
  if (!key.isWellFormed()) throw wrongCall('getOrSet takes a well-formed key, got one with a lone surrogate.')
  if (typeof fetch !== 'function') throw wrongCall(`getOrSet takes a function as second argument, got ${shown(fetch)}.`)
  if (typeof options !== 'object' || options === null) {
    throw wrongCall(`getOrSet takes an object of options as third argument, got ${shown(options)}.`)
  }
  const unknown = Object.keys(options).find(name => !OPTIONS.includes(name))
  if (unknown !== undefined) {
    throw wrongCall(`getOrSet has no option named ${shown(unknown)}. There are: ${OPTIONS.join(', ')}.`)
  }
  const { ttl, tags = [], loadTimeoutMs, serialize, deserialize } = options
  checkTags(tags)
  if (loadTimeoutMs !== undefined && !(typeof loadTimeoutMs === 'number' && loadTimeoutMs > 0)) {
    throw wrongCall(`loadTimeoutMs must be a number of milliseconds above 0, got ${shown(loadTimeoutMs)}.`)
  }
  if ((serialize === undefined) !== (deserialize === undefined)) {
    throw wrongCall('getOrSet takes serialize and deserialize together, got one of them.')
  }
  for (const way of [serialize, deserialize]) {
    if (way !== undefined && typeof way !== 'function') {
      throw wrongCall(`serialize and deserialize must each be a function, got ${shown(way)}.`)
    }
  }
  if (ttl !== undefined) ttlOf(ttl)
  checkAges('', options, wrongCall)
}

function ttlOf(ttl: Duration): number {
  return duration('the ttl of getOrSet', ttl, 1, wrongCall)
}

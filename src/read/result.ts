/** A result as it is read: a list, a first match, a number; as a whole, valid only while all that it depends on is unchanged. */
import { combinedStamp, Kind, verifiedKind, newToken, PAYLOAD_AT, seal, hasStamp } from '../wire/envelope.js'
import type { Events, FillOutcome } from '../events.js'
import { type ResultRead, throwsWhenAbsent } from '../plan/read.js'
import type { Snapshot } from '../redis/batches.js'
import type { Store, Ticket } from '../redis/store.js'
import { jittered } from './fill.js'
import type { Flight } from '../local/flights.js'
import { ASK, type Reading } from './read.js'
import type { Shared, Source } from './row.js'

export class ResultReading implements Reading<Snapshot | undefined, Shared> {
  readonly model: string
  readonly operation: string
  readonly key: string
  readonly flight: string
  readonly #store: Store
  readonly #events: Events
  readonly #read: ResultRead
  readonly #sourceOf: () => Source
  readonly #path: readonly string[]

  /** @param path - to the part of the result that a fluent call asks for */
  constructor(
    store: Store,
    events: Events,
    read: ResultRead,
    operation: string,
    path: readonly string[],
    sourceOf: () => Source,
  ) {
    this.model = read.model.definition.name
    this.operation = operation
    this.key = this.flight = read.key
    this.#store = store
    this.#events = events
    this.#read = read
    this.#path = path
    this.#sourceOf = sourceOf
  }

  look(deadline: number): Promise<Snapshot | undefined> {
    return this.#store.lookUp(this.key, this.#read.dependsOn, deadline, seen => seen)
  }

  answerOf(seen: Snapshot | undefined): unknown {
    if (seen === undefined || seen.entry === null || seen.held) return undefined
    if (verifiedKind(seen.entry, this.#read.cached.codec.fingerprint) !== Kind.result) return undefined
    const stamp = combinedStamp(seen.epochs)
    if (stamp === undefined || !hasStamp(seen.entry, stamp)) return undefined
    const decoded = this.#read.codec.decode(seen.entry, PAYLOAD_AT)
    return decoded === undefined ? undefined : this.#answer(decoded.result)
  }

  async load(seen: Snapshot | undefined, deadline: number, flight: Flight<Shared>): Promise<unknown> {
    const source = this.#sourceOf()
    let payload: Buffer | undefined
    try {
      const ticket = seen && (await this.#store.acquire(undefined, this.#read.dependsOn, seen, deadline, flight))
      flight.close()
      const result = await source.load()
      payload = this.#read.codec.encode(result)
      if (ticket !== undefined) this.#events.fill(this.model, this.#fill(ticket, payload, result === null), this.key)
      return unpacked(this.#path, result)
    } catch (error) {
      return source.insteadOf(error)
    } finally {
      flight.end(payload)
    }
  }

  answerFrom(shared: Shared): unknown {
    const decoded = shared === 'absent' ? undefined : this.#read.codec.decode(shared, 0)
    return decoded === undefined ? ASK : this.#answer(decoded.result)
  }

  ask(): Promise<unknown> {
    return this.#sourceOf().original()
  }

  #answer(result: unknown): unknown {
    return result === null && throwsWhenAbsent(this.operation) ? ASK : unpacked(this.#path, result)
  }

  #fill({ epochs }: Ticket, payload: Buffer | undefined, negative: boolean): FillOutcome {
    const { cached, dependsOn, ttlMs } = this.#read
    const { policy, codec } = cached
    if (payload === undefined) return 'inexact'
    if (PAYLOAD_AT + payload.length > policy.maxBytes) return 'too-large'
    const keptMs = negative ? Math.min(policy.negativeTtlMs, ttlMs) : ttlMs
    if (keptMs === 0) return 'off'
    const stamp = combinedStamp(epochs)
    if (stamp === undefined) return 'inexact'
    // It proves itself by its stamp: whatever it replaces, it is valid only under the epochs from before the load.
    const entry = seal(Kind.result, payload, newToken(), stamp, codec.fingerprint)
    this.#store.fill(this.key, entry, dependsOn, jittered(keptMs, policy.jitter), 'none')
    return 'sent'
  }
}

/** The part of a result that a fluent call asks for: null where a row on the way is missing. */
export function unpacked(path: readonly string[], result: unknown): unknown {
  let part = result
  for (const name of path) part = (part as Record<string, unknown> | null)?.[name] ?? null
  return part
}

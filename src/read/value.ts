/** The story of `getOrSet`: cache-aside for any value of the caller's, by the rules that hold for rows. */
import { combinedStamp, Kind, verifiedKind, PAYLOAD_AT, seal, hasStamp } from '../wire/envelope.js'
import { packValue, unpackValue } from '../wire/values.js'
import { nameOf } from '../errors.js'
import type { Events, FillOutcome } from '../events.js'
import type { Flight, Flights } from '../local/flights.js'
import type { Dependencies } from '../wire/keys.js'
import { ASK, cacheAside, type Reading } from './read.js'
import type { Snapshot } from '../redis/batches.js'
import type { Store, Ticket } from '../redis/store.js'

export interface ValueRead<T> {
  readonly redisKey: string
  readonly on: Dependencies
  readonly ttlMs: number
  readonly loadTimeoutMs: number | undefined
  readonly fetch: () => T | PromiseLike<T>
  readonly serialize: ((value: T) => unknown) | undefined
  readonly deserialize: ((stored: unknown) => T) | undefined
}

export interface Values {
  readonly store: Store
  readonly valueFlights: Flights<Buffer>
  readonly events: Events
  /** In the place of a fingerprint, as values follow no schema: that of the source. */
  readonly signature: Buffer
}

const OPERATION = 'getOrSet'

export async function readValue<T>(values: Values, read: ValueRead<T>): Promise<T> {
  const { value } = (await cacheAside(values, values.valueFlights, new ValueReading(values, read))) as { value: T }
  return value
}

/** Answers are in a box, because a value may be `undefined`. */
class ValueReading<T> implements Reading<Snapshot | undefined, Buffer> {
  readonly model = OPERATION
  readonly operation = OPERATION
  readonly key: string
  readonly flight: string
  readonly longestWaitMs: number | undefined
  readonly #values: Values
  readonly #read: ValueRead<T>

  constructor(values: Values, read: ValueRead<T>) {
    this.longestWaitMs = read.loadTimeoutMs
    this.key = this.flight = read.redisKey
    this.#values = values
    this.#read = read
  }

  look(deadline: number): Promise<Snapshot | undefined> {
    return this.#values.store.lookUp(this.key, this.#read.on, deadline, seen => seen)
  }

  answerOf(seen: Snapshot | undefined): unknown {
    if (seen === undefined || seen.entry === null || verifiedKind(seen.entry, this.#values.signature) !== Kind.value)
      return undefined
    const stamp = combinedStamp(seen.epochs)
    if (stamp === undefined || !hasStamp(seen.entry, stamp)) return undefined
    return decoded(this.#values, this.#read, seen.entry, PAYLOAD_AT)
  }

  async load(seen: Snapshot | undefined, deadline: number, flight: Flight<Buffer>): Promise<unknown> {
    const { store, events } = this.#values
    const { on, fetch } = this.#read
    let payload: Buffer | undefined
    try {
      const ticket = seen && (await store.acquire(this.key, on, seen, deadline, flight))
      flight.close()
      const value = await flight.run(fetch)
      payload = encoded(this.#values, this.#read, value)
      if (ticket) events.fill(OPERATION, this.#fill(ticket, payload), this.key)
      return { value }
    } finally {
      flight.end(payload)
    }
  }

  answerFrom(payload: Buffer): unknown {
    return decoded(this.#values, this.#read, payload, 0) ?? ASK
  }

  async ask(): Promise<unknown> {
    return { value: await this.#read.fetch() }
  }

  #fill({ entry: token, epochs }: Ticket, payload: Buffer | undefined): FillOutcome {
    const stamp = combinedStamp(epochs)
    if (payload === undefined || token === undefined || stamp === undefined) return 'inexact'
    const entry = seal(Kind.value, payload, token, stamp, this.#values.signature)
    this.#values.store.fill(this.key, entry, this.#read.on, this.#read.ttlMs, token)
    return 'sent'
  }
}
/** Undefined when the value can't be given back exactly. */
function encoded<T>({ events }: Values, { serialize }: ValueRead<T>, value: T): Buffer | undefined {
  try {
    return packValue(serialize === undefined ? value : serialize(value))
  } catch (error) {
    events.emit({
      type: 'error',
      code: 'SERIALIZE',
      message: `A value of getOrSet could not be serialized: ${nameOf(error)}.`,
    })
    return undefined
  }
}

function decoded<T>({ events }: Values, { deserialize }: ValueRead<T>, bytes: Buffer, start: number) {
  try {
    const stored = unpackValue(bytes, start)
    return { value: deserialize === undefined ? (stored as T) : deserialize(stored) }
  } catch (error) {
    events.emit({
      type: 'error',
      code: 'DESERIALIZE',
      message: `A value of getOrSet could not be read: ${nameOf(error)}.`,
    })
    return undefined
  }
}

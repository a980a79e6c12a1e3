/** The story of `getOrSet`: cache-aside for any value of the caller's, by the rules that hold for rows. */
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { Packr } from 'msgpackr'
import { hasToken, Kind, kindOf, PAYLOAD_AT, seal, stampedWith, type Token } from '../wire/envelope.js'
import { nameOf } from '../errors.js'
import type { Events } from '../events.js'
import { type Flights, STUCK } from './flight.js'
import type { Dependencies } from '../wire/keys.js'
import type { Seen, Store, Ticket } from '../redis/store.js'

export interface ValueRead<T> {
  readonly redisKey: string
  readonly on: Dependencies
  readonly ttlMs: number
  readonly fetch: () => T | PromiseLike<T>
  readonly serialize: ((value: T) => unknown) | undefined
  readonly deserialize: ((stored: unknown) => T) | undefined
}

export interface Values {
  readonly store: Store
  readonly valueFlights: Flights<Buffer>
  readonly events: Events
}

/** Entries of `getOrSet` follow no schema. */
const NO_SCHEMA = Buffer.alloc(8)
const OPERATION = 'getOrSet'
const packr = new Packr({ useRecords: false, moreTypes: true })

export async function readValue<T>(values: Values, read: ValueRead<T>): Promise<T> {
  const { store, valueFlights: flights, events } = values
  const began = flights.now()
  if (!store.usable) await store.started()
  let deadline = store.deadline()
  for (;;) {
    const seen = await store.look(read.redisKey, read.on, deadline)
    const hit = seen && valueOf(values, read, seen)
    if (hit !== undefined) {
      events.hit(OPERATION, OPERATION, false, read.redisKey)
      return hit.value
    }
    const flight = flights.under(read.redisKey)
    if (flight === undefined) {
      events.miss(OPERATION, OPERATION, read.redisKey)
      return load(values, read, seen, deadline)
    }
    const mayShare = flight.openTo(began)
    const waiting = performance.now()
    const payload = await flight.wait()
    deadline += performance.now() - waiting
    if (payload === STUCK) return read.fetch()
    if (!mayShare) continue
    const shared = payload && decoded(values, read, payload, 0)
    if (shared === undefined) return read.fetch()
    events.shared(OPERATION, OPERATION, read.redisKey)
    return shared.value
  }
}

async function load<T>(values: Values, read: ValueRead<T>, seen: Seen | undefined, deadline: number): Promise<T> {
  const { store, valueFlights: flights, events } = values
  const flight = flights.begin(read.redisKey)
  let payload: Buffer | undefined
  try {
    const ticket = seen && (await store.acquire(read.redisKey, read.on, seen, deadline, 2 * read.ttlMs))
    flight.asked()
    const value = await read.fetch()
    payload = encoded(values, read, value)
    if (ticket) events.fill(OPERATION, fill(store, read, ticket, payload), read.redisKey)
    return value
  } finally {
    flight.end(payload)
  }
}

function fill<T>(store: Store, read: ValueRead<T>, ticket: Ticket, payload: Buffer | undefined): 'sent' | 'inexact' {
  if (payload === undefined) return 'inexact'
  const token = ticket.entry as Token
  const entry = seal(Kind.value, payload, token, digest(ticket.epochs), NO_SCHEMA)
  store.fill(read.redisKey, entry, read.on, read.ttlMs, token)
  return 'sent'
}

function valueOf<T>(values: Values, read: ValueRead<T>, { entry, epochs }: Seen): { value: T } | undefined {
  if (entry === null || kindOf(entry, NO_SCHEMA) !== Kind.value) return undefined
  const current = epochs.filter(epoch => epoch !== null && hasToken(epoch)) as Token[]
  if (current.length < epochs.length || !stampedWith(entry, digest(current))) return undefined
  return decoded(values, read, entry, PAYLOAD_AT)
}

/** One stamp for several epochs: an entry is valid only while all of them are current. */
function digest(epochs: readonly Token[]): Token {
  const [only] = epochs
  if (epochs.length === 1 && only !== undefined) return only
  const hash = createHash('sha256')
  for (const epoch of epochs) hash.update(epoch.subarray(4, 20))
  // In the form of a token, which a stamp is compared with.
  return Buffer.concat([(only as Token).subarray(0, 4), hash.digest().subarray(0, 16)])
}

/** Undefined when the value can't be given back exactly. */
function encoded<T>({ events }: Values, { serialize }: ValueRead<T>, value: T): Buffer | undefined {
  try {
    if (serialize !== undefined) return packr.pack(serialize(value))
    const payload = packr.pack(value)
    return isDeepStrictEqual(unpacked(payload, 0), value) ? payload : undefined
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
    const stored = unpacked(bytes, start)
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

function unpacked(bytes: Buffer, start: number): unknown {
  return packr.unpack(bytes, { start, end: bytes.length })
}

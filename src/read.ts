/**
 * The story of a read. Look into Redis; on a miss take tokens, ask the database, and store what it said if no write came
 * between. Whatever Redis does, the caller gets an answer of the database or an error of Prisma, never one of ours.
 */
import type { Row } from './codec.js'
import { Kind, kindOf, PAYLOAD_AT, seal, stampedWith } from './envelope.js'
import type { Events, FillOutcome } from './events.js'
import type { Flights } from './flight.js'
import { type RowRead, throwsWhenAbsent } from './query.js'
import type { Seen, Store, Ticket } from './store.js'

/** How the database is asked; both may reject with Prisma's errors. */
export interface Source {
  readonly operation: string
  /** The caller's own query. */
  original(): Promise<unknown>
  /** The whole row: null, or for `…OrThrow` a rejection, when there is none. */
  load(): Promise<Row | null>
  /** Whether an error of `load` says that there is no such row. */
  saysAbsent(error: unknown): boolean
  /** Whether `load` was alone in its batch: Prisma answers null for an alias of a row in a batch. */
  alone(): boolean
}

/** What a load found, for those who share it: the payload of a row, or that there is none. */
export type Loaded = Buffer | 'absent'

export interface Reader {
  readonly store: Store
  readonly flights: Flights<Loaded>
  readonly events: Events
}

export async function readRow(reader: Reader, read: RowRead, source: Source): Promise<unknown> {
  const { store, flights, events } = reader
  const { model } = read.model
  const began = flights.now()
  const deadline = store.deadline()

  for (;;) {
    const seen = await store.look(read.model.keys, read.key, deadline)
    const found = seen && entryOf(read, seen)
    if (found === 'absent' && throwsWhenAbsent(source.operation)) {
      events.bypass(model.name, source.operation, 'no such row: the error is Prisma’s own')
      return source.original()
    }
    if (found !== undefined) {
      events.hit(model.name, source.operation, found === 'absent')
      return found === 'absent' ? null : found
    }

    const flight = flights.under(read.key)
    if (flight === undefined) {
      events.miss(model.name, source.operation)
      return load(reader, read, source, seen, deadline)
    }
    const mayShare = flight.openTo(began)
    const loaded = await flight.loaded
    if (!mayShare) continue // It asked the database before we came: look again, then load, or join the next load.
    if (loaded === undefined) return source.original() // It failed, or can't be copied. Nobody gets another's error.
    if (loaded === 'absent' && throwsWhenAbsent(source.operation)) return source.original()
    events.shared(model.name, source.operation)
    return loaded === 'absent' ? null : read.cached.codec.decode(loaded, 0, read.places)
  }
}

async function load(
  { store, flights, events }: Reader,
  read: RowRead,
  source: Source,
  seen: Seen | undefined,
  deadline: number,
): Promise<unknown> {
  const flight = flights.begin(read.key)
  let ticket: Ticket | undefined
  let loaded: Loaded | undefined
  const keep = (row: Row | null) => {
    loaded = row === null ? 'absent' : read.cached.codec.encode(row)
    if (ticket !== undefined) events.fill(read.model.model.name, fill(store, read, ticket, row, loaded, source.alone()))
  }
  try {
    ticket = seen && (await store.acquire(read.model.keys, read.key, seen, deadline))
    flight.asked()
    const row = await source.load()
    keep(row)
    return row === null ? null : shaped(read, row)
  } catch (error) {
    if (source.saysAbsent(error)) keep(null)
    throw error
  } finally {
    flight.end(loaded)
  }
}

/** Sends what was loaded, under the tokens from before the load; nobody waits for it. */
function fill(
  store: Store,
  read: RowRead,
  ticket: Ticket,
  row: Row | null,
  loaded: Loaded | undefined,
  alone: boolean,
): FillOutcome {
  const { identity, cached, model, key } = read
  const { policy, codec } = cached
  if (row === null) {
    if (policy.negativeTtlMs === 0) return 'off'
    // In a batch Prisma answers null for a row that is there under another spelling of the id.
    if (identity.spelling === 'text' && !alone) return 'unproven'
    const entry = seal(Kind.absent, NOTHING, ticket.entry, ticket.any, codec.fingerprint)
    store.fill(model.keys, key, ticket, entry, jittered(policy.negativeTtlMs))
    return 'sent'
  }
  if (loaded === undefined || loaded === 'absent') return 'inexact'
  // A row proves itself: it is kept only under its own id, as the database spells it.
  if (identity.idOf(row) !== read.id) return 'other-id'
  const entry = seal(Kind.row, loaded, ticket.entry, ticket.rows, codec.fingerprint)
  store.fill(model.keys, key, ticket, entry, jittered(policy.ttlMs))
  return 'sent'
}

/** What Redis holds, if it may be served: the row as the caller wants it, or that there is none. */
function entryOf({ cached, places }: RowRead, { entry, rows, any, held }: Seen): Row | 'absent' | undefined {
  if (entry === null || held) return undefined
  const kind = kindOf(entry, cached.codec.fingerprint)
  if (kind === Kind.row && rows !== null && stampedWith(entry, rows))
    return cached.codec.decode(entry, PAYLOAD_AT, places)
  if (kind === Kind.absent && any !== null && stampedWith(entry, any)) return 'absent'
  return undefined
}

/** The part of a loaded row that the caller asked for. */
function shaped({ places, model }: RowRead, row: Row): Row {
  if (places === undefined) return row
  const names = model.model.scalars
  return Object.fromEntries(places.map(place => names[place]?.name as string).map(name => [name, row[name]]))
}

/** 0-10 % shorter, never longer: entries that were filled together do not expire together. */
function jittered(ttlMs: number): number {
  return Math.max(1, ttlMs * (1 - Math.random() * 0.1))
}

/** msgpack's nil. */
const NOTHING = Buffer.from([0xc0])

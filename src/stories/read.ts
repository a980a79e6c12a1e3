/**
 * The story of a read. Look into Redis; on a miss take tokens, ask the database, and store what it said if no write came
 * between. Whatever Redis does, the caller gets an answer of the database or an error of Prisma, never one of ours.
 */
import type { Row } from '../wire/codec.js'
import type { Events } from '../events.js'
import { fillRow } from './fill.js'
import { type Flights, STUCK } from './flight.js'
import { isLookedAt, type Looked, lookUp } from './lookup.js'
import { type RowRead, satisfies, throwsWhenAbsent } from '../plan/query.js'
import type { Store, Ticket } from '../redis/store.js'

/** How the database is asked; all may reject with Prisma's errors. */
export interface Source {
  /** The caller's own query. */
  original(): Promise<unknown>
  /** The whole row by its key alone: null, or for `…OrThrow` a rejection, when there is none. */
  load(): Promise<Row | null>
  /** Whether an error of `load` says that there is no such row. */
  saysAbsent(error: unknown): boolean
  /** What to answer when `load` has failed for a reason that need not concern the caller's own query; else it throws. */
  insteadOf(error: unknown): Promise<unknown>
  /** Whether `load` was alone in its batch. */
  alone(): boolean
}

/** What a load found, for those who share it: the payload of a row, or that there is none. */
export type Shared = Buffer | 'absent'

export interface Reader {
  readonly store: Store
  readonly flights: Flights<Shared>
  readonly events: Events
}

/**
 * @param operation - `findUnique` or another of its kind
 * @param sourceOf - makes the way to the database, which a hit does not need
 */
export async function readRow(
  reader: Reader,
  read: RowRead,
  operation: string,
  sourceOf: () => Source,
): Promise<unknown> {
  const { store, flights, events } = reader
  const model = read.model.model.name
  const began = flights.now()
  if (!store.usable) await store.started()
  let deadline = store.deadline()

  for (;;) {
    const looked = await lookUp(store, read, deadline)
    if (looked.found !== undefined) {
      const answer = answerOf(read, operation, looked.found, isLookedAt(read))
      if (answer === ASK) return askInstead(events, model, operation, sourceOf())
      events.hit(model, operation, answer === null, read.key)
      return answer
    }

    const flight = flights.under(read.key)
    if (flight === undefined) {
      events.miss(model, operation, read.key)
      return load(reader, read, operation, sourceOf(), looked, deadline)
    }
    const mayShare = flight.openTo(began)
    const waiting = performance.now()
    const shared = await flight.wait()
    deadline += performance.now() - waiting // the database's time, not that of Redis
    if (shared === STUCK) return sourceOf().original()
    if (!mayShare) continue // It asked the database before we came: look again, then load, or join the next load.
    if (shared === undefined) return sourceOf().original() // It failed, or can't be copied. Nobody gets another's error.
    const row = shared === 'absent' ? shared : read.cached.codec.decode(shared, 0)
    const answer = row === undefined ? ASK : answerOf(read, operation, row, true)
    if (answer === ASK) return askInstead(events, model, operation, sourceOf())
    events.shared(model, operation, read.key)
    return answer
  }
}

async function load(
  { store, flights, events }: Reader,
  read: RowRead,
  operation: string,
  source: Source,
  { seen, rowKey }: Looked,
  deadline: number,
): Promise<unknown> {
  const flight = flights.begin(read.key)
  let ticket: Ticket | undefined
  let shared: Shared | undefined
  const keep = (row: Row | null) => {
    const payload = row === null ? undefined : read.cached.codec.encode(row)
    shared = row === null ? 'absent' : payload
    if (ticket === undefined) return
    const outcome = fillRow(store, read, ticket, rowKey, { row, payload, alone: source.alone() })
    events.fill(read.model.model.name, outcome, read.key)
  }
  let row: Row | null
  try {
    ticket = seen && (await store.acquire(rowKey, read.model.keys, seen, deadline))
    flight.asked()
    row = await source.load()
    keep(row)
  } catch (error) {
    if (!source.saysAbsent(error)) return source.insteadOf(error)
    keep(null)
    throw error
  } finally {
    flight.end(shared)
  }
  const answer = answerOf(read, operation, row ?? 'absent', true)
  return answer === ASK ? source.original() : answer
}

/** Only the database can answer. */
const ASK = Symbol('ask the database')

/**
 * The answer that follows from a row, or from there being none. That a row is missing is never an error of ours: Prisma
 * raises its own. A row that does not satisfy the filters here may do so there, under a collation.
 *
 * @param whole - whether the row has all its fields, or those that the caller asked for
 */
function answerOf(read: RowRead, operation: string, row: Row | 'absent', whole: boolean): Row | null | typeof ASK {
  if (row === 'absent') return throwsWhenAbsent(operation) ? ASK : null
  if (!satisfies(row, read.filters)) return ASK
  return whole ? shaped(read, row) : row
}

function askInstead(events: Events, model: string, operation: string, source: Source): Promise<unknown> {
  events.bypass(model, operation, 'only the database can answer')
  return source.original()
}

/** The part of a whole row that the caller asked for. */
function shaped({ places, cached }: RowRead, row: Row): Row {
  if (places === undefined) return row
  return Object.fromEntries(places.map(place => cached.names[place] as string).map(name => [name, row[name]]))
}

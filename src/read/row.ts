/** A row as it is read: by its key, in the caller's shape. */
import type { Row } from '../wire/rows.js'
import type { Events } from '../events.js'
import { fillRow } from './fill.js'
import type { Flight } from '../local/flights.js'
import { type Looked, lookUp } from './row-entry.js'
import { type RowRead, matches, throwsWhenAbsent } from '../plan/read.js'
import { ASK, type Reading } from './read.js'
import type { Store, Ticket } from '../redis/store.js'

/** How the database is asked; all may reject with Prisma's errors. */
export interface Source<Answer = unknown> {
  /** The caller's own query. */
  original(): Promise<unknown>
  /** The whole row by its key alone, or the whole result: null, or for `…OrThrow` a rejection, when there is none. */
  load(): Promise<Answer>
  /** Whether an error of `load` says that there is no such row. */
  saysAbsent(error: unknown): boolean
  /** What to answer when `load` has failed for a reason that need not concern the caller's own query; else it throws. */
  insteadOf(error: unknown): Promise<unknown>
  /** Whether `load` was alone in its batch. */
  alone(): boolean
}

/** What a load found, for those who share it: a payload, or that there is none. */
export type Shared = Buffer | 'absent'

export class RowReading implements Reading<Looked, Shared> {
  readonly model: string
  readonly operation: string
  readonly key: string
  readonly flight: string
  readonly #store: Store
  readonly #events: Events
  readonly #read: RowRead
  readonly #sourceOf: () => Source<Row | null>
  /** Whether the whole row is needed before it can be served. */
  readonly #whole: boolean

  /**
   * @param operation - `findUnique` or another of its kind
   * @param sourceOf - makes the way to the database, which a hit does not need
   */
  constructor(store: Store, events: Events, read: RowRead, operation: string, sourceOf: () => Source<Row | null>) {
    this.model = read.model.definition.name
    this.operation = operation
    this.key = this.flight = read.key
    this.#store = store
    this.#events = events
    this.#read = read
    this.#sourceOf = sourceOf
    this.#whole = read.by !== read.identity || read.filters.length > 0
  }

  look(deadline: number): Promise<Looked> {
    return lookUp(this.#store, this.#read, deadline, this.#whole ? undefined : this.#read.fieldIndexes)
  }

  answerOf({ found }: Looked): unknown {
    return found === undefined ? undefined : this.#answer(found, this.#whole)
  }

  async load({ seen, rowKey }: Looked, deadline: number, flight: Flight<Shared>): Promise<unknown> {
    const read = this.#read
    const source = this.#sourceOf()
    let ticket: Ticket | undefined
    let shared: Shared | undefined
    const keep = (row: Row | null) => {
      const payload = row === null ? undefined : read.cached.codec.encode(row)
      shared = row === null ? 'absent' : payload
      if (ticket === undefined) return
      const outcome = fillRow(this.#store, read, ticket, rowKey, { row, payload, alone: source.alone() })
      this.#events.fill(this.model, outcome, read.key)
    }
    let row: Row | null
    try {
      ticket = seen && (await this.#store.acquire(rowKey, read.model.keys, seen, deadline, flight))
      flight.close()
      row = await source.load()
      keep(row)
    } catch (error) {
      if (!source.saysAbsent(error)) return source.insteadOf(error)
      keep(null)
      throw error
    } finally {
      flight.end(shared)
    }
    const answer = this.#answer(row ?? 'absent', true)
    return answer === ASK ? source.original() : answer
  }

  answerFrom(shared: Shared): unknown {
    const row = shared === 'absent' ? shared : this.#read.cached.codec.decode(shared, 0)
    return row === undefined ? ASK : this.#answer(row, true)
  }

  ask(): Promise<unknown> {
    return this.#sourceOf().original()
  }

  /** @param whole - whether the row has all its fields, or those that the caller asked for */
  #answer(row: Row | 'absent', whole: boolean): unknown {
    const answer = rowAnswer(this.#read, this.operation, row)
    return answer === ASK || answer === null || !whole ? answer : shaped(this.#read, answer)
  }
}

/**
 * The answer that follows from a row, or from there being none. That a row is missing is never an error of ours: Prisma
 * raises its own. A row that does not satisfy the filters here may do so there, under a collation.
 */
export function rowAnswer(read: RowRead, operation: string, row: Row | 'absent'): Row | null | typeof ASK {
  if (row === 'absent') return throwsWhenAbsent(operation) ? ASK : null
  return matches(row, read.filters) ? row : ASK
}

/** The part of a whole row that the caller asked for. */
function shaped({ fieldIndexes, cached }: RowRead, row: Row): Row {
  if (fieldIndexes === undefined) return row
  return Object.fromEntries(
    fieldIndexes.map(place => cached.fieldNames[place] as string).map(name => [name, row[name]]),
  )
}

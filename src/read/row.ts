/** A row as it is read: by its key, in the caller's selection. */
import type { Context } from '../context.js'
import type { WhyMissed } from '../events.js'
import type { Flight, SharedRow } from '../local/flights.js'
import { matches } from '../plan/pins.js'
import { throwsWhenAbsent } from '../plan/read.js'
import type { Lookup, RowRead, WholeRow } from '../plan/rows.js'
import type { Operation } from '../prisma7/operation.js'
import type { Deadline } from '../redis/deadline.js'
import type { Ticket } from '../redis/ticket.js'
import type { Row } from '../wire/rows.js'
import type { Loaded, RowSource } from './row-load.js'
import { mayAnswerStale } from './age.js'
import { elsewhere } from './elsewhere.js'
import { type Answer, BYPASS, MISS, type Reading } from './read.js'
import { whyMissed } from './why-missed.js'
import { type Entries, fillRow, type LookedUp, lookUpRow, unseenRow } from './row-entry.js'

export class RowReading implements Reading<LookedUp, Ticket | undefined, Loaded, SharedRow> {
  readonly model: string
  readonly operation: string
  readonly key: string
  readonly flightKey: string
  readonly #context: Context
  readonly #plan: RowRead
  readonly #load: RowSource

  /** @param operation - `findUnique` or another of its kind, or a `findMany` of which this is one row */
  constructor(context: Context, operation: Operation, plan: RowRead, load: RowSource) {
    this.model = plan.model.name
    this.operation = operation.operation
    this.key = this.flightKey = plan.key
    this.#context = context
    this.#plan = plan
    this.#load = load
  }

  get elsewhere() {
    // By another unique, the key with the token is not known before. Of several rows, each would wait for the one.
    const { by, identity } = this.#plan
    return by !== identity || this.#load.isOfList === true ? undefined : elsewhere(this.#context.store, this.key)
  }

  lookUp(deadline: Deadline): Promise<LookedUp> {
    return lookUpSelected(this.#context, this.#plan, deadline)
  }

  answer(looked: LookedUp): Answer {
    return answerOfEntry(this.#plan, this.operation, looked)
  }

  unseen(looked: LookedUp): LookedUp {
    return unseenRow(looked)
  }

  whyMissed(looked: LookedUp, deadline: Deadline): WhyMissed {
    return whyRowMissed(this.#plan, looked, deadline)
  }

  acquire({ snapshot, rowKey, at }: LookedUp, deadline: Deadline, flight: Flight<SharedRow>) {
    this.#load.begin()
    return snapshot && this.#context.store.acquire(rowKey, this.#plan.model.keys, snapshot, deadline, flight, at)
  }

  query(): Promise<Loaded> {
    return this.#load.query()
  }

  fillAndShare(
    { rowKey }: LookedUp,
    ticket: Ticket | undefined,
    { row }: Loaded,
    loadMs: number,
  ): SharedRow | undefined {
    const payload = row === null ? undefined : this.#plan.cached.codec.encode(row)
    if (ticket !== undefined) {
      const { unbatched } = this.#load
      const outcome = fillRow(this.#context, this.#plan, ticket, rowKey, { row, payload, unbatched, loadMs })
      const { events, store, loadWaits } = this.#context
      if (outcome !== 'sent') loadWaits.leavesToken(this.key)
      events.fill(this.model, outcome, this.key, payload, store)
    }
    return row === null ? 'absent' : payload
  }

  answerLoaded({ row, notFound }: Loaded): unknown {
    if (notFound !== undefined) throw notFound
    const answer = this.#answerOf(row ?? 'absent')
    return answer.kind === 'hit' ? answer.value : this.callerQuery()
  }

  answerShared(shared: SharedRow): Answer {
    const row = shared === 'absent' ? shared : this.#plan.cached.codec.decode(shared, 0)
    return row === undefined ? BYPASS : this.#answerOf(row)
  }

  mayAnswerStale(error: unknown): boolean {
    return mayAnswerStale(this.#context, this.#plan.models, error)
  }

  recover(error: unknown): Promise<unknown> {
    return this.#load.recover(error)
  }

  callerQuery(): Promise<unknown> {
    return this.#load.callerQuery()
  }

  #answerOf(row: Row | 'absent'): Answer {
    return selectedAnswer(this.#plan, this.operation, row, true)
  }
}

/** Looks up the fields that the answer needs. */
export function lookUpSelected(entries: Entries, plan: RowRead, deadline: Deadline): Promise<LookedUp> {
  return lookUpRow(entries, plan, deadline, needsWhole(plan) ? undefined : plan.fieldIndexes)
}

/** What follows from what `lookUpSelected` found. */
export function answerOfEntry(plan: WholeRow, operation: string, { found }: LookedUp): Answer {
  return found === undefined ? MISS : selectedAnswer(plan, operation, found, needsWhole(plan))
}

export function whyRowMissed(
  { model, cached }: Pick<Lookup, 'model' | 'cached'>,
  { snapshot, pointer }: LookedUp,
  deadline: Deadline,
): WhyMissed {
  return whyMissed(pointer ?? snapshot, deadline, cached.codec.fingerprint, model.keys.epochs)
}

/** Whether the whole row is needed before it can be answered: as proof that it is the right one, or for its filters. */
export function needsWhole({ by, identity, filters }: WholeRow): boolean {
  return by !== identity || filters.length > 0
}

/**
 * The answer in the caller's selection.
 *
 * @param isWhole - whether the row has all its fields, or those that the caller selected
 */
export function selectedAnswer(plan: WholeRow, operation: string, row: Row | 'absent', isWhole: boolean): Answer {
  const answer = answerOfRow(plan, operation, row)
  if (answer.kind !== 'hit' || answer.value === null || !isWhole) return answer
  return { kind: 'hit', value: selected(plan, answer.value) }
}

/** The answer that follows from a row, or from there being none. A missing row is never an error of ours: Prisma raises its own. */
export function answerOfRow(
  plan: WholeRow,
  operation: string,
  row: Row | 'absent',
): { readonly kind: 'hit'; readonly value: Row | null } | typeof BYPASS {
  const matching = row === 'absent' ? false : matches(row, plan.filters)
  if (matching === undefined) return BYPASS
  if (matching) return { kind: 'hit', value: row as Row }
  return throwsWhenAbsent(operation) ? BYPASS : { kind: 'hit', value: null }
}

/** The part of a whole row that the caller selected. */
function selected({ fieldIndexes, cached }: WholeRow, row: Row): Row {
  if (fieldIndexes === undefined) return row
  return Object.fromEntries(
    fieldIndexes.map(index => cached.fieldNames[index] as string).map(name => [name, row[name]]),
  )
}

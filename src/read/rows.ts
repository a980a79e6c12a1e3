/**
 * Rows by a list of keys, as they are read: each by itself, from the entry that `findUnique` uses. All are looked up together, and
 * those that are not found are loaded in one statement.
 */
import type { Context } from '../context.js'
import type { SharedRow } from '../local/flights.js'
import { type RowKey, type RowRead, rowReadOf, type RowsRead } from '../plan/rows.js'
import type { ClientTraits } from '../plan/selection.js'
import { type Operation, queryWhole } from '../prisma7/operation.js'
import type { Deadline } from '../redis/deadline.js'
import type { Row } from '../wire/rows.js'
import { mayAnswerStale } from './age.js'
import { type Answer, cacheAside, lenientDeadline, type Look, MISS, type Reading } from './read.js'
import { refreshDeadline, reload } from './refresh.js'
import { answerOfEntry, lookUpSelected, needsWhole, RowReading } from './row.js'
import { type Entries, type LookedUp, lookUpRows } from './row-entry.js'
import { callerQuery, type Loaded, mayConcernOthers, type RowSource, wholeRowArgs } from './row-load.js'
import { answerOfTree, TreeReading } from './tree.js'
import { lookUpTree, type TreeSnapshot } from './tree-lookup.js'

/** A row as it is read, alone or with its related rows. */
export function rowReading(
  context: Context,
  operation: Operation,
  plan: RowRead,
  source: RowSource,
  // oxlint-disable-next-line typescript/no-explicit-any -- what is found and loaded is known to the reading alone
): Reading<any, any, Loaded, SharedRow> {
  return plan.tree === undefined
    ? new RowReading(context, operation, plan, source)
    : new TreeReading(context, operation, plan, source, plan.tree)
}

/** In place of a row: only the caller's own query can answer. */
const CALLER_QUERY = Symbol('caller query')

/** @param look - the first look-up, if it was made already */
export async function readRows(
  context: Context,
  traits: ClientTraits,
  operation: Operation,
  plan: RowsRead,
  look?: Look<readonly FoundRow[]>,
): Promise<unknown> {
  const began = look?.began ?? context.flights.now()
  const deadline = look?.deadline ?? context.store.deadline()
  const times = look === undefined ? context.events.times() : look.times
  const load = new RowsLoad(context, traits, operation, plan)
  const list: List = { context, operation, plan, load }
  const found = look?.found ?? (await lookUpEach(context, plan, deadline))
  const isFresh = context.query?.fresh === true
  times?.redis()
  const rows: unknown[] = []
  const missing: Promise<void>[] = []
  for (const [i, key] of plan.rows.entries()) {
    const looked = found[i] as FoundRow
    // Rows that are found need no reading of their own.
    const answer = isFresh ? MISS : answerOfFound(plan, operation.operation, looked)
    if (answer.kind === 'hit') {
      const read = { model: plan.model.name, operation: operation.operation, key: key.key }
      context.events.hit(read, answer.value === null, times?.spent(deadline.roundTrips), deadline.isStale(key.key))
      rows[i] = answer.value
      continue
    }
    const loading = cacheAside(context, readingOf(list, key), { found: looked, began, deadline, times })
    missing.push(
      loading.then(row => {
        rows[i] = row
      }),
    )
  }
  const { due } = deadline
  if (due !== undefined && !isFresh) {
    context.refreshes.begin({
      key: due.key,
      run: () => refreshRows(context, traits, operation, plan, due.until),
      failed: error => context.events.refreshFailed(eventOf(operation, plan), error),
    })
  }
  await Promise.all(missing)
  if (rows.includes(CALLER_QUERY)) return callerQueryOrStale(context, operation, plan)
  return rows.filter(row => row !== null)
}

function eventOf({ operation }: Operation, { model, rows: [first] }: RowsRead) {
  return { model: model.name, operation, key: first?.key ?? '' }
}

/** The caller's own query; where the database can't answer it, rows past their TTL may, if all of them are there. */
async function callerQueryOrStale(context: Context, operation: Operation, plan: RowsRead): Promise<unknown> {
  try {
    return await callerQuery(context, operation)
  } catch (error) {
    if (!mayAnswerStale(context, plan.models, error)) throw error
    const found = await lookUpEach(context, plan, lenientDeadline(context.store))
    const answers = found.map(each => answerOfFound(plan, operation.operation, each))
    if (!answers.every(answer => answer.kind === 'hit')) throw error
    context.events.staleIfError(eventOf(operation, plan), error, context.events.times()?.spent(0))
    return answers.map(({ value }) => value).filter(row => row !== null)
  }
}

/**
 * Loads rows of a list anew, in one statement.
 *
 * @param until - those that end by then
 */
export async function refreshRows(
  context: Context,
  traits: ClientTraits,
  operation: Operation,
  plan: RowsRead,
  until: number,
): Promise<void> {
  const load = new RowsLoad(context, traits, operation, plan)
  const deadline = refreshDeadline(context.store, until)
  const found = await lookUpEach(context, plan, deadline)
  const list: List = { context, operation, plan, load }
  await Promise.all(plan.rows.map((key, i) => reload(context, readingOf(list, key), found[i] as FoundRow, deadline)))
}

export type FoundRow = LookedUp | TreeSnapshot

/** Many rows by primary key alone are looked up with one promise for all of them. */
export function lookUpEach(entries: Entries, plan: RowsRead, deadline: Deadline): Promise<readonly FoundRow[]> {
  const { tree, by, identity, rows, fieldIndexes } = plan
  if (tree === undefined && by === identity) {
    return lookUpRows(entries, plan, deadline, needsWhole(plan) ? undefined : fieldIndexes)
  }
  return Promise.all(
    rows.map((key): Promise<FoundRow> => {
      const row = rowReadOf(plan, key)
      return tree === undefined ? lookUpSelected(entries, row, deadline) : lookUpTree(entries, tree, row, deadline)
    }),
  )
}

/** What follows from one of what `lookUpEach` found. */
export function answerOfFound(plan: RowsRead, operation: string, found: FoundRow): Answer {
  const { tree } = plan
  return tree === undefined
    ? answerOfEntry(plan, operation, found as LookedUp)
    : answerOfTree(plan, tree, operation, found as TreeSnapshot, [])
}

interface List {
  readonly context: Context
  readonly operation: Operation
  readonly plan: RowsRead
  readonly load: RowsLoad
}

function readingOf({ context, operation, plan, load }: List, key: RowKey) {
  const row = rowReadOf(plan, key)
  return rowReading(context, operation, row, load.sourceOf(row))
}

/** Loads the rows of a list that are not cached, in one statement. */
class RowsLoad {
  readonly #context: Context
  readonly #traits: ClientTraits
  readonly #operation: Operation
  readonly #plan: RowsRead
  /** Rows whose tokens are being taken. */
  readonly #beginning = new Set<RowRead>()
  #batch: Batch | undefined

  constructor(context: Context, traits: ClientTraits, operation: Operation, plan: RowsRead) {
    this.#context = context
    this.#traits = traits
    this.#operation = operation
    this.#plan = plan
  }

  sourceOf(row: RowRead): RowSource {
    let batch: Batch | undefined
    return {
      isOfList: true,
      // A collation may take two keys of the list for equal: then the row that it finds is spelled as one of them.
      get unbatched() {
        return batch?.rows.size === 1 || row.by.isExact()
      },
      begin: () => {
        this.#beginning.add(row)
      },
      query: () => {
        batch = this.#batch ??= new Batch()
        const loaded = batch.row(row)
        this.#begun(row)
        return loaded
      },
      recover: async error => {
        this.#begun(row)
        if (error !== SPELLED_DIFFERENTLY) mayConcernOthers(this.#context, this.#plan, error)
        return CALLER_QUERY
      },
      callerQuery: async () => CALLER_QUERY,
    }
  }

  /** The statement is sent when all tokens have been taken. */
  #begun(row: RowRead): void {
    this.#beginning.delete(row)
    const batch = this.#batch
    if (batch === undefined || this.#beginning.size > 0) return
    this.#batch = undefined
    void this.#load(batch)
  }

  async #load(batch: Batch): Promise<void> {
    const { by } = this.#plan
    const [name] = by.names as [string]
    const where = { [name]: { in: [...batch.rows.values()].map(row => row.where[name]) } }
    try {
      const args = { where, ...wholeRowArgs(this.#plan, this.#traits) }
      const rows = (await queryWhole(this.#operation, args, this.#context)) as Row[]
      const byId = new Map(rows.map(row => [by.idOf(row), row]))
      const isSpelledAsAsked = [...byId.keys()].every(id => id !== undefined && batch.rows.has(id))
      if (isSpelledAsAsked) batch.loaded(byId)
      else batch.failed(SPELLED_DIFFERENTLY)
    } catch (error) {
      batch.failed(error)
    }
  }
}

/** The database found a row under another spelling of a key than the list has. */
const SPELLED_DIFFERENTLY = Symbol('spelled differently')

/** Rows that are loaded in one statement. */
class Batch {
  readonly rows = new Map<string, RowRead>()
  loaded!: (rows: ReadonlyMap<string | undefined, Row>) => void
  failed!: (error: unknown) => void
  readonly #done = new Promise<ReadonlyMap<string | undefined, Row>>((resolve, reject) => {
    this.loaded = resolve
    this.failed = reject
  })

  async row(row: RowRead): Promise<Loaded> {
    this.rows.set(row.id, row)
    const rows = await this.#done
    return { row: rows.get(row.id) ?? null }
  }
}

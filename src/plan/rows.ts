/**
 * A read that names its rows by a key: one row (`findUnique`, and `findFirst` of that form), or several (`findMany` of
 * `{ id: { in: […] } }`).
 */
import { type Args, isPlain, type ModelsRead } from './args.js'
import { bypass } from './bypass.js'
import type { Cached, CatalogModel, Identity } from './catalog.js'
import { keyOf } from './identities.js'
import { type Filter, filtersOf, NONE, pinnedByFirst, pinnedByIn, pinnedByUnique, uniqueNames } from './pins.js'
import type { ClientTraits, Selection } from './selection.js'
import { type RowNode, selectedIn } from './tree.js'

/** A row to look up, by its primary key or by another unique. */
export interface Lookup {
  readonly model: CatalogModel
  readonly cached: Cached
  readonly identity: Identity
  /** What is pinned: the primary key itself, or another unique. */
  readonly by: Identity
  /** The pinned values, encoded. */
  readonly id: string
  /** The pinned values by field, where they came from the caller. */
  readonly values?: Args | undefined
  /** The row's key, or that of the pointer to it. */
  readonly key: string
}

/** What is read of a row, with what hangs on it: the same for one row and for each row of a list. */
export interface WholeRow {
  readonly model: CatalogModel
  readonly cached: Cached
  readonly identity: Identity
  /** What is pinned: the primary key itself, or another unique. */
  readonly by: Identity
  /** Further equality filters, which the row has to satisfy. */
  readonly filters: readonly Filter[]
  /** Indexes of the fields that the caller gets, in the order of the result; undefined for all. */
  readonly fieldIndexes: readonly number[] | undefined
  /** The row with its related rows; undefined when the caller wants scalars only. */
  readonly tree: RowNode | undefined
  readonly strategy: unknown
  /**
   * Whether a list in it begins at a cursor. `findUnique` alone looks for that row in the whole table, `findFirst`, or
   * several in one statement, among the rows of the list.
   */
  readonly hasCursor: boolean
  /** Names of all models that are looked at, and of the links between them. */
  readonly models: readonly string[]
}

/** One row, by primary key or by another unique, with what hangs on it. */
export interface RowRead extends WholeRow, Lookup {
  readonly kind: 'row'
  /** The `where` of the load: the pinned key and nothing else. */
  readonly where: Args
}

/** Several rows by the values of one unique field. */
export interface RowsRead extends WholeRow {
  readonly kind: 'rows'
  /** Each once, in the order of the result: that of the list, unless the query says otherwise. */
  readonly rows: readonly RowKey[]
}

/** One row of a list. */
export interface RowKey {
  /** As the caller wrote it. */
  readonly value: unknown
  readonly id: string
  readonly key: string
}

/** One row of a list, as it is read by itself. */
export function rowReadOf(plan: RowsRead, { value, id, key }: RowKey): RowRead {
  const [name] = plan.by.names as [string]
  return { ...plan, kind: 'row', id, key, where: { [name]: value } }
}

const OF_ROW = new Set(['where', 'select', 'include', 'omit', 'relationLoadStrategy'])

/** A row by its identity; or, for a `findFirst` that is none, a text that says why. */
export function planRow(
  model: CatalogModel,
  cached: Cached,
  operation: string,
  args: Args,
  client: ClientTraits,
): RowRead | string {
  const unique = operation.startsWith('findUnique')
  const not = (why: string): string => (unique ? bypass(why) : why)
  const { identity } = model
  if (identity === undefined) return not('the model has no primary key whose values can be compared exactly')
  for (const name of Object.keys(args)) {
    if (client.reader.isGiven(args, name) && !OF_ROW.has(name)) return not(`${name} is not cached`)
  }
  const said = client.reader.conditions(args.where)
  const pinned = unique ? pinnedByUnique(said, cached) : pinnedByFirst(said, cached)
  if (pinned === undefined) return not('where names no unique key')
  const { by, values, where, rest } = pinned
  const id = by.idOf(values)
  // The database may find a row under other spellings too, and in a batch it is then taken for missing.
  if (id === undefined) bypass(`${by.key.name} may be spelled in another way in the database`)
  const filters = rest === NONE ? NO_FILTERS : filtersOf(rest, cached, unique ? uniqueNames(model) : NO_NAMES)
  if (typeof filters === 'string') return not(filters)
  const { fieldIndexes, tree, hasCursor, models } = selectionIn(model, args, client)
  if (!unique && hasCursor) return 'a relation has a cursor, which findFirst and findUnique treat differently'
  const key = keyOf(model, by, id)
  const strategy = args.relationLoadStrategy
  // Written out: to spread one object into another takes longer than all the rest of the plan.
  return {
    kind: 'row',
    model,
    cached,
    identity,
    by,
    id,
    values,
    key,
    where,
    filters,
    fieldIndexes,
    tree,
    strategy,
    hasCursor,
    models,
  }
}

const NO_FILTERS: readonly never[] = []

const NO_NAMES: ReadonlySet<string> = new Set()

/** A row of a list that is not cached costs two commands: a longer list would keep Redis from the other queries for too long. */
const MOST_KEYS = 10_000

/** Rows by a list of keys; undefined for a `findMany` of another form. */
export function planRows(model: CatalogModel, cached: Cached, args: Args, client: ClientTraits): RowsRead | undefined {
  const { identity } = model
  if (identity === undefined) return undefined
  const { reader } = client
  const pinned = pinnedByIn(reader.conditions(args.where), cached, reader)
  if (pinned === undefined) return undefined
  const { by, values, rest } = pinned
  for (const name of Object.keys(args)) {
    if (reader.isGiven(args, name) && !OF_ROW.has(name) && name !== 'orderBy') return undefined
  }
  const order = orderOf(reader.isGiven(args, 'orderBy') ? args.orderBy : undefined, by)
  if (order === 'other') return undefined
  const filters = filtersOf(rest, cached, NO_NAMES)
  if (typeof filters === 'string') return undefined
  if (values.length > MOST_KEYS) bypass(`the list has more than ${MOST_KEYS} keys`)
  const [name] = by.names as [string]
  const byId = new Map<string, unknown>()
  for (const value of values) {
    const id = by.idOf({ [name]: value })
    if (id === undefined) return undefined
    if (!byId.has(id)) byId.set(id, value)
  }
  const strategy = args.relationLoadStrategy
  const whole = { model, cached, identity, by, filters, strategy, ...selectionIn(model, args, client) }
  if (whole.hasCursor) return undefined
  const keys = [...byId]
  if (order !== undefined) keys.sort(([, a], [, b]) => ((a as number) < (b as number) ? -order : order))
  const rows = keys.map(([id, value]): RowKey => ({ value, id, key: keyOf(model, by, id) }))
  return { kind: 'rows', rows, ...whole }
}

/** Types whose order in JavaScript is the order in the database. That of texts depends on the collation. */
const ORDERED = new Set(['Int', 'BigInt'])

/** 1: ascending, -1: descending; undefined: none is asked for. `other`: one that only the database knows. */
function orderOf(orderBy: unknown, by: Identity): 1 | -1 | undefined | 'other' {
  const orders = Array.isArray(orderBy) ? orderBy : orderBy === undefined ? [] : [orderBy]
  if (orders.length === 0) return undefined
  const [name] = by.names as [string]
  const [first] = orders as [unknown]
  const isKnown = orders.length === 1 && isPlain(first) && Object.keys(first).length === 1
  const order = isKnown ? first[name] : undefined
  if (!ORDERED.has(by.key.fields[0]?.type ?? '')) return 'other'
  if (order === 'asc') return 1
  return order === 'desc' ? -1 : 'other'
}

/** What the args select. */
function selectionIn(model: CatalogModel, args: Args, client: ClientTraits): SelectedOfRow {
  const selection = client.selections.of(model, args, strategyOf(args, client) === 'join', client)
  let known = knownSelections.get(selection)
  if (known === undefined) {
    const { tree, hasCursor, modelsRead } = selectedIn(selection)
    known = { fieldIndexes: selection.fieldIndexes, tree, hasCursor, models: namesOf(modelsRead, model) }
    knownSelections.set(selection, known)
  }
  return known
}

type SelectedOfRow = Pick<WholeRow, 'fieldIndexes' | 'tree' | 'hasCursor' | 'models'>

const knownSelections = new WeakMap<Selection, SelectedOfRow>()

export function namesOf({ models, links }: ModelsRead, { name }: CatalogModel): readonly string[] {
  if (models.size + links.size === 0) return [name]
  return [name, ...[...models].map(other => other.name), ...links]
}

/** How Prisma will load what is related: by joins where it can, unless the query says otherwise. */
export function strategyOf(args: Args, { joins, reader }: ClientTraits): 'join' | 'query' {
  if (!reader.isGiven(args, 'relationLoadStrategy')) return joins ? 'join' : 'query'
  const { relationLoadStrategy: given } = args
  if (joins && (given === 'join' || given === 'query')) return given
  return bypass('relationLoadStrategy is not cached')
}

/**
 * What a read is to the cache: a row by its identity, with what hangs on it; or a result as a whole, with all that it depends
 * on; or why it goes to the database. Every part of the args has to be of a form known here; anything else gets Prisma's own
 * answer or error.
 */
import { type Args, isPlain, listText, ModelsRead } from './args.js'
import { Bypass, bypass } from './bypass.js'
import type { Cached, CatalogModel, Identity, ParentList } from './catalog.js'
import { keyOf } from './identities.js'
import { type Filter, filtersOf, NONE, pinnedByFirst, pinnedByUnique, pinnedTag, uniqueNames } from './pins.js'
import { type Dependencies, hashName } from '../wire/keys.js'
import { listCodec, type ResultCodec, rowOrNullCodec } from '../wire/results.js'
import { type ClientTraits, meaningsOf, ttlMsOf } from './selection.js'
import { epochsOf, type RowNode, selectedIn } from './tree.js'

export type ReadPlan = RowRead | ResultRead | Bypass

/** A row to look up, by its primary key or by another unique. */
export interface Lookup {
  readonly model: CatalogModel
  readonly cached: Cached
  readonly identity: Identity
  /** What is pinned: the primary key itself, or another unique. */
  readonly by: Identity
  /** The pinned values, encoded. */
  readonly id: string
  /** The row's key, or that of the pointer to it. */
  readonly key: string
}

/** One row, by primary key or by another unique, with what hangs on it. */
export interface RowRead extends Lookup {
  readonly kind: 'row'
  /** The `where` of the load: the pinned key and nothing else. */
  readonly where: Args
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

/** A result as a whole. */
export interface ResultRead {
  readonly kind: 'result'
  readonly model: CatalogModel
  readonly cached: Cached
  readonly key: string
  readonly dependsOn: Dependencies
  /** The list of one parent that it is a part of; undefined: it depends on every write to what it reads. */
  readonly list: ParentList | undefined
  readonly codec: ResultCodec
  readonly ttlMs: number
  /** Names of all models that are looked at, and of the links between them. */
  readonly models: readonly string[]
}

const ROW_READS = new Set(['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow'])
const RESULT_READS = new Set(['findMany', 'count', 'aggregate', 'groupBy'])
const READS = new Set([...ROW_READS, ...RESULT_READS, 'findRaw', 'aggregateRaw'])

/** Operations on a model that change nothing. */
export function isRead(operation: string): boolean {
  return READS.has(operation)
}

/** Whether a missing row is an error, which is always Prisma's own. */
export function throwsWhenAbsent(operation: string): boolean {
  return operation.endsWith('OrThrow')
}

/** Plans a read. Pure: runs nothing. */
export function planRead(
  model: CatalogModel | undefined,
  operation: string,
  args: unknown,
  client: ClientTraits,
): ReadPlan {
  try {
    if (model?.cached === undefined) bypass('the model is not listed in the option models')
    if (!isPlain(args)) bypass('the args are of a form that this version does not know')
    if (!ROW_READS.has(operation)) return planResult(model, model.cached, operation, args, client)
    const row = planRow(model, model.cached, operation, args, client)
    return typeof row === 'string' ? planResult(model, model.cached, operation, args, client) : row
  } catch (why) {
    if (why instanceof Bypass) return why
    throw why
  }
}

const OF_ROW = new Set(['where', 'select', 'include', 'omit', 'relationLoadStrategy'])

/** A row by its identity; or, for a `findFirst` that is none, a text that says why. */
function planRow(
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
    if (OF_ROW.has(name) || !client.reader.isGiven(args, name)) continue
    return not(`${name} is not cached`)
  }
  const pinned = unique ? pinnedByUnique(args.where, cached) : pinnedByFirst(args.where, cached)
  if (pinned === undefined) return not('where names no unique key')
  const { by, values, where, rest } = pinned
  const id = by.idOf(values)
  // The database may find a row under other spellings too, and in a batch it is then taken for missing.
  if (id === undefined) bypass(`${by.key.name} may be spelled in another way in the database`)
  const filters = rest === NONE ? [] : filtersOf(rest, cached, unique ? uniqueNames(model) : new Set())
  if (typeof filters === 'string') return not(filters)

  const strategy = strategyOf(args, client)
  const selection = client.selections.of(model, args, strategy === 'join', client)
  const { tree, hasCursor, modelsRead } = selectedIn(selection)
  if (!unique && hasCursor) return 'a relation has a cursor, which findFirst and findUnique treat differently'
  const key = keyOf(model, by, id)
  return {
    kind: 'row',
    model,
    cached,
    identity,
    by,
    id,
    key,
    where,
    filters,
    fieldIndexes: selection.fieldIndexes,
    tree,
    strategy: args.relationLoadStrategy,
    hasCursor,
    models: namesOf(modelsRead, model),
  }
}

function namesOf({ models, links }: ModelsRead, { name }: CatalogModel): readonly string[] {
  if (models.size + links.size === 0) return [name]
  return [name, ...[...models].map(other => other.name), ...links]
}

/** How Prisma will load what is related: by joins where it can, unless the query says otherwise. */
function strategyOf(args: Args, { joins, reader }: ClientTraits): 'join' | 'query' {
  if (!reader.isGiven(args, 'relationLoadStrategy')) return joins ? 'join' : 'query'
  const { relationLoadStrategy: given } = args
  if (joins && (given === 'join' || given === 'query')) return given
  return bypass('relationLoadStrategy is not cached')
}

// ---- results

const OF_ROWS = ['cursor', 'distinct', 'orderBy', 'skip', 'take', 'where', 'select', 'include', 'omit']
const OF_RESULT: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    findFirst: OF_ROWS,
    findFirstOrThrow: OF_ROWS,
    findMany: OF_ROWS,
    count: ['cursor', 'orderBy', 'skip', 'take', 'where', 'select'],
    aggregate: ['cursor', 'orderBy', 'skip', 'take', 'where', '_count', '_avg', '_sum', '_min', '_max'],
    groupBy: ['by', 'having', 'orderBy', 'skip', 'take', 'where', '_count', '_avg', '_sum', '_min', '_max'],
  }),
)

function planResult(
  model: CatalogModel,
  cached: Cached,
  operation: string,
  args: Args,
  client: ClientTraits,
): ResultRead {
  const first = ROW_READS.has(operation)
  const { queriesTtlMs, ttlMs } = cached.policy
  const known = OF_RESULT.get(operation)
  if (known === undefined) bypass(`${operation} is not cached`)
  if (!first && queriesTtlMs === undefined) bypass(`${operation} is cached only for models with the option queries`)
  const { reader } = client
  const rows = first || operation === 'findMany'
  const unknown = Object.keys(args).find(
    name => !known.includes(name) && !(rows && name === 'relationLoadStrategy') && reader.isGiven(args, name),
  )
  if (unknown !== undefined) bypass(`${unknown} is not cached`)

  const modelsRead = new ModelsRead()
  const selection = rows ? client.selections.of(model, args, strategyOf(args, client) === 'join', client) : undefined
  const text = rows ? listText(model, args, reader, modelsRead) : numbersText(model, args, client, modelsRead)
  if (selection !== undefined) modelsRead.add(selectedIn(selection).modelsRead)
  const pinned = modelsRead.isEmpty && !reader.isGiven(args, 'cursor') ? pinnedTag(model, args.where) : undefined
  const { keys } = model
  const longestMs = queriesTtlMs ?? ttlMs
  modelsRead.model(model)
  const { everyWriteEpochs, holds } = epochsOf(modelsRead)
  const dependsOn =
    pinned === undefined
      ? { epochs: everyWriteEpochs, holds }
      : { epochs: [pinned.tag, keys.unnamedWrites, keys.lists], holds: keys.holds }
  // One row and a list of one are different results; one row and one row or an error are not.
  const kind = first ? 'findFirst' : operation
  const name = hashName(`${kind}(${text})${meaningsOf(modelsRead)}${selection?.text ?? cached.codec.name}`)
  return {
    kind: 'result',
    model,
    cached,
    key: keys.query(name),
    dependsOn,
    list: pinned?.list,
    codec: selection === undefined ? cached.numbers : first ? rowOrNullCodec(selection) : listCodec(selection),
    ttlMs: selection === undefined ? longestMs : ttlMsOf(selection, longestMs),
    models: namesOf(modelsRead, model),
  }
}

/** The canonical text of `count`, `aggregate` and `groupBy`. */
function numbersText(model: CatalogModel, args: Args, { reader }: ClientTraits, modelsRead: ModelsRead): string {
  const rows = listText(model, args, reader, modelsRead)
  // In the order of the args: the result has it too.
  const names = Object.keys(args).filter(
    name => name.startsWith('_') || name === 'by' || name === 'having' || name === 'select',
  )
  const numbers = reader.textOfGiven(args, names, (name, value) => {
    if (name === 'having') return reader.where(model, value, modelsRead)
    return name === 'by' ? reader.fields(model, value) : reader.aggregated(model, value)
  })
  return rows + numbers
}

/**
 * What a read is to the cache: one or several rows by their identity, with what hangs on them; or a result as a whole, with all that it depends
 * on; or why it goes to the database. Every part of the args has to be of a form known here; anything else gets Prisma's own
 * answer or error.
 */
import { type Args, isPlain, listText, ModelsRead } from './args.js'
import { Bypass, bypass } from './bypass.js'
import type { Cached, CatalogModel, ParentList } from './catalog.js'
import { pinnedTag } from './pins.js'
import { namesOf, planRow, planRows, type RowRead, type RowsRead, strategyOf } from './rows.js'
import { type Dependencies, hashName } from '../wire/keys.js'
import { listCodec, type ResultCodec, rowOrNullCodec } from '../wire/results.js'
import { type ClientTraits, meaningsOf, ttlMsOf } from './selection.js'
import { epochsOf, selectedIn } from './tree.js'

/** What is read from the cache. */
export type CachedPlan = RowRead | RowsRead | ResultRead

export type ReadPlan = CachedPlan | Bypass

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
  /** Whether "there is none" may be wrong, and is not stored. */
  readonly isNullUnproven?: boolean
}

const ROW_READS = new Set(['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow'])
const RESULT_READS = new Set(['findMany', 'count', 'aggregate', 'groupBy'])
const READS = new Set([...ROW_READS, ...RESULT_READS, 'findRaw', 'aggregateRaw'])

/** Operations on a model that change nothing. */
export function isRead(operation: string): boolean {
  return READS.has(operation)
}

/** Operations that answer one row. */
export function isRowRead(operation: string): boolean {
  return ROW_READS.has(operation)
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
    if (ROW_READS.has(operation)) {
      const row = planRow(model, model.cached, operation, args, client)
      if (typeof row !== 'string') return row
    }
    const rows = operation === 'findMany' ? planRows(model, model.cached, args, client) : undefined
    return rows ?? planResult(model, model.cached, operation, args, client)
  } catch (why) {
    if (why instanceof Bypass) return why
    throw why
  }
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
    name => reader.isGiven(args, name) && !known.includes(name) && !(rows && name === 'relationLoadStrategy'),
  )
  if (unknown !== undefined) bypass(`${unknown} is not cached`)

  const modelsRead = new ModelsRead()
  const selection = rows ? client.selections.of(model, args, strategyOf(args, client) === 'join', client) : undefined
  const text = rows ? listText(model, args, reader, modelsRead) : numbersText(model, args, client, modelsRead)
  if (selection !== undefined) modelsRead.add(selectedIn(selection).modelsRead)
  const pinned =
    modelsRead.isEmpty && !reader.isGiven(args, 'cursor') ? pinnedTag(model, reader.conditions(args.where)) : undefined
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
    key: keys.query(name, pinned?.tag),
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

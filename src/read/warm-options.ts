/** What `$cache.warm` takes and answers. */
import { wrongCall } from '../check-values.js'
import type { Context } from '../context.js'
import { shown } from '../errors.js'
import { isPlain } from '../plan/args.js'
import type { CatalogModel, Identity } from '../plan/catalog.js'
import type { Row } from '../wire/rows.js'

export interface WarmArgs<Where> {
  /** Which rows, as for `findMany`. Default: all. */
  where?: Where | undefined
}

export interface WarmOptions<Cursor> {
  /** How many rows are looked up, and loaded where they are not cached, at a time: 1 to 1000. Default: 250. */
  batchSize?: number | undefined
  /** How many batches are under way at a time, 1 to 16: each needs a connection to the database. Default: 2. */
  concurrency?: number | undefined
  /** Goes on behind this row: the `cursor` of a progress, or of a result. Default: from the first row. */
  after?: Cursor | undefined
  /** Counts the rows first, by a query of its own, so that progress has a `total`. Default: `false`. */
  count?: boolean | undefined
  /** Called after each batch, in order. An error that it throws ends the warming, and is thrown to the caller. Default: none. */
  onProgress?: ((progress: WarmProgress<Cursor>) => void) | undefined
  /** Ends the warming when it is aborted: the batches under way are finished, and `warm` resolves. Default: none. */
  signal?: AbortSignal | undefined
}

export interface WarmProgress<Cursor> {
  /** Rows that are done: cached before, or loaded. Without those before `after`. */
  done: number
  /** Of these, rows that were not cached, and were loaded. */
  loaded: number
  /** All rows that there are to do, as they were counted at the beginning; undefined without `count`. */
  total: number | undefined
  /** The last row that is done, and with it all before it: the `after` to go on with. */
  cursor: Cursor
}

/** What `warm` has done. */
export interface Warmed<Cursor> {
  /** Rows that are done: cached before, or loaded. */
  done: number
  /** Of these, rows that were not cached, and were loaded. */
  loaded: number
  /** Whether all rows are done. */
  finished: boolean
  /** The last row that is done: the `after` to go on with. Undefined: there is none. */
  cursor: Cursor | undefined
  /** Why it has stopped before the end; undefined: it has not. */
  why: string | undefined
}

export const BATCH_SIZE = 250
const MOST_BATCH_SIZE = 1_000
export const CONCURRENCY = 2
const MOST_CONCURRENCY = 16
// ---- what the caller gives

/** Types that Prisma has no `gt` for. */
const WITHOUT_ORDER = new Set(['Boolean', 'Enum', 'Bytes'])

/** @throws CacheAsideError `INVALID_CALL` */
export function identityToWarm({ query }: Context, { name, cached, identity }: CatalogModel): Identity {
  if (cached === undefined) {
    throw wrongCall(
      `warm takes a model that is cached, got ${shown(name)}. Name it in the option models of cacheAside.`,
    )
  }
  if (query !== undefined && query.tags.length > 0) {
    throw wrongCall('warm takes no tags: rows are stored without them. Call it on a client without tags.')
  }
  if (identity === undefined || !cached.pins.includes(identity)) {
    throw wrongCall(
      `warm takes a model whose rows are stored by their primary key, got ${shown(name)}: its key has no exact text, or is excluded.`,
    )
  }
  const unordered = identity.key.fields.find(({ type }) => WITHOUT_ORDER.has(type))
  if (unordered !== undefined) {
    const { name: field, type } = unordered
    throw wrongCall(
      `warm takes a model whose primary key has an order in Prisma, got ${shown(name)}: its ${field} is of type ${type}. ` +
        'Read its rows by findUnique instead.',
    )
  }
  return identity
}

/** @throws CacheAsideError `INVALID_CALL` */
export function valuesOf(identity: Identity, after: unknown): Row {
  const { key, names } = identity
  const values = isPlain(after) && names.length > 1 ? after[key.name] : after
  if (isPlain(values) && identity.idOf(values) !== undefined) return values
  const example = names.length === 1 ? `{ ${names[0]} }` : `{ ${key.name}: { ${names.join(', ')} } }`
  throw wrongCall(`after must be the cursor of a progress or result of warm, ${example}, got ${shown(after)}.`)
}

const ARGS = ['where']
const OPTIONS = ['batchSize', 'concurrency', 'after', 'count', 'onProgress', 'signal']

/** @throws CacheAsideError `INVALID_CALL` */
export function checkWarm(args: unknown, options: unknown): void {
  if (!isPlain(args)) throw wrongCall(`warm takes { where } as second argument, got ${shown(args)}.`)
  const other = Object.keys(args).find(name => !ARGS.includes(name))
  if (other !== undefined) {
    throw wrongCall(
      `warm takes where alone, got ${shown(other)}: rows are stored whole, without relations. Leave it out.`,
    )
  }
  const { where = {} } = args
  if (!isPlain(where)) throw wrongCall(`where must be an object, as for findMany, got ${shown(where)}.`)
  if (!isPlain(options)) throw wrongCall(`warm takes an object of options as third argument, got ${shown(options)}.`)
  const unknown = Object.keys(options).find(name => !OPTIONS.includes(name))
  if (unknown !== undefined) {
    throw wrongCall(`warm has no option named ${shown(unknown)}. There are: ${OPTIONS.join(', ')}.`)
  }
  const { batchSize = BATCH_SIZE, concurrency = CONCURRENCY, count = false, onProgress, signal } = options
  checkCount('batchSize', batchSize, MOST_BATCH_SIZE)
  checkCount('concurrency', concurrency, MOST_CONCURRENCY)
  if (typeof count !== 'boolean') throw wrongCall(`count must be true or false, got ${shown(count)}.`)
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw wrongCall(`onProgress must be a function, got ${shown(onProgress)}.`)
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw wrongCall(`signal must be an AbortSignal, got ${shown(signal)}. Pass the signal of an AbortController.`)
  }
}

function checkCount(name: string, value: unknown, most: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return
  throw wrongCall(`${name} must be a whole number from 1 to ${most}, got ${shown(value)}.`)
}

/**
 * `$cache.warm`: loads the rows of a model before they are asked for. The keys of the next rows come from the database, past the
 * cache, page by page in the order of the primary key. The rows of a page are then read as `findMany` by a list of keys reads
 * them, or `findUnique` where the key has several columns: what is cached is not loaded, and a row is stored only under a token
 * from before its load.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../context.js'
import type { Args } from '../plan/args.js'
import { TURNED_OFF } from '../plan/bypass.js'
import type { CatalogModel, Identity } from '../plan/catalog.js'
import { memberOf } from '../prisma7/calls.js'
import type { Row } from '../wire/rows.js'
import {
  BATCH_SIZE,
  CONCURRENCY,
  identityToWarm,
  valuesOf,
  type WarmArgs,
  type Warmed,
  type WarmOptions,
} from './warm-options.js'
import { CHANGED, KeysStep, PAST_THE_CACHE, RowsStep } from './warm-step.js'

/** How often a batch is tried that Redis has not answered in time. */
const TRIES = 3
const PAUSE_MS = 200

const HELD = 'a write to the model has an unknown outcome: for a minute at most its rows are not cached'
const UNANSWERED = 'Redis does not answer within deadlineMs, or refuses what is to be stored'
const ABORTED = 'aborted'

/** What is warmed, and through which client. */
interface Target {
  readonly context: Context
  readonly model: CatalogModel
  /** The client whose operations are a step of the warming. */
  readonly clientOf: (step: object) => object
}

type Delegate = Record<'findMany' | 'findUnique' | 'count', (args: object) => PromiseLike<unknown>>

/**
 * @param args - checked by `checkWarm`, and so are the options
 * @throws CacheAsideError `INVALID_CALL`
 */
export async function warm<Cursor>(
  { context, model, clientOf }: Target,
  { where = {} }: WarmArgs<object>,
  options: WarmOptions<Cursor>,
): Promise<Warmed<Cursor>> {
  const { concurrency = CONCURRENCY, batchSize = BATCH_SIZE, onProgress, signal } = options
  const identity = identityToWarm(context, model)
  const rows = new Rows({ context, model, clientOf }, identity, where, batchSize, signal)
  const warmed = notBegun(options, undefined)
  if (!context.access.known) await context.database.known()
  if (!context.store.usable) await context.store.started()
  warmed.why = obstacleOf(context)
  if (warmed.why !== undefined) return warmed

  let last = options.after === undefined ? undefined : valuesOf(identity, options.after)
  const total = options.count === true ? await rows.count(last) : undefined
  const underWay: Batch[] = []
  let isLast = false
  try {
    for (;;) {
      while (!isLast && underWay.length < concurrency && warmed.why === undefined) {
        warmed.why = signal?.aborted === true ? ABORTED : obstacleOf(context)
        if (warmed.why !== undefined) break
        const keys = await rows.next(last)
        if (typeof keys === 'string') {
          warmed.why = keys
          break
        }
        isLast = keys.length < batchSize
        if (keys.length === 0) break
        last = keys.at(-1) as Row
        const loading = rows.load(keys)
        // It may fail while the keys behind it are queried: the error is thrown when its turn comes.
        loading.catch(() => undefined)
        underWay.push({ last, size: keys.length, loading })
      }
      const batch = underWay.shift()
      if (batch === undefined) break
      const { loaded, why } = await batch.loading
      warmed.loaded += loaded
      // What is done behind a batch that is not does not count: it is looked up again.
      if (why !== undefined) {
        warmed.why = why
        break
      }
      warmed.done += batch.size
      warmed.cursor = cursorAt(identity, batch.last) as Cursor
      const { done, loaded: loadedSoFar, cursor } = warmed
      onProgress?.({ done, loaded: loadedSoFar, total, cursor })
    }
  } finally {
    await Promise.allSettled(underWay.map(({ loading }) => loading))
  }
  warmed.finished = isLast && warmed.why === undefined
  return warmed
}

/** What `warm` answers where it has not begun. */
export function notBegun<Cursor>({ after }: WarmOptions<Cursor>, why: string | undefined): Warmed<Cursor> {
  return { done: 0, loaded: 0, finished: false, cursor: after, why }
}

interface Batch {
  readonly last: Row
  readonly size: number
  readonly loading: Promise<LoadedBatch>
}

interface LoadedBatch {
  readonly loaded: number
  /** Why not all its rows are cached. */
  readonly why: string | undefined
}

function obstacleOf({ enabled, health, store }: Context): string | undefined {
  if (!enabled) return TURNED_OFF
  const { obstacle } = health
  if (obstacle === undefined && store.usable) return undefined
  return `Redis is not used: ${obstacle ?? 'it has not answered yet'}`
}

/** The rows of the model in the order of the primary key. */
class Rows {
  readonly #target: Target
  readonly #identity: Identity
  readonly #where: object
  readonly #batchSize: number
  readonly #signal: AbortSignal | undefined

  constructor(target: Target, identity: Identity, where: object, batchSize: number, signal: AbortSignal | undefined) {
    this.#target = target
    this.#identity = identity
    this.#where = where
    this.#batchSize = batchSize
    this.#signal = signal
  }

  async count(after: Row | undefined): Promise<number> {
    return (await this.#delegate(PAST_THE_CACHE).count({ where: this.#whereAfter(after) })) as number
  }

  /** The keys of the next rows; or why there are none. */
  async next(after: Row | undefined): Promise<readonly Row[] | string> {
    const { names } = this.#identity
    const step = new KeysStep(this.#target.context)
    await this.#delegate(step).findMany({
      where: this.#whereAfter(after),
      select: Object.fromEntries(names.map(name => [name, true])),
      orderBy: names.map(name => ({ [name]: 'asc' })),
      take: this.#batchSize,
    })
    const { keys } = step
    const areThere = Array.isArray(keys) && keys.every(key => names.every(name => key[name] !== undefined))
    return areThere ? (keys as readonly Row[]) : CHANGED
  }

  /** Reads these rows, and again where Redis has not answered in time. */
  async load(keys: readonly Row[]): Promise<LoadedBatch> {
    const { context } = this.#target
    let loaded = 0
    for (let tried = 1; ; tried++) {
      const step = new RowsStep(context)
      const cacheable = keys.filter(key => this.#isCacheable(key))
      if (cacheable.length > 0) await this.#read(step, cacheable)
      await step.filled()
      // Those of a batch that is tried again are counted once.
      loaded = Math.min(loaded + step.loaded, keys.length)
      const why = this.#whyNot(step, cacheable.length)
      const isHopeless = !step.unanswered || tried === TRIES || obstacleOf(context) !== undefined
      if (why === undefined || isHopeless || this.#signal?.aborted === true) return { loaded, why }
      await sleep(PAUSE_MS * tried)
    }
  }

  async #read(step: RowsStep, keys: readonly Row[]): Promise<void> {
    const delegate = this.#delegate(step)
    const [name] = this.#identity.names as [string]
    if (this.#identity.names.length === 1) {
      await delegate.findMany({ where: { [name]: { in: keys.map(key => key[name]) } } })
    } else {
      await Promise.all(keys.map(key => delegate.findUnique({ where: cursorAt(this.#identity, key) })))
    }
  }

  /** A key without one exact text is no key in Redis, and a row that is too large is not stored: both would be loaded for nothing. */
  #isCacheable(key: Row): boolean {
    const { context, model } = this.#target
    const id = this.#identity.idOf(key)
    return id !== undefined && !context.guesses.isTooLarge(model.keys.row(id))
  }

  #whyNot({ refused, held, unanswered, cached, loaded }: RowsStep, size: number): string | undefined {
    if (refused !== undefined) return refused
    if (held) return HELD
    if (unanswered) return obstacleOf(this.#target.context) ?? UNANSWERED
    return cached + loaded < size ? CHANGED : undefined
  }

  #whereAfter(after: Row | undefined): object {
    return after === undefined ? this.#where : { AND: [this.#where, behind(this.#identity.names, after)] }
  }

  #delegate(step: object): Delegate {
    const { model, clientOf } = this.#target
    return (clientOf(step) as Record<string, Delegate>)[memberOf(model.name)] as Delegate
  }
}

/** `(a, b) > (1, 2)`: its first column alone is a range, which an index serves. */
function behind(names: readonly string[], after: Row): object {
  const [first] = names as [string]
  if (names.length === 1) return { [first]: { gt: after[first] } }
  const either = names.map((name, i) => ({
    ...Object.fromEntries(names.slice(0, i).map(before => [before, after[before]])),
    [name]: { gt: after[name] },
  }))
  return { AND: [{ [first]: { gte: after[first] } }, { OR: either }] }
}

/** `{ id: 42 }`, or `{ userId_postId: { userId: 1, postId: 2 } }`. */
function cursorAt({ key, names }: Identity, row: Row): Args {
  const values = Object.fromEntries(names.map(name => [name, row[name]]))
  return names.length === 1 ? values : { [key.name]: values }
}

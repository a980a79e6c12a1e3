/**
 * A step of a warming, as the query hook takes it in place of a read: it looks up the keys of the next rows, past the cache; or it
 * reads rows as any read does, under the same tokens, and counts. It does so in the hook, because there nothing of the rows is
 * computed yet.
 */
import type { Context } from '../context.js'
import type { CachedPlan } from '../plan/read.js'
import type { ClientTraits } from '../plan/selection.js'
import { asStep, type Operation, passOn, queryWhole } from '../prisma7/operation.js'
import type { AnyStore } from '../redis/cluster-store.js'
import type { Row } from '../wire/rows.js'
import { lookUp } from './first-look.js'
import { isSettled, planIn, readCached } from './model-read.js'
import type { LookedUp } from './row-entry.js'

/** The keys of the next rows. */
export class KeysStep {
  readonly of: AnyStore
  /** Undefined: the query has not reached the cache. */
  keys: readonly Row[] | undefined

  constructor({ store }: Context) {
    this.of = store
  }
}

/** Some rows, in one operation or in one for each of them. */
export class RowsStep {
  readonly of: AnyStore
  /** Rows that were cached. */
  cached = 0
  /** Rows that were not. */
  loaded = 0
  /** Why they are not cached, and no query was sent for them. */
  refused: string | undefined
  /** Whether Redis has not answered in time, or has taken no tokens: then what was loaded is not stored. */
  unanswered = false
  /** Whether a write of unknown outcome holds the model. */
  held = false
  readonly #fills = new Set<Promise<boolean>>()

  constructor({ store }: Context) {
    this.of = store
  }

  /** The store, with an eye on what becomes of tokens and fills. */
  watching(store: AnyStore): AnyStore {
    const watched: Pick<AnyStore, 'acquire' | 'fill'> = {
      acquire: async (...args) => {
        const ticket = await store.acquire(...args)
        if (ticket === undefined) this.unanswered = true
        return ticket
      },
      fill: (key, ...args) => {
        store.fill(key, ...args)
        this.#fills.add(store.filled(key))
      },
    }
    return new Proxy(store, {
      get(_, name) {
        if (name in watched) return watched[name as keyof typeof watched]
        const value: unknown = Reflect.get(store, name)
        return typeof value === 'function' ? (value.bind(store) as unknown) : value
      },
    })
  }

  /** Resolves when Redis has replied to all fills, or has not in time. */
  async filled(): Promise<void> {
    const replied = await Promise.all(this.#fills)
    if (replied.includes(false)) this.unanswered = true
  }
}

/** An operation of a warming that is read as it is: past the cache, and by no other step. */
export const PAST_THE_CACHE = Object.freeze({})

export function takeStep(
  context: Context,
  traits: ClientTraits,
  operation: Operation,
  hasHooksBehind: boolean,
  step: object,
): Promise<unknown> {
  const begun = asStep(operation, PAST_THE_CACHE)
  if (step instanceof KeysStep && step.of === context.store) return takeKeys(context, begun, step)
  if (step instanceof RowsStep && step.of === context.store)
    return takeRows(context, traits, begun, hasHooksBehind, step)
  return passOn(operation)
}

async function takeKeys(context: Context, operation: Operation, step: KeysStep): Promise<unknown> {
  step.keys = (await queryWhole(operation, operation.args, context)) as Row[]
  return []
}

async function takeRows(
  context: Context,
  traits: ClientTraits,
  operation: Operation,
  hasHooksBehind: boolean,
  step: RowsStep,
): Promise<unknown> {
  const { store, events } = context
  if (!isSettled(context)) await store.started()
  const plan = planIn(context, traits, operation, hasHooksBehind)
  if (plan.kind === 'bypass') step.refused ??= plan.why
  else if (plan.kind === 'result' || plan.tree !== undefined) step.refused ??= CHANGED
  if (step.refused !== undefined) return nothing(operation)
  const read = plan as CachedPlan
  const deadline = store.deadline()
  const times = events.times()
  const found = await lookUp(context, read, deadline)
  const rows = (read.kind === 'rows' ? found : [found]) as readonly LookedUp[]
  // What can't be stored need not be loaded.
  if (rows.some(({ snapshot }) => snapshot === undefined)) step.unanswered = true
  if (rows.some(({ snapshot }) => snapshot?.held === true)) step.held = true
  if (step.unanswered || step.held) return nothing(operation)
  const isFresh = context.query?.fresh === true
  const cached = isFresh ? 0 : rows.filter(row => row.found !== undefined).length
  const watched = Object.create(context, { store: { value: step.watching(store) } }) as Context
  await readCached(watched, traits, operation, read, { plan: read, found, deadline, times })
  step.cached += cached
  step.loaded += rows.length - cached
  return nothing(operation)
}

/** What the caller of the step's operation gets: the step itself has what is to be known. */
function nothing({ operation }: Operation): unknown {
  return operation === 'findMany' ? [] : null
}

/** Why a step was not taken as it was meant. */
export const CHANGED = 'an extension that was applied before the cache answers the query, or changes it'

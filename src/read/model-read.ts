/** A read of a model as the query hook runs it: planned from its args, then answered from the cache, or by Prisma. */
import type { Context } from '../context.js'
import { nameOf } from '../errors.js'
import type { Args } from '../plan/args.js'
import { Bypass, HOOKS_BEHIND, NOT_KNOWN, TURNED_OFF } from '../plan/bypass.js'
import { type CachedPlan, planRead, type ReadPlan } from '../plan/read.js'
import type { WholeRow } from '../plan/rows.js'
import type { ClientTraits } from '../plan/selection.js'
import { underTags } from '../plan/tagged.js'
import {
  argsOfCall,
  isFluent,
  isLoadOf,
  isUndescribed,
  type Operation,
  passOn,
  skipComputedFields,
} from '../prisma7/operation.js'
import type { Snapshot } from '../redis/batches.js'
import { type FirstLook, isOfProbe, probed, takeRefresh, takeLook } from './first-look.js'
import { cacheAside, type Look } from './read.js'
import { ResultReading } from './result.js'
import { callerQuery, nameOfLoad, RowLoad } from './row-load.js'
import { refresh } from './refresh.js'
import { type FoundRow, readRows, refreshRows, rowReading } from './rows.js'

/** @param hasHooksBehind - whether query hooks that are not ours run behind this one */
export function readModel(
  context: Context,
  traits: ClientTraits,
  operation: Operation,
  hasHooksBehind: boolean,
): Promise<unknown> {
  // An extension that is applied twice meets its own loads.
  if (isLoadOf(operation, context) || (context.probe !== undefined && isOfProbe(argsOfCall(operation))))
    return passOn(operation)
  const until = takeRefresh(argsOfCall(operation))
  if (until !== undefined) return refreshModel(context, traits, operation, hasHooksBehind, until)
  const look = context.transactionOf(operation) === undefined ? takeLook(argsOfCall(operation)) : undefined
  const plan = look?.plan ?? planIn(context, traits, operation, hasHooksBehind)
  if (plan.kind === 'bypass') return bypassed(context, operation, plan.why)
  if (!isSettled(context)) return readOnceSettled(context, traits, operation, hasHooksBehind)
  return readCached(context, traits, operation, plan, look)
}

/** Whether it is known whose the keys are, what the database user may see, and who else writes; and Redis is in use. */
export function isSettled({ access, store }: Context): boolean {
  return access.known && store.usable
}

/**
 * At the start, and when the process was idle, the cache first has to learn whose the keys are, what the database user may see,
 * and who else writes: the answers may change the plan.
 */
async function readOnceSettled(
  context: Context,
  traits: ClientTraits,
  operation: Operation,
  hasHooksBehind: boolean,
): Promise<unknown> {
  await context.database.known()
  if (!context.access.known) return bypassed(context, operation, NOT_KNOWN)
  if (!context.store.usable) await context.store.started()
  const plan = planIn(context, traits, operation, hasHooksBehind)
  if (plan.kind === 'bypass') return bypassed(context, operation, plan.why)
  return readCached(context, traits, operation, plan, undefined)
}

function bypassed(context: Context, operation: Operation, why: string): Promise<unknown> {
  const { model, operation: name } = operation
  return context.events.bypass({ model: model as string, operation: name }, why, () => callerQuery(context, operation))
}

/** Answers a planned read from the cache, or by a load. */
export function readCached(
  context: Context,
  traits: ClientTraits,
  operation: Operation,
  plan: CachedPlan,
  first: FirstLook | undefined,
): Promise<unknown> {
  const look = first && { ...first, began: context.flights.now() }
  // Where nothing is computed, and no part of the row is asked for, Prisma's answer is that of the hook.
  if (look === undefined && traits.computed.isEmpty && !isFluent(operation)) {
    context.probe?.sample(() => probed(context, plan, operation, () => passOn(operation)))
  }
  if (plan.kind === 'result')
    return cacheAside(context, new ResultReading(context, operation, plan), look as Look<Snapshot | undefined>)
  if (plan.tree !== undefined && traits.computed.isEmpty) skipComputedFields(operation)
  if (plan.kind === 'rows') return readRows(context, traits, operation, plan, look as Look<readonly FoundRow[]>)
  return cacheAside(context, rowReading(context, operation, plan, new RowLoad(context, traits, operation, plan)), look)
}

/** A hit of the front was due: what ends by then is loaded and filled. It has no answer: no caller waits for one. */
async function refreshModel(
  context: Context,
  traits: ClientTraits,
  operation: Operation,
  hasHooksBehind: boolean,
  until: number,
): Promise<void> {
  const plan = planIn(context, traits, operation, hasHooksBehind)
  if (plan.kind === 'bypass' || !isSettled(context)) return
  if (plan.kind === 'rows') await refreshRows(context, traits, operation, plan, until)
  else if (plan.kind === 'result') await refresh(context, new ResultReading(context, operation, plan), until)
  else
    await refresh(context, rowReading(context, operation, plan, new RowLoad(context, traits, operation, plan)), until)
}

/** The plan of an operation, wherever it runs. */
export function planIn(
  context: Context,
  traits: ClientTraits,
  operation: Operation,
  hasHooksBehind: boolean,
): ReadPlan {
  if (!context.enabled) return new Bypass(TURNED_OFF)
  // Also because every operation of a batch transaction has to reach Prisma, or `$transaction([...])` never settles.
  if (context.transactionOf(operation) !== undefined) return new Bypass('in a transaction')
  if (isUndescribed(operation)) return new Bypass('the client does not say which query it is')
  const { model, operation: name, args } = operation
  try {
    const plan = planOf(context, traits, model as string, name, args)
    // What the hooks make of the query would be stored for all users, and a hit would run none of them.
    if (plan.kind === 'bypass' || !hasHooksBehind || context.hooksAreSameForAll) return plan
    context.warnOfHooks()
    return new Bypass(HOOKS_BEHIND)
  } catch (error) {
    // Args that can't be planned are Prisma's to judge.
    const message = `A ${name} could not be planned: ${nameOf(error)}.`
    context.events.emit({ type: 'error', code: 'PLAN', message })
    return new Bypass('the args are of a form that this version does not know')
  }
}

/** The plan of a read from its args, outside of transactions and where no other hooks are. */
export function planOf(context: Context, traits: ClientTraits, model: string, name: string, args: unknown): ReadPlan {
  const { prefix, catalog, query } = context
  const plan = planRead(catalog.get(model), name, args, traits)
  if (plan.kind === 'bypass') return plan
  if (query !== undefined && query.tags.length > 0) {
    const tagged = underTags(plan, name, args as Args, query.tags, prefix, traits)
    return checked(context, tagged)
  }
  return asOfNow(context, plan)
}

/** A plan, or why it does not hold any more: what is known of rows, of grants, and of who else writes may change. */
export function asOfNow(context: Context, plan: CachedPlan): ReadPlan {
  const { deniedLoads, guesses } = context
  if (plan.kind !== 'result') {
    if (deniedLoads.size > 0 && deniedLoads.has(nameOfLoad(plan))) {
      return new Bypass('the database user may not read the whole row')
    }
    if (isNarrow(plan)) {
      const rows = plan.kind === 'row' ? [plan] : plan.rows
      if (rows.some(({ key }) => guesses.isTooLarge(key))) return new Bypass('the row is larger than maxBytes')
    }
  }
  return checked(context, plan)
}

function checked({ access, fleet, feed }: Context, plan: ReadPlan): ReadPlan {
  const known = fleet.check(access.check(plan))
  return feed === undefined ? known : feed.check(known)
}

/** Whether the caller asks for less of the row than a load does. */
function isNarrow({ fieldIndexes, tree }: WholeRow): boolean {
  return (tree === undefined ? fieldIndexes : tree.selection.fieldIndexes) !== undefined
}

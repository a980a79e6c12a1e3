/**
 * The write, told once: run it, then invalidate what it made stale, before the caller's promise resolves; on failure too. In an
 * interactive transaction, collect it, and invalidate when the transaction has settled (`transaction.ts`). In strict mode an intent
 * stands from before the write until it is invalidated (`strict.ts`). In standard mode nothing is written through to the cache, and
 * never in a transaction, which can resolve and still have been rolled back.
 */
import type { Context } from '../context.js'
import { nameOf } from '../errors.js'
import type { Effects } from '../plan/effects.js'
import type { ClientTraits } from '../plan/selection.js'
import { isPlainRead } from '../plan/sql.js'
import { addResult, planRaw, planWrite, unknownWrite, type WritePlan } from '../plan/write.js'
import { isPermissionDenied, outcomeOf } from '../prisma7/errors.js'
import { isFluent, type Operation, queryWith, rawTextOf } from '../prisma7/operation.js'
import { invalidate } from './invalidate.js'
import { type WithKeys, withKeys } from './returning.js'
import { intend, type Standing } from './strict.js'
import { WriteThrough } from './through.js'
import { writeInTransaction } from './transaction.js'

/**
 * A write operation on a model.
 *
 * @param hasHooksBehind - whether query hooks that are not ours run behind this one
 */
export function writeModel(
  context: Context,
  client: ClientTraits,
  operation: Operation,
  hasHooksBehind: boolean,
): Promise<unknown> {
  const { plan, args, isNamed, removeKeys } = prepare(context, client, operation)
  const isWidened = args !== operation.args
  const through = WriteThrough.of(context, client, operation, { isWidened, hasHooksBehind })
  const run = async () => {
    let result: unknown
    try {
      result = await queryWith(operation, args)
    } catch (error) {
      if (args === operation.args || !isPermissionDenied(error)) throw error
      // The database user may not read what we added to the selection. The statement has done nothing, but a transaction that
      // it was part of is lost.
      context.deniedReturning.add(operation.model as string)
      if (context.transactionOf(operation) !== undefined) throw error
      addResult(plan, undefined)
      return await queryWith(operation, operation.args)
    }
    addResult(plan, isNamed ? result : undefined)
    through?.returned(result)
    return removeKeys(result)
  }
  return write(context, operation, {
    plan,
    hasHooksBehind,
    run,
    through,
    effects: () => effectsBefore(context, operation),
  })
}

/** A raw operation: a write of the tables that it names, or of anything, unless its text plainly reads. */
export async function writeRaw(context: Context, operation: Operation, hasHooksBehind: boolean): Promise<unknown> {
  const text = rawTextOf(operation.args)
  if (text !== undefined && isPlainRead(text)) return operation.query(operation.args)
  const plan = planRaw(context.catalog, text, context.newEffects())
  const run = async () => await operation.query(operation.args)
  return write(context, operation, { plan, hasHooksBehind, run, effects: () => plan.effects })
}

interface Write {
  readonly plan: WritePlan
  readonly hasHooksBehind: boolean
  readonly run: () => Promise<unknown>
  /** What it may make stale, as far as that is known before it is run. */
  readonly effects: () => Effects
  /** In strict mode: what of its result may be stored. */
  readonly through?: WriteThrough | undefined
}

async function write(context: Context, operation: Operation, toRun: Write): Promise<unknown> {
  const { plan, hasHooksBehind, run, effects, through } = toRun
  const transaction = context.transactionOf(operation)
  if (transaction?.kind === 'interactive') return writeInTransaction(context, transaction.id, plan, hasHooksBehind, run)
  // In strict mode.
  const standing = await intend(context, effects, through)
  let result: unknown
  try {
    // In a batch transaction this settles after COMMIT or ROLLBACK, as everywhere else.
    result = await run()
  } catch (error) {
    await invalidateAfterFailure(context, operation, toRun, error, standing)
    throw error
  }
  await invalidate(context, plan.effects, 'write', { standing })
  return result
}

async function invalidateAfterFailure(
  context: Context,
  operation: Operation,
  { plan, hasHooksBehind }: Write,
  error: unknown,
  standing: Standing | undefined,
): Promise<void> {
  const outcome = outcomeOf(error)
  if (outcome === 'unknown') {
    await invalidate(context, plan.effects, 'write', { isOutcomeKnown: false, standing })
    return
  }
  // A hook behind this one may have failed after the write was done: then the error is about something else.
  if (outcome === 'failed' || hasHooksBehind) addResult(plan, undefined)
  // Nothing reached the database, so nothing is stale. (It may have no connection to spare for loading rows again.)
  else if (outcome === 'unsent') {
    await standing?.withdraw()
    return
  }
  // A refused statement was rolled back. Rows with a name are invalidated anyway: it is one key each. Raw SQL may have committed
  // by itself before it failed.
  else if (operation.model === undefined) addResult(plan, undefined)
  else plan.effects.keepNamedOnly()
  await invalidate(context, plan.effects, 'write', { standing })
}

interface Prepared extends WithKeys {
  readonly plan: WritePlan
  /** Whether the result is the row that was written: that of a fluent call is not. */
  readonly isNamed: boolean
}

/** Args that can't be planned are Prisma's to judge, and what they may change is anything. */
function prepare(context: Context, client: ClientTraits, operation: Operation): Prepared {
  const { catalog } = context
  const { model: name, operation: kind, args } = operation
  try {
    const model = catalog.get(name as string)
    if (model === undefined) throw new Error(`${name} is not in the schema`)
    const plan = planWrite(catalog, model, kind, args, context.newEffects())
    const isNamed = !isFluent(operation)
    const mayReturnMore = isNamed && !context.deniedReturning.has(name as string)
    return { plan, isNamed, ...withKeys(mayReturnMore ? plan.expected : undefined, args, client) }
  } catch (error) {
    context.events.emit({ type: 'error', code: 'PLAN', message: `A ${kind} could not be planned: ${nameOf(error)}.` })
    const plan = unknownWrite(catalog, context.newEffects())
    return { plan, isNamed: false, args, removeKeys: result => result }
  }
}

/** What a write may make stale, before its result is there: what the result would name has no name yet. */
function effectsBefore(context: Context, { model: name, operation: kind, args }: Operation): Effects {
  const { catalog } = context
  const model = catalog.get(name as string)
  try {
    if (model === undefined) return unknownWrite(catalog, context.newEffects()).effects
    const plan = planWrite(catalog, model, kind, args, context.newEffects())
    addResult(plan, undefined)
    return plan.effects
  } catch {
    return unknownWrite(catalog, context.newEffects()).effects
  }
}

/** An interactive transaction, from its first write until it has settled. */
import type { Context } from '../context.js'
import type { Scope } from '../local/open-transactions.js'
import { addResult, type WritePlan } from '../plan/write.js'
import { isTransactionClosed, outcomeOf } from '../prisma7/errors.js'
import { transactionIdOf } from '../prisma7/operation.js'
import { invalidate } from './invalidate.js'
import { intend, type Standing } from './strict.js'

/** Prisma's `$transaction`, with a callback. */
export type RunTransaction = (callback: (tx: object) => Promise<unknown>) => Promise<unknown>

/** Runs a transaction, and invalidates what its writes made stale when it has settled. */
export async function runTransaction(
  context: Context,
  run: RunTransaction,
  callback: (tx: object, scope: Scope | undefined) => Promise<unknown>,
): Promise<unknown> {
  let scope: Scope | undefined
  let id = ''
  let isCommitting = false
  let isOutcomeKnown = true
  let standing: Standing | undefined
  try {
    return await run(async tx => {
      id = transactionIdOf(tx) ?? ''
      if (id !== '') scope = context.scopes.open(id)
      const result = await callback(tx, scope)
      // In strict mode: by now all that it makes stale has a name, and only the COMMIT is to come.
      standing = await intendBeforeCommit(context, scope)
      isCommitting = true
      return result
    })
  } catch (error) {
    // Before COMMIT was sent, whatever went wrong is rolled back.
    if (isCommitting && outcomeOf(error) === 'unknown') isOutcomeKnown = false
    throw error
  } finally {
    if (scope !== undefined) {
      await scope.settled()
      context.scopes.close(id)
      const { effects, keys } = scope
      if (!scope.isEmpty) await invalidate(context, effects, 'transaction', { isOutcomeKnown, keys, standing })
    }
  }
}

async function intendBeforeCommit(context: Context, scope: Scope | undefined): Promise<Standing | undefined> {
  if (context.strict === undefined || scope === undefined) return undefined
  await scope.settled()
  return intend(context, () => scope.effects)
}

/** One write of an interactive transaction. */
export async function writeInTransaction(
  context: Context,
  id: string,
  plan: WritePlan,
  hasHooksBehind: boolean,
  run: () => Promise<unknown>,
): Promise<unknown> {
  const scope = context.scopes.of(id)
  if (scope === undefined) return writeInForeignTransaction(context, plan, hasHooksBehind, run)
  return scope.run(async () => {
    try {
      return await run()
    } catch (error) {
      // Part of a nested write may be done, and the application may swallow the error and commit.
      addResult(plan, undefined)
      throw error
    } finally {
      scope.effects.add(plan.effects)
    }
  })
}

/** The transaction did not begin through our client: its end is not seen, so each of its writes is of unknown outcome. */
async function writeInForeignTransaction(
  context: Context,
  plan: WritePlan,
  hasHooksBehind: boolean,
  run: () => Promise<unknown>,
): Promise<unknown> {
  let isClosed = false
  try {
    return await run()
  } catch (error) {
    isClosed = !hasHooksBehind && isTransactionClosed(error)
    throw error
  } finally {
    addResult(plan, undefined)
    if (!isClosed) await invalidate(context, plan.effects, 'transaction', { isOutcomeKnown: false })
  }
}

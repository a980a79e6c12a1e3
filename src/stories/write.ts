/**
 * The story of a write. Run it, then drop what it made wrong, before the caller's promise resolves; on failure too. In an
 * interactive transaction, collect, and drop when it has settled. Nothing is ever written through to the cache: a
 * transaction can resolve and still have been rolled back.
 */
import type { Catalog } from '../plan/catalog.js'
import type { Effects } from '../plan/effects.js'
import { addResult, planRaw, planWrite, type WritePlan, writeOfAnything } from '../plan/write.js'
import { nameOf } from '../errors.js'
import type { Events, InvalidationSource } from '../events.js'
import { type InTransaction, isFluent, type Operation, queryWith, rawTextOf } from '../prisma7.js'
import { mayNotReadAll, outcomeOf, saysClosed } from '../prisma7-errors.js'
import type { ClientShape } from '../plan/shape.js'
import { isPlainRead } from '../plan/sql.js'
import type { Store } from '../redis/store.js'
import type { Transactions } from './transaction.js'
import { type Widened, widen } from '../plan/widen.js'

export interface Writer {
  readonly catalog: Catalog
  readonly store: Store
  readonly events: Events
  readonly transactions: Transactions
  /** Other versions of the schema, which may know more that is stale. */
  readonly fleet: { alsoStale(effects: Effects): readonly string[] }
  /** What the database user lacks a grant for: loads of whole rows, and results that name more than was selected. */
  readonly unreadable: Set<string>
  /** For tests: a rule of the plan to leave out. */
  readonly without: string | undefined
  readonly transactionOf: (operation: Operation) => InTransaction
}

/**
 * A write operation on a model.
 *
 * @param behind - whether query hooks run behind this one that are not ours
 */
export function writeModel(
  writer: Writer,
  client: ClientShape,
  operation: Operation,
  behind: boolean,
): Promise<unknown> {
  const { plan, args, named, strip } = prepare(writer, client, operation)
  return write(writer, operation, plan, behind, async () => {
    let result: unknown
    try {
      result = await queryWith(operation, args)
    } catch (error) {
      if (args === operation.args || !mayNotReadAll(error)) throw error
      // The database user may not read what we added to the selection. The statement has done nothing, but a transaction that
      // it was part of is lost.
      writer.unreadable.add(unwidened(operation))
      if (writer.transactionOf(operation) !== undefined) throw error
      addResult(plan, undefined)
      return await queryWith(operation, operation.args)
    }
    addResult(plan, named ? result : undefined)
    return strip(result)
  })
}

/** Where it is kept that the results of writes to a model are not to be widened. */
function unwidened({ model }: Operation): string {
  return `${model}: as selected`
}

interface Prepared extends Widened {
  readonly plan: WritePlan
  /** Whether the result is the row that was written: that of a fluent call is not. */
  readonly named: boolean
}

/** Args that we can't make sense of are Prisma's to judge, and what they may do is anything. */
function prepare(writer: Writer, client: ClientShape, operation: Operation): Prepared {
  const { model: name, operation: kind, args } = operation
  try {
    const model = writer.catalog.get(name as string)
    if (model === undefined) throw new Error(`${name} is not in the schema`)
    const plan = planWrite(writer.catalog, model, kind, args, writer.without)
    const named = !isFluent(operation)
    const wide = named && !writer.unreadable.has(unwidened(operation))
    return { plan, named, ...widen(wide ? plan.expected : undefined, args, client) }
  } catch (error) {
    writer.events.emit({ type: 'error', code: 'PLAN', message: `A ${kind} could not be planned: ${nameOf(error)}.` })
    return { plan: writeOfAnything(writer.catalog, writer.without), named: false, args, strip: result => result }
  }
}

/** A raw operation: a write of the tables that it names, or of anything, unless its text plainly reads. */
export async function writeRaw(writer: Writer, operation: Operation, behind: boolean): Promise<unknown> {
  const text = rawTextOf(operation.args)
  if (text !== undefined && isPlainRead(text)) return operation.query(operation.args)
  const plan = planRaw(writer.catalog, text, writer.without)
  return write(writer, operation, plan, behind, async () => await operation.query(operation.args))
}

async function write(
  writer: Writer,
  operation: Operation,
  plan: WritePlan,
  behind: boolean,
  run: () => Promise<unknown>,
): Promise<unknown> {
  const transaction = writer.transactionOf(operation)
  if (transaction?.kind === 'interactive') return writeInTransaction(writer, transaction, plan, behind, run)
  let result: unknown
  try {
    // In a batch transaction this settles after COMMIT or ROLLBACK, like everywhere.
    result = await run()
  } catch (error) {
    await dropAfterFailure(writer, operation, plan, behind, error)
    throw error
  }
  await drop(writer, plan.effects, 'write')
  return result
}

async function writeInTransaction(
  writer: Writer,
  { id }: InTransaction & { kind: 'interactive' },
  plan: WritePlan,
  behind: boolean,
  run: () => Promise<unknown>,
): Promise<unknown> {
  const scope = writer.transactions.scope(id)
  if (scope === undefined) {
    // A transaction that did not begin through our client: we won't see its end, so it is of unknown outcome.
    let closed = false
    try {
      return await run()
    } catch (error) {
      closed = !behind && saysClosed(error)
      throw error
    } finally {
      addResult(plan, undefined)
      if (!closed) await drop(writer, plan.effects, 'transaction', 'unknown')
    }
  }
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

async function dropAfterFailure(
  writer: Writer,
  operation: Operation,
  plan: WritePlan,
  behind: boolean,
  error: unknown,
): Promise<void> {
  const outcome = outcomeOf(error)
  if (outcome === 'unknown') return drop(writer, plan.effects, 'write', outcome)
  // A hook behind this one may fail when the write is done: the error is then of something else.
  if (outcome === 'failed' || behind) addResult(plan, undefined)
  // A database that has no connection to spare has none to load the row again.
  else if (outcome === 'unsent') return
  // Refused: undone. What has a name is dropped all the same, which costs next to nothing. Raw SQL may have committed by
  // itself before it failed.
  else if (operation.model === undefined) addResult(plan, undefined)
  else plan.effects.forgetUnnamed()
  await drop(writer, plan.effects, 'write')
}

/**
 * Drops what is wrong now, and keys that were asked for by hand. Of an `unknown` outcome, what may be: the server may still
 * commit, so the models are held.
 */
export async function drop(
  { store, events, fleet }: Pick<Writer, 'store' | 'events' | 'fleet'>,
  effects: Effects,
  source: InvalidationSource,
  outcome: 'known' | 'unknown' = 'known',
  byHand: readonly string[] = [],
): Promise<void> {
  const { holds, keys } = outcome === 'unknown' ? effects.dropsOfUnknownOutcome() : effects.drops()
  const besides = () => fleet.alsoStale(effects)
  events.invalidate(source, effects.models, await store.drop({ holds, keys: [...keys, ...byHand], besides }))
}

/** How a read queries the database: for whole rows by their key, and when to fall back on the caller's own query. */
import type { Context } from '../context.js'
import { type RowRead, throwsWhenAbsent } from '../plan/read.js'
import type { ClientTraits } from '../plan/selection.js'
import { loadArgs } from '../plan/tree.js'
import { concernsOtherColumns, isNotFound, isPermissionDenied } from '../prisma7/errors.js'
import { nextFreeTick, type Operation, queryWhole } from '../prisma7/operation.js'
import type { Row } from '../wire/rows.js'

/** What the database says. `notFound`: Prisma's error of `…OrThrow`, where there is no such row. */
export type Loaded =
  | { readonly row: Row | null; readonly notFound?: undefined }
  | { readonly row: null; readonly notFound: unknown }

/** The caller's own query. It is counted, because Prisma may put it into one statement with loads of ours. */
export async function callerQuery({ batches }: Context, operation: Operation): Promise<unknown> {
  if (operation.operation.startsWith('findUnique')) batches.join(operation.model as string)
  return await operation.query(operation.args)
}

const NO_BATCH = { size: 0 }

/** Loads a row, whole and by its key alone, with its related rows. */
export class RowLoad {
  readonly #context: Context
  readonly #traits: ClientTraits
  readonly #operation: Operation
  readonly #plan: RowRead
  #batch: { readonly size: number } = NO_BATCH

  constructor(context: Context, traits: ClientTraits, operation: Operation, plan: RowRead) {
    this.#context = context
    this.#traits = traits
    this.#operation = operation
    this.#plan = plan
  }

  /** Whether no other lookup was in the same statement: of several, Prisma takes a row that is spelled differently for missing. */
  get unbatched(): boolean {
    return this.#batch.size === 1
  }

  async query(): Promise<Loaded> {
    const { cached, identity, model, strategy, tree, where, hasCursor } = this.#plan
    const node = tree ?? { model, cached, identity, toOne: [], relatedEntries: [] }
    const args = {
      where,
      ...loadArgs(node, this.#traits),
      ...(strategy !== undefined && { relationLoadStrategy: strategy }),
    }
    if (hasCursor) await nextFreeTick()
    this.#batch = this.#context.batches.join(model.name)
    try {
      return { row: (await queryWhole(this.#operation, args, this.#context)) as Row | null }
    } catch (error) {
      if (throwsWhenAbsent(this.#operation.operation) && isNotFound(error)) return { row: null, notFound: error }
      throw error
    }
  }

  /**
   * The load selects whole rows, so its error may concern a column that the caller did not select, or a row that the caller's
   * further filters leave out: then the caller's own query answers.
   */
  async recover(error: unknown): Promise<unknown> {
    const { fieldIndexes, filters, tree } = this.#plan
    const isSameQuery = fieldIndexes === undefined && tree === undefined && filters.length === 0
    if (isSameQuery || !concernsOtherColumns(error)) throw error
    if (isPermissionDenied(error)) this.#context.deniedLoads.add(nameOfLoad(this.#plan))
    return this.callerQuery()
  }

  callerQuery(): Promise<unknown> {
    return callerQuery(this.#context, this.#operation)
  }
}

/** What a load selects, by the models in it. */
export function nameOfLoad({ model, tree }: RowRead): string {
  return tree === undefined ? model.name : tree.selection.text
}

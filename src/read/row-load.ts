/** How a read queries the database: for whole rows by their key, and when to fall back on the caller's own query. */
import type { Context } from '../context.js'
import { throwsWhenAbsent } from '../plan/read.js'
import type { RowRead, WholeRow } from '../plan/rows.js'
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

/** Where the row of a read comes from when it is not cached. */
export interface RowSource {
  /** Whether the row was looked for by itself: of several, Prisma takes a row that is spelled differently for missing. */
  readonly unbatched: boolean
  /** Whether it is one of several rows that are loaded together. */
  readonly isOfList?: boolean
  /** Tokens are being taken: `query` follows. */
  begin(): void
  query(): Promise<Loaded>
  /** Answers in place of a load that has failed, or throws its error. */
  recover(error: unknown): Promise<unknown>
  callerQuery(): Promise<unknown>
}

const NO_BATCH = { size: 0 }

/** Loads a row, whole and by its key alone, with its related rows. */
export class RowLoad implements RowSource {
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

  get unbatched(): boolean {
    return this.#batch.size === 1
  }

  begin(): void {}

  async query(): Promise<Loaded> {
    const { model, where, hasCursor } = this.#plan
    const args = { where, ...wholeRowArgs(this.#plan, this.#traits) }
    if (hasCursor) await nextFreeTick()
    this.#batch = this.#context.batches.join(model.name)
    try {
      return { row: (await queryWhole(this.#operation, args, this.#context)) as Row | null }
    } catch (error) {
      if (throwsWhenAbsent(this.#operation.operation) && isNotFound(error)) return { row: null, notFound: error }
      throw error
    }
  }

  async recover(error: unknown): Promise<unknown> {
    mayConcernOthers(this.#context, this.#plan, error)
    return this.callerQuery()
  }

  callerQuery(): Promise<unknown> {
    return callerQuery(this.#context, this.#operation)
  }
}

/**
 * A load selects whole rows, so its error may concern a column that the caller did not select, or a row that the caller's further
 * filters leave out: then the caller's own query answers.
 *
 * @throws the error where it is the caller's
 */
export function mayConcernOthers({ deniedLoads }: Context, plan: WholeRow, error: unknown): void {
  const { fieldIndexes, filters, tree } = plan
  const isSameQuery = fieldIndexes === undefined && tree === undefined && filters.length === 0
  if (isSameQuery || !concernsOtherColumns(error)) throw error
  if (isPermissionDenied(error)) deniedLoads.add(nameOfLoad(plan))
}

/** Args that load a row with all its fields, and with its related rows. */
export function wholeRowArgs({ model, cached, identity, tree, strategy }: WholeRow, traits: ClientTraits) {
  const node = tree ?? { model, cached, identity, toOne: [], relatedEntries: [] }
  return { ...loadArgs(node, traits), ...(strategy !== undefined && { relationLoadStrategy: strategy }) }
}

/** What a load selects, by the models in it. */
export function nameOfLoad({ model, tree }: WholeRow): string {
  return tree === undefined ? model.name : tree.selection.text
}

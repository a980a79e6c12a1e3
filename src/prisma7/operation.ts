/** One operation of a client: its transaction, its part of a fluent call, and how it is run with other args. */

/** What a query hook gets. */
export interface Operation {
  readonly model: string | undefined
  readonly operation: string
  readonly args: unknown
  readonly query: (args: unknown, internal?: unknown) => Promise<unknown>
  readonly __internalParams?: Internal
}

/** Marks our own loads, so that an extension applied twice does not cache its own query: Prisma hands internal params from hook to hook. */
const LOADER = Symbol('loader')

/** What `$cached` says of the queries of a client. */
const QUERY = Symbol('query')

/** Which step of a warming the operations of a client are. */
const STEP = Symbol('step')

interface Internal {
  args?: unknown
  readonly transaction?: { readonly kind: 'itx' | 'batch'; readonly id: string | number }
  readonly dataPath?: readonly string[]
  readonly [LOADER]?: object
  readonly [QUERY]?: object
  readonly [STEP]?: object
}

export type InTransaction =
  | { readonly kind: 'interactive'; readonly id: string }
  | { readonly kind: 'batch' }
  | undefined

/** In which transaction an operation runs. There is no public way to ask (prisma issue 20789). */
export function transactionOf({ __internalParams }: Operation): InTransaction {
  const transaction = __internalParams?.transaction
  if (transaction === undefined) return undefined
  return transaction.kind === 'itx' ? { kind: 'interactive', id: String(transaction.id) } : { kind: 'batch' }
}

/** The relation fields that a fluent call follows (`findUnique(…).author().posts()`), to the part that it answers. */
export function fluentPath({ __internalParams }: Operation): readonly string[] {
  // `['select', 'author', 'select', 'posts']`
  return __internalParams?.dataPath?.filter((_, i) => i % 2 === 1) ?? []
}

/** The args as the caller of the client's method wrote them: the very object, unless a hook before has changed them. */
export function argsOfCall({ __internalParams }: Operation): unknown {
  return __internalParams?.args
}

/** Whether the client says nothing of how the operation was called: then it is not known what its result has to be. */
export function isUndescribed({ __internalParams }: Operation): boolean {
  return __internalParams === undefined
}

/** Whether the operation is, or may be, a fluent call, whose result is another row. */
export function isFluent(operation: Operation): boolean {
  return isUndescribed(operation) || fluentPath(operation).length > 0
}

/** Runs an operation as it is. */
export async function passOn({ query, args }: Operation): Promise<unknown> {
  return await query(args)
}

/**
 * Runs an operation with other args than the caller's. Prisma applies result extensions by the args it finds in the
 * internal params afterwards: a copy leaves those of the caller in place.
 */
export async function queryWith({ query, __internalParams }: Operation, args: unknown): Promise<unknown> {
  return await query(args, { ...__internalParams })
}

/**
 * The same, and the whole result, whatever part of it a fluent call asks for.
 *
 * @param loader - the context that recognises its own loads by `isLoadOf`
 */
export async function queryWhole(
  { query, __internalParams }: Operation,
  args: unknown,
  loader: object,
): Promise<unknown> {
  const internal = { ...__internalParams, dataPath: [], [LOADER]: loader }
  const answer = await query(args, internal)
  if (answer !== undefined) return answer
  // Before 7.10 this is what Prisma says of rows that are there, where another lookup of their tick is a `findUniqueOrThrow` without
  // a row: it is no answer.
  await nextFreeTick()
  return await query(args, { ...internal })
}

/** Whether the operation is a load of that loader, which meets itself where an extension is applied twice. */
export function isLoadOf({ __internalParams }: Operation, loader: object): boolean {
  return __internalParams?.[LOADER] === loader
}

/** Makes all operations of a client carry something to the query hooks. Prisma hands internal params on, whatever hooks do to args. */
export function carryQuery(client: object, query: object): void {
  carry(client, QUERY, query)
  Object.defineProperty(client, QUERY, { configurable: true, writable: true, value: query })
}

function carry(client: object, name: typeof QUERY | typeof STEP, carried: object): void {
  type Request = (this: object, internal: Internal) => Promise<unknown>
  const { _request: request } = client as { readonly _request: Request }
  const value = function (this: object, internal: Internal) {
    return request.call(this, { ...internal, [name]: carried })
  }
  Object.defineProperty(client, '_request', { configurable: true, writable: true, value })
}

/** Makes all operations of a client a step of a warming. */
export function carryStep(client: object, step: object): void {
  carry(client, STEP, step)
}

export function stepOf({ __internalParams }: Operation): object | undefined {
  return __internalParams?.[STEP]
}

/** The same operation as another step. */
export function asStep(operation: Operation, step: object): Operation {
  return { ...operation, __internalParams: { ...operation.__internalParams, [STEP]: step } }
}

/** What a client that was extended from such a client has to carry on. */
export function queryCarriedBy(client: object): object | undefined {
  return (client as { [QUERY]?: object })[QUERY]
}

/** What an operation carries. */
export function queryOf({ __internalParams }: Operation): object | undefined {
  return __internalParams?.[QUERY]
}

/** Marks hooks of this package, of any copy of it: what they do to a query is the same for all. */
const OWN_HOOK = Symbol.for('prisma-extension-cache-aside.hook')

/** @param does - `'invalidation'`: it hands reads on as they are */
export function markHook(hook: object, does: 'all' | 'invalidation'): void {
  Object.defineProperty(hook, OWN_HOOK, { value: does })
}

export function isInvalidationHook(hook: object): boolean {
  return (hook as { [OWN_HOOK]?: unknown })[OWN_HOOK] === 'invalidation'
}

/**
 * Whether query hooks that were applied after this one run behind it. They run on misses only, and what they do to args and
 * results would be kept for all.
 *
 * @param hooks - the list that Prisma calls the hook from, as its `this`
 */
export function hasHooksBehind(hooks: unknown, hook: object): boolean {
  // Prisma calls hooks in another way: it is not known.
  if (!Array.isArray(hooks)) return true
  const last = hooks.length - 1
  if (hooks[last] === hook) return false
  for (let i = hooks.indexOf(hook) + 1; i <= last; i++) if (!Object.hasOwn(hooks[i] as object, OWN_HOOK)) return true
  return false
}

/**
 * Afterwards Prisma walks over all rows of a result, as these args nest them, in search of fields to compute: a fifth of the
 * time of a hit with 50 related rows. Where nothing is computed, there is nothing to nest.
 */
export function skipComputedFields({ __internalParams }: Operation): void {
  if (__internalParams !== undefined) __internalParams.args = {}
}

let turn: Promise<void> = Promise.resolve()

/** Waits for a tick of its own, so that Prisma does not put the query into one statement with others. */
export function nextFreeTick(): Promise<void> {
  const before = turn
  turn = before.then(() => new Promise(resolve => setImmediate(resolve)))
  return before
}

/** The text of a raw operation: a `Sql` or `TypedSql` object, or `[text, ...parameters]`. */
export function rawTextOf(args: unknown): string | undefined {
  if (Array.isArray(args)) return typeof args[0] === 'string' ? args[0] : undefined
  const sql = (args as { sql?: unknown } | undefined)?.sql
  return typeof sql === 'string' ? sql : undefined
}

/**
 * How many lookups by unique of a model Prisma may have put into one statement: it batches those of one tick into an `IN`,
 * and answers null to the one that was spelled differently than the row.
 */
export class FindUniqueBatches {
  readonly #tick = new Map<string, { size: number }>()

  /** Counts a look-up; the result's `size` is final once the look-up is answered. */
  join(model: string): { readonly size: number } {
    if (this.#tick.size === 0) setImmediate(() => this.#tick.clear())
    let batch = this.#tick.get(model)
    if (batch === undefined) this.#tick.set(model, (batch = { size: 0 }))
    batch.size++
    return batch
  }
}

// ---- transactions

/** Since 7.5, which has transactions in transactions. */
const SCOPE_CONTEXT = Symbol.for('prisma.client.transaction.scope_context')
/** Before. */
const ID = Symbol.for('prisma.client.transaction.id')

/** The id of the transaction that a client given to a `$transaction` callback is bound to. */
export function transactionIdOf(tx: object): string | undefined {
  const { [SCOPE_CONTEXT]: scope, [ID]: id } = tx as { [SCOPE_CONTEXT]?: { txId?: string }; [ID]?: string }
  return scope?.txId ?? id
}

/** Whether a client is one that a `$transaction` callback was given: those can't connect. */
export function isTransactionClient(client: object): boolean {
  return (client as { $connect?: unknown }).$connect === undefined
}

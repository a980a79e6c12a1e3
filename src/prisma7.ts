/**
 * The one module that knows Prisma 7: its internals, each looked for when the client is extended. If one
 * is missing, that is a clear error there; nothing is guessed. (Prisma 8 has a middleware interface instead: another door.) What
 * its errors say is in prisma7-errors.ts.
 */
import { Decimal, isObjectEnumValue } from '@prisma/client/runtime/client'
import type { DatabaseDoor } from './database.js'
import { CacheAsideError, shown } from './errors.js'
import { ArgsReader } from './plan/args.js'
import { type ClientShape, Shapes } from './plan/shape.js'
import { readSchema, type Schema } from './plan/schema.js'

/** Prisma's own Decimal class. */
export { Decimal }

/** What a query hook gets. */
export interface Operation {
  readonly model: string | undefined
  readonly operation: string
  readonly args: unknown
  readonly query: (args: unknown, internal?: unknown) => Promise<unknown>
  readonly __internalParams?: Internal
}

/** Who loads by a query. Prisma hands the internal params on from hook to hook. */
const LOADER = Symbol('loader')

interface Internal {
  args?: unknown
  readonly transaction?: { readonly kind: 'itx' | 'batch'; readonly id: string | number }
  readonly dataPath?: readonly string[]
  readonly [LOADER]?: object
}

type RuntimeModels = Readonly<Record<string, { readonly fields: readonly { readonly name: string }[] }>>

/** The parts of a client that are read here. */
interface ClientInternals {
  readonly _engineConfig?: { readonly inlineSchema?: unknown; readonly adapter?: AdapterFactory }
  readonly _runtimeDataModel?: { readonly models?: RuntimeModels }
  readonly _globalOmit?: Record<string, Record<string, unknown>>
  readonly _extensions?: {
    getAllComputedFields(model: string): Record<string, { readonly needs: readonly string[] }> | undefined
    getAllQueryCallbacks?(model: string, operation: string): readonly object[]
  }
}

/** Prisma's driver adapters, as far as they are used here. */
interface AdapterFactory {
  /** The caller's own pool, which is not ours to end. */
  readonly externalPool?: object | null
  connect(): Promise<{
    /** `schemaName`: where the tables are that declare no schema of their own. */
    getConnectionInfo?(): { readonly schemaName?: string | undefined }
    queryRaw(query: { sql: string; args: unknown[]; argTypes: unknown[] }): Promise<{ rows: unknown[][] }>
    dispose(): Promise<void>
  }>
}

export interface ClientFacts {
  readonly schema: Schema
  readonly schemaText: string
  readonly shape: ClientShape
  readonly door: DatabaseDoor
  /** To be told of each client that is extended further: its computed fields count too. */
  readonly extended: (client: object) => void
}

/**
 * Reads what we need of a client.
 *
 * @throws CacheAsideError `UNSUPPORTED_CLIENT`
 */
export function factsOf(client: object): ClientFacts {
  const { _engineConfig, _runtimeDataModel, _globalOmit, _extensions } = client as ClientInternals
  const schemaText = _engineConfig?.inlineSchema
  const models = _runtimeDataModel?.models
  if (
    typeof schemaText !== 'string' ||
    models === undefined ||
    typeof _extensions?.getAllComputedFields !== 'function'
  ) {
    throw unsupported('the client does not carry its schema where Prisma 7 clients do')
  }
  const schema = schemaOf(schemaText, models)
  if (schema.provider !== 'postgresql' && schema.provider !== 'postgres') {
    throw unsupported(`the schema's provider is ${shown(schema.provider)}, and only "postgresql" is supported`)
  }

  const shapes = new Shapes()
  const needed = new Set<string>()
  const computed = new Set<string>()
  const extended = (derived: object) => {
    const extensions = (derived as ClientInternals)._extensions
    const before = computed.size + needed.size
    for (const model of schema.models.keys()) {
      for (const [name, { needs }] of Object.entries(extensions?.getAllComputedFields(jsName(model)) ?? {})) {
        computed.add(`${model}.${name}`)
        for (const field of needs) needed.add(`${model}.${field}`)
      }
    }
    if (computed.size + needed.size > before) shapes.forget()
  }
  extended(client)
  return {
    schema,
    schemaText,
    door: doorOf(_engineConfig?.adapter, models, schema),
    extended,
    shape: {
      globalOmit: model => _globalOmit?.[jsName(model)],
      get computesNothing() {
        return computed.size === 0
      },
      computes: (model, name) => computed.has(`${model}.${name}`),
      neededByComputed: (model, field) => needed.has(`${model}.${field}`),
      reader: new ArgsReader(nameOfConstant, schema.previewFeatures.has('strictUndefinedChecks')),
      joins: schema.previewFeatures.has('relationJoins'),
      shapes,
    },
  }
}

/** What was read of a schema, by the object that all clients derived from one share: some extend one for each request. */
const knownSchemas = new WeakMap<object, Schema>()

function schemaOf(text: string, models: RuntimeModels): Schema {
  let schema = knownSchemas.get(models)
  if (schema === undefined) {
    schema = readSchema(text, name => new Set(models[name]?.fields.map(field => field.name)))
    knownSchemas.set(models, schema)
  }
  return schema
}

/**
 * How the database is asked about itself: on a connection of its own, which is closed again.
 *
 * @param models - stands for the adapter where there is none: then nothing tells which database the client reads
 */
function doorOf(factory: AdapterFactory | undefined, models: RuntimeModels, schema: Schema): DatabaseDoor {
  const schemas = new Set([...schema.models.values()].flatMap(({ databaseSchema }) => databaseSchema ?? []))
  return {
    adapter: factory ?? models,
    schemas: [...schemas],
    async ask(sqlFor) {
      if (factory === undefined) throw unsupported('the client has no driver adapter')
      const adapter = await factory.connect()
      try {
        // Prisma names every table with its schema: the search path does not matter.
        const { schemaName = 'public' } = adapter.getConnectionInfo?.() ?? {}
        const sql = sqlFor([...schemas, schemaName])
        const { rows } = await adapter.queryRaw({ sql, args: [], argTypes: [] })
        return { row: (rows[0] ?? []) as readonly (string | null)[], schema: schemaName }
      } finally {
        if (!factory.externalPool) await adapter.dispose()
      }
    },
  }
}

/** `DbNull`, `JsonNull` and `AnyNull`, which no JSON tells apart. */
function nameOfConstant(value: object): string | undefined {
  return isObjectEnumValue(value) ? String(value) : undefined
}

function jsName(model: string): string {
  return model.charAt(0).toLowerCase() + model.slice(1)
}

function unsupported(what: string): CacheAsideError {
  return new CacheAsideError(
    'UNSUPPORTED_CLIENT',
    `${what}. This version works with @prisma/client 7.10 and newer 7.x on Postgres: install one of them, ` +
      `or remove the extension.`,
  )
}

// ---- one operation

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

/** Whether the operation is a fluent call, whose result has another shape. */
export function isFluent(operation: Operation): boolean {
  return operation.__internalParams === undefined || fluentPath(operation).length > 0
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
 * @param loader - who can tell its own loads by `isLoadOf`
 */
export async function queryWhole(
  { query, __internalParams }: Operation,
  args: unknown,
  loader: object,
): Promise<unknown> {
  return await query(args, { ...__internalParams, dataPath: [], [LOADER]: loader })
}

/** Whether the operation is a load of that loader, which meets itself where an extension is applied twice. */
export function isLoadOf({ __internalParams }: Operation, loader: object): boolean {
  return __internalParams?.[LOADER] === loader
}

/** Marks hooks of this package, of any copy of it: what they do to a query is the same for all. */
const OWN_HOOK = Symbol.for('prisma-extension-cache-aside.hook')

export function markHook(hook: object): void {
  Object.defineProperty(hook, OWN_HOOK, { value: true })
}

/**
 * Whether query hooks that were applied after this one run behind it. They run on misses only, and what they do to args and
 * results would be kept for all.
 *
 * @param hooks - the list that Prisma calls the hook from, as its `this`
 */
export function hasHooksBehind(hooks: unknown, hook: object): boolean {
  // Prisma that calls hooks in another way: it can't be told.
  if (!Array.isArray(hooks)) return true
  const last = hooks.length - 1
  if (hooks[last] === hook) return false
  for (let i = hooks.indexOf(hook) + 1; i <= last; i++) if (!Object.hasOwn(hooks[i] as object, OWN_HOOK)) return true
  return false
}

/** The query hooks of a client for an operation, in the order in which they run. */
export function hooksOf(client: object, model: string, operation: string): unknown {
  return (client as ClientInternals)._extensions?.getAllQueryCallbacks?.(jsName(model), operation)
}

/**
 * Afterwards Prisma walks over all rows of a result, as these args nest them, in search of fields to compute: a fifth of the
 * time of a hit with 50 related rows. Where nothing is computed, there is nothing to nest.
 */
export function skipWalk({ __internalParams }: Operation): void {
  if (__internalParams !== undefined) __internalParams.args = {}
}

let turn: Promise<void> = Promise.resolve()

/** Waits for a tick that no other who waits here has: Prisma does not put its query into one statement with theirs. */
export function ownTick(): Promise<void> {
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
export class Batches {
  readonly #tick = new Map<string, { size: number }>()

  /** Counts a lookup; the answer tells, once it is answered, how many there were. */
  join(model: string): { readonly size: number } {
    if (this.#tick.size === 0) setImmediate(() => this.#tick.clear())
    let batch = this.#tick.get(model)
    if (batch === undefined) this.#tick.set(model, (batch = { size: 0 }))
    batch.size++
    return batch
  }
}

// ---- transactions

const SCOPE_CONTEXT = Symbol.for('prisma.client.transaction.scope_context')

/** The id of the transaction that a client given to a `$transaction` callback is bound to. */
export function transactionIdOf(tx: object): string | undefined {
  return (tx as { [SCOPE_CONTEXT]?: { txId?: string } })[SCOPE_CONTEXT]?.txId
}

/** Whether a client is one that a `$transaction` callback was given: those can't connect. */
export function isTransactionClient(client: object): boolean {
  return (client as { $connect?: unknown }).$connect === undefined
}

/**
 * What a Prisma 7 client says of itself: its internals, each looked for when the client is extended. If one is missing, that is a
 * clear error there; nothing is guessed. (Prisma 8 has a middleware interface instead: a folder of its own beside this one.)
 */
import { Decimal, isObjectEnumValue, skip } from '@prisma/client/runtime/client'
import { CacheAsideError, shown } from '../errors.js'
import { readSchema, type Schema } from '../schema/schema.js'

/** Prisma's own Decimal class. */
export { Decimal }

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
  readonly database: DatabaseQuery
  /** Fields that the client leaves out of every result of the model unless a query says otherwise. */
  globalOmit(model: string): Readonly<Record<string, unknown>> | undefined
  readonly computed: ComputedFields
  /** Whether Prisma's extension for read replicas was applied: it sends reads to other clients. */
  readonly hasReplicas: boolean
}

/** How the database is queried about itself. */
export interface DatabaseQuery {
  /** The same for all clients with one adapter. */
  readonly adapter: object
  /** Postgres schemas that models declare, beside the adapter's. */
  readonly schemas: readonly string[]
  /** Opens a connection, runs one statement that answers one row of texts, and closes the connection. */
  run(
    sqlFor: (schemas: readonly string[]) => string,
  ): Promise<{ readonly row: readonly (string | null)[]; readonly schema: string }>
}

/**
 * Reads what the cache needs of a client.
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
  const computed = new ComputedFields([...schema.models.keys()])
  computed.addThoseOf(client)
  return {
    schema,
    schemaText,
    database: databaseQueryOf(_engineConfig?.adapter, models, schema),
    globalOmit: model => _globalOmit?.[jsName(model)],
    computed,
    hasReplicas: ['$primary', '$replica'].every(name => typeof (client as Args)[name] === 'function'),
  }
}

type Args = Readonly<Record<string, unknown>>

/** The computed fields of a client, and of the clients that are extended from it. */
export class ComputedFields {
  readonly #models: readonly string[]
  readonly #computed = new Set<string>()
  readonly #needed = new Set<string>()

  constructor(models: readonly string[]) {
    this.#models = models
  }

  /** Answers whether there are any that were not known. */
  addThoseOf(client: object): boolean {
    const extensions = (client as ClientInternals)._extensions
    const before = this.#computed.size + this.#needed.size
    for (const model of this.#models) {
      for (const [name, { needs }] of Object.entries(extensions?.getAllComputedFields(jsName(model)) ?? {})) {
        this.#computed.add(`${model}.${name}`)
        for (const field of needs) this.#needed.add(`${model}.${field}`)
      }
    }
    return this.#computed.size + this.#needed.size > before
  }

  get isEmpty(): boolean {
    return this.#computed.size === 0
  }

  /** Whether the model has a computed field of this name; it may hide a column. */
  has(model: string, name: string): boolean {
    return this.#computed.has(`${model}.${name}`)
  }

  /** Whether a computed field of the model needs this field: Prisma then loads it although it is omitted. */
  needs(model: string, field: string): boolean {
    return this.#needed.has(`${model}.${field}`)
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
 * Queries the database about itself, on a connection of its own, which is closed again.
 *
 * @param models - stands for the adapter where there is none: then it is not known which database the client reads
 */
function databaseQueryOf(factory: AdapterFactory | undefined, models: RuntimeModels, schema: Schema): DatabaseQuery {
  const schemas = new Set([...schema.models.values()].flatMap(({ databaseSchema }) => databaseSchema ?? []))
  return {
    adapter: factory ?? models,
    schemas: [...schemas],
    async run(sqlFor) {
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

/** `DbNull`, `JsonNull` and `AnyNull`, which look the same in JSON. */
export function nameOfConstant(value: object): string | undefined {
  return isObjectEnumValue(value) ? String(value) : undefined
}

/** Whether a value is `Prisma.skip`. */
export function isSkip(value: unknown): boolean {
  return value === skip
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

/** The query hooks of a client for an operation, in the order in which they run. */
export function hooksOf(client: object, model: string, operation: string): unknown {
  return (client as ClientInternals)._extensions?.getAllQueryCallbacks?.(jsName(model), operation)
}

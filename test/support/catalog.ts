/** The catalog of this repository's own schema, for tests of the pure core. */
import { Buckets } from '../../src/wire/buckets.js'
import { readFile } from 'node:fs/promises'
import { getDMMF } from '@prisma/get-dmmf'
import { Decimal } from '@prisma/client/runtime/client'
import { ArgsReader } from '../../src/plan/args.js'
import { buildCatalog } from '../../src/plan/build-catalog.js'
import type { Catalog, CatalogModel, Collations } from '../../src/plan/catalog.js'
import { SelectionCache } from '../../src/plan/make-selection.js'
import type { ClientTraits } from '../../src/plan/selection.js'
import type { Policy } from '../../src/options.js'
import { readSchema, type ScalarField, type Schema } from '../../src/schema/schema.js'

const written = await readFile(new URL('../../prisma/schema.prisma', import.meta.url), 'utf8')
// `npm run matrix` adds them for Prisma 6; here it is Prisma 7 that reads it.
const text = written.replaceAll(/^ *(?:url|engineType) += .*\n/gm, '')
const document = getDMMF({ datamodel: text })
if ('reason' in document) throw document.error
const { models } = document.datamodel

export const schema: Schema = readSchema(
  text,
  name => new Set(models.find(model => model.name === name)?.fields.map(f => f.name)),
)

export const policy: Policy = {
  ttlMs: 60_000,
  negativeTtlMs: 5000,
  exclude: new Set(),
  maxBytes: 1_048_576,
  jitter: 0.1,
  queriesTtlMs: undefined,
  dependsOn: undefined,
  rowSecurity: undefined,
  maxStaleMs: undefined,
  near: undefined,
  strict: false,
  writeThrough: false,
  refreshAhead: 0,
  swrMs: 0,
  staleIfErrorMs: 0,
}

/** As the migrations have them. */
export const DETERMINISTIC: Collations = { deterministic: ({ name }) => name !== 'AliasCollated' }

/** Before the database has answered. */
export const NOT_KNOWN: Collations = { deterministic: () => undefined }

const UNCACHED = ['AuditEntry', 'TenantImport']

/** Every model that the client knows is configured, but for the audit log. */
export const catalog = catalogWith(policy)

export function catalogWith(
  of: Policy,
  triggers: ReadonlyMap<string, readonly string[]> = new Map(),
  collations = DETERMINISTIC,
): Catalog {
  const names = [...schema.models.keys()].filter(name => !UNCACHED.includes(name))
  return buildCatalog(
    schema,
    { buckets: new Buckets('', false), policies: new Map(names.map(name => [name, of])), triggers },
    Decimal,
    collations,
  )
}

export function modelNamed(name: string): CatalogModel {
  const model = catalog.get(name)
  if (model === undefined) throw new Error(`no model ${name}`)
  return model
}

/** A client without extensions, but for what is given. */
export function clientShape(given: Partial<ClientTraits> = {}): ClientTraits {
  return {
    globalOmit: () => undefined,
    computed: { isEmpty: true, has: () => false, needs: () => false, addThoseOf: () => false },
    reader: new ArgsReader({ nameOf: () => undefined, isSkip: () => false }, false),
    joins: false,
    unseen: undefined,
    selections: new SelectionCache(),
    ...given,
  }
}

/** A field that is in no schema. */
export function field(of: Partial<ScalarField> & Pick<ScalarField, 'type'>): ScalarField {
  return {
    name: 'id',
    list: false,
    optional: false,
    column: 'id',
    native: undefined,
    updatedAt: false,
    hasDefault: false,
    members: [],
    stored: undefined,
    ...of,
  }
}

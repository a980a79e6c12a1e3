/** Makes the catalog of a schema: every model with its keys in Redis and its relations; of the configured ones, how they are cached. */
import { hash } from 'node:crypto'
import type { Policy } from '../options.js'
import { canonicalFormOf, isExactInJson } from '../schema/canonical.js'
import type { Key, Model, RelationField, Schema } from '../schema/schema.js'
import type { Buckets } from '../wire/buckets.js'
import { modelKeys } from '../wire/keys.js'
import { valueCodec } from '../wire/results.js'
import { type DecimalClass, rowCodec } from '../wire/rows.js'
import { type Cached, type Catalog, type CatalogModel, type Collations, type Identity, isUndecoded } from './catalog.js'
import { checkPolicies, unknownModel } from './check-models.js'
import { identityOf } from './identities.js'
import { parentListOf, relationOf } from './relations.js'

export interface CatalogOptions {
  readonly buckets: Buckets
  /** By model, as configured; models without one are not cached, but their writes still invalidate. */
  readonly policies: ReadonlyMap<string, Policy>
  /** Models whose rows change with each write to a model. */
  readonly triggers?: ReadonlyMap<string, readonly string[]>
}

const NOT_KNOWN: Collations = { deterministic: () => undefined }

type Writable<T> = { -readonly [P in keyof T]: T[P] }

/**
 * @param collations - is used with each plan, because the database answers later
 * @throws CacheAsideError `INVALID_MODEL`
 */
export function buildCatalog(
  schema: Schema,
  options: CatalogOptions,
  Decimal: DecimalClass,
  collations: Collations = NOT_KNOWN,
): Catalog {
  const { buckets, policies, triggers = new Map<string, readonly string[]>() } = options
  checkPolicies(schema, policies)
  const catalog = new Map<string, Writable<CatalogModel>>()
  for (const model of schema.models.values()) {
    const policy = policies.get(model.name)
    const identityBy = (key: Key) => identityOf(model, key, collations)
    const identity = model.primaryKey && identityBy(model.primaryKey)
    const identities = [identity, ...model.uniques.map(identityBy)].filter(known => known !== undefined)
    catalog.set(model.name, {
      name: model.name,
      definition: model,
      keys: modelKeys(buckets, model.name, tableOf(model)),
      identity,
      identities,
      meaning: '',
      relations: new Map(),
      lists: [],
      triggers: [],

      cached: policy && cachedOf(model, identities, policy, Decimal),
    })
  }
  const listBy = (field: RelationField) => parentListOf(catalog, field, collations)
  for (const model of catalog.values()) {
    model.relations = new Map(
      model.definition.relations.map(field => [field.name, relationOf(catalog, field, buckets.prefix, listBy)]),
    )
    model.meaning = meaningOf(model)
    model.lists = model.definition.relations.map(listBy).filter(list => list !== undefined)
    model.triggers = triggersOf(catalog, model.name, policies, triggers)
  }
  for (const name of triggers.keys()) if (!catalog.has(name)) throw unknownModel('triggers', name, [...catalog.keys()])
  return catalog
}

/** The default schema has no name: a version may declare it and another one not. */
function tableOf({ databaseSchema, table }: Model): string[] {
  return databaseSchema === undefined || databaseSchema === 'public' ? [table] : [databaseSchema, table]
}

function cachedOf(model: Model, identities: readonly Identity[], policy: Policy, Decimal: DecimalClass): Cached {
  const kept = model.scalars.filter(field => !policy.exclude.has(field.name))
  return {
    policy,
    codec: rowCodec(kept, Decimal, [
      ...tableOf(model),
      '@',
      ...(model.primaryKey?.fields.map(({ column }) => column) ?? []),
    ]),
    fieldIndex: new Map(kept.map((field, index) => [field.name, index])),
    fieldNames: kept.map(field => field.name),
    scalarNames: model.scalars.map(field => field.name),
    fields: new Map(kept.map(field => [field.name, { field, ...canonicalFormOf(field) }])),
    pins: identities.filter(({ key, names }) => !key.unusable && !names.some(name => policy.exclude.has(name))),
    numbers: valueCodec(Decimal),
    exactInJson: kept.every(isExactInJson),
    undecoded: kept.find(isUndecoded)?.name,
  }
}

function meaningOf({ keys, definition, relations }: CatalogModel): string {
  const fields = definition.scalars.map(({ name, column, type, native, list, members, stored }) => [
    name,
    column,
    type,
    native,
    list,
    members,
    ...(stored === undefined ? [] : [stored]),
  ])
  const edges = [...relations].map(([name, { edge }]) => [name, edge])
  return hash('sha256', JSON.stringify([keys.tableName, fields, edges]), 'base64url').slice(0, 16)
}

function triggersOf(
  catalog: Catalog,
  name: string,
  policies: ReadonlyMap<string, Policy>,
  triggers: ReadonlyMap<string, readonly string[]>,
): CatalogModel[] {
  const known = (where: string, model: string) => {
    const found = catalog.get(model)
    if (found === undefined) throw unknownModel(where, model, [...catalog.keys()])
    return found
  }
  const views = [...policies].filter(([view, { dependsOn }]) =>
    dependsOn?.some(model => known(`models.${view}.dependsOn`, model).definition.name === name),
  )
  const touched = [...views.map(([view]) => view), ...(triggers.get(name) ?? [])]
  return touched.map(model => known(`triggers.${name}`, model))
}

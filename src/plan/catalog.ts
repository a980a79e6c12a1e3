/** Every model of the schema with its keys in Redis; of the configured ones, how they are cached. */
import { canonOf, type Canon, type Spelling } from './canon.js'
import { type DecimalClass, type RowCodec, rowCodec } from '../wire/codec.js'
import { CacheAsideError, shown } from '../errors.js'
import { encodeId, type ModelKeys, modelKeys } from '../wire/keys.js'
import type { Policy } from '../options.js'
import type { Key, Model, ScalarField, Schema } from './schema.js'

export interface CatalogModel {
  readonly model: Model
  readonly keys: ModelKeys
  /** Undefined when the model has no primary key, or one whose values have no exact text. */
  readonly identity: Identity | undefined
  /** Undefined when the model's rows are not cached. */
  readonly cached: Cached | undefined
}

/** How the model's rows are cached. */
export interface Cached {
  readonly policy: Policy
  readonly codec: RowCodec
  /** Place of each cached field, in schema order: all but the excluded ones. */
  readonly places: ReadonlyMap<string, number>
  /** The same, the other way round. */
  readonly names: readonly string[]
  /** Every scalar field, the excluded ones too. */
  readonly allNames: readonly string[]
  readonly fields: ReadonlyMap<string, CachedField>
  /** The primary key and the other uniques whose values have exact texts, and may stand in Redis. */
  readonly pins: readonly Identity[]
}

export interface CachedField {
  readonly field: ScalarField
  readonly canon: Canon
  readonly spelling: Spelling
}

/** A primary key or a unique, as far as it can name rows. */
export interface Identity {
  readonly key: Key
  readonly names: readonly string[]
  readonly spelling: Spelling
  /** The values of the key fields, encoded for a key; undefined when one of them is not canonical. */
  idOf(values: Readonly<Record<string, unknown>>): string | undefined
}

export type Catalog = ReadonlyMap<string, CatalogModel>

/**
 * @param policies - by model, as configured; models without one are not cached, but their writes drop what is wrong
 * @throws CacheAsideError `INVALID_MODEL`
 */
export function buildCatalog(
  schema: Schema,
  policies: ReadonlyMap<string, Policy>,
  prefix: string,
  Decimal: DecimalClass,
): Catalog {
  checkPolicies(schema, policies)
  const catalog = new Map<string, CatalogModel>()
  for (const model of schema.models.values()) {
    const policy = policies.get(model.name)
    const identity = model.primaryKey && identityOf(model.primaryKey)
    catalog.set(model.name, {
      model,
      keys: modelKeys(prefix, model.name),
      identity,
      cached: policy && cachedOf(model, identity, policy, Decimal),
    })
  }
  return catalog
}

function cachedOf(model: Model, identity: Identity | undefined, policy: Policy, Decimal: DecimalClass): Cached {
  const kept = model.scalars.filter(field => !policy.exclude.has(field.name))
  return {
    policy,
    codec: rowCodec(kept, Decimal),
    places: new Map(kept.map((field, place) => [field.name, place])),
    names: kept.map(field => field.name),
    allNames: model.scalars.map(field => field.name),
    fields: new Map(kept.map(field => [field.name, { field, ...canonOf(field) }])),
    pins: [
      identity,
      ...model.uniques.filter(key => !key.fields.some(field => policy.exclude.has(field.name))).map(identityOf),
    ].filter(pin => pin !== undefined),
  }
}

function identityOf(key: Key): Identity | undefined {
  const parts = key.fields.map(field => ({ name: field.name, ...canonOf(field) }))
  if (parts.some(part => part.spelling === 'never')) return undefined
  return {
    key,
    names: key.fields.map(field => field.name),
    spelling: parts.every(part => part.spelling === 'exact') ? 'exact' : 'text',
    idOf: parts.length === 1 ? singleId(parts[0] as Part) : compoundId(parts),
  }
}

interface Part {
  readonly name: string
  readonly canon: Canon
}

function singleId({ name, canon }: Part): Identity['idOf'] {
  return values => {
    const text = canon(values[name])
    return text === undefined ? undefined : encodeId([text])
  }
}

function compoundId(parts: readonly Part[]): Identity['idOf'] {
  return values => {
    const texts: string[] = []
    for (const { name, canon } of parts) {
      const text = canon(values[name])
      if (text === undefined) return undefined
      texts.push(text)
    }
    return encodeId(texts)
  }
}

// ---- what is configured, held against the schema

function checkPolicies({ models }: Schema, policies: ReadonlyMap<string, Policy>): void {
  for (const [name, { exclude }] of policies) {
    const model = models.get(name)
    if (model === undefined || model.scalars.length === 0) throw unknownModel(name, [...models.keys()])
    if (model.view) throw wrong(`models.${name} is a view: no write says when it changes. Remove it from models.`)
    for (const field of exclude) checkExcluded(model, field)
  }
}

function checkExcluded({ name, scalars, primaryKey }: Model, field: string): void {
  if (!scalars.some(scalar => scalar.name === field)) {
    const fields = scalars.map(scalar => scalar.name).join(', ')
    throw wrong(`models.${name}.exclude names ${shown(field)}, which is no scalar field of it. There are: ${fields}.`)
  }
  if (primaryKey?.fields.some(key => key.name === field)) {
    throw wrong(
      `models.${name}.exclude names ${shown(field)}, which is part of its primary key. Remove it from exclude.`,
    )
  }
}

function unknownModel(name: string, models: readonly string[]): CacheAsideError {
  const meant = models.find(model => model.toLowerCase() === name.toLowerCase())
  const fix = meant === undefined ? `There are: ${models.join(', ')}.` : `Write ${meant}, as in the schema.`
  return wrong(`models names ${shown(name)}, and the schema has no such model. ${fix}`)
}

function wrong(message: string): CacheAsideError {
  return new CacheAsideError('INVALID_MODEL', message)
}

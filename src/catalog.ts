/** Every model of the schema with its keys in Redis; of the configured ones, how they are cached. */
import { canonOf, type Canon, type Spelling } from './canon.js'
import { type DecimalClass, type RowCodec, rowCodec } from './codec.js'
import { encodeId, type ModelKeys, modelKeys } from './keys.js'
import type { Policy } from './options.js'
import type { Key, Model, Schema } from './schema.js'

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
  /** Place of each field in schema order. */
  readonly places: ReadonlyMap<string, number>
}

/** The primary key, as far as it can name rows. */
export interface Identity {
  readonly key: Key
  readonly spelling: Spelling
  /** The id, encoded for a key, from the values of the key fields; undefined when one of them is not canonical. */
  idOf(values: Readonly<Record<string, unknown>>): string | undefined
}

export type Catalog = ReadonlyMap<string, CatalogModel>

/** @param policies - by model, as configured; models without one are not cached, but their writes drop what is wrong */
export function buildCatalog(
  schema: Schema,
  policies: ReadonlyMap<string, Policy>,
  prefix: string,
  Decimal: DecimalClass,
): Catalog {
  const catalog = new Map<string, CatalogModel>()
  for (const model of schema.models.values()) {
    const identity = identityOf(model)
    const policy = policies.get(model.name)
    const cached = policy && {
      policy,
      codec: rowCodec(model.scalars, Decimal),
      places: new Map(model.scalars.map((field, place) => [field.name, place])),
    }
    catalog.set(model.name, { model, keys: modelKeys(prefix, model.name), identity, cached })
  }
  return catalog
}

function identityOf(model: Model): Identity | undefined {
  const key = model.primaryKey
  if (key === undefined) return undefined
  const parts = key.fields.map(field => ({ name: field.name, ...canonOf(field) }))
  if (parts.some(part => part.spelling === 'never')) return undefined
  return {
    key,
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

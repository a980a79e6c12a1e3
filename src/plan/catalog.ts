/** Every model of the schema with its keys in Redis and its relations; of the configured ones, how they are cached. */
import { canonOf, type Canon, foldedText, type Spelling } from './canon.js'
import { type DecimalClass, type RowCodec, rowCodec } from '../wire/codec.js'
import { CacheAsideError, shown } from '../errors.js'
import { encodeId, linkKey, type ModelKeys, modelKeys, relationKey } from '../wire/keys.js'
import { anythingCodec, type ResultCodec } from '../wire/results.js'
import type { Policy } from '../options.js'
import { nearest } from './nearest.js'
import type { Key, Model, RelationField, ScalarField, Schema } from './schema.js'

export interface CatalogModel {
  readonly model: Model
  /** Its name, in a list. */
  readonly itself: readonly string[]
  readonly keys: ModelKeys
  /** Undefined when the model has no primary key, or one whose values have no exact text. */
  readonly identity: Identity | undefined
  /** The primary key and the other uniques whose values have exact texts. */
  readonly identities: readonly Identity[]
  /** Its relations by name, hidden ones too. */
  readonly relations: ReadonlyMap<string, Relation>
  /** The lists of other models that a row of this one is in, by its foreign keys. */
  readonly lists: readonly ListOf[]
  /** Models that any write to this one changes too: views of it, and what triggers touch. */
  readonly touches: readonly CatalogModel[]
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
  /** The identities that may stand in Redis. */
  readonly pins: readonly Identity[]
  /** For results that are no rows. */
  readonly numbers: ResultCodec
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
  /** The same for the name of a relation tag, where all spellings that a collation may equate have to be one. */
  tagIdOf(values: Readonly<Record<string, unknown>>): string | undefined
}

/** A relation field, with what the plan needs to know of it. */
export interface Relation {
  readonly field: RelationField
  readonly target: CatalogModel
  /** The epoch of an implicit many-to-many relation, the same seen from both ends. */
  readonly link: string | undefined
  /** On the side without the foreign key, of a list: how it hangs on the tag of its parent. */
  readonly list: ListOf | undefined
}

/** "The posts of user 42": a list of rows by their foreign key, and the relation tag that it hangs on. */
export interface ListOf {
  /** The relation field of the rows in the list, and their model. */
  readonly field: RelationField
  readonly child: CatalogModel
  readonly parent: CatalogModel
  /** What the foreign key references. */
  readonly by: Identity
  /** Name of a field that is referenced → name of the field of the foreign key. */
  readonly foreign: ReadonlyMap<string, string>
  /** The tag of a parent, whose values the foreign key references, as `tagIdOf` has them. */
  tagAt(id: string): string
  /**
   * The tag of the parent that a row of the list names: null when it has none, undefined when that can't be told.
   *
   * @param row - with the fields of the foreign key
   */
  tagOf(row: Readonly<Record<string, unknown>>): string | null | undefined
}

export type Catalog = ReadonlyMap<string, CatalogModel>

export interface CatalogOptions {
  readonly prefix: string
  /** By model, as configured; models without one are not cached, but their writes drop what is wrong. */
  readonly policies: ReadonlyMap<string, Policy>
  /** Models whose rows change with each write to a model. */
  readonly alsoTouches?: ReadonlyMap<string, readonly string[]>
}

type Writable<T> = { -readonly [P in keyof T]: T[P] }

/** @throws CacheAsideError `INVALID_MODEL` */
export function buildCatalog(schema: Schema, options: CatalogOptions, Decimal: DecimalClass): Catalog {
  const { prefix, policies, alsoTouches = new Map<string, readonly string[]>() } = options
  checkPolicies(schema, policies)
  const catalog = new Map<string, Writable<CatalogModel>>()
  for (const model of schema.models.values()) {
    const policy = policies.get(model.name)
    const identity = model.primaryKey && identityOf(model.primaryKey)
    const identities = [identity, ...model.uniques.map(identityOf)].filter(known => known !== undefined)
    catalog.set(model.name, {
      model,
      itself: [model.name],
      keys: modelKeys(prefix, model.name),
      identity,
      identities,
      relations: new Map(),
      lists: [],
      touches: [],

      cached: policy && cachedOf(model, identities, policy, Decimal),
    })
  }
  // With joins in SQL, and not in Prisma, a collation decides what belongs together.
  const joins = schema.previewFeatures.has('relationJoins')
  for (const model of catalog.values()) {
    model.relations = new Map(
      model.model.relations.map(field => [field.name, relationOf(catalog, field, prefix, joins)]),
    )
    model.lists = model.model.relations.map(field => listOf(catalog, field, joins)).filter(list => list !== undefined)
    model.touches = touchesOf(catalog, model.model.name, policies, alsoTouches)
  }
  for (const name of alsoTouches.keys())
    if (!catalog.has(name)) throw unknownModel('alsoTouches', name, [...catalog.keys()])
  warnOfKeyless(catalog)
  return catalog
}

function cachedOf(model: Model, identities: readonly Identity[], policy: Policy, Decimal: DecimalClass): Cached {
  const kept = model.scalars.filter(field => !policy.exclude.has(field.name))
  return {
    policy,
    codec: rowCodec(kept, Decimal),
    places: new Map(kept.map((field, place) => [field.name, place])),
    names: kept.map(field => field.name),
    allNames: model.scalars.map(field => field.name),
    fields: new Map(kept.map(field => [field.name, { field, ...canonOf(field) }])),
    pins: identities.filter(({ names }) => !names.some(name => policy.exclude.has(name))),
    numbers: anythingCodec(Decimal),
  }
}

// ---- identities

function identityOf(key: Key): Identity | undefined {
  const parts = key.fields.map(field => ({ name: field.name, ...canonOf(field) }))
  if (parts.some(part => part.spelling === 'never')) return undefined
  const folded = parts.map(({ name, canon, spelling }) => {
    return { name, canon: spelling === 'exact' ? canon : (value: unknown) => foldedText(canon(value)) }
  })
  return {
    key,
    names: key.fields.map(field => field.name),
    spelling: parts.every(part => part.spelling === 'exact') ? 'exact' : 'text',
    idOf: encoderOf(parts),
    tagIdOf: encoderOf(folded),
  }
}

interface Part {
  readonly name: string
  readonly canon: Canon
}

function encoderOf(parts: readonly Part[]): Identity['idOf'] {
  const [first] = parts
  return parts.length === 1 && first !== undefined ? singleId(first) : compoundId(parts)
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

// ---- relations

function relationOf(catalog: Catalog, field: RelationField, prefix: string, joins: boolean): Relation {
  const list = field.list && !field.opposite.list ? listOf(catalog, field.opposite, joins) : undefined
  return { field, target: modelOf(catalog, field.target), link: linkOf(field, prefix), list }
}

function linkOf(field: RelationField, prefix: string): string | undefined {
  const { opposite } = field
  if (!field.list || !opposite.list) return undefined
  const ends = [field, opposite].map(end => [end.model.name, end.name] as const)
  const [model, name] = ends.toSorted((a, b) => (a.join('.') < b.join('.') ? -1 : 1))[0] as readonly [string, string]
  return linkKey(prefix, model, name)
}

/** @param field - a relation field with a foreign key */
function listOf(catalog: Catalog, field: RelationField, joins: boolean): ListOf | undefined {
  const { fields, references, opposite } = field
  if (fields.length === 0 || !opposite.list) return undefined
  const parent = modelOf(catalog, field.target)
  const by = parent.identities.find(({ names }) => sameNames(names, references))
  const known = [...fields.entries()].every(([i, name]) =>
    sameValues(fieldOf(field.model, name), fieldOf(field.target, references[i])),
  )
  if (by === undefined || !known || (joins && by.spelling !== 'exact')) return undefined
  const foreign = new Map(references.map((name, i) => [name, fields[i] as string]))
  const tagAt = (id: string) => {
    return relationKey(
      by === parent.identity ? parent.keys.row(id) : parent.keys.pointer(by.key.name, id),
      opposite.name,
    )
  }
  return {
    field,
    child: modelOf(catalog, field.model),
    parent,
    by,
    foreign,
    tagAt,
    tagOf(row) {
      const values: Record<string, unknown> = {}
      for (const [name, own] of foreign) values[name] = row[own]
      // One part that is null is enough to have no parent.
      if (Object.values(values).includes(null)) return null
      const id = by.tagIdOf(values)
      return id === undefined ? undefined : tagAt(id)
    },
  }
}

function fieldOf({ scalars }: Model, name: string | undefined): ScalarField | undefined {
  return scalars.find(field => field.name === name)
}

/** Whether equal values of two columns are spelled alike. */
function sameValues(a: ScalarField | undefined, b: ScalarField | undefined): boolean {
  if (a === undefined || b === undefined || a.type !== b.type) return false
  const plain = (native = 'Text') => (a.type === 'String' ? native.replace(/^VarChar.*/, 'Text') : '')
  return plain(a.native) === plain(b.native)
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every(name => b.includes(name))
}

function modelOf(catalog: Catalog, { name }: Model): CatalogModel {
  return catalog.get(name) as CatalogModel
}

function touchesOf(
  catalog: Catalog,
  name: string,
  policies: ReadonlyMap<string, Policy>,
  alsoTouches: ReadonlyMap<string, readonly string[]>,
): CatalogModel[] {
  const known = (where: string, model: string) => {
    const found = catalog.get(model)
    if (found === undefined) throw unknownModel(where, model, [...catalog.keys()])
    return found
  }
  const views = [...policies].filter(([view, { dependsOn }]) =>
    dependsOn?.some(model => known(`models.${view}.dependsOn`, model).model.name === name),
  )
  const touched = [...views.map(([view]) => view), ...(alsoTouches.get(name) ?? [])]
  return touched.map(model => known(`alsoTouches.${name}`, model))
}

// ---- what is configured, held against the schema

function checkPolicies({ models }: Schema, policies: ReadonlyMap<string, Policy>): void {
  for (const [name, { exclude, dependsOn }] of policies) {
    const model = models.get(name)
    if (model === undefined) throw unknownModel('models', name, [...models.keys()])
    if (model.scalars.length === 0)
      throw wrong(`models.${name} is a model that the client does not have. Remove it from models.`)
    if (model.view && dependsOn === undefined) {
      throw wrong(
        `models.${name} is a view, and no write says when it changes. Name what it reads: dependsOn: ['User'], or ` +
          `remove it from models.`,
      )
    }
    for (const field of exclude) checkExcluded(model, field)
  }
}

/** Not an error: its lists and results can be cached all the same. */
function warnOfKeyless(catalog: Catalog): void {
  for (const { model, identities, cached } of catalog.values()) {
    if (cached === undefined || model.view || identities.length > 0) continue
    process.emitWarning(
      `models.${model.name} has no key that rows can be cached by: each has a part without one exact text (Float, a date, ` +
        `a time, citext, inet). Its rows are read from the database; lists and results of it are cached.`,
      'CacheAsideWarning',
    )
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

function unknownModel(where: string, name: string, models: readonly string[]): CacheAsideError {
  const meant = nearest(name, models)
  const fix = meant === undefined ? `There are: ${models.join(', ')}.` : `Write ${meant}, as in the schema.`
  return wrong(`${where} names ${shown(name)}, and the schema has no such model. ${fix}`)
}

function wrong(message: string): CacheAsideError {
  return new CacheAsideError('INVALID_MODEL', message)
}

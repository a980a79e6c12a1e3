/** Every model of the schema with its keys in Redis and its relations; of the configured ones, how they are cached. */
import { hash } from 'node:crypto'
import { canonicalFormOf, type Canonicalize, isExactInJson, type Equality } from '../schema/canonical.js'
import { type DecimalClass, type RowCodec, rowCodec } from '../wire/rows.js'
import { CacheAsideError, shown } from '../errors.js'
import { encodeId, linkKey, type ModelKeys, modelKeys, relationTag } from '../wire/keys.js'
import { valueCodec, type ResultCodec } from '../wire/results.js'
import type { Policy } from '../options.js'
import { nearest } from './nearest.js'
import type { Key, Model, RelationField, ScalarField, Schema } from '../schema/schema.js'

export interface CatalogModel {
  readonly definition: Model
  /** Its name, in a list. */
  readonly itself: readonly string[]
  readonly keys: ModelKeys
  /** The same in two versions of a schema only if all names of its fields mean the same. */
  readonly meaning: string
  /** Undefined when the model has no primary key, or one whose values have no exact text. */
  readonly identity: Identity | undefined
  /** The primary key and the other uniques whose values have exact texts. */
  readonly identities: readonly Identity[]
  /** Its relations by name, hidden ones too. */
  readonly relations: ReadonlyMap<string, Relation>
  /** The lists of other models that a row of this one is in, by its foreign keys. */
  readonly lists: readonly ParentList[]
  /** Models that any write to this one changes too: views of it, and what triggers touch. */
  readonly triggers: readonly CatalogModel[]
  /** Undefined when the model's rows are not cached. */
  readonly cached: Cached | undefined
}

/** How the model's rows are cached. */
export interface Cached {
  readonly policy: Policy
  readonly codec: RowCodec
  /** Place of each cached field, in schema order: all but the excluded ones. */
  readonly fieldIndex: ReadonlyMap<string, number>
  /** The same, the other way round. */
  readonly fieldNames: readonly string[]
  /** Every scalar field, the excluded ones too. */
  readonly scalarNames: readonly string[]
  readonly fields: ReadonlyMap<string, CachedField>
  /** The identities that may stand in Redis. */
  readonly pins: readonly Identity[]
  /** For results that are no rows. */
  readonly numbers: ResultCodec
  /** Whether a row that comes by a join in SQL has just the values that the row has by itself. */
  readonly exactInJson: boolean
}

export interface CachedField {
  readonly field: ScalarField
  readonly canonicalize: Canonicalize
  readonly equality: Equality
}

/** A primary key or a unique, as far as it can name rows. */
export interface Identity {
  readonly key: Key
  readonly names: readonly string[]
  readonly columns: readonly string[]
  readonly equality: Equality
  /** The values of the key fields, encoded for a key; undefined when one of them is not canonical. */
  idOf(values: Readonly<Record<string, unknown>>): string | undefined
  /**
   * Whether equal is the same in JavaScript and in the database, so that a value in args names the row that it finds. Of
   * texts that is known when the database has answered: it is to be called with each plan.
   */
  isExact(): boolean
}

/** A relation field, with what the plan needs to know of it. */
export interface Relation {
  readonly field: RelationField
  readonly target: CatalogModel
  /** The same in two versions of a schema only if it is the same relation, seen from the same end. */
  readonly edge: string
  /** The epoch of an implicit many-to-many relation, the same seen from both ends. */
  readonly link: string | undefined
  /** On the side without the foreign key, of a list: how it hangs on the tag of its parent. */
  readonly list: ParentList | undefined
}

/** "The posts of user 42": a list of rows by their foreign key, and the relation tag that it hangs on. */
export interface ParentList {
  /** The relation field of the rows in the list, and their model. */
  readonly field: RelationField
  readonly child: CatalogModel
  readonly parent: CatalogModel
  /** What the foreign key references. */
  readonly by: Identity
  /** Name of a field that is referenced → name of the field of the foreign key. */
  readonly foreign: ReadonlyMap<string, string>
  /**
   * Whether what is read may hang on its tag. By text, only where both columns are known to be under a deterministic
   * collation: equal in the database is then the same text, and whoever writes a row names the tag by that text, whatever
   * he knows of the collation himself. What is read without that knowledge hangs on the every-write epoch, which each write
   * bumps. So no process has to know what another one knows. (A writer without it bumps the list epoch too: he can't rule
   * out a reader whose knowledge is older than a migration that changed the collation.) Never where a field of it is
   * excluded: its values are in no key, writes bump the list epoch instead, and that covers readers with other options.
   */
  isNamed(): boolean
  /** The tag of a parent, by the id that the foreign key references. */
  tagAt(id: string): string
  /**
   * The tag of the parent that a row of the list names: null when it has none, undefined when it has to have no name.
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
  readonly triggers?: ReadonlyMap<string, readonly string[]>
}

/** What the database says of its columns, as far as it has answered. */
export interface Collations {
  /** Whether equal texts of the column are the same text. Undefined: not known (yet). */
  deterministic(model: Model, field: ScalarField): boolean | undefined
}

const NOT_KNOWN: Collations = { deterministic: () => undefined }

type Writable<T> = { -readonly [P in keyof T]: T[P] }

/**
 * @param collations - is asked with each plan, because the database answers later
 * @throws CacheAsideError `INVALID_MODEL`
 */
export function buildCatalog(
  schema: Schema,
  options: CatalogOptions,
  Decimal: DecimalClass,
  collations: Collations = NOT_KNOWN,
): Catalog {
  const { prefix, policies, triggers = new Map<string, readonly string[]>() } = options
  checkPolicies(schema, policies)
  const catalog = new Map<string, Writable<CatalogModel>>()
  for (const model of schema.models.values()) {
    const policy = policies.get(model.name)
    const identityBy = (key: Key) => identityOf(model, key, collations)
    const identity = model.primaryKey && identityBy(model.primaryKey)
    const identities = [identity, ...model.uniques.map(identityBy)].filter(known => known !== undefined)
    catalog.set(model.name, {
      definition: model,
      itself: [model.name],
      keys: modelKeys(prefix, model.name, tableOf(model)),
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
      model.definition.relations.map(field => [field.name, relationOf(catalog, field, prefix, listBy)]),
    )
    model.meaning = meaningOf(model)
    model.lists = model.definition.relations.map(listBy).filter(list => list !== undefined)
    model.triggers = touchesOf(catalog, model.definition.name, policies, triggers)
  }
  for (const name of triggers.keys()) if (!catalog.has(name)) throw unknownModel('triggers', name, [...catalog.keys()])
  warnOfKeyless(catalog)
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
    fieldIndex: new Map(kept.map((field, place) => [field.name, place])),
    fieldNames: kept.map(field => field.name),
    scalarNames: model.scalars.map(field => field.name),
    fields: new Map(kept.map(field => [field.name, { field, ...canonicalFormOf(field) }])),
    pins: identities.filter(({ key, names }) => !key.unusable && !names.some(name => policy.exclude.has(name))),
    numbers: valueCodec(Decimal),
    exactInJson: kept.every(isExactInJson),
  }
}

// ---- identities

/** Fields of these names are not told apart from Prisma's operators in a `where`: nothing is named by them. */
export const OPERATORS: ReadonlySet<string> = new Set(['AND', 'OR', 'NOT'])

function identityOf(model: Model, key: Key, collations: Collations): Identity | undefined {
  const parts = key.fields.map(field => ({ name: field.name, ...canonicalFormOf(field) }))
  if (parts.some(part => part.equality === 'never')) return undefined
  if ([key.name, ...parts.map(part => part.name)].some(name => OPERATORS.has(name))) return undefined
  return {
    key,
    names: key.fields.map(field => field.name),
    columns: key.fields.map(field => field.column),
    equality: parts.every(part => part.equality === 'exact') ? 'exact' : 'text',
    idOf: encoderOf(parts),
    isExact: exactnessOf(model, key.fields, collations),
  }
}

function exactnessOf(model: Model, fields: readonly ScalarField[], collations: Collations): () => boolean {
  const texts = fields.filter(field => canonicalFormOf(field).equality === 'text')
  return texts.length === 0 ? () => true : () => texts.every(field => collations.deterministic(model, field) === true)
}

interface KeyPart {
  readonly name: string
  readonly canonicalize: Canonicalize
}

function encoderOf(parts: readonly KeyPart[]): Identity['idOf'] {
  const [first] = parts
  return parts.length === 1 && first !== undefined ? singleId(first) : compoundId(parts)
}

function singleId({ name, canonicalize }: KeyPart): Identity['idOf'] {
  return values => {
    const text = canonicalize(values[name])
    return text === undefined ? undefined : encodeId([text])
  }
}

function compoundId(parts: readonly KeyPart[]): Identity['idOf'] {
  return values => {
    const texts: string[] = []
    for (const { name, canonicalize } of parts) {
      const text = canonicalize(values[name])
      if (text === undefined) return undefined
      texts.push(text)
    }
    return encodeId(texts)
  }
}

// ---- relations

function meaningOf({ keys, definition, relations }: CatalogModel): string {
  const fields = definition.scalars.map(({ name, column, type, native, list, members }) => [
    name,
    column,
    type,
    native,
    list,
    members,
  ])
  const edges = [...relations].map(([name, { edge }]) => [name, edge])
  return hash('sha256', JSON.stringify([keys.name, fields, edges]), 'base64url').slice(0, 16)
}

function relationOf(
  catalog: Catalog,
  field: RelationField,
  prefix: string,
  listBy: (field: RelationField) => ParentList | undefined,
): Relation {
  const list = field.list && !field.opposite.list ? listBy(field.opposite) : undefined
  return {
    field,
    target: modelOf(catalog, field.target),
    edge: edgeOf(catalog, field),
    link: linkOf(catalog, field, prefix),
    list,
  }
}

/** What the field means in the database, whatever it is called: which columns lead where, and from which end it is seen. */
function edgeOf(catalog: Catalog, field: RelationField): string {
  const { opposite } = field
  const end = ({ model, fields }: RelationField) =>
    `${modelOf(catalog, model).keys.name}(${fields.map(name => fieldOf(model, name)?.column ?? name).join()})`
  const references = ({ target, references: names }: RelationField) =>
    names.map(name => fieldOf(target, name)?.column ?? name).join()
  if (field.fields.length > 0) return `${end(field)}>${end(opposite)}${references(field)}`
  if (opposite.fields.length > 0) return `${end(field)}<${end(opposite)}${references(opposite)}`
  const isFirst = [field.model.name, field.name].join('.') < [opposite.model.name, opposite.name].join('.')
  return `${end(field)}-${end(opposite)}${field.joinTable}${isFirst ? 'A' : 'B'}`
}

function linkOf(catalog: Catalog, field: RelationField, prefix: string): string | undefined {
  const { opposite } = field
  if (!field.list || !opposite.list) return undefined
  const ends = [field.model, opposite.model].map(model => modelOf(catalog, model).keys)
  const [first] = ends.toSorted((a, b) => (a.name < b.name ? -1 : 1)) as [ModelKeys]
  return linkKey(prefix, first, field.joinTable)
}

/** @param field - a relation field with a foreign key */
function parentListOf(catalog: Catalog, field: RelationField, collations: Collations): ParentList | undefined {
  const { fields, references, opposite } = field
  if (fields.length === 0 || !opposite.list) return undefined
  const parent = modelOf(catalog, field.target)
  const by = parent.identities.find(({ names }) => sameNames(names, references))
  const known = [...fields.entries()].every(([i, name]) =>
    sameValues(fieldOf(field.model, name), fieldOf(field.target, references[i])),
  )
  if (by === undefined || !known || fields.some(name => OPERATORS.has(name))) return undefined
  const child = modelOf(catalog, field.model)
  const foreignKey = fields.map(name => fieldOf(field.model, name)).filter(found => found !== undefined)
  const isExact = exactnessOf(field.model, foreignKey, collations)
  const isExcluded =
    fields.some(name => child.cached?.policy.exclude.has(name)) ||
    references.some(name => parent.cached?.policy.exclude.has(name))
  const foreign = new Map(references.map((name, i) => [name, fields[i] as string]))
  const columns = fields.map(name => fieldOf(field.model, name)?.column ?? name)
  const tagAt = (id: string) => {
    const of = by === parent.identity ? parent.keys.row(id) : parent.keys.pointer(by.columns, id)
    return relationTag(of, child.keys, columns)
  }
  return {
    field,
    child,
    parent,
    by,
    foreign,
    isNamed: () => !isExcluded && by.isExact() && isExact(),
    tagAt,
    tagOf(row) {
      const values: Record<string, unknown> = {}
      for (const [name, own] of foreign) values[name] = row[own]
      // One part that is null is enough to have no parent.
      if (Object.values(values).includes(null)) return null
      const id = isExcluded ? undefined : by.idOf(values)
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
  for (const { definition, identities, cached } of catalog.values()) {
    if (cached === undefined || definition.view || identities.length > 0) continue
    process.emitWarning(
      `models.${definition.name} has no key that rows can be cached by: each has a part without one exact text (Float, a date, ` +
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

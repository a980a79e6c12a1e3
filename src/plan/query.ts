/**
 * What a read is to the cache: a row by its identity, with the shape that the caller wants of it, or why not. Every part
 * of the args has to be of a form known here; anything else goes to the database and gets Prisma's own answer or error.
 */
import type { Cached, CachedField, CatalogModel, Identity } from './catalog.js'
import type { Row } from '../wire/codec.js'

export type ReadPlan = RowRead | Bypass

export interface Bypass {
  readonly kind: 'bypass'
  readonly why: string
}

/** One row, by primary key or by another unique. */
export interface RowRead {
  readonly kind: 'row'
  readonly model: CatalogModel
  readonly cached: Cached
  readonly identity: Identity
  /** What the `where` pins: the primary key itself, or another unique. */
  readonly by: Identity
  /** The pinned values, encoded. */
  readonly id: string
  /** The row's key, or that of the pointer to it. */
  readonly key: string
  /** The `where` of the load: the pinned key and nothing else. */
  readonly where: object
  /** Further equality filters, which the row has to satisfy. */
  readonly filters: readonly Filter[]
  /** Places of the fields that the caller gets, in the order of the result; undefined for all. */
  readonly places: readonly number[] | undefined
}

export interface Filter extends CachedField {
  /** The canonical text that the field has to have; null for NULL. */
  readonly text: string | null
}

/** What depends on the client and not on the schema. */
export interface ClientShape {
  /** Fields that the client leaves out of every result of the model unless told otherwise. */
  globalOmit(model: string): Readonly<Record<string, unknown>> | undefined
  /** Whether the model has a computed field of this name; it may hide a column. */
  computes(model: string, name: string): boolean
  /** Whether a computed field of the model needs this field: Prisma then loads it although it is omitted. */
  neededByComputed(model: string, field: string): boolean
}

const ROW_READS = new Set(['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow'])
const READS = new Set([...ROW_READS, 'findMany', 'count', 'aggregate', 'groupBy', 'findRaw', 'aggregateRaw'])

/** Operations on a model that change nothing. */
export function isRead(operation: string): boolean {
  return READS.has(operation)
}

/** Whether a missing row is an error, which is always Prisma's own. */
export function throwsWhenAbsent(operation: string): boolean {
  return operation.endsWith('OrThrow')
}

/** Whether a row is what the caller filters for. */
export function satisfies(row: Row, filters: readonly Filter[]): boolean {
  return filters.every(({ field, canon, text }) => {
    const value = row[field.name]
    return text === null ? value === null : canon(value) === text
  })
}

/** Plans a read. Pure: runs nothing. */
export function planRead(
  model: CatalogModel | undefined,
  operation: string,
  args: unknown,
  client: ClientShape,
): ReadPlan {
  if (model?.cached === undefined) return bypass('the model is not configured')
  const { identity, cached, keys } = model
  if (!ROW_READS.has(operation)) return bypass(`${operation} is not cached`)
  if (identity === undefined) return bypass('the model has no primary key with an exact text')
  if (!isObject(args)) return bypass('args of an unknown form')
  for (const name of Object.keys(args)) {
    if (name === 'where' || name === 'select' || name === 'omit') continue
    if (name === 'include' && (args[name] === undefined || args[name] === null)) continue
    return bypass(`${name} is not cached`)
  }

  const unique = operation.startsWith('findUnique')
  const pinned = unique ? pinnedByUnique(args.where, cached) : pinnedByFirst(args.where, cached)
  if (pinned === undefined) return bypass('where does not pin a unique key')
  const { by, values, where, rest } = pinned
  const id = by.idOf(values)
  if (id === undefined) return bypass(`${by.key.name} is not spelled canonically`)
  const filters = rest === NONE ? [] : filtersOf(rest, cached, unique ? uniqueNames(model) : new Set())
  if ('why' in filters) return filters

  const shape = shapeOf(model, cached, args, client)
  if ('why' in shape) return shape
  const key = by === identity ? keys.row(id) : keys.pointer(by.key.name, id)
  return { kind: 'row', model, cached, identity, by, id, key, where, filters, places: shape.places }
}

function bypass(why: string): Bypass {
  return { kind: 'bypass', why }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

// ---- where

interface Pinned {
  readonly by: Identity
  readonly values: Readonly<Record<string, unknown>>
  /** The part of the `where` that pins the key. */
  readonly where: object
  /** Everything else in it. */
  readonly rest: Readonly<Record<string, unknown>>
}

const NONE = Object.freeze({})

/** `{ id: 1 }` or `{ tenantId_slug: { tenantId, slug } }`, beside whatever else: the primary key if it is there. */
function pinnedByUnique(where: unknown, { pins }: Cached): Pinned | undefined {
  if (!isObject(where)) return undefined
  for (const by of pins) {
    const { name } = by.key
    const value = where[name]
    if (value === undefined) continue
    const values = by.names.length === 1 ? where : value
    if (!isObject(values) || (values !== where && !hasOnly(values, by.names))) return undefined
    if (Object.keys(where).length === 1) return { by, values, where, rest: NONE }
    const { [name]: _, ...rest } = where
    return { by, values, where: { [name]: value }, rest }
  }
  return undefined
}

/** `{ id: 1 }` or `{ tenantId: 1, slug: 'a' }`, each also as `{ equals }`, beside whatever else. */
function pinnedByFirst(where: unknown, { pins }: Cached): Pinned | undefined {
  if (!isObject(where)) return undefined
  for (const by of pins) {
    if (!by.names.every(name => where[name] !== undefined && where[name] !== null)) continue
    const rest = { ...where }
    for (const name of by.names) delete rest[name]
    const values = Object.fromEntries(by.names.map(name => [name, equalsOf(where[name])]))
    return { by, values, where: values, rest }
  }
  return undefined
}

/**
 * Filters of types where equal in JavaScript is equal in the database. (A text that differs here may still be equal under
 * its collation: then the database is asked.)
 */
const FILTER_TYPES = new Set(['Int', 'BigInt', 'Boolean', 'Enum', 'String'])

/** Fields that are a unique by themselves: `findUnique` takes only a value for them, no `{ equals }` and no null. */
function uniqueNames({ model }: CatalogModel): ReadonlySet<string> {
  const keys = model.primaryKey === undefined ? model.uniques : [model.primaryKey, ...model.uniques]
  return new Set(keys.filter(key => key.fields.length === 1).map(key => key.name))
}

function filtersOf(
  rest: Readonly<Record<string, unknown>>,
  { fields }: Cached,
  valuesOnly: ReadonlySet<string>,
): readonly Filter[] | Bypass {
  const filters: Filter[] = []
  for (const name of Object.keys(rest)) {
    const cachedField = fields.get(name)
    if (cachedField === undefined) return bypass(`where.${name} is not a plain filter`)
    const { field, canon, spelling } = cachedField
    const plain = valuesOnly.has(name)
    const value = plain ? rest[name] : equalsOf(rest[name])
    if (value === null && !plain && field.optional && field.type !== 'Json') {
      filters.push({ ...cachedField, text: null })
    } else {
      const text = FILTER_TYPES.has(field.type) && spelling !== 'never' ? canon(value) : undefined
      if (text === undefined) return bypass(`where.${name} is not a plain filter`)
      filters.push({ ...cachedField, text })
    }
  }
  return filters
}

function equalsOf(filter: unknown): unknown {
  return isObject(filter) && Object.getPrototypeOf(filter) === Object.prototype && hasOnly(filter, ['equals'])
    ? filter.equals
    : filter
}

function hasOnly(object: object, names: readonly string[]): boolean {
  const own = Object.keys(object)
  return own.length === names.length && names.every(name => Object.hasOwn(object, name))
}

// ---- select, omit

type Shape = Bypass | { readonly places: readonly number[] | undefined }

const WHOLE: Shape = { places: undefined }

function shapeOf(
  { model }: CatalogModel,
  { places, policy, allNames: names }: Cached,
  args: Readonly<Record<string, unknown>>,
  client: ClientShape,
): Shape {
  // Prisma takes null for "not given" here.
  const { select, omit } = args
  if (select !== undefined && select !== null) {
    return omit === undefined || omit === null
      ? selected(select, names, model.name, places, client)
      : bypass('select beside omit')
  }
  const globalOmit = client.globalOmit(model.name)
  if ((omit === undefined || omit === null) && globalOmit === undefined && policy.exclude.size === 0) return WHOLE
  return remaining({ ...globalOmit, ...(omit as object | null) }, names, model.name, places, client)
}

function selected(
  select: unknown,
  names: readonly string[],
  model: string,
  places: Cached['places'],
  client: ClientShape,
): Shape {
  if (!isObject(select)) return bypass('select of an unknown form')
  const wanted: number[] = []
  for (const name of Object.keys(select)) {
    const place = places.get(name)
    if (place === undefined) {
      if (select[name] === false && names.includes(name)) continue
      return bypass(`select.${name} is not a cached field`)
    }
    if (client.computes(model, name)) return bypass(`select.${name} is a computed field`)
    if (select[name] === true) wanted.push(place)
    else if (select[name] !== false) return bypass(`select.${name} is neither true nor false`)
  }
  return wanted.length === 0 ? bypass('select selects nothing') : { places: wanted }
}

function remaining(
  omit: Readonly<Record<string, unknown>>,
  names: readonly string[],
  model: string,
  places: Cached['places'],
  client: ClientShape,
): Shape {
  for (const name of Object.keys(omit)) {
    if (!names.includes(name)) return bypass(`omit.${name} is not a scalar field`)
    if (omit[name] !== true && omit[name] !== false) return bypass(`omit.${name} is neither true nor false`)
    if (omit[name] && client.neededByComputed(model, name)) return bypass(`omit.${name}: a computed field needs it`)
  }
  const wanted: number[] = []
  for (const name of names) {
    if (omit[name] === true) continue
    const place = places.get(name)
    if (place === undefined) return bypass(`${name} is excluded from the cache`)
    wanted.push(place)
  }
  if (wanted.length === names.length) return WHOLE
  return wanted.length === 0 ? bypass('omit leaves nothing') : { places: wanted }
}

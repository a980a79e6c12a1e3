/**
 * What a read is to the cache: a row by its identity, with the shape that the caller wants of it, or why not. Every part
 * of the args has to be of a form known here; anything else goes to the database and gets Prisma's own answer or error.
 */
import type { Cached, CatalogModel, Identity } from './catalog.js'

export type ReadPlan = RowRead | Bypass

export interface Bypass {
  readonly kind: 'bypass'
  readonly why: string
}

/** One row by primary key. */
export interface RowRead {
  readonly kind: 'row'
  readonly model: CatalogModel
  readonly identity: Identity
  readonly cached: Cached
  readonly id: string
  readonly key: string
  /** The `where` of the load: nothing but the key. */
  readonly where: object
  /** Places of the fields that the caller gets, in the order of the result; undefined for all. */
  readonly places: readonly number[] | undefined
}

/** What depends on the client and not on the schema. */
export interface ClientShape {
  /** Fields that the client leaves out of every result of the model unless told otherwise. */
  globalOmit(model: string): Readonly<Record<string, unknown>> | undefined
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

/** Plans a read. Pure: runs nothing. */
export function planRead(
  model: CatalogModel | undefined,
  operation: string,
  args: unknown,
  client: ClientShape,
): ReadPlan {
  if (model?.cached === undefined) return bypass('the model is not configured')
  if (!ROW_READS.has(operation)) return bypass(`${operation} is not cached`)
  if (model.identity === undefined) return bypass('the model has no primary key with an exact text')
  if (!isObject(args)) return bypass('args of an unknown form')
  const unique = operation.startsWith('findUnique')
  for (const name of Object.keys(args)) {
    if (name === 'where' || name === 'select' || name === 'omit' || args[name] === undefined) continue
    if (name === 'include' && args[name] === null) continue
    return bypass(`${name} is not cached`)
  }

  const where = unique ? keyOfUnique(args.where, model.identity) : keyOfFirst(args.where, model.identity)
  if (where === undefined) return bypass('where does not pin the primary key, and nothing else')
  const id = model.identity.idOf(where)
  if (id === undefined) return bypass('the id is not spelled canonically')

  const shape = shapeOf(model, model.cached, args, client)
  if ('why' in shape) return shape
  return {
    kind: 'row',
    model,
    identity: model.identity,
    cached: model.cached,
    id,
    key: model.keys.row(id),
    where: args.where as object,
    places: shape.places,
  }
}

function bypass(why: string): Bypass {
  return { kind: 'bypass', why }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

// ---- where

/** `{ id: 1 }` or `{ tenantId_slug: { tenantId, slug } }`, with no other filter. */
function keyOfUnique(where: unknown, { key }: Identity): Record<string, unknown> | undefined {
  if (!isObject(where) || !hasOnly(where, [key.name])) return undefined
  if (key.fields.length === 1) return where
  const parts = where[key.name]
  return isObject(parts) && hasOnly(parts, namesOf(key)) ? parts : undefined
}

/** `{ id: 1 }` or `{ tenantId: 1, slug: 'a' }`, each also as `{ equals }`, with no other filter. */
function keyOfFirst(where: unknown, { key }: Identity): Record<string, unknown> | undefined {
  const names = namesOf(key)
  if (!isObject(where) || !hasOnly(where, names)) return undefined
  return Object.fromEntries(names.map(name => [name, equalsOf(where[name])]))
}

function equalsOf(filter: unknown): unknown {
  return isObject(filter) && Object.getPrototypeOf(filter) === Object.prototype && hasOnly(filter, ['equals'])
    ? filter.equals
    : filter
}

const fieldNames = new WeakMap<object, readonly string[]>()

function namesOf(key: Identity['key']): readonly string[] {
  let names = fieldNames.get(key)
  if (names === undefined) fieldNames.set(key, (names = key.fields.map(field => field.name)))
  return names
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
  { places }: Cached,
  args: Readonly<Record<string, unknown>>,
  client: ClientShape,
): Shape {
  // Prisma takes null for "not given" here.
  const { select, omit } = args
  const globalOmit = client.globalOmit(model.name)
  if (select !== undefined && select !== null) {
    if (omit !== undefined && omit !== null) return bypass('select beside omit')
    return selected(select, places)
  }
  if ((omit === undefined || omit === null) && globalOmit === undefined) return WHOLE
  return remaining({ ...globalOmit, ...(omit as object | null) }, model.name, places, client)
}

function selected(select: unknown, places: Cached['places']): Shape {
  if (!isObject(select)) return bypass('select of an unknown form')
  const wanted: number[] = []
  for (const name of Object.keys(select)) {
    const place = places.get(name)
    if (place === undefined) return bypass(`select.${name} is not a scalar field`)
    if (select[name] === true) wanted.push(place)
    else if (select[name] !== false) return bypass(`select.${name} is neither true nor false`)
  }
  return wanted.length === 0 ? bypass('select selects nothing') : { places: wanted }
}

function remaining(
  omit: Readonly<Record<string, unknown>>,
  model: string,
  places: Cached['places'],
  client: ClientShape,
): Shape {
  const left = new Map(places)
  for (const name of Object.keys(omit)) {
    if (!places.has(name)) return bypass(`omit.${name} is not a scalar field`)
    if (omit[name] === false) continue
    if (omit[name] !== true) return bypass(`omit.${name} is neither true nor false`)
    if (client.neededByComputed(model, name)) return bypass(`omit.${name}: a computed field needs it`)
    left.delete(name)
  }
  if (left.size === places.size) return WHOLE
  return left.size === 0 ? bypass('omit leaves nothing') : { places: [...left.values()] }
}

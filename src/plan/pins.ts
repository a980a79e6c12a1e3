/**
 * Which rows a `where` names: by a key in it, whatever else it filters by. One place for reads and writes, because a read and a
 * write that disagree are a stale row. Where a `where` names no row for certain, a read uses the database, and a write
 * invalidates all rows of the model.
 */
import { type Args, type ArgsReader, isPlain } from './args.js'
import type { Cached, CachedField, CatalogModel, Identity, ParentList } from './catalog.js'
import { OPERATORS } from './identities.js'
import type { Row } from '../wire/rows.js'

// ---- reads

export interface PinnedKey {
  readonly by: Identity
  readonly values: Readonly<Record<string, unknown>>
  /** The part of the `where` that pins the key. */
  readonly where: Args
  /** Everything else in it. */
  readonly rest: Readonly<Record<string, unknown>>
}

export const NONE = Object.freeze({})

/** `{ id: 1 }` or `{ tenantId_slug: { tenantId, slug } }`, beside whatever else: the primary key if it is there. */
export function pinnedByUnique(where: unknown, { pins }: Cached): PinnedKey | undefined {
  if (!isPlain(where)) return undefined
  for (const by of pins) {
    const { name } = by.key
    const value = where[name]
    if (value === undefined) continue
    const values = by.names.length === 1 ? where : value
    if (!isPlain(values) || (values !== where && !hasOnly(values, by.names))) return undefined
    if (Object.keys(where).length === 1) return { by, values, where, rest: NONE }
    const { [name]: _, ...rest } = where
    return { by, values, where: { [name]: value }, rest }
  }
  return undefined
}

/** `{ id: 1 }` or `{ tenantId: 1, slug: 'a' }`, each also as `{ equals }`, beside whatever else. */
export function pinnedByFirst(where: unknown, { pins }: Cached): PinnedKey | undefined {
  if (!isPlain(where)) return undefined
  for (const by of pins) {
    if (!by.names.every(name => isValue(equalsOf(where[name])))) continue
    const rest = { ...where }
    for (const name of by.names) delete rest[name]
    const values = Object.fromEntries(by.names.map(name => [name, equalsOf(where[name])]))
    return { by, values, where: values, rest }
  }
  return undefined
}

/** `{ id: { in: [1, 2] } }`, of a unique of one field, beside whatever else. */
export function pinnedByIn(
  where: unknown,
  { pins }: Cached,
  reader: ArgsReader,
): { by: Identity; values: readonly unknown[]; rest: Args } | undefined {
  if (!isPlain(where)) return undefined
  for (const by of pins) {
    const [name] = by.names as [string]
    const takesIn = by.names.length === 1 && by.key.fields[0]?.type !== 'Boolean'
    const filter = takesIn ? reader.conditions(where[name]) : undefined
    if (!isPlain(filter) || !hasOnly(filter, ['in']) || !Array.isArray(filter.in)) continue
    const { [name]: _, ...rest } = where
    return { by, values: filter.in, rest }
  }
  return undefined
}

/**
 * Filters of types where equal in JavaScript is equal in the database. (A text that differs here may still be equal under
 * its collation: then the query goes to the database.)
 */
const FILTER_TYPES = new Set(['Int', 'BigInt', 'Boolean', 'Enum', 'String'])

/** Fields that are a unique by themselves: `findUnique` takes only a value for them, no `{ equals }` and no null. */
export function uniqueNames({ definition }: CatalogModel): ReadonlySet<string> {
  const keys = definition.primaryKey === undefined ? definition.uniques : [definition.primaryKey, ...definition.uniques]
  return new Set(keys.filter(key => key.fields.length === 1).map(key => key.name))
}

export function filtersOf(
  rest: Readonly<Record<string, unknown>>,
  { fields }: Cached,
  valuesOnly: ReadonlySet<string>,
): readonly Filter[] | string {
  const filters: Filter[] = []
  for (const name of Object.keys(rest)) {
    const cachedField = fields.get(name)
    if (cachedField === undefined || OPERATORS.has(name))
      return `where.${name} is not an equality filter that can be checked on a row`
    const { field, canonicalize, equality } = cachedField
    const plain = valuesOnly.has(name)
    const value = plain ? rest[name] : equalsOf(rest[name])
    if (value === null && !plain && field.optional && field.type !== 'Json') {
      filters.push({ ...cachedField, text: null })
    } else {
      const text = FILTER_TYPES.has(field.type) && equality !== 'never' ? canonicalize(value) : undefined
      if (text === undefined) return `where.${name} is not an equality filter that can be checked on a row`
      filters.push({ ...cachedField, text })
    }
  }
  return filters
}

export interface Filter extends CachedField {
  /** The canonical text that the field has to have; null for NULL. */
  readonly text: string | null
}

/**
 * Whether a row is what the caller filters for. Undefined: only the database can tell, because a collation may take two texts for
 * equal.
 */
export function matches(row: Row, filters: readonly Filter[]): boolean | undefined {
  let matching: boolean | undefined = true
  for (const { field, canonicalize, text, equality } of filters) {
    const value = row[field.name]
    if (text === null ? value === null : canonicalize(value) === text) continue
    if (text === null || value === null || equality === 'exact') return false
    matching = undefined
  }
  return matching
}

/** The relation tag of a parent that a `where` pins by its foreign key: whatever else it says narrows down that list. */
export function pinnedTag(model: CatalogModel, where: unknown): { list: ParentList; tag: string } | undefined {
  if (!isPlain(where)) return undefined
  for (const list of model.lists) {
    if (!list.hasUsableTag()) continue
    const names = [...list.foreign.values()]
    if (!names.every(name => where[name] !== undefined && where[name] !== null)) continue
    const tag = list.tagOf(Object.fromEntries(names.map(name => [name, equalsOf(where[name])])))
    if (typeof tag === 'string') return { list, tag }
  }
  return undefined
}

// ---- writes

export type Values = Readonly<Record<string, unknown>>

export interface Pinned {
  readonly id: string
  /** Of the primary key; none where the row may have other ones, because a collation takes them for equal. */
  readonly values: Values
  /** Whether the row that it finds can only be the one of this id. */
  readonly exact: boolean
}

const NO_VALUES: Values = Object.freeze({})

/** The row that a unique `where` pins. */
export function pinned({ identity }: CatalogModel, where: unknown): Pinned | undefined {
  if (identity === undefined || !isObject(where)) return undefined
  const { key } = identity
  const values = key.fields.length === 1 ? { [key.name]: equalsOf(where[key.name]) } : where[key.name]
  const id = isObject(values) ? identity.idOf(values) : undefined
  if (id === undefined) return undefined
  const exact = identity.isExact()
  return { id, values: exact ? (values as Values) : NO_VALUES, exact }
}

/**
 * The ids that a `where` of many pins: `id: 1`, `id: { in: [1, 2] }`, `userId_postId: {…}` or both parts by equality.
 * Undefined where it may find other rows too.
 */
export function pinnedIds({ identity }: CatalogModel, where: unknown): string[] | undefined {
  if (identity === undefined || !isObject(where) || !identity.isExact()) return undefined
  const [name] = identity.names
  const one = name === undefined ? undefined : where[name]
  if (identity.names.length === 1 && name !== undefined && isObject(one) && Array.isArray(one['in'])) {
    // With `mode: 'insensitive'` it finds other spellings.
    if (one['mode'] !== undefined) return undefined
    const ids = one['in'].map(value => identity.idOf({ [name]: value }))
    return ids.includes(undefined) ? undefined : (ids as string[])
  }
  const id = identity.idOf(Object.fromEntries(identity.names.map(part => [part, equalsOf(where[part])])))
  return id === undefined ? undefined : [id]
}

// ---- both

/** A plain value: no operator, null or undefined. */
function isValue(value: unknown): boolean {
  return value !== undefined && value !== null && !isPlain(value)
}

function equalsOf(filter: unknown): unknown {
  return isPlain(filter) && Object.getPrototypeOf(filter) === Object.prototype && hasOnly(filter, ['equals'])
    ? filter.equals
    : filter
}

function hasOnly(object: object, names: readonly string[]): boolean {
  const own = Object.keys(object)
  return own.length === names.length && names.every(name => Object.hasOwn(object, name))
}

export function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value]
}

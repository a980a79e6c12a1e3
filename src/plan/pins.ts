/** The rows that a `where` of a write names: what is in it by equality, whatever else it filters by. */
import type { CatalogModel } from './catalog.js'

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

/** `{ equals: 1 }` as 1. */
function equalsOf(value: unknown): unknown {
  return isObject(value) && Object.keys(value).length === 1 && 'equals' in value ? value['equals'] : value
}

export function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value]
}

/**
 * One text per value. Postgres finds one row under many spellings (a uuid in upper case, `42.5` for 42, any case in
 * citext), and a cache key must not: so a value either has exactly one text here, or it is not canonical, and then the
 * query goes to the database and touches no key. Never canonicalise for a fill: Prisma batches lookups of one tick and
 * answers null for the one that was spelled differently.
 */
import type { ScalarField } from './schema.js'

/** Answers the one text of a value, or undefined when the value is not canonical. */
export type Canonicalize = (value: unknown) => string | undefined

/**
 * How a field's values can name a row.
 * - `exact`: equal in JavaScript if and only if equal in the database
 * - `text`: as a rule exact, but a non-deterministic collation, which the schema does not show, may equate more; so a row
 *   has to prove itself (its own value must give the same text), and "no such row" is believed only of a query that was in no batch
 * - `never`: no exact text; the field is never part of a key
 */
export type Equality = 'exact' | 'text' | 'never'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const DECIMAL = /^(?:0|-?0\.\d*[1-9]|-?[1-9]\d*(?:\.\d*[1-9])?)$/
const INT64 = 2n ** 63n

const never: Canonicalize = () => undefined

/**
 * The canonical form of a field's values.
 *
 * @param field - a scalar field of the schema
 * @returns how its values can name a row, and the function from value to text
 */
export function canonicalFormOf(field: ScalarField): { equality: Equality; canonicalize: Canonicalize } {
  if (field.list) return { equality: 'never', canonicalize: never }
  switch (field.type) {
    case 'Int':
      return { equality: 'exact', canonicalize: int }
    case 'BigInt':
      return { equality: 'exact', canonicalize: bigint }
    case 'Boolean':
      return { equality: 'exact', canonicalize: value => (typeof value === 'boolean' ? String(value) : undefined) }
    case 'Enum': {
      const members = new Set<unknown>(field.members)
      return { equality: 'exact', canonicalize: value => (members.has(value) ? (value as string) : undefined) }
    }
    case 'Decimal':
      return field.native === 'Money'
        ? { equality: 'never', canonicalize: never }
        : { equality: 'exact', canonicalize: decimal }
    case 'Bytes':
      return { equality: 'exact', canonicalize: bytes }
    case 'DateTime':
      return wholeMilliseconds(field.native)
        ? { equality: 'exact', canonicalize: date }
        : { equality: 'never', canonicalize: never }
    case 'String':
      return stringCanon(field.native)
    default:
      return { equality: 'never', canonicalize: never }
  }
}

function stringCanon(native: string | undefined): { equality: Equality; canonicalize: Canonicalize } {
  const varchar = /^VarChar(?:\((\d+)\))?$/.exec(native ?? 'VarChar')
  if (native === 'Text' || varchar !== null) return { equality: 'text', canonicalize: textUpTo(varchar?.[1]) }
  if (native === 'Uuid')
    return {
      equality: 'exact',
      canonicalize: value => (typeof value === 'string' && UUID.test(value) ? value : undefined),
    }
  const char = /^Char(?:\((\d+)\))?$/.exec(native ?? '')
  if (char === null) return { equality: 'never', canonicalize: never }
  // Shorter spellings find the padded row too: only the padded form, which Postgres returns, is canonical.
  const length = Number(char[1] ?? 1)
  const canonicalize: Canonicalize = value =>
    typeof value === 'string' && [...value].length === length ? text(value) : undefined
  return { equality: 'text', canonicalize }
}

/** A JavaScript date has whole milliseconds; two finer timestamps may read as one date. Plain `DateTime` is timestamp(3). */
function wholeMilliseconds(native: string | undefined): boolean {
  return native === undefined || /^Timestamp(?:tz)?\([0-3]\)$/.test(native)
}

const int: Canonicalize = value =>
  // `| 0` keeps what a 32-bit integer can hold, and makes -0 a 0; 42.5 would find row 42.
  typeof value === 'number' && (value | 0) === value ? String(value | 0) : undefined

const bigint: Canonicalize = value => {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value === 0 ? 0 : value) : undefined
  return typeof value === 'bigint' && value >= -INT64 && value < INT64 ? String(value) : undefined
}

const decimal: Canonicalize = value => {
  let spelled: string
  // Prisma sends the number 99999999.99 as 99999999.98999999.
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return undefined
  if (typeof value === 'number' || typeof value === 'string') spelled = String(value)
  else if (isDecimal(value)) spelled = value.toFixed()
  else return undefined
  return DECIMAL.test(spelled) ? spelled : undefined
}

const date: Canonicalize = value => {
  if (!(value instanceof Date)) return undefined
  const time = value.getTime()
  return Number.isNaN(time) ? undefined : String(time)
}

const bytes: Canonicalize = value =>
  value instanceof Uint8Array
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')
    : undefined

// A lone surrogate is stored as U+FFFD, so two strings would be one row; NUL is refused by Postgres.
const text: Canonicalize = value =>
  typeof value === 'string' && value.isWellFormed() && !value.includes('\0') ? value : undefined

/** A longer text finds no row, and Postgres stores it without the blanks that are too many. */
function textUpTo(length: string | undefined): Canonicalize {
  if (length === undefined) return text
  const longest = Number(length)
  return value =>
    typeof value === 'string' && (value.length <= longest || [...value].length <= longest) ? text(value) : undefined
}

const canons = new WeakMap<ScalarField, Canonicalize>()

/**
 * Whether a column that is given this value will hold just that value. Not one that it cuts, pads or rounds: what the
 * column then holds, only the database knows.
 */
export function isStoredAsGiven(field: ScalarField, value: unknown): boolean {
  if (value === null) return true
  if (field.type === 'Decimal' || field.type === 'DateTime') return false
  let canonicalize = canons.get(field)
  if (canonicalize === undefined) canons.set(field, (canonicalize = canonicalFormOf(field).canonicalize))
  return canonicalize(value) !== undefined
}

/**
 * Types that a row keeps exactly when Prisma joins in SQL (`relationLoadStrategy: 'join'`): related rows then come as JSON.
 * The others don't: a Decimal is rounded, and in some versions a large BigInt, `-0` loses its sign, `json` the order of its keys, times take the time zone of the
 * session, and bytes its `bytea_output`. (Held to Prisma by `test/promises/joins.test.ts`.)
 */
export function isExactInJson({ type, list, native }: ScalarField): boolean {
  switch (type) {
    case 'Int':
    case 'Boolean':
    case 'String':
    case 'Enum':
      return true
    case 'DateTime':
      return !list && (native === undefined || native === 'Date' || /^Timestamp(?:\(|$)/.test(native))
    default:
      return false
  }
}

/** Whether a value is a decimal.js number of any copy of that library: Prisma's own check, by shape. */
export function isDecimal(value: unknown): value is { toFixed(): string; toJSON(): string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    's' in value &&
    'e' in value &&
    'd' in value &&
    'toFixed' in value &&
    typeof value.toFixed === 'function'
  )
}

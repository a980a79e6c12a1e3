/**
 * Rows to bytes and back, by the schema: the scalars of a row in schema order, each in the form that gives back exactly
 * what Prisma returned. What can't be given back exactly is not cached.
 */
import { hash } from 'node:crypto'
import { Packr } from 'msgpackr'
import { Memo } from '../memo.js'
import { isDecimal } from '../plan/canon.js'
import type { ScalarField } from '../plan/schema.js'
import { type RowMaker, rowMaker } from './objects.js'

export type Row = Record<string, unknown>

/** Prisma's own Decimal class: the core imports nothing of Prisma, so the door hands it in. */
export type DecimalClass = new (text: string) => unknown

export interface RowCodec {
  /** 8 bytes over names and types of the fields. An entry with another fingerprint is a miss: old and new schema side by side. */
  readonly fingerprint: Buffer
  /** The fingerprint as a text. */
  readonly name: string
  /** The values of one field in many rows; undefined when one of them can't be given back exactly. */
  encodeColumn(place: number, values: readonly unknown[]): readonly unknown[] | undefined
  /** Undefined when it is no column of so many values. */
  decodeColumn(place: number, stored: unknown, length: number): readonly unknown[] | undefined
  /** The payload, or undefined when a value can't be given back exactly. */
  encode(row: Row): Buffer | undefined
  /**
   * A fresh row from the payload that begins at `start`: all fields in schema order, or those at `places`, in that order.
   * Undefined when the bytes are not such a payload.
   */
  decode(bytes: Buffer, start: number, places?: readonly number[]): Row | undefined
}

const packr = new Packr({ useRecords: false })

/**
 * @param fields - the fields that are cached, in schema order
 * @param of - what else has to be the same for rows to mean the same: the table and its primary key
 */
export function rowCodec(fields: readonly ScalarField[], Decimal: DecimalClass, of: readonly string[] = []): RowCodec {
  const names = fields.map(field => field.name)
  const encoders = fields.map(encoderOf)
  const decoders = fields.map(field => decoderOf(field, Decimal))
  const makerOf = (places: readonly number[]): RowMaker =>
    rowMaker(places.map(place => ({ name: names[place] as string, place, decode: decoders[place] })))
  const whole = makerOf([...names.keys()])
  const parts = new Memo<RowMaker>()
  const columns = fields.map(field => (field.type === 'DateTime' && !field.list ? stepped : plainColumn))
  const fingerprint = fingerprintOf(fields, of)

  // Messages of encoder and decoder may hold row data: they go nowhere.
  return {
    fingerprint,
    name: fingerprint.toString('base64url'),
    encodeColumn(place, values) {
      const encode = encoders[place]
      const encoded = values.map(value => (value === null ? null : encode?.(value)))
      return encoded.includes(undefined) ? undefined : columns[place]?.press(encoded)
    },
    decodeColumn(place, stored, length) {
      return columns[place]?.expand(stored, length, decoders[place])
    },
    encode(row) {
      try {
        const values: unknown[] = []
        for (const [place, name] of names.entries()) {
          const value = row[name]
          const encoded = value === null ? null : encoders[place]?.(value)
          if (encoded === undefined) return undefined
          values.push(encoded)
        }
        return packr.pack(values)
      } catch {
        return undefined
      }
    },
    decode(bytes, start, places) {
      try {
        const values: unknown = packr.unpack(bytes, { start, end: bytes.length })
        if (!Array.isArray(values) || values.length !== names.length) return undefined
        return (places === undefined ? whole : parts.of(places.join(), () => makerOf(places)))(values)
      } catch {
        return undefined
      }
    },
  }
}

// ---- columns

interface Column {
  press(values: readonly unknown[]): readonly unknown[]
  /** @param stored - fresh: it may become the answer */
  expand(stored: unknown, length: number, decode?: Decode): readonly unknown[] | undefined
}

/** More than any entry holds: bytes that claim to have more rows are not ours. */
const MOST_ROWS = 1_000_000

/** All values, or, where all are the same, one of them. */
export const plainColumn: Column = {
  press(values) {
    const [first] = values
    return values.length > 1 && values.every(value => value === first) ? [first] : values
  },
  expand(stored, length, decode) {
    const values = expanded(stored, length)
    if (values === undefined || decode === undefined) return values
    for (let i = 0; i < length; i++) if (values[i] !== null) values[i] = decode(values[i])
    return values
  },
}

function expanded(stored: unknown, length: number): unknown[] | undefined {
  if (!Array.isArray(stored)) return undefined
  if (stored.length === length) return stored as unknown[]
  if (stored.length !== 1 || length > MOST_ROWS) return undefined
  return Array<unknown>(length).fill(stored[0])
}

const UNITS_MS = [1000, 1]

/** Dates, as steps from the earliest: `[unit in ms, earliest, …steps]`. */
const stepped: Column = {
  press(values) {
    const times = values.filter(value => typeof value === 'number' && !Number.isNaN(value)) as number[]
    const earliest = times.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
    if (times.length < 2) return [0, 0, ...values]
    const unit = UNITS_MS.find(ms => times.every(time => (time - earliest) % ms === 0)) as number
    const step = (value: unknown) => (typeof value === 'number' ? (value - earliest) / unit : value)
    return [unit, earliest, ...plainColumn.press(values.map(step))]
  },
  expand(stored, length, decode) {
    if (!Array.isArray(stored) || stored.length < 2) return undefined
    const [unit, earliest] = stored as [number, number]
    const steps: unknown[] = stored.slice(2)
    if (unit === 0) return plainColumn.expand(steps, length, decode)
    return plainColumn.expand(steps, length, step => decode?.((step as number) * unit + earliest))
  },
}

function fingerprintOf(fields: readonly ScalarField[], of: readonly string[]): Buffer {
  // What decides how a value is read; what Prisma does at a write does not.
  const shapes = fields.map(({ name, type, list, optional, column, native, members }) => {
    return { name, type, list, optional, column, native, members }
  })
  return Buffer.from(hash('sha256', JSON.stringify([of, shapes]), 'hex'), 'hex').subarray(0, 8)
}

// ---- one value: undefined means "can't be given back exactly"

type Encode = (value: unknown) => unknown
type Decode = (value: unknown) => unknown

function encoderOf(field: ScalarField): Encode {
  const one = scalarEncoder(field)
  if (!field.list) return one
  return value => {
    if (!Array.isArray(value)) return undefined
    const items = value.map(item => (item === null ? null : one(item)))
    return items.includes(undefined) ? undefined : items
  }
}

function scalarEncoder(field: ScalarField): Encode {
  switch (field.type) {
    case 'Float':
      // msgpack writers turn -0 into 0.
      return value => (typeof value !== 'number' ? undefined : Object.is(value, -0) ? '-0' : value)
    case 'BigInt':
      return value =>
        typeof value !== 'bigint' ? undefined : BigInt.asIntN(53, value) === value ? Number(value) : value
    case 'Decimal':
      return value => (isDecimal(value) ? value.toJSON() : undefined)
    case 'DateTime':
      return value => (value instanceof Date ? value.getTime() : undefined)
    case 'Bytes':
      return value =>
        value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : undefined
    case 'Json':
      return value => (exactInJson(value) ? JSON.stringify(value) : undefined)
    case 'Int':
      return value => (typeof value === 'number' ? value : undefined)
    case 'Boolean':
      return value => (typeof value === 'boolean' ? value : undefined)
    default:
      return value => (typeof value === 'string' ? value : undefined)
  }
}

function decoderOf(field: ScalarField, Decimal: DecimalClass): Decode | undefined {
  const one = scalarDecoder(field, Decimal)
  if (!field.list || one === undefined) return one
  return items => (items as unknown[]).map(item => (item === null ? null : one(item)))
}

function scalarDecoder(field: ScalarField, Decimal: DecimalClass): Decode | undefined {
  switch (field.type) {
    case 'Float':
      return value => (value === '-0' ? -0 : value)
    case 'BigInt':
      return value => BigInt(value as number | bigint)
    case 'Decimal':
      return value => new Decimal(value as string)
    case 'DateTime':
      return value => new Date(value as number)
    case 'Bytes':
      return value => new Uint8Array(value as Uint8Array)
    case 'Json':
      return value => JSON.parse(value as string) as unknown
    default:
      return undefined
  }
}

/** JSON text keeps everything that JSON can hold, except -0 and numbers beyond a double (`1e400` reads as `Infinity`). */
function exactInJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0)
  if (typeof value !== 'object' || value === null) return true
  return Object.values(value).every(exactInJson)
}

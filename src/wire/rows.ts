/**
 * Rows to bytes and back, by the schema: the scalars of a row in schema order, each in the form that gives back exactly
 * what Prisma returned. What can't be given back exactly is not cached.
 */
import { isImmutable, keptOf } from './kept.js'
import { hash } from 'node:crypto'
import { Packr } from 'msgpackr'
import { Memo } from '../memo.js'
import { isDecimal } from '../schema/canonical.js'
import type { ScalarField } from '../schema/schema.js'
import { type Budget, bytesOf, type Decode, type Decoder, isReadable, refuse } from './msgpack-check.js'
import { type RowMaker, type Row, rowMaker } from './row-maker.js'

export type { Row } from './row-maker.js'

/** Prisma's own Decimal class: the core imports nothing of Prisma, so the door hands it in. */
export type DecimalClass = new (text: string) => { readonly e: number }

export interface RowCodec {
  /** 8 bytes over names and types of the fields. An entry with another fingerprint is a miss: old and new schema side by side. */
  readonly fingerprint: Buffer
  /** The fingerprint as a text. */
  readonly name: string
  /** The values of one field in many rows; undefined when one of them can't be given back exactly. */
  encodeColumn(index: number, values: readonly unknown[], budget: Budget): readonly unknown[] | undefined
  /** Undefined when it is no column of so many values. */
  decodeColumn(index: number, stored: unknown, length: number, budget: Budget): readonly unknown[] | undefined
  /** The payload, or undefined when a value can't be given back exactly. */
  encode(row: Row): Buffer | undefined
  /**
   * A fresh row from the payload that begins at `start`: all fields in schema order, or those at `indexes`, in that order.
   * Undefined when the bytes are not such a payload.
   */
  decode(bytes: Buffer, start: number, indexes?: readonly number[]): Row | undefined
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
  const makerOf = (indexes: readonly number[]): RowMaker =>
    rowMaker(indexes.map(index => ({ name: names[index] as string, index, ...(decoders[index] as Decoder) })))
  const whole = makerOf([...names.keys()])
  const parts = new Memo<RowMaker>()
  const columns = fields.map(field => (field.type === 'DateTime' && !field.list ? stepped : plainColumn))
  const fingerprint = fingerprintOf(fields, of)

  // Messages of encoder and decoder may hold row data: they go nowhere.
  return {
    fingerprint,
    name: fingerprint.toString('base64url'),
    encodeColumn(index, values, budget) {
      const encode = encoders[index]
      const encoded = values.map(value => (value === null ? null : encode?.(value)))
      return encoded.includes(undefined)
        ? undefined
        : columns[index]?.press(encoded, budget, isDecoded(decoders[index]))
    },
    decodeColumn(index, stored, length, budget) {
      return columns[index]?.expand(stored, length, budget, decoders[index] as Decoder)
    },
    encode(row) {
      try {
        const values: unknown[] = []
        for (const [index, name] of names.entries()) {
          const value = row[name]
          const encoded = value === null ? null : encoders[index]?.(value)
          if (encoded === undefined) return undefined
          values.push(encoded)
        }
        return packr.pack(values)
      } catch {
        return undefined
      }
    },
    decode(bytes, start, indexes) {
      try {
        const kept = keptOf(bytes)
        let values = kept?.values
        if (values === undefined) {
          if (!isReadable(bytes, start)) return undefined
          const unpacked: unknown = packr.unpack(bytes, { start, end: bytes.length })
          if (!Array.isArray(unpacked) || unpacked.length !== names.length) return undefined
          values = unpacked
          if (kept !== undefined && unpacked.every(isImmutable)) kept.values = unpacked
        }
        return (indexes === undefined ? whole : parts.of(indexes.join(), () => makerOf(indexes)))(values)
      } catch {
        return undefined
      }
    },
  }
}

// ---- columns

interface Column {
  press(values: readonly unknown[], budget: Budget, decoded: boolean): readonly unknown[]
  /** @param stored - fresh: it may become the answer */
  expand(stored: unknown, length: number, budget: Budget, decoder: Decoder): readonly unknown[] | undefined
}

/** All values, or, where all are the same, one of them, as far as the budget goes. */
export const plainColumn: Column = {
  press(values, budget, decoded) {
    const [first] = values
    if (values.length < 2 || !values.every(value => value === first)) return values
    return budget.spend(values.length, bytesOf(first, decoded)) ? [first] : values
  },
  expand(stored, length, budget, decoder) {
    const values = expanded(stored, length, budget, isDecoded(decoder))
    if (values === undefined) return undefined
    if (decoder.decode === undefined) {
      for (let i = 0; i < length; i++) if (typeof values[i] !== decoder.type && values[i] !== null) return undefined
    } else for (let i = 0; i < length; i++) if (values[i] !== null) values[i] = decoder.decode(values[i])
    return values
  },
}

function expanded(stored: unknown, length: number, budget: Budget, decoded: boolean): unknown[] | undefined {
  if (!Array.isArray(stored)) return undefined
  if (stored.length === length) return stored as unknown[]
  if (stored.length !== 1) return undefined
  const value: unknown = stored[0]
  // Lists and bytes are never the same.
  if (typeof value === 'object' && value !== null) return undefined
  return budget.spend(length, bytesOf(value, decoded)) ? Array<unknown>(length).fill(value) : undefined
}

const UNITS_MS = [1000, 1]

/** Dates, as steps from the earliest: `[unit in ms, earliest, …steps]`. */
const stepped: Column = {
  press(values, budget) {
    const times = values.filter(value => typeof value === 'number' && !Number.isNaN(value)) as number[]
    const earliest = times.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
    if (times.length < 2) return [0, 0, ...values]
    const unit = UNITS_MS.find(ms => times.every(time => (time - earliest) % ms === 0)) as number
    const step = (value: unknown) => (typeof value === 'number' ? (value - earliest) / unit : value)
    return [unit, earliest, ...plainColumn.press(values.map(step), budget, true)]
  },
  expand(stored, length, budget, decoder) {
    if (!Array.isArray(stored) || stored.length < 2) return undefined
    const [unit, earliest] = stored as unknown[]
    const steps: unknown[] = stored.slice(2)
    if (unit === 0) return plainColumn.expand(steps, length, budget, decoder)
    if ((unit !== 1 && unit !== 1000) || typeof earliest !== 'number') return undefined
    const dates = expanded(steps, length, budget, true)
    if (dates === undefined) return undefined
    for (let i = 0; i < length; i++) {
      const step = dates[i]
      if (typeof step === 'number') dates[i] = new Date(step * unit + earliest)
      else if (step !== null) return undefined
    }
    return dates
  },
}

function fingerprintOf(fields: readonly ScalarField[], of: readonly string[]): Buffer {
  // What decides how a value is read; what Prisma does at a write does not.
  const shapes = fields.map(({ name, type, list, optional, column, native, members, stored }) => {
    return { name, type, list, optional, column, native, members, stored }
  })
  return Buffer.from(hash('sha256', JSON.stringify([of, shapes]), 'hex'), 'hex').subarray(0, 8)
}

// ---- one value: undefined means "can't be given back exactly"

type Encode = (value: unknown) => unknown
function isDecoded(decoder: Decoder | undefined): boolean {
  return decoder?.decode !== undefined
}

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

function decoderOf(field: ScalarField, Decimal: DecimalClass): Decoder {
  const one = scalarDecoder(field, Decimal)
  if (!field.list) return one
  const decode = one.decode ?? ((value: unknown) => (typeof value === one.type ? value : refuse()))
  return {
    decode: items => (Array.isArray(items) ? items.map(item => (item === null ? null : decode(item))) : refuse()),
    type: undefined,
  }
}

function scalarDecoder(field: ScalarField, Decimal: DecimalClass): Decoder {
  switch (field.type) {
    case 'Float':
      return decoding(value => (typeof value === 'number' ? value : value === '-0' ? -0 : refuse()))
    case 'BigInt':
      return decoding(bigIntOf)
    case 'Decimal':
      return decoding(value => decimalOf(value, Decimal))
    case 'DateTime':
      return decoding(dateOf)
    case 'Bytes':
      return decoding(bytesFrom)
    case 'Json':
      return decoding(value => (typeof value === 'string' ? (JSON.parse(value) as unknown) : refuse()))
    case 'Int':
      return { decode: undefined, type: 'number' }
    case 'Boolean':
      return { decode: undefined, type: 'boolean' }
    default:
      return { decode: undefined, type: 'string' }
  }
}

function decoding(decode: Decode): Decoder {
  return { decode, type: undefined }
}

function bigIntOf(value: unknown): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  return typeof value === 'bigint' && BigInt.asIntN(64, value) === value ? value : refuse()
}

/** The database's numbers have some 150,000 digits at most. */
const MOST_DIGITS = 200_000

/** Of a text that the database may have given: `1e9000000000000000` is one number here, and the memory of all who print it. */
export function decimalOf(text: unknown, Decimal: DecimalClass): unknown {
  if (typeof text !== 'string' || text.length > MOST_DIGITS) refuse()
  const decimal = new Decimal(text)
  return Math.abs(decimal.e) > MOST_DIGITS ? refuse() : decimal
}

export function dateOf(time: unknown): Date {
  return typeof time === 'number' ? new Date(time) : refuse()
}

/** A number would be taken for a length. */
export function bytesFrom(bytes: unknown): Uint8Array {
  return bytes instanceof Uint8Array ? new Uint8Array(bytes) : refuse()
}

/** JSON text keeps everything that JSON can hold, except -0 and numbers beyond a double (`1e400` reads as `Infinity`). */
function exactInJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0)
  if (typeof value !== 'object' || value === null) return true
  return Object.values(value).every(exactInJson)
}

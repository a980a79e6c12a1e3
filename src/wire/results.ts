/**
 * Results of queries to bytes and back. Rows of a shape are stored by columns: a column whose values are all the same is
 * stored once, dates as steps from the earliest; rows inside rows follow as a table of their own.
 */
import { Packr } from 'msgpackr'
import { isDecimal } from '../plan/canon.js'
import type { Counted, Related, Shape } from '../plan/shape.js'
import { type DecimalClass, plainColumn, type Row } from './codec.js'
import { rowsMaker } from './objects.js'

export interface ResultCodec {
  /** The payload, or undefined when the result can't be given back exactly. */
  encode(result: unknown): Buffer | undefined
  /** A fresh result from the payload that begins at `start`; undefined when the bytes are not such a payload. */
  decode(bytes: Buffer, start: number): { readonly result: unknown } | undefined
}

const packr = new Packr({ useRecords: false })

/** Thrown and caught here: a value can't be given back exactly, or bytes are not what they should be. */
const INEXACT = new Error('inexact')

function codec(encode: (result: unknown) => unknown, decode: (stored: unknown) => unknown): ResultCodec {
  // Messages of encoder and decoder may hold row data: they go nowhere.
  return {
    encode(result) {
      try {
        return packr.pack(encode(result))
      } catch {
        return undefined
      }
    },
    decode(bytes, start) {
      try {
        return { result: decode(packr.unpack(bytes, { start, end: bytes.length })) }
      } catch {
        return undefined
      }
    },
  }
}

/** Rows of a shape, in a list. */
export function listCodec(shape: Shape): ResultCodec {
  return codec(
    rows => tableOf(shape, rows as readonly Row[]),
    stored => rowsOf(shape, stored),
  )
}

/** One row of a shape, or null. */
export function rowOrNullCodec(shape: Shape): ResultCodec {
  return codec(
    row => tableOf(shape, row === null ? [] : [row as Row]),
    stored => rowsOf(shape, stored)[0] ?? null,
  )
}

/** A relation field. */
export function relatedCodec({ relation, shape }: Related): ResultCodec {
  return relation.field.list ? listCodec(shape) : rowOrNullCodec(shape)
}

/** `_count`. */
export function countCodec(counted: readonly Counted[]): ResultCodec {
  return codec(
    counts => counted.map(({ name }) => countIn(counts, name)),
    stored => countsOf(counted, arrayOf(stored, counted.length)),
  )
}

/** Numbers, dates, texts and whatever else Prisma returns, each with its class: results of aggregations. */
export function anythingCodec(Decimal: DecimalClass): ResultCodec {
  return codec(tagged, stored => untagged(stored, Decimal))
}

// ---- rows of a shape, by columns

type Column = readonly unknown[]

/** `[number of rows, scalar columns…, relations by name…, counts by name…]` */
function tableOf(shape: Shape, rows: readonly Row[]): unknown[] {
  const { codec: scalars, names } = shape.cached
  const table: unknown[] = [rows.length]
  for (const place of placesOf(shape)) {
    const name = names[place] as string
    table.push(
      scalars.encodeColumn(
        place,
        rows.map(row => row[name]),
      ) ?? fail(),
    )
  }
  for (const related of byName(shape.related)) table.push(relatedColumn(related, rows))
  for (const { name } of byName(shape.counted))
    table.push(plainColumn.press(rows.map(row => countIn(row['_count'], name))))
  return table
}

function rowsOf(shape: Shape, stored: unknown): Row[] {
  const places = placesOf(shape)
  const table = arrayOf(stored, 1 + places.length + shape.related.length + shape.counted.length)
  const length = table[0]
  if (typeof length !== 'number') throw INEXACT
  const columns = new Map<string, Column>()
  let at = 1
  const { codec: scalars, names } = shape.cached
  for (const place of places)
    columns.set(names[place] as string, scalars.decodeColumn(place, table[at++], length) ?? fail())
  for (const related of byName(shape.related)) columns.set(related.name, relatedOf(related, table[at++], length))
  if (shape.counted.length > 0) {
    const counts = new Map(
      byName(shape.counted).map(({ name }) => [name, plainColumn.expand(table[at++], length) ?? fail()]),
    )
    columns.set(
      '_count',
      Array.from({ length }, (_, i) =>
        rowAt(
          i,
          shape.counted.map(({ name }) => name),
          counts,
        ),
      ),
    )
  }
  const order = shape.order ?? shape.places?.map(place => names[place] as string) ?? names
  return rowsMaker(order)(
    order.map(name => columns.get(name) as Column),
    length,
  )
}

function rowAt(i: number, names: readonly string[], columns: ReadonlyMap<string, Column>): Row {
  return Object.fromEntries(names.map(name => [name, columns.get(name)?.[i]]))
}

/** The rows of all lists in one table, and how many belong to each row; of a to-one relation 0 or 1. */
function relatedColumn({ name, relation, shape }: Related, rows: readonly Row[]): unknown[] {
  const counts: number[] = []
  const all: Row[] = []
  for (const row of rows) {
    const value = row[name]
    const some = relation.field.list ? value : value === null ? [] : [value]
    if (!Array.isArray(some)) throw INEXACT
    counts.push(some.length)
    all.push(...(some as Row[]))
  }
  return [plainColumn.press(counts), tableOf(shape, all)]
}

function relatedOf({ relation, shape }: Related, stored: unknown, length: number): Column {
  const [counts, table] = arrayOf(stored, 2)
  const all = rowsOf(shape, table)
  let at = 0
  return (plainColumn.expand(counts, length) ?? fail()).map(count => {
    const some = all.slice(at, (at += count as number))
    return relation.field.list ? some : (some[0] ?? null)
  })
}

function countsOf(counted: readonly Counted[], stored: readonly unknown[]): Row {
  return Object.fromEntries(counted.map(({ name }, i) => [name, stored[i]]))
}

function countIn(counts: unknown, name: string): number {
  const count = (counts as Record<string, unknown> | undefined)?.[name]
  return typeof count === 'number' ? count : fail()
}

/** Places of the scalars in one order, whatever order the caller wants. */
function placesOf({ places, cached }: Shape): readonly number[] {
  return places === undefined ? [...cached.names.keys()] : places.toSorted((a, b) => a - b)
}

function byName<T extends { readonly name: string }>(items: readonly T[]): readonly T[] {
  return items.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function arrayOf(stored: unknown, length: number): readonly unknown[] {
  if (!Array.isArray(stored) || stored.length !== length) throw INEXACT
  return stored
}

function fail(): never {
  throw INEXACT
}

// ---- anything

/** Plain JSON values as they are, arrays as `[0, …]`, objects as `[1, name, value, …]`, other classes by a letter. */
function tagged(value: unknown): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number')
    return Number.isFinite(value) && !Object.is(value, -0) ? value : ['n', String(value), Object.is(value, -0)]
  if (typeof value === 'bigint') return ['i', String(value)]
  if (typeof value !== 'object') throw INEXACT
  if (Array.isArray(value)) return [0, ...value.map(tagged)]
  if (value instanceof Date) return ['d', value.getTime()]
  if (isDecimal(value)) return ['D', value.toJSON()]
  if (value instanceof Uint8Array) return ['b', Buffer.from(value)]
  if (Object.getPrototypeOf(value) !== Object.prototype && Object.getPrototypeOf(value) !== null) throw INEXACT
  return [1, ...Object.entries(value).flatMap(([name, inner]) => [name, tagged(inner)])]
}

function untagged(stored: unknown, Decimal: DecimalClass): unknown {
  if (!Array.isArray(stored)) return stored
  const [tag, ...rest] = stored as [unknown, ...unknown[]]
  const [first] = rest
  switch (tag) {
    case 0:
      return rest.map(item => untagged(item, Decimal))
    case 1: {
      const object: Row = {}
      for (let i = 0; i < rest.length; i += 2) object[rest[i] as string] = untagged(rest[i + 1], Decimal)
      return object
    }
    case 'n':
      return rest[1] === true ? -0 : Number(first)
    case 'i':
      return BigInt(first as string)
    case 'd':
      return new Date(first as number)
    case 'D':
      return new Decimal(first as string)
    case 'b':
      return new Uint8Array(first as Uint8Array)
    default:
      throw INEXACT
  }
}

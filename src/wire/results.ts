/**
 * Results of queries to bytes and back. Rows are stored by columns: a column whose values are all the same is
 * stored once, dates as steps from the earliest; rows inside rows follow as a table of their own.
 */
import { Packr } from 'msgpackr'
import { isDecimal } from '../schema/canonical.js'
import { bytesFrom, dateOf, decimalOf, type DecimalClass, plainColumn, type Row, type RowCodec } from './rows.js'
import { Budget, type Decoder, INEXACT, isCount, isReadable, refuse as fail, ROW_BYTES } from './msgpack-check.js'
import { type RowsMaker, rowsMaker, setMember } from './row-maker.js'

/** The rows of a result, as far as their bytes depend on it: a selection of the plan is one. */
export interface RowsOf {
  readonly cached: { readonly codec: RowCodec; readonly fieldNames: readonly string[] }
  /** Of the scalars, in the order of the result; undefined for all. */
  readonly fieldIndexes: readonly number[] | undefined
  readonly related: readonly RelatedRows[]
  readonly counted: readonly { readonly name: string }[]
  /** Names of all fields in the order of the result, where there is more than scalars. */
  readonly order: readonly string[] | undefined
}

/** A relation field of the result. */
export interface RelatedRows {
  readonly name: string
  readonly relation: { readonly field: { readonly list: boolean } }
  readonly selection: RowsOf
}

export interface ResultCodec {
  /** The payload, or undefined when the result can't be given back exactly. */
  encode(result: unknown): Buffer | undefined
  /** A fresh result from the payload that begins at `start`; undefined when the bytes are not such a payload. */
  decode(bytes: Buffer, start: number): { readonly result: unknown } | undefined
}

const packr = new Packr({ useRecords: false })

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
        if (!isReadable(bytes, start)) return undefined
        return { result: decode(packr.unpack(bytes, { start, end: bytes.length })) }
      } catch {
        return undefined
      }
    },
  }
}

/** A list of rows. */
export function listCodec(rows: RowsOf): ResultCodec {
  const table = tableOf(rows)
  return codec(
    result => table.press(result as readonly Row[], new Budget()),
    stored => table.expand(stored, new Budget()),
  )
}

/** One row, or null. */
export function rowOrNullCodec(rows: RowsOf): ResultCodec {
  const table = tableOf(rows)
  return codec(
    row => table.press(row === null ? [] : [row as Row], new Budget()),
    stored => {
      const found = table.expand(stored, new Budget())
      return found.length > 1 ? fail() : (found[0] ?? null)
    },
  )
}

/** A relation field. */
export function relatedCodec({ relation, selection }: RelatedRows): ResultCodec {
  return relation.field.list ? listCodec(selection) : rowOrNullCodec(selection)
}

/** `_count`: by name, whatever order the caller wants. */
export function countCodec(counted: RowsOf['counted']): ResultCodec {
  const stored = byName(counted).map(({ name }) => name)
  const names = counted.map(({ name }) => name)
  const indexes = names.map(name => stored.indexOf(name))
  return codec(
    counts => stored.map(name => countIn(counts, name)),
    values => {
      const counts = arrayOf(values, stored.length)
      if (!counts.every(isCount)) throw INEXACT
      return Object.fromEntries(names.map((name, i) => [name, counts[indexes[i] as number]]))
    },
  )
}

/** Numbers, dates, texts and whatever else Prisma returns, each with its class: results of aggregations. */
export function valueCodec(Decimal: DecimalClass): ResultCodec {
  return codec(tagged, stored => untagged(stored, Decimal))
}

// ---- rows, by columns

type Column = readonly unknown[]

interface RelatedColumn {
  readonly name: string
  readonly list: boolean
  readonly table: Table
}

const tables = new WeakMap<RowsOf, Table>()

function tableOf(rows: RowsOf): Table {
  let table = tables.get(rows)
  if (table === undefined) tables.set(rows, (table = new Table(rows)))
  return table
}

/** `[number of rows, scalar columns…, relations by name…, counts by name…]` */
class Table {
  readonly #scalars: RowCodec
  /** In one order, whatever order the caller wants. */
  readonly #indexes: readonly number[]
  readonly #names: readonly string[]
  readonly #related: readonly RelatedColumn[]
  readonly #counted: readonly string[]
  readonly #width: number
  /** Where each column is in a row, in the order of the columns; then where `_count` is. */
  readonly #at: readonly number[]
  readonly #rows: RowsMaker
  readonly #counts: RowsMaker

  constructor({ cached, fieldIndexes, related, counted, order }: RowsOf) {
    this.#scalars = cached.codec
    this.#indexes = fieldIndexes === undefined ? [...cached.fieldNames.keys()] : fieldIndexes.toSorted((a, b) => a - b)
    this.#names = this.#indexes.map(index => cached.fieldNames[index] as string)
    this.#related = byName(related).map(({ name, relation, selection }) => {
      return { name, list: relation.field.list, table: new Table(selection) }
    })
    this.#counted = byName(counted).map(({ name }) => name)
    this.#width = 1 + this.#indexes.length + related.length + counted.length
    const names = order ?? fieldIndexes?.map(index => cached.fieldNames[index] as string) ?? cached.fieldNames
    this.#at = [...this.#names, ...this.#related.map(({ name }) => name), '_count'].map(name => names.indexOf(name))
    this.#rows = rowsMaker(names)
    this.#counts = countsMaker(
      counted.map(({ name }) => name),
      this.#counted,
    )
  }

  press(rows: readonly Row[], budget: Budget): unknown[] {
    const table: unknown[] = [rows.length]
    // Very many rows: the columns say how many, each value by value.
    const own = budget.spend(rows.length, ROW_BYTES) ? budget : new Budget(0)
    for (const [i, index] of this.#indexes.entries()) {
      const name = this.#names[i] as string
      const values = rows.map(row => row[name])
      table.push(this.#scalars.encodeColumn(index, values, own) ?? fail())
    }
    for (const { name, list, table: theirs } of this.#related) {
      const lists = rows.map(({ [name]: value }) => (list ? value : value === null ? [] : [value]))
      if (!lists.every(some => Array.isArray(some))) throw INEXACT
      table.push([
        plainColumn.press(
          lists.map(some => some.length),
          own,
          false,
        ),
        theirs.press(lists.flat() as Row[], budget),
      ])
    }
    for (const name of this.#counted) {
      const counts = rows.map(row => countIn(row['_count'], name))
      table.push(plainColumn.press(counts, own, false))
    }
    return own === budget || hasColumnOf(table, rows.length) ? table : fail()
  }

  expand(stored: unknown, budget: Budget): Row[] {
    const table = arrayOf(stored, this.#width)
    const length = table[0]
    if (!isCount(length) || !(budget.spend(length, ROW_BYTES) || hasColumnOf(table, length))) throw INEXACT
    const columns: Column[] = []
    let at = 0
    const put = (column: Column) => {
      columns[this.#at[at++] as number] = column
    }
    for (const index of this.#indexes) put(this.#scalars.decodeColumn(index, table[at + 1], length, budget) ?? fail())
    for (const related of this.#related) put(expandRelated(related, table[at + 1], length, budget))
    if (this.#counted.length > 0) {
      const counts = table.slice(at + 1).map(column => countsOf(column, length, budget))
      put(this.#counts(counts, length))
    }
    return this.#rows(columns, length)
  }
}

/** Whether there is a column with a value for each of so many rows: then they are no more than the bytes. */
function hasColumnOf(table: readonly unknown[], length: number): boolean {
  return table.some(column => Array.isArray(column) && column.length >= length)
}

const NUMBER: Decoder = { decode: undefined, type: 'number' }

function countsOf(stored: unknown, length: number, budget: Budget): readonly number[] {
  const counts = plainColumn.expand(stored, length, budget, NUMBER) ?? fail()
  return counts.every(isCount) ? counts : fail()
}

/** The rows of all lists in one table, and how many belong to each row; of a to-one relation 0 or 1. */
function expandRelated({ list, table }: RelatedColumn, stored: unknown, length: number, budget: Budget): Column {
  const [numbers, theirs] = arrayOf(stored, 2)
  const counts = countsOf(numbers, length, budget)
  const all = table.expand(theirs, budget)
  let at = 0
  const column = counts.map(count => {
    if (!list && count > 1) throw INEXACT
    const from = at
    at += count
    return list ? all.slice(from, at) : count === 0 ? null : all[from]
  })
  return at === all.length ? column : fail()
}

/** Makes rows in the caller's order of columns that are stored by name. */
function countsMaker(names: readonly string[], stored: readonly string[]): RowsMaker {
  const maker = rowsMaker(names)
  return (columns, length) =>
    maker(
      names.map(name => columns[stored.indexOf(name)] as Column),
      length,
    )
}

function countIn(counts: unknown, name: string): number {
  const count = (counts as Record<string, unknown> | undefined)?.[name]
  return typeof count === 'number' ? count : fail()
}

function byName<T extends { readonly name: string }>(items: readonly T[]): readonly T[] {
  return items.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function arrayOf(stored: unknown, length: number): readonly unknown[] {
  if (!Array.isArray(stored) || stored.length !== length) throw INEXACT
  return stored
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

/** More digits than any integer of the database has: a longer text would take long to read. */
const MOST_DIGITS = 400

function untagged(stored: unknown, Decimal: DecimalClass): unknown {
  if (stored === null || typeof stored === 'string' || typeof stored === 'boolean') return stored
  if (typeof stored === 'number') return Number.isFinite(stored) ? stored : fail()
  if (!Array.isArray(stored) || stored.length === 0) throw INEXACT
  const [tag, ...rest] = stored as [unknown, ...unknown[]]
  if (tag === 0) return rest.map(item => untagged(item, Decimal))
  if (tag === 1) return objectOf(rest, Decimal)
  const [first] = rest
  if (rest.length !== (tag === 'n' ? 2 : 1)) throw INEXACT
  switch (tag) {
    case 'n':
      return rest[1] === true ? -0 : unusual(first)
    case 'i':
      return typeof first === 'string' && first.length <= MOST_DIGITS ? BigInt(first) : fail()
    case 'd':
      return dateOf(first)
    case 'D':
      return decimalOf(first, Decimal)
    case 'b':
      return bytesFrom(first)
    default:
      throw INEXACT
  }
}

function unusual(text: unknown): number {
  const known = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].find(number => String(number) === text)
  return known ?? fail()
}

function objectOf(pairs: readonly unknown[], Decimal: DecimalClass): Row {
  if (pairs.length % 2 === 1) throw INEXACT
  const object: Row = {}
  for (let i = 0; i < pairs.length; i += 2) {
    const name = pairs[i]
    if (typeof name !== 'string') throw INEXACT
    setMember(object, name, untagged(pairs[i + 1], Decimal))
  }
  return object
}

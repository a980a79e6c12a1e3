/**
 * Makes objects of known fields. An object literal is several times faster than one field after another, and only a function
 * that is made for these names can have one. Where code may not be made from text, the slow way does the same.
 */
import { Memo } from '../memo.js'
import { type Decoder, refuse } from './msgpack-check.js'

export type Row = Record<string, unknown>

export type Field = Decoder & {
  readonly name: string
  /** Its index among the values. */
  readonly index: number
}

/** A row from its values. */
export type RowMaker = (values: readonly unknown[]) => Row

/** @param fields - of the schema, in the order that the row shall have them */
export function rowMaker(fields: readonly Field[]): RowMaker {
  const members = fields.map(({ name, index, decode, type }, i) => {
    const value = `values[${index}]`
    const made =
      decode === undefined
        ? `typeof ${value} === '${type}' || ${value} === null ? ${value} : refuse()`
        : `${value} === null ? null : decode[${i}](${value})`
    return `${memberName(name)}: ${made}`
  })
  const make = compiled('decode', 'refuse', `return values => ({ ${members.join(', ')} })`)
  if (make !== undefined) {
    return make(
      fields.map(({ decode }) => decode),
      refuse,
    ) as RowMaker
  }
  return values =>
    Object.fromEntries(
      fields.map(({ name, index, decode, type }) => {
        const value = values[index]
        if (value === null) return [name, null]
        if (decode !== undefined) return [name, decode(value)]
        return [name, typeof value === type ? value : refuse()]
      }),
    )
}

/** A member of a picked object: `of` makes it from that of the other object. */
export interface Picked {
  readonly name: string
  readonly of?: ((value: unknown) => unknown) | undefined
}

/** Makes objects with these members of another one, in this order. */
export function picker(members: readonly Picked[]): (row: Row) => Row {
  const makers = members.map(({ of }) => of)
  const texts = members.map(({ name, of }, i) => {
    const value = `row[${JSON.stringify(name)}]`
    return `${memberName(name)}: ${of === undefined ? value : `of[${i}](${value})`}`
  })
  const make = compiled('of', `return row => ({ ${texts.join(', ')} })`)
  if (make !== undefined) return make(makers) as (row: Row) => Row
  return row => Object.fromEntries(members.map(({ name, of }) => [name, of === undefined ? row[name] : of(row[name])]))
}

/** Assigning `__proto__` would set the prototype. */
export function setMember(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(object, name, { configurable: true, enumerable: true, writable: true, value })
  else object[name] = value
}

/** In a literal, `__proto__` is a field only in brackets. */
function memberName(name: string): string {
  const quoted = JSON.stringify(name)
  return name === '__proto__' ? `[${quoted}]` : quoted
}

/** Rows from the values of each of their fields. */
export type RowsMaker = (columns: readonly (readonly unknown[])[], length: number) => Row[]

const rowsMakers = new Memo<RowsMaker>()

/** @param names - fields of the schema, in the order that the rows shall have them */
export function rowsMaker(names: readonly string[]): RowsMaker {
  return rowsMakers.of(names.join(), () => newRowsMaker(names))
}

function newRowsMaker(names: readonly string[]): RowsMaker {
  const columns = names.map((_, i) => `c${i} = columns[${i}]`).join(', ')
  const members = names.map((name, i) => `${memberName(name)}: c${i}[i]`).join(', ')
  const loop = `const rows = []; for (let i = 0; i < length; i++) rows.push({ ${members} }); return rows`
  const make = compiled('columns', 'length', columns === '' ? loop : `const ${columns}; ${loop}`)
  if (make !== undefined) return make as RowsMaker
  return (all, length) =>
    Array.from({ length }, (_, i) => Object.fromEntries(names.map((name, c) => [name, all[c]?.[i]])))
}

function compiled(...text: string[]): ((...args: unknown[]) => unknown) | undefined {
  try {
    // oxlint-disable-next-line eslint/no-new-func, typescript/no-implied-eval -- of names in the schema, quoted
    return new Function(...text) as (...args: unknown[]) => unknown
  } catch {
    return undefined
  }
}

/** What an answer may be at all: its fields, types, classes and prototypes. */
import { types } from 'node:util'
import { Decimal } from '@prisma/client/runtime/client'
import type { ScalarField } from '../../src/schema/schema.js'
import type { Selection } from '../../src/plan/selection.js'
import type { Row } from '../../src/wire/rows.js'

export type Check = (value: unknown) => boolean

const CHECKS: Record<string, Check> = {
  Int: value => typeof value === 'number',
  BigInt: value => typeof value === 'bigint',
  Float: value => typeof value === 'number',
  Decimal: value => value instanceof Decimal,
  Boolean: value => typeof value === 'boolean',
  DateTime: value => value instanceof Date,
  Bytes: value => value instanceof Uint8Array && Object.getPrototypeOf(value) === Uint8Array.prototype,
  Json: value => isOf(value, [Object.prototype, Array.prototype]),
}

export function isOfField({ type, list }: ScalarField, value: unknown): boolean {
  const one: Check = CHECKS[type] ?? (v => typeof v === 'string')
  if (value === null) return true
  return list ? Array.isArray(value) && value.every(v => v === null || one(v)) : one(value)
}

/** Just these fields, as fields of its own, in a plain object. */
export function isRow(value: unknown, names: readonly string[]): value is Row {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false
  return Object.keys(value).join() === names.join()
}

export const isCountOrZero: Check = value => Number.isSafeInteger(value) && (value as number) >= 0

export function isOfShape({ cached, fieldIndexes, related, counted, order }: Selection, value: unknown): boolean {
  const fields = fieldIndexes?.map(place => cached.fieldNames[place] as string) ?? cached.fieldNames
  if (!isRow(value, order ?? fields)) return false
  const counts = value['_count']
  const names = counted.map(({ name }) => name)
  return (
    fields.every(name => isOfField(cached.fields.get(name)?.field as ScalarField, value[name])) &&
    related.every(({ name, relation, selection }) =>
      relation.field.list
        ? isListOf(selection, value[name])
        : value[name] === null || isOfShape(selection, value[name]),
    ) &&
    (names.length === 0 || (isRow(counts, names) && Object.values(counts).every(isCountOrZero)))
  )
}

export function isListOf(shape: Selection, value: unknown): boolean {
  return Array.isArray(value) && value.every(row => isOfShape(shape, row))
}

/** Primitives, and objects of these prototypes, as deep as it goes; no functions, no cycles. */
export function isOf(value: unknown, prototypes: readonly unknown[], above: readonly unknown[] = []): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false
  if (typeof value !== 'object' || value === null) return true
  if (above.includes(value) || !prototypes.includes(Object.getPrototypeOf(value))) return false
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) || value instanceof Decimal) return true
  const inner = value instanceof Set ? [...value] : Object.values(value)
  return inner.every(v => isOf(v, prototypes, [...above, value]))
}

export const OF_RESULTS = [Object.prototype, Array.prototype, Date.prototype, Decimal.prototype, Uint8Array.prototype]
export const OF_VALUES = [
  ...OF_RESULTS.filter(prototype => prototype !== Decimal.prototype),
  ...[Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array].map(made => made.prototype),
  ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array].map(made => made.prototype),
  Set.prototype,
  RegExp.prototype,
  ArrayBuffer.prototype,
  DataView.prototype,
  Buffer.prototype,
]

/** What of a blueprint may be changed, and the smallest changes of it. */
import type { Dice } from '../dice.js'
import { type Blueprint, type Field, keysOf, type Model, type Relation, tableOf } from '../schemas/blueprint.js'
import { literal } from '../schemas/types.js'
import { visible, visibleModels } from '../schemas/values.js'
import type { Open } from './copy.js'

// ---- what there is to choose from

export function oneOf<T>(d: Dice, from: readonly T[]): T | undefined {
  return from.length === 0 ? undefined : d(from)
}

export const tables = (version: Blueprint): Model[] =>
  visibleModels(version).filter(({ viewOf }) => viewOf === undefined)

/** Not those of a table that only this version maps to: its foreign keys would be in the database, and in no schema. */
export const relationsOf = ({ relations }: Blueprint): Open<Relation>[] =>
  relations.filter(({ from, to }) => !from.hidden && !to.hidden && !from.table.endsWith(MOVED))

export const MOVED = ' moved'

export const tablesOf = ({ from, to }: Relation): string[] => [tableOf(from), tableOf(to)]

/** A field that no relation and, unless `mayBeKey`, no key is made of. */
function freeFields(version: Blueprint, model: Model, mayBeKey: boolean): Field[] {
  return visible(model).filter(
    field =>
      version.relations.every(({ fields, references }) => !fields.includes(field) && !references.includes(field)) &&
      (mayBeKey || keysOf(model).every(({ fields }) => !fields.includes(field))),
  )
}

export function oneField(
  version: Blueprint,
  d: Dice,
  mayBeKey: boolean,
): { model: Model; field: Open<Field> } | undefined {
  const model = oneOf(
    d,
    tables(version).filter(each => freeFields(version, each, mayBeKey).length > 0),
  )
  return model === undefined ? undefined : { model, field: d(freeFields(version, model, mayBeKey)) }
}

/** The first one is part of no key. */
export function twoFields(
  version: Blueprint,
  d: Dice,
): { model: Model; one: Open<Field>; two: Open<Field> } | undefined {
  const found = oneField(version, d, false)
  if (found === undefined) return undefined
  const { model, field: one } = found
  const two = oneOf<Open<Field>>(
    d,
    freeFields(version, model, true).filter(each => each !== one),
  )
  return two === undefined ? undefined : { model, one, two }
}

// ---- changes

export function remove<T>(list: T[], isGone: (each: T) => boolean): void {
  list.splice(0, list.length, ...list.filter(each => !isGone(each)))
}

export function renamed(model: Model, name: string): string {
  let free = `${name}New`
  while (model.names.has(free)) free += 'er'
  model.names.add(free)
  return free
}

/** Whether the database changes rows of the one table on writes to the other. */
export function reaches({ onDelete, onUpdate, fields }: Relation): boolean {
  const action = onDelete ?? (fields.some(({ optional }) => !optional) ? 'Restrict' : 'SetNull')
  return [action, onUpdate ?? 'Cascade'].some(each => each !== 'Restrict' && each !== 'NoAction')
}

export function without(version: Blueprint, relation: Relation): { knowsLess: boolean } {
  remove(version.relations, each => each === relation)
  return { knowsLess: reaches(relation) }
}

/** The field is gone, with the keys that have it. What the other version requires, the database gives. */
export function withoutField(model: Model, field: Field): string[] {
  remove(model.fields, each => each === field)
  remove(model.uniques, ({ fields }) => fields.includes(field))
  if (field.optional || field.list || field.default !== undefined) return []
  return [
    `ALTER TABLE ${tableOf(model)} ALTER COLUMN "${field.column}" SET DEFAULT ${literal(field.type, field.values[0])}`,
  ]
}

/** Values, keys and filters for the fields of a generated schema. */
import type { Dice } from '../dice.js'
import {
  type Blueprint,
  type End,
  endsOf,
  type Field,
  firstKey,
  type Key,
  keysOf,
  type Model,
  nameOf,
} from './blueprint.js'

export type Row = Readonly<Record<string, unknown>>
export type Args = Record<string, unknown>

/** What programs are made of: the schema, and the rows that are there when the next step is made. */
export interface Ground {
  readonly d: Dice
  readonly blueprint: Blueprint
  readonly rows: ReadonlyMap<Model, readonly Row[]>
}

export const visible = ({ fields }: Model): Field[] => fields.filter(({ hidden }) => !hidden)
export const visibleModels = ({ models }: Blueprint): Model[] => models.filter(({ hidden }) => !hidden)
export const endsIn = ({ blueprint }: Ground, model: Model): End[] => endsOf(blueprint, model)

/** An object whose fields may have any name. */
export function objectOf(entries: readonly (readonly [string, unknown])[]): Args {
  const result: Args = {}
  for (const [name, value] of entries) {
    Object.defineProperty(result, name, { value, enumerable: true, writable: true, configurable: true })
  }
  return result
}

/** One that the column may be given. */
export function valueOf({ d }: Ground, field: Field): unknown {
  if (field.optional && d.chance(25)) return null
  const { spellings } = field.type
  if (!field.list && spellings !== undefined && d.chance(20)) return d(spellings)
  return d(field.values)
}

const present = (g: Ground, field: Field): unknown => valueOf(g, { ...field, optional: false })

/** Values of a key: mostly those of a row that is there. */
export function keyValues(g: Ground, model: Model, key: Key, among: readonly Row[] = g.rows.get(model) ?? []): Args {
  const { d } = g
  const rows = among.filter(row => key.fields.every(({ name }) => row[name] !== null && row[name] !== undefined))
  const row = rows.length > 0 && d.chance(85) ? d(rows) : undefined
  return objectOf(
    key.fields.map(field => [
      field.name,
      row === undefined || (field.type.spellings !== undefined && d.chance(12)) ? present(g, field) : row[field.name],
    ]),
  )
}

/** A `where` that names one row. */
export function uniqueWhere(g: Ground, model: Model, among?: readonly Row[], by?: Key): Args {
  const key = by ?? (g.d.chance(65) ? firstKey(model) : undefined)
  const chosen = key ?? g.d(keysOf(model))
  const values = keyValues(g, model, chosen, among)
  // A single field with a name for the key: either may be meant.
  return chosen.fields.length === 1 && (chosen.name === undefined || g.d.chance(30))
    ? values
    : objectOf([[nameOf(chosen), values]])
}

const comparable = ({ type, list }: Field) =>
  type.prisma !== 'Json' && type.prisma !== 'Bytes' && type.prisma !== 'Boolean' && type.enum === undefined && !list

/** A condition on one scalar field. */
function condition(g: Ground, field: Field): unknown {
  const { d } = g
  const value = valueOf(g, field)
  if (field.list) return d([{ equals: value }, { isEmpty: true }, { has: d(field.type.values) }])
  if (field.type.prisma === 'Json') return { equals: d(field.type.values) }
  if (d.chance(65)) return value
  const ways: unknown[] = [{ equals: value }, { not: value }]
  if (field.type.prisma !== 'Boolean') {
    ways.push({ in: [present(g, field), present(g, field)] }, { notIn: [present(g, field)] })
  }
  if (comparable(field)) ways.push({ gte: present(g, field) }, { lt: present(g, field) })
  if (field.type.prisma === 'String' && field.type.native !== 'Uuid' && field.type.collation === undefined) {
    ways.push({ startsWith: 'a' }, { contains: 'B', mode: 'insensitive' })
  }
  return d(ways)
}

export function scalarWhere(g: Ground, model: Model): Args {
  const field = g.d(visible(model))
  return objectOf([[field.name, condition(g, field)]])
}

export function whereOf(g: Ground, model: Model, depth = 2): Args {
  const where = oneOf(g, model, depth)
  return g.d.chance(25) ? objectOf([...Object.entries(oneOf(g, model, depth - 1)), ...Object.entries(where)]) : where
}

function oneOf(g: Ground, model: Model, depth = 2): Args {
  const { d } = g
  const ends = endsIn(g, model)
  if (depth > 0 && ends.length > 0 && d.chance(30)) {
    const { field, list, target, optional } = d(ends)
    const inner = d.chance(20) ? {} : whereOf(g, target, depth - 1)
    if (list) return objectOf([[field, { [d(['some', 'every', 'none'])]: inner }]])
    if (optional && d.chance(15)) return objectOf([[field, null]])
    return objectOf([[field, d.chance(50) ? { [d(['is', 'isNot'])]: inner } : inner]])
  }
  if (depth > 0 && d.chance(15)) {
    const inner = [whereOf(g, model, depth - 1), whereOf(g, model, depth - 1)]
    return d.chance(60) ? { [d(['AND', 'OR', 'NOT'])]: inner } : { NOT: inner[0] }
  }
  const key = d(keysOf(model).length > 0 ? keysOf(model) : [{ fields: visible(model).slice(0, 1), name: undefined }])
  if (d.chance(35)) return keyValues(g, model, key)
  const foreign = visible(model).filter(each => each.foreign)
  if (foreign.length > 0 && d.chance(40)) return keyValues(g, model, { fields: [d(foreign)], name: undefined })
  return scalarWhere(g, model)
}

/** An order without ties, or undefined where rows can't be told apart. */
export function orderOf(g: Ground, model: Model): Args[] | undefined {
  const key = firstKey(model.viewOf ?? model)
  if (key === undefined) return undefined
  const rest = key.fields.map(({ name }) => objectOf([[name, g.d(['asc', 'asc', 'desc'])]]))
  const sortable = visible(model).filter(
    ({ type, list }) => type.prisma !== 'Json' && !list && type.collation === undefined,
  )
  return sortable.length > 0 && g.d.chance(20) ? [objectOf([[g.d(sortable).name, 'desc']]), ...rest] : rest
}

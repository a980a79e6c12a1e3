/** Reads and writes of rows that are there: what a version may keep of a row, and what another one does to the same row. */
import type { Dice } from '../dice.js'
import { endsOf, type Field, type Key, keysOf, type Model, nameOf } from '../schemas/blueprint.js'
import type { SchemaRead } from '../schemas/reads.js'
import { type Args, type Ground, objectOf, orderOf, type Row, valueOf, visible } from '../schemas/values.js'
import type { SchemaWrite } from '../schemas/writes.js'

/** Not by a key of one field with a name: Prisma takes no `where` by it. */
const usable = ({ fields, name }: Key) => fields.length > 1 || name === undefined

/** A `where` that names the row; undefined: it has no key. */
function whereOf(d: Dice, model: Model, row: Row): Args | undefined {
  const keys = keysOf(model).filter(
    key => usable(key) && key.fields.every(({ name }) => row[name] !== null && row[name] !== undefined),
  )
  if (keys.length === 0) return undefined
  // Mostly the id: by a unique a row is found, by the id it is kept.
  const key = model.id !== undefined && keys.includes(model.id) && d.chance(60) ? model.id : d(keys)
  const values = objectOf(key.fields.map(({ name }) => [name, row[name]]))
  return key.fields.length === 1 ? values : objectOf([[nameOf(key), values]])
}

/** One of the first rows: the same ones are read and written. */
function someRow({ d, rows }: Ground, model: Model): Row | undefined {
  const few = rows.get(model)?.slice(0, 3) ?? []
  return few.length === 0 ? undefined : d(few)
}

/** A row by a key: whole, or with rows that a relation leads to, or with their number. */
export function rowRead(g: Ground, model: Model): SchemaRead | undefined {
  const { d } = g
  const row = someRow(g, model)
  const where = row === undefined ? undefined : whereOf(d, model, row)
  if (where === undefined) return undefined
  const { delegate } = model
  const read = { shape: 'row', delegate, operation: 'findUnique' }
  const ends = endsOf(g.blueprint, model)
  if (ends.length === 0 || d.chance(45)) return { ...read, args: { where }, models: [model] }
  const { field, list, target } = d(ends)
  const orderBy = list ? orderOf(g, target) : undefined
  const models = [model, target]
  if (list && d.chance(25))
    return { ...read, args: { where, select: { _count: { select: objectOf([[field, true]]) } } }, models }
  const related = orderBy === undefined ? true : { orderBy }
  const isUnordered = list && orderBy === undefined
  return {
    ...read,
    args: { where, include: objectOf([[field, related]]) },
    ...(isUnordered && { unordered: true }),
    models,
  }
}

/** Another value for one column of the row, or another row that it references; sometimes it is deleted. */
export function rowWrite(g: Ground, model: Model): SchemaWrite | undefined {
  const { d } = g
  const row = someRow(g, model)
  const where = row === undefined ? undefined : whereOf(d, model, row)
  if (row === undefined || where === undefined) return undefined
  const { delegate } = model
  const alone = (operation: string, args: Args): SchemaWrite => ({
    kind: operation,
    models: [model],
    write: { how: 'alone', statement: { delegate, operation, args } },
  })
  if (d.chance(8)) return alone('delete', { where })
  const isInKey = (field: Field) => keysOf(model).some(({ fields }) => fields.includes(field))
  const free = visible(model).filter(field => !isInKey(field) && !field.foreign)
  const foreign = visible(model).filter(field => field.foreign && !model.id?.fields.includes(field))
  const chosen = foreign.length > 0 && (free.length === 0 || d.chance(40)) ? foreign : free
  if (chosen.length === 0) return undefined
  const field = d(chosen)
  return alone('update', { where, data: objectOf([[field.name, otherValue(g, model, field, row)]]) })
}

function otherValue(g: Ground, model: Model, field: Field, row: Row): unknown {
  const { d } = g
  const relation = g.blueprint.relations.find(({ from, fields }) => from === model && fields.includes(field))
  const name = relation?.references[relation.fields.indexOf(field)]?.name
  const parents = relation === undefined || name === undefined ? [] : (g.rows.get(relation.to) ?? [])
  const referenced = parents.map(parent => parent[name as string]).filter(value => value !== row[field.name])
  if (referenced.length > 0 && !(field.optional && d.chance(15))) return d(referenced)
  const others = field.values.filter(value => value !== row[field.name])
  return others.length > 0 && field.type.prisma !== 'Json' ? d(others) : valueOf(g, { ...field, optional: false })
}

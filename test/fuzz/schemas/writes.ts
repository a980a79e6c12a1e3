/** Random writes to a generated schema. */
import type { Body, Raw, Statement, Write } from '../writes/write.js'
import { type End, type Field, joinTableOf, type Key, keysOf, type Model, tableOf } from './blueprint.js'
import { literal } from './types.js'
import {
  type Args,
  endsIn,
  type Ground,
  keyValues,
  objectOf,
  type Row,
  scalarWhere,
  uniqueWhere,
  valueOf,
  visible,
  visibleModels,
  whereOf,
} from './values.js'

export interface SchemaWrite {
  readonly kind: string
  readonly models: readonly Model[]
  readonly write: Write
}

interface Making {
  readonly g: Ground
  readonly models: Set<Model>
  nested: boolean
}

const MORE_OF_SOME =
  'create create create createMany createManyAndReturn update update update update updateMany updateMany'
const KINDS = `${MORE_OF_SOME} updateManyAndReturn upsert upsert delete delete deleteMany raw`.split(' ')

export const WRITE_KINDS: readonly string[] = [
  ...new Set(KINDS),
  'nested',
  'batch',
  'transaction that commits',
  'transaction that rolls back',
]

export function writeOf(g: Ground): SchemaWrite {
  const { d } = g
  const making: Making = { g, models: new Set(), nested: false }
  if (d.chance(8)) {
    const write: Write = { how: 'batch', statements: [statementOf(making).statement, statementOf(making).statement] }
    return { kind: 'batch', models: [...making.models], write }
  }
  if (d.chance(8)) {
    const end = d.chance(60) ? 'commits' : 'rolls back'
    const body: Body = { statements: [statementOf(making).statement, statementOf(making).statement], end }
    return { kind: `transaction that ${end}`, models: [...making.models], write: { how: 'interactive', body } }
  }
  const { kind, statement } = statementOf(making)
  return { kind: making.nested ? 'nested' : kind, models: [...making.models], write: { how: 'alone', statement } }
}

function statementOf(making: Making): { kind: string; statement: Statement } {
  const { g } = making
  const models = visibleModels(g.blueprint).filter(({ viewOf }) => viewOf === undefined)
  const model = g.d(models)
  making.models.add(model)
  const kind = g.d(KINDS)
  if (kind === 'raw') return { kind, statement: rawOf(making, model) }
  return { kind, statement: { delegate: model.delegate, operation: kind, args: argsOf(making, model, kind) } }
}

function argsOf(making: Making, model: Model, operation: string): Args {
  const { g } = making
  const { d } = g
  const select = d.chance(25) ? { select: objectOf([[d(visible(model)).name, true]]) } : {}
  switch (operation) {
    case 'create':
      return { data: createOf(making, model, 2), ...select }
    case 'createMany':
    case 'createManyAndReturn': {
      const data = Array.from({ length: d([1, 2]) }, () => scalarsOf(g, model))
      return { data, ...(d.chance(40) && { skipDuplicates: true }) }
    }
    case 'update':
      return { where: anyUniqueWhere(g, model), data: updateOf(making, model, 2), ...select }
    case 'updateMany':
    case 'updateManyAndReturn':
      return { where: manyWhere(g, model), data: changesOf(g, model) }
    case 'upsert':
      return {
        where: uniqueWhere(g, model),
        create: createOf(making, model, 1),
        update: updateOf(making, model, 1),
        ...select,
      }
    case 'delete':
      return { where: uniqueWhere(g, model), ...select }
    default:
      return { where: manyWhere(g, model) }
  }
}

/** By any of its keys, one as often as another: an update by another than the id may change the id. */
function anyUniqueWhere(g: Ground, model: Model): Args {
  return g.d.chance(50) ? uniqueWhere(g, model) : uniqueWhere(g, model, undefined, g.d(keysOf(model)))
}

function manyWhere(g: Ground, model: Model): Args {
  const { d } = g
  if (d.chance(60)) {
    const values = keyValues(g, model, d(keysOf(model)))
    const names = Object.keys(values)
    return d.chance(20) && names.length === 1 ? objectOf([[names[0] as string, { in: Object.values(values) }]]) : values
  }
  return d.chance(80) ? scalarWhere(g, model) : whereOf(g, model, 1)
}

// ---- data

/** All that a row needs, without relations; `without`: given by where it is nested. */
function scalarsOf(g: Ground, model: Model, without: readonly Field[] = []): Args {
  const { d } = g
  const foreign = (field: Field) => field.foreign
  const entries = visible(model)
    .filter(field => !without.includes(field))
    .filter(field => {
      const needed = !field.optional && !field.list && field.default === undefined && !field.generated
      return needed || d.chance(field.generated ? 65 : 55)
    })
    .map(
      field =>
        [
          field.name,
          field.type.prisma === 'Json' && field.optional
            ? d(field.values)
            : foreign(field)
              ? reference(g, model, field)
              : valueOf(g, field),
        ] as const,
    )
  return objectOf(entries)
}

/** A value of a foreign key: mostly one that is there to be referenced. */
function reference(g: Ground, model: Model, field: Field): unknown {
  const { d } = g
  if (field.optional && d.chance(20)) return null
  if (field.type.spellings !== undefined && d.chance(12)) return d(field.type.spellings)
  const relation = g.blueprint.relations.find(({ from, fields }) => from === model && fields.includes(field))
  const rows = relation === undefined ? [] : (g.rows.get(relation.to) ?? [])
  const name = relation?.references[relation.fields.indexOf(field)]?.name
  if (name === undefined || rows.length === 0 || d.chance(15)) return valueOf(g, field)
  // The same row for all parts of a composite one.
  return (rows[d([0, 0, 1]) % rows.length] as Row)[name] ?? valueOf(g, field)
}

function createOf(making: Making, model: Model, depth: number, from?: End): Args {
  const { g } = making
  const { d } = g
  making.models.add(model)
  const ends = endsIn(g, model).filter(({ field, relation }) => !comesFrom(from, field, relation?.from === model))
  const given = from?.how === 'back' ? (from.relation?.fields ?? []) : []
  const owned = ends.filter(({ how }) => how === 'owner')
  const byRelations = depth > 0 && owned.length > 0 && d.chance(40)
  const without = byRelations ? visible(model).filter(({ foreign }) => foreign) : given
  const nested: [string, unknown][] = []
  if (byRelations) {
    for (const end of owned)
      if (!end.optional || d.chance(60)) nested.push([end.field, createToOne(making, end, depth)])
  }
  if (depth > 0) {
    for (const end of ends.filter(({ how }) => how !== 'owner')) {
      if (d.chance(20))
        nested.push([end.field, end.list ? createToMany(making, end, depth) : createToOne(making, end, depth)])
    }
  }
  if (nested.length > 0) making.nested = true
  return objectOf([...Object.entries(scalarsOf(g, model, without)), ...nested])
}

/** Whether a relation field is the way back to where the row is nested. */
function comesFrom(from: End | undefined, field: string, owns: boolean): boolean {
  if (from?.relation === undefined) return false
  const { relation, how } = from
  return how === 'back' ? owns && relation.field === field : !owns && relation.back === field
}

function createToOne(making: Making, end: End, depth: number): Args {
  const { g } = making
  making.models.add(end.target)
  switch (g.d([0, 0, 0, 1, 2])) {
    case 0:
      return { connect: uniqueWhere(g, end.target) }
    case 1:
      return { create: createOf(making, end.target, depth - 1, end) }
    default:
      return {
        connectOrCreate: { where: uniqueWhere(g, end.target), create: createOf(making, end.target, depth - 1, end) },
      }
  }
}

function createToMany(making: Making, end: End, depth: number): Args {
  const { g } = making
  if (g.d.chance(20) && end.how === 'back') {
    making.models.add(end.target)
    return {
      createMany: {
        data: [scalarsOf(g, end.target, end.relation?.fields)],
        ...(g.d.chance(40) && { skipDuplicates: true }),
      },
    }
  }
  return createToOne(making, end, depth)
}

function changesOf(g: Ground, model: Model): Args {
  const { d } = g
  const fields = visible(model).filter(field => d.chance(70) || !model.id?.fields.includes(field))
  const field = d(fields.length > 0 ? fields : visible(model))
  const entries = [field, ...(d.chance(30) ? [d(visible(model))] : [])].map(
    each => [each.name, changeOf(g, model, each)] as const,
  )
  return objectOf(entries)
}

function changeOf(g: Ground, model: Model, field: Field): unknown {
  const { d } = g
  if (field.foreign) return reference(g, model, field)
  if (field.type.prisma === 'Json') return d(field.values)
  // A sequence must not meet a value that it will give.
  if (field.type.numeric === true && !field.list && !field.generated && d.chance(20)) return { increment: 1 }
  if (field.list && d.chance(30)) return { push: d(field.type.values) }
  return d.chance(10) ? { set: valueOf(g, field) } : valueOf(g, field)
}

function updateOf(making: Making, model: Model, depth: number, from?: End): Args {
  const { g } = making
  const { d } = g
  making.models.add(model)
  const ends = endsIn(g, model).filter(({ field, relation }) => !comesFrom(from, field, relation?.from === model))
  if (depth === 0 || ends.length === 0 || d.chance(55)) return changesOf(g, model)
  making.nested = true
  const end = d(ends)
  const more = d.chance(25) ? changesOf(g, model) : {}
  return objectOf([
    ...Object.entries(more),
    [end.field, end.list ? updateToMany(making, end, depth) : updateToOne(making, end, depth)],
  ])
}

function updateToOne(making: Making, end: End, depth: number): Args {
  const { g } = making
  making.models.add(end.target)
  const ways: (() => Args)[] = [
    () => createToOne(making, end, depth),
    () => createToOne(making, end, depth),
    () => ({ update: updateOf(making, end.target, depth - 1, end) }),
    () => ({
      upsert: {
        create: createOf(making, end.target, depth - 1, end),
        update: updateOf(making, end.target, depth - 1, end),
      },
    }),
  ]
  if (end.optional)
    ways.push(
      () => ({ disconnect: true }),
      () => ({ delete: true }),
    )
  return g.d(ways)()
}

function updateToMany(making: Making, end: End, depth: number): Args {
  const { g } = making
  const { d } = g
  const { target } = end
  making.models.add(target)
  const where = () => uniqueWhere(g, target)
  const ways: (() => Args)[] = [
    () => createToMany(making, end, depth),
    () => createToMany(making, end, depth),
    () => ({ update: { where: where(), data: updateOf(making, target, depth - 1, end) } }),
    () => ({ updateMany: { where: scalarWhere(g, target), data: changesOf(g, target) } }),
    () => ({
      upsert: {
        where: where(),
        create: createOf(making, target, depth - 1, end),
        update: updateOf(making, target, depth - 1, end),
      },
    }),
    () => ({ delete: where() }),
    () => ({ deleteMany: scalarWhere(g, target) }),
  ]
  if (end.how === 'links' || end.relation?.optional === true) {
    ways.push(
      () => ({ disconnect: where() }),
      () => ({ set: d.chance(30) ? [] : [where()] }),
      () => ({ set: [] }),
    )
  }
  return d(ways)()
}

// ---- raw SQL

/** Raw SQL that says which tables it is about, or, in a string, does not. */
function rawOf(making: Making, model: Model): Statement {
  const { d } = making.g
  const statement = plainRawOf(making, model)
  if (!d.chance(20)) return statement
  const text = Buffer.from(statement.text).toString('hex')
  return {
    method: '$executeRawUnsafe',
    text: `DO $do$ BEGIN EXECUTE convert_from(decode('${text}', 'hex'), 'UTF8'); END $do$`,
  }
}

function plainRawOf(making: Making, model: Model): Raw {
  const { g } = making
  const { d } = g
  const method = d(['$executeRawUnsafe', '$executeRaw', '$queryRawUnsafe'] as const)
  const links = g.blueprint.links.filter(({ a, b }) => a === model || b === model)
  if (links.length > 0 && d.chance(30)) {
    const link = d(links)
    const table = joinTableOf(link)
    const [a, b] = [link.a, link.b].toSorted((x, y) => (x.name < y.name ? -1 : 1)) as [Model, Model]
    making.models.add(a).add(b)
    const text = d.chance(50)
      ? `DELETE FROM ${table}`
      : `INSERT INTO ${table} ("A", "B") SELECT a.${idColumn(a)}, b.${idColumn(b)} FROM ${tableOf(a)} a, ${tableOf(b)} b ON CONFLICT DO NOTHING`
    return { method, text }
  }
  const key = d(keysOf(model))
  const values = keyValues(g, model, key)
  const where = key.fields.map(field => `"${field.column}" = ${literal(field.type, values[field.name])}`).join(' AND ')
  if (d.chance(25)) return { method, text: `DELETE FROM ${tableOf(model)} WHERE ${where}` }
  const field = d(visible(model))
  const value = field.foreign ? reference(g, model, field) : valueOf(g, field)
  return {
    method,
    text: `UPDATE ${tableOf(model)} SET "${field.column}" = ${literal(field.type, value)} WHERE ${where}`,
  }
}

const idColumn = ({ id }: Model) => `"${((id as Key).fields[0] as Field).column}"`

/** Rows for the beginning, one at a time: models that others reference first, as far as there is such an order. */
export function seedOf(g: Ground, model: Model): Statement {
  return { delegate: model.delegate, operation: 'create', args: { data: scalarsOf({ ...g }, model) } }
}

/**
 * What may be different between two versions of a schema. Each changes one of two copies of a blueprint; the database keeps
 * what both need.
 */
import type { Dice } from '../dice.js'
import {
  type Action,
  type Blueprint,
  type Field,
  keysOf,
  type Model,
  type Relation,
  tableOf,
} from '../schemas/blueprint.js'
import { foreignKeySql } from '../schemas/text.js'
import { literal } from '../schemas/types.js'
import { visible, visibleModels } from '../schemas/values.js'
import type { Open } from './copy.js'

/** What a change was about. */
export interface Changed {
  /** The tables that it concerns, as SQL has them. */
  readonly tables: readonly string[]
  /** What the database needs besides, after all tables were made. */
  readonly sql?: readonly string[]
  /**
   * The database deletes or changes rows on this version's writes of which this version does not know: until it has learnt of
   * the other one, its own reads may be wrong (docs/deploying.md, "Limit").
   */
  readonly knowsLess?: boolean
}

type Change = (version: Blueprint, d: Dice) => Changed | undefined

export const CHANGES: Readonly<Record<string, Change>> = {
  'relation field renamed': (version, d) => {
    const relation = oneOf(d, relationsOf(version))
    if (relation === undefined) return undefined
    if (d.chance(60)) relation.back = renamed(relation.to, relation.back)
    else relation.field = renamed(relation.from, relation.field)
    return { tables: tablesOf(relation) }
  },

  'relation added or removed': (version, d) => {
    const relation = oneOf(d, relationsOf(version))
    return relation === undefined ? undefined : { tables: tablesOf(relation), ...without(version, relation) }
  },

  'foreign key added or removed': (version, d) => {
    const relation = oneOf(
      d,
      relationsOf(version).filter(
        ({ from, fields }) =>
          !fields.some(field => from.id?.fields.includes(field)) &&
          version.relations.filter(each => each.from === from && each.fields.some(field => fields.includes(field)))
            .length === 1,
      ),
    )
    if (relation === undefined) return undefined
    const { from, fields } = relation
    const sql = fields.flatMap(field => withoutField(from, field))
    return { tables: tablesOf(relation), ...without(version, relation), sql }
  },

  'referential action changed': (version, d) => {
    const relation = oneOf(d, relationsOf(version))
    if (relation === undefined) return undefined
    const actions: Action[] = ['Cascade', 'Restrict', 'NoAction']
    if (relation.fields.every(({ optional }) => optional)) actions.push('SetNull')
    const when = d(['onDelete', 'onDelete', 'onUpdate'] as const)
    const action = d(actions.filter(each => each !== relation[when]))
    const knowsLess = reaches(relation)
    relation[when] = action
    return { tables: tablesOf(relation), knowsLess }
  },

  'many-to-many field renamed': (version, d) => {
    const link = oneOf<Open<Blueprint['links'][number]>>(d, version.links)
    if (link === undefined) return undefined
    if (d.chance(50)) link.aField = renamed(link.a, link.aField)
    else link.bField = renamed(link.b, link.bField)
    return { tables: [tableOf(link.a), tableOf(link.b)] }
  },

  'model renamed': (version, d) => {
    const model = oneOf<Open<Model>>(d, tables(version))
    if (model === undefined) return undefined
    const name = `${model.name}Renamed`
    for (const link of version.links as Open<Blueprint['links'][number]>[]) {
      if (link.a !== model && link.b !== model) continue
      const other: Model = link.a === model ? link.b : link.a
      // Prisma gives the columns of the table of links by the order of the models' names.
      if (other !== model && model.name < other.name !== name < other.name) return undefined
      link.name ??= [link.a.name, link.b.name].toSorted().join('To')
    }
    model.name = name
    model.delegate = name.charAt(0).toLowerCase() + name.slice(1)
    return { tables: [tableOf(model)] }
  },

  'model added or removed': (version, d) => {
    const all = tables(version)
    const model = all.length < 3 ? undefined : oneOf<Model>(d, all)
    if (model === undefined) return undefined
    let knowsLess = false
    const concerned = new Set([tableOf(model)])
    for (const relation of version.relations.filter(({ from, to }) => from === model || to === model)) {
      for (const table of tablesOf(relation)) concerned.add(table)
      const { knowsLess: less } = without(version, relation)
      if (relation.to === model && less) knowsLess = true
    }
    remove(version.links, ({ a, b }) => a === model || b === model)
    remove(version.models, each => each === model || each.viewOf === model)
    return { tables: [...concerned], knowsLess }
  },

  'model mapped to another table': (version, d) => {
    const model = oneOf<Open<Model>>(
      d,
      tables(version).filter(
        each =>
          version.relations.every(({ to }) => to !== each) &&
          version.links.every(({ a, b }) => a !== each && b !== each) &&
          version.models.every(({ viewOf }) => viewOf !== each),
      ),
    )
    if (model === undefined) return undefined
    const before = tableOf(model)
    model.table = `${model.table} moved`
    const after = tableOf(model)
    const owned = version.relations.filter(({ from }) => from === model)
    return {
      tables: [before, after],
      sql: [`CREATE TABLE ${after} (LIKE ${before} INCLUDING ALL)`, ...owned.map(foreignKeySql)],
    }
  },

  'unique added or removed': (version, d) => {
    const model = oneOf(
      d,
      tables(version).filter(({ uniques }) => uniques.length > 0),
    )
    if (model === undefined) return undefined
    const key = d(model.uniques)
    remove(model.uniques, each => each === key)
    return { tables: [tableOf(model)] }
  },

  'column added or removed': (version, d) => {
    const found = oneField(version, d, false)
    if (found === undefined) return undefined
    return { tables: [tableOf(found.model)], sql: withoutField(found.model, found.field) }
  },

  'column renamed': (version, d) => {
    const found = oneField(version, d, true)
    if (found === undefined) return undefined
    found.field.name = renamed(found.model, found.field.name)
    return { tables: [tableOf(found.model)] }
  },

  'columns swapped': (version, d) => {
    const found = twoFields(version, d)
    if (found === undefined) return undefined
    const { model, one, two } = found
    ;[one.name, two.name] = [two.name, one.name]
    return { tables: [tableOf(model)] }
  },

  'column renamed over another': (version, d) => {
    const found = twoFields(version, d)
    if (found === undefined) return undefined
    const { model, one, two } = found
    const sql = withoutField(model, one)
    two.name = one.name
    return { tables: [tableOf(model)], sql }
  },

  'enum value added or removed': (version, d) => {
    const of = oneOf(d, version.enums) as Open<Blueprint['enums'][number]> | undefined
    const used = tables(version).filter(({ fields }) => fields.some(({ type }) => type.enum === of))
    if (of === undefined || used.length === 0) return undefined
    const gone = of.members.at(-1)?.name
    of.members = of.members.filter(({ name }) => name !== gone)
    const isLeft = (value: unknown): boolean => (Array.isArray(value) ? value.every(isLeft) : value !== gone)
    for (const field of version.models.flatMap<Open<Field>>(({ fields }) => fields)) {
      if (field.type.enum !== of) continue
      const type: Open<Field['type']> = field.type
      type.values = type.values.filter(isLeft)
      field.values = field.values.filter(isLeft)
    }
    return { tables: used.map(tableOf) }
  },

  'order of a compound id': (version, d) => {
    const model = oneOf(
      d,
      tables(version).filter(({ id }) => id !== undefined && id.fields.length > 1),
    )
    if (model?.id === undefined) return undefined
    model.id = { ...model.id, fields: model.id.fields.toReversed() }
    return { tables: [tableOf(model)] }
  },

  'another unique is the id': (version, d) => {
    const candidates = ({ uniques }: Model) => uniques.filter(({ fields }) => fields.every(({ optional }) => !optional))
    const model = oneOf(
      d,
      tables(version).filter(
        each =>
          each.id !== undefined &&
          candidates(each).length > 0 &&
          version.links.every(({ a, b }) => a !== each && b !== each),
      ),
    )
    if (model?.id === undefined) return undefined
    const key = d(candidates(model))
    remove(model.uniques, each => each === key)
    model.uniques.push(model.id)
    model.id = key
    return { tables: [tableOf(model)] }
  },
}

export const KINDS: readonly string[] = Object.keys(CHANGES)

// ---- what there is to choose from

function oneOf<T>(d: Dice, from: readonly T[]): T | undefined {
  return from.length === 0 ? undefined : d(from)
}

const tables = (version: Blueprint): Model[] => visibleModels(version).filter(({ viewOf }) => viewOf === undefined)

const relationsOf = ({ relations }: Blueprint): Open<Relation>[] =>
  relations.filter(({ from, to }) => !from.hidden && !to.hidden)

const tablesOf = ({ from, to }: Relation): string[] => [tableOf(from), tableOf(to)]

/** A field that no relation and, unless `mayBeKey`, no key is made of. */
function freeFields(version: Blueprint, model: Model, mayBeKey: boolean): Field[] {
  return visible(model).filter(
    field =>
      version.relations.every(({ fields, references }) => !fields.includes(field) && !references.includes(field)) &&
      (mayBeKey || keysOf(model).every(({ fields }) => !fields.includes(field))),
  )
}

function oneField(version: Blueprint, d: Dice, mayBeKey: boolean): { model: Model; field: Open<Field> } | undefined {
  const model = oneOf(
    d,
    tables(version).filter(each => freeFields(version, each, mayBeKey).length > 0),
  )
  return model === undefined ? undefined : { model, field: d(freeFields(version, model, mayBeKey)) }
}

/** The first one is part of no key. */
function twoFields(version: Blueprint, d: Dice): { model: Model; one: Open<Field>; two: Open<Field> } | undefined {
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

function remove<T>(list: T[], isGone: (each: T) => boolean): void {
  list.splice(0, list.length, ...list.filter(each => !isGone(each)))
}

function renamed(model: Model, name: string): string {
  let free = `${name}New`
  while (model.names.has(free)) free += 'er'
  model.names.add(free)
  return free
}

/** Whether the database changes rows of the one table on writes to the other. */
function reaches({ onDelete, onUpdate, fields }: Relation): boolean {
  const action = onDelete ?? (fields.some(({ optional }) => !optional) ? 'Restrict' : 'SetNull')
  return [action, onUpdate ?? 'Cascade'].some(each => each !== 'Restrict' && each !== 'NoAction')
}

function without(version: Blueprint, relation: Relation): { knowsLess: boolean } {
  remove(version.relations, each => each === relation)
  return { knowsLess: reaches(relation) }
}

/** The field is gone, with the keys that have it. What the other version requires, the database gives. */
function withoutField(model: Model, field: Field): string[] {
  remove(model.fields, each => each === field)
  remove(model.uniques, ({ fields }) => fields.includes(field))
  if (field.optional || field.list || field.default !== undefined) return []
  return [
    `ALTER TABLE ${tableOf(model)} ALTER COLUMN "${field.column}" SET DEFAULT ${literal(field.type, field.values[0])}`,
  ]
}

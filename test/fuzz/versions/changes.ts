/**
 * What may be different between two versions of a schema. Each changes one of two copies of a blueprint; the database keeps
 * what both need.
 */
import type { Dice } from '../dice.js'
import { type Action, type Blueprint, type Field, type Key, type Model, tableOf } from '../schemas/blueprint.js'
import { foreignKeySql } from '../schemas/text.js'
import { type ColumnType, TYPES } from '../schemas/types.js'
import {
  oneField,
  oneOf,
  reaches,
  relationsOf,
  remove,
  renamed,
  tables,
  MOVED,
  tablesOf,
  twoFields,
  without,
  withoutField,
} from './choices.js'
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

/** Types that a column may be declared with as well. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  Int: ['BigInt'],
  SmallInt: ['Int', 'BigInt'],
  text: ['varchar'],
  varchar: ['text'],
  numeric: ['Decimal'],
}

const asOf = ({ name }: ColumnType, value: unknown): unknown =>
  name === 'BigInt' && typeof value === 'number' ? BigInt(value) : value

type Change = (version: Blueprint, d: Dice) => Changed | undefined

/** An enum, the tables that have it, and whether a default of theirs is written by the name of a value. */
function enumOf(version: Blueprint, d: Dice) {
  const of = oneOf(d, version.enums) as Open<Blueprint['enums'][number]> | undefined
  const used = tables(version).filter(({ fields }) => fields.some(({ type }) => type.enum === of))
  const hasDefault = used.some(({ fields }) =>
    fields.some(({ type, attributes }) => type.enum === of && attributes.length > 0),
  )
  return { of, used, hasDefault }
}

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
    model.table += MOVED
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

  'column of another type': (version, d) => {
    const found = oneField(version, d, true)
    if (found === undefined) return undefined
    const { model, field } = found
    const type = oneOf(
      d,
      TYPES.filter(({ name }) => WIDER[field.type.name]?.includes(name) === true),
    )
    // An attribute may hold a value of the type that it was.
    if (type === undefined || field.list || field.attributes.length > 0) return undefined
    const values = field.values.map(value => asOf(type, value))
    const open = field as { type: ColumnType; values: readonly unknown[] }
    // In SQL it is what it was.
    open.type = { ...type, sql: field.type.sql, values }
    open.values = values
    return { tables: [tableOf(model)] }
  },

  'column nullable or not': (version, d) => {
    const found = oneField(version, d, false)
    if (found === undefined) return undefined
    const { model, field } = found
    if (field.list || field.attributes.length > 0) return undefined
    field.optional = !field.optional
    const table = tableOf(model)
    return {
      tables: [table],
      sql: field.optional ? [`ALTER TABLE ${table} ALTER COLUMN "${field.column}" DROP NOT NULL`] : [],
    }
  },

  'fields of a unique in another order, or under another name': (version, d) => {
    const model = oneOf(
      d,
      tables(version).filter(({ uniques }) => uniques.some(({ fields }) => fields.length > 1)),
    )
    const key = model?.uniques.find(({ fields }) => fields.length > 1)
    if (model === undefined || key === undefined) return undefined
    const changed: Key = d.chance(50)
      ? { ...key, fields: key.fields.toReversed() }
      : { ...key, name: renamed(model, key.name ?? 'both') }
    model.uniques.splice(model.uniques.indexOf(key), 1, changed)
    return { tables: [tableOf(model)] }
  },

  'relation optional or not': (version, d) => {
    const relation = oneOf(
      d,
      relationsOf(version).filter(
        ({ from, fields, onDelete, onUpdate }) =>
          ![onDelete, onUpdate].includes('SetNull') &&
          onDelete !== undefined &&
          fields.length === 1 &&
          fields.every(field => !from.id?.fields.includes(field)),
      ),
    )
    const [field] = relation?.fields ?? []
    if (relation === undefined || field === undefined) return undefined
    const { from } = relation
    field.optional = !field.optional
    const owned = version.relations.filter(each => each.from === from && each.fields.includes(field))
    for (const each of owned as Open<Blueprint['relations'][number]>[]) each.optional = field.optional
    const sql = field.optional ? [`ALTER TABLE ${tableOf(from)} ALTER COLUMN "${field.column}" DROP NOT NULL`] : []
    return { tables: owned.flatMap(tablesOf), sql }
  },

  'enum value renamed': (version, d) => {
    const { of, used, hasDefault } = enumOf(version, d)
    const [first, ...others] = of?.members ?? []
    if (of === undefined || used.length === 0 || first === undefined) return undefined
    const name = `${first.name}New`
    of.members = [{ ...first, name }, ...others]
    const now = (value: unknown): unknown =>
      Array.isArray(value) ? value.map(now) : value === first.name ? name : value
    for (const field of version.models.flatMap<Open<Field>>(({ fields }) => fields)) {
      if (field.type.enum !== of) continue
      const type: Open<Field['type']> = field.type
      type.values = [...new Set(type.values.map(now))]
      field.values = [...new Set(field.values.map(now))]
    }
    return hasDefault ? undefined : { tables: used.map(tableOf) }
  },

  'enum values swapped': (version, d) => {
    const { of, used, hasDefault } = enumOf(version, d)
    const [first, second, ...others] = of?.members ?? []
    if (of === undefined || used.length === 0 || first === undefined || second === undefined) return undefined
    of.members = [{ ...first, name: second.name }, { ...second, name: first.name }, ...others]
    return hasDefault ? undefined : { tables: used.map(tableOf) }
  },

  'enum value added or removed': (version, d) => {
    const { of, used } = enumOf(version, d)
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

/** A blueprint as the text of a Prisma schema, and as SQL. */
import { type Blueprint, type Field, joinTableOf, type Key, type Model, type Relation, tableOf } from './blueprint.js'
import { CREATE_COLLATIONS } from './types.js'

const SCHEMAS = ['public', 'two']

export function prismaText(blueprint: Blueprint): string {
  const { enums, models, preview, schemas } = blueprint
  const list = (texts: readonly string[]) => `[${texts.map(text => JSON.stringify(text)).join(', ')}]`
  return [
    `generator client {\n  provider = "prisma-client"\n  output = "./client"\n  previewFeatures = ${list(preview)}\n}`,
    `datasource db {\n  provider = "postgresql"${schemas ? `\n  schemas = ${list(SCHEMAS)}` : ''}\n}`,
    ...enums.map(({ name, type, members, schema }) => {
      const lines = members.map(each => `${each.name}${each.stored === each.name ? '' : ` @map("${each.stored}")`}`)
      return block('enum', name, [...lines, ...mapped(name, type), ...inSchema(schema)])
    }),
    ...models.map(model => modelText(blueprint, model)),
  ].join('\n\n')
}

function block(kind: string, name: string, lines: readonly string[]): string {
  return `${kind} ${name} {\n${lines.map(line => `  ${line}\n`).join('')}}`
}

const mapped = (name: string, stored: string) => (name === stored ? [] : [`@@map("${stored}")`])
const inSchema = (schema: string | undefined) => (schema === undefined ? [] : [`@@schema("${schema}")`])
const names = (fields: readonly Field[]) => fields.map(({ name }) => name).join(', ')

function modelText({ relations, links }: Blueprint, model: Model): string {
  const { id, uniques, fields, viewOf, hidden } = model
  const lines = fields.map(field => fieldText(field, id, uniques))
  for (const relation of relations) {
    const seen = relation.from.hidden === relation.to.hidden
    if (relation.from === model)
      lines.push(`${ownerText(relation, relations.indexOf(relation))}${seen || hidden ? '' : ' @ignore'}`)
    if (relation.to === model) lines.push(`${backText(relation)}${seen || hidden ? '' : ' @ignore'}`)
  }
  for (const { name, a, aField, b, bField } of links) {
    const relation = name === undefined ? '' : ` @relation("${name}")`
    if (a === model) lines.push(`${aField} ${b.name}[]${relation}`)
    if (b === model) lines.push(`${bField} ${a.name}[]${relation}`)
  }
  const keys = [
    ...(id !== undefined && isBlock(id) ? [`@@id(${keyText(id)})`] : []),
    ...uniques.filter(isBlock).map(key => `@@unique(${keyText(key)})`),
  ]
  lines.push(...keys, ...mapped(model.name, model.table), ...inSchema(model.schema), ...(hidden ? ['@@ignore'] : []))
  return block(viewOf === undefined ? 'model' : 'view', model.name, lines)
}

const isBlock = ({ fields, name }: Key) => fields.length > 1 || name !== undefined
const keyText = ({ fields, name }: Key) => `[${names(fields)}]${name === undefined ? '' : `, name: "${name}"`}`

function fieldText(field: Field, id: Key | undefined, uniques: readonly Key[]): string {
  const { name, column, type, optional, list, attributes } = field
  const isOnly = (key: Key | undefined) => key !== undefined && !isBlock(key) && key.fields[0] === field
  return [
    `${name} ${type.prisma}${list ? '[]' : optional ? '?' : ''}`,
    ...(isOnly(id) ? ['@id'] : []),
    ...(uniques.some(isOnly) ? ['@unique'] : []),
    ...attributes,
    ...(type.native === undefined ? [] : [`@db.${type.native}`]),
    ...(column === name ? [] : [`@map("${column}")`]),
  ].join(' ')
}

function ownerText(relation: Relation, n: number): string {
  const { name, field, fields, to, references, optional, onDelete, onUpdate } = relation
  const parts = [
    ...(name === undefined ? [] : [`"${name}"`]),
    `fields: [${names(fields)}]`,
    `references: [${names(references)}]`,
    ...(onDelete === undefined ? [] : [`onDelete: ${onDelete}`]),
    ...(onUpdate === undefined ? [] : [`onUpdate: ${onUpdate}`]),
    // By default two over one column have the same.
    `map: "fk${n}"`,
  ]
  return `${field} ${to.name}${optional ? '?' : ''} @relation(${parts.join(', ')})`
}

function backText({ name, back, from, one }: Relation): string {
  return `${back} ${from.name}${one ? '?' : '[]'}${name === undefined ? '' : ` @relation("${name}")`}`
}

// ---- SQL

const columns = (fields: readonly Field[]) => fields.map(({ column }) => `"${column}"`).join(', ')

/** One statement each. */
export function sqlOf({ enums, models, relations, links }: Blueprint): string[] {
  const tables = models.filter(({ viewOf }) => viewOf === undefined)
  return [
    ...SCHEMAS.flatMap(name => [`DROP SCHEMA IF EXISTS "${name}" CASCADE`, `CREATE SCHEMA "${name}"`]),
    'CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA "public"',
    ...CREATE_COLLATIONS,
    ...enums.map(
      ({ type, members, schema }) =>
        `CREATE TYPE "${schema ?? 'public'}"."${type}" AS ENUM (${members.map(({ stored }) => `'${stored}'`).join(', ')})`,
    ),
    ...tables.map(
      model =>
        `CREATE TABLE ${tableOf(model)} (\n  ${[
          ...model.fields.map(columnSql),
          ...(model.id === undefined ? [] : [`PRIMARY KEY (${columns(model.id.fields)})`]),
          ...model.uniques.map(({ fields }) => `UNIQUE (${columns(fields)})`),
        ].join(',\n  ')}\n)`,
    ),
    ...links.map(link => {
      const [a, b] = [link.a, link.b].toSorted((x, y) => (x.name < y.name ? -1 : 1)) as [Model, Model]
      const end = (column: string, model: Model) => {
        const field = (model.id as Key).fields[0] as Field
        return `"${column}" ${typeSql(field)} NOT NULL REFERENCES ${tableOf(model)} ("${field.column}") ON DELETE CASCADE ON UPDATE CASCADE`
      }
      return `CREATE TABLE ${joinTableOf(link)} (\n  ${end('A', a)},\n  ${end('B', b)},\n  PRIMARY KEY ("A", "B")\n)`
    }),
    ...relations.map(foreignKeySql),
    ...models.flatMap(model =>
      model.viewOf === undefined
        ? []
        : [`CREATE VIEW ${tableOf(model)} AS SELECT ${columns(model.fields)} FROM ${tableOf(model.viewOf)}`],
    ),
  ]
}

export function foreignKeySql({ from, fields, to, references, onDelete, onUpdate }: Relation): string {
  return (
    `ALTER TABLE ${tableOf(from)} ADD FOREIGN KEY (${columns(fields)}) REFERENCES ${tableOf(to)} (${columns(references)})` +
    ` ON DELETE ${actionSql(onDelete ?? (fields.some(({ optional }) => !optional) ? 'Restrict' : 'SetNull'))} ON UPDATE ${actionSql(onUpdate ?? 'Cascade')}`
  )
}

const actionSql = (action: string) => action.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toUpperCase()

function typeSql({ type, list }: Field): string {
  return `${type.sql}${list ? '[]' : ''}${type.collation === undefined ? '' : ` COLLATE "public"."${type.collation}"`}`
}

function columnSql(field: Field): string {
  const { column, optional, default: value } = field
  const rest = value === undefined ? '' : value.startsWith('GENERATED') ? ` ${value}` : ` DEFAULT ${value}`
  return `"${column}" ${typeSql(field)}${optional || field.list ? '' : ' NOT NULL'}${rest}`
}

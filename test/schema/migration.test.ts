import { readFile } from 'node:fs/promises'
import { getDMMF } from '@prisma/get-dmmf'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { applyMigrations, createDatabase, dropDatabase } from '../support/database.js'

declare module 'vitest' {
  export interface ProvidedContext {
    databaseUrl: string
  }
}

// The migrations are written by hand. Here they are held to the schema: what each table, key, foreign key and enum must
// be follows from Prisma's own reading of the schema (DMMF), what it is comes from the catalog of a migrated database.

const datamodel = await readSchema()
const models = datamodel.models
const enums = datamodel.enums
type Model = (typeof models)[number]
type Field = Model['fields'][number]

/** DMMF leaves out what the client leaves out: `@ignore`, `@@ignore` and `Unsupported`. */
const hidden = {
  columns: [
    'Asset.tenantId uuid',
    'Product.legacyCode text',
    'Product.searchVector tsvector',
    'TenantImport.importedAt timestamp(3) without time zone not null default',
    'TenantImport.line text not null',
    'TenantImport.tenantId uuid not null',
  ],
  foreignKeys: [
    'Asset_tenantId_fkey: Asset(tenantId) -> Tenant(id) delete Cascade update Cascade',
    'TenantImport_tenantId_fkey: TenantImport(tenantId) -> Tenant(id) delete Cascade update Cascade',
  ],
}

const database = `migration_test_${process.pid}`
let client: Client

beforeAll(async () => {
  const url = await createDatabase(inject('databaseUrl'), database)
  await applyMigrations(url)
  await applyMigrations(url) // a second time is no harm
  client = new Client({ connectionString: url })
  await client.connect()
})

afterAll(async () => {
  await client?.end()
  await dropDatabase(inject('databaseUrl'), database)
})

test('each field has its column, with its type, nullability and default', async () => {
  const actual = await lines(`
    SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
      || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
      || CASE WHEN a.atthasdef THEN ' default' ELSE '' END
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> '_migrations'
      AND a.attnum > 0 AND NOT a.attisdropped`)
  const expected = models.flatMap(model => scalars(model).map(field => `${tableOf(model)}.${columnLine(field)}`))
  expect(actual).toEqual([...expected, ...joinTables().flatMap(join => join.columns), ...hidden.columns].toSorted())
})

test('each id, unique and index is there, under the name that Prisma gives it', async () => {
  const actual = await lines(`
    SELECT i.relname || ': ' || c.relname || '(' || ${columnNames('x.indkey', 'x.indrelid')} || ')'
      || CASE WHEN x.indisprimary THEN ' primary' WHEN x.indisunique THEN ' unique' ELSE '' END
    FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> '_migrations'`)
  const expected = datamodel.indexes.map(index => {
    const model = modelNamed(index.model)
    const table = tableOf(model)
    const columns = index.fields.map(({ name }) => columnOf(fieldNamed(model, name)))
    const name = (suffix: string) => index.dbName ?? [table, ...columns, suffix].join('_')
    if (index.type === 'id') return `${index.dbName ?? `${table}_pkey`}: ${table}(${columns.join()}) primary`
    if (index.type === 'unique') return `${name('key')}: ${table}(${columns.join()}) unique`
    return `${name('idx')}: ${table}(${columns.join()})`
  })
  expect(actual).toEqual([...expected, ...joinTables().flatMap(join => join.indexes)].toSorted())
})

test('each relation has its foreign key, with its referential actions or the defaults of Prisma', async () => {
  const actual = await lines(`
    SELECT k.conname || ': ' || c.relname || '(' || ${columnNames('k.conkey', 'k.conrelid')} || ') -> '
      || f.relname || '(' || ${columnNames('k.confkey', 'k.confrelid')} || ')'
      || ' delete ' || ${actionName('k.confdeltype')} || ' update ' || ${actionName('k.confupdtype')}
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
    WHERE k.contype = 'f'`)
  const expected = models.flatMap(model =>
    model.fields
      .filter(field => field.relationFromFields?.length)
      .map(field => {
        const from = field.relationFromFields?.map(name => fieldNamed(model, name)) ?? []
        const target = modelNamed(field.type)
        const to = field.relationToFields?.map(name => columnOf(fieldNamed(target, name))) ?? []
        const onDelete =
          field.relationOnDelete ?? (from.some(part => part.isRequired) || field.isRequired ? 'Restrict' : 'SetNull')
        return foreignKeyLine(tableOf(model), from.map(columnOf), tableOf(target), to, onDelete, onUpdateOf(field))
      }),
  )
  const ofJoins = joinTables().flatMap(join => join.foreignKeys)
  expect(actual).toEqual([...expected, ...ofJoins, ...hidden.foreignKeys].toSorted())
})

test('only the foreign key of a shipment waits for COMMIT', async () => {
  expect(await lines('SELECT conname FROM pg_constraint WHERE condeferred')).toEqual(['Shipment_orderId_fkey'])
})

test('each enum has its values, as the database calls them', async () => {
  const actual = await lines(`
    SELECT t.typname || ': ' || string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder)
    FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY t.oid`)
  const expected = enums.map(({ name, dbName, values }) => {
    const labels = values.map(value => value.dbName ?? value.name)
    return `${dbName ?? name}: ${labels.join(', ')}`
  })
  expect(actual).toEqual(expected.toSorted())
})

test('the text of a collated id has a collation that is not deterministic', async () => {
  const actual = await lines(`
    SELECT c.relname || '.' || a.attname
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation l ON l.oid = a.attcollation
    WHERE c.relkind = 'r' AND NOT l.collisdeterministic`)
  expect(actual).toEqual(['alias_collated.id'])
})

// --- what the schema asks for ----------------------------------------------------------------------------------------

async function readSchema() {
  const document = getDMMF({
    datamodel: await readFile(new URL('../../prisma/schema.prisma', import.meta.url), 'utf8'),
  })
  if ('reason' in document) throw document.error
  return document.datamodel
}

function modelNamed(name: string): Model {
  const model = models.find(candidate => candidate.name === name)
  if (!model) throw new Error(`No model ${name}`)
  return model
}

function fieldNamed(model: Model, name: string): Field {
  const field = model.fields.find(candidate => candidate.name === name)
  if (!field) throw new Error(`No field ${model.name}.${name}`)
  return field
}

function idOf(model: Model): Field {
  return model.fields.find(field => field.isId) ?? fieldNamed(model, 'id')
}

function tableOf(model: Model): string {
  return model.dbName ?? model.name
}

function columnOf(field: Field): string {
  return field.dbName ?? field.name
}

function scalars(model: Model): Field[] {
  return model.fields.filter(field => field.kind === 'scalar' || field.kind === 'enum')
}

function columnLine(field: Field): string {
  // A scalar list is required to Prisma, but its column takes NULL.
  const nullability = field.isRequired && !field.isList ? ' not null' : ''
  return `${columnOf(field)} ${typeOf(field)}${field.isList ? '[]' : ''}${nullability}${hasDefault(field) ? ' default' : ''}`
}

/** The ids that the client makes up are unknown to the database, and so is `@updatedAt`. */
function hasDefault({ default: value }: Field): boolean {
  if (value === undefined) return false
  const maker = typeof value === 'object' && 'name' in value ? value.name : ''
  return !['cuid', 'uuid'].includes(maker)
}

const defaultTypes: Record<string, string> = {
  String: 'text',
  Int: 'integer',
  BigInt: 'bigint',
  Float: 'double precision',
  Decimal: 'numeric(65,30)',
  Boolean: 'boolean',
  DateTime: 'timestamp(3) without time zone',
  Json: 'jsonb',
  Bytes: 'bytea',
}

const nativeTypes: Record<string, (size: string) => string> = {
  Uuid: () => 'uuid',
  VarChar: size => `character varying${size}`,
  Char: size => `character${size}`,
  Citext: () => 'citext',
  Inet: () => 'inet',
  Bit: size => `bit${size}`,
  VarBit: size => `bit varying${size}`,
  SmallInt: () => 'smallint',
  Real: () => 'real',
  Decimal: size => `numeric${size}`,
  Json: () => 'json',
  Date: () => 'date',
  Time: size => `time${size} without time zone`,
  Timestamp: size => `timestamp${size} without time zone`,
  Timestamptz: size => `timestamp${size} with time zone`,
}

function typeOf(field: Field): string {
  if (field.kind === 'enum') {
    const name = enums.find(candidate => candidate.name === field.type)?.dbName ?? field.type
    return /^[a-z_]+$/.test(name) ? name : `"${name}"`
  }
  if (!field.nativeType) return defaultTypes[field.type] ?? `unknown type ${field.type}`
  const [native, size] = field.nativeType
  return nativeTypes[native]?.(size.length > 0 ? `(${size.join()})` : '') ?? `unknown type ${native}`
}

function onUpdateOf(field: Field): string {
  return field.relationOnUpdate ?? 'Cascade'
}

function foreignKeyLine(
  table: string,
  columns: string[],
  target: string,
  references: string[],
  onDelete: string,
  onUpdate: string,
): string {
  const name = [table, ...columns, 'fkey'].join('_')
  return `${name}: ${table}(${columns.join()}) -> ${target}(${references.join()}) delete ${onDelete} update ${onUpdate}`
}

/** The tables behind implicit many to many relations: A is the id of the model that comes first in the alphabet. */
function joinTables() {
  const ends = models.flatMap(model =>
    model.fields
      .filter(field => field.kind === 'object' && field.isList && isImplicit(model, field))
      .map(field => ({ relation: field.relationName ?? '', model })),
  )
  return [...new Set(ends.map(({ relation }) => relation))].map(relation => {
    const sides = ends.filter(end => end.relation === relation).map(end => end.model.name)
    const [a, b] = [modelNamed(sides.toSorted()[0] ?? ''), modelNamed(sides.toSorted()[1] ?? '')]
    const table = `_${relation}`
    return {
      columns: [`${table}.A ${typeOf(idOf(a))} not null`, `${table}.B ${typeOf(idOf(b))} not null`],
      indexes: [`${table}_AB_pkey: ${table}(A,B) primary`, `${table}_B_index: ${table}(B)`],
      foreignKeys: [
        foreignKeyLine(table, ['A'], tableOf(a), [columnOf(idOf(a))], 'Cascade', 'Cascade'),
        foreignKeyLine(table, ['B'], tableOf(b), [columnOf(idOf(b))], 'Cascade', 'Cascade'),
      ],
    }
  })
}

function isImplicit(model: Model, field: Field): boolean {
  const isField = (back: Field) => field.type === model.name && back.name === field.name
  return modelNamed(field.type).fields.some(
    back => back.relationName === field.relationName && back.isList && !isField(back),
  )
}

// --- what the database has -------------------------------------------------------------------------------------------

/** Runs a query of one text column; sorted here, because the database sorts by its own locale. */
async function lines(sql: string): Promise<string[]> {
  const { rows } = await client.query<[string]>({ text: sql, rowMode: 'array' })
  return rows.map(([line]) => line).toSorted()
}

/** SQL: the names of the columns whose numbers are in `numbers`, in that order. */
function columnNames(numbers: string, table: string): string {
  return `(SELECT string_agg(n.attname, ',' ORDER BY o.ordinality)
    FROM unnest(${numbers}) WITH ORDINALITY o(number, ordinality)
    JOIN pg_attribute n ON n.attrelid = ${table} AND n.attnum = o.number)`
}

/** SQL: a referential action in the words of Prisma. */
function actionName(column: string): string {
  return `CASE ${column} WHEN 'c' THEN 'Cascade' WHEN 'r' THEN 'Restrict' WHEN 'n' THEN 'SetNull'
    WHEN 'd' THEN 'SetDefault' WHEN 'a' THEN 'NoAction' END`
}

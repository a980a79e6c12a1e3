/** The database beside the cache: what its rows say now, and what it says of itself. Looked at only where a URL is given. */
import type { Client, QueryResult } from 'pg'
import type { ScalarField, Schema } from '../schema/schema.js'
import { Database } from '../source/database.js'
import { postgresUrl, quoted } from '../source/postgres.js'
import { messageOf, shownUrl } from './cache.js'
import { Failure } from './failure.js'
import type { Entry } from './entry.js'

export interface Sql {
  /** Every value is the text that the database writes. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, string | null>[]>
  /** Which database it is, who may read what, how texts compare. */
  readonly database: Database
  readonly schemaName: string
  close(): Promise<void>
}

/**
 * With `pg`, which comes with `@prisma/adapter-pg`.
 *
 * @throws Failure when there is no `pg`, or the database does not answer
 */
export async function connectSql(url: string, schema: Schema): Promise<Sql> {
  const { Client: PgClient } = await import('pg').catch(() => {
    throw new Failure('To look at the database the package pg is needed: npm install pg')
  })
  const parts = postgresUrl(url)
  if (parts === undefined) throw new Failure(`A database URL begins with postgresql://, got ${shownUrl(url)}`)
  const { address, schemaName } = parts
  const client = new PgClient({ connectionString: address })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query(`SET TIME ZONE 'UTC'`)
  } catch (error) {
    throw new Failure(`The database at ${shownUrl(url)} does not answer: ${messageOf(error)}`)
  }
  const schemas = [...schema.models.values()].flatMap(({ databaseSchema }) => databaseSchema ?? [])
  const database = new Database({
    adapter: client,
    schemas,
    run: async sqlFor => ({ row: await textsOf(client, sqlFor([schemaName, ...schemas])), schema: schemaName }),
  })
  await database.known()
  return {
    database,
    schemaName,
    async query(text, values = []) {
      const { rows }: QueryResult<Record<string, string | null>> = await client.query({
        text,
        values: [...values],
        types: { getTypeParser: () => String },
      })
      return rows
    },
    close: () => client.end(),
  }
}

async function textsOf(client: Client, text: string): Promise<readonly (string | null)[]> {
  const { rows }: QueryResult<(string | null)[]> = await client.query({ text, rowMode: 'array' })
  return rows[0] ?? []
}

export interface Difference {
  readonly column: string
  /** As the database writes it; undefined: there is no such row. */
  readonly database: unknown
}

/** In which columns a cached row and the database differ. Undefined: it is no row, or it is not served. */
export async function differencesOf(sql: Sql, { name, value, state }: Entry): Promise<Difference[] | undefined> {
  if (name.kind !== 'row' || state !== 'served') return undefined
  const { definition, identity } = name.model
  const key = definition.primaryKey
  if (identity === undefined || key === undefined) return undefined
  const fields = definition.scalars.filter(
    field => isComparable(field) && (value === null || Object.hasOwn(value as object, field.name)),
  )
  const ids = value === null ? name.id.split(':').map(decodeURIComponent) : undefined
  const columns = fields.map((field, i) => `${textOf(field)} AS c${i}`).join(', ')
  const where = key.fields.map((field, i) => `${quoted(field.column)} = $${i + 1}`).join(' AND ')
  const table = `${quoted(definition.databaseSchema ?? sql.schemaName)}.${quoted(definition.table)}`
  const values = key.fields.map(
    (field, i) => ids?.[i] ?? keyValue(field, (value as Record<string, unknown>)[field.name]),
  )
  const [row] = await sql.query(`SELECT ${columns} FROM ${table} WHERE ${where}`, values)
  if (row === undefined || value === null) {
    const isSame = row === undefined && value === null
    return isSame ? [] : [{ column: 'row', database: row === undefined ? undefined : 'a row' }]
  }
  return fields.flatMap((field, i) => {
    const theirs = row[`c${i}`] ?? null
    const ours = comparable(field, (value as Record<string, unknown>)[field.name])
    return isSameText(field, ours, theirs) ? [] : [{ column: field.name, database: theirs }]
  })
}

/** A column as one text that is the same for the same value. */
function textOf({ column, type, list }: ScalarField): string {
  const name = quoted(column)
  if (list) return `to_json(${name})`
  // The session is in UTC.
  if (type === 'DateTime') return `extract(epoch from ${name}) * 1000`
  return type === 'Bytes' ? `encode(${name}, 'hex')` : name
}

/** In arrays, and as money, one value has several texts: these are not compared. */
function isComparable({ list, type, native, stored }: ScalarField): boolean {
  if (list) return ['Int', 'String', 'Boolean'].includes(type) || (type === 'Enum' && stored === undefined)
  return native !== 'Money'
}

function keyValue(field: ScalarField, value: unknown): unknown {
  if (field.type === 'Enum') return storedMember(field, value)
  if (value instanceof Date) return value.toISOString()
  // oxlint-disable-next-line typescript/no-base-to-string -- of a Decimal
  return value instanceof Uint8Array ? Buffer.from(value) : String(value)
}

function storedMember({ members, stored }: ScalarField, value: unknown): string {
  return stored?.[members.indexOf(value as string)] ?? (value as string)
}

function comparable(field: ScalarField, value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (field.list) return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each))
  if (value instanceof Date) return String(value.getTime())
  if (typeof value === 'boolean') return value ? 't' : 'f'
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (field.type === 'Json') return JSON.stringify(value)
  if (field.type === 'Enum') return storedMember(field, value)
  // oxlint-disable-next-line typescript/no-base-to-string -- of a Decimal
  return String(value)
}

function isSameText(field: ScalarField, ours: string | null, theirs: string | null): boolean {
  if (ours === null || theirs === null || ours === theirs) return ours === theirs
  if (field.list) return sorted(ours) === sorted(theirs)
  switch (field.type) {
    case 'Json':
      return sorted(ours) === sorted(theirs)
    case 'Decimal':
      return decimalText(ours) === decimalText(theirs)
    case 'DateTime':
      // The database may be more precise than a Date.
      return Math.abs(Number(ours) - Number(theirs)) <= 1
    case 'Float':
      return Number(ours) === Number(theirs)
    default:
      // CHAR(n) and the like: Postgres pads.
      return ours.trimEnd() === theirs.trimEnd()
  }
}

/** Without zeros that mean nothing. */
function decimalText(text: string): string {
  return text.includes('e') ? String(Number(text)) : text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

/** JSON with the members of objects in one order, and numbers, texts and dates of lists as one text. */
function sorted(text: string): string {
  return JSON.stringify(JSON.parse(text), (_, value: unknown) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    }
    return value
  })
}

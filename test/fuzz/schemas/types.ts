/** Types of columns, with a few values each: so few that programs meet the same row again. */

export interface ColumnType {
  /** Also a name of features: `id: uuid`. */
  readonly name: string
  readonly prisma: string
  readonly native?: string
  readonly sql: string
  /** As Prisma returns them. */
  readonly values: readonly unknown[]
  /** Other ways to write the same values. */
  readonly spellings?: readonly unknown[]
  readonly key: boolean
  readonly numeric?: boolean
  /** Non-deterministic. */
  readonly collation?: string
  readonly enum?: EnumType
}

export interface EnumType {
  readonly name: string
  /** What the database calls it. */
  readonly type: string
  readonly members: readonly { readonly name: string; readonly stored: string }[]
  readonly schema: string | undefined
}

const uuid = (n: number) => `00000000-0000-4000-8000-0000000000a${n}`
const at = (n: number) => new Date(Date.UTC(2026, 0, n, 12, 0, 0, n))
const day = (n: number) => new Date(Date.UTC(2026, 0, n))

export const TYPES: readonly ColumnType[] = [
  { name: 'Int', prisma: 'Int', sql: 'integer', values: [1, 2, 3, 4], key: true, numeric: true },
  { name: 'SmallInt', prisma: 'Int', native: 'SmallInt', sql: 'smallint', values: [1, 2, 3], key: true, numeric: true },
  { name: 'BigInt', prisma: 'BigInt', sql: 'bigint', values: [1n, 2n, 2n ** 53n + 1n], key: true, numeric: true },
  { name: 'text', prisma: 'String', sql: 'text', values: ['a', 'b', 'a:b', '%*?ä'], key: true },
  {
    name: 'varchar',
    prisma: 'String',
    native: 'VarChar(4)',
    sql: 'varchar(4)',
    values: ['a', 'ab', 'abcd', 'ab '],
    key: true,
  },
  {
    name: 'char',
    prisma: 'String',
    native: 'Char(3)',
    sql: 'char(3)',
    values: ['a  ', 'ab ', 'abc'],
    spellings: ['a', 'ab', 'a '],
    key: true,
  },
  {
    name: 'uuid',
    prisma: 'String',
    native: 'Uuid',
    sql: 'uuid',
    values: [uuid(1), uuid(2), uuid(3)],
    spellings: [uuid(1).toUpperCase(), uuid(2).replaceAll('-', '')],
    key: true,
  },
  {
    name: 'citext',
    prisma: 'String',
    native: 'Citext',
    sql: 'public.citext',
    values: ['a', 'B', 'c'],
    spellings: ['A', 'b'],
    key: true,
  },
  {
    name: 'DateTime',
    prisma: 'DateTime',
    sql: 'timestamp(3)',
    values: [at(1), at(2), at(3)],
    spellings: ['2026-01-01T13:00:00.001+01:00'],
    key: true,
  },
  {
    name: 'timestamptz',
    prisma: 'DateTime',
    native: 'Timestamptz(3)',
    sql: 'timestamptz(3)',
    values: [at(1), at(2)],
    key: true,
  },
  {
    name: 'date',
    prisma: 'DateTime',
    native: 'Date',
    sql: 'date',
    values: [day(1), day(2)],
    spellings: [at(1)],
    key: true,
  },
  {
    name: 'Decimal',
    prisma: 'Decimal',
    sql: 'decimal(65,30)',
    values: ['1.5', '2', '0.1'],
    spellings: ['1.50', '2.0', 2],
    key: true,
    numeric: true,
  },
  {
    name: 'numeric',
    prisma: 'Decimal',
    native: 'Decimal(4,1)',
    sql: 'decimal(4,1)',
    values: ['1.5', '2', '7'],
    spellings: ['1.50', '1.5'],
    key: true,
    numeric: true,
  },
  {
    name: 'Bytes',
    prisma: 'Bytes',
    sql: 'bytea',
    values: [new Uint8Array([1]), new Uint8Array([1, 2]), new Uint8Array([255])],
    key: true,
  },
  { name: 'Boolean', prisma: 'Boolean', sql: 'boolean', values: [true, false], key: false },
  { name: 'Float', prisma: 'Float', sql: 'double precision', values: [0.5, 1, -3.25], key: false },
  { name: 'Json', prisma: 'Json', sql: 'jsonb', values: [{ a: [1, 'x'] }, [], 'x'], key: false },
]

/** Cut and padded by the database. */
export const BLANKS: readonly unknown[] = ['abcd  ', 'ab     ']

/** Texts that collations hold equal. */
export const COLLATIONS: readonly ColumnType[] = [
  {
    name: 'collation that ignores case',
    prisma: 'String',
    sql: 'text',
    collation: 'fuzz_case',
    values: ['ab', 'c', 'É'],
    spellings: ['AB', 'C', 'é'],
    key: true,
  },
  {
    name: 'collation that ignores punctuation',
    prisma: 'String',
    sql: 'text',
    collation: 'fuzz_shifted',
    values: ['a-b', 'c', 'd.e'],
    spellings: ['ab', 'A b', 'C', 'de'],
    key: true,
  },
]

export const CREATE_COLLATIONS = [
  `CREATE COLLATION "public"."fuzz_case" (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
  `CREATE COLLATION "public"."fuzz_shifted" (provider = icu, locale = 'und-u-ka-shifted-ks-level1', deterministic = false)`,
]

export function enumTypeOf(of: EnumType): ColumnType {
  return {
    name: 'enum',
    prisma: of.name,
    sql: `"${of.schema ?? 'public'}"."${of.type}"`,
    values: of.members.map(({ name }) => name),
    key: true,
    enum: of,
  }
}

/** A value in SQL. */
export function literal(type: ColumnType, value: unknown): string {
  if (value === null || value === undefined) return 'NULL'
  if (Array.isArray(value) && type.prisma !== 'Json') {
    return `ARRAY[${value.map(each => literal(type, each)).join(', ')}]::${type.sql}[]`
  }
  if (value instanceof Uint8Array) return `'\\x${Buffer.from(value).toString('hex')}'::bytea`
  if (value instanceof Date) return `'${value.toISOString()}'::${type.sql}`
  const stored = type.enum?.members.find(({ name }) => name === value)?.stored
  const text =
    stored ?? (type.prisma === 'Json' ? JSON.stringify(value) : String(value as string | number | bigint | boolean))
  return `'${text.replaceAll("'", "''")}'::${type.sql}`
}

/** How a default is written in Prisma; of some types it is not. */
export function literalDefault(type: ColumnType | undefined, value: unknown): string | undefined {
  if (type === undefined) return undefined
  if (type.enum !== undefined || ['Int', 'SmallInt', 'BigInt', 'Boolean', 'Decimal', 'numeric'].includes(type.name))
    return String(value)
  return ['text', 'varchar', 'char'].includes(type.name) || type.collation !== undefined
    ? JSON.stringify(value)
    : undefined
}

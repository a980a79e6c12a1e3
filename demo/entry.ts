/** Entries as they lie in Redis, decoded by the code that the cache itself uses. */
import type { Redis } from 'ioredis'
import { unpack } from 'msgpackr'
import { factsOf } from '../src/prisma7/client.js'
import { PAYLOAD_AT } from '../src/wire/envelope.js'
import { Budget } from '../src/wire/msgpack-check.js'
import { rowCodec } from '../src/wire/rows.js'
import type { Connected } from './client.js'
import { labelled, table } from './terminal.js'

interface Columns {
  readonly rows: number
  readonly columns: readonly { readonly name: string; readonly type: string; readonly values: readonly unknown[] }[]
}

/** The row, or the rows of a list, in an entry of a model. */
function decoded(client: object, modelName: string, bytes: Buffer): Columns {
  const { schema, Decimal } = factsOf(client)
  const fields = schema.models.get(modelName)?.scalars ?? []
  const codec = rowCodec(fields, Decimal)
  const row = codec.decode(bytes, PAYLOAD_AT)
  const [rows, ...stored] = row === undefined ? unpack(bytes.subarray(PAYLOAD_AT)) : [1]
  const columns = fields.map(({ name, type, members, optional, list }, i) => ({
    name,
    type: (type === 'Enum' ? members.join(' | ') : type) + (list ? '[]' : '') + (optional ? '?' : ''),
    values: row === undefined ? (codec.decodeColumn(i, stored[i], rows, new Budget()) ?? []) : [row[name]],
  }))
  return { rows, columns }
}

/** Prints the entry of a model whose key matches. */
export async function showEntry(
  { plain, redis }: Connected,
  { prefix, model, pattern }: { prefix: string; model: string; pattern: string },
): Promise<void> {
  const key = await firstKey(redis, prefix + pattern)
  const [bytes, ttlMs] = await Promise.all([redis.getBuffer(key), redis.pttl(key)])
  if (bytes === null) throw new Error(`there is no entry at ${key}`)
  const { rows, columns } = decoded(plain, model, bytes)
  labelled([
    ['key', key.slice(prefix.length)],
    ['size', `${bytes.length} bytes, with an envelope of ${PAYLOAD_AT}: token, fingerprint, stamp, checksum`],
    ['TTL', `${Math.round(ttlMs / 1000)} s left of 5 minutes, less up to a tenth, by chance`],
  ])
  table(
    ['column', 'type', rows === 1 ? 'value' : `values of ${rows} rows`],
    columns.map(({ name, type, values }) => [name, type, inShort(values)]),
  )
}

async function firstKey(redis: Redis, pattern: string): Promise<string> {
  for await (const keys of redis.scanStream({ match: pattern, count: 1000 })) {
    for (const key of keys as string[]) return key
  }
  throw new Error(`there is no key like ${pattern}`)
}

function inShort(values: readonly unknown[]): string {
  const [first = '', ...others] = values.map(value =>
    value instanceof Date ? value.toISOString() : JSON.stringify(value),
  )
  if (others.length > 0 && others.every(other => other === first)) return `${cut(first, 30)} in all of them`
  return cut([first, ...others].join(', '), 46)
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)} …` : text
}

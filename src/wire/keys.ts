/**
 * The names of everything in Redis (`docs/design.md`, "Keys and values"). Two identities never share a key: each part is
 * percent-encoded where it holds a character with a meaning in our keys, in a hash tag or in a glob, the number of parts
 * is fixed by the schema, and a long id is replaced by its SHA-256 behind `*`, which the encoding always escapes.
 */
import { hash } from 'node:crypto'
import type { Buckets } from './buckets.js'

const PLAIN = /[\w.~-]/
const LONGEST_ID = 64

/** `42`, `eu:1001`, `ada%40x.org`, or `*<sha256>` for more than 64 bytes. */
export function encodeId(parts: readonly string[]): string {
  const id = parts.length === 1 ? encodePart(parts[0] as string) : parts.map(encodePart).join(':')
  return id.length <= LONGEST_ID ? id : `*${hash('sha256', id, 'hex')}`
}

/** Character by character, which takes a third of the time of `encodeURIComponent`. */
function encodePart(part: string): string {
  let encoded = ''
  let from = 0
  for (let i = 0; i < part.length; i++) {
    const code = part.charCodeAt(i)
    const inPlace = ENCODED[code]
    if (inPlace === '') continue
    const character = inPlace === undefined ? String.fromCodePoint(part.codePointAt(i) as number) : ''
    encoded += part.slice(from, i) + (inPlace ?? encodeURIComponent(character))
    if (character.length === 2) i++
    from = i + 1
  }
  return from === 0 ? part : encoded + part.slice(from)
}

/** Of each ASCII character; empty where it stands for itself. */
const ENCODED: readonly string[] = Array.from({ length: 128 }, (_, code) =>
  PLAIN.test(String.fromCharCode(code)) ? '' : `%${code.toString(16).toUpperCase().padStart(2, '0')}`,
)

/** What an entry depends on: it is valid only under these epochs, and only while none of the holds is there. */
export interface Dependencies {
  readonly epochs: readonly string[]
  readonly holds: readonly string[]
}

/** What a write makes stale: the keys to delete, after the holds to set. */
export interface Invalidation {
  readonly holds: readonly string[]
  readonly keys: readonly string[]
  /**
   * Keys besides, which follow from the other versions that are known when the `DEL` is sent.
   *
   * @param bucket - that they are in
   */
  readonly alsoStale?: ((bucket: number) => readonly string[]) | undefined
}

/** The keys of one model. */
export interface ModelKeys extends Dependencies {
  /** The table, as epochs have it in braces: another version of the schema may call the model by another name. */
  readonly tableName: string
  row(id: string): string
  /** The id in the key of a row. */
  idIn(rowKey: string): string
  /** Where the values of a unique point to the id of their row. */
  pointer(columns: readonly string[], id: string): string
  /** The same as a name for tags, which is in each bucket: whoever writes a child does not know where the row itself is. */
  parentBy(columns: readonly string[], id: string): string
  /**
   * Where "the first posts of user 42" and the like are stored, one per query.
   *
   * @param tag - that it depends on, and is beside
   */
  query(name: string, tag?: string): string
  /** Unnamed-writes epoch: rows that were loaded by primary key are stamped with it. `epochs[UNNAMED_WRITES]`. */
  readonly unnamedWrites: string
  /** Every-write epoch: what negative entries, and rows whose id was not known before the load, depend on. `epochs[EVERY_WRITE]`. */
  readonly everyWrite: string
  /** List epoch: what lists under relation tags depend on besides; invalidated when a foreign key changes and its old value is not known. */
  readonly lists: string
  /** While it is there, the model's reads go to the database and fill nothing. */
  readonly hold: string
}

/** Indexes in the `epochs` of a model. */
export const UNNAMED_WRITES = 0
export const EVERY_WRITE = 1

/**
 * @param table - the names of table and, where it is not the default one, Postgres schema: in braces, in the names of epochs
 */
export function modelKeys(buckets: Buckets, model: string, table: readonly string[]): ModelKeys {
  const { prefix } = buckets
  const tableName = table.map(encodePart).join('.')
  const tagged = `${prefix}{${tableName}}`
  const ofRow = `${model}:`
  const idAt = buckets.prefixLength + ofRow.length
  const pointerNames = new WeakMap<readonly string[], string>()
  const pointerName = (columns: readonly string[]) => {
    let known = pointerNames.get(columns)
    if (known === undefined) {
      known = `${model}.${columns.map(encodePart).join(',')}:`
      pointerNames.set(columns, known)
    }
    return known
  }
  const [unnamedWrites, everyWrite, hold] = [`${tagged}@rows`, `${tagged}@any`, `${tagged}@hold`]
  return {
    tableName,
    row: id => buckets.prefixFor(id) + ofRow + id,
    idIn: rowKey => rowKey.slice(idAt),
    pointer: (columns, id) => buckets.prefixFor(id) + pointerName(columns) + id,
    parentBy: (columns, id) => prefix + pointerName(columns) + id,
    query: (name, tag) => `${prefixBeside(buckets, tag) ?? buckets.prefixFor(name)}${model}?${name}`,
    unnamedWrites,
    everyWrite,
    lists: `${tagged}@lists`,
    hold,
    epochs: [unnamedWrites, everyWrite],
    holds: [hold],
  }
}

function prefixBeside(buckets: Buckets, key: string | undefined): string | undefined {
  const bucket = key === undefined ? undefined : buckets.of(key)
  return bucket === undefined ? undefined : buckets.prefixes[bucket]
}

/** What is kept under a row, such as a list or a count: by the key of the row. */
export function relationKey(rowKey: string, field: string, query?: string): string {
  return query === undefined ? `${rowKey}:${field}` : `${rowKey}:${field}?${query}`
}

/**
 * A relation tag, "the posts of user 42": `User:42:Post.authorId`, by the table and the columns of the foreign key.
 *
 * @param of - the key of the parent's row, or the name of the parent by another unique
 */
export function relationTag(of: string, { tableName }: ModelKeys, columns: readonly string[]): string {
  return `${of}:${tableName}.${columns.map(encodePart).join(',')}`
}

/** The epoch of an implicit many-to-many relation, named for its join table and one of its ends. */
export function linkKey(prefix: string, { tableName }: ModelKeys, joinTable: string): string {
  return `${prefix}{${tableName}}.${encodePart(joinTable)}@links`
}

/** A name for a canonical text in keys: no two texts share one. */
export function hashName(text: string): string {
  return hash('sha256', text, 'base64url')
}

/** The lease of the process that loads an entry anew in the background. No key of an entry ends so: `@` is encoded. */
export function refreshKey(key: string): string {
  return `${key}@refresh`
}

/** Signs of life of all processes that use the prefix. */
export function fleetKey(prefix: string): string {
  return `${prefix}@fleet`
}

/** How far the change feed is. On a Cluster it is in one bucket. */
export function feedKey(buckets: Buckets): string {
  return buckets.nameIn(0, `${buckets.prefix}@feed`)
}

/** What a process reports while the command line watches. */
export function reportKey(prefix: string, process: string): string {
  return `${prefix}@report:${process}`
}

/** Whether an epoch is one of the few of a model, of links, or of all values; the others are tags, of which there are many. */
export function isModelEpoch(epoch: string): boolean {
  return /@[a-z]+$/.test(epoch)
}

/** An epoch without the prefix and without data: a tag is named for a row, or by the caller. */
export function nameOfEpoch(epoch: string): string {
  if (isModelEpoch(epoch)) return /(?:\{[^/{}][^{}]*\}[^{}]*)?@[a-z]+$/.exec(epoch)?.[0] ?? epoch
  return epoch.includes('#') ? '#…' : `…:${epoch.slice(epoch.lastIndexOf(':') + 1)}`
}

/** The epoch of all values of `getOrSet`. */
export function valuesEpoch(prefix: string): string {
  return `${prefix}@values`
}

/** A value of `getOrSet`. */
export function valueKey(buckets: Buckets, key: string): string {
  const id = encodeId([key])
  return `${buckets.prefixFor(id)}=${id}`
}

/** A tag of values of `getOrSet`. */
export function tagKey(prefix: string, tag: string): string {
  return `${prefix}#${encodeId([tag])}`
}

/**
 * Marks a Redis server (by its process and history) whose epochs were invalidated once by the process that met it first.
 *
 * @param digest - of the names of these epochs: a service with fewer models has invalidated fewer
 */
export function knownServerKey(prefix: string, identity: string, digest: string): string {
  return `${prefix}@seen:${identity}:${digest}`
}

export function digestOf(keys: readonly string[]): string {
  return hash('sha256', keys.toSorted().join('\n'), 'base64url').slice(0, 16)
}

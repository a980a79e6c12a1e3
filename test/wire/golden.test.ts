import { Buckets } from '../../src/wire/buckets.js'
import { readFile, writeFile } from 'node:fs/promises'
import { Decimal } from '@prisma/client/runtime/client'
import { expect, it } from 'vitest'
import { buildCatalog } from '../../src/plan/build-catalog.js'
import type { CatalogModel } from '../../src/plan/catalog.js'
import {
  complete,
  expiryOf,
  graceOf,
  guardOf,
  hasStamp,
  hasToken,
  Kind,
  loadMsOf,
  NOTHING,
  PAYLOAD_AT,
  seal,
  textPayload,
  verifiedKind,
} from '../../src/wire/envelope.js'
import { digestOf, encodeId, knownServerKey, tagKey, valueKey, valuesEpoch } from '../../src/wire/keys.js'
import { readSchema } from '../../src/schema/schema.js'
import { policy } from '../support/catalog.js'

// What is in Redis is read by processes of other versions, and dropped by programs in other languages. Here every byte of
// it is pinned. The schema is one of this test's own: nothing but the wire format can change what is compared.
//
// If a change of the format is what you want: give `Kind` in src/wire/envelope.ts new values, so that old and new processes do not
// read one another's entries; or, where tokens change too, `FORMAT`. Then write the file anew with
//
//     UPDATE_GOLDEN=1 node_modules/.bin/vitest run test/wire
//
// Names of keys can't change without all processes changing at once: a new version has to drop what the old one reads.

const SCHEMA = `
enum Shade {
  LIGHT @map("light shade")
  DARK
}

model Everything {
  id        Int        @id
  text      String
  short     String?    @db.VarChar(10)
  fixed     String?    @db.Char(3)
  uuid      String?    @db.Uuid
  big       BigInt?
  float     Float?
  decimal   Decimal?   @db.Decimal(10, 2)
  yes       Boolean?
  at        DateTime?
  day       DateTime?  @db.Date
  bytes     Bytes?
  json      Json?
  shade     Shade?     @map("other_name")
  texts     String[]
  ints      Int[]
  bigs      BigInt[]
  floats    Float[]
  decimals  Decimal[]
  booleans  Boolean[]
  dates     DateTime[]
  chunks    Bytes[]
  jsons     Json[]
  shades    Shade[]
}

model Compound {
  tenant String @db.Uuid
  number BigInt
  name   String

  @@id([tenant, number])
}

model Named {
  a Decimal
  b DateTime
  c Bytes
  d Boolean
  e Shade

  @@id([a, b, c, d, e], name: "all")
}

model Text {
  id String @id
}
`

const FIELDS: Record<string, string> = {
  Everything:
    'id text short fixed uuid big float decimal yes at day bytes json shade texts ints bigs floats decimals booleans dates chunks jsons shades',
  Compound: 'tenant number name',
  Named: 'a b c d e',
  Text: 'id',
}

const FULL = {
  id: 42,
  text: 'Zoë 😀\n"quoted"\0',
  short: '',
  fixed: 'ab ',
  uuid: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
  big: 9007199254740993n,
  float: -0,
  decimal: new Decimal('1234.50'),
  yes: true,
  at: new Date('2026-11-23T12:00:00.123Z'),
  day: new Date('1969-12-31T00:00:00.000Z'),
  bytes: new Uint8Array([0, 255, 16]),
  json: { b: [1, 2.5, null, true, 'x'], a: { '': {} } },
  shade: 'LIGHT',
  texts: ['a', ''],
  ints: [0, -1, 2147483647, -2147483648],
  bigs: [0n, -1n, 2n ** 52n, 2n ** 63n - 1n, -(2n ** 63n)],
  floats: [0.1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0],
  decimals: [new Decimal('0'), new Decimal('-0.001'), new Decimal('NaN'), new Decimal('1e23')],
  booleans: [false, true],
  dates: [new Date(0), new Date(Number.NaN)],
  chunks: [new Uint8Array(), new Uint8Array([1])],
  jsons: [null, 1, {}],
  shades: ['DARK', 'LIGHT'],
}

const EMPTY = Object.fromEntries(
  Object.entries(FULL).map(([name, value]) => [
    name,
    name === 'id' ? -1 : name === 'text' ? '' : Array.isArray(value) ? [] : null,
  ]),
)

const ROWS: readonly (readonly [name: string, model: string, row: Record<string, unknown>])[] = [
  ['a row of every type', 'Everything', FULL],
  ['a row of nulls and empty lists', 'Everything', EMPTY],
  [
    'a row with a compound id',
    'Compound',
    { tenant: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', number: -7n, name: 'compound' },
  ],
  [
    'a row with an id of many types',
    'Named',
    { a: new Decimal('-1.50'), b: new Date(-1), c: new Uint8Array([0xca, 0xfe]), d: false, e: 'LIGHT' },
  ],
  ['a row with an odd id', 'Text', { id: `a:b%3A*{c}?[d]'\\ é/😀` }],
  ['a row with a long id', 'Text', { id: 'x'.repeat(65) }],
  ['a row with an empty id', 'Text', { id: '' }],
]

const TOKEN = Buffer.from('9201c410000102030405060708090a0b0c0d0e0f', 'hex')
const STAMP = Buffer.from('9201c410f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', 'hex')
const TIMES = { expiresAt: 1_795_000_000_123.5, loadMs: 7, graceMs: 60_000 }
const FILE = new URL('./golden.json', import.meta.url)

/** Entries of `Text` as versions before the times wrote them. */
const WITHOUT_TIMES = {
  'a row with an odd id':
    '9701c410000102030405060708090a0b0c0d0e0fc408fe3e8881b89203aac410f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffce97569a550191b8613a622533412a7b637d3f5b645d275c20c3a92ff09f9880',
  'no such row':
    '9701c410000102030405060708090a0b0c0d0e0fc408fe3e8881b89203aac410f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffcee88bb2cd02c0',
  'a row that was found by another unique':
    '9701c410000102030405060708090a0b0c0d0e0fc408fe3e8881b89203aac410f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffce42897e530391a161',
  'a pointer':
    '9701c410000102030405060708090a0b0c0d0e0fc408fe3e8881b89203aac410f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffced0b322be04d9056125334162',
}

interface Golden {
  readonly keys: Record<string, string>
  readonly fingerprints: Record<string, string>
  readonly entries: Record<string, { readonly key: string; readonly bytes: string }>
}

const buckets = new Buckets('shop:', false)
const catalog = buildCatalog(
  readSchema(SCHEMA, model => new Set(FIELDS[model]?.split(' '))),
  { buckets, policies: new Map(Object.keys(FIELDS).map(name => [name, policy])) },
  Decimal,
)

const current: Golden = {
  keys: {
    ...named('Everything'),
    pointer: modelNamed('Everything').keys.pointer(['text'], encodeId(['ada@x.org'])),
    values: valuesEpoch('shop:'),
    value: valueKey(buckets, 'some: key'),
    tag: tagKey('shop:', '{tag}'),
    seen: knownServerKey('shop:', 'c0ffee', digestOf(['shop:{User}@rows', 'shop:{User}@any'])),
  },
  fingerprints: Object.fromEntries(Object.keys(FIELDS).map(name => [name, codecOf(name).fingerprint.toString('hex')])),
  entries: Object.fromEntries([
    ...ROWS.map(([name, model, row]) => [
      name,
      { key: keyOf(model, row), bytes: sealed(Kind.row, encoded(model, row), model) },
    ]),
    ['no such row', { key: keyOf('Text', { id: 'gone' }), bytes: sealed(Kind.absent, NOTHING, 'Text') }],
    [
      'a row that was found by another unique',
      { key: keyOf('Text', { id: 'a' }), bytes: sealed(Kind.rowUnderAny, encoded('Text', { id: 'a' }), 'Text') },
    ],
    [
      'a pointer',
      { key: modelNamed('Text').keys.pointer(['id'], 'a'), bytes: sealed(Kind.pointer, textPayload('a%3Ab'), 'Text') },
    ],
    [
      'a pointer to a long id',
      {
        key: modelNamed('Text').keys.pointer(['id'], 'b'),
        bytes: sealed(Kind.pointer, textPayload(encodeId(['x'.repeat(65)])), 'Text'),
      },
    ],
  ]) as Golden['entries'],
}

if (process.env.UPDATE_GOLDEN) await writeFile(FILE, `${JSON.stringify(current, null, 2)}\n`)
const golden = JSON.parse(await readFile(FILE, 'utf8')) as Golden

const NEW_FORMAT =
  'The bytes in Redis have changed. Processes of the version before would read them as their own: this needs new ' +
  'kinds (Kind in src/wire/envelope.ts). Then see the head of this file for how to write golden.json anew.'

it('the names of keys are those that other versions drop', () => {
  expect(current.keys, 'Names of keys must never change: see the head of this file.').toEqual(golden.keys)
})

it('the fingerprint of a model is the one that other versions write', () => {
  expect(current.fingerprints, NEW_FORMAT).toEqual(golden.fingerprints)
})

it('the entries are those of the file, and no others', () => {
  expect(Object.keys(current.entries)).toEqual(Object.keys(golden.entries))
})

it.each(Object.keys(current.entries))('%s is written with the same bytes under the same key', name => {
  expect(current.entries[name], NEW_FORMAT).toEqual(golden.entries[name])
})

it.each(ROWS)('%s is read from the bytes of the file', (name, model, row) => {
  const bytes = Buffer.from(golden.entries[name]?.bytes ?? '', 'hex')
  expect(verifiedKind(bytes, codecOf(model).fingerprint), NEW_FORMAT).toBe(Kind.row)
  expect(hasStamp(bytes, STAMP), NEW_FORMAT).toBe(true)
  expect(codecOf(model).decode(bytes, PAYLOAD_AT), NEW_FORMAT).toEqual(row)
  expect({ expiresAt: expiryOf(bytes), loadMs: loadMsOf(bytes), graceMs: graceOf(bytes) }, NEW_FORMAT).toEqual(TIMES)
})

it.each(Object.entries(WITHOUT_TIMES))(
  '%s of the version without times is no entry, and its token can be read',
  (_, bytes) => {
    const entry = Buffer.from(bytes, 'hex')
    expect(verifiedKind(entry, codecOf('Text').fingerprint)).toBeUndefined()
    expect(hasToken(entry)).toBe(true)
    expect(guardOf(entry)).toEqual(guardOf(TOKEN))
  },
)

function encoded(model: string, row: Record<string, unknown>): Buffer {
  const payload = codecOf(model).encode(row)
  if (payload === undefined) throw new Error(`a row of ${model} can't be encoded`)
  return payload
}

function sealed(kind: number, payload: Buffer, model: string): string {
  return complete(seal(kind, payload, TOKEN, STAMP, codecOf(model).fingerprint), TIMES).toString('hex')
}

function named(name: string): Record<string, string> {
  const { unnamedWrites, everyWrite, hold } = modelNamed(name).keys
  return { rows: unnamedWrites, any: everyWrite, hold }
}

function keyOf(name: string, row: Record<string, unknown>): string {
  const { identity, keys } = modelNamed(name)
  const id = identity?.idOf(row)
  if (id === undefined) throw new Error(`no id in ${name}`)
  return keys.row(id)
}

function codecOf(name: string) {
  const { cached } = modelNamed(name)
  if (cached === undefined) throw new Error(`${name} is not cached`)
  return cached.codec
}

function modelNamed(name: string): CatalogModel {
  const model = catalog.get(name)
  if (model === undefined) throw new Error(`no model ${name}`)
  return model
}

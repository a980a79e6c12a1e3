/** Entries of every kind, each with what its reader would be given of other bytes, and what it may be given at all. */
import { Decimal } from '@prisma/client/runtime/client'
import type { Related, Selection } from '../../src/plan/selection.js'
import { rowCodec, type Row } from '../../src/wire/rows.js'
import {
  Kind,
  complete,
  verifiedKind,
  newToken,
  NOTHING,
  PAYLOAD_AT,
  seal,
  hasStamp,
  textOf,
  textPayload,
} from '../../src/wire/envelope.js'
import { packValue, unpackValue } from '../../src/wire/values.js'
import { valueCodec, countCodec, listCodec, type ResultCodec, rowOrNullCodec } from '../../src/wire/results.js'
import { modelNamed } from '../support/catalog.js'
import {
  type Check,
  isCountOrZero,
  isListOf,
  isOf,
  isOfField,
  isOfShape,
  isRow,
  OF_RESULTS,
  OF_VALUES,
} from './checks.js'

export interface Subject {
  readonly name: string
  readonly entry: Buffer
  /** What a reader would be given, as the stories of a read have it; undefined: nothing. In a box, as a value may be undefined. */
  readonly read: (bytes: Buffer) => { readonly answer: unknown } | undefined
  /** Whether an answer is of the classes, types, fields and prototypes that such an answer has. */
  readonly mayBe: (answer: unknown) => boolean
}

export const STAMP = newToken()

// ---- shapes and samples

const AT = new Date(1_700_000_000_000)
const VALUES: Record<string, unknown> = {
  Int: 7,
  BigInt: 9_007_199_254_740_993n,
  Float: -0,
  Decimal: new Decimal('19.90'),
  Boolean: true,
  String: 'text of some length, longer than thirty-two bytes',
  DateTime: AT,
  Bytes: new Uint8Array([1, 2, 3]),
  Json: { a: [1, { b: null }], c: 'x' },
}

/** A row of the model with one value of each type, and what is given. */
function sample(name: string, given: Row = {}): Row {
  const { fields } = cachedOf(name)
  const values = [...fields.values()].map(({ field: f }) => {
    const value = f.type === 'Enum' ? f.members[0] : VALUES[f.type]
    return [f.name, f.list ? [value, value] : value] as const
  })
  return { ...Object.fromEntries(values), ...given }
}

export function cachedOf(name: string) {
  const { cached } = modelNamed(name)
  if (cached === undefined) throw new Error(`${name} is not cached`)
  return cached
}

export function shapeOf(name: string, more: Partial<Selection> = {}): Selection {
  return {
    model: modelNamed(name),
    cached: cachedOf(name),
    fieldIndexes: undefined,
    related: [],
    counted: [],
    order: undefined,
    text: '',
    ...more,
  }
}

/** Of a shape, what has to do with a relation's name. */
export function relatedAs(of: string, name: string, shape: Selection): Related {
  const relation = modelNamed(of).relations.get(name)
  if (relation === undefined) throw new Error(`${of} has no ${name}`)
  const modelsRead = undefined as never
  return { name, relation, args: true, text: '', modelsRead, hasCursor: false, joined: false, selection: shape }
}

/** Users with their posts with their comments, profiles and counts. */
function nestedShape(): Selection {
  const comment = shapeOf('Comment')
  const post = shapeOf('Post', {
    related: [relatedAs('Post', 'comments', comment)],
    order: [...cachedOf('Post').fieldNames, 'comments'],
  })
  return shapeOf('User', {
    related: [relatedAs('User', 'posts', post), relatedAs('User', 'profile', shapeOf('Profile'))],
    counted: [relatedAs('User', 'posts', post), relatedAs('User', 'comments', comment)],
    order: [...cachedOf('User').fieldNames, '_count', 'profile', 'posts'],
  })
}

function nestedRow(id: number, posts: number, comments: number): Row {
  return {
    ...sample('User', { id, createdAt: new Date(id * 1000) }),
    _count: { posts, comments: 5 },
    profile: id % 2 === 0 ? null : sample('Profile', { id }),
    posts: Array.from({ length: posts }, (_, i) => ({
      ...sample('Post', { id: i, slug: null }),
      comments: Array.from({ length: comments }, () => sample('Comment', { id: `c${i}` })),
    })),
  }
}

// ---- subjects

function sealed(kind: number, payload: Buffer, fingerprint: Buffer): Buffer {
  const entry = seal(kind, payload, newToken(), STAMP, fingerprint)
  return complete(entry, { expiresAt: 1_800_000_000_000, loadMs: 3, graceMs: 60_000 })
}

/** What a story does before it decodes: its kind, its schema, its stamp. */
function opened(bytes: Buffer, fingerprint: Buffer): number | undefined {
  const kind = verifiedKind(bytes, fingerprint)
  return kind !== undefined && hasStamp(bytes, STAMP) ? kind : undefined
}

function rowSubjects(name: string, rows: readonly Row[]): Subject[] {
  const { fields, fieldNames } = cachedOf(name)
  const all = [...fields.values()].map(({ field }) => field)
  const codec = rowCodec(all, Decimal)
  const { fingerprint } = codec
  const read = (bytes: Buffer) => {
    const kind = verifiedKind(bytes, fingerprint)
    // Without a look at its stamp: by the id of its row it proves itself.
    if (kind === Kind.pointer) return { answer: `→${textOf(bytes)}` }
    if (opened(bytes, fingerprint) === undefined) return undefined
    if (kind === Kind.absent) return { answer: 'absent' }
    const row = kind === Kind.row || kind === Kind.rowUnderAny ? codec.decode(bytes, PAYLOAD_AT) : undefined
    return row && { answer: row }
  }
  const mayBe = (answer: unknown) =>
    typeof answer === 'string' ||
    (isRow(answer, fieldNames) && all.every(field => isOfField(field, answer[field.name])))
  const of = (entry: Buffer, what: string): Subject => ({ name: `${what} of ${name}`, entry, read, mayBe })
  return [
    ...rows.map(row => of(sealed(Kind.row, codec.encode(row) ?? fail(name), fingerprint), 'a row')),
    of(sealed(Kind.absent, NOTHING, fingerprint), 'no row'),
    of(sealed(Kind.pointer, textPayload('eu:1001'), fingerprint), 'a pointer'),
  ]
}

function resultSubject(name: string, kind: number, codec: ResultCodec, result: unknown, mayBe: Check): Subject {
  const { fingerprint } = cachedOf('User').codec
  const read = (bytes: Buffer) => {
    const decoded = opened(bytes, fingerprint) === kind ? codec.decode(bytes, PAYLOAD_AT) : undefined
    return decoded && { answer: decoded.result }
  }
  const entry = sealed(kind, codec.encode(result) ?? fail(name), fingerprint)
  return { name, entry, read, mayBe }
}

function listSubjects(): Subject[] {
  const nested = nestedShape()
  const some = shapeOf('Product', { fieldIndexes: [6, 0, 1, 23] })
  const product = sample('Product')
  const isNullOr =
    (check: Check): Check =>
    value =>
      value === null || check(value)
  return [
    [
      'users whose dates go in steps',
      shapeOf('User'),
      [1, 2, 9].map(s => sample('User', { id: s, createdAt: new Date(s * 1000) })),
    ],
    ['users who are all the same', shapeOf('User'), Array.from({ length: 30 }, () => sample('User'))],
    ['products of every type', shapeOf('Product'), [product, sample('Product', { stock: -1, rating: 0.1 })]],
    [
      'products of four fields',
      some,
      [product, product].map(row =>
        Object.fromEntries(
          some.fieldIndexes?.map(place => {
            const field = cachedOf('Product').fieldNames[place] as string
            return [field, row[field]]
          }) ?? [],
        ),
      ),
    ],
    ['no products', shapeOf('Product'), []],
    ['users with posts with comments', nested, [nestedRow(1, 2, 3), nestedRow(2, 0, 0), nestedRow(3, 4, 1)]],
    ['many of them', nested, Array.from({ length: 12 }, (_, i) => nestedRow(i, 3, 2))],
  ]
    .map(([name, shape, rows]) =>
      resultSubject(name as string, Kind.result, listCodec(shape as Selection), rows, value =>
        isListOf(shape as Selection, value),
      ),
    )
    .concat([
      resultSubject(
        'a row or null',
        Kind.related,
        rowOrNullCodec(nested),
        nestedRow(1, 2, 2),
        isNullOr(v => isOfShape(nested, v)),
      ),
      resultSubject(
        'null for a row',
        Kind.related,
        rowOrNullCodec(nested),
        null,
        isNullOr(v => isOfShape(nested, v)),
      ),
      resultSubject(
        'counts',
        Kind.related,
        countCodec(nested.counted),
        { posts: 3, comments: 300 },
        value => isRow(value, ['posts', 'comments']) && Object.values(value).every(isCountOrZero),
      ),
    ]) // prettier-ignore
}

function anySubjects(): Subject[] {
  const groups = [
    {
      role: 'ADMIN',
      _count: { _all: 3, name: 0 },
      _avg: { price: new Decimal('1.5'), id: null },
      _max: { createdAt: AT },
    },
    {
      role: 'READER',
      _count: { _all: 1, name: 1 },
      _sum: { big: 2n ** 70n, f: -0, g: Number.NaN },
      _min: { bytes: new Uint8Array(40) },
    },
    { json: JSON.parse('{"__proto__":{"a":1},"constructor":[1,{"b":null}]}') as unknown, _all: 1.5 },
  ] // prettier-ignore
  const mayBe = (value: unknown) => isOf(value, OF_RESULTS)
  return [
    resultSubject('a group by', Kind.result, valueCodec(Decimal), groups, mayBe),
    resultSubject('an aggregate', Kind.result, valueCodec(Decimal), groups[1], mayBe),
    resultSubject('a count', Kind.result, valueCodec(Decimal), 70_000, mayBe),
  ]
}

function valueSubjects(): Subject[] {
  const fingerprint = Buffer.from('8 bytes.')
  const read = (bytes: Buffer) => {
    if (opened(bytes, fingerprint) !== Kind.value) return undefined
    try {
      return { answer: unpackValue(bytes, PAYLOAD_AT) }
    } catch {
      return undefined
    }
  }
  const samples: Record<string, unknown> = {
    undefined: undefined,
    'a text': 'some text',
    'an object': { a: [1, 2.5, null, true], b: { c: 'x'.repeat(50), d: AT }, ['key of forty bytes'.padEnd(40)]: 1n },
    'other classes': [
      new Set([1, 'a']),
      /a+b/gu,
      new Float64Array([1, -0]),
      new Uint8Array(20),
      2n ** 70n,
      new Int8Array(9).buffer,
    ],
    'a large list': Array.from({ length: 300 }, (_, i) => ({
      id: i,
      name: `name ${i}`,
      at: AT,
      tags: new Set(['a', i]),
    })),
  } // prettier-ignore
  return Object.entries(samples).map(([what, value]) => ({
    name: `${what} of getOrSet`,
    entry: sealed(Kind.value, packValue(value) ?? fail(what), fingerprint),
    read,
    mayBe: (answer: unknown) => isOf(answer, OF_VALUES),
  }))
}

function fail(name: string): never {
  throw new Error(`a sample of ${name} can't be encoded`)
}

const USERS: Row[] = [
  { id: 42, email: 'ada@x.org', name: null, role: 'ADMIN', createdAt: new Date(5), updatedAt: new Date(6) },
  { id: -1, email: 'ü'.repeat(40), name: 'Grace', role: 'READER', createdAt: new Date(0), updatedAt: new Date(-1) },
]
const ASSETS: Row[] = [
  { id: 1, mimeType: 'image/png', content: new Uint8Array(300).map((_, i) => i), createdAt: new Date(7) },
  { id: 2, mimeType: '', content: new Uint8Array(), createdAt: new Date(8) },
]

export function subjects(): Subject[] {
  return [
    ...rowSubjects('User', USERS),
    ...rowSubjects('Asset', ASSETS),
    ...['Product', 'OrderLine', 'Post'].flatMap(name => rowSubjects(name, [sample(name)])),
    ...listSubjects(),
    ...anySubjects(),
    ...valueSubjects(),
  ]
}

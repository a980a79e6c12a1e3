/** Mutates entries and judges what a reader would make of them. */
import { getHeapStatistics } from 'node:v8'
import { isDeepStrictEqual } from 'node:util'
import { Decimal } from '@prisma/client/runtime/client'
import { type Row, type RowCodec, rowCodec } from '../../src/wire/codec.js'
import {
  hasToken,
  Kind,
  kindOf,
  newToken,
  NOTHING,
  PAYLOAD_AT,
  seal,
  stampedWith,
  textOf,
  textPayload,
} from '../../src/wire/envelope.js'
import { modelNamed } from '../core/catalog.js'
import { Random } from '../support/random.js'
import { mutantOf, withChecksum } from './mutants.js'

export interface Judgement {
  /** Mutants of any kind. */
  mutants: number
  refused: number
  /** Served, and equal to the original. */
  same: number
  /** Served, and something else: each of them is a fault. */
  wrong: number
  /** Mutants whose checksum was made right: they can't be told from entries that were written so. */
  forged: number
  /** Of those, taken for a row with all fields, an absence or a pointer. */
  forgedServed: number
  /** Of those, rows in which a value is of a type that the field never has. */
  forgedOfWrongType: number
  /** Ones that threw. */
  crashes: number
  /** Most memory that one of them took, in bytes. */
  largestAllocation: number
  longest: number
  examples: string[]
}

interface Original {
  readonly entry: Buffer
  readonly codec: RowCodec
  readonly types: readonly ((value: unknown) => boolean)[]
  readonly answer: unknown
}

const SAMPLES: Record<string, Row[]> = {
  User: [
    { id: 42, email: 'ada@x.org', name: null, role: 'ADMIN', createdAt: new Date(5), updatedAt: new Date(6) },
    { id: -1, email: 'ü'.repeat(40), name: 'Grace', role: 'READER', createdAt: new Date(0), updatedAt: new Date(-1) },
  ],
  Asset: [
    { id: 1, mimeType: 'image/png', content: new Uint8Array(300).map((_, i) => i), createdAt: new Date(7) },
    { id: 2, mimeType: '', content: new Uint8Array(), createdAt: new Date(8) },
  ],
}

/** One value of each type of field, for models whose rows are not written out. */
const VALUES: Record<string, unknown> = {
  Int: 7,
  BigInt: 9_007_199_254_740_993n,
  Float: -0,
  Decimal: new Decimal('19.90'),
  Boolean: true,
  String: 'text of some length, longer than thirty-two bytes',
  DateTime: new Date(1_700_000_000_000),
  Bytes: new Uint8Array([1, 2, 3]),
  Json: { a: [1, { b: null }], c: 'x' },
}

const TYPES: Record<string, (value: unknown) => boolean> = {
  Int: value => typeof value === 'number',
  BigInt: value => typeof value === 'bigint',
  Float: value => typeof value === 'number',
  Decimal: value => value instanceof Decimal,
  Boolean: value => typeof value === 'boolean',
  DateTime: value => value instanceof Date,
  Bytes: value => value instanceof Uint8Array,
  Json: () => true,
}
const isText = (value: unknown) => typeof value === 'string'

const stamp = newToken()

function originals(): Original[] {
  return ['User', 'Asset', 'Product', 'OrderLine', 'Post'].flatMap(name => {
    const fields = modelNamed(name).model.scalars
    const codec = rowCodec(fields, Decimal)
    const rows = SAMPLES[name] ?? [
      Object.fromEntries(
        fields.map(f => {
          const value = f.type === 'Enum' ? f.members[0] : VALUES[f.type]
          return [f.name, f.list ? [value, value] : value]
        }),
      ),
    ]
    const types = fields.map(f => {
      const one = TYPES[f.type] ?? isText
      const type = f.list ? (value: unknown) => Array.isArray(value) && value.every(v => v === null || one(v)) : one
      return (value: unknown) => value === null || type(value)
    })
    const entries: [Buffer, unknown][] = rows.map(row => {
      const payload = codec.encode(row)
      if (payload === undefined) throw new Error(`a sample of ${name} can't be encoded`)
      return [seal(Kind.row, payload, newToken(), stamp, codec.fingerprint), codec.decode(payload, 0)]
    })
    entries.push([seal(Kind.absent, NOTHING, newToken(), stamp, codec.fingerprint), 'absent'])
    entries.push([seal(Kind.pointer, textPayload('eu:1001'), newToken(), stamp, codec.fingerprint), '→eu:1001'])
    return entries.map(([entry, answer]) => ({ entry, codec, types, answer }))
  })
}

/** What a reader would be given, as the stories of a read have it; undefined: nothing. */
function served(bytes: Buffer, codec: RowCodec): unknown {
  const kind = kindOf(bytes, codec.fingerprint)
  if (kind === undefined) return undefined
  // Without a look at its stamp: by the id of its row it proves itself.
  if (kind === Kind.pointer) return `→${textOf(bytes)}`
  if (!stampedWith(bytes, stamp)) return undefined
  if (kind === Kind.absent) return 'absent'
  return kind === Kind.row || kind === Kind.rowUnderAny ? codec.decode(bytes, PAYLOAD_AT) : undefined
}

export function mutate(count: number, seed: number): Judgement {
  const random = new Random(seed)
  const all = originals()
  const entries = all.map(({ entry }) => entry)
  const result: Judgement = {
    mutants: 0,
    refused: 0,
    same: 0,
    wrong: 0,
    forged: 0,
    forgedServed: 0,
    forgedOfWrongType: 0,
    crashes: 0,
    largestAllocation: 0,
    longest: 0,
    examples: [],
  }
  const example = (what: string, bytes: Buffer) => {
    if (result.examples.length < 5) result.examples.push(`${what}: ${bytes.toString('hex', 0, 400)}`)
  }
  while (result.mutants < count) {
    const { entry, codec, types, answer } = random.pick(all)
    const plain = mutantOf(entry, random, entries)
    const forged = random.chance(0.3)
    const bytes = forged ? withChecksum(plain) : plain
    result.mutants++
    if (forged) result.forged++
    result.longest = Math.max(result.longest, bytes.length)
    const before = allocated()
    let got: unknown
    try {
      got = served(bytes, codec)
      // As an epoch, or as what stands where a token is looked for.
      hasToken(bytes)
      if (stampedWith(entry, bytes) && !entry.subarray(32, 48).equals(bytes.subarray(4, 20))) got = 'a wrong epoch'
    } catch {
      result.crashes++
      example('crash', bytes)
      continue
    }
    // What a mutant makes of itself, beyond what its own length explains.
    const took = allocated() - before - 20 * bytes.length
    if (took > result.largestAllocation) result.largestAllocation = took
    if (got === undefined) result.refused++
    else if (isDeepStrictEqual(got, answer)) result.same++
    else if (forged && got !== 'a wrong epoch') {
      result.forgedServed++
      if (typeof got !== 'object') continue
      const values = Object.values(got as Row)
      if (values.length !== types.length) {
        result.wrong++
        example('of another shape', bytes)
      } else if (!values.every((value, i) => types[i]?.(value))) result.forgedOfWrongType++
      // A mixture of two entries of one model is the other entry, when it took over all that counts.
    } else if (!entries.some(other => isDeepStrictEqual(served(other, codec), got) && sameBody(other, bytes))) {
      result.wrong++
      example('wrong', bytes)
    } else result.same++
  }
  return result
}

/** Whether two entries are the same from the checksum on: then one is the other, under another token. */
function sameBody(one: Buffer, other: Buffer): boolean {
  return one.subarray(PAYLOAD_AT - 5).equals(other.subarray(PAYLOAD_AT - 5))
}

function allocated(): number {
  const { used_heap_size, external_memory, malloced_memory } = getHeapStatistics()
  return used_heap_size + external_memory + malloced_memory
}

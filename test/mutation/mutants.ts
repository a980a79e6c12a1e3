/** Entries as they are in Redis, and what may become of them there: damage by chance, and by somebody who knows the format. */
import { crc32 } from 'node:zlib'
import { Packr } from 'msgpackr'
import { PAYLOAD_AT } from '../../src/wire/envelope.js'
import type { Random } from '../support/random.js'

type Mutation = (bytes: Buffer, random: Random, others: readonly Buffer[]) => Buffer

const set = (bytes: Buffer, at: number, what: Buffer): Buffer => {
  const copy = Buffer.from(bytes)
  what.copy(copy, Math.min(at, copy.length))
  return copy
}
const splice = (bytes: Buffer, at: number, gone: number, what: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, at), what, bytes.subarray(at + gone)])

/** Heads that promise far more than there is: str, bin, array, map and ext of up to 4 GiB. */
const HUGE = [
  'dbffffffff',
  'c6ffffffff',
  'ddffffffff',
  'dfffffffff',
  'c9ffffffff01',
  'ddffffff0f',
  'ddff7fffff',
  'dcffff',
]
const huge = HUGE.map(hex => Buffer.from(hex, 'hex'))

/** Every extension type that a reader of msgpack may know: dates, errors, sets, regular expressions, pointers, records. */
const extension = (random: Random): Buffer => {
  const type = random.pick([0x00, 0x42, 0x62, 0x65, 0x69, 0x70, 0x72, 0x73, 0x74, 0x78, 0xff, random.below(256)])
  const size = random.pick([1, 2, 4, 8, 16])
  const head = { 1: 0xd4, 2: 0xd5, 4: 0xd6, 8: 0xd7, 16: 0xd8 }[size] as number
  return random.chance(0.5)
    ? Buffer.concat([Buffer.from([head, type]), random.bytes(size)])
    : Buffer.concat([Buffer.from([0xc7, size, type]), random.bytes(size)])
}

/** What readers of msgpack know and we never write: errors, one that is a function, cycles, two names for one array. */
const known = (random: Random): Buffer =>
  random.pick([
    Buffer.concat([Buffer.from('d46500', 'hex'), packr.pack(['TypeError', 'x'])]),
    Buffer.concat([Buffer.from('d46500', 'hex'), packr.pack(['__lookupGetter__', '__proto__'])]),
    Buffer.from('d6690000000191d67000000001', 'hex'),
    Buffer.from('93d669000000019101d67000000001d67000000001', 'hex'),
    Buffer.from('81a95f5f70726f746f5f5f81a16101', 'hex'),
  ])

const nested = (random: Random): Buffer => {
  const depth = random.pick([10, 1000, 100_000])
  const level = random.pick(['91', '81a16b', '81a95f5f70726f746f5f5f', 'dc0001', 'd473', 'd46901'])
  return Buffer.from(level.repeat(depth), 'hex')
}

const packr = new Packr({ useRecords: false, moreTypes: true })

/** Values of every type, and numbers that promise much. */
const strange = (random: Random): unknown =>
  random.pick<unknown>([
    null,
    true,
    -1,
    0.5,
    2 ** 31,
    2 ** 32,
    Number.MAX_SAFE_INTEGER,
    '',
    'text',
    '__proto__',
    'constructor',
    '1e9000000000000000',
    '{"__proto__":{"polluted":1}}',
    2n ** 80n,
    [],
    [0, 0],
    ['i', '1'],
    [1, '__proto__', [1, 'polluted', 1]],
    { a: 1 },
    Buffer.from('bytes'),
    new Date(5),
    new Set([1]),
    /(a+)+/,
    undefined,
  ])

/** The same payload with another value somewhere in it: bytes that are a document, and not one of ours. */
const restructured = (bytes: Buffer, random: Random): Buffer => {
  let document: unknown
  try {
    document = packr.unpack(bytes.subarray(PAYLOAD_AT))
  } catch {
    return bytes
  }
  const changed = (value: unknown): unknown => {
    const deeper = random.chance(0.75)
    if (Array.isArray(value) && value.length > 0 && deeper) {
      const at = random.chance(0.3) ? 0 : random.below(value.length)
      const other = random.below(value.length)
      const [one, two] = [value[at] as unknown, value[other] as unknown]
      switch (random.below(7)) {
        case 0:
          return value.toSpliced(at, 1)
        case 1:
          return value.toSpliced(at, 0, one)
        case 2:
          return value.with(at, two).with(other, one)
        case 3:
          return [one]
        default:
          return value.with(at, changed(one))
      }
    }
    if (typeof value === 'object' && value !== null && Object.keys(value).length > 0 && deeper) {
      const name = random.pick(Object.keys(value))
      return { ...value, [name]: changed((value as Record<string, unknown>)[name]) }
    }
    if (typeof value === 'number' && random.chance(0.5)) return value * random.pick([-1, 2, 1e6, 1e9, 1.5])
    return strange(random)
  }
  try {
    return Buffer.concat([bytes.subarray(0, PAYLOAD_AT), packr.pack(changed(document))])
  } catch {
    return bytes
  }
}

const anywhere = (bytes: Buffer, random: Random) => random.below(bytes.length)
const inPayload = (bytes: Buffer, random: Random) => PAYLOAD_AT + random.below(Math.max(1, bytes.length - PAYLOAD_AT))

const MUTATIONS: readonly Mutation[] = [
  // one bit, or some
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    for (let i = random.pick([1, 1, 1, 2, 3, 8]); i > 0; i--) {
      const at = anywhere(copy, random)
      copy[at] = (copy[at] as number) ^ (1 << random.below(8))
    }
    return copy
  },
  (bytes, random) => set(bytes, anywhere(bytes, random), random.bytes(random.between(1, 8))),
  (bytes, random) => bytes.subarray(0, anywhere(bytes, random)),
  (bytes, random) => Buffer.concat([bytes, random.bytes(random.between(1, 64))]),
  (bytes, random) => splice(bytes, anywhere(bytes, random), random.between(1, 16), Buffer.alloc(0)),
  (bytes, random) => splice(bytes, anywhere(bytes, random), 0, random.bytes(random.between(1, 16))),
  // a part of it twice, or in another place
  (bytes, random) => {
    const part = bytes.subarray(anywhere(bytes, random)).subarray(0, random.between(1, 40))
    return splice(bytes, anywhere(bytes, random), random.chance(0.5) ? part.length : 0, part)
  },
  // the head of this and the rest of another, and a part of another in this
  (bytes, random, others) => {
    const other = random.pick(others)
    const at = anywhere(bytes, random)
    return Buffer.concat([bytes.subarray(0, at), other.subarray(at)])
  },
  (bytes, random, others) => {
    const other = random.pick(others)
    return set(bytes, anywhere(bytes, random), other.subarray(anywhere(other, random)).subarray(0, 24))
  },
  // a document with another value in it: more often, as each of those gets far
  restructured,
  restructured,
  restructured,
  restructured,
  // another format, kind or frame
  (bytes, random) => set(bytes, random.pick([0, 1, 2, 3, 20, 21, 30, 31, 48, 53, 54, 55, 64, 69]), random.bytes(1)),
  // what only somebody means who wants to hurt
  (bytes, random) => set(bytes, inPayload(bytes, random), random.pick(huge)),
  (bytes, random) => splice(bytes, inPayload(bytes, random), random.between(0, 8), random.pick(huge)),
  (bytes, random) => splice(bytes, inPayload(bytes, random), random.between(0, 8), extension(random)),
  (bytes, random) => splice(bytes, inPayload(bytes, random), random.between(0, 8), known(random)),
  (bytes, random) => Buffer.concat([bytes.subarray(0, PAYLOAD_AT), known(random)]),
  (bytes, random) => splice(bytes, inPayload(bytes, random), 0, nested(random)),
  (bytes, random) => Buffer.concat([bytes.subarray(0, PAYLOAD_AT), nested(random)]),
  (bytes, random) => Buffer.concat([bytes.subarray(0, PAYLOAD_AT), random.bytes(random.between(0, 80))]),
]

/** How many kinds of damage there are. */
export const KINDS = MUTATIONS.length

/** @param others - entries whose parts may get into this one */
export function mutantOf(bytes: Buffer, random: Random, others: readonly Buffer[]): Buffer {
  let mutant = bytes
  for (let i = random.pick([1, 1, 1, 2, 3]); i > 0; i--) {
    const mutation = random.pick(MUTATIONS)
    if (mutant.length > 0) mutant = mutation(mutant, random, others)
  }
  return mutant
}

/** Where the checksum is: it covers all that follows. */
export const CRC_AT = 49

/** The same bytes with a checksum that is right: as if they had been written so. */
export function withChecksum(bytes: Buffer): Buffer {
  if (bytes.length < PAYLOAD_AT) return bytes
  const copy = Buffer.from(bytes)
  copy.writeUInt32BE(crc32(copy.subarray(CRC_AT + 4)), CRC_AT)
  return copy
}

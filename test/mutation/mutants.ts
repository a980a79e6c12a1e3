/** Entries as they are in Redis, and what may become of them there: damage by chance, and by somebody who knows the format. */
import { crc32 } from 'node:zlib'
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

const nested = (random: Random): Buffer => {
  const depth = random.pick([10, 1000, 100_000])
  const level = random.pick(['91', '81a16b', '81a95f5f70726f746f5f5f', 'dc0001', 'd473', 'd46901'])
  return Buffer.from(level.repeat(depth), 'hex')
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
  // another format, kind or frame
  (bytes, random) => set(bytes, random.pick([0, 1, 2, 3, 20, 21, 30, 31, 48, 53]), random.bytes(1)),
  // what only somebody means who wants to hurt
  (bytes, random) => set(bytes, inPayload(bytes, random), random.pick(huge)),
  (bytes, random) => splice(bytes, inPayload(bytes, random), random.between(0, 8), random.pick(huge)),
  (bytes, random) => splice(bytes, inPayload(bytes, random), random.between(0, 8), extension(random)),
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

/** The same bytes with a checksum that is right: as if they had been written so. */
export function withChecksum(bytes: Buffer): Buffer {
  if (bytes.length < PAYLOAD_AT) return bytes
  const copy = Buffer.from(bytes)
  copy.writeUInt32BE(crc32(copy.subarray(PAYLOAD_AT - 1)), PAYLOAD_AT - 5)
  return copy
}

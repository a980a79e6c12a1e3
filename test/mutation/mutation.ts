/** Mutates entries and judges what a reader would make of them. */
import { isDeepStrictEqual } from 'node:util'
import { getHeapStatistics } from 'node:v8'
import { hasToken, hasStamp } from '../../src/wire/envelope.js'
import { Random } from '../support/random.js'
import { CRC_AT, mutantOf, withChecksum } from './mutants.js'
import { STAMP, type Subject, subjects } from './subjects.js'

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
  /** Of those, served as what an entry may say. */
  forgedServed: number
  /** Of those, with a value of a type or a class, a field or a prototype that such an answer never has: each is a fault. */
  forgedOfWrongType: number
  /** Ones that threw. */
  crashes: number
  /** Most memory that one of them took, in bytes. */
  largestAllocation: number
  longest: number
  /** Subjects of which a forged mutant was served. */
  served: readonly string[]
  examples: string[]
}

const PROTOTYPES = [Object, Array, Date, Uint8Array, Buffer, Set, RegExp, Function, String, Number].map(
  made => made.prototype as object,
)
const FIELDS = PROTOTYPES.map(prototype => Reflect.ownKeys(prototype).length)

/** @param toFirst - stops at the first fault */
export function mutate(count: number, seed: number, toFirst = false): Judgement {
  const random = new Random(seed)
  const all = subjects().map(subject => ({ subject, answer: subject.read(subject.entry) }))
  const entries = all.map(({ subject }) => subject.entry)
  for (const { subject, answer } of all) {
    if (answer === undefined || !subject.mayBe(answer.answer)) throw new Error(`${subject.name} is refused as it is`)
  }
  const served = new Set<string>()
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
    served: [],
    examples: [],
  }
  const example = (what: string, { name }: Subject, bytes: Buffer) => {
    if (result.examples.length < 5) result.examples.push(`${what}: ${name}: ${bytes.toString('hex', 0, 400)}`)
  }
  while (result.mutants < count && !(toFirst && result.examples.length > 0)) {
    const { subject, answer } = random.pick(all)
    const plain = mutantOf(subject.entry, random, entries)
    const forged = random.chance(0.5)
    const bytes = forged ? withChecksum(plain) : plain
    result.mutants++
    if (forged) result.forged++
    result.longest = Math.max(result.longest, bytes.length)
    const before = allocated()
    let got: { readonly answer: unknown } | undefined
    try {
      got = subject.read(bytes)
      // As an epoch, or as what stands where a token is looked for.
      hasToken(bytes)
      if (hasStamp(subject.entry, bytes) && !STAMP.subarray(4, 20).equals(bytes.subarray(4, 20))) {
        result.wrong++
        example('a wrong epoch', subject, bytes)
      }
    } catch {
      result.crashes++
      example('crash', subject, bytes)
      continue
    }
    // What a mutant makes of itself, beyond what its own length explains.
    const took = allocated() - before - 20 * bytes.length
    if (took > result.largestAllocation) result.largestAllocation = took
    if (got === undefined) result.refused++
    else if (isDeepStrictEqual(got, answer)) result.same++
    else if (forged) {
      result.forgedServed++
      served.add(subject.name)
      if (!subject.mayBe(got.answer)) {
        result.forgedOfWrongType++
        example('of a wrong type', subject, bytes)
      }
      // A mixture of two entries is the other entry, when it took over all that counts.
    } else if (entries.some(entry => sameBody(entry, bytes))) result.same++
    else {
      result.wrong++
      example('wrong', subject, bytes)
    }
    if (PROTOTYPES.some((prototype, i) => Reflect.ownKeys(prototype).length !== FIELDS[i])) {
      result.wrong++
      example('a changed prototype', subject, bytes)
      break
    }
  }
  return { ...result, served: [...served] }
}

/** Whether two entries are the same from the checksum on: then one is the other, under another token. */
function sameBody(one: Buffer, other: Buffer): boolean {
  return one.subarray(CRC_AT).equals(other.subarray(CRC_AT))
}

function allocated(): number {
  const { used_heap_size, external_memory, malloced_memory } = getHeapStatistics()
  return used_heap_size + external_memory + malloced_memory
}

/**
 * The near cache's memory: what Redis holds at some keys, as bytes. Everything in it was read from Redis, and is dropped when Redis
 * says that it has changed. Least recently used entries go first.
 */
import { LRUCache } from 'lru-cache'
import { rememberWhole } from '../wire/envelope.js'
import { isModelEpoch } from '../wire/keys.js'

/** What is kept of one connection to Redis between two doubts. Kept under another one, a value counts for nothing. */
export type Era = object

interface Kept {
  /** Null: there is nothing at the key. */
  readonly bytes: Buffer | null
  readonly era: Era
  /** By `performance.now`. */
  readonly until: number
}

/** What an entry takes besides its bytes and its key, about: the objects around them. */
const OVERHEAD_BYTES = 300
/** Its bytes, and the strings and numbers in them once it was read. */
const TIMES_BYTES = 3

export class Mirror {
  readonly #kept: LRUCache<string, Kept>
  /** Epochs of models, and holds: a few for each model, which nearly every look-up needs. */
  readonly #ofModels = new Map<string, Kept>()

  constructor(max: number, maxBytes: number) {
    this.#kept = new LRUCache({
      max,
      maxSize: maxBytes,
      sizeCalculation: ({ bytes }, key) => OVERHEAD_BYTES + 2 * key.length + TIMES_BYTES * (bytes?.length ?? 0),
    })
  }

  get entries(): number {
    return this.#kept.size
  }

  get bytes(): number {
    return this.#kept.calculatedSize
  }

  /**
   * What is at the key of an entry; undefined: it is not known.
   *
   * @param now - by `performance.now`
   */
  entry(key: string, era: Era, now: number): Buffer | null | undefined {
    const kept = this.#kept.get(key)
    return kept === undefined || kept.era !== era || kept.until < now ? undefined : kept.bytes
  }

  /** The same for an epoch or a hold. */
  dependency(key: string, era: Era): Buffer | null | undefined {
    const kept = this.#ofModels.get(key) ?? this.#kept.get(key)
    return kept === undefined || kept.era !== era ? undefined : kept.bytes
  }

  /**
   * Keeps an entry, if it is a whole one.
   *
   * @param until - by `performance.now`: when Redis ends it. Redis tells of that too, but only once it has removed it
   */
  keepEntry(key: string, bytes: Buffer, era: Era, until: (entry: Buffer) => number): void {
    const own = copyOf(bytes)
    if (rememberWhole(own)) this.#kept.set(key, { bytes: own, era, until: until(own) })
    else this.#kept.delete(key)
  }

  /** Keeps an epoch, or that there is no hold. */
  keepDependency(key: string, bytes: Buffer | null, era: Era): void {
    const kept = { bytes: bytes && copyOf(bytes), era, until: Number.POSITIVE_INFINITY }
    if (isModelEpoch(key)) this.#ofModels.set(key, kept)
    else this.#kept.set(key, kept)
  }

  drop(key: string): void {
    if (!this.#kept.delete(key)) this.#ofModels.delete(key)
  }
}

/** The bytes of a reply are part of a larger buffer, which would be kept as well. */
function copyOf(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(own)
  return own
}

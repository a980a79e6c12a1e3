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

export class Mirror {
  readonly #kept: LRUCache<string, Kept>
  /** Epochs of models, and holds: a few for each model, which nearly every look-up needs. */
  readonly #ofModels = new Map<string, Kept>()

  constructor(max: number, maxBytes: number) {
    this.#kept = new LRUCache({
      max,
      maxSize: maxBytes,
      sizeCalculation: ({ bytes }, key) => OVERHEAD_BYTES + 2 * key.length + (bytes?.length ?? 0),
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

  /** Keeps a copy: the bytes of a reply are part of a larger buffer, which would be kept as well. */
  keep(key: string, bytes: Buffer | null, era: Era, until = Number.POSITIVE_INFINITY): void {
    const own = bytes === null ? null : Buffer.allocUnsafeSlow(bytes.length)
    if (own !== null) {
      bytes?.copy(own)
      rememberWhole(own)
    }
    const kept = { bytes: own, era, until }
    if (isModelEpoch(key)) this.#ofModels.set(key, kept)
    else this.#kept.set(key, kept)
  }

  drop(key: string): void {
    if (!this.#kept.delete(key)) this.#ofModels.delete(key)
  }
}

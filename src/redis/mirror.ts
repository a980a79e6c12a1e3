/**
 * The near cache's memory: what Redis holds at some keys, as bytes. Everything in it was read from Redis, and is dropped when Redis
 * says that it has changed. Least recently used entries go first.
 */
import { LRUCache } from 'lru-cache'

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
   * What is at a key; undefined: it is not known.
   *
   * @param now - by `performance.now`
   */
  get(key: string, era: Era, now: number): Buffer | null | undefined {
    const kept = this.#kept.get(key)
    return kept === undefined || kept.era !== era || kept.until < now ? undefined : kept.bytes
  }

  /** Keeps a copy: the bytes of a reply are part of a larger buffer, which would be kept as well. */
  keep(key: string, bytes: Buffer | null, era: Era, until = Number.POSITIVE_INFINITY): void {
    let own = bytes
    if (bytes !== null) bytes.copy((own = Buffer.allocUnsafeSlow(bytes.length)))
    this.#kept.set(key, { bytes: own, era, until })
  }

  drop(key: string): void {
    this.#kept.delete(key)
  }
}

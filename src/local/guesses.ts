/**
 * What this process has learnt about keys, as a guess where to look next. Nothing is answered because of it: a row that a guess
 * led to has to prove itself, and an entry that was too large is only left out for a while.
 */
import { Recent } from '../memo.js'

/** Limit of each of the memories. */
const LIMIT = 10_000
/** A row may become smaller without this process noticing. */
const TOO_LARGE_MS = 60_000

export class Guesses {
  /** The id of the row that a pointer, or a relation of a row, led to last; by the key of the pointer or relation. */
  readonly target: Pick<Recent<string>, 'get' | 'set' | 'delete'> = new Recent<string>(LIMIT)
  /** Until when a row that was too large to be cached is believed to be so. */
  readonly #tooLarge = new Recent<number>(LIMIT)

  /** Whether a load found not long ago that the row is too large to be cached. */
  isTooLarge(key: string): boolean {
    return (this.#tooLarge.get(key) ?? 0) > performance.now()
  }

  rememberTooLarge(key: string): void {
    this.#tooLarge.set(key, performance.now() + TOO_LARGE_MS)
  }

  /** These rows were written: they may be smaller now. */
  written(keys: readonly string[]): void {
    for (const key of keys) this.#tooLarge.delete(key)
  }
}

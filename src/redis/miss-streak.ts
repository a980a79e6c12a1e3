/** Misses come in a row, when a process starts or a key is new: then the token goes out together with the look-up. */
import { isTokenAlone } from '../wire/envelope.js'

/** After so many the next look-up is taken for a miss. */
const LIKELY_AFTER = 3

export class MissStreak {
  #length = 0

  get isLikelyToGoOn(): boolean {
    return this.#length >= LIKELY_AFTER
  }

  /** @param entry - what a look-up has found */
  add(entry: Buffer | null): void {
    this.#length = entry === null || isTokenAlone(entry) ? this.#length + 1 : 0
  }
}

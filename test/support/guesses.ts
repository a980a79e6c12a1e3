/** What a process remembers of where pointers and relations led, in the extremes. */
import { Guesses } from '../../src/local/guesses.js'

/** Nothing: it follows each step, like a process that never read that before. */
export class NoGuesses extends Guesses {
  override readonly target = { get: () => undefined, set: () => undefined, delete: () => undefined }
}

/** That everything led to the row of this id: wherever it looks, it guesses wrong. */
export function wrongGuesses(id: string): typeof Guesses {
  return class WrongGuesses extends Guesses {
    override readonly target = { get: () => id, set: () => undefined, delete: () => undefined }
  }
}

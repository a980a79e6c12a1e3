/** What a process remembers of where pointers and relations led, in the extremes. */
import { Store } from '../../src/redis/store.js'

/** Nothing: it follows each step, like a process that never read that before. */
export class ForgetfulStore extends Store {
  override readonly ledTo = { get: () => undefined, set: () => undefined, delete: () => undefined }
}

/** That everything led to the row of this id: wherever it looks, it guesses wrong. */
export function ledAstray(id: string): typeof Store {
  return class LedAstray extends Store {
    override readonly ledTo = { get: () => id, set: () => undefined, delete: () => undefined }
  }
}

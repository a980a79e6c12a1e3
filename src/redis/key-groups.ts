/** Which keys one command may name. */

/** Limit of keys in one command, and of commands in one pipeline: partial replies show progress. */
export const CHUNK = 256
/** How long keys are sent one by one after they were not answered together. */
const SPLIT_MS = 60_000

export class KeyGroups {
  #splitUntil = 0

  of(keys: readonly string[]): readonly (readonly string[])[] {
    if (this.#splitUntil > 0 && performance.now() < this.#splitUntil) return keys.map(key => [key])
    if (keys.length > 0 && keys.length <= CHUNK) return [keys]
    const chunks: string[][] = []
    for (let at = 0; at < keys.length; at += CHUNK) chunks.push(keys.slice(at, at + CHUNK))
    return chunks
  }

  /**
   * From now on for a while, keys are sent one by one. While a slot is being moved, its old master knows some of its keys and its
   * new one the others: a command for several of them is then answered `TRYAGAIN`, and one for a single key is answered.
   */
  split(): void {
    this.#splitUntil = performance.now() + SPLIT_MS
  }
}

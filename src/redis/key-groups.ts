/** Which keys one command may name: chunks of all keys, or on a Cluster the keys of one hash tag. */

/** Limit of keys in one command, and of commands in one pipeline: partial replies show progress. */
export const CHUNK = 256
/** How long the keys of a hash tag are sent one by one after they were not answered together. */
const SPLIT_MS = 60_000

export class KeyGroups {
  readonly #isCluster: boolean
  /** Hash tags whose keys were not answered together, and until when that is remembered. */
  readonly #split = new Map<string, number>()

  constructor(isCluster: boolean) {
    this.#isCluster = isCluster
  }

  of(keys: readonly string[]): readonly (readonly string[])[] {
    if (this.#isCluster) {
      const groups = new Map<string, string[]>()
      for (const key of keys) {
        const name = this.#nameOf(key)
        const group = groups.get(name)
        if (group === undefined) groups.set(name, [key])
        else group.push(key)
      }
      return [...groups.values()]
    }
    if (keys.length > 0 && keys.length <= CHUNK) return [keys]
    const chunks: string[][] = []
    for (let at = 0; at < keys.length; at += CHUNK) chunks.push(keys.slice(at, at + CHUNK))
    return chunks
  }

  /**
   * From now on for a while, keys like these are sent one by one. While a slot is being moved, its old master knows some of its
   * keys and its new one the others: a command for several of them is then answered `TRYAGAIN`, and one for a single key is
   * answered.
   */
  split([key = '']: readonly string[]): void {
    const tag = tagOf(key)
    if (tag !== undefined) this.#split.set(tag, performance.now() + SPLIT_MS)
  }

  /** A hash tag, while its keys are answered together; otherwise the key. */
  #nameOf(key: string): string {
    const tag = tagOf(key)
    if (tag === undefined) return key
    const until = this.#split.get(tag)
    if (until === undefined) return tag
    if (until > performance.now()) return key
    this.#split.delete(tag)
    return tag
  }
}

function tagOf(key: string): string | undefined {
  return /\{.+?\}/.exec(key)?.[0]
}

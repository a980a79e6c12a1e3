/**
 * The epochs of models in one bucket of a Cluster, as this process saw them last. A row that is found by another unique turns out to be
 * in some bucket only after its load. An epoch that was seen there before the load is as good a stamp as one that was read for it: if
 * it has been invalidated since, the entry is stale from the start.
 */
import type { Token } from '../wire/envelope.js'
import { type Dependencies, isModelEpoch } from '../wire/keys.js'

interface Seen {
  readonly token: Token
  /** When it was seen first. */
  readonly since: number
}

export class EpochMemory {
  /** There are a few per model. */
  readonly #seen = new Map<string, Seen>()

  /** What is stored at the epochs now, while no hold is there. */
  saw({ epochs }: Dependencies, tokens: readonly (Token | null)[]): void {
    for (const [i, epoch] of epochs.entries()) {
      const token = tokens[i] ?? null
      const known = this.#seen.get(epoch)
      if (token === null) {
        if (known !== undefined) this.#seen.delete(epoch)
      } else if (known?.token.equals(token) !== true && isModelEpoch(epoch)) {
        // A copy: the bytes of a reply are part of a larger buffer.
        this.#seen.set(epoch, { token: Buffer.from(token), since: performance.now() })
      }
    }
  }

  /** Undefined if one of them is not known from before that moment. */
  at(epochs: readonly string[], moment: number): readonly Token[] | undefined {
    const tokens: Token[] = []
    for (const epoch of epochs) {
      const seen = this.#seen.get(epoch)
      if (seen === undefined || seen.since > moment) return undefined
      tokens.push(seen.token)
    }
    return tokens
  }
}

/** How long epochs live: longer than every entry that was made under them, or entries would end with their epoch. */
import { Recent } from '../memo.js'
import type { Token } from '../wire/envelope.js'
import { type Dependencies, isModelEpoch } from '../wire/keys.js'

/** The epochs of models live as long in every process, whatever its TTLs are: longer than any entry can. */
const MODEL_EPOCH_MS = 400 * 24 * 3_600_000
/** How many epochs it remembers. */
const LIMIT = 10_000
const NO_TOKENS: ReadonlySet<Token> = new Set()

export class EpochLives {
  readonly #tagMs: number
  readonly #tokenMs: number
  /** Until when an epoch lives at least. Of a tag only while it has this token: another process may make it for less. */
  readonly #known = new Recent<{ readonly token: Token | undefined; readonly until: number }>(LIMIT)

  /**
   * @param tagMs - life of a tag when it is made
   * @param tokenMs - life of the token of a load
   */
  constructor(tagMs: number, tokenMs: number) {
    this.#tagMs = tagMs
    this.#tokenMs = tokenMs
  }

  /** Life of an epoch when it is made, in ms. */
  ofNew(epoch: string): number {
    return isModelEpoch(epoch) ? MODEL_EPOCH_MS : this.#tagMs
  }

  /**
   * What was stored at the epochs before a load. What was believed of another token is not so any more.
   *
   * @param own - the tokens among them that this process has just made
   */
  seen({ epochs }: Dependencies, tokens: readonly Token[], own: ReadonlySet<Token> = NO_TOKENS): void {
    for (const [i, epoch] of epochs.entries()) {
      const token = tokens[i] as Token
      if (isModelEpoch(epoch) || this.#known.get(epoch)?.token?.equals(token)) continue
      const until = own.has(token) ? performance.now() + this.#tagMs - this.#tokenMs : 0
      this.#known.set(epoch, { token, until })
    }
  }

  /**
   * The epochs whose life has to be extended for an entry, with their new life in ms. An epoch is made to live longer than the
   * entry, so it is extended again only when the rest of its life is shorter than that of an entry, or when it is another one.
   */
  *toExtend({ epochs }: Dependencies, entryMs: number): Iterable<readonly [epoch: string, ms: number]> {
    const now = performance.now()
    for (const epoch of epochs) {
      const known = this.#known.get(epoch)
      if (known !== undefined && known.until >= now + entryMs) continue
      const ms = isModelEpoch(epoch) ? MODEL_EPOCH_MS : Math.max(this.#tagMs, 2 * entryMs)
      this.#known.set(epoch, { token: known?.token, until: now + ms })
      yield [epoch, ms]
    }
  }
}

/** Another attempt after a while, each later than the one before until that is reset. It keeps no process alive. */

export const FIRST_RETRY_MS = 50
export const LONGEST_RETRY_MS = 1_000
/** On a Cluster, where each attempt has it look up who has the slots: another node may have them. */
export const LONGEST_CLUSTER_RETRY_MS = 500

export class Retry {
  readonly #attempt: () => void
  readonly #longestMs: number
  #timer: NodeJS.Timeout | undefined
  #ms = FIRST_RETRY_MS

  constructor(attempt: () => void, longestMs = LONGEST_RETRY_MS) {
    this.#attempt = attempt
    this.#longestMs = longestMs
  }

  schedule(): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#attempt()
    }, this.#ms)
    this.#timer.unref()
    this.#ms = Math.min(this.#ms * 2, this.#longestMs)
  }

  /** The next one that is scheduled comes early again. */
  reset(): void {
    this.#ms = FIRST_RETRY_MS
  }

  cancel(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

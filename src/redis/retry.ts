/** Another attempt after a while, each later than the one before until that is reset. It keeps no process alive. */

export const FIRST_RETRY_MS = 50
export const LONGEST_RETRY_MS = 1_000

export class Retry {
  readonly #attempt: () => void
  #timer: NodeJS.Timeout | undefined
  #ms = FIRST_RETRY_MS

  constructor(attempt: () => void) {
    this.#attempt = attempt
  }

  schedule(): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#attempt()
    }, this.#ms)
    this.#timer.unref()
    this.#ms = Math.min(this.#ms * 2, LONGEST_RETRY_MS)
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

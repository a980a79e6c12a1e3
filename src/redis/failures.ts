/** Failed round trips of reads: so many of them in so short a time mean that Redis hangs. They need not be in a row: one node may hang. */
const MOST = 3
const WITHIN_MS = 1_000

export class Failures {
  #count = 0
  #firstAt = 0

  /** Answers whether there are too many now. */
  add(): boolean {
    const now = performance.now()
    if (now - this.#firstAt > WITHIN_MS) {
      this.#firstAt = now
      this.#count = 0
    }
    return ++this.#count >= MOST
  }

  reset(): void {
    this.#count = 0
  }
}

/**
 * Interactive transactions that are open. What their writes make stale is collected here and invalidated when the transaction
 * has settled, whichever way: Postgres turns the COMMIT of a transaction with a failed statement into a ROLLBACK without a word,
 * and one invalidation too many only costs a load.
 */
import { Effects } from '../plan/effects.js'

export class Scopes {
  readonly #scopes = new Map<string, Scope>()

  open(id: string): Scope {
    const scope = new Scope()
    this.#scopes.set(id, scope)
    return scope
  }

  of(id: string): Scope | undefined {
    return this.#scopes.get(id)
  }

  close(id: string): void {
    this.#scopes.delete(id)
  }
}

export class Scope {
  readonly effects = new Effects()
  /** Keys to invalidate besides, as calls of `$cache` named them. */
  readonly keys: string[] = []
  readonly #running = new Set<Promise<unknown>>()

  /** Runs a write of the transaction; the end of the transaction waits for it even if the application does not. */
  async run<T>(write: () => Promise<T>): Promise<T> {
    const running = write()
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }

  /** Resolves when no write of the transaction is in progress. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running)
  }

  get isEmpty(): boolean {
    return this.effects.isEmpty && this.keys.length === 0
  }
}

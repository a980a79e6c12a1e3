/**
 * Interactive transactions. What their writes make wrong is collected and dropped when the transaction has settled,
 * whichever way: Postgres turns the COMMIT of a transaction with a failed statement into a ROLLBACK without a word, and a
 * drop too much only costs a load.
 */
import { Effects } from '../plan/effects.js'

export class Transactions {
  readonly #scopes = new Map<string, Scope>()

  open(id: string): Scope {
    const scope = new Scope()
    this.#scopes.set(id, scope)
    return scope
  }

  scope(id: string): Scope | undefined {
    return this.#scopes.get(id)
  }

  close(id: string): void {
    this.#scopes.delete(id)
  }
}

export class Scope {
  readonly effects = new Effects()
  /** Keys that were asked for by hand. */
  readonly keys: string[] = []
  readonly #running = new Set<Promise<unknown>>()

  /** Runs a write of the transaction; it is waited for even if the application does not. */
  async run<T>(write: () => Promise<T>): Promise<T> {
    const running = write()
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }

  /** Resolves when no write of the transaction is under way. */
  async quiet(): Promise<void> {
    await Promise.allSettled(this.#running)
  }
}

/**
 * Which load waits for which. A `fetch` of the caller's may call the cache again, and then find under its key the very load
 * that it is a part of, or one that waits for it: to wait for that would not end.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

/** The load of whose `fetch` the code that runs is a part. */
const within = new AsyncLocalStorage<Waiter>()

export class Waiter {
  /** Loads that its `fetch` has begun, or waits for. */
  readonly #waitsFor = new Set<Waiter>()
  #ended = false

  constructor() {
    this.awaited()
  }

  /** Runs code of the caller's as a part of this load. */
  run<T>(fetch: () => T): T {
    return within.run(this, fetch)
  }

  /** Whether it waits, perhaps by way of others, for the load that this call is a part of. */
  get waitsForUs(): boolean {
    const own = within.getStore()
    return own !== undefined && !own.#ended && this.#reaches(own, new Set())
  }

  /** The load that this call is a part of, if it is of any, waits for this one. */
  protected awaited(): void {
    const own = within.getStore()
    if (own !== undefined && !own.#ended) own.#waitsFor.add(this)
  }

  /** From here on it waits for none. What goes on in its `fetch` all the same, and that it did not wait for, is a part of no load. */
  protected ended(): void {
    this.#ended = true
    this.#waitsFor.clear()
  }

  #reaches(own: Waiter, seen: Set<Waiter>): boolean {
    if (this === own) return true
    seen.add(this)
    for (const next of this.#waitsFor) if (!seen.has(next) && next.#reaches(own, seen)) return true
    return false
  }
}

/**
 * Which load waits for which. A `fetch` of `getOrSet` may call the cache again, and then find under its key the very load that
 * it is a part of, or one that waits for it: waiting for that would never end.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

/** The load whose `fetch` the running code is a part of. */
const enclosing = new AsyncLocalStorage<NestedLoad>()

export class NestedLoad {
  /** Loads that its `fetch` has begun, or waits for. */
  readonly #waitsFor = new Set<NestedLoad>()
  #ended = false

  constructor() {
    this.registerWithEnclosing()
  }

  /** Runs code of the caller as a part of this load. */
  run<T>(fetch: () => T): T {
    return enclosing.run(this, fetch)
  }

  /** Whether it waits, perhaps by way of others, for the load that this call is a part of. */
  get waitsForUs(): boolean {
    const own = enclosing.getStore()
    return own !== undefined && !own.#ended && this.#reaches(own, new Set())
  }

  /** The load that this call is a part of, if there is one, waits for this load from here on. */
  protected registerWithEnclosing(): void {
    const own = enclosing.getStore()
    if (own !== undefined && !own.#ended) own.#waitsFor.add(this)
  }

  /** It waits for no other load any more. Code that its `fetch` left running belongs to no load. */
  protected ended(): void {
    this.#ended = true
    this.#waitsFor.clear()
  }

  #reaches(own: NestedLoad, seen: Set<NestedLoad>): boolean {
    if (this === own) return true
    seen.add(this)
    for (const next of this.#waitsFor) if (!seen.has(next) && next.#reaches(own, seen)) return true
    return false
  }
}

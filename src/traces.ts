/** `$cache.trace`: the events of one piece of code, whatever runs beside it. */
import { AsyncLocalStorage } from 'node:async_hooks'

/** What `$cache.trace` answers: the result of the function, and the events of all that ran inside of it. */
export interface Traced<T, Event> {
  readonly result: T
  readonly events: readonly Event[]
}

interface Trace<Event> {
  readonly events: Event[]
  /** Their events come when Redis has replied. */
  readonly fills: Promise<unknown>[]
  /** The trace that this one was begun in. */
  readonly outer: Trace<Event> | undefined
}

export class Traces<Event> {
  readonly #current = new AsyncLocalStorage<Trace<Event>>()
  #count = 0

  /** Whether any is running. */
  get areRunning(): boolean {
    return this.#count > 0
  }

  async run<T>(run: () => T | PromiseLike<T>): Promise<Traced<T, Event>> {
    const trace: Trace<Event> = { events: [], fills: [], outer: this.#current.getStore() }
    this.#count++
    try {
      // Prisma's queries begin when they are awaited: that has to be inside.
      const result = await this.#current.run(trace, async () => await run())
      await Promise.all(trace.fills)
      return { result, events: trace.events }
    } finally {
      this.#count--
      // While it is enabled, Node 20 tells it of every promise of the process.
      if (this.#count === 0) this.#current.disable()
    }
  }

  add(event: Event): void {
    for (const trace of this.#enclosing()) trace.events.push(event)
  }

  /** A fill that the running code has sent. */
  waitFor(fill: Promise<unknown>): void {
    for (const trace of this.#enclosing()) trace.fills.push(fill)
  }

  /** The traces that the running code is a part of. */
  #enclosing(): readonly Trace<Event>[] {
    if (this.#count === 0) return []
    const traces: Trace<Event>[] = []
    for (let trace = this.#current.getStore(); trace !== undefined; trace = trace.outer) traces.push(trace)
    return traces
  }
}

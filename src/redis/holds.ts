/**
 * The holds that this process has set, for writes of unknown outcome, until they end. Redis may evict a hold like any key: so
 * it is set again until its time is over. In between, a load may have filled what Postgres changes when it commits after all. So what
 * the write may have changed is invalidated once more at the end.
 */
import type { Invalidation } from '../wire/keys.js'
import type { Connection } from './connection.js'

/** How many times a hold is set again during its time. */
const LOOKS = 30

export class Holds {
  readonly #connection: Connection
  readonly #holdMs: number
  readonly #repeat: (stale: Invalidation) => void
  /** Of each that has not ended: when it does, and when it is looked at. */
  readonly #timers = new Map<NodeJS.Timeout, NodeJS.Timeout>()

  /** @param repeat - invalidates at the end of a hold */
  constructor(connection: Connection, holdMs: number, repeat: (stale: Invalidation) => void) {
    this.#connection = connection
    this.#holdMs = holdMs
    this.#repeat = repeat
  }

  /** From here on they last for the time of a hold. */
  open(stale: Invalidation): void {
    if (stale.holds.length === 0) return
    const everyMs = this.#holdMs / LOOKS
    const until = performance.now() + this.#holdMs
    const looks = setInterval(() => void this.keep(stale.holds, until - performance.now(), everyMs), everyMs)
    const end = setTimeout(() => {
      clearInterval(looks)
      this.#timers.delete(end)
      this.#repeat(stale)
    }, this.#holdMs)
    looks.unref()
    end.unref()
    this.#timers.set(end, looks)
  }

  /** A hold that is there may be that of another process, and last longer. */
  async keep(holds: readonly string[], ms: number, deadlineMs: number): Promise<void> {
    if (ms < 1) return
    await this.#connection.send(
      holds.map(hold => ['set', hold, 1, 'PX', Math.ceil(ms), 'NX']),
      deadlineMs,
    )
  }

  /** Answers how many have not ended. */
  close(): number {
    const open = this.#timers.size
    for (const [end, looks] of this.#timers) {
      clearTimeout(end)
      clearInterval(looks)
    }
    this.#timers.clear()
    return open
  }
}

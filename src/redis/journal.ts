/** The invalidations that Redis has not acknowledged: kept in this process, and replayed before it uses Redis again. */
import type { Connection } from './connection.js'
import type { Emit } from '../events.js'

export interface JournalOptions {
  /** Invalidating them leaves no entry valid. */
  readonly epochs: readonly string[]
  readonly deadlineMs: number
  readonly holdMs: number
  /** Everything to invalidate instead of what was named; undefined: what was named will do. */
  readonly instead: () => readonly string[] | undefined
  readonly emit: Emit
}

const LIMIT = 10_000

export class Journal {
  readonly #connection: Connection
  readonly #options: JournalOptions
  readonly #keys = new Set<string>()
  readonly #holds = new Set<string>()
  #overflow = false
  /** What is being replayed, and not acknowledged yet. */
  #replaying = 0

  constructor(connection: Connection, options: JournalOptions) {
    this.#connection = connection
    this.#options = options
  }

  /** How many keys and holds are not acknowledged. */
  get size(): number {
    return this.#replaying + this.#keys.size + this.#holds.size + (this.#overflow ? this.#options.epochs.length : 0)
  }

  add(holds: readonly string[], keys: readonly string[]): void {
    for (const hold of holds) this.#holds.add(hold)
    for (const key of keys) if (!this.#overflow) this.#keys.add(key)
    if (this.#keys.size <= LIMIT) return
    this.#keys.clear()
    this.#overflow = true
    const message = `More than ${LIMIT} invalidations wait for Redis: all entries will be invalidated instead.`
    this.#options.emit({ type: 'error', code: 'JOURNAL_OVERFLOW', message })
  }

  /** Replays holds before keys, in the order of a write. Answers whether nothing is left. */
  async replay(): Promise<boolean> {
    const { epochs, deadlineMs, holdMs, instead, emit } = this.#options
    while (this.size > 0) {
      const holds = [...this.#holds]
      const keys = instead() ?? (this.#overflow ? epochs : [...this.#keys])
      // Taken out before, put back on failure: what other writes add in the meantime is not lost.
      this.#holds.clear()
      this.#keys.clear()
      this.#overflow = false
      this.#replaying = holds.length + keys.length
      const held = await this.#connection.hold(holds, holdMs, deadlineMs)
      const deleted = await this.#connection.del(keys, deadlineMs)
      const replayed = this.#replaying
      this.#replaying = 0
      if (!held || !deleted) {
        this.add(holds, keys)
        return false
      }
      emit({ type: 'replayed', invalidations: replayed })
    }
    return true
  }
}

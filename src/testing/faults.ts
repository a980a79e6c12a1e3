/** What is wrong with the memory at the moment. A test turns it on and off. */
import { CacheAsideError, shown } from '../errors.js'

/**
 * The faults of a {@link MemoryRedis}. They last until `none()` and add up. They belong to the memory: all clients that share it have
 * them.
 *
 * @example
 * redis.faults.down()
 * await prisma.user.findUnique({ where: { id: 42 } }) // Postgres answers
 * redis.faults.none()
 */
export interface Faults {
  /**
   * Cuts all connections and refuses new ones, like a server that was stopped. The entries stay: it is as if the network was
   * down. ioredis tries again and again, by its `retryStrategy`, and keeps the process alive meanwhile.
   *
   * @example redis.faults.down()
   */
  down(): void

  /**
   * Each command waits `ms` before it is run and answered.
   *
   * @param ms - milliseconds, from 0 to 2,147,483,647; `Infinity`: no command is answered, like a server that hangs
   * @throws CacheAsideError `INVALID_OPTION` for anything else
   * @example redis.faults.slow(200) // a read waits for Redis at most `deadlineMs`, which is 50 by default
   */
  slow(ms: number): void

  /**
   * Commands that need memory (`SET`, fills) are refused with `OOM`, like a server that has reached `maxmemory` and may evict nothing.
   * Reads and `DEL` work.
   *
   * @example redis.faults.full()
   */
  full(): void

  /**
   * Ends all faults. Commands that still wait are run at once. Clients that were cut off come back at their next attempt: with
   * the `retryStrategy` of ioredis, 50 ms to 2 s later.
   *
   * @example
   * redis.faults.none()
   * await once(redis, 'ready') // after down()
   */
  none(): void
}

/** The longest that a timer of Node waits. */
const LONGEST_MS = 2 ** 31 - 1

export class FaultSwitch implements Faults {
  readonly #changed: () => void
  isDown = false
  isFull = false
  delayMs = 0

  /** @param changed - called after each change */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  down(): void {
    this.isDown = true
    this.#changed()
  }

  slow(ms: number): void {
    if (typeof ms !== 'number' || !(ms >= 0) || (ms > LONGEST_MS && ms !== Number.POSITIVE_INFINITY)) {
      throw new CacheAsideError(
        'INVALID_OPTION',
        `faults.slow takes milliseconds, from 0 to ${LONGEST_MS} or Infinity, got ${shown(ms)}. Write faults.slow(200).`,
      )
    }
    this.delayMs = ms
    this.#changed()
  }

  full(): void {
    this.isFull = true
    this.#changed()
  }

  none(): void {
    this.isDown = false
    this.isFull = false
    this.delayMs = 0
    this.#changed()
  }
}

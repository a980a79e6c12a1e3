/** Has a read join the batch of its tick, while it may still wait for Redis. */
import type { Clock } from '../waiting.js'
import type { AcquireBatch, LookUpBatch } from './batches.js'
import type { Deadline } from './deadline.js'
import type { Health } from './health.js'
import type { StoreOptions } from './store-options.js'
import type { TickBatcher } from './tick-batcher.js'

export class Joining {
  readonly #health: Health
  readonly #options: StoreOptions
  readonly #clock: Clock
  /** Has a batch go out: at the end of the tick; on a Cluster, with what goes to other nodes. */
  readonly goOut: (send: () => void) => void

  constructor(health: Health, options: StoreOptions, clock: Clock) {
    this.#health = health
    this.#options = options
    this.#clock = clock
    this.goOut = options.shared?.trips.join ?? (send => process.nextTick(send))
  }

  /** The keys are used. */
  touch(): void {
    this.#options.touch()
  }

  /** The batch of this tick; undefined: Redis is out of reach, or was waited for too long. */
  joined<Batch extends LookUpBatch | AcquireBatch>(batches: TickBatcher<Batch>, deadline: Deadline): Batch | undefined {
    const left = deadline.at - this.#clock.now()
    // Of all that share a batch, for the first.
    if (left <= 0 || !(batches.isOpen || this.#health.usable)) return undefined
    this.#options.touch()
    const batch = batches.current()
    batch.atMost(left)
    deadline.joins(this.#options.shared?.trips.next ?? batch)
    return batch
  }

  /** On a Cluster a batch goes out later than it was joined: its node may have been lost meanwhile. */
  get mayGoOut(): boolean {
    return this.#options.shared === undefined || this.#health.usable
  }
}

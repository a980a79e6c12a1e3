/** Which process of the fleet loads an entry anew in the background: the one that has the lease of its key, for as long as that takes. */
import type { Buckets } from '../wire/buckets.js'
import { refreshKey } from '../wire/keys.js'
import type { Connection } from './connection.js'

/** Longer than a load takes as a rule; after that another process may have it. */
const LEASE_MS = 10_000
/** No process tries again for so long after a load that has failed. */
const AFTER_FAILURE_MS = 1_000

interface Place {
  readonly connection: Pick<Connection, 'send'>
  readonly health: { readonly usable: boolean }
}

export class Leases {
  readonly #buckets: Buckets
  readonly #places: readonly Place[]
  readonly #deadlineMs: number

  /** @param places - where the keys of each bucket are */
  constructor(buckets: Buckets, places: readonly Place[], deadlineMs: number) {
    this.#buckets = buckets
    this.#places = places
    this.#deadlineMs = deadlineMs
  }

  /** Answers how to give it back; undefined: another process has it, or Redis can't be asked. */
  async take(key: string): Promise<((hasFailed: boolean) => void) | undefined> {
    const { connection, health } = this.#places[this.#buckets.of(key) ?? 0] as Place
    if (!health.usable) return undefined
    const lease = refreshKey(key)
    const takenAt = performance.now()
    const replies = await connection.send([['set', lease, 1, 'NX', 'PX', LEASE_MS]], this.#deadlineMs)
    if (String(replies?.[0]) !== 'OK') return undefined
    return hasFailed => {
      // After that it may be that of another process.
      if (performance.now() - takenAt > LEASE_MS / 2) return
      const giveBack = hasFailed ? (['pexpire', lease, AFTER_FAILURE_MS] as const) : (['del', lease] as const)
      void connection.send([[...giveBack]], this.#deadlineMs)
    }
  }
}

/** What a store is told when it is made. */
import type { Clock } from '../waiting.js'
import type { NearCache } from './near-cache.js'
import type { ServerClock } from './server-clock.js'
import type { Trips } from './trips.js'

export interface StoreOptions {
  /** For all round trips of one read. */
  readonly deadlineMs: number
  /** For the `DEL`s of a write. */
  readonly invalidationDeadlineMs: number
  readonly holdMs: number
  /** Life of a tag when it is made: twice the longest TTL of this process. An entry that lives longer extends it. */
  readonly tagMs: number
  /** Life of the token of a load that nothing renews. Default: 10 s. */
  readonly tokenMs?: number | undefined
  /** In front of all look-ups; undefined: there is none. */
  readonly near?: NearCache | undefined
  readonly serverClock: ServerClock
  /** Called when the keys are used. */
  readonly touch: () => void
  /** Of several stores: what each of them is, and what they share. */
  readonly shared?: { readonly bucket: number; readonly clock: Clock; readonly trips: Trips } | undefined
}

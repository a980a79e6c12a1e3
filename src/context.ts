/** What the read and the write may use: an interface, made in `assemble.ts`. Shared by the clients of one schema and one driver adapter. */
import type { Events, Outstanding } from './events.js'
import type { FeedWatch } from './fleet/feed-watch.js'
import type { AnyFleet } from './fleet/fleets.js'
import type { LoadWaits } from './local/load-waits.js'
import type { Flights, SharedRow } from './local/flights.js'
import type { Guesses } from './local/guesses.js'
import type { Scopes } from './local/open-transactions.js'
import type { QueryConfig } from './options.js'
import type { Catalog } from './plan/catalog.js'
import type { Effects } from './plan/effects.js'
import type { Strictness } from './plan/strictness.js'
import type { FindUniqueBatches, transactionOf } from './prisma7/operation.js'
import type { AnyHealth } from './redis/cluster-health.js'
import type { AnyStore } from './redis/cluster-store.js'
import type { NearCaches } from './redis/near-caches.js'
import type { Probe } from './local/probe.js'
import type { Refreshes } from './local/refreshes.js'
import type { Access } from './source/access.js'
import type { Database } from './source/database.js'
import type { Buckets } from './wire/buckets.js'

export interface Context {
  readonly prefix: string
  /** Where keys are. */
  readonly buckets: Buckets
  /** The default of `getOrSet`. */
  readonly ttlMs: number
  readonly catalog: Catalog
  readonly events: Events
  /** What `$cached` says of the queries of this context; undefined: they are as configured. */
  readonly query: QueryConfig | undefined
  /** The same for queries that `$cached` says something of: all models of the schema are cached. */
  for(query: QueryConfig): Context
  // ---- Redis
  readonly store: AnyStore
  readonly health: AnyHealth
  /** Undefined: nothing is kept in this process. */
  readonly near: NearCaches | undefined
  /** Compares some answers with the database; undefined: none. */
  readonly probe: Probe | undefined
  /** Loads in the background. */
  readonly refreshes: Refreshes
  /** From 0 to 1; tests decide it. */
  readonly random: () => number
  /** Undefined: no model is in strict mode. */
  readonly strict: Strictness | undefined
  // ---- the source of the rows, and who else caches them
  readonly database: Database
  readonly access: Access
  readonly fleet: AnyFleet
  /** How far the change feed is; undefined: no model depends on it. */
  readonly feed: FeedWatch | undefined
  /** Stands for the source in values of `getOrSet`, which follow no schema and so have no fingerprint. */
  readonly signature: Buffer
  // ---- what only this process knows
  readonly flights: Flights<SharedRow>
  readonly valueFlights: Flights<Buffer>
  readonly loadWaits: LoadWaits
  readonly scopes: Scopes
  readonly guesses: Guesses
  readonly batches: FindUniqueBatches
  /** Loads of whole rows that the database user lacks a grant for, by the selection that they load. */
  readonly deniedLoads: Set<string>
  /** Models whose writes may not return more columns than the caller selected: a grant is missing. */
  readonly deniedReturning: Set<string>
  // ---- replaced by tests
  readonly transactionOf: typeof transactionOf
  newEffects(): Effects
  /** Whether what query hooks behind the cache do to a read may be stored for all users. */
  readonly hooksAreSameForAll: boolean
  /** Whether reads use the cache; writes invalidate always. */
  enabled: boolean
  /** Warns, once, that reads are not cached because of query hooks behind the cache. */
  warnOfHooks(): void
  /** Closes a Redis client that was made for a URL, until it is used again. */
  rest(): Promise<void>
  /** Ends the cache; answers what is still outstanding. */
  close(): Promise<Outstanding>
}

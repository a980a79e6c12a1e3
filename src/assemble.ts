/** Everything that the clients of one schema and one source share, put together. */
import { hash } from 'node:crypto'
import { buildCatalog, type Catalog, type Collations } from './plan/catalog.js'
import type { Schema } from './schema/schema.js'
import { Connection } from './redis/connection.js'
import type { Events, Outstanding } from './events.js'
import { Flights } from './local/flights.js'
import { Health } from './redis/health.js'
import { valuesEpoch } from './wire/keys.js'
import { Access } from './source/access.js'
import { Fleet, type FleetTimes } from './fleet/fleet.js'
import { ownVersion } from './fleet/versions.js'
import type { Database } from './source/database.js'
import type { Config } from './options.js'
import { FindUniqueBatches, Decimal, hasHooksBehind, transactionOf } from './prisma7/client.js'
import type { Shared } from './read/row.js'
import { Store } from './redis/store.js'
import { Transactions } from './local/scopes.js'
import type { Values } from './read/value.js'
import type { Writer } from './write/write.js'

/**
 * The parts that guard against races. Tests hand in ones without the guard, to show that the test then fails; this is not
 * reachable from outside the package.
 */
export interface Overrides {
  readonly Connection: typeof Connection
  readonly Health: typeof Health
  /** Shorter, for runs that can't wait a minute. */
  readonly holdMs: number
  readonly Store: typeof Store
  readonly longestWaitMs: number
  /** Life of the token of a load. */
  readonly tokenMs: number
  readonly Flights: typeof Flights<Shared>
  readonly transactionOf: typeof transactionOf
  readonly Access: typeof Access
  readonly hasHooksBehind: typeof hasHooksBehind
  /** One for all databases and schemas. */
  readonly source: string
  readonly fleetTimes: FleetTimes
  readonly Fleet: typeof Fleet
  /** What is known of collations. */
  readonly collations: Collations
  /** A rule of the plan of writes (`RULES`) to leave out. */
  readonly withoutRule: string
}

export interface Context extends Writer, Values {
  readonly flights: Flights<Shared>
  readonly prefix: string
  readonly ttlMs: number
  readonly transactionOf: typeof transactionOf
  readonly health: Health
  readonly fleet: Fleet
  readonly batches: FindUniqueBatches
  readonly database: Database
  readonly access: Access
  /** Whether reads use the cache; the write half is always on. */
  enabled: boolean
  /** Warns, once, that reads are not cached because of query hooks behind the cache. */
  warnOfHooks(): void
  /** Ends the cache; answers what is still outstanding. */
  close(): Promise<Outstanding>
}

/** Why such reads are not cached. */
export const HOOKS_BEHIND =
  'an extension with query hooks was applied after the cache: apply it before, or set hooksBehind'

/** A tag outlives a slow load. */
const SHORTEST_TAG_MS = 60_000
/** Longer than any statement should take: an unknown outcome is settled by then. */
const HOLD_MS = 60_000

/** The config of a context: its prefix is known. */
export type ContextConfig = Config & { readonly prefix: string }

/** @throws CacheAsideError `INVALID_MODEL` */
export function catalogOf(
  { policies, prefix, alsoTouches }: ContextConfig,
  schema: Schema,
  collations: Collations,
): Catalog {
  return buildCatalog(schema, { prefix, policies, alsoTouches }, Decimal, collations)
}

export function createContext(
  config: ContextConfig,
  schema: Schema,
  { database, events }: { readonly database: Database; readonly events: Events },
  parts: Partial<Overrides>,
): Context {
  const { policies, prefix, ttlMs, deadlineMs, invalidationDeadlineMs } = config
  const catalog = catalogOf(config, schema, parts.collations ?? database)
  const signature = Buffer.alloc(8)
  const source = () => parts.source ?? database.facts?.source.id
  const connection = new (parts.Connection ?? Connection)(config.redis)
  const { holdMs = HOLD_MS } = parts
  const links = [...catalog.values()].flatMap(({ relations }) =>
    [...relations.values()].flatMap(({ link }) => link ?? []),
  )
  const epochs = [...catalog.values()]
    .flatMap(({ keys }) => keys.epochs)
    .concat([...new Set(links)], valuesEpoch(prefix))
  const fleet = new (parts.Fleet ?? Fleet)(connection, {
    prefix,
    version: ownVersion(catalog, prefix),
    epochs,
    source,
    times: parts.fleetTimes,
    emit: events.emit,
  })
  const health = new (parts.Health ?? Health)(connection, {
    prefix,
    epochs,
    fleet: fleet,
    deadlineMs: invalidationDeadlineMs,
    holdMs,
    emit: events.emit,
  })
  database.whenKnown(() => {
    signWith(source() ?? '', [
      signature,
      ...[...catalog.values()].flatMap(({ cached }) => cached?.codec.fingerprint ?? []),
    ])
    health.checkAgain()
  })
  const ttls = [...policies.values()].flatMap(policy => [policy.ttlMs, policy.negativeTtlMs, policy.queriesTtlMs ?? 0])
  const longestMs = Math.max(ttlMs, ...ttls)
  const store = new (parts.Store ?? Store)(connection, health, {
    deadlineMs,
    invalidationDeadlineMs,
    holdMs,
    tagMs: Math.max(Math.ceil(2 * longestMs), SHORTEST_TAG_MS),
    tokenMs: parts.tokenMs,
    touch: () => fleet.touch(),
  })

  return {
    prefix,
    ttlMs,
    catalog,
    store,
    events,
    signature,
    health,
    fleet,
    batches: new FindUniqueBatches(),
    database,
    access: new (parts.Access ?? Access)(catalog, database),
    flights: new (parts.Flights ?? Flights<Shared>)(parts.longestWaitMs),
    // What the caller fetches takes as long as it takes.
    valueFlights: new Flights(Number.POSITIVE_INFINITY),
    transactions: new Transactions(),
    without: parts.withoutRule,
    transactionOf: parts.transactionOf ?? transactionOf,
    enabled: config.enabled,
    unreadable: new Set(),
    warnOfHooks: once(() => warnOfHooks(events)),
    async close() {
      const openHolds = store.close()
      const pendingInvalidations = await health.close(invalidationDeadlineMs)
      const outstanding = { pendingInvalidations, openHolds }
      if (pendingInvalidations + openHolds > 0) events.emit({ type: 'closed', ...outstanding })
      return outstanding
    },
  }
}

/** No entry of one source can be read as one of another, whatever stands under the prefix. */
function signWith(source: string, fingerprints: readonly Buffer[]): void {
  const mark = Buffer.from(hash('sha256', source, 'hex'), 'hex')
  for (const fingerprint of fingerprints) {
    for (let i = 0; i < fingerprint.length; i++) fingerprint[i] = (fingerprint[i] as number) ^ (mark[i] as number)
  }
}

function warnOfHooks({ emit }: Events): void {
  const message =
    'An extension with query hooks was applied after the cache, so what it concerns is not cached: its hooks would run on ' +
    'misses only, and what they do would be kept for all users. Apply it before the cache, or set ' +
    "hooksBehind: 'same-for-all' if it depends on no user."
  emit({ type: 'error', code: 'HOOKS_BEHIND', message })
  process.emitWarning(message, 'CacheAsideWarning')
}

function once(run: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    run()
  }
}

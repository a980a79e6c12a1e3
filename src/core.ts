/** Everything that one database and one Redis share, put together once per schema. */
import { buildCatalog, type Collations } from './plan/catalog.js'
import { Connection } from './redis/connection.js'
import { Events } from './events.js'
import { Flights } from './stories/flight.js'
import { Health } from './redis/health.js'
import { valuesEpoch } from './wire/keys.js'
import type { Config } from './options.js'
import { Batches, type ClientFacts, Decimal, transactionOf } from './prisma7.js'
import type { Shared } from './stories/row.js'
import { RowSecurity } from './security.js'
import { Store } from './redis/store.js'
import { Transactions } from './stories/transaction.js'
import type { Values } from './stories/values.js'
import type { Writer } from './stories/write.js'

/**
 * The parts that guard against races. Tests hand in ones without the guard, to show that the test then fails; this is not
 * reachable from outside the package.
 */
export interface Parts {
  readonly Connection: typeof Connection
  readonly Health: typeof Health
  /** Shorter, for runs that can't wait a minute. */
  readonly holdMs: number
  readonly Store: typeof Store
  readonly Flights: typeof Flights<Shared>
  readonly transactionOf: typeof transactionOf
  /** What is known of collations. */
  readonly collations: Collations
  /** A rule of the plan of writes (`RULES`) to leave out. */
  readonly without: string
}

export interface Core extends Writer, Values {
  readonly flights: Flights<Shared>
  readonly prefix: string
  readonly ttlMs: number
  readonly transactionOf: typeof transactionOf
  readonly health: Health
  readonly batches: Batches
  readonly security: RowSecurity
  /** Whether reads use the cache; the write half is always on. */
  enabled: boolean
  close(): void
}

/** Longer than any statement should take: an unknown outcome is settled by then. */
const HOLD_MS = 60_000

/** @throws CacheAsideError `INVALID_MODEL` */
export function createCore(
  config: Config,
  facts: Pick<ClientFacts, 'schema' | 'secured'>,
  parts: Partial<Parts> = {},
): Core {
  const { policies, prefix, ttlMs, deadlineMs, invalidationDeadlineMs } = config
  const catalog = buildCatalog(
    facts.schema,
    { prefix, policies, alsoTouches: config.alsoTouches },
    Decimal,
    parts.collations,
  )
  const events = new Events(config.includeKeys)
  const connection = new (parts.Connection ?? Connection)(config.redis)
  const { holdMs = HOLD_MS } = parts
  const links = [...catalog.values()].flatMap(({ relations }) =>
    [...relations.values()].flatMap(({ link }) => link ?? []),
  )
  const epochs = [...catalog.values()]
    .flatMap(({ keys }) => keys.epochs)
    .concat([...new Set(links)], valuesEpoch(prefix))
  const health = new (parts.Health ?? Health)(connection, {
    prefix,
    epochs,
    deadlineMs: invalidationDeadlineMs,
    holdMs,
    emit: events.emit,
  })
  const ttls = [...policies.values()].flatMap(policy => [policy.ttlMs, policy.negativeTtlMs, policy.queriesTtlMs ?? 0])
  const longestMs = Math.max(ttlMs, ...ttls)
  const store = new (parts.Store ?? Store)(connection, health, {
    deadlineMs,
    invalidationDeadlineMs,
    holdMs,
    epochMs: Math.ceil(2 * longestMs),
  })

  return {
    prefix,
    ttlMs,
    catalog,
    store,
    events,
    health,
    batches: new Batches(),
    security: new RowSecurity(catalog, facts.secured),
    flights: new (parts.Flights ?? Flights<Shared>)(),
    valueFlights: new Flights(),
    transactions: new Transactions(),
    without: parts.without,
    transactionOf: parts.transactionOf ?? transactionOf,
    enabled: config.enabled,
    unreadable: new Set(),
    close() {
      health.close()
      store.close()
    },
  }
}

/** Makes the context of one schema and one driver adapter: everything that their clients share. */
import type { Cluster, Redis } from 'ioredis'
import type { Context } from './context.js'
import type { Events } from './events.js'
import { Fleet, type FleetTimes } from './fleet/fleet.js'
import { FeedWatch } from './fleet/feed-watch.js'
import { type AnyFleet, Fleets } from './fleet/fleets.js'
import { Reports } from './fleet/report.js'
import { settingsText } from './fleet/settings.js'
import { ownVersion } from './fleet/versions.js'
import { Flights, type SharedRow } from './local/flights.js'
import { Guesses } from './local/guesses.js'
import { Scopes } from './local/open-transactions.js'
import { policyOf } from './check-options.js'
import { lazily } from './memo.js'
import type { Config, Policy, QueryConfig } from './options.js'
import { buildCatalog } from './plan/build-catalog.js'
import type { Catalog, CatalogModel, Collations } from './plan/catalog.js'
import { Effects } from './plan/effects.js'
import { Strictness } from './plan/strictness.js'
import type { ClientFacts } from './prisma7/client.js'
import { FindUniqueBatches, type hasHooksBehind, transactionOf } from './prisma7/operation.js'
import { LoadWaits } from './local/load-waits.js'
import { Probe, type Probed } from './local/probe.js'
import { Refreshes } from './local/refreshes.js'
import { type AnyHealth, ClusterHealth } from './redis/cluster-health.js'
import { type AnyStore, ClusterStore } from './redis/cluster-store.js'
import { Connection } from './redis/connection.js'
import { Health } from './redis/health.js'
import { NearCaches, type NearParts } from './redis/near-caches.js'
import { isOwnClient, OwnClient } from './redis/own-client.js'
import { Leases } from './redis/leases.js'
import { ServerClock } from './redis/server-clock.js'
import { Trips } from './redis/trips.js'
import { Store } from './redis/store.js'
import { Access } from './source/access.js'
import type { Schema } from './schema/schema.js'
import type { Database } from './source/database.js'
import { fingerprintsOf, signWith } from './source/sign.js'
import { Clock } from './waiting.js'
import { Buckets } from './wire/buckets.js'
import { feedKey, valuesEpoch } from './wire/keys.js'

/**
 * What tests put in the place of a part: one without its guard against a race, to show that the test then fails; and shorter
 * times. Not reachable from outside the package.
 */
export interface Overrides {
  readonly Connection: typeof Connection
  readonly Health: typeof Health
  readonly Store: typeof Store
  readonly Flights: typeof Flights<SharedRow>
  readonly Guesses: typeof Guesses
  readonly Effects: new () => Effects
  readonly Access: typeof Access
  readonly Fleet: typeof Fleet
  readonly nearParts: Partial<NearParts>
  readonly transactionOf: typeof transactionOf
  readonly hasHooksBehind: typeof hasHooksBehind
  readonly collations: Collations
  /** One source for all databases and schemas. */
  readonly source: string
  readonly holdMs: number
  readonly longestWaitMs: number
  readonly tokenMs: number
  readonly fleetTimes: FleetTimes
  readonly probePauseMs: number
  readonly Refreshes: typeof Refreshes
  readonly Leases: typeof Leases
  /** Of a refresh ahead. */
  readonly random: () => number
  /** When a refresh begins. */
  readonly refreshLater: (run: () => void) => void
}

/** The config of a context: its prefix is known. */
export type ContextConfig = Config & { readonly prefix: string; readonly redis: Redis | Cluster | string }

type OfClient = Pick<ClientFacts, 'schema' | 'Decimal'>

/** A tag outlives a slow load. */
const SHORTEST_TAG_MS = 60_000
/** Longer than any statement should take: an unknown outcome is settled by then. */
const HOLD_MS = 60_000

/** @throws CacheAsideError `INVALID_MODEL` */
export function catalogOf(
  { policies, triggers }: Pick<ContextConfig, 'policies' | 'triggers'>,
  buckets: Buckets,
  { schema, Decimal }: OfClient,
  collations: Collations,
): Catalog {
  return buildCatalog(schema, { buckets, policies, triggers }, Decimal, collations)
}

export function createContext(
  config: ContextConfig,
  ofClient: OfClient,
  { database, events }: { readonly database: Database; readonly events: Events },
  overrides: Partial<Overrides>,
): Context {
  const { prefix, ttlMs, invalidationDeadlineMs } = config
  const { redis, enabled } = config
  const client = typeof redis === 'string' ? OwnClient.of(redis) : redis
  const buckets = new Buckets(prefix, 'isCluster' in client && client.isCluster)
  const catalog = catalogOf(config, buckets, ofClient, overrides.collations ?? database)
  const source = () => overrides.source ?? database.facts?.source.id
  const { store, health, fleet, reports, near, leases } = inRedis(
    config,
    { client, buckets, catalog, source, events },
    overrides,
  )

  const signature = Buffer.alloc(8)
  database.whenKnown(() => {
    signWith(source() ?? '', [signature, ...fingerprintsOf(catalog)])
    health.checkAgain()
  })

  const mismatch = ({ model, operation, key }: Probed) => events.mismatch({ model: model.name, operation, key })
  const probe = config.probe && new Probe(config.probe, mismatch, overrides.probePauseMs)
  const refreshes = new (overrides.Refreshes ?? Refreshes)({
    takeLease: key => leases.take(key),
    later: overrides.refreshLater,
  })
  const whole = lazily(() => {
    const wholeConfig = { ...config, policies: policiesOfAll(ofClient.schema, config) }
    const wholeCatalog = catalogOf(wholeConfig, buckets, ofClient, overrides.collations ?? database)
    database.whenKnown(() => signWith(source() ?? '', fingerprintsOf(wholeCatalog)))
    return { catalog: wholeCatalog, access: new (overrides.Access ?? Access)(wholeCatalog, database) }
  })
  const byQuery = new WeakMap<QueryConfig, Context>()
  const context: Context = {
    prefix,
    buckets,
    ttlMs,
    catalog,
    events,
    query: undefined,
    for(query) {
      let own = byQuery.get(query)
      if (own === undefined) {
        // All else is shared, and may change.
        own = Object.assign(Object.create(context) as Context, { ...whole(), query })
        byQuery.set(query, own)
      }
      return own
    },
    probe,
    refreshes,
    random: overrides.random ?? Math.random,
    store,
    health,
    near,
    strict: Strictness.of(config, overrides.holdMs ?? HOLD_MS),
    database,
    access: new (overrides.Access ?? Access)(catalog, database),
    fleet,
    feed: feedOf(config, client, buckets),
    signature,
    flights: new (overrides.Flights ?? Flights<SharedRow>)(overrides.longestWaitMs),
    // What the caller fetches takes as long as it takes.
    valueFlights: new Flights(Number.POSITIVE_INFINITY),
    loadWaits: new LoadWaits(config.waitForLoadMs),
    scopes: new Scopes(),
    guesses: new (overrides.Guesses ?? Guesses)(),
    batches: new FindUniqueBatches(),
    deniedLoads: new Set(),
    deniedReturning: new Set(),
    transactionOf: overrides.transactionOf ?? transactionOf,
    newEffects: () => new (overrides.Effects ?? Effects)(),
    hooksAreSameForAll: config.hooksBehind === 'same-for-all',
    enabled,
    warnOfHooks: once(() => warnOfHooks(events)),
    rest() {
      refreshes.rest()
      near?.close()
      return health.rest(invalidationDeadlineMs)
    },
    async close() {
      probe?.close()
      near?.close()
      refreshes.close()
      reports.close()
      const openHolds = store.close()
      const pendingInvalidations = await health.close(invalidationDeadlineMs)
      const outstanding = { pendingInvalidations, openHolds }
      if (pendingInvalidations + openHolds > 0) events.emit({ type: 'closed', ...outstanding })
      return outstanding
    },
  }
  return context
}

interface Made {
  readonly client: Redis | Cluster | OwnClient
  readonly buckets: Buckets
  readonly catalog: Catalog
  readonly source: () => string | undefined
  readonly events: Events
}

interface InRedis {
  readonly store: AnyStore
  readonly health: AnyHealth
  readonly fleet: AnyFleet
  readonly reports: Reports
  readonly near: NearCaches | undefined
  readonly leases: Leases
}

/** What uses Redis: on a Cluster once for each bucket. */
function inRedis(config: ContextConfig, made: Made, overrides: Partial<Overrides>): InRedis {
  const { deadlineMs, invalidationDeadlineMs, enabled } = config
  const { client, buckets, catalog, source, events } = made
  const { holdMs = HOLD_MS } = overrides
  const isCluster = buckets.prefixes.length > 1
  const health = new ClusterHealth(events.emit)
  const names = epochsOf(catalog, buckets.prefix)
  const version = ownVersion(catalog, buckets.prefix)
  const [clock, trips] = [new Clock(), new Trips()]
  const near = nearOf(config, made, overrides)

  const each = buckets.prefixes.map((prefix, bucket) => {
    const emit = isCluster ? health.emitOf(bucket) : events.emit
    const epochs = names.map(name => buckets.nameIn(bucket, name))
    const connection = new (overrides.Connection ?? Connection)(client, !enabled, buckets.slots[bucket])
    const state = () => ({ usable: all.health.inUse, pending: all.health.pending })
    const reports = new Reports(connection, { prefix, events, deadlineMs: invalidationDeadlineMs, state })
    const fleet = new (overrides.Fleet ?? Fleet)(connection, {
      prefix,
      version,
      epochs,
      source,
      settings: settingsText(config),
      // The command line looks at one bucket.
      reports: bucket === 0 ? reports : undefined,
      times: overrides.fleetTimes,
      emit,
    })
    const serverClock = new ServerClock()
    const healthOptions = { prefix, epochs, fleet, deadlineMs: invalidationDeadlineMs, holdMs, serverClock, emit }
    const ownHealth = new (overrides.Health ?? Health)(connection, healthOptions)
    const store = new (overrides.Store ?? Store)(connection, ownHealth, {
      deadlineMs,
      invalidationDeadlineMs,
      holdMs,
      tagMs: tagMsOf(config),
      tokenMs: overrides.tokenMs,
      serverClock,
      touch: () => all.fleet.touch(),
      near: near?.add(connection, ownHealth, {
        prefix,
        slot: buckets.slots[bucket],
        serverClock,
        nameIn: name => buckets.nameIn(bucket, name),
      }),
      shared: isCluster ? { bucket, clock, trips } : undefined,
    })
    health.add(ownHealth)
    return { store, health: ownHealth, fleet, reports, near, connection }
  })
  const leases = new (overrides.Leases ?? Leases)(buckets, each, deadlineMs)
  const stores = each.map(({ store }) => store)
  const all: InRedis = isCluster
    ? {
        store: new ClusterStore(buckets, stores),
        health,
        fleet: new Fleets(each.map(({ fleet }) => fleet)),
        reports: each[0]?.reports as Reports,
        near,
        leases,
      }
    : { ...(each[0] as (typeof each)[0]), leases }
  return all
}

/** @returns undefined where nothing is kept in this process */
function nearOf(
  { near, policies, enabled }: ContextConfig,
  { client, catalog, events }: Made,
  { nearParts }: Partial<Overrides>,
): NearCaches | undefined {
  if (near === undefined || !enabled) return undefined
  const exceptions = [...policies].flatMap(([model, policy]) =>
    policy.near === undefined || policy.near === near.byDefault ? [] : [(catalog.get(model) as CatalogModel).keys.hold],
  )
  const redis = isOwnClient(client) ? client.redis : client
  return new NearCaches(near, { redis, exceptions, emit: events.emit, parts: nearParts })
}

/** @returns undefined where no model depends on the change feed */
function feedOf(
  { policies, deadlineMs }: ContextConfig,
  client: Made['client'],
  buckets: Buckets,
): FeedWatch | undefined {
  const maxStaleMs = new Map(
    [...policies].flatMap(([name, policy]) => (policy.maxStaleMs === undefined ? [] : [[name, policy.maxStaleMs]])),
  )
  if (maxStaleMs.size === 0) return undefined
  const connection = new Connection(client, true, buckets.slots[0])
  return new FeedWatch(connection, { key: feedKey(buckets), maxStaleMs, deadlineMs })
}

/** As configured, and every other model as by `true`; all with their results. No write says when a view changes that is not configured. */
function policiesOfAll({ models }: Schema, { policies, ttlMs, strictByDefault }: ContextConfig): Map<string, Policy> {
  const byDefault = { strict: strictByDefault, writeThrough: false }
  const all = new Map<string, Policy>()
  for (const { name, view, scalars } of models.values()) {
    const policy =
      policies.get(name) ?? (view || scalars.length === 0 ? undefined : policyOf(name, true, ttlMs, byDefault))
    if (policy !== undefined) all.set(name, { ...policy, queriesTtlMs: policy.queriesTtlMs ?? policy.ttlMs })
  }
  return all
}

/** All epochs of the catalog: to invalidate them leaves no entry valid. */
function epochsOf(catalog: Catalog, prefix: string): string[] {
  const models = [...catalog.values()]
  const links = models.flatMap(({ relations }) => [...relations.values()].flatMap(({ link }) => link ?? []))
  return [...models.flatMap(({ keys }) => keys.epochs), ...new Set(links), valuesEpoch(prefix)]
}

/** Twice the longest life of an entry: a tag has to outlive the entries under it. */
function tagMsOf({ policies, ttlMs }: ContextConfig): number {
  const lives = [...policies.values()].map(
    ({ ttlMs: ofRows, negativeTtlMs, queriesTtlMs = 0, swrMs, staleIfErrorMs }) =>
      Math.max(ofRows, negativeTtlMs, queriesTtlMs) + Math.max(swrMs, staleIfErrorMs),
  )
  return Math.max(Math.ceil(2 * Math.max(ttlMs, ...lives)), SHORTEST_TAG_MS)
}

function warnOfHooks({ emit }: Events): void {
  const message =
    'An extension with query hooks was applied after the cache, so what it concerns is not cached: its hooks would run on ' +
    'misses only, and what they do would be kept for all users. Apply it before the cache, or set ' +
    "hooksBehind: 'same-for-all' if it depends on no user."
  emit({ type: 'error', code: 'HOOKS_BEHIND', message })
}

function once(run: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    run()
  }
}

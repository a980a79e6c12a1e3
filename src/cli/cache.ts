/** The cache as the command line sees it: a Redis, the schema, and what the processes under the prefix have told of themselves. */
import { Cluster, Redis } from 'ioredis'
import { policyOf } from '../check-options.js'
import { STANDARD } from '../check-strict.js'
import { readFleet, type StoredFleet } from '../fleet/stored.js'
import { ownVersion, type OwnVersion } from '../fleet/versions.js'
import type { Settings } from '../fleet/settings.js'
import type { Policy } from '../options.js'
import { buildCatalog } from '../plan/build-catalog.js'
import type { Catalog, Collations } from '../plan/catalog.js'
import type { Schema } from '../schema/schema.js'
import { fingerprintsOf, signWith } from '../source/sign.js'
import { Buckets } from '../wire/buckets.js'
import { fleetKey } from '../wire/keys.js'
import { Failure } from './failure.js'

export interface Cache {
  readonly redis: Redis | Cluster
  readonly prefix: string
  readonly buckets: Buckets
  readonly schema: Schema
  /** Every model that has rows is cached here, as the processes say; where they say nothing, with the defaults. */
  readonly catalog: Catalog
  readonly version: OwnVersion
  /** Undefined: no process has used the prefix yet. */
  readonly fleet: StoredFleet | undefined
  /** Of the version that left the last sign of life. */
  readonly settings: Settings | undefined
}

export interface Place {
  readonly url: string | undefined
  readonly isCluster: boolean
  readonly prefix: string
}

const CONNECT_MS = 5_000

/** @throws Failure when there is no Redis at the URL */
export async function connect({ url, isCluster }: Pick<Place, 'url' | 'isCluster'>): Promise<Redis | Cluster> {
  if (url === undefined || url === '') {
    throw new Failure('There is no Redis to look at. Set REDIS_URL, or write --redis redis://host:6379')
  }
  if (!/^rediss?:\/\//.test(url))
    throw new Failure(`A Redis URL begins with redis:// or rediss://, got ${shownUrl(url)}`)
  const options = { lazyConnect: true, connectTimeout: CONNECT_MS, maxRetriesPerRequest: 1, enableReadyCheck: false }
  const redis = isCluster
    ? new Cluster([url], { lazyConnect: true, redisOptions: options, clusterRetryStrategy: () => null })
    : new Redis(url, { ...options, retryStrategy: () => null })
  let why: unknown
  redis.on('error', error => (why ??= error))
  try {
    await redis.connect()
    await redis.ping()
    return redis
  } catch (error) {
    redis.disconnect()
    throw new Failure(`Redis at ${shownUrl(url)} does not answer: ${messageOf(why ?? error)}`)
  }
}

/** Without user and password. */
export function shownUrl(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//…@')
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message === '' ? ((error as NodeJS.ErrnoException).code ?? error.name) : error.message
}

/** @param collations - of the database; undefined: texts are compared byte by byte, as they are in nearly all databases */
export async function openCache(
  redis: Redis | Cluster,
  prefix: string,
  schema: Schema,
  collations: Collations = { deterministic: () => true },
): Promise<Cache> {
  const buckets = new Buckets(prefix, redis instanceof Cluster)
  // What is not permitted is said by what needs it.
  const fleet = await readStoredFleet(redis, buckets).catch(() => undefined)
  const latest = fleet?.versions.toSorted((a, b) => b.last - a.last)[0]
  const settings = latest?.settings
  const catalog = buildCatalog(schema, { buckets, policies: policiesOf(schema, settings) }, Text, collations)
  signWith(fleet?.source ?? '', fingerprintsOf(catalog))
  return { redis, prefix, buckets, schema, catalog, version: ownVersion(catalog, prefix), fleet, settings }
}

/** The models of a schema, to read what the caller means: nothing is looked up by it. */
export function catalogOf(schema: Schema): Catalog {
  const policies = policiesOf(schema, undefined)
  return buildCatalog(schema, { buckets: new Buckets('', false), policies }, Text, { deterministic: () => true })
}

/** On a Cluster that of one bucket: each process is in all of them. */
export async function readStoredFleet(redis: Redis | Cluster, buckets: Buckets): Promise<StoredFleet | undefined> {
  const [text, now] = await Promise.all([redis.get(fleetKey(buckets.prefixes[0] as string)), nowOf(redis)])
  return text === null ? undefined : readFleet(text, now)
}

/** In ms since 1970, by the clock of Redis. */
export async function nowOf(redis: Redis | Cluster): Promise<number> {
  const [node] = nodesOf(redis) as [Redis]
  const [seconds, micros] = await node.time()
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
}

/** The masters, each with its own keys. */
export function nodesOf(redis: Redis | Cluster): readonly Redis[] {
  return redis instanceof Cluster ? redis.nodes('master') : [redis]
}

const DEFAULT_TTL_MS = 3_600_000

function policiesOf({ models }: Schema, settings: Settings | undefined): Map<string, Policy> {
  const policies = new Map<string, Policy>()
  for (const { name, view, scalars } of models.values()) {
    if (scalars.length === 0) continue
    const policy = policyOf(name, view ? { dependsOn: [] } : true, DEFAULT_TTL_MS, STANDARD)
    policies.set(name, { ...policy, queriesTtlMs: policy.ttlMs, ...settings?.models.get(name) })
  }
  return policies
}

/** In the place of Prisma's `Decimal`: it is only shown. */
class Text {
  readonly e = 0
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }

  toJSON(): string {
    return this.#text
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.#text
  }
}

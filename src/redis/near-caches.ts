/** The near cache of one cache: a memory for all of it, a near cache for each bucket, and a pair of connections for each node. */
import type { Cluster, Redis } from 'ioredis'
import type { Emit } from '../events.js'
import { ClusterNode } from './cluster-node.js'
import type { Connection } from './connection.js'
import type { Health } from './health.js'
import { Mirror } from './mirror.js'
import { NearCache } from './near-cache.js'
import type { ServerClock } from './server-clock.js'
import { TrackedPair } from './tracked-pair.js'

/** How much is kept, and how old it may be. */
interface NearSettings {
  readonly max: number
  readonly maxBytes: number
  readonly maxStaleMs: number
  /** Whether it keeps models of which nothing is said, and values of `getOrSet`. */
  readonly byDefault: boolean
}

export interface NearStats {
  /** Look-ups that were answered without I/O. */
  readonly answered: number
  readonly entries: number
  /** Memory that they take, about. */
  readonly bytes: number
  /** Whether it is in use now, in all of its parts. */
  readonly inUse: boolean
}

/** What tests put in the place of a part: one without its guard. */
export interface NearParts {
  readonly NearCache: typeof NearCache
  readonly TrackedPair: typeof TrackedPair
  readonly isAlone: boolean
}

interface NearOptions {
  /** The caller's client. */
  readonly redis: Redis | Cluster
  /** Holds of models of which something else is said than by default. */
  readonly exceptions: readonly string[]
  readonly emit: Emit
  readonly parts: Partial<NearParts> | undefined
}

interface Bucket {
  readonly prefix: string
  readonly slot: number | undefined
  readonly serverClock: ServerClock
  readonly nameIn: (name: string) => string
}

export class NearCaches {
  readonly #config: NearSettings
  readonly #options: NearOptions
  readonly #mirror: Mirror
  readonly #pairs = new Map<string, TrackedPair>()
  readonly #caches: NearCache[] = []
  #hasSaid = false

  constructor(config: NearSettings, options: NearOptions) {
    this.#config = config
    this.#options = options
    this.#mirror = new Mirror(config.max, config.maxBytes)
  }

  /** The near cache of a bucket. */
  add(connection: Connection, health: Health, { prefix, slot, serverClock, nameIn }: Bucket): NearCache {
    const { byDefault, maxStaleMs } = this.#config
    const { redis, parts } = this.#options
    const node = redis.isCluster ? new ClusterNode(redis as Cluster, slot ?? 0) : undefined
    const exceptions = new Set(this.#options.exceptions.map(nameIn))
    const cache = new (parts?.NearCache ?? NearCache)(connection, health, {
      mirror: this.#mirror,
      pairOf: to => this.#pairOf(to),
      node: () => (node === undefined ? (redis as Redis) : node.now),
      mayKeep: hold => exceptions.has(hold) !== byDefault,
      keepsValues: byDefault,
      maxStaleMs,
      prefix,
      serverClock,
      isAlone: parts?.isAlone,
      onRefused: why => this.#say(why),
    })
    this.#caches.push(cache)
    return cache
  }

  get stats(): NearStats {
    return {
      answered: this.#caches.reduce((sum, { answered }) => sum + answered, 0),
      entries: this.#mirror.entries,
      bytes: this.#mirror.bytes,
      inUse: this.#caches.every(({ inUse }) => inUse),
    }
  }

  /** Closes its connections, until it is used again. */
  close(): void {
    for (const pair of this.#pairs.values()) pair.lose()
  }

  #say(why: string): void {
    if (this.#hasSaid) return
    this.#hasSaid = true
    const message = `The near cache is not in use, and each read asks Redis: ${why.replace(/\.$/, '')}.`
    this.#options.emit({ type: 'error', code: 'NEAR_CACHE_OFF', message })
  }

  #pairOf(node: Redis): TrackedPair {
    const { host, port } = node.options
    const name = this.#options.redis.isCluster ? `${host}:${port}` : ''
    let pair = this.#pairs.get(name)
    if (pair === undefined || pair.isLost) {
      pair = new (this.#options.parts?.TrackedPair ?? TrackedPair)(node, this.#config.maxStaleMs)
      this.#pairs.set(name, pair)
    }
    return pair
  }
}

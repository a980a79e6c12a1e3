/** Where the keys are: one Redis, a Cluster of 3 + 3, or 1 + 2 behind three Sentinels; and a client of it. */
import { Cluster, Redis } from 'ioredis'
import { type RedisCluster, startCluster } from '../test/support/cluster.js'
import { type Nodes, nodesOf } from '../test/support/cluster-nodes.js'
import { MASTER, startWatched, type Watched } from '../test/support/sentinels.js'

export const PLACES = ['single', 'cluster', 'sentinels'] as const
export type PlaceName = (typeof PLACES)[number]

interface Address {
  readonly host: string
  readonly port: number
}

/** What a process has to know to connect. */
export type PlaceAddress =
  | { readonly kind: 'single'; readonly url: string }
  | { readonly kind: 'cluster'; readonly nodes: readonly Address[] }
  | { readonly kind: 'sentinels'; readonly sentinels: readonly Address[] }

/** Several servers, which take over from each other. */
export type Place =
  | { readonly kind: 'cluster'; readonly cluster: RedisCluster; readonly eyes: Nodes }
  | { readonly kind: 'sentinels'; readonly watched: Watched }

/** Undefined: one Redis, which the stage has. */
export async function openPlace(name: PlaceName): Promise<Place | undefined> {
  if (name === 'cluster') {
    const args = [
      '--cluster-replica-validity-factor',
      '0',
      '--repl-diskless-sync-delay',
      '0',
      '--cluster-require-full-coverage',
      'no',
      // An emptied master stays one.
      '--cluster-allow-replica-migration',
      'no',
    ]
    const cluster = await startCluster({ replicas: true, nodeTimeoutMs: 1000, args })
    return { kind: name, cluster, eyes: nodesOf(cluster) }
  }
  // As recommended: a master that no replica follows takes no writes.
  const args = ['--min-replicas-to-write', '1', '--min-replicas-max-lag', '2', '--repl-diskless-sync-delay', '0']
  return name === 'sentinels' ? { kind: name, watched: await startWatched(args) } : undefined
}

export function addressOf(place: Place): PlaceAddress {
  return place.kind === 'cluster'
    ? { kind: 'cluster', nodes: place.cluster.addresses }
    : { kind: 'sentinels', sentinels: place.watched.sentinels }
}

export async function closePlace(place: Place): Promise<void> {
  if (place.kind === 'sentinels') return place.watched.stop()
  place.eyes.end()
  await place.cluster.stop()
}

/** Of the caller's client. */
export interface Settings {
  readonly maxRetriesPerRequest?: number | null
  readonly enableOfflineQueue?: boolean
  readonly enableReadyCheck?: boolean
}

/** @param options - of the connection to each server */
export function clientOf(address: PlaceAddress, options: Settings = {}): Redis | Cluster {
  const retryStrategy = (times: number) => Math.min(50 * times, 300)
  if (address.kind === 'single') return new Redis(address.url, { retryStrategy, ...options })
  if (address.kind === 'cluster') {
    const { enableOfflineQueue = true, enableReadyCheck = true } = options
    return new Cluster([...address.nodes], {
      clusterRetryStrategy: retryStrategy,
      enableOfflineQueue,
      enableReadyCheck,
    })
  }
  return new Redis({
    sentinels: [...address.sentinels],
    name: MASTER,
    sentinelRetryStrategy: retryStrategy,
    retryStrategy,
    failoverDetector: true,
    ...options,
  })
}

/** The servers that have keys of their own. */
export function mastersOf(redis: Redis | Cluster): readonly Redis[] {
  return redis instanceof Cluster ? redis.nodes('master') : [redis]
}

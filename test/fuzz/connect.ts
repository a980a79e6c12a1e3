/**
 * A client of one Redis; of a Cluster, `cluster://127.0.0.1:7000` names one of its nodes; or of what Sentinels watch,
 * `sentinels://127.0.0.1:26379` names one of them.
 */
import { Cluster, Redis } from 'ioredis'
import { MASTER } from '../support/sentinels.js'

export function connect(url: string): Redis | Cluster {
  if (url.startsWith('cluster:')) return new Cluster([url.replace('cluster:', 'redis:')])
  if (!url.startsWith('sentinels:')) return new Redis(url)
  const { hostname: host, port } = new URL(url)
  return new Redis({ sentinels: [{ host, port: Number(port) }], name: MASTER })
}

/** Each server that has keys of its own. */
export function serversOf(redis: Redis | Cluster): readonly Redis[] {
  return redis instanceof Cluster ? redis.nodes('master') : [redis]
}

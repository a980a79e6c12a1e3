/** A client of one Redis, or of a Cluster: `cluster://127.0.0.1:7000` names one of its nodes. */
import { Cluster, Redis } from 'ioredis'

export function connect(url: string): Redis | Cluster {
  return url.startsWith('cluster:') ? new Cluster([url.replace('cluster:', 'redis:')]) : new Redis(url)
}

/** Each server that has keys of its own. */
export function serversOf(redis: Redis | Cluster): readonly Redis[] {
  return redis instanceof Cluster ? redis.nodes('master') : [redis]
}

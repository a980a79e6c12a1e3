/**
 * What the Sentinels say of a server that has hung and answers again on the same connection: meanwhile they may have made another one
 * the master, and it is some seconds until they tell the old one. Until then it acknowledges invalidations that nobody else sees.
 * At a new connection ioredis asks them itself.
 */
import type { Cluster, Redis, RedisOptions } from 'ioredis'
import { LATE, within } from '../waiting.js'

interface Master {
  /** Of the process, as in its `INFO`; empty: the Sentinel has not met it yet. */
  readonly runId: string
  /** Grows with each failover. */
  readonly epoch: number
}

export class Sentinels {
  readonly #redis: Redis

  /** Undefined: the client is not behind Sentinels. */
  static of(redis: Redis | Cluster): Sentinels | undefined {
    if (redis.isCluster) return undefined
    const { sentinels, name } = redis.options as Partial<RedisOptions>
    return sentinels == null || sentinels.length === 0 || name == null ? undefined : new Sentinels(redis as Redis)
  }

  private constructor(redis: Redis) {
    this.#redis = redis
  }

  /**
   * Whether a server is the master now, by the Sentinel that knows of the latest failover, or all that answer refuse to say. One
   * connection to each of them, closed at once.
   *
   * @param runId - of the server, from its `INFO`
   */
  async allow(runId: string, ms: number): Promise<boolean> {
    const { sentinels = [] } = this.#redis.options
    const answers = await Promise.all(sentinels.map(sentinel => this.#ask(sentinel, ms)))
    const known = answers.filter(answer => answer instanceof Object)
    const latest = known.toSorted((a, b) => b.epoch - a.epoch)[0]
    return latest === undefined ? answers.includes('refused') : latest.runId === runId
  }

  async #ask(sentinel: Partial<{ host: string; port: number }>, ms: number): Promise<Master | 'refused' | undefined> {
    const { name, sentinelUsername, sentinelPassword, sentinelTLS } = this.#redis.options
    const client = this.#redis.duplicate({
      ...sentinel,
      sentinels: undefined,
      name: undefined,
      username: sentinelUsername,
      password: sentinelPassword,
      tls: sentinelTLS,
      db: 0,
      keyPrefix: '',
      readOnly: false,
      lazyConnect: true,
      enableReadyCheck: false,
      enableAutoPipelining: false,
      // The question waits until it is connected, whatever the caller's client does.
      enableOfflineQueue: true,
      connectTimeout: ms,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    })
    client.on('error', () => undefined)
    const asked = client
      .call('SENTINEL', 'MASTER', name as string)
      .then(masterIn, (error: Error) => (error.name === 'ReplyError' ? ('refused' as const) : undefined))
    const answer = await within(asked, ms)
    client.disconnect()
    return answer === LATE ? undefined : answer
  }
}

/** Names and values in turns, or, in RESP3, by name. */
function masterIn(reply: unknown): Master | undefined {
  if (typeof reply !== 'object' || reply === null) return undefined
  const fields = new Map<string, string>()
  if (Array.isArray(reply)) {
    for (let i = 0; i < reply.length; i += 2) fields.set(String(reply[i]), String(reply[i + 1]))
  } else for (const [name, value] of Object.entries(reply)) fields.set(name, String(value))
  return { runId: fields.get('runid') ?? '', epoch: Number(fields.get('config-epoch') ?? 0) }
}

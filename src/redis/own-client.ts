/**
 * The ioredis client of a URL, made by the cache: one per URL and process, however often a module is loaded again (hot reload). It
 * does not keep the process alive, and it is closed with the last cache that uses it.
 */
import type { Duplex } from 'node:stream'
import { Redis } from 'ioredis'
import { within } from '../waiting.js'

/** Shared by all copies of this module. */
const CLIENTS = Symbol.for('prisma-extension-cache-aside.clients')
const clients = ((globalThis as { [CLIENTS]?: Map<string, OwnClient> })[CLIENTS] ??= new Map())

export class OwnClient {
  readonly redis: Redis
  /** The last error of its connection. */
  lastError: string | undefined
  /** The caches that use it; weakly, so one that the application has dropped can be collected. */
  readonly #users = new Set<WeakRef<object>>()
  #closing: Promise<unknown> | undefined

  static of(url: string): OwnClient {
    let own = clients.get(url)
    if (own === undefined) clients.set(url, (own = new OwnClient(url)))
    return own
  }

  private constructor(url: string) {
    // Commands are sent only while it is ready, so its queue stays empty: they are never rejected by the number of reconnects.
    this.redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: null })
    this.redis.on('error', error => {
      this.lastError = error.message
    })
    keepNoProcessAlive(this.redis)
  }

  /** Connects, unless it is connected. */
  use(user: object): void {
    if (!this.#isUsedBy(user)) this.#users.add(new WeakRef(user))
    void this.#connect()
  }

  /** Closes it when nothing uses it any more: after the replies to what was sent, but within `ms`. */
  async release(user: object, ms: number): Promise<void> {
    for (const ref of this.#users) if ((ref.deref() ?? user) === user) this.#users.delete(ref)
    if (this.#users.size > 0 || this.redis.status === 'wait' || this.redis.status === 'end') return
    if (this.redis.status === 'ready') this.#closing ??= within(this.redis.quit(), ms)
    await this.#closing
    this.#closing = undefined
    if (this.#users.size === 0) this.redis.disconnect()
  }

  async #connect(): Promise<void> {
    await this.#closing
    if (this.redis.status === 'wait' || this.redis.status === 'end') await this.redis.connect().catch(() => undefined)
  }

  #isUsedBy(user: object): boolean {
    return [...this.#users].some(ref => ref.deref() === user)
  }
}

/** By shape: it may have been made by another copy of this module. */
export function isOwnClient(client: object): client is OwnClient {
  return 'release' in client && 'redis' in client
}

/** Whatever waits for a reply has a timer of its own. */
export function keepNoProcessAlive(redis: Redis): void {
  const internals = redis as unknown as { stream?: { unref?: () => void }; reconnectTimeout?: NodeJS.Timeout }
  const unref = () => internals.stream?.unref?.()
  // The socket is made in a later tick.
  redis.on('connecting', () => setImmediate(unref))
  redis.on('connect', unref)
  redis.on('reconnecting', () => internals.reconnectTimeout?.unref?.())
}

/**
 * Ends a connection that does not connect again, at once: `disconnect` keeps a timer for two seconds, where the other side hangs and where the
 * socket is closed already.
 */
export function disconnectNow(redis: Redis): void {
  // While it is connecting, only its connector has the socket.
  const { connector } = redis as unknown as { readonly connector?: { readonly stream?: Duplex | null } }
  const stream = connector?.stream
  if (stream?.destroyed === true) return
  redis.disconnect()
  stream?.destroy()
}

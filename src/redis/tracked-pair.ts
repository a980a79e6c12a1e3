/**
 * Two connections to one server for the near cache: one that reads with `CLIENT TRACKING … REDIRECT`, and one that the server tells when a
 * key that was read has changed. Both are made from the caller's options, and keep no process alive.
 *
 * # How old an answer can be
 *
 * A connection can hang half-open, so that nothing is heard and nothing fails. So both are asked, a few times within `maxStaleMs`: the
 * telling one by `PING`, whose reply comes behind all that the server has told before, and the reading one by the `DEL` of a key that is
 * never there: a server that has become a replica, has lost the slot or its own replicas refuses it. When both have answered, what changed before the
 * question was asked has been told: `freshAt`.
 *
 * # Once in doubt, never again
 *
 * Tracking ends with a connection, and ioredis would connect again in silence. So these never do: the first error, `close` or late reply ends
 * both, with all that was kept, and the next look-up begins another pair.
 *
 * Source: Redis, "Client-side caching" (default mode with redirection, for clients of RESP2).
 */
import type { Redis } from 'ioredis'
import { LATE, within } from '../waiting.js'
import { disconnectNow, keepNoProcessAlive } from './own-client.js'

/** Who keeps what was read, of a bucket of keys. */
export interface Reader {
  /** Never stored. */
  readonly absentKey: string
  /** @param key - undefined: any key may have changed */
  readonly onChanged: (key: string | undefined) => void
  readonly onLost: () => void
}

const OPEN_MS = 5_000
/** Without a look-up for so long, the connections are closed. */
const IDLE_MS = 30_000
/** Times that both connections are asked within `maxStaleMs`. */
const BEATS = 4

export class TrackedPair {
  readonly #target: Redis
  readonly #maxStaleMs: number
  readonly #readers = new Set<Reader>()
  readonly #keyPrefix: string
  readonly #reading: Redis
  readonly #telling: Redis
  #opening: Promise<boolean> | undefined
  #timer: NodeJS.Timeout | undefined
  #usedAt = performance.now()
  #isLost = false
  #tellLost!: (isOpen: false) => void
  readonly #whenLost = new Promise<false>(resolve => {
    this.#tellLost = resolve
  })
  /** What had changed before this moment has been told. */
  freshAt = Number.NEGATIVE_INFINITY
  /** Whether it was used since it was asked last. */
  isUsed = false

  /** @param target - the caller's connection to the same server */
  constructor(target: Redis, maxStaleMs: number) {
    this.#target = target
    this.#maxStaleMs = maxStaleMs
    this.#keyPrefix = target.options.keyPrefix ?? ''
    this.#reading = this.connection('reading')
    this.#telling = this.connection('telling')
    this.#telling.on('messageBuffer', (_: Buffer, keys: unknown) => this.#told(keys))
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /** The connection that is told of changes of what it has read. */
  get reading(): Redis {
    return this.#reading
  }

  join(reader: Reader): void {
    this.#readers.add(reader)
  }

  leave(reader: Reader): void {
    this.#readers.delete(reader)
  }

  /** Connects, once. Answers whether what is read is tracked from now on; rejects with the error of a server that refuses. */
  open(): Promise<boolean> {
    return (this.#opening ??= this.#open())
  }

  /** Ends both connections for good. */
  lose(): void {
    if (this.#isLost) return
    this.#isLost = true
    clearTimeout(this.#timer)
    this.#tellLost(false)
    for (const reader of this.#readers) reader.onLost()
    this.#readers.clear()
    disconnectNow(this.#reading)
    disconnectNow(this.#telling)
  }

  /** Not connected yet. */
  connection(_role: 'reading' | 'telling'): Redis {
    const connection = this.#target.duplicate({
      // Under RESP3 ioredis tells of no change.
      protocol: 2,
      lazyConnect: true,
      // Otherwise it subscribes before `CLIENT ID`, which is then refused.
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      enableAutoPipelining: false,
      enableOfflineQueue: false,
      maxRetriesPerRequest: null,
      retryStrategy: () => null,
      sentinelRetryStrategy: () => null,
      reconnectOnError: null,
      // Otherwise a connection that is closed already leaves a timer, for two seconds.
      disconnectTimeout: 1,
      // It would stay connected to the Sentinels. `Health` knows when there is another master.
      failoverDetector: false,
      commandTimeout: undefined,
      monitor: false,
    })
    keepNoProcessAlive(connection)
    connection.on('error', () => this.lose())
    connection.on('close', () => this.lose())
    return connection
  }

  async #open(): Promise<boolean> {
    try {
      // A client that is told to disconnect while it looks for the master does not say so.
      const connected = Promise.all([this.#reading.connect(), this.#telling.connect()]).then(() => true)
      const isOpen = await within(Promise.race([connected, this.#whenLost]), OPEN_MS)
      if (isOpen !== true || this.#isLost) return false
      const id = await this.#telling.client('ID')
      await this.#telling.subscribe('__redis__:invalidate')
      await this.#reading.client('TRACKING', 'ON', 'REDIRECT', id)
      await this.#beat()
      return !this.#isLost
    } catch (error) {
      if (isRefusal(error)) throw error
      return false
    } finally {
      if (this.freshAt < 0) this.lose()
    }
  }

  #told(keys: unknown): void {
    for (const reader of this.#readers) {
      if (!Array.isArray(keys)) reader.onChanged(undefined)
      else for (const key of keys) reader.onChanged(String(key).slice(this.#keyPrefix.length))
    }
  }

  /** Resolves when all that had changed before was told. */
  heard(): Promise<unknown> {
    return this.#telling.ping()
  }

  async #beat(): Promise<void> {
    const asked = performance.now()
    if (this.isUsed) this.#usedAt = asked
    this.isUsed = false
    if (asked - this.#usedAt > IDLE_MS || this.#target.status === 'end') return this.lose()
    const dels = [...this.#readers].map(({ absentKey }) => this.#reading.del(absentKey))
    const replies = await within(Promise.all([this.heard(), ...dels]), this.#maxStaleMs)
    if (replies === LATE) return this.lose()
    if (this.#isLost) return
    this.freshAt = asked
    this.#timer = setTimeout(() => void this.#beat(), this.#maxStaleMs / BEATS)
    this.#timer.unref()
  }
}

/** An error that Redis answered, such as that of a user who may not use `CLIENT`. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError'
}

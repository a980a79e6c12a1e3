/** Which server is at the other end, and whether its epochs are known to be right. Obstacles are reported once. */
import type { Emit, ErrorCode } from '../events.js'
import type { Connection } from './connection.js'
import { KnownServers } from './known-servers.js'
import type { ServerClock } from './server-clock.js'

export interface ServerCheckOptions {
  readonly prefix: string
  readonly epochs: readonly string[]
  readonly deadlineMs: number
  /** Learns the time of the server. */
  readonly serverClock: ServerClock
  /** A number that changes with each connect. */
  readonly connects: () => number
  readonly onReplica: () => void
  readonly emit: Emit
}

export class ServerCheck {
  readonly #connection: Connection
  readonly #options: ServerCheckOptions
  readonly #known: KnownServers
  /** The server that was identified last: from then on, invalidations go to it. */
  #last: string | undefined
  /** Whether invalidations went to another server since the server was known: then it has not seen all of them. */
  #isAnother = false
  /** What ended the last check, if it is something to be said once. */
  #obstacle: ErrorCode | undefined
  #message: string | undefined
  #usedAt: number | undefined
  /** The connect whose server is `#last`. */
  #identifiedAt: number | undefined
  /** The connect whose server has acknowledged an invalidation before it was identified; NaN: it is not known which, or there were several. */
  #unidentified: number | undefined

  constructor(connection: Connection, options: ServerCheckOptions) {
    this.#connection = connection
    this.#options = options
    this.#known = new KnownServers(connection, options)
  }

  /**
   * Undefined: Redis did not answer, or it can't be used, or the client has connected again meanwhile.
   *
   * @param connects - of the connection that is checked
   */
  async identify(connects: number): Promise<string | undefined> {
    const { otherDatabase } = this.#connection
    if (otherDatabase !== undefined) {
      const message =
        `The application has selected database ${otherDatabase} on the Redis client of the cache (SELECT): nothing is read from ` +
        `the cache, and invalidations wait, until it selects the former one again. Give the cache a client of its own.`
      this.#say('OTHER_DATABASE', message)
      return undefined
    }
    const askedAt = performance.now()
    const server = await this.#connection.server(this.#options.deadlineMs)
    if (server === undefined) return undefined
    if (server.tooOld !== undefined) {
      this.#say('REDIS_TOO_OLD', `Redis ${server.tooOld} is older than 7.0: nothing is cached.`)
      return undefined
    }
    if (server.replica) {
      this.#options.onReplica()
      return undefined
    }
    const { identity } = server
    if (connects === this.#usedAt && !(await this.#isStillMaster(identity))) {
      this.#message = 'it has hung, and its Sentinels do not say that it is still the master'
      return undefined
    }
    if (server.timeMs !== undefined) this.#options.serverClock.learn(server.timeMs, askedAt)
    // What was said may have come from the server of a later connection.
    if (connects !== this.#options.connects()) return undefined
    const wentElsewhere = this.#unidentified !== undefined && this.#unidentified !== connects
    this.#isAnother ||= wentElsewhere || (this.#last !== undefined && this.#last !== identity)
    this.#last = identity
    this.#identifiedAt = connects
    this.#unidentified = undefined
    return identity
  }

  /**
   * A server has acknowledged an invalidation. Where that is not the one that was identified, and the client is with that one again
   * by the time it is asked: it has not seen the invalidation.
   *
   * @param sentAt - the connect at which it was sent
   */
  acknowledged(sentAt: number): void {
    const isSame = sentAt === this.#options.connects()
    if (isSame && sentAt === this.#identifiedAt) return
    const isOnly = isSame && (this.#unidentified ?? sentAt) === sentAt
    this.#unidentified = isOnly ? sentAt : Number.NaN
  }

  /**
   * Whether the server is known now: its epochs were invalidated by the process that met it first, or just now by this one.
   *
   * @param connects - of the connection that `identity` was said on
   */
  async isKnown(identity: string, connects: number): Promise<boolean> {
    const isSame = () => connects === this.#options.connects()
    const outcome = await this.#known.check(identity, this.#isAnother, connects, isSame)
    // Otherwise what was done may have been done to another server.
    if (!isSame()) return false
    if (outcome === 'refused') {
      const message =
        `This process can't mark the Redis server as known, as Redis refuses to SET (it is full, or the user may not): ` +
        `nothing is cached here until it can. The entries of other processes stay as they are.`
      this.#say('REDIS_NOT_WRITABLE', message)
    }
    if (outcome === 'known') this.#isAnother = false
    return outcome === 'known'
  }

  /** What it was that ended the last check, in words. */
  get obstacle(): string | undefined {
    return this.#message
  }

  /** The server is used from here on, on this connection. */
  used(connects: number): void {
    this.#usedAt = connects
    this.#obstacle = undefined
    this.#message = undefined
    this.#known.used()
  }

  renewMark(): Promise<void> {
    return this.#known.renew()
  }

  /** Whether a server that answers again on the same connection is the master still. Only Sentinels know; without them it is. */
  async #isStillMaster(identity: string): Promise<boolean> {
    const { sentinels } = this.#connection
    const [runId = ''] = identity.split('.')
    if (sentinels === undefined || runId === '') return true
    return sentinels.allow(runId, this.#options.deadlineMs)
  }

  /** Once, and not at each check that fails for the same reason. */
  #say(code: ErrorCode, message: string): void {
    this.#message = message
    if (this.#obstacle === code) return
    this.#obstacle = code
    this.#options.emit({ type: 'error', code, message })
  }
}

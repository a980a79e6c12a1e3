/**
 * Whether this process may use what Redis says: the circuit breaker. It may not before the server is known (a new process at the
 * other end, restored from a snapshot or failed over, may hold entries whose invalidation it never saw), nor while an invalidation
 * of this process was not acknowledged. The way back is one function, `#recoverOnce`. It runs at each (re)connect and, while the
 * cache is not used, in intervals: no state needs an event to end (the table in `docs/design.md`). Meanwhile reads use the database.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from './connection.js'
import { patiently } from '../waiting.js'
import type { Emit } from '../events.js'
import { Failures } from './failures.js'
import type { FleetView } from './fleet-view.js'
import { Journal } from './journal.js'
import { Refusals } from './refusals.js'
import { FIRST_RETRY_MS, LONGEST_CLUSTER_RETRY_MS, LONGEST_RETRY_MS, Retry } from './retry.js'
import { ServerCheck } from './server-check.js'
import type { ServerClock } from './server-clock.js'

export interface HealthOptions {
  readonly prefix: string
  /** `@rows` and `@any` of every model, all link epochs, and `@values`: invalidating them leaves no entry valid. */
  readonly epochs: readonly string[]
  readonly deadlineMs: number
  readonly holdMs: number
  readonly fleet: FleetView
  readonly serverClock: ServerClock
  readonly emit: Emit
}

export class Health {
  readonly #connection: Connection
  readonly #options: HealthOptions
  readonly #unwatch: () => void
  readonly #journal: Journal
  #trusted = false
  /** What was said last of whether Redis is usable. */
  #said: boolean | undefined
  #why = 'it has not answered yet'
  #starting: Promise<number> | undefined
  readonly #failures = new Failures()
  readonly #refusals: Refusals
  #connects = 0
  #generation = 0
  #hanging = false
  #recovering: Promise<void> | undefined
  readonly #retry: Retry
  readonly #server: ServerCheck
  #closed = false
  #checking: Promise<boolean> | undefined
  #renewal: NodeJS.Timeout | undefined

  constructor(connection: Connection, options: HealthOptions) {
    this.#connection = connection
    this.#retry = new Retry(() => this.#recover(), connection.isCluster ? LONGEST_CLUSTER_RETRY_MS : undefined)
    this.#options = options
    const { epochs, deadlineMs, holdMs, fleet, emit } = options
    this.#refusals = new Refusals(emit)
    this.#server = new ServerCheck(connection, {
      ...options,
      connects: () => this.#connects,
      onReplica: () => this.#refusal('READONLY'),
    })
    this.#journal = new Journal(connection, {
      epochs,
      deadlineMs,
      holdMs,
      // What is queued was named before another version of the schema may have come.
      instead: () => (fleet.others > 0 ? fleet.everything() : undefined),
      emit,
    })
    this.#unwatch = connection.watch({
      onReady: () => {
        this.#connects++
        this.#retry.reset()
        this.#recover()
      },
      onClose: () => {
        this.#suspend('the connection was lost')
        // A Cluster stays ready when a node goes, and may not say when it is back.
        this.#schedule()
      },
      onRefusal: (code, command) => this.#refusal(code, command),
    })
    if (connection.ready) this.#recover()
    else this.#schedule()
  }

  /** Whether reads may use Redis now. */
  get usable(): boolean {
    return this.#trusted && this.#here() && this.#options.fleet.ours
  }

  /** Whether the connection leads to the servers that were checked. If not, that is noticed here, without any event. */
  #here(): boolean {
    const { ready, sameServer, otherDatabase } = this.#connection
    if (this.#trusted && (!sameServer || otherDatabase !== undefined)) {
      this.#connects++
      this.#suspend(sameServer ? 'the application has selected another database' : 'the server is another one')
      this.#retry.reset()
      this.#schedule()
    }
    return ready
  }

  /**
   * Changes whenever the use of the cache stops. A reply to a command of another generation must not be used: ioredis sends
   * what is in progress again after a reconnect, to a server whose identity has not been checked.
   */
  get generation(): number {
    this.#here()
    return this.#generation
  }

  /** Whether invalidations are sent: not while commands go unanswered. */
  get responding(): boolean {
    return this.#here() && !this.#hanging && this.#options.fleet.fresh
  }

  /** Whether reads use Redis: also where a process was idle, and the next one first checks again which others share the keys. */
  get inUse(): boolean {
    const { ours, unsettled } = this.#options.fleet
    return this.#trusted && this.#here() && (ours || unsettled)
  }

  /** Why reads do not use Redis, in words; undefined while they do, and before the first of them. */
  get obstacle(): string | undefined {
    if (this.inUse || this.#starting === undefined) return undefined
    if (this.#closed) return 'the cache was closed'
    return this.#connection.ready ? (this.#server.obstacle ?? this.#why) : this.#connection.obstacle
  }

  /** How many keys and holds Redis has not acknowledged yet. */
  get pending(): number {
    return this.#journal.size
  }

  /**
   * Waits, once at the start of a process, until the first connection is checked, or plainly won't be in time; and, where a
   * process was idle, until it knows again which processes share the keys. All of it no longer than `ms`.
   */
  async started(ms: number, forWrite = false): Promise<void> {
    const isFirst = this.#starting === undefined
    this.#starting ??= this.#start(ms)
    const left = await this.#starting
    const { fleet } = this.#options
    // A cache that was closed checks for others only when it has something to invalidate.
    const isWanted = this.#trusted || (forWrite && this.#closed)
    if (isWanted && this.#here() && !this.#hanging && fleet.unsettled)
      await patiently(this.#check(), isFirst ? left : ms)
  }

  async #start(ms: number): Promise<number> {
    if (this.#closed) return ms
    let left = await this.#connection.opened(ms)
    if (this.#recovering !== undefined) left = await patiently(this.#recovering, left)
    if (!this.#trusted) this.#say(false)
    return left
  }

  /** Checks again which processes share the keys, one check at a time. */
  #check(): Promise<boolean> {
    const checkIn = async () => {
      try {
        return await this.#options.fleet.checkIn(this.#options.deadlineMs)
      } catch (error) {
        return this.#unexpected(error)
      } finally {
        this.#checking = undefined
      }
    }
    return (this.#checking ??= checkIn())
  }

  /** The source of the rows has become known: checks again which processes share the keys. */
  checkAgain(): void {
    if (this.#trusted && this.#connection.ready) void this.#check()
  }

  #renewLater(ms: number): void {
    clearTimeout(this.#renewal)
    if (this.#closed) return
    // Weakly: a cache that the application has dropped can be collected.
    const self = new WeakRef(this)
    this.#renewal = setTimeout(() => {
      const health = self.deref()
      if (health !== undefined) void health.#renew()
    }, ms)
    this.#renewal.unref()
  }

  async #renew(): Promise<void> {
    const { renewMs, isUsed } = this.#options.fleet
    if (!this.#trusted || !this.#connection.ready || !isUsed) return this.#renewLater(renewMs)
    const checked = await this.#check()
    // Otherwise, after a week, the next process would take the server for an unknown one and invalidate all entries.
    if (this.#trusted) await this.#server.renewMark()
    if (!checked) this.#options.fleet.touch()
    this.#renewLater(checked ? renewMs : Math.min(renewMs, LONGEST_RETRY_MS))
  }

  /** A round trip of a read came back in time. */
  succeeded(): void {
    // Reset the back-off here, and not when the cache is used again: a Redis that answers probes but not reads would flap every 50 ms.
    this.#retry.reset()
  }

  /** A round trip of a read got no answer in time. */
  failed(): void {
    if (!this.#failures.add()) return
    this.#hanging = true
    this.#suspend('it does not answer in time')
    this.#schedule()
  }

  /** Before an invalidation is sent; what it answers is to be called when it was acknowledged. */
  sending(): () => void {
    const connects = this.#connects
    return () => this.#server.acknowledged(connects)
  }

  /** Queues what Redis did not acknowledge: it is replayed before this process uses the cache again. */
  queue(holds: readonly string[], keys: readonly string[]): void {
    if (this.#connection.ready) this.#hanging = true
    this.#journal.add(holds, keys)
    this.#suspend('it has not acknowledged an invalidation')
    this.#schedule()
  }

  /**
   * Stops using the cache for good and replays what it can within `ms`; answers how many invalidations are left. Those of later
   * writes are queued and replayed as always.
   */
  async close(ms: number): Promise<number> {
    this.#closed = true
    this.#suspend('the cache was closed')
    this.#unwatch()
    clearTimeout(this.#renewal)
    await this.#replay(ms)
    this.#retry.cancel()
    await this.#connection.rest(ms)
    return this.pending
  }

  /** Closes a client that was made for a URL, until it is used again. */
  async rest(ms: number): Promise<void> {
    if (!this.#connection.isOwn || this.#connection.resting) return
    await this.#replay(ms)
    // No event: it is not used because nothing is asked.
    this.#generation++
    this.#trusted = false
    this.#retry.cancel()
    this.#starting = undefined
    await this.#connection.rest(ms)
  }

  async #replay(ms: number): Promise<void> {
    const until = performance.now() + ms
    while (this.pending > 0 && performance.now() < until) {
      this.#recover()
      await patiently(this.#recovering ?? Promise.resolve(), until - performance.now())
      if (this.pending > 0) await sleep(Math.min(FIRST_RETRY_MS, Math.max(until - performance.now(), 0)))
    }
  }

  #refusal(code: string, command?: string): void {
    this.#refusals.report(code, command)
    // It has become a replica: invalidations of other processes may go to another server now.
    if (code === 'READONLY' && this.#trusted) {
      this.#suspend('the server is a replica')
      this.#schedule()
    }
  }

  #suspend(why: string): void {
    this.#generation++
    this.#why = why
    const wasTrusted = this.#trusted
    this.#trusted = false
    if (wasTrusted) this.#say(false)
  }

  #say(usable: boolean): void {
    if (usable === this.#said) return
    this.#said = usable
    this.#options.emit(usable ? { type: 'redis', usable } : { type: 'redis', usable, why: this.obstacle ?? this.#why })
  }

  #unexpected(error: unknown): false {
    const what = error instanceof Error ? error.name : typeof error
    const message = `The cache met an error of its own, and is not used until it is over: ${what}. Please report it.`
    this.#options.emit({ type: 'error', code: 'UNEXPECTED', message })
    return false
  }

  #schedule(): void {
    if (this.#connection.resting) return
    if (this.#wanted) this.#retry.schedule()
  }

  /** Whether another attempt is worth it. A cache that was closed still replays the invalidations of its writes. */
  get #wanted(): boolean {
    return !this.#closed || this.pending > 0
  }

  #recover(): void {
    if (this.#recovering !== undefined || !this.#wanted) return
    const connects = this.#connects
    const recovered = this.#recoverOnce().catch((error: unknown) => this.#unexpected(error))
    this.#recovering = recovered.then(isRecovered => {
      this.#recovering = undefined
      if (!this.#wanted) return
      // A reconnect in the meantime may have brought another server, or a write another invalidation: once more.
      if (connects !== this.#connects || (isRecovered && this.pending > 0)) return this.#recover()
      if (!isRecovered || !this.#connection.sameServer) {
        this.#connection.refreshSlots(() => this.#recover())
        return this.#schedule()
      }
      if (!this.#closed) this.#resume()
    })
  }

  #resume(): void {
    this.#trusted = true
    this.#retry.cancel()
    this.#failures.reset()
    this.#server.used(this.#connects)
    this.#say(true)
  }

  /** Checks which server it is and which processes share the keys, replays the journal, and checks whether the server is known. */
  async #recoverOnce(): Promise<boolean> {
    this.#connection.rememberServer()
    const connects = this.#connects
    const identity = await this.#server.identify(connects)
    if (identity === undefined || !(await this.#check())) return false
    // Redis answers: invalidations go out at once from here on, or the journal would grow while it is replayed.
    this.#hanging = false
    const isOwed = this.pending > 0
    if (!(await this.#journal.replay())) {
      this.#hanging = true
      return false
    }
    if (isOwed) this.#server.acknowledged(connects)
    // Last, because a process that can't use the server still has to invalidate what it has written.
    if (this.#closed || !(await this.#server.isKnown(identity, connects))) return this.#closed
    this.#renewLater(this.#options.fleet.renewMs)
    return true
  }
}

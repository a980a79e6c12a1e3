/**
 * Whether this process may trust what Redis says. It may not before the server is known (a new process at the other end,
 * restored from a snapshot or failed over, may hold entries whose invalidation it never saw), nor while an invalidation
 * of ours was not acknowledged. Getting there is one function, `#attempt`; it runs at each (re)connect and, while there is no
 * trust, in intervals: no state without trust needs an event to end (the table in `docs/design.md`). Meanwhile reads go to the
 * database.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from './connection.js'
import { patiently } from './waiting.js'
import type { Emit, ErrorCode } from '../events.js'
import { Journal } from './journal.js'
import { KnownServers } from './marks.js'

/** Who else uses the keys (`fleet.ts`). */
export interface FleetView {
  /** Leaves a sign of life and learns of the others. False: Redis did not answer. */
  checkIn(ms: number): Promise<boolean>
  /** Whether invalidations may be sent: what is known of the others is recent. */
  readonly fresh: boolean
  /** Whether reads may use the keys. */
  readonly ours: boolean
  /** Whether another look could change that. */
  readonly unsettled: boolean
  readonly renewMs: number
  /** The keys are read or written: a process that is not used lets its sign of life run out. */
  touch(): void
  /** Whether they were since the last sign of life. */
  readonly isUsed: boolean
  /** How many other versions of the schema are alive. */
  readonly others: number
  /** Everything that any of them believes to depend on a write. */
  everything(): readonly string[]
}

export interface HealthOptions {
  readonly prefix: string
  /** `@rows` and `@any` of every model, and all link epochs: dropping them leaves no entry valid. */
  readonly epochs: readonly string[]
  readonly deadlineMs: number
  readonly holdMs: number
  readonly fleet: FleetView
  readonly emit: Emit
}

/** So many failed round trips within this time end the trust. Not in a row: one node of a Cluster may hang alone. */
const FAILURES_TO_DISTRUST = 3
const FAILURES_WITHIN_MS = 1_000
const FIRST_RETRY_MS = 50
const LONGEST_RETRY_MS = 1_000
/** An error that Redis answers to each command is one event in this time, not one per command. */
const REFUSALS_APART_MS = 1_000

export class Health {
  readonly #connection: Connection
  readonly #options: HealthOptions
  readonly #unwatch: () => void
  readonly #journal: Journal
  #trusted = false
  #starting: Promise<number> | undefined
  #failures = 0
  #firstFailureAt = 0
  readonly #refusals = new Map<string, number>()
  #connects = 0
  #generation = 0
  #hanging = false
  #lastTrusted: readonly string[] | undefined
  #healing: Promise<void> | undefined
  #retry: NodeJS.Timeout | undefined
  #retryMs = FIRST_RETRY_MS
  /** What ended the last attempt, if it is something to be said once. */
  #obstacle: ErrorCode | undefined
  readonly #marks: KnownServers
  #closed = false
  #checking: Promise<boolean> | undefined
  #renewal: NodeJS.Timeout | undefined

  constructor(connection: Connection, options: HealthOptions) {
    this.#connection = connection
    this.#options = options
    const { prefix, epochs, deadlineMs, holdMs, fleet, emit } = options
    this.#marks = new KnownServers(connection, { prefix, epochs, deadlineMs })
    this.#journal = new Journal(connection, {
      epochs,
      deadlineMs,
      holdMs,
      // What was owed was named before another version may have come.
      instead: () => (fleet.others > 0 ? fleet.everything() : undefined),
      emit,
    })
    this.#unwatch = connection.watch({
      onReady: () => {
        this.#connects++
        this.#retryMs = FIRST_RETRY_MS
        this.#heal()
      },
      onClose: () => {
        this.#distrust()
        // A Cluster stays ready when one of its nodes goes, and may not say when it is back.
        this.#schedule()
      },
      onRefusal: (code, command) => this.#refusal(code, command),
    })
    if (connection.ready) this.#heal()
    else this.#schedule()
  }

  /** Whether reads may ask Redis now. */
  get usable(): boolean {
    return this.#trusted && this.#here() && this.#options.fleet.ours
  }

  /** Whether the connection leads where it did when it was trusted. If not, that is noticed here, without any event. */
  #here(): boolean {
    const { ready, sameServers, otherDatabase } = this.#connection
    if (this.#trusted && (!sameServers || otherDatabase !== undefined)) {
      this.#connects++
      this.#distrust()
      this.#retryMs = FIRST_RETRY_MS
      this.#schedule()
    }
    return ready
  }

  /**
   * Changes whenever trust is lost. A reply to a command that was sent under another one is not to be used: ioredis sends
   * what is under way again after a reconnect, to a server that nobody has looked at yet.
   */
  get generation(): number {
    this.#here()
    return this.#generation
  }

  /** Whether an invalidation is worth sending: not while commands go unanswered. */
  get responding(): boolean {
    return this.#here() && !this.#hanging && this.#options.fleet.fresh
  }

  /** Invalidations that Redis has not acknowledged yet. */
  get pending(): number {
    return this.#journal.size
  }

  /**
   * Waits, once at the start of a process, until the first connection is up and trusted, or plainly won't be in time; and,
   * where a process was idle, until it knows again who else uses the keys. All of it no longer than `ms`.
   */
  async started(ms: number, forWrite = false): Promise<void> {
    const isFirst = this.#starting === undefined
    this.#starting ??= this.#start(ms)
    const left = await this.#starting
    const { fleet } = this.#options
    // A cache that was closed learns of the others only when it has something to tell them.
    const isWanted = this.#trusted || (forWrite && this.#closed)
    if (isWanted && this.#here() && !this.#hanging && fleet.unsettled)
      await patiently(this.#check(), isFirst ? left : ms)
  }

  async #start(ms: number): Promise<number> {
    if (this.#closed) return ms
    const left = await this.#connection.opened(ms)
    return this.#healing === undefined ? left : patiently(this.#healing, left)
  }

  /** Looks again who else uses the keys, once at a time. */
  #check(): Promise<boolean> {
    return (this.#checking ??= this.#options.fleet.checkIn(this.#options.deadlineMs).finally(() => {
      this.#checking = undefined
    }))
  }

  /** What the keys depend on has changed: looks again who else uses them. */
  checkAgain(): void {
    if (this.#trusted && this.#connection.ready) void this.#check()
  }

  #renewLater(ms: number): void {
    clearTimeout(this.#renewal)
    if (this.#closed) return
    this.#renewal = setTimeout(() => void this.#renew(), ms)
    this.#renewal.unref()
  }

  async #renew(): Promise<void> {
    const { renewMs, isUsed } = this.#options.fleet
    if (!this.#trusted || !this.#connection.ready || !isUsed) return this.#renewLater(renewMs)
    const checked = await this.#check()
    // Or the next process would take the server for an unknown one, when a week is over, and drop all entries.
    if (this.#trusted) await this.#marks.renew()
    if (!checked) this.#options.fleet.touch()
    this.#renewLater(checked ? renewMs : Math.min(renewMs, LONGEST_RETRY_MS))
  }

  /** A round trip of a read came back in time. */
  succeeded(): void {
    // Not when trust comes back: a Redis that answers us but no read in time would be trusted again every 50 ms.
    this.#retryMs = FIRST_RETRY_MS
  }

  /** A round trip of a read got no answer in time. */
  failed(): void {
    const now = performance.now()
    if (now - this.#firstFailureAt > FAILURES_WITHIN_MS) {
      this.#firstFailureAt = now
      this.#failures = 0
    }
    if (++this.#failures < FAILURES_TO_DISTRUST) return
    this.#hanging = true
    this.#distrust()
    this.#schedule()
  }

  /** Keeps what Redis did not acknowledge: it is done before this process trusts the cache again. */
  queue(holds: readonly string[], keys: readonly string[]): void {
    if (this.#connection.ready) this.#hanging = true
    this.#journal.add(holds, keys)
    this.#distrust()
    this.#schedule()
  }

  /**
   * Ends the trust for good and repays what can be repaid within `ms`; answers what can't. What is owed after that by writes
   * to come is repaid as always.
   */
  async close(ms: number): Promise<number> {
    this.#closed = true
    this.#distrust()
    this.#unwatch()
    clearTimeout(this.#renewal)
    const until = performance.now() + ms
    while (this.pending > 0 && performance.now() < until) {
      this.#heal()
      await patiently(this.#healing ?? Promise.resolve(), until - performance.now())
      if (this.pending > 0) await sleep(Math.min(FIRST_RETRY_MS, Math.max(until - performance.now(), 0)))
    }
    clearTimeout(this.#retry)
    this.#retry = undefined
    return this.pending
  }

  #refusal(code: string, command?: string): void {
    const now = performance.now()
    const what = command === undefined ? code : `${code} ${command}`
    if (now - (this.#refusals.get(what) ?? Number.NEGATIVE_INFINITY) >= REFUSALS_APART_MS) {
      this.#refusals.set(what, now)
      const which = command === undefined ? 'a command' : `a command (${command})`
      this.#options.emit({ type: 'error', code: 'REDIS_REFUSED', message: `Redis refused ${which}: ${code}.` })
    }
    // It has become a replica, and may no longer be told what others drop.
    if (code === 'READONLY' && this.#trusted) {
      this.#distrust()
      this.#schedule()
    }
  }

  #distrust(): void {
    this.#generation++
    if (this.#trusted) this.#options.emit({ type: 'redis', usable: false })
    this.#trusted = false
  }

  #schedule(): void {
    if (this.#retry !== undefined || !this.#wanted) return
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.#heal()
    }, this.#retryMs)
    this.#retry.unref()
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS)
  }

  /** Whether another attempt is worth it. A cache that was closed still repays what its writes owe. */
  get #wanted(): boolean {
    return !this.#closed || this.pending > 0
  }

  #heal(): void {
    if (this.#healing !== undefined || !this.#wanted) return
    const connects = this.#connects
    this.#healing = this.#attempt().then(healed => {
      this.#healing = undefined
      if (!this.#wanted) return
      // A reconnect while we were at it may have brought another server, a write another debt: once more.
      if (connects !== this.#connects || (healed && this.pending > 0)) return this.#heal()
      if (!healed || !this.#connection.sameServers) {
        this.#connection.refreshSlots()
        return this.#schedule()
      }
      if (!this.#closed) this.#trust()
    })
  }

  #trust(): void {
    this.#trusted = true
    clearTimeout(this.#retry)
    this.#retry = undefined
    this.#failures = 0
    this.#obstacle = undefined
    this.#marks.trusted()
    this.#options.emit({ type: 'redis', usable: true })
  }

  /** Who the server is, who else uses the keys, what we owe, whether the server is known: answers whether all is settled. */
  async #attempt(): Promise<boolean> {
    this.#connection.rememberServers()
    const identities = await this.#identify()
    if (identities === undefined || !(await this.#check())) return false
    // Redis answers: what is dropped from here on goes out at once, or debts would grow while we repay them.
    this.#hanging = false
    if (!(await this.#journal.replay())) {
      this.#hanging = true
      return false
    }
    // Last, because a process that never gets to know the server still has to tell the others what it has changed.
    if (this.#closed || !(await this.#meet(identities))) return this.#closed
    this.#renewLater(this.#options.fleet.renewMs)
    this.#lastTrusted = identities
    return true
  }

  async #meet(identities: readonly string[]): Promise<boolean> {
    const isAnother = this.#lastTrusted !== undefined && this.#lastTrusted.join() !== identities.join()
    const outcome = await this.#marks.check(identities, isAnother, this.#connects)
    if (outcome === 'refused') {
      const message =
        `This process can't mark the Redis server as known, as Redis refuses to SET (it is full, or the user may not): ` +
        `nothing is cached here until it can. The entries of other processes stay as they are.`
      this.#say('REDIS_NOT_WRITABLE', message)
    }
    return outcome === 'met'
  }

  async #identify(): Promise<readonly string[] | undefined> {
    const { otherDatabase } = this.#connection
    if (otherDatabase !== undefined) {
      const message =
        `The application has selected database ${otherDatabase} on the Redis client of the cache (SELECT): nothing is read from ` +
        `the cache, and invalidations wait, until it selects the former one again. Give the cache a client of its own.`
      this.#say('OTHER_DATABASE', message)
      return undefined
    }
    const servers = await this.#connection.servers(this.#options.deadlineMs)
    if (servers === undefined) return undefined
    if (servers.tooOld !== undefined) {
      this.#say('REDIS_TOO_OLD', `Redis ${servers.tooOld} is older than 7.0: nothing is cached.`)
      return undefined
    }
    if (servers.replica) {
      this.#refusal('READONLY')
      return undefined
    }
    return servers.identities
  }

  /** Once, and not at each attempt that fails for the same reason. */
  #say(code: ErrorCode, message: string): void {
    if (this.#obstacle === code) return
    this.#obstacle = code
    this.#options.emit({ type: 'error', code, message })
  }
}

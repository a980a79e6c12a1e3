/**
 * Whether this process may trust what Redis says. It may not before the server is known (a new process at the other end,
 * restored from a snapshot or failed over, may hold entries whose invalidation it never saw), nor while an invalidation
 * of ours was not acknowledged. Getting there is one function, `#attempt`; it runs at each (re)connect and, after
 * failures, in intervals. Meanwhile reads go to the database.
 */
import { type Connection, patiently } from './connection.js'
import type { Emit } from '../events.js'
import { seenKey } from '../wire/keys.js'

/** Who else uses the keys (`fleet.ts`). */
export interface Neighbours {
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
  readonly neighbours: Neighbours
  readonly emit: Emit
}

/** So many failed round trips within this time end the trust. Not in a row: one node of a Cluster may hang alone. */
const FAILURES_TO_DISTRUST = 3
const FAILURES_WITHIN_MS = 1_000
const FIRST_RETRY_MS = 50
const LONGEST_RETRY_MS = 1_000
const SEEN_MS = 7 * 24 * 3_600_000
const JOURNAL_LIMIT = 10_000
/** An error that Redis answers to each command is one event in this time, not one per command. */
const REFUSALS_APART_MS = 1_000

export class Health {
  readonly #connection: Connection
  readonly #options: HealthOptions
  readonly #unwatch: () => void
  readonly #owedKeys = new Set<string>()
  readonly #owedHolds = new Set<string>()
  #overflow = false
  #trusted = false
  #starting: Promise<void> | undefined
  #failures = 0
  #firstFailureAt = 0
  /** What is being repaid, and not acknowledged yet. */
  #repaying = 0
  readonly #refusals = new Map<string, number>()
  #connects = 0
  #generation = 0
  #hanging = false
  #lastTrusted: readonly string[] | undefined
  #healing: Promise<void> | undefined
  #retry: NodeJS.Timeout | undefined
  #retryMs = FIRST_RETRY_MS
  #refused = false
  #closed = false
  #checking: Promise<boolean> | undefined
  #renewal: NodeJS.Timeout | undefined

  constructor(connection: Connection, options: HealthOptions) {
    this.#connection = connection
    this.#options = options
    this.#unwatch = connection.watch({
      onReady: () => {
        this.#connects++
        this.#retryMs = FIRST_RETRY_MS
        this.#refused = false // it may have been replaced by a newer one
        this.#heal()
      },
      onClose: () => {
        this.#distrust()
        // A Cluster stays ready when one of its nodes goes, and may not say when it is back.
        if (connection.ready) this.#schedule()
      },
      onRefusal: code => this.#refusal(code),
    })
    if (connection.ready) this.#heal()
  }

  /** Whether reads may ask Redis now. */
  get usable(): boolean {
    return this.#trusted && this.#connection.ready && this.#options.neighbours.ours
  }

  /**
   * Changes whenever trust is lost. A reply to a command that was sent under another one is not to be used: ioredis sends
   * what is under way again after a reconnect, to a server that nobody has looked at yet.
   */
  get generation(): number {
    return this.#generation
  }

  /** Whether an invalidation is worth sending: not while commands go unanswered. */
  get answering(): boolean {
    return this.#connection.ready && !this.#hanging && this.#options.neighbours.fresh
  }

  /** Invalidations that Redis has not acknowledged yet. */
  get owed(): number {
    const { epochs } = this.#options
    return this.#repaying + this.#owedKeys.size + this.#owedHolds.size + (this.#overflow ? epochs.length : 0)
  }

  /**
   * Waits, once at the start of a process, until the first connection is up and trusted, or plainly won't be in time; and,
   * where a process was idle, until it knows again who else uses the keys.
   */
  async started(ms: number): Promise<void> {
    await (this.#starting ??= this.#start(ms))
    if (this.#trusted && this.#connection.ready && this.#options.neighbours.unsettled)
      await patiently(this.#check(), ms)
  }

  async #start(ms: number): Promise<void> {
    if (this.#closed) return
    await this.#connection.opened(ms)
    if (this.#healing !== undefined) await patiently(this.#healing, ms)
  }

  /** Looks again who else uses the keys, once at a time. */
  #check(): Promise<boolean> {
    return (this.#checking ??= this.#options.neighbours.checkIn(this.#options.deadlineMs).finally(() => {
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
    const { renewMs, isUsed } = this.#options.neighbours
    if (!this.#trusted || !this.#connection.ready || !isUsed) return this.#renewLater(renewMs)
    const checked = await this.#check()
    if (!checked) this.#options.neighbours.touch()
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
  owe(holds: readonly string[], keys: readonly string[]): void {
    if (this.#connection.ready) this.#hanging = true
    for (const hold of holds) this.#owedHolds.add(hold)
    for (const key of keys) if (!this.#overflow) this.#owedKeys.add(key)
    if (this.#owedKeys.size > JOURNAL_LIMIT) {
      this.#owedKeys.clear()
      this.#overflow = true
      const message = `More than ${JOURNAL_LIMIT} invalidations wait for Redis: all entries will be dropped instead.`
      this.#options.emit({ type: 'error', code: 'JOURNAL_OVERFLOW', message })
    }
    this.#distrust()
    this.#schedule()
  }

  close(): void {
    this.#closed = true
    this.#trusted = false
    this.#unwatch()
    clearTimeout(this.#retry)
    clearTimeout(this.#renewal)
  }

  #refusal(code: string): void {
    const now = performance.now()
    if (now - (this.#refusals.get(code) ?? Number.NEGATIVE_INFINITY) >= REFUSALS_APART_MS) {
      this.#refusals.set(code, now)
      this.#options.emit({ type: 'error', code: 'REDIS_REFUSED', message: `Redis refused a command: ${code}.` })
    }
    // It has become a replica, and may no longer be told what others drop.
    if (code === 'READONLY' && this.#trusted) {
      this.#distrust()
      this.#schedule()
    }
  }

  #distrust(): void {
    this.#generation++
    if (this.#trusted) this.#options.emit({ type: 'trust', trusted: false })
    this.#trusted = false
  }

  #schedule(): void {
    if (this.#retry !== undefined || this.#closed || this.#refused) return
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.#heal()
    }, this.#retryMs)
    this.#retry.unref()
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS)
  }

  #heal(): void {
    if (this.#healing !== undefined || this.#closed || this.#refused) return
    const connects = this.#connects
    this.#healing = this.#attempt().then(healed => {
      this.#healing = undefined
      if (this.#closed) return
      // A reconnect while we were at it may have brought another server, a write another debt: once more.
      if (connects !== this.#connects || (healed && this.owed > 0)) return this.#heal()
      if (!healed) return this.#connection.ready ? this.#schedule() : undefined
      this.#trusted = true
      clearTimeout(this.#retry)
      this.#retry = undefined
      this.#failures = 0
      this.#options.emit({ type: 'trust', trusted: true })
    })
  }

  /** A server that we don't know first, then what we owe; answers whether all of it is acknowledged. */
  async #attempt(): Promise<boolean> {
    const servers = await this.#connection.servers(this.#options.deadlineMs)
    if (servers === undefined) return false
    if (servers.tooOld !== undefined) {
      this.#refused = true
      const message = `Redis ${servers.tooOld} is older than 7.0: nothing is cached.`
      this.#options.emit({ type: 'error', code: 'REDIS_TOO_OLD', message })
      return false
    }
    if (servers.replica) {
      this.#refusal('READONLY')
      return false
    }
    if (!(await this.#meet(servers.identities)) || !(await this.#check()) || !(await this.#repay())) return false
    this.#renewLater(this.#options.neighbours.renewMs)
    this.#lastTrusted = servers.identities
    return true
  }

  /**
   * Drops all epochs of a server that nobody has met: it may hold entries whose invalidation it never saw. So may one that
   * was met before, if it is not the one that we trusted last.
   */
  async #meet(identities: readonly string[]): Promise<boolean> {
    const { prefix, epochs, deadlineMs } = this.#options
    const marks = identities.map(identity => seenKey(prefix, identity))
    const met = await this.#connection.get(marks, deadlineMs)
    if (met === undefined) return false
    const another = this.#lastTrusted !== undefined && this.#lastTrusted.join() !== identities.join()
    if (!another && !met.includes(null) && !identities.includes('')) return true
    // First dropped, then marked: who finds the mark relies on it.
    if (!(await this.#connection.del(epochs, deadlineMs))) return false
    const marked = await this.#connection.send(
      marks.map(key => ['set', key, 1, 'PX', SEEN_MS]),
      deadlineMs,
    )
    return marked?.every(reply => !(reply instanceof Error)) ?? false
  }

  /** Holds before keys, like the writes that owe them. */
  async #repay(): Promise<boolean> {
    const { epochs, deadlineMs, holdMs } = this.#options
    // Redis answers: what is dropped from here on goes out at once, or debts would grow while we repay them.
    this.#hanging = false
    while (this.owed > 0) {
      const holds = [...this.#owedHolds]
      // What was owed was named before another version may have come.
      const { neighbours } = this.#options
      const keys = neighbours.others > 0 ? neighbours.everything() : this.#overflow ? epochs : [...this.#owedKeys]
      // Taken out before, put back on failure: what other writes owe in the meantime is not lost.
      this.#owedHolds.clear()
      this.#owedKeys.clear()
      this.#overflow = false
      this.#repaying = holds.length + keys.length
      const held = await this.#connection.hold(holds, holdMs, deadlineMs)
      const dropped = await this.#connection.del(keys, deadlineMs)
      const repaid = this.#repaying
      this.#repaying = 0
      if (held && dropped) {
        this.#options.emit({ type: 'repaid', invalidations: repaid })
        continue
      }
      this.owe(holds, keys)
      return false
    }
    return true
  }
}

/**
 * All traffic of reads and writes with Redis: look up, acquire, fill, invalidate. What happens in one tick goes out together, one
 * `MGET` for all look-ups and one pipeline for all tokens. Answers outcomes, never throws.
 *
 * # How a fill can't outlive a write
 *
 * Without a guard, cache-aside stores stale rows for a whole TTL:
 *
 * 1. A reader misses `User:1` and queries the database. It gets the old row.
 * 2. A writer updates the row and deletes `User:1`, where nothing is stored yet.
 * 3. The reader stores the old row. Nothing will delete it.
 *
 * **Token.** Before its query, the reader stores 16 random bytes at the key (`acquire`). Its fill is a script that stores the row
 * only if these very bytes are still there (`FILL`). In step 2 the writer's `DEL` takes the token away, so in step 3 the fill does
 * nothing. The token is an entry's first field as well, so a stored entry serves as the token of the next load.
 *
 * **Epoch and stamp.** A write may not know which rows it changes (`updateMany`), or which lists (a row moves to another parent).
 * It can't delete their keys. So each model has epochs, which are tokens at keys of their own: `@rows` for writes that name no
 * rows, `@any` for every write, `@lists` and `@links` for lists. A *tag* is an epoch as well: that of one parent's lists. Every
 * entry carries a stamp, a copy of the epoch from before its load (or the sum of several), and it is valid only while the epoch in
 * Redis is the same. A write deletes the epoch, and the next load makes a new one: all entries with the old stamp are stale, for
 * one key. An entry that is filled late carries the old stamp, and is stale from the start. So an entry that depends only on
 * epochs needs no token at its own key.
 *
 * **Hold.** The reply to a write may be lost, and the database may still commit it later. Deleting now is not enough: a load could
 * see the old row after the `DEL`, with valid tokens, before the commit. So a write of unknown outcome stores a hold on its models
 * for a minute, before it deletes. While a hold is there, reads use the database and fill nothing. At its end, what the write may
 * have changed is invalidated once more.
 *
 * **Order.** Tokens are taken before the query, and deleted after the commit. So either the query sees the commit, or the `DEL` comes
 * later and removes the token, or the entry that was filled under it. Evictions, `FLUSHALL` and restarts only delete tokens: fills are lost, no
 * stale entry is stored. What Redis has not acknowledged is in the journal (`journal.ts`), and this process does not use the cache
 * until it has replayed it.
 *
 * Sources: the token is the lease of "Scaling Memcache at Facebook" (NSDI 2013, §3.2.1), as an object in Redis itself.
 */
import { complete, isTokenAlone, newToken, type Token } from '../wire/envelope.js'
import { isHeld, isHeldEpoch } from '../wire/intents.js'
import type { Dependencies, Invalidation } from '../wire/keys.js'
import { AcquireBatch, FillBatch, readableToken, type Snapshot } from './batches.js'
import type { Command } from './command.js'
import type { Connection } from './connection.js'
import { Deadline } from './deadline.js'
import { EpochLives } from './epoch-lives.js'
import { EpochMemory } from './epoch-memory.js'
import type { Health } from './health.js'
import type { Intended, Intent, Release } from './intents.js'
import { Invalidations } from './invalidations.js'
import { CHUNK } from './key-groups.js'
import { Joining } from './joining.js'
import { LookUps } from './look-ups.js'
import { OwnTokens } from './own-tokens.js'
import { type Load, Renewals } from './token-renewals.js'
import type { StoreOptions } from './store-options.js'
import { costOf, type FillOptions, type Ticket } from './ticket.js'
import { TickBatcher } from './tick-batcher.js'
import { Clock } from '../waiting.js'

const TOKEN_MS = 10_000

export class Store {
  readonly #connection: Connection
  readonly #health: Health
  readonly #options: StoreOptions
  readonly #lookUps: LookUps
  readonly #acquires = new TickBatcher(
    () => new AcquireBatch(),
    batch => this.#acquire(batch),
    send => this.#joining.goOut(send),
  )
  readonly #fills = new TickBatcher(
    () => new FillBatch(),
    batch => this.#fill(batch),
    queueMicrotask,
  )
  readonly #invalidations: Invalidations
  readonly #joining: Joining
  readonly #clock: Clock
  readonly #tokenMs: number
  readonly #renewals: Renewals
  readonly #lives: EpochLives
  readonly #tokens: OwnTokens
  readonly memory: EpochMemory | undefined

  constructor(connection: Connection, health: Health, options: StoreOptions) {
    this.#connection = connection
    this.#health = health
    this.#options = options
    this.#clock = options.shared?.clock ?? new Clock()
    this.#joining = new Joining(health, options, this.#clock)
    this.memory = options.shared && new EpochMemory()
    this.#tokenMs = options.tokenMs ?? TOKEN_MS
    this.#tokens = new OwnTokens(connection, this.#tokenMs)
    const { memory, near } = { memory: this.memory, near: options.near }
    this.#lookUps = new LookUps(connection, health, this.#joining, {
      clock: this.#clock,
      tokens: this.#tokens,
      memory,
      near,
    })
    this.#lives = new EpochLives(options.tagMs, this.#tokenMs)
    this.#renewals = new Renewals(this.#tokenMs, commands => {
      if (health.usable) void connection.send(commands, options.deadlineMs)
    })
    this.#invalidations = new Invalidations(connection, health, options, this.#lives)
  }

  /** Whether reads may use Redis. */
  get usable(): boolean {
    return this.#health.usable
  }

  /** Waits for the first connection of the process, so that its first query is cached too. Later there is no waiting. */
  started(): Promise<void> {
    return this.#health.started(this.#options.deadlineMs)
  }

  /** The time that all reads together have waited for Redis, in ms. */
  redisTime(): number {
    return this.#clock.now()
  }

  /** The time in ms since 1970 by the clock of Redis. */
  redisNow(_key?: string): number {
    return this.#options.serverClock.now()
  }

  /** When a read that starts now has to stop waiting for Redis. */
  deadline(): Deadline {
    return new Deadline(this.#clock.now() + this.#options.deadlineMs)
  }

  /** Trip 1: see `LookUps`. */
  lookUp<T>(
    key: string,
    dependsOn: Dependencies,
    deadline: Deadline,
    read: (snapshot: Snapshot | undefined) => T,
    options?: { readonly mayTakeToken?: boolean },
  ): Promise<T> {
    return this.#lookUps.lookUp(key, dependsOn, deadline, read, options)
  }

  /** The same for many entries that depend on the same. */
  lookUpAll<T>(
    keys: readonly string[],
    dependsOn: Dependencies,
    deadline: Deadline,
    read: (snapshot: Snapshot | undefined, index: number) => T,
  ): Promise<T[]> {
    return this.#lookUps.lookUpAll(keys, dependsOn, deadline, read)
  }

  /**
   * Trip 2, before a load: takes the token of the key (where it is known) and of each missing epoch. Undefined: this load fills
   * nothing, because Redis is out of reach, a write of unknown outcome holds a model, or foreign bytes were in the way (they are
   * deleted).
   *
   * @param key - of the entry, if it is known
   * @param load - the token lives until it has ended
   */
  async acquire(
    key: string | undefined,
    dependsOn: Dependencies,
    snapshot: Snapshot,
    deadline: Deadline,
    load: Load,
  ): Promise<Ticket | undefined> {
    const ticket = await this.#take(key, dependsOn, snapshot, deadline)
    const token = ticket?.entry
    if (key !== undefined && token !== undefined && isTokenAlone(token)) this.#renewals.during(load, key, token)
    return ticket
  }

  async #take(
    key: string | undefined,
    dependsOn: Dependencies,
    snapshot: Snapshot,
    deadline: Deadline,
  ): Promise<Ticket | undefined> {
    if (snapshot.held) return undefined
    const token = readableToken(snapshot.entry)
    const known = snapshot.epochs.map(readableToken)
    const epochsKnown = known.every(epoch => epoch !== undefined)
    // The look-up already returned every token, and it ran before the load. A write that sets a hold later also deletes these
    // epochs, so that what is filled here is stale from the start.
    if (epochsKnown) this.#saw(dependsOn, known)
    if (epochsKnown && (token !== undefined || key === undefined)) return this.#tokens.ticket(token, known)

    const batch = this.#joining.joined(this.#acquires, deadline)
    if (batch === undefined) return undefined
    const entryAt = token !== undefined || key === undefined ? undefined : batch.token(key, this.#tokenMs)
    const epochsAt = known.map((epoch, i) => {
      const epochKey = dependsOn.epochs[i] as string
      return epoch === undefined ? batch.token(epochKey, this.#lives.ofNew(epochKey)) : undefined
    })
    // A hold that was set in between is seen behind the SETs, on their node.
    for (const hold of dependsOn.holds) batch.ask(hold)
    if (!(await batch.done)) return undefined
    const held = batch.heldBy(dependsOn.holds)
    if (isHeld(held, key, dependsOn.epochs)) return undefined

    const entry = token ?? batch.tokenAt(entryAt)
    const epochs = known.map((epoch, i) => epoch ?? batch.tokenAt(epochsAt[i]))
    if (epochs.every(epoch => epoch !== undefined) && (entry !== undefined || key === undefined)) {
      const isFree = (epoch: string) => !isHeldEpoch(held, epoch)
      if (dependsOn.epochs.every(isFree)) {
        this.#saw(dependsOn, epochs, new Set(epochsAt.flatMap(position => position?.token ?? [])))
      } else if (key === undefined) return undefined
      // What is stamped with the epoch that a writer is about to delete is stale from the start.
      const current = epochs.map((epoch, i) => (isFree(dependsOn.epochs[i] as string) ? epoch : newToken()))
      return this.#tokens.ticket(entry, current, entryAt?.token)
    }
    void this.#connection.del(batch.unreadableKeys(), this.#options.deadlineMs)
    return undefined
  }

  #saw(dependsOn: Dependencies, tokens: readonly Token[], own?: ReadonlySet<Token>): void {
    this.#lives.seen(dependsOn, tokens, own)
    this.memory?.saw(dependsOn, tokens)
  }

  /** Takes the place of another process' token, which was waited for in vain: the load of that process will fill nothing. */
  takeOver(key: string, ticket: Ticket): Promise<Ticket> {
    return this.#tokens.takeOver(key, ticket, this.#options.deadlineMs)
  }

  /** Sends a fill, which is not awaited, and extends the epochs, which have to outlive the entry. */
  fill(key: string, entry: Buffer, { dependsOn, ttlMs, loadMs, graceMs = 0, guard }: FillOptions): void {
    const ms = Math.ceil(ttlMs + graceMs)
    complete(entry, { expiresAt: this.redisNow() + ttlMs, loadMs: costOf(loadMs, ttlMs), graceMs })
    const batch = this.#fills.current()
    batch.fill(key, entry, ms, guard)
    void this.#options.near?.fills(key, batch.done)
    for (const [epoch, lifeMs] of this.#lives.toExtend(dependsOn, ms)) batch.extend(epoch, lifeMs)
  }

  /** The fills of this tick, that of the key among them, until Redis has replied. */
  filled(_key: string): Promise<boolean> {
    return this.#fills.current().done
  }

  /** Strict mode, before a write commits: see `intents.ts`. */
  intend(intent: Intent): Promise<Intended> {
    return this.#invalidations.intend(intent)
  }

  /** Ends an intent of a write that was not run. */
  withdraw(intent: Intent): Promise<void> {
    return this.#invalidations.withdraw(intent)
  }

  /**
   * Invalidates what a write made stale. `done`: Redis has acknowledged it. `queued`: it has not, and the journal replays it
   * before this process uses the cache again.
   *
   * @param release - the intent of the write ends with it
   */
  invalidate(stale: Invalidation, release?: Release): Promise<'done' | 'queued'> {
    return this.#invalidations.invalidate(stale, release)
  }

  /** Answers how many holds have not ended. */
  close(): number {
    this.#renewals.close()
    return this.#invalidations.close()
  }

  async #acquire(batch: AcquireBatch): Promise<boolean> {
    const getHolds = [...batch.holds].map((key): Command => ['get', key])
    if (!this.#joining.mayGoOut) return false
    const { generation } = this.#health
    this.#clock.start(Math.ceil((batch.commands.length + getHolds.length) / CHUNK))
    const replies = await this.#connection.send([...batch.commands, ...getHolds], batch.remainingMs)
    this.#clock.stop()
    if (generation !== this.#health.generation) return false
    if (replies === undefined) {
      this.#health.failed()
      return false
    }
    batch.replies = replies
    return true
  }

  async #fill(batch: FillBatch): Promise<boolean> {
    // It is not awaited, but while Redis hangs it would lie in the caller's client for ever.
    if (!this.#health.usable) return false
    const extend = [...batch.epochs].map(([key, ms]): Command => ['pexpire', key, ms, 'GT'])
    return (await this.#connection.send([...batch.commands, ...extend], this.#options.deadlineMs)) !== undefined
  }
}

/**
 * All that reads and writes ask of Redis: look, acquire, fill, drop. What happens in one tick goes out together, one `MGET`
 * for all lookups and one pipeline for all tokens. Answers outcomes, never throws.
 */
import { type Invalidation, Holds } from './holds.js'
import { AcquireBatch, InvalidateBatch, FillBatch, LookUpBatch, readableToken, type Snapshot } from './batches.js'
import { CHUNK, type Command, type Connection } from './connection.js'
import { guardOf, isTokenAlone, newToken, type Token } from '../wire/envelope.js'
import { Recent } from '../memo.js'
import type { Health } from './health.js'
import { type Dependencies, isModelEpoch } from '../wire/keys.js'
import { type Load, Renewals } from './renewal.js'
import { FILL } from './scripts.js'
import { TickBatcher } from './tick.js'
import { Clock } from './waiting.js'

export type { Invalidation } from './holds.js'

/** The tokens, all read before the load, that a fill is made under. */
export interface Ticket {
  /** That of the entry's key; undefined when it was not known before the load which key that is. */
  readonly entry: Token | undefined
  readonly epochs: readonly Token[]
}

export interface StoreOptions {
  /** For all round trips of one query. */
  readonly deadlineMs: number
  /** For the `DEL`s of a write. */
  readonly invalidationDeadlineMs: number
  readonly holdMs: number
  /** Lifetime of a tag when it is made: twice the longest TTL of this process. An entry that lives longer extends it. */
  readonly tagMs: number
  /** How long the token of a load lives that nothing renews. Default: 10 s. */
  readonly tokenMs?: number | undefined
  /** The keys are used. */
  readonly touch: () => void
}

const TOKEN_MS = 10_000
/**
 * Lifetime of the epochs of models, the same in every process whatever its TTLs: longer than any entry can live, or entries
 * would end with an epoch that another process has made.
 */
const EPOCH_MS = 400 * 24 * 3_600_000
const NO_TOKENS: ReadonlySet<Token> = new Set()
/** A row may become smaller without our knowing. */
const TOO_LARGE_MS = 60_000
/** After so many misses the next lookup is taken for one as well: trip 2 goes out with trip 1. */
const MISSES_IN_A_ROW = 3
/** Of how many keys is remembered how long they live, where they led, or that they are too large. */
const MOST_KNOWN = 10_000

export class Store {
  readonly #connection: Connection
  readonly #health: Health
  readonly #options: StoreOptions
  readonly #looks = new TickBatcher(
    () => new LookUpBatch(),
    batch => this.#look(batch),
  )
  readonly #acquires = new TickBatcher(
    () => new AcquireBatch(),
    batch => this.#acquire(batch),
  )
  readonly #fills = new TickBatcher(
    () => new FillBatch(),
    batch => this.#fill(batch),
    queueMicrotask,
  )
  readonly #drops = new TickBatcher(
    () => new InvalidateBatch(),
    batch => this.#drop(batch),
  )
  readonly #clock = new Clock()
  readonly #holds: Holds
  readonly #tokenMs: number
  readonly #renewals: Renewals
  /** Until when each epoch lives at least; a tag only as long as it is the one of this token: another process may make it for less. */
  readonly #extended = new Recent<{ readonly token: Token | undefined; readonly until: number }>(MOST_KNOWN)
  /** The id that a pointer, or a relation of a row, led to last. Only a guess where to look: nothing is answered because of it. */
  readonly ledTo: Pick<Recent<string>, 'get' | 'set' | 'delete'> = new Recent<string>(MOST_KNOWN)
  /** Until when a row that was too large to be kept is believed to be so. */
  readonly #tooLarge = new Recent<number>(MOST_KNOWN)
  #missesInARow = 0

  constructor(connection: Connection, health: Health, options: StoreOptions) {
    this.#connection = connection
    this.#health = health
    this.#options = options
    this.#tokenMs = options.tokenMs ?? TOKEN_MS
    this.#renewals = new Renewals(this.#tokenMs, commands => {
      if (health.usable) void connection.send(commands, options.deadlineMs)
    })
    this.#holds = new Holds(connection, options.holdMs, drops => void this.invalidate({ ...drops, holds: [] }))
  }

  /** Whether a load found not long ago that what belongs at a key is too large to be kept. */
  isTooLarge(key: string): boolean {
    return (this.#tooLarge.get(key) ?? 0) > performance.now()
  }

  rememberTooLarge(key: string): void {
    this.#tooLarge.set(key, performance.now() + TOO_LARGE_MS)
  }

  /** Whether Redis may be asked. */
  get usable(): boolean {
    return this.#health.usable
  }

  /** Waits for the first connection of the process, so that its first query is cached too. Later there is no waiting. */
  started(): Promise<void> {
    return this.#health.started(this.#options.deadlineMs)
  }

  /** The time that Redis has taken. */
  now(): number {
    return this.#clock.now()
  }

  /** When a query that starts now has to stop waiting for Redis, by `now`. */
  deadline(): number {
    return this.#clock.now() + this.#options.deadlineMs
  }

  /**
   * Trip 1: an entry and what it depends on; undefined: Redis is out of reach. Answers what `read` makes of it, which is
   * called for a whole tick at once and not in the caller's async context.
   *
   * @param loadsUnder - `token`: a load fills under the token of this key, which may be taken in this trip already
   */
  lookUp<T>(
    key: string,
    on: Dependencies,
    deadline: number,
    read: (seen: Snapshot | undefined) => T,
    loadsUnder?: 'token',
  ): Promise<T> {
    const left = deadline - this.#clock.now()
    if (!this.#health.usable || left <= 0) return Promise.resolve(read(undefined))
    this.#options.touch()
    const batch = this.#looks.current()
    batch.atMost(left)
    if (loadsUnder !== undefined) batch.mayTakeToken(key)
    return batch.lookUp(key, on, read)
  }

  /**
   * Trip 2, before a load: takes the token of the key (where it is known) and of each missing epoch. Undefined: this load
   * fills nothing, because Redis is out of reach, a write of unknown outcome holds a model, or foreign bytes were in the
   * way (they are dropped).
   *
   * @param load - the token lives until it has ended
   */
  async acquire(
    key: string | undefined,
    on: Dependencies,
    seen: Snapshot,
    deadline: number,
    load: Load,
  ): Promise<Ticket | undefined> {
    const ticket = await this.#take(key, on, seen, deadline)
    const token = ticket?.entry
    if (key !== undefined && token !== undefined && isTokenAlone(token)) this.#renewals.during(load, key, token)
    return ticket
  }

  async #take(
    key: string | undefined,
    on: Dependencies,
    seen: Snapshot,
    deadline: number,
  ): Promise<Ticket | undefined> {
    if (seen.held) return undefined
    const token = readableToken(seen.entry)
    const known = seen.epochs.map(readableToken)
    const epochsKnown = known.every(epoch => epoch !== undefined)
    // Nothing missing: tokens from trip 1 were read before the load just as well, and a hold that came after it has
    // dropped the epochs that the fill will be stamped with.
    if (epochsKnown) this.#met(on, known)
    if (epochsKnown && (token !== undefined || key === undefined)) return { entry: token, epochs: known }

    const left = deadline - this.#clock.now()
    if (!this.#health.usable || left <= 0) return undefined
    const batch = this.#acquires.current()
    batch.atMost(left)
    const entryAt = token !== undefined || key === undefined ? undefined : batch.token(key, this.#tokenMs)
    const epochsAt = known.map((epoch, i) =>
      epoch ? undefined : batch.token(on.epochs[i] as string, this.#lifeOf(on.epochs[i] as string)),
    )
    // A hold that was set in between is seen behind the SETs of the epochs, on their node.
    if (!epochsKnown) for (const hold of on.holds) batch.ask(hold)
    if (!(await batch.done)) return undefined
    if (on.holds.some(hold => batch.held(hold))) return undefined

    const entry = token ?? batch.tokenAt(entryAt)
    const epochs = known.map((epoch, i) => epoch ?? batch.tokenAt(epochsAt[i]))
    if (epochs.every(epoch => epoch !== undefined) && (entry !== undefined || key === undefined)) {
      this.#met(on, epochs, new Set(epochsAt.flatMap(place => place?.token ?? [])))
      return { entry, epochs }
    }
    void this.#connection.del(batch.unreadableKeys(), this.#options.deadlineMs)
    return undefined
  }

  #lifeOf(epoch: string): number {
    return isModelEpoch(epoch) ? EPOCH_MS : this.#options.tagMs
  }

  /**
   * Sends a fill; nobody waits for it. With a `guard` it takes effect only if the key still holds that token; without, it
   * has to prove itself when it is read. Extends the epochs, which have to outlive the entry.
   */
  fill(key: string, entry: Buffer, on: Dependencies, ttlMs: number, guard: Token | 'none' | 'if-absent'): void {
    const ms = Math.ceil(ttlMs)
    const batch = this.#fills.current()
    if (guard === 'none') batch.commands.push(['set', key, entry, 'PX', ms])
    else if (guard === 'if-absent') batch.commands.push(['set', key, entry, 'PX', ms, 'NX'])
    else batch.commands.push(['eval', FILL, 1, key, guardOf(guard), entry, ms])
    this.#extend(batch, on, ms)
  }

  /**
   * An epoch is not extended each time: it is made to live longer than the entry, so it is enough to do it again when the
   * rest of its life is shorter than that of an entry, or when it is not the one that was extended.
   */
  #extend(batch: FillBatch, { epochs }: Dependencies, entryMs: number): void {
    const now = performance.now()
    for (const epoch of epochs) {
      const known = this.#extended.get(epoch)
      if (known !== undefined && known.until >= now + entryMs) continue
      const ms = isModelEpoch(epoch) ? EPOCH_MS : Math.max(this.#options.tagMs, 2 * entryMs)
      this.#extended.set(epoch, { token: known?.token, until: now + ms })
      batch.extend(epoch, ms)
    }
  }

  /** What stood at the tags before a load. What was believed of another token is not so any more. */
  #met({ epochs }: Dependencies, tokens: readonly Token[], own: ReadonlySet<Token> = NO_TOKENS): void {
    for (const [i, epoch] of epochs.entries()) {
      const token = tokens[i] as Token
      if (isModelEpoch(epoch) || this.#extended.get(epoch)?.token?.equals(token)) continue
      const until = own.has(token) ? performance.now() + this.#options.tagMs - TOKEN_MS : 0
      this.#extended.set(epoch, { token, until })
    }
  }

  /**
   * Drops what a write made wrong. `done`: Redis has acknowledged it. `deferred`: it has not, and will be asked again
   * before this process trusts the cache.
   */
  async invalidate({ holds, keys, alsoStale }: Invalidation): Promise<'done' | 'deferred'> {
    if (keys.length === 0 && holds.length === 0) return 'done'
    this.#options.touch()
    for (const key of keys) this.#tooLarge.delete(key) // it may be smaller now
    const deadline = performance.now() + this.#options.invalidationDeadlineMs
    if (!this.#health.responding) await this.#health.started(this.#options.invalidationDeadlineMs, true)
    if (!this.#health.responding) {
      this.#health.queue(holds, keys)
      this.#holds.open({ holds, keys, alsoStale })
      return 'deferred'
    }
    const batch = this.#drops.current()
    batch.atMost(deadline - performance.now())
    for (const hold of holds) batch.holds.add(hold)
    for (const key of keys) batch.keys.add(key)
    for (const key of alsoStale?.() ?? []) batch.keys.add(key)
    const dropped = await batch.done
    this.#holds.open({ holds, keys, alsoStale })
    return dropped ? 'done' : 'deferred'
  }

  /** Answers how many holds have not ended. */
  close(): number {
    this.#renewals.close()
    return this.#holds.close()
  }

  async #look(batch: LookUpBatch): Promise<boolean> {
    const { generation } = this.#health
    const { onlyKey } = batch
    const isMissLikely = onlyKey !== undefined && this.#missesInARow >= MISSES_IN_A_ROW
    this.#clock.start(Math.ceil(batch.keys.length / CHUNK))
    const replies = isMissLikely
      ? await this.#getAndTake(batch, onlyKey)
      : await this.#connection.get(batch.keys, batch.remainingMs)
    this.#clock.stop()
    const isCurrent = generation === this.#health.generation
    if (isCurrent && replies === undefined) this.#health.failed()
    if (isCurrent && replies !== undefined) this.#health.succeeded()
    if (onlyKey !== undefined && replies !== undefined) {
      const entry = replies.at(-1) ?? null
      this.#missesInARow = entry === null || isTokenAlone(entry) ? this.#missesInARow + 1 : 0
    }
    batch.answer(isCurrent ? replies : undefined)
    return true
  }

  /** Trips 1 and 2 in one. What the key depends on shares a hash tag, so they can be one on a Cluster too. */
  async #getAndTake(batch: LookUpBatch, key: string): Promise<readonly (Buffer | null)[] | undefined> {
    const token = newToken()
    const [values, taken] = await Promise.all([
      this.#connection.get(batch.keys, batch.remainingMs),
      this.#connection.send([['set', key, token, 'NX', 'PX', this.#tokenMs]], batch.remainingMs),
    ])
    const isOurs = String(taken?.[0]) === 'OK' && values?.at(-1) === null
    return isOurs ? [...values.slice(0, -1), token] : values
  }

  async #acquire(batch: AcquireBatch): Promise<boolean> {
    const asks = [...batch.holds].map((key): Command => ['get', key])
    const { generation } = this.#health
    this.#clock.start(Math.ceil((batch.commands.length + asks.length) / CHUNK))
    const replies = await this.#connection.send([...batch.commands, ...asks], batch.remainingMs)
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
    // Nobody waits for it, but while Redis hangs it would lie in the caller's client for ever.
    if (!this.#health.usable) return false
    const extend = [...batch.epochs].map(([key, ms]): Command => ['pexpire', key, ms, 'GT'])
    return (await this.#connection.send([...batch.commands, ...extend], this.#options.deadlineMs)) !== undefined
  }

  async #drop(batch: InvalidateBatch): Promise<boolean> {
    const keys = [...batch.keys]
    const holds = [...batch.holds]
    const until = performance.now() + batch.remainingMs
    // Holds are answered before the first DEL goes out, or a load between them could fill what the server commits later.
    // A hold that Redis refuses (it may be full) is no reason to keep what is wrong.
    const held = holds.length === 0 || (await this.#connection.hold(holds, this.#options.holdMs, batch.remainingMs))
    const dropped = (await this.#connection.del(keys, until - performance.now())) && held
    if (!dropped) this.#health.queue(holds, keys)
    return dropped
  }
}

/**
 * All that reads and writes ask of Redis: look, acquire, fill, drop. What happens in one tick goes out together, one `MGET`
 * for all lookups and one pipeline for all tokens. Answers outcomes, never throws.
 */
import { AcquireBatch, DropBatch, FillBatch, LookBatch, readable, type Seen } from './batches.js'
import type { Command, Connection } from './connection.js'
import { guardOf, isTokenAlone, newToken, type Token } from '../wire/envelope.js'
import { Recent } from '../memo.js'
import type { Health } from './health.js'
import type { Dependencies } from '../wire/keys.js'
import { FILL } from './scripts.js'
import { Tick } from './tick.js'

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
  /** Lifetime of an epoch: twice the longest TTL, so that no entry outlives it. */
  readonly epochMs: number
}

/** Which keys and holds a write drops. */
export interface Drops {
  readonly holds: readonly string[]
  readonly keys: readonly string[]
  /** Keys besides, which follow from who else is there when the `DEL` is sent. */
  readonly besides?: (() => readonly string[]) | undefined
}

const TOKEN_MS = 10_000
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
  readonly #looks = new Tick(
    () => new LookBatch(),
    batch => this.#look(batch),
  )
  readonly #acquires = new Tick(
    () => new AcquireBatch(),
    batch => this.#acquire(batch),
  )
  readonly #fills = new Tick(
    () => new FillBatch(),
    batch => this.#fill(batch),
    queueMicrotask,
  )
  readonly #drops = new Tick(
    () => new DropBatch(),
    batch => this.#drop(batch),
  )
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Until when each epoch lives at least, if nobody drops it. */
  readonly #extended = new Recent<number>(MOST_KNOWN)
  /** The id that a pointer, or a relation of a row, led to last. Only a guess where to look: nothing is answered because of it. */
  readonly ledTo: Pick<Recent<string>, 'get' | 'set' | 'delete'> = new Recent<string>(MOST_KNOWN)
  /** Until when a row that was too large to be kept is believed to be so. */
  readonly #tooLarge = new Recent<number>(MOST_KNOWN)
  #missesInARow = 0

  constructor(connection: Connection, health: Health, options: StoreOptions) {
    this.#connection = connection
    this.#health = health
    this.#options = options
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

  /** When a query that starts now has to stop waiting for Redis (a `performance.now()` time). */
  deadline(): number {
    return performance.now() + this.#options.deadlineMs
  }

  /**
   * Trip 1: an entry and what it depends on; undefined: Redis is out of reach. Answers what `read` makes of it, which is
   * called for a whole tick at once and not in the caller's async context.
   *
   * @param loadsUnder - `token`: a load fills under the token of this key, which may be taken in this trip already
   */
  look<T>(
    key: string,
    on: Dependencies,
    deadline: number,
    read: (seen: Seen | undefined) => T,
    loadsUnder?: 'token',
  ): Promise<T> {
    if (!this.#health.usable || deadline <= performance.now()) return Promise.resolve(read(undefined))
    this.#health.used()
    const batch = this.#looks.current()
    batch.until(deadline)
    if (loadsUnder !== undefined) batch.takeable(key)
    return batch.look(key, on, read)
  }

  /**
   * Trip 2, before a load: takes the token of the key (where it is known) and of each missing epoch. Undefined: this load
   * fills nothing, because Redis is out of reach, a write of unknown outcome holds a model, or foreign bytes were in the
   * way (they are dropped).
   */
  async acquire(key: string | undefined, on: Dependencies, seen: Seen, deadline: number): Promise<Ticket | undefined> {
    if (seen.held) return undefined
    const token = readable(seen.entry)
    const known = seen.epochs.map(readable)
    const epochsKnown = known.every(epoch => epoch !== undefined)
    // Nothing missing: tokens from trip 1 were read before the load just as well, and a hold that came after it has
    // dropped the epochs that the fill will be stamped with.
    if (epochsKnown && (token !== undefined || key === undefined)) return { entry: token, epochs: known }

    if (!this.#health.usable || deadline <= performance.now()) return undefined
    const { epochMs = this.#options.epochMs } = on
    const batch = this.#acquires.current()
    batch.until(deadline)
    const entryAt = token !== undefined || key === undefined ? undefined : batch.token(key, TOKEN_MS)
    const epochsAt = known.map((epoch, i) => (epoch ? undefined : batch.token(on.epochs[i] as string, epochMs)))
    // A hold that was set in between is seen behind the SETs of the epochs, on their node.
    if (!epochsKnown) for (const hold of on.holds) batch.ask(hold)
    if (!(await batch.done)) return undefined
    if (on.holds.some(hold => batch.held(hold))) return undefined

    const entry = token ?? batch.granted(entryAt)
    const epochs = known.map((epoch, i) => epoch ?? batch.granted(epochsAt[i]))
    if (epochs.every(epoch => epoch !== undefined) && (entry !== undefined || key === undefined)) {
      return { entry, epochs }
    }
    void this.#connection.del(batch.foreign(), this.#options.deadlineMs)
    return undefined
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
   * An epoch of a model is not extended each time: it is made to live twice as long as any entry, whoever makes it, so it is
   * enough to do it again when half of that is over.
   */
  #extend(batch: FillBatch, { epochs, epochMs }: Dependencies, entryMs: number): void {
    const now = performance.now()
    for (const epoch of epochs) {
      if (epochMs !== undefined) batch.extend(epoch, epochMs)
      else if ((this.#extended.get(epoch) ?? 0) < now + entryMs) {
        this.#extended.set(epoch, now + this.#options.epochMs)
        batch.extend(epoch, this.#options.epochMs)
      }
    }
  }

  /**
   * Drops what a write made wrong. `done`: Redis has acknowledged it. `deferred`: it has not, and will be asked again
   * before this process trusts the cache.
   */
  async drop({ holds, keys, besides }: Drops): Promise<'done' | 'deferred'> {
    if (keys.length === 0 && holds.length === 0) return 'done'
    this.#health.used()
    for (const key of keys) this.#tooLarge.delete(key) // it may be smaller now
    const deadline = performance.now() + this.#options.invalidationDeadlineMs
    if (!this.#health.answering) await this.#health.started(this.#options.invalidationDeadlineMs, true)
    if (!this.#health.answering) {
      this.#health.owe(holds, keys)
      if (holds.length > 0) this.#repeatAtEndOfHold(keys)
      return 'deferred'
    }
    const batch = this.#drops.current()
    batch.until(deadline)
    for (const hold of holds) batch.holds.add(hold)
    for (const key of keys) batch.keys.add(key)
    for (const key of besides?.() ?? []) batch.keys.add(key)
    const dropped = await batch.done
    if (holds.length > 0) this.#repeatAtEndOfHold(keys)
    return dropped ? 'done' : 'deferred'
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  /** The server may have committed right up to the end of the hold, and a load before it may have filled. */
  #repeatAtEndOfHold(keys: readonly string[]): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      void this.drop({ holds: [], keys })
    }, this.#options.holdMs)
    timer.unref()
    this.#timers.add(timer)
  }

  async #look(batch: LookBatch): Promise<boolean> {
    const { generation } = this.#health
    const { lone } = batch
    const isMissLikely = lone !== undefined && this.#missesInARow >= MISSES_IN_A_ROW
    const replies = isMissLikely
      ? await this.#getAndTake(batch, lone)
      : await this.#connection.get(batch.keys, batch.msLeft())
    const isCurrent = generation === this.#health.generation
    if (isCurrent && replies === undefined) this.#health.failed()
    if (isCurrent && replies !== undefined) this.#health.succeeded()
    if (lone !== undefined && replies !== undefined) {
      const entry = replies.at(-1) ?? null
      this.#missesInARow = entry === null || isTokenAlone(entry) ? this.#missesInARow + 1 : 0
    }
    batch.answer(isCurrent ? replies : undefined)
    return true
  }

  /** Trips 1 and 2 in one. What the key depends on shares a hash tag, so they can be one on a Cluster too. */
  async #getAndTake(batch: LookBatch, key: string): Promise<readonly (Buffer | null)[] | undefined> {
    const token = newToken()
    const [values, taken] = await Promise.all([
      this.#connection.get(batch.keys, batch.msLeft()),
      this.#connection.send([['set', key, token, 'NX', 'PX', TOKEN_MS]], batch.msLeft()),
    ])
    const isOurs = String(taken?.[0]) === 'OK' && values?.at(-1) === null
    return isOurs ? [...values.slice(0, -1), token] : values
  }

  async #acquire(batch: AcquireBatch): Promise<boolean> {
    const asks = [...batch.holds].map((key): Command => ['get', key])
    const { generation } = this.#health
    const replies = await this.#connection.send([...batch.commands, ...asks], batch.msLeft())
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

  async #drop(batch: DropBatch): Promise<boolean> {
    const keys = [...batch.keys]
    const holds = [...batch.holds]
    // Holds are answered before the first DEL goes out, or a load between them could fill what the server commits later.
    // A hold that Redis refuses (it may be full) is no reason to keep what is wrong.
    const held = holds.length === 0 || (await this.#connection.hold(holds, this.#options.holdMs, batch.msLeft()))
    const dropped = (await this.#connection.del(keys, batch.msLeft())) && held
    if (!dropped) this.#health.owe(holds, keys)
    return dropped
  }
}

/**
 * All that reads and writes ask of Redis: look, acquire, fill, drop. What happens in one tick goes out together, one `MGET`
 * for all lookups and one pipeline for all tokens. Answers outcomes, never throws.
 */
import type { Command, Connection, Reply } from './connection.js'
import { guardOf, hasToken, newToken, type Token } from './envelope.js'
import type { Health } from './health.js'
import type { ModelKeys } from './keys.js'
import { FILL } from './scripts.js'
import { Tick } from './tick.js'

/** What stands in Redis about an entry and the epochs of its model. */
export interface Seen {
  readonly entry: Buffer | null
  readonly rows: Token | null
  readonly any: Token | null
  readonly held: boolean
}

/** The tokens, all read before the load, that a fill is made under. */
export interface Ticket {
  readonly entry: Token
  readonly rows: Token
  readonly any: Token
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
}

const TOKEN_MS = 10_000

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
  )
  readonly #drops = new Tick(
    () => new DropBatch(),
    batch => this.#drop(batch),
  )
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(connection: Connection, health: Health, options: StoreOptions) {
    this.#connection = connection
    this.#health = health
    this.#options = options
  }

  /** When a query that starts now has to stop waiting for Redis (a `performance.now()` time). */
  deadline(): number {
    return performance.now() + this.#options.deadlineMs
  }

  /** Trip 1: the entry and the model's epochs and hold. Undefined: Redis is out of reach. */
  async look(model: ModelKeys, key: string, deadline: number): Promise<Seen | undefined> {
    if (!this.#health.usable) {
      await this.#health.started(deadline - performance.now())
      if (!this.#health.usable) return undefined
    }
    const batch = this.#looks.current()
    const epochs = batch.epochs(model)
    const entry = batch.add(key)
    batch.until(deadline)
    if (!(await batch.done)) return undefined
    const { replies } = batch
    return {
      entry: replies[entry] ?? null,
      rows: replies[epochs] ?? null,
      any: replies[epochs + 1] ?? null,
      held: replies[epochs + 2] !== null,
    }
  }

  /**
   * Trip 2, before a load: takes the token of the key and of each missing epoch. Undefined: this load fills nothing,
   * because Redis is out of reach, a write of unknown outcome holds the model, or foreign bytes were in the way (they
   * are dropped).
   */
  async acquire(model: ModelKeys, key: string, seen: Seen, deadline: number): Promise<Ticket | undefined> {
    if (seen.held) return undefined
    const token = readable(seen.entry)
    const rows = readable(seen.rows)
    const any = readable(seen.any)
    // Nothing missing: tokens from trip 1 were read before the load just as well, and a hold that came after it has
    // dropped the epochs that the fill will be stamped with.
    if (token && rows && any) return { entry: token, rows, any }

    const batch = this.#acquires.current()
    batch.until(deadline)
    const entryPlace = token ? undefined : batch.token(key, TOKEN_MS)
    const rowsPlace = rows ? undefined : batch.token(model.rows, this.#options.epochMs)
    const anyPlace = any ? undefined : batch.token(model.any, this.#options.epochMs)
    // A hold that was set in between is seen behind the SETs of the epochs, on their node.
    if (rowsPlace || anyPlace) batch.ask(model.hold)
    if (!(await batch.done)) return undefined
    if (batch.held(model.hold)) return undefined

    const ticket = {
      entry: token ?? batch.granted(entryPlace),
      rows: rows ?? batch.granted(rowsPlace),
      any: any ?? batch.granted(anyPlace),
    }
    if (ticket.entry && ticket.rows && ticket.any) return ticket as Ticket
    void this.#connection.del(batch.foreign(), this.#options.deadlineMs)
    return undefined
  }

  /** Sends a fill; nobody waits for it. Extends the epochs, which have to outlive the entry. */
  fill(model: ModelKeys, key: string, ticket: Ticket, entry: Buffer, ttlMs: number): void {
    const batch = this.#fills.current()
    batch.commands.push(['eval', FILL, 1, key, guardOf(ticket.entry), entry, Math.ceil(ttlMs)])
    batch.epochs.add(model.rows).add(model.any)
  }

  /**
   * Drops what a write made wrong. `done`: Redis has acknowledged it. `deferred`: it has not, and will be asked again
   * before this process trusts the cache.
   */
  async drop({ holds, keys }: Drops): Promise<'done' | 'deferred'> {
    if (keys.length === 0 && holds.length === 0) return 'done'
    const deadline = performance.now() + this.#options.invalidationDeadlineMs
    if (!this.#connection.ready) await this.#connection.opened(this.#options.invalidationDeadlineMs)
    const batch = this.#drops.current()
    batch.until(deadline)
    for (const hold of holds) batch.holds.add(hold)
    for (const key of keys) batch.keys.add(key)
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
    const replies = await this.#connection.get(batch.keys, batch.msLeft())
    if (replies === undefined) {
      this.#health.failed()
      return false
    }
    this.#health.succeeded()
    batch.replies = replies
    return true
  }

  async #acquire(batch: AcquireBatch): Promise<boolean> {
    const asks = [...batch.holds].map((key): Command => ['get', key])
    const replies = await this.#connection.send([...batch.commands, ...asks], batch.msLeft())
    if (replies === undefined) {
      this.#health.failed()
      return false
    }
    batch.replies = replies
    return true
  }

  async #fill(batch: FillBatch): Promise<boolean> {
    const { deadlineMs, epochMs } = this.#options
    const extend = [...batch.epochs].map((key): Command => ['pexpire', key, epochMs, 'GT'])
    return (await this.#connection.send([...batch.commands, ...extend], deadlineMs)) !== undefined
  }

  async #drop(batch: DropBatch): Promise<boolean> {
    const keys = [...batch.keys]
    const holds = [...batch.holds]
    // Holds are answered before the first DEL goes out, or a load between them could fill what the server commits later.
    const dropped =
      (await this.#connection.hold(holds, this.#options.holdMs, batch.msLeft())) &&
      (await this.#connection.del(keys, batch.msLeft()))
    if (!dropped) this.#health.owe(holds, keys)
    return dropped
  }
}

function readable(bytes: Buffer | null): Token | undefined {
  return bytes !== null && hasToken(bytes) ? bytes : undefined
}

// ---- what one tick collects

/** Waits no longer than the first of its queries may. */
class Timed {
  #until = Number.POSITIVE_INFINITY
  done: Promise<boolean> = Promise.resolve(false)

  until(deadline: number): void {
    if (deadline < this.#until) this.#until = deadline
  }

  msLeft(): number {
    return this.#until - performance.now()
  }
}

class LookBatch extends Timed {
  readonly keys: string[] = []
  readonly #places = new Map<string | ModelKeys, number>()
  replies: readonly (Buffer | null)[] = []

  add(key: string): number {
    const known = this.#places.get(key)
    if (known !== undefined) return known
    const place = this.keys.push(key) - 1
    this.#places.set(key, place)
    return place
  }

  /** The place of `@rows`; `@any` and `@hold` follow it. */
  epochs(model: ModelKeys): number {
    const known = this.#places.get(model)
    if (known !== undefined) return known
    const place = this.keys.push(model.rows, model.any, model.hold) - 3
    this.#places.set(model, place)
    return place
  }
}

interface Place {
  readonly index: number
  readonly token: Token
}

class AcquireBatch extends Timed {
  readonly commands: Command[] = []
  readonly #places = new Map<string, Place>()
  /** Asked after all commands. */
  readonly holds = new Set<string>()
  replies: readonly Reply[] = []

  token(key: string, ms: number): Place {
    const known = this.#places.get(key)
    if (known !== undefined) return known
    const token = newToken()
    const place = { index: this.commands.push(['set', key, token, 'NX', 'GET', 'PX', ms]) - 1, token }
    this.#places.set(key, place)
    return place
  }

  ask(hold: string): void {
    this.holds.add(hold)
  }

  /** Whether a hold that was asked for is there, or may be. */
  held(hold: string): boolean {
    const index = [...this.holds].indexOf(hold)
    return index >= 0 && this.replies[this.commands.length + index] !== null
  }

  /** The token that stands at a key now: the one that was there, or ours. Undefined if it can't be read. */
  granted(place: Place | undefined): Token | undefined {
    if (place === undefined) return undefined
    const reply = this.replies[place.index]
    if (reply === null) return place.token
    return reply instanceof Buffer ? readable(reply) : undefined
  }

  /** Keys that hold something else than ours: other bytes, or another type. */
  foreign(): string[] {
    const isForeign = (reply: Reply) =>
      reply instanceof Buffer ? !hasToken(reply) : reply instanceof Error && reply.message.startsWith('WRONGTYPE')
    return [...this.#places].filter(([, place]) => isForeign(this.replies[place.index])).map(([key]) => key)
  }
}

class FillBatch {
  done: Promise<boolean> = Promise.resolve(false)
  readonly commands: Command[] = []
  readonly epochs = new Set<string>()
}

class DropBatch extends Timed {
  readonly keys = new Set<string>()
  readonly holds = new Set<string>()
}

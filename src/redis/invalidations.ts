/** What a write sends to Redis: the `DEL`s of one tick together, holds in front of them, and in strict mode an intent and its release. */
import type { Invalidation } from '../wire/keys.js'
import { InvalidateBatch } from './batches.js'
import type { Connection } from './connection.js'
import type { EpochLives } from './epoch-lives.js'
import type { Health } from './health.js'
import { Holds } from './holds.js'
import { type Intended, intended, type Intent, intentOf, type Release, releaseOf } from './intents.js'
import { dropInProcess } from './near-cache.js'
import type { StoreOptions } from './store-options.js'
import { TickBatcher } from './tick-batcher.js'

export class Invalidations {
  readonly #connection: Connection
  readonly #health: Health
  readonly #options: StoreOptions
  readonly #lives: EpochLives
  readonly #holds: Holds
  readonly #batches = new TickBatcher(
    () => new InvalidateBatch(),
    batch => this.#invalidate(batch),
  )

  constructor(connection: Connection, health: Health, options: StoreOptions, lives: EpochLives) {
    this.#connection = connection
    this.#health = health
    this.#options = options
    this.#lives = lives
    this.#holds = new Holds(connection, options.holdMs, stale => void this.invalidate({ ...stale, holds: [] }))
  }

  /** Before a write commits. The same again prolongs it. */
  async intend({ alsoStale, ...intent }: Intent): Promise<Intended> {
    const deadline = performance.now() + this.#options.invalidationDeadlineMs
    if (!(await this.#responds())) return { isSet: false, stamps: [] }
    const keys = [...intent.keys, ...this.#also(alsoStale)]
    this.#dropNear([...intent.holds, ...keys])
    const epochMs = intent.through === undefined ? 0 : this.#lives.ofNew(intent.through.epoch)
    const command = intentOf({ ...intent, keys }, { lifeMs: this.#options.holdMs, epochMs })
    return intended((await this.#connection.send([command], deadline - performance.now()))?.[0])
  }

  /** Ends an intent of a write that was not run. Unless Redis answers, the intent ends by itself. */
  async withdraw(intent: Intent): Promise<void> {
    if (this.#health.responding) {
      await this.#connection.send([releaseOf({ intent }, [], 0)], this.#options.invalidationDeadlineMs)
    }
  }

  /**
   * Invalidates what a write made stale. `done`: Redis has acknowledged it. `queued`: it has not, and the journal replays it
   * before this process uses the cache again.
   *
   * @param release - the intent of the write ends with it
   */
  async invalidate({ holds, keys, alsoStale }: Invalidation, release?: Release): Promise<'done' | 'queued'> {
    if (keys.length === 0 && holds.length === 0 && release === undefined) return 'done'
    const deadline = performance.now() + this.#options.invalidationDeadlineMs
    if (!(await this.#responds())) {
      this.#health.queue(holds, keys)
      this.#holds.open({ holds, keys, alsoStale })
      return 'queued'
    }
    const batch = this.#batches.current()
    batch.atMost(deadline - performance.now())
    for (const hold of holds) batch.holds.add(hold)
    const all = [...keys, ...this.#also(alsoStale)]
    if (release === undefined) for (const key of all) batch.keys.add(key)
    else batch.releases.push({ release, keys: all })
    const isDone = await batch.done
    this.#holds.open({ holds, keys, alsoStale })
    return isDone ? 'done' : 'queued'
  }

  /** Whether Redis is there, for a write. */
  async #responds(): Promise<boolean> {
    this.#options.touch()
    if (!this.#health.responding) await this.#health.started(this.#options.invalidationDeadlineMs, true)
    return this.#health.responding
  }

  #also(alsoStale: Invalidation['alsoStale']): readonly string[] {
    return alsoStale?.(this.#options.shared?.bucket ?? 0) ?? []
  }

  #dropNear(keys: readonly string[]): void {
    this.#options.near?.drop(keys)
    dropInProcess(keys)
  }

  /** Answers how many holds have not ended. */
  close(): number {
    return this.#holds.close()
  }

  async #invalidate(batch: InvalidateBatch): Promise<boolean> {
    const keys = [...batch.keys]
    const holds = [...batch.holds]
    const all = [...keys, ...batch.releases.flatMap(release => release.keys)]
    const until = performance.now() + batch.remainingMs
    const acknowledged = this.#health.sending()
    this.#dropNear([...holds, ...all])
    // Holds are acknowledged before the first DEL goes out: a load between them could fill what the server commits later. A hold
    // that Redis refuses (it may be full) is no reason to keep what is stale.
    const isHeld = holds.length === 0 || (await this.#connection.hold(holds, this.#options.holdMs, batch.remainingMs))
    const ms = until - performance.now()
    const releases = batch.releases.map(({ release, keys: stale }) =>
      releaseOf(release, stale, this.#options.serverClock.now()),
    )
    const [isDeleted, replies] = await Promise.all([
      this.#connection.del(keys, ms),
      this.#connection.send(releases, ms),
    ])
    const isDone = isDeleted && isHeld && (replies?.every(reply => /^[01]$/.test(String(reply))) ?? false)
    // What was read meanwhile may be from before.
    this.#dropNear([...holds, ...all])
    if (isDone) acknowledged()
    else this.#health.queue(holds, all)
    return isDone
  }
}

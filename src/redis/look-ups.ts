/** Trip 1 of each read: what is stored of an entry, and of all that it depends on. From the near cache where it has all of it. */
import type { Clock } from '../waiting.js'
import type { Dependencies } from '../wire/keys.js'
import { LookUpBatch, type Snapshot } from './batches.js'
import type { Connection } from './connection.js'
import type { Deadline } from './deadline.js'
import type { EpochMemory } from './epoch-memory.js'
import type { Health } from './health.js'
import type { Joining } from './joining.js'
import { CHUNK } from './key-groups.js'
import { MissStreak } from './miss-streak.js'
import type { NearCache } from './near-cache.js'
import type { OwnTokens } from './own-tokens.js'
import { TickBatcher } from './tick-batcher.js'

export interface LookUpParts {
  readonly clock: Clock
  readonly tokens: OwnTokens
  readonly memory: EpochMemory | undefined
  /** Undefined: there is none. */
  readonly near: NearCache | undefined
}

export class LookUps {
  readonly #connection: Connection
  readonly #health: Health
  readonly #joining: Joining
  readonly #parts: LookUpParts
  readonly #batches: TickBatcher<LookUpBatch>
  /** Those that the near cache keeps. */
  readonly #kept: TickBatcher<LookUpBatch>
  readonly #misses = new MissStreak()

  constructor(connection: Connection, health: Health, joining: Joining, parts: LookUpParts) {
    this.#connection = connection
    this.#health = health
    this.#joining = joining
    this.#parts = parts
    const batches = (near?: NearCache) =>
      new TickBatcher(
        () => new LookUpBatch(),
        batch => this.#lookUp(batch, near),
        send => joining.goOut(send),
      )
    this.#batches = batches()
    this.#kept = batches(parts.near)
  }

  /**
   * An entry and what it depends on; undefined: Redis is out of reach. Answers what `read` makes of it, which is called for a whole
   * tick at once and not in the caller's async context. `mayTakeToken`: the token of this key, in the same trip.
   */
  lookUp<T>(
    key: string,
    dependsOn: Dependencies,
    deadline: Deadline,
    read: (snapshot: Snapshot | undefined) => T,
    { mayTakeToken = false }: { readonly mayTakeToken?: boolean } = {},
  ): Promise<T> {
    const near = this.#nearFor([key], dependsOn)
    const snapshot = near?.look(key, dependsOn)
    if (snapshot !== undefined) {
      this.#joining.touch()
      try {
        return Promise.resolve(read(snapshot))
      } catch (error) {
        return Promise.reject(error)
      }
    }
    const batch = this.#joining.joined(near === undefined ? this.#batches : this.#kept, deadline)
    if (batch === undefined) return Promise.resolve(read(undefined))
    if (mayTakeToken) batch.mayTakeToken(key)
    return batch.lookUp(key, dependsOn, read)
  }

  /** The same for many entries that depend on the same. */
  lookUpAll<T>(
    keys: readonly string[],
    dependsOn: Dependencies,
    deadline: Deadline,
    read: (snapshot: Snapshot | undefined, index: number) => T,
  ): Promise<T[]> {
    if (keys.length === 0) return Promise.resolve([])
    const near = this.#nearFor(keys, dependsOn)
    const snapshots = near?.lookAll(keys, dependsOn)
    if (snapshots !== undefined) {
      this.#joining.touch()
      return Promise.resolve(snapshots).then(all => all.map(read))
    }
    const batch = this.#joining.joined(near === undefined ? this.#batches : this.#kept, deadline)
    if (batch === undefined) return Promise.resolve(keys.map((_, i) => read(undefined, i)))
    return batch.lookUpAll(keys, dependsOn, read)
  }

  #nearFor(keys: readonly string[], dependsOn: Dependencies): NearCache | undefined {
    const { near } = this.#parts
    return near?.takes(keys, dependsOn) === true ? near : undefined
  }

  async #lookUp(batch: LookUpBatch, near: NearCache | undefined): Promise<boolean> {
    if (!this.#joining.mayGoOut) {
      batch.answer(undefined)
      return false
    }
    const { clock, memory } = this.#parts
    const { generation } = this.#health
    clock.start(Math.ceil(batch.keys.length / CHUNK))
    const replies = await this.#repliesTo(batch, near)
    clock.stop()
    const isCurrent = generation === this.#health.generation
    if (isCurrent && replies === undefined) this.#health.failed()
    if (isCurrent && replies !== undefined) this.#health.succeeded()
    if (batch.onlyKey !== undefined && replies !== undefined) this.#misses.add(replies[batch.onlyEntry] ?? null)
    batch.answer(isCurrent ? replies : undefined, memory)
    return true
  }

  #repliesTo(batch: LookUpBatch, near: NearCache | undefined): Promise<readonly (Buffer | null)[] | undefined> {
    const { onlyKey, keys, remainingMs } = batch
    if (onlyKey !== undefined && this.#misses.isLikelyToGoOn) return this.#parts.tokens.lookUpAndTake(batch, onlyKey)
    return near === undefined ? this.#connection.get(keys, remainingMs) : this.#readBy(near, batch)
  }

  async #readBy(near: NearCache, batch: LookUpBatch): Promise<readonly (Buffer | null)[] | undefined> {
    const asked = performance.now()
    const seen = await near.read(batch, batch.remainingMs)
    return seen ?? this.#connection.get(batch.keys, batch.remainingMs - (performance.now() - asked))
  }
}

/**
 * The store of a Cluster: a store for each bucket, which is on its own what the store of a single Redis is, with its own trust and
 * journal. What a read looks up is in one bucket, a write invalidates its rows where they are, and its epochs in each.
 */
import type { Buckets } from '../wire/buckets.js'
import type { Dependencies, Invalidation } from '../wire/keys.js'
import type { Snapshot } from './batches.js'
import { Deadline } from './deadline.js'
import type { Intended, Intent, Release } from './intents.js'
import type { Store } from './store.js'
import type { FillOptions, Ticket } from './ticket.js'
import type { Load } from './token-renewals.js'

/** What reads and writes use of a store. */
export interface AnyStore
  extends Pick<
    Store,
    | 'usable'
    | 'started'
    | 'redisTime'
    | 'deadline'
    | 'redisNow'
    | 'lookUp'
    | 'lookUpAll'
    | 'takeOver'
    | 'fill'
    | 'filled'
    | 'intend'
    | 'withdraw'
    | 'invalidate'
    | 'close'
  > {
  /** @param near - a key where the snapshot was looked up; undefined: nothing was looked up */
  acquire(...args: [...Parameters<Store['acquire']>, near?: string]): Promise<Ticket | undefined>
}

const NOTHING: Ticket = { entry: undefined, epochs: [] }

export class ClusterStore implements AnyStore {
  readonly #buckets: Buckets
  readonly #stores: readonly Store[]
  readonly #named = new WeakMap<Dependencies, (Dependencies | undefined)[]>()

  /** @param stores - one of each bucket */
  constructor(buckets: Buckets, stores: readonly Store[]) {
    this.#buckets = buckets
    this.#stores = stores
  }

  /** Whether reads may use a part of it. */
  get usable(): boolean {
    return this.#stores.some(store => store.usable)
  }

  async started(): Promise<void> {
    await Promise.all(this.#stores.map(store => store.started()))
  }

  redisTime(): number {
    return this.#first.redisTime()
  }

  deadline(): Deadline {
    return this.#first.deadline()
  }

  /** @param key - each node has a clock of its own. Default: of the first node */
  redisNow(key?: string): number {
    return this.#at(key === undefined ? 0 : this.#bucketOf(key)).redisNow()
  }

  lookUp<T>(
    key: string,
    dependsOn: Dependencies,
    deadline: Deadline,
    read: (snapshot: Snapshot | undefined) => T,
    options?: { readonly mayTakeToken?: boolean },
  ): Promise<T> {
    const bucket = this.#bucketOf(key)
    return this.#at(bucket).lookUp(key, this.#in(bucket, dependsOn), deadline, read, options)
  }

  async lookUpAll<T>(
    keys: readonly string[],
    dependsOn: Dependencies,
    deadline: Deadline,
    read: (snapshot: Snapshot | undefined, index: number) => T,
  ): Promise<T[]> {
    const byBucket = new Map<number, number[]>()
    for (const [i, key] of keys.entries()) {
      const bucket = this.#bucketOf(key)
      const indexes = byBucket.get(bucket)
      if (indexes === undefined) byBucket.set(bucket, [i])
      else indexes.push(i)
    }
    const results: T[] = []
    await Promise.all(
      Array.from(byBucket, ([bucket, indexes]) =>
        this.#at(bucket).lookUpAll(
          indexes.map(i => keys[i] as string),
          this.#in(bucket, dependsOn),
          deadline,
          (snapshot, i) => {
            const index = indexes[i] as number
            results[index] = read(snapshot, index)
          },
        ),
      ),
    )
    return results
  }

  async acquire(
    key: string | undefined,
    dependsOn: Dependencies,
    snapshot: Snapshot,
    deadline: Deadline,
    load: Load,
    near = key,
  ): Promise<Ticket | undefined> {
    const bucket = near === undefined ? undefined : this.#bucketOf(near)
    const ticket =
      bucket === undefined
        ? NOTHING
        : await this.#at(bucket).acquire(key, this.#in(bucket, dependsOn), snapshot, deadline, load)
    if (ticket === undefined) return undefined
    // Elsewhere, what was seen before now will do.
    const now = performance.now()
    const at: Ticket['at'] = (other, names, own) => {
      const where = this.#bucketOf(other)
      return where === bucket
        ? own
        : this.#at(where).memory?.at(
            names.map(name => this.#buckets.nameIn(where, name)),
            now,
          )
    }
    return { ...ticket, at }
  }

  takeOver(key: string, ticket: Ticket): Promise<Ticket> {
    return this.#at(this.#bucketOf(key)).takeOver(key, ticket)
  }

  fill(key: string, entry: Buffer, options: FillOptions): void {
    const bucket = this.#bucketOf(key)
    this.#at(bucket).fill(key, entry, { ...options, dependsOn: this.#in(bucket, options.dependsOn) })
  }

  filled(key: string): Promise<boolean> {
    return this.#at(this.#bucketOf(key)).filled(key)
  }

  async intend(intent: Intent): Promise<Intended> {
    const replies = await Promise.all(this.#stores.map((store, bucket) => store.intend(this.#intentIn(bucket, intent))))
    return { isSet: replies.every(({ isSet }) => isSet), stamps: replies.map(({ stamps }) => stamps[0]) }
  }

  async withdraw(intent: Intent): Promise<void> {
    await Promise.all(this.#stores.map((store, bucket) => store.withdraw(this.#intentIn(bucket, intent))))
  }

  async invalidate(invalidation: Invalidation, release?: Release): Promise<'done' | 'queued'> {
    const { row, intent } = release ?? {}
    const outcomes = await Promise.all(
      this.#stores.map((store, bucket) => {
        const ends = intent && {
          intent: this.#intentIn(bucket, intent),
          row: row && this.#bucketOf(row.key) === bucket ? row : undefined,
        }
        return store.invalidate({ ...invalidation, ...this.#namesIn(bucket, invalidation) }, ends)
      }),
    )
    return outcomes.includes('queued') ? 'queued' : 'done'
  }

  /** Rows are in their bucket, epochs and holds in each. */
  #namesIn(bucket: number, { holds, keys }: Invalidation): Pick<Invalidation, 'holds' | 'keys'> {
    const here = keys.filter(key => (this.#buckets.of(key) ?? bucket) === bucket)
    const name = (key: string) => this.#buckets.nameIn(bucket, key)
    return { holds: holds.map(name), keys: here.map(name) }
  }

  #intentIn(bucket: number, intent: Intent): Intent {
    const { through } = intent
    const isHere = through !== undefined && (this.#buckets.of(through.guard) ?? bucket) === bucket
    const [guard, epoch] = [through?.guard ?? '', through?.epoch ?? ''].map(key => this.#buckets.nameIn(bucket, key))
    return {
      ...intent,
      ...this.#namesIn(bucket, intent),
      through: isHere ? { token: through.token, guard: guard as string, epoch: epoch as string } : undefined,
    }
  }

  /** A write of unknown outcome has a hold in each bucket. */
  close(): number {
    return Math.max(...this.#stores.map(store => store.close()))
  }

  get #first(): Store {
    return this.#at(0)
  }

  #at(bucket: number): Store {
    return this.#stores[bucket] as Store
  }

  #bucketOf(key: string): number {
    return this.#buckets.of(key) as number
  }

  /** The same dependencies as they are called in a bucket. */
  #in(bucket: number, dependsOn: Dependencies): Dependencies {
    let known = this.#named.get(dependsOn)
    if (known === undefined) {
      known = []
      this.#named.set(dependsOn, known)
    }
    const { epochs, holds } = dependsOn
    return (known[bucket] ??= {
      epochs: epochs.map(name => this.#buckets.nameIn(bucket, name)),
      holds: holds.map(name => this.#buckets.nameIn(bucket, name)),
    })
  }
}

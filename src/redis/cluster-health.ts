/** Whether this process uses the cache, on a Cluster: each of its buckets or not. */
import type { Emit } from '../events.js'
import type { Health } from './health.js'

/** What the rest of the package uses of a health. */
export interface AnyHealth extends Pick<Health, 'inUse' | 'obstacle' | 'pending' | 'checkAgain' | 'close' | 'rest'> {
  /** Which part of the keys reads use, from 0 to 1; undefined: all or nothing. */
  readonly share?: number
}

/** The same error of several buckets within this time is one. */
const SAME_MS = 10_000
/** How long it is waited for more buckets to come back before it is said. */
const TOGETHER_MS = 200

export class ClusterHealth implements AnyHealth {
  readonly #buckets: Health[] = []
  readonly #emit: Emit
  readonly #errors = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #said: { readonly usable: boolean; readonly share: number } | undefined

  constructor(emit: Emit) {
    this.#emit = emit
  }

  add(health: Health): void {
    this.#buckets.push(health)
  }

  /** Whether reads use all of it. */
  get inUse(): boolean {
    return this.#buckets.every(({ inUse }) => inUse)
  }

  /** Which part of it reads use, from 0 to 1. */
  get share(): number {
    return this.#buckets.filter(({ inUse }) => inUse).length / this.#buckets.length
  }

  get obstacle(): string | undefined {
    const unused = this.#buckets.flatMap(({ obstacle }) => obstacle ?? [])
    if (unused.length === 0) return undefined
    const [first] = unused
    return unused.length === this.#buckets.length
      ? first
      : `in ${unused.length} of ${this.#buckets.length} parts: ${first}`
  }

  get pending(): number {
    return this.#buckets.reduce((sum, { pending }) => sum + pending, 0)
  }

  checkAgain(): void {
    for (const health of this.#buckets) health.checkAgain()
  }

  async close(ms: number): Promise<number> {
    const pending = await Promise.all(this.#buckets.map(health => health.close(ms)))
    return pending.reduce((sum, each) => sum + each, 0)
  }

  async rest(ms: number): Promise<void> {
    await Promise.all(this.#buckets.map(health => health.rest(ms)))
  }

  /** The events of a bucket, as those of the Cluster. */
  emitOf(bucket: number): Emit {
    return event => {
      if (event.type === 'redis') return this.#changed(event.usable)
      // Each process has the same versions in each bucket.
      if (event.type === 'versions' && bucket !== 0) return
      if (event.type === 'error' && this.#isRepeated(event.message)) return
      this.#emit(event)
    }
  }

  /** A node has several buckets: what happens to them together is one event. */
  #changed(isUsed: boolean): void {
    if (this.#timer !== undefined && isUsed && !this.inUse) return
    clearTimeout(this.#timer)
    if (isUsed && !this.inUse) this.#timer = setTimeout(() => this.#say(), TOGETHER_MS).unref()
    else queueMicrotask(() => this.#say())
  }

  #say(): void {
    this.#timer = undefined
    const { inUse: usable, share } = this
    if (this.#said?.usable === usable && this.#said.share === share) return
    this.#said = { usable, share }
    this.#emit(
      usable ? { type: 'redis', usable, share: 1 } : { type: 'redis', usable, share, why: this.obstacle ?? '' },
    )
  }

  #isRepeated(message: string): boolean {
    const now = performance.now()
    const last = this.#errors.get(message)
    if (last !== undefined && now - last < SAME_MS) return true
    for (const [other, at] of this.#errors) if (now - at >= SAME_MS) this.#errors.delete(other)
    this.#errors.set(message, now)
    return false
  }
}

/**
 * Loads in the background, of entries that are about to end or have ended: one at a time per key, here and, by a lease, in the fleet.
 * Nothing waits for them, and no error of theirs reaches a caller. What is not begun now is begun by a later read.
 */
import { AsyncResource } from 'node:async_hooks'
import { Recent } from '../memo.js'

/** More would take connections of the pool away from callers. */
const MOST_AT_ONCE = 8
/** After another process was found at it, or Redis not to answer. */
const PAUSE_MS = 100
const MOST_PAUSES = 10_000

/** Gives a process the right to load for a key; undefined: another one has it. */
type TakeLease = (key: string) => Promise<((hasFailed: boolean) => void) | undefined>

export interface RefreshOptions {
  readonly takeLease: TakeLease
  /** Runs something later. Default: in a later turn of the event loop, which does not keep the process alive. */
  readonly later?: ((run: () => void) => void) | undefined
}

export interface Refresh {
  readonly key: string
  /** Loads and fills. Rejects with the error of the load. */
  readonly run: () => Promise<unknown>
  /** Told of the error of a load. */
  readonly failed: (error: unknown) => void
}

/** A load is not in the async context of the caller that found it due: not in its trace, its request, its span. */
const outside = new AsyncResource('prisma-extension-cache-aside.refresh')

export class Refreshes {
  readonly #takeLease: TakeLease
  readonly #later: (run: () => void) => void
  readonly #running = new Set<string>()
  readonly #pausedUntil = new Recent<number>(MOST_PAUSES)
  #closed = false
  #rests = 0

  constructor({ takeLease, later = run => setImmediate(run).unref() }: RefreshOptions) {
    this.#takeLease = takeLease
    this.#later = later
  }

  /** Begins a load, unless one of the key is running, in this process or in another, or too many are. */
  begin(refresh: Refresh): void {
    const { key } = refresh
    if (this.#closed || this.#running.has(key) || this.#running.size >= MOST_AT_ONCE) return
    if ((this.#pausedUntil.get(key) ?? 0) > performance.now()) return
    this.#running.add(key)
    const rests = this.#rests
    outside.runInAsyncScope(() => this.#later(() => void this.#run(refresh, rests)))
  }

  /** What was found due is not loaded any more: the application disconnects. What is found later is. */
  rest(): void {
    this.#rests++
  }

  close(): void {
    this.#closed = true
  }

  async #run({ key, run, failed }: Refresh, rests: number): Promise<void> {
    const mayRun = () => !this.#closed && rests === this.#rests
    let giveBack: Awaited<ReturnType<TakeLease>>
    try {
      giveBack = mayRun() ? await this.#takeLease(key) : undefined
      if (giveBack === undefined) this.#pausedUntil.set(key, performance.now() + PAUSE_MS)
      else {
        if (mayRun()) await run()
        giveBack(false)
      }
    } catch (error) {
      giveBack?.(true)
      failed(error)
    } finally {
      this.#running.delete(key)
    }
  }
}

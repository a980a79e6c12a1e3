/**
 * Waiting for a load of another process: where its token is at the key, its fill will be there before long. This is thrift and no more.
 * What is filled meanwhile is read like any other entry. Of the processes that have waited in vain, because the loader has died, one takes
 * over, and the others wait once more, for that one.
 */
import { Recent } from '../memo.js'

/** A load that takes less than this is not worth a wait. */
const SHORT_LOAD_MS = 5
/** By default it is waited for twice the time that a load has taken, and no longer than this. */
const LONGEST_DEFAULT_MS = 200
/** Between two looks. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [2, 25]
/** A key that was waited for in vain is not waited for again: the life of a token that nothing renews. */
const IN_VAIN_MS = 10_000
/** How much of a mean the newest load is. */
const NEWEST = 0.2
const MOST_KEYS = 10_000

interface Wait {
  until: number
  /** Its token. */
  loader: string
  /** Whether another loader has taken the place of the first one: no third one is waited for. */
  isSecond: boolean
  pauseMs: number
  pause: Promise<void> | undefined
}

export class LoadWaits {
  readonly #longestMs: number | undefined
  /** By model: how long its loads take, in ms. */
  readonly #means = new Map<string, number>()
  readonly #waits = new Map<string, Wait>()
  readonly #inVain = new Recent<number>(MOST_KEYS)

  /** @param longestMs - as configured; undefined: by what loads take */
  constructor(longestMs: number | undefined) {
    this.#longestMs = longestMs
  }

  /** A load of this process has taken so long. */
  took(model: string, ms: number): void {
    const mean = this.#means.get(model)
    this.#means.set(model, mean === undefined ? ms : mean + NEWEST * (ms - mean))
  }

  /** A load of this process leaves its token at the key, and no entry. */
  leavesToken(key: string): void {
    this.#inVain.set(key, performance.now() + IN_VAIN_MS)
  }

  /**
   * Waits a while.
   *
   * @param loader - the token at the key
   * @returns what to do then: look `again`; `take over`, if it was waited for in vain; or `load`, where it is not to be waited
   */
  async next(
    { key, model }: { readonly key: string; readonly model: string },
    loader: string,
  ): Promise<'again' | 'take over' | 'load'> {
    const now = performance.now()
    let wait = this.#waits.get(key)
    if (wait === undefined) {
      const longestMs = this.#longestFor(model)
      if (longestMs === 0 || (this.#inVain.get(key) ?? 0) > now) return 'load'
      wait = { until: now + longestMs, loader, isSecond: false, pauseMs: FIRST_PAUSE_MS, pause: undefined }
      this.#waits.set(key, wait)
    }
    if (wait.loader !== loader && !wait.isSecond) {
      Object.assign(wait, { loader, isSecond: true, until: now + this.#longestFor(model) })
    }
    if (now < wait.until) {
      await (wait.pause ??= this.#pause(wait, now))
      return 'again'
    }
    if (!wait.isSecond) return 'take over'
    this.leavesToken(key)
    return 'load'
  }

  /** The key holds something else now. */
  over(key: string): void {
    this.#waits.delete(key)
  }

  #pause(wait: Wait, now: number): Promise<void> {
    // Not all processes look at the same moment.
    const ms = Math.min(wait.pauseMs * (0.5 + Math.random()), wait.until - now)
    wait.pauseMs = Math.min(2 * wait.pauseMs, LONGEST_PAUSE_MS)
    return new Promise(resolve => {
      setTimeout(() => {
        wait.pause = undefined
        resolve()
      }, Math.ceil(ms))
    })
  }

  #longestFor(model: string): number {
    if (this.#longestMs !== undefined) return this.#longestMs
    const mean = this.#means.get(model) ?? 0
    return mean < SHORT_LOAD_MS ? 0 : Math.min(2 * mean, LONGEST_DEFAULT_MS)
  }
}

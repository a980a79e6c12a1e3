/** Waiting, but not for ever. */

const TURN_MS = 5

/**
 * Waits for a promise, but not much longer than `ms` of time in which the event loop turns: at the start of a process it is
 * often busy for longer than Redis may take, and a reply that is there already would count as late. Answers what is left.
 */
export async function patiently(promise: Promise<unknown>, ms: number): Promise<number> {
  const settled = promise.then(() => true)
  for (let left = ms; left > 0; left -= TURN_MS) {
    const turn = new Promise<boolean>(resolve => setTimeout(resolve, TURN_MS, false))
    if (await Promise.race([settled, turn])) return left
  }
  return 0
}

export const LATE = Symbol('late')

/** The values of promises, each of them within `ms` of the one before: the timer restarts with each value. */
export function eachWithin<T>(promises: readonly Promise<T>[], ms: number): Promise<T[] | typeof LATE> {
  return new Promise(resolve => {
    const late = () => setImmediate(resolve, LATE)
    const timer = setTimeout(late, Math.max(ms, 1))
    const settle = (value: T[] | typeof LATE) => {
      clearTimeout(timer)
      resolve(value)
    }
    for (const promise of promises) promise.then(() => timer.refresh()).catch(() => undefined)
    Promise.all(promises).then(settle, () => settle(LATE))
  })
}

/**
 * A clock that goes only while Redis is waited for, so that a query's deadline counts the time of Redis and not that of the
 * process: in a tick of thousands of queries, each is planned before the first command is sent.
 */
export class Clock {
  #passed = 0
  #waiting = 0
  #since = 0
  #parts = 1

  now(): number {
    return this.#waiting === 0 ? this.#passed : this.#passed + (performance.now() - this.#since) / this.#parts
  }

  /** @param parts - the wait may be this many times longer, because replies come in parts */
  start(parts: number): void {
    if (this.#waiting++ === 0) {
      this.#since = performance.now()
      this.#parts = 1
    }
    this.#parts = Math.max(this.#parts, parts)
  }

  stop(): void {
    const now = this.now()
    if (--this.#waiting === 0) this.#passed = now
  }
}

/**
 * The promise's value, or `LATE` when it is not there after `ms`, or rejects: for us both mean that Redis is out of reach.
 * A timer that fires looks again after `setImmediate`, or a stalled event loop would read as a slow Redis.
 */
export function within<T>(promise: Promise<T>, ms: number): Promise<T | typeof LATE> {
  return new Promise(resolve => {
    const timer = setTimeout(() => setImmediate(resolve, LATE), Math.max(ms, 1))
    promise.then(
      value => {
        clearTimeout(timer)
        resolve(value)
      },
      () => {
        clearTimeout(timer)
        resolve(LATE)
      },
    )
  })
}

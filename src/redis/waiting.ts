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

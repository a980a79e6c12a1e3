/** Counts timers, also those that don't keep the process alive. To be imported before everything else. */

const live = new Set<unknown>()
const { setTimeout: start, clearTimeout: stop, setInterval: startRepeating, clearInterval: stopRepeating } = globalThis

globalThis.setTimeout = Object.assign((run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
  const timer = start(() => {
    live.delete(timer)
    run(...args)
  }, ms)
  live.add(timer)
  return timer
}, start) as typeof setTimeout
globalThis.clearTimeout = timer => {
  live.delete(timer)
  stop(timer)
}
globalThis.setInterval = ((run: () => void, ms?: number) => {
  const timer = startRepeating(run, ms)
  live.add(timer)
  return timer
}) as typeof setInterval
globalThis.clearInterval = timer => {
  live.delete(timer)
  stopRepeating(timer)
}

export function liveTimers(): number {
  return live.size
}

/** Counts timers, also those that don't keep the process alive. To be imported before everything else. */

const live = new Map<unknown, string>()
const { setTimeout: start, clearTimeout: stop, setInterval: startRepeating, clearInterval: stopRepeating } = globalThis

const timeout = (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
  const timer = start(() => {
    live.delete(timer)
    run(...args)
  }, ms)
  live.set(timer, startedBy())
  return timer
}
const interval = (run: () => void, ms?: number) => {
  const timer = startRepeating(run, ms)
  live.set(timer, startedBy())
  return timer
}
Object.assign(timeout, start) // its form that gives a promise
Object.assign(globalThis, {
  setTimeout: timeout,
  setInterval: interval,
  clearTimeout(timer: NodeJS.Timeout | undefined) {
    live.delete(timer)
    stop(timer)
  },
  clearInterval(timer: NodeJS.Timeout | undefined) {
    live.delete(timer)
    stopRepeating(timer)
  },
})

/** The line that started each timer which has neither run nor been cleared. */
export function liveTimers(): string[] {
  return [...live.values()]
}

function startedBy(): string {
  return new Error('timer').stack?.split('\n')[3]?.trim() ?? ''
}

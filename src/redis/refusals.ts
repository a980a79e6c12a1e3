/** Errors that Redis answers, as events: one that comes to each command is one event in a while. */
import type { Emit } from '../events.js'

const APART_MS = 1_000

export class Refusals {
  readonly #emit: Emit
  readonly #reportedAt = new Map<string, number>()

  constructor(emit: Emit) {
    this.#emit = emit
  }

  /** @param command - where it is not permitted */
  report(code: string, command?: string): void {
    const now = performance.now()
    const what = command === undefined ? code : `${code} ${command}`
    if (now - (this.#reportedAt.get(what) ?? Number.NEGATIVE_INFINITY) < APART_MS) return
    this.#reportedAt.set(what, now)
    const which = command === undefined ? 'a command' : `a command (${command})`
    this.#emit({ type: 'error', code: 'REDIS_REFUSED', message: `Redis refused ${which}: ${code}.` })
  }
}

/** Keeps the tokens of loads that take long: a token lives as long as its load runs, and that of a dead process ends soon. */
import type { Command } from './command.js'

import { RENEW } from './scripts.js'
import type { Token } from '../wire/envelope.js'

/** A load, as far as its tokens depend on it. */
export interface Load {
  /** Calls back when it has ended, however it did. */
  atEnd(run: () => void): void
}

interface Renewed {
  readonly key: string
  readonly token: Token
  /** When it was taken: loads that are quick cost no command. */
  readonly since: number
}

export class Renewals {
  readonly #tokenMs: number
  readonly #send: (commands: readonly Command[]) => void
  readonly #running = new Set<Renewed>()
  #timer: NodeJS.Timeout | undefined

  constructor(tokenMs: number, send: (commands: readonly Command[]) => void) {
    this.#tokenMs = tokenMs
    this.#send = send
  }

  /** Renews a token every third of its life, until the load has ended. */
  during(load: Load, key: string, token: Token): void {
    const renewed = { key, token, since: performance.now() }
    this.#running.add(renewed)
    load.atEnd(() => this.#running.delete(renewed))
    // One timer serves all loads. It stops when it has nothing to renew.
    this.#timer ??= setInterval(() => this.#renew(), this.#tokenMs / 3).unref()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #renew(): void {
    if (this.#running.size === 0) return this.close()
    const before = performance.now() - this.#tokenMs / 6
    const old = [...this.#running].filter(({ since }) => since < before)
    if (old.length > 0) {
      this.#send(old.map(({ key, token }): Command => ['eval', RENEW, 1, key, token, Math.ceil(this.#tokenMs)]))
    }
  }
}

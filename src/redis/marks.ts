/**
 * Which Redis servers are known. One that is not may hold entries whose invalidation it never saw: whoever meets it first
 * drops all epochs and leaves a mark. The mark names the server and the epochs, as a service with fewer models drops fewer.
 */
import type { Connection } from './connection.js'
import { digestOf, knownServerKey } from '../wire/keys.js'

export interface KnownServersOptions {
  readonly prefix: string
  readonly epochs: readonly string[]
  readonly deadlineMs: number
}

const SEEN_MS = 7 * 24 * 3_600_000
/** Long before its time is over, by each process that trusts the server. */
const RENEW_MS = 3_600_000
/** What a mark holds: the epochs were dropped once since this server is there. */
const KNOWN = '1'
/** Somebody is about to drop them. */
const TRIED = '0'
const TRIED_MS = 60_000

export class KnownServers {
  readonly #connection: Connection
  readonly #options: KnownServersOptions
  readonly #digest: string
  #keys: readonly string[] = []
  #markedAt = Number.NEGATIVE_INFINITY
  /** The server whose epochs were dropped in this series of attempts, and at which connect. */
  #dropped: string | undefined

  constructor(connection: Connection, options: KnownServersOptions) {
    this.#connection = connection
    this.#options = options
    this.#digest = digestOf(options.epochs)
  }

  /**
   * Drops all epochs of a server that nobody has met, and of one that was met before, if it is not the one that was trusted
   * last. `refused`: Redis does not let this process write the mark.
   *
   * @param identities - `''` where the server does not tell
   * @param connects - changes with each connect
   */
  async check(
    identities: readonly string[],
    isAnother: boolean,
    connects: number,
  ): Promise<'met' | 'refused' | 'unanswered'> {
    const { prefix, epochs, deadlineMs } = this.#options
    const keys = identities.map(identity => knownServerKey(prefix, identity, this.#digest))
    const marks = await this.#connection.get(keys, deadlineMs)
    if (marks === undefined) return 'unanswered'
    const isKnown = marks.every(mark => String(mark) === KNOWN)
    this.#keys = keys
    this.#markedAt = Number.NEGATIVE_INFINITY
    if (isKnown && !isAnother && !identities.includes('')) return 'met'
    // Before it does anything to others: who can't mark the server would drop everyone's entries again at each attempt.
    const mayMark = isKnown ? 'met' : await this.#set(TRIED, TRIED_MS, 'NX')
    if (mayMark !== 'met') return mayMark
    const server = `${identities.join()} ${connects}`
    if (this.#dropped !== server) {
      if (!(await this.#connection.del(epochs, deadlineMs))) return 'unanswered'
      this.#dropped = server
    }
    // First dropped, then marked: who finds the mark relies on it.
    return isKnown ? 'met' : this.#mark()
  }

  /** The series of attempts is over. */
  trusted(): void {
    this.#dropped = undefined
  }

  /** Or the next process would take the server for an unknown one, when a week is over, and drop all entries. */
  async renew(): Promise<void> {
    if (performance.now() - this.#markedAt > RENEW_MS) await this.#mark()
  }

  async #mark(): Promise<'met' | 'refused' | 'unanswered'> {
    const outcome = await this.#set(KNOWN, SEEN_MS)
    if (outcome === 'met') this.#markedAt = performance.now()
    return outcome
  }

  async #set(value: string, ms: number, ...more: string[]): Promise<'met' | 'refused' | 'unanswered'> {
    const { deadlineMs } = this.#options
    const replies = await this.#connection.send(
      this.#keys.map(key => ['set', key, value, 'PX', ms, ...more]),
      deadlineMs,
    )
    if (replies === undefined) return 'unanswered'
    if (replies.some(reply => reply instanceof Error)) return 'refused'
    // Inside somebody's MULTI the answer is `QUEUED`.
    return replies.every(reply => reply === null || isOk(reply)) ? 'met' : 'unanswered'
  }
}

function isOk(reply: unknown): boolean {
  return reply instanceof Buffer && reply.toString() === 'OK'
}

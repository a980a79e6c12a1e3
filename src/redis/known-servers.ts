/**
 * Which Redis servers are known. An unknown server may hold entries whose invalidation it never saw: the process that meets it
 * first invalidates all epochs and leaves a mark. The mark names the server and the epochs: a service with fewer models invalidates
 * fewer.
 */
import type { Connection } from './connection.js'
import { refusalOf } from './redis-errors.js'
import { digestOf, knownServerKey } from '../wire/keys.js'

export interface KnownServersOptions {
  readonly prefix: string
  readonly epochs: readonly string[]
  readonly deadlineMs: number
}

const SEEN_MS = 7 * 24 * 3_600_000
/** A mark is renewed long before its time is over, by each process that uses the server. */
const RENEW_MS = 3_600_000
/** Value of a mark: the epochs were invalidated once since this server runs. */
const KNOWN = '1'
/** Value of a mark: a process is about to invalidate them. */
const TRIED = '0'
const TRIED_MS = 60_000

export class KnownServers {
  readonly #connection: Connection
  readonly #options: KnownServersOptions
  readonly #digest: string
  #key = ''
  #markedAt = Number.NEGATIVE_INFINITY
  /** The server whose epochs were invalidated in this series of attempts, and at which connect. */
  #invalidated: string | undefined

  constructor(connection: Connection, options: KnownServersOptions) {
    this.#connection = connection
    this.#options = options
    this.#digest = digestOf(options.epochs)
  }

  /**
   * Invalidates all epochs of a server that is not known, and of a known one, if it is not the one that was used last.
   * `refused`: Redis does not let this process write the mark.
   *
   * @param identity - `''` where the server does not tell
   * @param connects - changes with each connect
   * @param isSame - whether the client is still connected as it was then
   */
  async check(
    identity: string,
    isAnother: boolean,
    connects: number,
    isSame: () => boolean,
  ): Promise<'known' | 'refused' | 'unanswered'> {
    const { prefix, epochs, deadlineMs } = this.#options
    const key = knownServerKey(prefix, identity, this.#digest)
    const marks = await this.#connection.get([key], deadlineMs)
    if (marks === undefined) return 'unanswered'
    const isKnown = String(marks[0]) === KNOWN
    this.#key = key
    this.#markedAt = Number.NEGATIVE_INFINITY
    if (isKnown && !isAnother && identity !== '') return 'known'
    // First, because a process that can't mark the server would invalidate the entries of all others again at each attempt.
    const marked = isKnown ? 'known' : await this.#set(TRIED, TRIED_MS, 'NX')
    if (marked !== 'known') return marked
    const server = `${identity} ${connects}`
    if (this.#invalidated !== server) {
      if (!(await this.#connection.del(epochs, deadlineMs))) return 'unanswered'
      // Another server may have acknowledged it. Only this one may be marked.
      if (!isSame()) return 'unanswered'
      this.#invalidated = server
    }
    // First invalidated, then marked: other processes rely on the mark.
    return isKnown ? 'known' : this.#mark()
  }

  /** The series of attempts is over. */
  used(): void {
    this.#invalidated = undefined
  }

  /** Otherwise, after a week, the next process would take the server for an unknown one and invalidate all entries. */
  async renew(): Promise<void> {
    if (performance.now() - this.#markedAt > RENEW_MS) await this.#mark()
  }

  async #mark(): Promise<'known' | 'refused' | 'unanswered'> {
    const outcome = await this.#set(KNOWN, SEEN_MS)
    if (outcome === 'known') this.#markedAt = performance.now()
    return outcome
  }

  async #set(value: string, ms: number, ...more: string[]): Promise<'known' | 'refused' | 'unanswered'> {
    const { deadlineMs } = this.#options
    const replies = await this.#connection.send([['set', this.#key, value, 'PX', ms, ...more]], deadlineMs)
    if (replies === undefined) return 'unanswered'
    const [reply] = replies
    if (reply instanceof Error) return refusalOf(reply) === undefined ? 'unanswered' : 'refused'
    // Inside somebody's MULTI the answer is `QUEUED`.
    return reply === null || isOk(reply) ? 'known' : 'unanswered'
  }
}

function isOk(reply: unknown): boolean {
  return reply instanceof Buffer && reply.toString() === 'OK'
}

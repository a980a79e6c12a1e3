/** The tokens of entries that this process has taken: it is loading these entries. Any other token alone is that of another process. */
import { Recent } from '../memo.js'
import { isTokenAlone, newToken, type Token } from '../wire/envelope.js'
import type { LookUpBatch } from './batches.js'
import type { Connection } from './connection.js'
import { TAKE_OVER } from './scripts.js'
import type { Ticket } from './ticket.js'

/** More than a process loads at a time. */
const MOST_OWN = 10_000

export class OwnTokens {
  readonly #connection: Connection
  readonly #tokenMs: number
  readonly #own = new Recent<true>(MOST_OWN)

  constructor(connection: Connection, tokenMs: number) {
    this.#connection = connection
    this.#tokenMs = tokenMs
  }

  /** @param taken - the token that was sent for the entry */
  ticket(entry: Token | undefined, epochs: readonly Token[], taken?: Token): Ticket {
    if (entry !== undefined && entry === taken) this.#own.set(nameOf(entry), true)
    const isTaken = entry !== undefined && isTokenAlone(entry)
    return { entry, epochs, isLoadedElsewhere: isTaken && this.#own.get(nameOf(entry)) === undefined }
  }

  /**
   * Trips 1 and 2 in one: takes the token of the only key, and looks up behind it, so that a hold is seen that came before. Both end
   * before the query, on a Cluster too.
   */
  async lookUpAndTake(batch: LookUpBatch, key: string): Promise<readonly (Buffer | null)[] | undefined> {
    const token = newToken()
    const [taken, values] = await Promise.all([
      this.#connection.send([['set', key, token, 'NX', 'PX', this.#tokenMs]], batch.remainingMs),
      this.#connection.get(batch.keys, batch.remainingMs),
    ])
    const isOurs = String(taken?.[0]) === 'OK' && values?.[batch.onlyEntry]?.equals(token) === true
    if (!isOurs) return values
    this.#own.set(nameOf(token), true)
    // The same object, by which it is known that it is alone.
    return values.with(batch.onlyEntry, token)
  }

  /** Takes the place of another process' token, if it is still there: of all that have waited for it in vain, one does. */
  async takeOver(key: string, ticket: Ticket, ms: number): Promise<Ticket> {
    const { entry } = ticket
    if (entry === undefined) return ticket
    const token = newToken()
    const replies = await this.#connection.send([['eval', TAKE_OVER, 1, key, entry, token, this.#tokenMs]], ms)
    return Number(replies?.[0]) === 1 ? { ...ticket, ...this.ticket(token, ticket.epochs, token) } : ticket
  }
}

function nameOf(token: Token): string {
  return token.toString('latin1')
}

/** What a command is. */
import { Refusal, type Reply } from './resp.js'
import type { Session } from './server.js'

export interface Command {
  /** How many words at least, the name included; and at most. */
  readonly words: readonly [least: number, most: number]
  /** Whether a full server refuses it. */
  readonly needsMemory?: true
  readonly run: (words: readonly Buffer[], session: Session) => Reply
}

/** As many words as one likes. */
export const ANY = Number.POSITIVE_INFINITY

export function wrongCount(name: string): Refusal {
  return new Refusal(`ERR wrong number of arguments for '${name.toLowerCase()}' command`)
}

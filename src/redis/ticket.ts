/** What a fill is made under. */
import type { Token } from '../wire/envelope.js'
import type { Dependencies } from '../wire/keys.js'

/** The tokens, all read before the load, that a fill is made under. */
export interface Ticket {
  /** That of the entry's key; undefined when it was not known before the load which key that is. */
  readonly entry: Token | undefined
  readonly epochs: readonly Token[]
  /** Whether nothing is stored at the entry's key but a token that another process has taken: it is loading the entry. */
  readonly isLoadedElsewhere?: boolean
  /**
   * On a Cluster: the epochs from before the load in the bucket of another key; undefined where they are not known. `own`: those of
   * the epochs above that are meant, if the key is in the same bucket.
   */
  readonly at?: (key: string, names: readonly string[], own: readonly Token[]) => readonly Token[] | undefined
}

export interface FillOptions {
  readonly dependsOn: Dependencies
  readonly ttlMs: number
  /** What the load took. */
  readonly loadMs: number
  /** How long Redis keeps the entry past its TTL. Default: 0. */
  readonly graceMs?: number
  /** A token: the key must still hold it. `none`: the entry is proved by its stamp, or by the row that it points to. */
  readonly guard: Token | 'none' | 'if-absent'
}

/** Of a TTL. */
const LEAST_PART = 0.01
const [LEAST_MS, LEAST_MS_PART] = [50, 0.1]

/**
 * What a load counts as when it is decided whether to load anew before the entry ends: what it took, and at least 1 % of the TTL, and
 * 50 ms (of a TTL below 500 ms a tenth). That is ours: by the paper it is what the load took alone, and an entry that is loaded in
 * 1 ms is refreshed in time only where it is read thousands of times a second, and no event loop is late.
 */
export function costOf(loadMs: number, ttlMs: number): number {
  return Math.max(loadMs, ttlMs * LEAST_PART, Math.min(LEAST_MS, ttlMs * LEAST_MS_PART))
}

/**
 * The epochs from before the load for an entry whose key may not be the one that was looked up.
 *
 * @param own - those of the ticket that are meant
 */
export function epochsAt(
  ticket: Ticket,
  key: string,
  names: readonly string[],
  own: readonly Token[] = ticket.epochs,
): readonly Token[] | undefined {
  return ticket.at === undefined ? own : ticket.at(key, names, own)
}

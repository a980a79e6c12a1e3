/** What one read may take: how long it may wait for Redis, and how old entries may be. And what it has taken. */
export class Deadline {
  /** By the store's clock, which goes only while Redis is waited for. */
  readonly at: number
  roundTrips = 0
  #last: object | undefined
  /** Whether entries may be as old as `staleIfError` permits: the database can't answer. */
  isLenient = false
  /** Of a refresh: entries that end by then are taken for missing, and loaded anew. */
  reloadsUntil: number | undefined
  /** The keys of entries that are served past their TTL. */
  stale: string[] | undefined
  /** What is to be loaded anew, in the background. */
  due: Due | undefined

  constructor(at: number) {
    this.at = at
  }

  /** @param trip - what goes out in it is one round trip, however much of it is for this read */
  joins(trip: object): void {
    if (this.#last === trip) return
    this.#last = trip
    this.roundTrips++
  }

  /** An entry of this read is to be loaded anew. */
  isDue(key: string, expiresAt: number): void {
    const { due } = this
    if (due === undefined) this.due = { key, until: expiresAt }
    else if (expiresAt > due.until) this.due = { key: due.key, until: expiresAt }
  }

  /** Whether the entry at a key is served past its TTL; without a key, whether any is. */
  isStale(key?: string): boolean {
    return this.stale !== undefined && (key === undefined || this.stale.includes(key))
  }

  /** The same read, which may wait longer. */
  laterBy(ms: number): Deadline {
    const later = new Deadline(this.at + ms)
    later.roundTrips = this.roundTrips
    return later
  }
}

/** Which entries of a read are to be loaded anew. */
export interface Due {
  /** The key of the first of them: one process at a time loads for it. */
  readonly key: string
  /** Those that end by then, by the clock of Redis. */
  readonly until: number
}

/** Where the time of a query goes. It is measured only while somebody listens to events. */

/** What a query took. Times are in ms. */
export interface Spent {
  /** From its beginning to its answer. */
  readonly ms: number
  /** … of which it waited for Redis. */
  readonly redisMs: number
  /** … of which it waited for the database. */
  readonly databaseMs: number
  /** To Redis, that the query waited for. */
  readonly roundTrips: number
}

export class Times {
  readonly #began = performance.now()
  #last = this.#began
  #redisMs = 0
  #databaseMs = 0

  /** The time since the last of these calls went to Redis. */
  redis(): void {
    this.#redisMs += this.#lap()
  }

  /** … to the database. */
  database(): void {
    this.#databaseMs += this.#lap()
  }

  /** … to neither: the load of another query was waited for. */
  other(): void {
    this.#lap()
  }

  spent(roundTrips: number): Spent {
    return {
      ms: performance.now() - this.#began,
      redisMs: this.#redisMs,
      databaseMs: this.#databaseMs,
      roundTrips,
    }
  }

  #lap(): number {
    const now = performance.now()
    const ms = now - this.#last
    this.#last = now
    return ms
  }
}

/** How long one read may wait for Redis, and how many round trips it has waited for. */
export class Deadline {
  /** By the store's clock, which goes only while Redis is waited for. */
  readonly at: number
  roundTrips = 0
  #last: object | undefined

  constructor(at: number) {
    this.at = at
  }

  /** @param trip - what goes out in it is one round trip, however much of it is for this read */
  joins(trip: object): void {
    if (this.#last === trip) return
    this.#last = trip
    this.roundTrips++
  }

  /** The same read, which may wait longer. */
  laterBy(ms: number): Deadline {
    const later = new Deadline(this.at + ms)
    later.roundTrips = this.roundTrips
    return later
  }
}

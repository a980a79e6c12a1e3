/**
 * One round trip to several nodes of a Cluster. It goes out by `setImmediate`: by then the event loop has read the replies of all
 * nodes that have answered. If those who got their reply from one node went on at once, the commands of 64 reads in flight would be
 * as many again for each node: what can share one `MGET` would be in three.
 */
export class Trips {
  #next: (() => void)[] | undefined

  /** The one that has not gone out yet. */
  get next(): object {
    return this.#open()
  }

  /** Has a task send its commands with it. */
  readonly join = (send: () => void): void => {
    this.#open().push(send)
  }

  #open(): (() => void)[] {
    if (this.#next !== undefined) return this.#next
    const trip: (() => void)[] = []
    this.#next = trip
    setImmediate(() => {
      this.#next = undefined
      for (const send of trip) send()
    })
    return trip
  }
}

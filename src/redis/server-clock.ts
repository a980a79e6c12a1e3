/**
 * The clock of a Redis server as this process knows it. The expiry of an entry is by that clock, so that processes agree about it
 * whose own clocks differ.
 */
export class ServerClock {
  /** What is added to this process' monotonic clock; undefined: no server has told its time. */
  #offset: number | undefined

  /** The time in ms since 1970 by the clock of Redis; where no server has told it, by that of this machine. */
  now(): number {
    return this.#offset === undefined ? Date.now() : performance.now() + this.#offset
  }

  /**
   * Takes what a server has said for the clock of Redis.
   *
   * @param serverMs - ms since 1970 by the server
   * @param sentAt - when it was queried, by `performance.now()`. The server has answered somewhere between then and now
   */
  learn(serverMs: number, sentAt: number): void {
    this.#offset = serverMs - (sentAt + performance.now()) / 2
  }
}

/**
 * One load at a time per key in this process, and who may share it. A reader may take the answer of a load only if the
 * database was asked after the reader came: then the answer holds every write that was acknowledged before the reader
 * began. Who comes later waits until the load has ended and sent its fill, and looks again; all who wait share the single
 * next load. Joining any load in flight would hand a value from before a write to a reader from after it.
 */
export class Flights<Answer> {
  readonly #flights = new Map<string, Flight<Answer>>()
  #clock = 0

  /** A moment, to be compared with other moments of the same `Flights`. */
  now(): number {
    return ++this.#clock
  }

  under(key: string): Flight<Answer> | undefined {
    return this.#flights.get(key)
  }

  /** Begins a load that others can find; it is there until `end`. */
  begin(key: string): Flight<Answer> {
    const flight = new Flight<Answer>(
      () => this.now(),
      () => this.#flights.delete(key),
    )
    this.#flights.set(key, flight)
    return flight
  }
}

/** The load that was waited for takes too long: ask for yourself. */
export const STUCK = Symbol('stuck')

const LONGEST_WAIT_MS = 5_000

export class Flight<Answer> {
  readonly #now: () => number
  readonly #remove: () => void
  #askedAt = Number.POSITIVE_INFINITY
  #settle!: (answer: Answer | undefined) => void

  readonly #loaded: Promise<Answer | undefined>

  constructor(now: () => number, remove: () => void) {
    this.#now = now
    this.#remove = remove
    this.#loaded = new Promise(resolve => {
      this.#settle = resolve
    })
  }

  /** The database is being asked now: whoever comes later may not share. */
  asked(): void {
    this.#askedAt = this.#now()
  }

  openTo(began: number): boolean {
    return began < this.#askedAt
  }

  /**
   * Waits until the load has ended. Answers what it found for those who share it, undefined when it failed, and `STUCK` when
   * it takes too long: its connection may hang where another one's would not, or it may wait for the one who asks.
   */
  async wait(): Promise<Answer | undefined | typeof STUCK> {
    let timer: NodeJS.Timeout | undefined
    const stuck = new Promise<typeof STUCK>(resolve => {
      timer = setTimeout(resolve, LONGEST_WAIT_MS, STUCK)
    })
    const outcome = await Promise.race([this.#loaded, stuck])
    clearTimeout(timer)
    return outcome
  }

  end(answer: Answer | undefined): void {
    this.#remove()
    this.#settle(answer)
  }
}

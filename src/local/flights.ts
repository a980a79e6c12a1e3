import { Waiter } from './nested-loads.js'

/**
 * One load at a time per key in this process, and who may share it. A reader may take the answer of a load only if the
 * database was asked after the reader came: then the answer holds every write that was acknowledged before the reader
 * began. Who comes later waits until the load has ended and sent its fill, and looks again; all who wait share the single
 * next load. Joining any load in flight would hand a value from before a write to a reader from after it.
 */
export class Flights<Answer> {
  readonly #flights = new Map<string, Flight<Answer>>()
  readonly #longestWaitMs: number
  #clock = 0

  /** A moment, to be compared with other moments of the same `Flights`. */
  now(): number {
    return ++this.#clock
  }

  inProgress(key: string): Flight<Answer> | undefined {
    return this.#flights.get(key)
  }

  /** @param longestWaitMs - how long a load is waited for, unless it is said for each wait */
  constructor(longestWaitMs: number = LONGEST_WAIT_MS) {
    this.#longestWaitMs = longestWaitMs
  }

  /** Begins a load that others can find; it is there until its end, or until it was waited for too long. */
  begin(key: string): Flight<Answer> {
    const flight: Flight<Answer> = new Flight<Answer>(
      () => this.now(),
      // By then another one may have its place.
      () => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
      },
      this.#longestWaitMs,
    )
    this.#flights.set(key, flight)
    return flight
  }
}

/** The load that was waited for takes too long, and has lost its place: the next reader begins another one. */
export const STUCK = Symbol('stuck')

const LONGEST_WAIT_MS = 5_000
/** `setTimeout` takes no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export class Flight<Answer> extends Waiter {
  readonly #now: () => number
  readonly #remove: () => void
  readonly #longestWaitMs: number
  /** When it was waited for first. */
  #awaitedSince: number | undefined
  #askedAt = Number.POSITIVE_INFINITY
  /** Undefined when it has ended. */
  #atEnd: (() => void)[] | undefined = []
  #settle!: (answer: Answer | undefined) => void

  readonly #loaded: Promise<Answer | undefined>

  constructor(now: () => number, remove: () => void, longestWaitMs = LONGEST_WAIT_MS) {
    super()
    this.#now = now
    this.#longestWaitMs = longestWaitMs
    this.#remove = remove
    this.#loaded = new Promise(resolve => {
      this.#settle = resolve
    })
  }

  /** The database is being asked now: whoever comes later may not share. */
  close(): void {
    this.#askedAt = this.#now()
  }

  mayJoin(began: number): boolean {
    return began < this.#askedAt
  }

  /**
   * Waits until the load has ended. Answers what it found for those who share it, undefined when it failed, and `STUCK` when
   * it takes too long: its connection may hang where another one's would not, or it may wait for the reader. Then it loses its
   * place to one successor. All who wait do so until the same moment, or later readers would wait one after the other.
   *
   * @param longestMs - since it was first waited for
   * @param sooner - settles when there is another answer
   */
  async wait(
    longestMs = this.#longestWaitMs,
    sooner?: Promise<Answer | undefined>,
  ): Promise<Answer | undefined | typeof STUCK> {
    this.awaited()
    const now = performance.now()
    this.#awaitedSince ??= now
    const leftMs = longestMs - (now - this.#awaitedSince)
    const answers = sooner === undefined ? [this.#loaded] : [this.#loaded, sooner]
    if (leftMs > LONGEST_TIMER_MS) return Promise.race(answers)
    let timer: NodeJS.Timeout | undefined
    const stuck = new Promise<typeof STUCK>(resolve => {
      timer = setTimeout(resolve, Math.max(0, leftMs), STUCK)
    })
    const outcome = await Promise.race([...answers, stuck])
    clearTimeout(timer)
    if (outcome === STUCK) this.#remove()
    return outcome
  }

  /** The answer, as soon as there is one; never settles when the load fails. */
  get answered(): Promise<Answer> {
    return new Promise(resolve => {
      void this.#loaded.then(answer => answer !== undefined && resolve(answer))
    })
  }

  atEnd(run: () => void): void {
    if (this.#atEnd === undefined) run()
    else this.#atEnd.push(run)
  }

  end(answer: Answer | undefined): void {
    this.ended()
    for (const run of this.#atEnd ?? []) run()
    this.#atEnd = undefined
    this.#remove()
    this.#settle(answer)
  }
}

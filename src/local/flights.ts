/**
 * Single-flight: one load at a time per key in this process, and who may share it.
 *
 * A reader may take the answer of a load only if the load queried the database after the reader began: then the answer holds
 * every write that was acknowledged before the reader began. A reader that comes later waits until the load has ended and its
 * fill was sent, and looks up again; all that wait share the single next load. Sharing any load in progress would hand a value
 * from before a write to a reader that began after it.
 */
import { NestedLoad } from './nested-loads.js'

/** What a load of a row or a result found, for those that share it: a payload, or that there is no such row. */
export type SharedRow = Buffer | 'absent'

export class Flights<Shared> {
  readonly #flights = new Map<string, Flight<Shared>>()
  readonly #longestWaitMs: number
  #clock = 0

  /** @param longestWaitMs - how long a load is waited for, unless the wait says how long */
  constructor(longestWaitMs: number = LONGEST_WAIT_MS) {
    this.#longestWaitMs = longestWaitMs
  }

  /** A moment, to be compared with other moments of the same `Flights`. */
  now(): number {
    return ++this.#clock
  }

  inProgress(key: string): Flight<Shared> | undefined {
    return this.#flights.get(key)
  }

  /** Begins a load that others can find until it ends, or until it was waited for too long. */
  begin(key: string): Flight<Shared> {
    const flight: Flight<Shared> = new Flight<Shared>(
      () => this.now(),
      // Another flight may have taken its place by then.
      () => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
      },
      this.#longestWaitMs,
    )
    this.#flights.set(key, flight)
    return flight
  }
}

/** How the wait for another's load ended. */
export type FlightOutcome<Shared> =
  | { readonly kind: 'loaded'; readonly shared: Shared }
  /** It failed, or what it found can't be copied. */
  | { readonly kind: 'failed' }
  /** Another process has loaded it: it is stored now. */
  | { readonly kind: 'stored' }
  /** It takes too long, and has lost its place: the next reader begins another load. */
  | { readonly kind: 'timeout' }

const FAILED = { kind: 'failed' } as const
const TIMEOUT = { kind: 'timeout' } as const
const STORED = { kind: 'stored' } as const

const LONGEST_WAIT_MS = 5_000
/** `setTimeout` takes no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export class Flight<Shared> extends NestedLoad {
  readonly #now: () => number
  readonly #leavePlace: () => void
  readonly #longestWaitMs: number
  /** When it was waited for first. */
  #awaitedSince: number | undefined
  /** By how long it is waited for. */
  readonly #late = new Map<number, Promise<FlightOutcome<Shared>>>()
  readonly #timers: NodeJS.Timeout[] = []
  #closedAt = Number.POSITIVE_INFINITY
  /** Undefined once it has ended. */
  #atEnd: (() => void)[] | undefined = []
  #settle!: (outcome: FlightOutcome<Shared>) => void
  readonly #outcome: Promise<FlightOutcome<Shared>>

  constructor(now: () => number, leavePlace: () => void, longestWaitMs = LONGEST_WAIT_MS) {
    super()
    this.#now = now
    this.#longestWaitMs = longestWaitMs
    this.#leavePlace = leavePlace
    this.#outcome = new Promise(resolve => {
      this.#settle = resolve
    })
  }

  /** The database is queried from here on: readers that begin later may not share. */
  close(): void {
    this.#closedAt = this.#now()
  }

  /** @param began - when the reader began, by `Flights.now` */
  mayJoin(began: number): boolean {
    return began < this.#closedAt
  }

  /**
   * Waits until the load has ended. A load that takes too long loses its place to one successor: its connection may hang where
   * another one's would not, or it may wait for this very reader. All that wait do so until the same moment; otherwise readers
   * that come later would wait one after the other.
   *
   * @param longestMs - since it was first waited for
   * @param lateAnswer - of a load that was waited for before
   */
  async wait(longestMs = this.#longestWaitMs, lateAnswer?: Promise<Shared>): Promise<FlightOutcome<Shared>> {
    this.registerWithEnclosing()
    const outcomes = lateAnswer === undefined ? [this.#outcome] : [this.#outcome, lateAnswer.then(loaded)]
    const outcome = await Promise.race([...outcomes, ...this.#lateAfter(longestMs)])
    if (outcome.kind === 'timeout') this.#leavePlace()
    return outcome
  }

  /** One timer for all that wait as long: with timers of their own, some would go on in a later turn of the event loop. */
  #lateAfter(longestMs: number): Promise<FlightOutcome<Shared>>[] {
    const now = performance.now()
    this.#awaitedSince ??= now
    const leftMs = Math.max(0, longestMs - (now - this.#awaitedSince))
    if (leftMs > LONGEST_TIMER_MS) return []
    let late = this.#late.get(longestMs)
    if (late === undefined) {
      late = new Promise(resolve => {
        this.#timers.push(setTimeout(resolve, Math.ceil(leftMs), TIMEOUT))
      })
      this.#late.set(longestMs, late)
    }
    return [late]
  }

  /** What it finds, as soon as it has found it; never settles when the load fails. */
  get found(): Promise<Shared> {
    return new Promise(resolve => {
      void this.#outcome.then(outcome => outcome.kind === 'loaded' && resolve(outcome.shared))
    })
  }

  atEnd(run: () => void): void {
    if (this.#atEnd === undefined) run()
    else this.#atEnd.push(run)
  }

  /** @param shared - undefined: the load failed, or what it found can't be copied; `stored`: another process has loaded it */
  end(shared: Shared | undefined, stored = false): void {
    this.ended()
    for (const timer of this.#timers) clearTimeout(timer)
    for (const run of this.#atEnd ?? []) run()
    this.#atEnd = undefined
    this.#leavePlace()
    this.#settle(stored ? STORED : shared === undefined ? FAILED : loaded(shared))
  }
}

function loaded<Shared>(shared: Shared): FlightOutcome<Shared> {
  return { kind: 'loaded', shared }
}

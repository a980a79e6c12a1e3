/**
 * How far the feed is. From time to time the end of the WAL is noted, with the time. Once the feed has done everything before that
 * place, it has invalidated all that anybody could see at that time. So a lag is told by one clock, that of this process.
 */
import type { Lsn } from './lsn.js'

interface Noted {
  readonly at: number
  readonly end: Lsn
}

const MOST_NOTED = 1_000

export class Progress {
  #noted: Noted[] = []
  /** Everything before it was told. */
  #told: Lsn
  #done: Lsn
  /** Everything that could be seen at this time is done, in ms of `performance.now()`; undefined: not known yet. */
  doneUntil: number | undefined

  constructor(confirmed: Lsn) {
    this.#told = confirmed
    this.#done = confirmed
  }

  /** Everything before this place is done. */
  get confirmed(): Lsn {
    return this.#done
  }

  /** How much of the WAL is not done, in bytes, as of the last note. */
  get lagBytes(): number {
    const last = this.#noted.at(-1)
    return last === undefined || last.end <= this.#done ? 0 : Number(last.end - this.#done)
  }

  note(at: number, end: Lsn): void {
    this.#noted.push({ at, end })
    // Of a long way back, every second note will do.
    if (this.#noted.length > MOST_NOTED) this.#noted = this.#noted.filter((_, i) => i % 2 === 1)
  }

  /** @param oldest - where the first transaction ends that is told of and not done */
  told(position: Lsn, oldest: Lsn | undefined): void {
    if (position > this.#told) this.#told = position
    if (oldest === undefined) this.done(this.#told, oldest)
  }

  /** Everything before this place is done. */
  done(end: Lsn, oldest: Lsn | undefined): void {
    if (end > this.#told) this.#told = end
    const done = oldest === undefined ? this.#told : end
    if (done > this.#done) this.#done = done
    while (this.#noted[0] !== undefined && this.#noted[0].end <= this.#done) this.doneUntil = this.#noted.shift()?.at
  }
}

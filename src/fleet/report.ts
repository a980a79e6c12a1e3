/**
 * What this process tells `prisma-extension-cache-aside top`: each second its counts by model, in a key of its own. It begins when the
 * command line has left word in the fleet that it watches, which a process reads at its next sign of life, and ends when that has run
 * out. Otherwise nothing is counted and nothing sent.
 */
import { randomUUID } from 'node:crypto'
import type { Events, ReadEvent } from '../events.js'
import type { Connection } from '../redis/connection.js'
import { reportKey } from '../wire/keys.js'

/** The reads of one model, while the process was watched. */
export interface ModelReport {
  reads: Record<ReadEvent['type'], number>
  roundTrips: number
  /** How many reads took how long; see `bucketOf`. */
  durations: number[]
}

export interface Report {
  readonly pid: number
  /** A number that grows with each report. */
  readonly at: number
  readonly usable: boolean
  readonly pending: number
  readonly models: Readonly<Record<string, ModelReport>>
  /** Reads by key, of a sample. */
  readonly keys: Readonly<Record<string, number>>
}

export interface ReportOptions {
  readonly prefix: string
  readonly events: Events
  readonly state: () => Pick<Report, 'usable' | 'pending'>
  readonly deadlineMs: number
}

const EVERY_MS = 1_000
/** As long as the command line needs to read it. */
const KEPT_MS = 10_000
/** Keys that are counted between two reports; the most frequent of them are sent. */
const MOST_KEYS = 1_000
const SENT_KEYS = 20

/** The upper end of the first bucket in ms, and how much wider each is than the one before: a tenth is precise enough to look at. */
const FIRST_MS = 0.02
const WIDER = 1.2

/** The bucket that a duration is counted in. */
export function bucketOf(ms: number): number {
  return ms <= FIRST_MS ? 0 : Math.ceil(Math.log(ms / FIRST_MS) / Math.log(WIDER))
}

/** The longest duration in ms that is counted in a bucket. */
export function longestIn(bucket: number): number {
  return FIRST_MS * WIDER ** bucket
}

export class Reports {
  readonly id = `${process.pid}-${randomUUID().slice(0, 8)}`
  readonly #connection: Connection
  readonly #options: ReportOptions
  #until = 0
  #timer: NodeJS.Timeout | undefined
  #end: (() => void) | undefined
  /** Never taken back: whoever watches looks at what has come since the report before. */
  readonly #models: Record<string, ModelReport> = {}
  #keys = new Map<string, number>()
  /** Whether there is something that was not reported. A process that is not used hears of nothing, and says nothing. */
  #isNews = false

  constructor(connection: Connection, options: ReportOptions) {
    this.#connection = connection
    this.#options = options
  }

  /** Reports for so long, from now on. */
  watch(ms: number): void {
    if (ms <= 0) return this.close()
    this.#until = performance.now() + ms
    if (this.#timer !== undefined) return
    this.#end = this.#options.events.watchReads((read, key) => this.#count(read, key))
    this.#timer = setInterval(() => this.#report(), EVERY_MS).unref()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#end?.()
    this.#timer = undefined
  }

  #count({ type, model, ms, roundTrips }: ReadEvent, key: string | undefined): void {
    this.#isNews = true
    const report = (this.#models[model] ??= {
      reads: { hit: 0, miss: 0, shared: 0, bypass: 0 },
      roundTrips: 0,
      durations: [],
    })
    report.reads[type]++
    report.roundTrips += roundTrips
    const bucket = bucketOf(ms)
    report.durations[bucket] = (report.durations[bucket] ?? 0) + 1
    if (key !== undefined && (this.#keys.size < MOST_KEYS || this.#keys.has(key))) {
      this.#keys.set(key, (this.#keys.get(key) ?? 0) + 1)
    }
  }

  #report(): void {
    if (performance.now() > this.#until) return this.close()
    if (!this.#isNews) return
    this.#isNews = false
    const { prefix, state, deadlineMs } = this.#options
    const hottest = [...this.#keys].toSorted((a, b) => b[1] - a[1]).slice(0, SENT_KEYS)
    this.#keys = new Map()
    const report: Report = {
      pid: process.pid,
      at: Math.round(performance.now()),
      ...state(),
      models: this.#models,
      keys: Object.fromEntries(hottest),
    }
    void this.#connection.send([['set', reportKey(prefix, this.id), JSON.stringify(report), 'PX', KEPT_MS]], deadlineMs)
  }
}

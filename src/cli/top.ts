/** `top`: what the processes under the prefix read now, by model, each second. They report while it asks them to. */
import { setTimeout as sleep } from 'node:timers/promises'
import { longestIn, type ModelReport, type Report } from '../fleet/report.js'
import { WATCH } from '../fleet/stored.js'
import { fleetKey, reportKey } from '../wire/keys.js'
import { type Cache, readStoredFleet } from './cache.js'
import { Failure } from './failure.js'
import { duration, percent, type Printer } from './print.js'

/** What was read between two reports of each process. */
export interface Reading {
  readonly processes: number
  readonly unusable: number
  readonly pending: number
  readonly seconds: number
  readonly models: Readonly<Record<string, Numbers>>
  readonly keys: Readonly<Record<string, number>>
}

export interface Numbers {
  readonly readsPerSecond: number
  readonly hitRatio: number
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
  /** Round trips to Redis per read. */
  readonly roundTrips: number
}

export interface TopOptions {
  /** How many times it is printed; undefined: until it is ended. */
  readonly count: number | undefined
  /** How long the first report is waited for. */
  readonly waitMs: number
  /** Ends it. */
  readonly signal: AbortSignal
}

const EVERY_MS = 1_000
/** Longer than the processes wait between two signs of life. */
const WATCH_MS = 30_000

/** @throws Failure when no process reports */
export async function top(cache: Cache, printer: Printer, { count, waitMs, signal }: TopOptions): Promise<void> {
  const screen = printer.isTerminal && !printer.isJson ? new Screen(printer) : undefined
  const watched = new Watched(cache)
  const began = performance.now()
  let printed = 0
  try {
    screen?.open()
    while (!signal.aborted && printed < (count ?? Number.POSITIVE_INFINITY)) {
      const reading = await watched.next()
      if (reading !== undefined) {
        printed++
        if (printer.isJson) printer.json(reading)
        else if (screen === undefined) for (const line of linesOf(printer, reading)) printer.line(line)
        else screen.show(linesOf(printer, reading))
      } else if (printed === 0 && screen !== undefined) {
        screen.show(['Waiting for the processes to report: up to 10 s.'])
      }
      if (printed === 0 && performance.now() - began > waitMs) {
        throw new Failure(
          `No process has reported within ${duration(waitMs)}. Only those report that read under the prefix ` +
            `${JSON.stringify(cache.prefix)} meanwhile.`,
        )
      }
      if (printed !== count) await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    screen?.close()
    await watched.end()
  }
}

/** Asks for reports, and reads them. */
class Watched {
  readonly #cache: Cache
  #before = new Map<string, Report>()
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(cache: Cache) {
    this.#cache = cache
  }

  /** The processes hear of it with their next sign of life. */
  async end(): Promise<void> {
    const { redis, buckets } = this.#cache
    await redis.eval(WATCH, 1, fleetKey(buckets.prefixes[0] as string), 0)
  }

  /** Undefined: there are no two reports of a process yet. */
  async next(): Promise<Reading | undefined> {
    const { redis, buckets } = this.#cache
    const prefix = buckets.prefixes[0] as string
    if (performance.now() - this.#askedAt > WATCH_MS / 6) {
      this.#askedAt = performance.now()
      await redis.eval(WATCH, 1, fleetKey(prefix), WATCH_MS)
    }
    const fleet = await readStoredFleet(redis, buckets)
    const now = new Map<string, Report>()
    for (const id of fleet?.reporters ?? []) {
      const text = await redis.get(reportKey(prefix, id))
      if (text !== null) now.set(id, JSON.parse(text) as Report)
    }
    const pairs = Array.from(now, ([id, report]) => ({ report, before: this.#before.get(id) }))
    const isNews = pairs.some(({ report, before }) => before !== undefined && before.at < report.at)
    this.#before = now
    return isNews ? readingOf(pairs.filter(({ before }) => before !== undefined) as Pair[]) : undefined
  }
}

interface Pair {
  readonly report: Report
  readonly before: Report
}

export function readingOf(pairs: readonly Pair[]): Reading {
  const seconds = Math.max(...pairs.map(({ report, before }) => (report.at - before.at) / 1000), 0.001)
  const models = new Map<string, ModelReport>()
  const keys: Record<string, number> = {}
  for (const { report, before } of pairs) {
    for (const [name, counts] of Object.entries(report.models)) {
      models.set(name, sum(models.get(name), counts, before.models[name]))
    }
    for (const [key, reads] of Object.entries(report.keys)) keys[key] = (keys[key] ?? 0) + reads
  }
  return {
    processes: pairs.length,
    unusable: pairs.filter(({ report }) => !report.usable).length,
    pending: pairs.reduce((total, { report }) => total + report.pending, 0),
    seconds,
    models: Object.fromEntries(Array.from(models, ([name, counts]) => [name, numbersOf(counts, seconds)])),
    keys: Object.fromEntries(Object.entries(keys).toSorted((a, b) => b[1] - a[1])),
  }
}

/** Adds what has come since the report before. */
function sum(total: ModelReport | undefined, now: ModelReport, before: ModelReport | undefined): ModelReport {
  const added = (of: (report: ModelReport) => number | undefined) =>
    ((total && of(total)) ?? 0) + (of(now) ?? 0) - ((before && of(before)) ?? 0)
  return {
    reads: {
      hit: added(({ reads }) => reads.hit),
      miss: added(({ reads }) => reads.miss),
      shared: added(({ reads }) => reads.shared),
      bypass: added(({ reads }) => reads.bypass),
    },
    roundTrips: added(({ roundTrips }) => roundTrips),
    durations: Array.from({ length: Math.max(now.durations.length, total?.durations.length ?? 0) }, (_, i) =>
      added(({ durations }) => durations[i] ?? 0),
    ),
  }
}

function numbersOf({ reads, roundTrips, durations }: ModelReport, seconds: number): Numbers {
  const all = reads.hit + reads.miss + reads.shared + reads.bypass
  return {
    readsPerSecond: all / seconds,
    hitRatio: reads.hit / all,
    p50Ms: quantile(durations, 0.5),
    p99Ms: quantile(durations, 0.99),
    roundTrips: roundTrips / all,
  }
}

function quantile(durations: readonly number[], share: number): number | undefined {
  const wanted = share * durations.reduce((total, count) => total + count, 0)
  if (wanted === 0) return undefined
  let seen = 0
  return longestIn(durations.findIndex(count => (seen += count) >= wanted))
}

function linesOf(printer: Printer, reading: Reading): string[] {
  const { processes, unusable, pending, models, keys, seconds } = reading
  const state =
    unusable > 0 ? printer.style('red', `${unusable} without Redis`) : printer.style('green', 'all use Redis')
  const queued = pending > 0 ? ` · ${printer.style('red', `${pending} invalidations wait`)}` : ''
  const rows = Object.entries(models)
    .toSorted((a, b) => b[1].readsPerSecond - a[1].readsPerSecond)
    .map(([name, { readsPerSecond, hitRatio, p50Ms, p99Ms, roundTrips }]) => [
      name,
      String(Math.round(readsPerSecond)),
      percent(hitRatio),
      timeOf(p50Ms),
      timeOf(p99Ms),
      Number.isNaN(roundTrips) ? '–' : roundTrips.toFixed(2),
    ])
  const hottest = Object.entries(keys)
    .slice(0, 10)
    .map(([key, reads]) => [`  ${key}`, `${Math.round(reads / seconds)}/s`])
  return [
    `${processes} process${processes === 1 ? '' : 'es'}, ${state}${queued}`,
    '',
    ...printer
      .tableLines([['MODEL', 'READS/S', 'HITS', 'P50', 'P99', 'TRIPS'], ...rows], 1)
      .map((line, i) => (i === 0 ? printer.style('bold', line) : line)),
    ...(hottest.length === 0
      ? []
      : ['', printer.style('bold', 'Hottest keys, of a sample'), ...printer.tableLines(hottest, 1)]),
  ]
}

function timeOf(ms: number | undefined): string {
  return ms === undefined ? '–' : `${ms < 10 ? ms.toFixed(2) : Math.round(ms)} ms`
}

/** The other screen of a terminal, which is drawn over in place and leaves nothing behind. */
class Screen {
  readonly #printer: Printer

  constructor(printer: Printer) {
    this.#printer = printer
  }

  open(): void {
    this.#printer.control('\u001B[?1049h\u001B[?25l')
  }

  show(lines: readonly string[]): void {
    const shown = [...lines.slice(0, this.#printer.height - 1), this.#printer.style('dim', 'q: quit')]
    this.#printer.control(`\u001B[H${shown.map(line => `${line}\u001B[K`).join('\r\n')}\u001B[J`)
  }

  close(): void {
    this.#printer.control('\u001B[?25h\u001B[?1049l')
  }
}

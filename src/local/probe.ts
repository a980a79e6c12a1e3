/**
 * The probe: compares some answers with the database, in the background. An answer that differs may only lag: the write is a moment
 * ago, and its invalidation is on its way. It is stale if the same answer is still there after a pause, and the database says
 * something else again.
 */
import { isDeepStrictEqual } from 'node:util'
import type { CatalogModel } from '../plan/catalog.js'
import { inOneOrder } from './row-order.js'

/** How one read is repeated. */
export interface Probed {
  readonly model: CatalogModel
  readonly operation: string
  readonly args: unknown
  /** In Redis; of several rows that of the first. */
  readonly key: string
  /** What Redis answers; undefined: no hit. */
  readonly fromCache: () => Promise<{ readonly value: unknown } | undefined>
  readonly fromDatabase: () => Promise<unknown>
}

/** Which part of the reads, and how many of them in a second. */
interface ProbeLimits {
  readonly rate: number
  readonly perSecond: number
}

const PAUSE_MS = 1_000

export class Probe {
  readonly #limits: ProbeLimits
  readonly #report: (probed: Probed) => void
  readonly #pauseMs: number
  /** How many were begun since `#since`. */
  #begun = 0
  #since = Number.NEGATIVE_INFINITY
  #closed = false

  /**
   * @param report - called with each stale answer
   * @param pauseMs - default: 1 s
   */
  constructor(limits: ProbeLimits, report: (probed: Probed) => void, pauseMs: number = PAUSE_MS) {
    this.#limits = limits
    this.#report = report
    this.#pauseMs = pauseMs
  }

  /** Perhaps compares a read, later. */
  sample(probed: () => Probed): void {
    const { rate, perSecond } = this.#limits
    if (Math.random() >= rate || this.#closed) return
    const now = performance.now()
    if (now - this.#since >= 1_000) [this.#since, this.#begun] = [now, 0]
    if (this.#begun >= perSecond) return
    this.#begun++
    const run = () => void this.#compare(probed()).catch(() => undefined)
    setImmediate(run).unref()
  }

  close(): void {
    this.#closed = true
  }

  async #compare(probed: Probed): Promise<void> {
    const first = await differs(probed)
    if (first === undefined) return
    await new Promise(resolve => setTimeout(resolve, this.#pauseMs).unref())
    if (this.#closed) return
    const second = await differs(probed)
    // Another answer has taken its place: it was lag.
    if (second === undefined || !isDeepStrictEqual(first.value, second.value)) return
    this.#report(probed)
  }
}

/** The answer from Redis, if the database has another one. */
async function differs({
  model,
  args,
  fromCache,
  fromDatabase,
}: Probed): Promise<{ readonly value: unknown } | undefined> {
  const cached = await fromCache()
  if (cached === undefined) return undefined
  const truth = await fromDatabase()
  if (isDeepStrictEqual(cached.value, truth)) return undefined
  const [ours, theirs] = [cached.value, truth].map(answer => inOneOrder(model, args, answer))
  return isDeepStrictEqual(ours, theirs) ? undefined : cached
}

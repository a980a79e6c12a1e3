/**
 * Invalidates what transactions have changed, in rounds.
 *
 * Postgres can tell of a transaction before other sessions see it: it writes the commit to the WAL first, and with synchronous
 * replication it then waits for a replica. A reader that misses in between loads the row as it was before, and fills it. So each
 * transaction is invalidated twice: as soon as it is told of, and again when a snapshot of the primary shows that it can be seen. The
 * second time ends what was filled in between; the first time is what makes it fast. Both times go into the same rounds, so that many
 * transactions share a `DEL`.
 */
import type { Effects } from '../plan/effects.js'
import type { Lsn } from './lsn.js'
import type { Snapshot } from './snapshot.js'
import type { Transaction } from './transactions.js'

export interface RoundsOptions {
  readonly newEffects: () => Effects
  /** Resolves once Redis has acknowledged it, however long that takes; rejects when the feed is stopped. */
  readonly invalidate: (effects: Effects) => Promise<void>
  readonly snapshot: () => Promise<Snapshot>
  /** Everything before this place in the WAL is done. */
  readonly onDone: (end: Lsn, transactions: readonly Transaction[]) => void
}

/** Of a transaction. `told`: Postgres has told of it. `seen`: other sessions can see it. */
export type State = 'told' | 'invalidated' | 'seen' | 'done'

interface Pending {
  readonly transaction: Transaction
  state: State
}

/** More are not taken in until some are done: transactions, and rows that they have changed. */
const [MOST_PENDING, MOST_ROWS] = [2_000, 50_000]
/** Between two looks at a transaction that can't be seen yet, in ms. */
const [FIRST_LOOK_MS, LONGEST_LOOK_MS] = [1, 100]

export class Rounds {
  readonly #options: RoundsOptions
  /** In the order of their commits. */
  readonly #pending: Pending[] = []
  #wake: (() => void) | undefined
  readonly #waitingForRoom: (() => void)[] = []
  #stopped = false

  constructor(options: RoundsOptions) {
    this.#options = options
  }

  /** Takes a transaction. Resolves when there is room for the next one. */
  async add(transaction: Transaction): Promise<void> {
    this.#pending.push({ transaction, state: 'told' })
    this.#wake?.()
    const rows = this.#pending.reduce((sum, each) => sum + each.transaction.rows, 0)
    if (this.#pending.length >= MOST_PENDING || rows >= MOST_ROWS)
      await new Promise<void>(resolve => this.#waitingForRoom.push(resolve))
  }

  /** Where the first transaction that is not done ends; undefined: all are done. */
  get oldest(): Lsn | undefined {
    return this.#pending[0]?.transaction.end
  }

  stop(): void {
    this.#stopped = true
    this.#wake?.()
    this.#leaveRoom()
  }

  /** Goes on until it is stopped. Rejects when the database can't be queried. */
  async run(): Promise<void> {
    let lookMs = FIRST_LOOK_MS
    while (!this.#stopped) {
      const now = this.#pending.filter(({ state }) => state === 'told' || state === 'seen')
      if (now.length > 0) {
        await this.#round(now)
        lookMs = FIRST_LOOK_MS
      } else {
        await this.#waitFor(this.#pending.length > 0 ? lookMs : undefined)
        lookMs = Math.min(2 * lookMs, LONGEST_LOOK_MS)
        // What has come meanwhile does not wait for a look.
        if (this.#pending.some(({ state }) => state === 'told')) continue
      }
      await this.look()
    }
  }

  /** What a transaction is that was invalidated once. */
  protected get afterFirst(): State {
    return 'invalidated'
  }

  /** Whether a transaction in this state is invalidated. */
  protected isMeant(_state: State): boolean {
    return true
  }

  async #round(now: readonly Pending[]): Promise<void> {
    const effects = this.#options.newEffects()
    for (const { transaction, state } of now) if (this.isMeant(state)) effects.add(transaction.effects)
    if (!effects.isEmpty) await this.#options.invalidate(effects)
    for (const each of now) each.state = each.state === 'told' ? this.afterFirst : 'done'
    const first = this.#pending.findIndex(({ state }) => state !== 'done')
    const done = this.#pending.splice(0, first < 0 ? this.#pending.length : first)
    const last = done.at(-1)
    if (last === undefined) return
    this.#options.onDone(
      last.transaction.end,
      done.map(({ transaction }) => transaction),
    )
    this.#leaveRoom()
  }

  /** Looks which transactions can be seen now. */
  protected async look(): Promise<void> {
    const unseen = this.#pending.filter(({ state }) => state === 'invalidated')
    if (unseen.length === 0 || this.#stopped) return
    const snapshot = await this.#options.snapshot()
    for (const each of unseen) if (snapshot.sees(each.transaction.xid)) each.state = 'seen'
  }

  /** Until a transaction comes, or for so many ms. */
  async #waitFor(ms: number | undefined): Promise<void> {
    if (this.#stopped || this.#pending.some(({ state }) => state === 'told')) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      this.#wake = resolve
      if (ms !== undefined) timer = setTimeout(resolve, ms)
    })
    clearTimeout(timer)
    this.#wake = undefined
  }

  #leaveRoom(): void {
    for (const resolve of this.#waitingForRoom.splice(0)) resolve()
  }
}

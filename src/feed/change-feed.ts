/**
 * The change feed: invalidates what any program commits. One slot is read by one feed at a time; the others wait and take over.
 *
 * A transaction is confirmed to Postgres only when Redis has acknowledged its invalidation, so that each is invalidated at least once,
 * whatever crashes. Whatever may have been missed (a slot that is new or was lost, another server in the place of the primary) ends
 * in an invalidation of everything.
 */
import type { Context } from '../context.js'
import { tell } from '../events.js'
import { Log } from '../log.js'
import { anyWrite, Effects } from '../plan/effects.js'
import { invalidate } from '../write/invalidate.js'
import { Control } from './control.js'
import { type ChangeFeedOptions, checkFeedOptions, type FeedConfig } from './options.js'
import { type InRedis, openRedis } from './in-redis.js'
import { textOfLsn } from './lsn.js'
import { Progress } from './progress.js'
import { whyResync } from './resync.js'
import { Rounds } from './rounds.js'
import { checkedPlace, type SetUp, setUp, tearDown } from './set-up.js'
import { Stream } from './stream.js'
import { Transactions } from './transactions.js'
import type { ChangeFeed, FeedEvent, FeedPhase, FeedStatus } from './types.js'

/** For tests. */
export interface FeedParts {
  readonly Rounds: typeof Rounds
}

const [FIRST_RETRY_MS, LONGEST_RETRY_MS] = [100, 10_000]
/** How often it is looked whether the slot is free. */
const WAIT_MS = 500
const OBJECT_IN_USE = '55006'

export class Feed implements ChangeFeed {
  readonly #config: FeedConfig
  readonly #parts: Partial<FeedParts>
  #log: Log
  readonly #listeners = new Set<(event: FeedEvent) => void>()
  readonly #status: FeedStatus = {
    phase: 'stopped',
    lagMs: undefined,
    lagBytes: 0,
    retainedBytes: 0,
    transactions: 0,
    rows: 0,
    invalidations: 0,
    resyncs: 0,
    errors: 0,
  }
  #made: InRedis | undefined
  #running: Promise<void> | undefined
  #stopping = new AbortController()
  #stopped: Promise<void> | undefined
  #progress: Progress | undefined

  constructor(options: ChangeFeedOptions, parts: Partial<FeedParts> = {}) {
    this.#config = checkFeedOptions(options)
    this.#parts = parts
    this.#log = new Log(this.#config.cache.log)
  }

  setup(): Promise<SetUp> {
    return this.#withControl(async control => {
      const { context } = await this.#contextOf(control)
      return setUp(control, context.catalog, this.#config)
    })
  }

  teardown(): Promise<readonly string[]> {
    return this.#withControl(control => tearDown(control, this.#config))
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) return
    this.#log = new Log(this.#config.cache.log)
    this.#stopping = new AbortController()
    this.#stopped = new Promise(resolve => this.#stopping.signal.addEventListener('abort', () => resolve()))
    let begun!: () => void
    const isBegun = new Promise<void>(resolve => {
      begun = resolve
    })
    const running = this.#run(begun)
    this.#running = running
    try {
      await Promise.race([isBegun, running])
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running?.catch(() => undefined)
    this.#running = undefined
    this.#phase('stopped')
    const made = this.#made
    this.#made = undefined
    // It ends because the application says so: that is nothing to warn of.
    this.#log.end()
    await made?.context.close()
    await made?.connection.rest(this.#config.cache.invalidationDeadlineMs)
  }

  status(): FeedStatus {
    return { ...this.#status, lagMs: this.#lagMs, lagBytes: this.#progress?.lagBytes ?? 0 }
  }

  on(listener: (event: FeedEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Until it is stopped. Rejects where the first attempt fails. */
  async #run(begun: () => void): Promise<void> {
    let retryMs = FIRST_RETRY_MS
    let isFirst = true
    while (!this.#isStopping) {
      try {
        this.#phase('connecting')
        await this.#withControl(control =>
          this.#follow(control, () => {
            isFirst = false
            retryMs = FIRST_RETRY_MS
            begun()
          }),
        )
      } catch (error) {
        if (this.#isStopping) return
        if (isFirst) throw error
        this.#error(error)
        await this.#sleep(retryMs * (0.5 + Math.random()))
        retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)
      }
    }
  }

  /** Follows the slot until the connection ends, or it is stopped. */
  async #follow(control: Control, begun: () => void): Promise<void> {
    const { slot: name } = this.#config
    const { context, state } = await this.#contextOf(control)
    const { timeline } = await checkedPlace(control)
    const left = await state.read()
    const slot = await control.slot(name)
    if (slot?.isActive === true) return this.#wait(begun)
    const { done, tables } = await setUp(control, context.catalog, this.#config)
    const { confirmed } = (await control.slot(name)) ?? { confirmed: 0n }
    const progress = new Progress(confirmed)
    /** What Postgres may be told: Redis has it. */
    let known = confirmed
    const source = `${context.database.facts?.source.id} ${timeline}`
    const transactions = new Transactions(
      {
        catalog: context.catalog,
        schemaName: this.#config.schemaName,
        onUnknownTable: table => this.#emit({ type: 'unknown-table', table }),
      },
      new Map(Object.entries(left?.forms ?? {})),
    )
    const rounds = new (this.#parts.Rounds ?? Rounds)({
      newEffects: () => context.newEffects(),
      invalidate: effects => this.#invalidate(context, effects),
      snapshot: () => control.snapshot(),
      onDone: (end, all) => {
        progress.done(end, rounds.oldest)
        const rows = all.reduce((sum, each) => sum + each.rows, 0)
        this.#status.transactions += all.length
        this.#status.rows += rows
        this.#emit({ type: 'progress', transactions: all.length, rows, lagMs: this.#lagMs })
      },
    })
    const stream = new Stream({
      connection: this.#config.connection,
      slot: name,
      publication: this.#config.publication,
      onMessage: async message => {
        const transaction = transactions.add(message)
        if (transaction !== undefined) await rounds.add(transaction)
      },
      onPosition: position => progress.told(position, rounds.oldest),
    })
    try {
      await stream.start()
      // Only now is it certain that no other feed has the slot.
      const why = whyResync(left, { slot: name, source, tables, confirmed }, done)
      if (why !== undefined) await this.#resync(context, why)
      this.#progress = progress
      this.#phase('running')
      begun()
      const confirm = async () => {
        const place = progress.confirmed
        const forms = Object.fromEntries(transactions.forms)
        const isLeft = await state.leave({ slot: name, source, done: textOfLsn(place), tables, forms }, this.#lagMs)
        if (isLeft) known = place
        await stream.confirm(known)
      }
      const beating = this.#beat(control, progress, confirm)
      const over = Promise.race([stream.ended, control.lost]).then(error => {
        throw error
      })
      await Promise.race([over, rounds.run(), beating, this.#stopped])
      if (this.#isStopping) await confirm()
    } catch (error) {
      if (isInUse(error)) return await this.#wait(begun)
      throw error
    } finally {
      this.#progress = undefined
      rounds.stop()
      await stream.stop()
    }
  }

  /** Another feed has the slot. */
  async #wait(begun: () => void): Promise<void> {
    this.#phase('waiting')
    begun()
    await this.#sleep(WAIT_MS)
  }

  /** Confirms, and says how far it is. Rejects when the database does not answer. */
  async #beat(control: Control, progress: Progress, confirm: () => Promise<void>): Promise<void> {
    const { heartbeatMs, slot } = this.#config
    while (!this.#isStopping) {
      const at = performance.now()
      progress.note(at, await control.walEnd())
      await confirm()
      this.#status.retainedBytes = (await control.slot(slot))?.retainedBytes ?? 0
      await this.#sleep(heartbeatMs - (performance.now() - at))
    }
  }

  async #resync(context: Context, why: string): Promise<void> {
    await this.#invalidate(context, anyWrite(context.catalog, new Effects()))
    this.#status.resyncs++
    this.#emit({ type: 'resync', why })
  }

  /** Until Redis has acknowledged it. */
  async #invalidate(context: Context, effects: Effects): Promise<void> {
    for (let ms = FIRST_RETRY_MS; ; ms = Math.min(2 * ms, LONGEST_RETRY_MS / 2)) {
      if (this.#isStopping) throw new Error('stopped')
      if ((await invalidate(context, effects, 'feed')) === 'done') break
      await this.#sleep(ms)
    }
    this.#status.invalidations++
  }

  get #lagMs(): number | undefined {
    const until = this.#progress?.doneUntil
    return until === undefined ? undefined : performance.now() - until
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  async #sleep(ms: number): Promise<void> {
    const { signal } = this.#stopping
    if (signal.aborted || ms <= 0) return
    await new Promise<void>(resolve => {
      const end = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      signal.addEventListener('abort', end)
    })
  }

  async #withControl<T>(use: (control: Control) => Promise<T>): Promise<T> {
    const { connection, schemaName } = this.#config
    const control = await Control.connect(connection, schemaName)
    try {
      return await use(control)
    } finally {
      await control.close()
    }
  }

  /** Made once the database has said which one it is. */
  async #contextOf(control: Control): Promise<InRedis> {
    this.#made ??= await openRedis(this.#config, control, this.#log)
    return this.#made
  }

  #phase(phase: FeedPhase): void {
    if (this.#status.phase === phase) return
    this.#status.phase = phase
    this.#emit({ type: 'phase', phase })
  }

  #error(error: unknown): void {
    this.#status.errors++
    this.#emit({ type: 'error', message: error instanceof Error ? error.message : String(error) })
  }

  #emit(event: FeedEvent): void {
    const line = lineOf(event)
    if (line !== undefined) this.#log.say('feed', line)
    for (const listener of this.#listeners) tell(listener, event, 'a change feed')
  }
}

/** For people; undefined: nothing is wrong. */
function lineOf(event: FeedEvent): string | undefined {
  if (event.type === 'error') return `The change feed was interrupted: ${event.message}.`
  if (event.type === 'resync') return `The change feed has invalidated everything: ${event.why}.`
  if (event.type !== 'unknown-table') return undefined
  return `${event.table} has changed, and is not in the schema: the change feed has invalidated everything.`
}

function isInUse(error: unknown): boolean {
  return (error as { readonly code?: unknown } | null)?.code === OBJECT_IN_USE
}

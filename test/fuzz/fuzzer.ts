/**
 * Random programs over two cached clients, with the plain client as the judge: whatever a cached client answers after a
 * write has resolved, the plain client has to answer too.
 *
 * Everything follows from the seed but the order in which servers answer. Does not need vitest.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as fc from 'fast-check'
import type { Stats } from '../../src/events.js'
import { type Answer, answerOf, run, same } from './client.js'
import { Coverage } from './coverage.js'
import { perform } from './perform.js'
import { type Program, printedProgram, programOf, type Step, type Who } from './programs.js'
import { printed, printedCall, type Read, readShapes, readsFrom } from './reads.js'
import { combinations, reset, subjects, uniqueWhere } from './space.js'
import { type Asked, NotCached, type Stage } from './stage.js'
import { Truth } from './truth.js'
import { kinds } from './writes/kinds.js'
import type { Kind, Write } from './writes/write.js'

export interface Options {
  readonly seed: number
  /** How long new programs are begun. */
  readonly seconds: number
  /** How long a program that failed may be made smaller. Default: 30. */
  readonly secondsToShrink?: number
  /** Told now and then how far it is. */
  readonly progress?: (line: string) => void
}

export interface Report {
  readonly seed: number
  readonly programs: number
  readonly writes: number
  /** Reads through cached clients. */
  readonly reads: number
  readonly hits: number
  /** Look-ups that near caches have answered. */
  readonly near: number
  /** Entries in Redis at the end of programs, compared with the database. */
  readonly entries: number
  readonly seconds: number
  readonly coverage: Coverage
  readonly failure: Failure | undefined
}

export interface Failure {
  /** A run with this seed begins with the program that failed. */
  readonly seed: number
  readonly seconds: number
  readonly message: string
  /** The program, as small as it could be made. */
  readonly program: string
}

/** So many programs share a pool of reads, which is in the cache when each of them begins. */
const POOL_FOR = 256
const POOL_OF_EACH = 10
const READS_OF_EACH = 2
const STEPS = 4
/** Reads at a time: a row that one of them has put back is there for the next. */
const A_FEW = 10

/** Runs programs until the time is up or one of them fails. */
export async function fuzz(stage: Stage, options: Options): Promise<Report> {
  const { seed, seconds, secondsToShrink = 30, progress } = options
  const fuzzer = new Fuzzer(stage)
  const began = performance.now()
  const elapsed = () => (performance.now() - began) / 1000
  let failure: Failure | undefined
  let programs = 0
  let told = 0
  while (elapsed() < seconds && failure === undefined) {
    failure = await fuzzer.one(seed + programs, secondsToShrink, elapsed)
    programs++
    if (elapsed() - told >= 30) {
      told = elapsed()
      progress?.(`${told.toFixed(0)} s: ${programs} programs, ${fuzzer.writes} writes, ${fuzzer.reads} reads`)
    }
  }
  const { writes, reads, hits, entries, coverage } = fuzzer
  const near = stage.clients.reduce((sum, client) => sum + (client.$cache.stats().near?.answered ?? 0), 0)
  return { seed, programs, writes, reads, hits, near, entries, seconds: elapsed(), coverage, failure }
}

/** What a cached client answered, and what it should have. */
class Mismatch extends Error {
  readonly read: Read

  constructor(read: Read, message: string) {
    super(message)
    this.read = read
  }
}

class Fuzzer {
  readonly coverage = new Coverage()
  writes = 0
  reads = 0
  hits = 0
  /** Entries in Redis at the end of programs. */
  entries = 0
  readonly #stage: Stage
  readonly #truth: Truth
  #pool: readonly (readonly Read[])[] = []
  #poolSeed: number | undefined
  /** How many of the writes of a step were tried. */
  readonly #tried = new WeakMap<Step, number>()
  /** Reads that are served from the cache when nothing was written. */
  readonly #cacheable = new Set<Read>()

  constructor(stage: Stage) {
    this.#stage = stage
    this.#truth = new Truth(stage.plain, stage.relations)
  }

  /** One program; if it fails, smaller and smaller ones that fail too. */
  async one(seed: number, secondsToShrink: number, elapsed: () => number): Promise<Failure | undefined> {
    await this.#prepare(Math.floor(seed / POOL_FOR))
    // Each kind comes up as often as any other.
    const some = Array.from(
      { length: STEPS },
      (_, n) => kinds[(seed + Math.floor((n * kinds.length) / STEPS)) % kinds.length] as Kind,
    )
    // Of the reads of a program that failed, mostly one is enough: smaller programs have only that.
    let only: Read | undefined
    let seconds = 0
    const focused = (program: Program): Program => (only === undefined ? program : { ...program, reads: [only] })
    const property = fc.asyncProperty(programOf(some, this.#pool, READS_OF_EACH), async program => {
      try {
        await this.#program(focused(program))
      } catch (error) {
        if (seconds === 0) seconds = elapsed()
        if (error instanceof Mismatch) only ??= error.read
        throw error
      }
    })
    const limits =
      secondsToShrink === 0
        ? { endOnFailure: true }
        : { interruptAfterTimeLimit: secondsToShrink * 1000, markInterruptAsFailure: false }
    const result = await fc.check(property, { seed, numRuns: 1, ...limits })
    if (!result.failed || result.counterexample === null) return undefined
    const [program] = result.counterexample
    const message = result.errorInstance instanceof Error ? result.errorInstance.message : String(result.errorInstance)
    const alone = only !== undefined && (await this.#fails(focused(program)))
    const { reads, steps } = alone ? focused(program) : program
    // Of each step, what was done: it ends where the database does what the kind is about, or where a read is wrong.
    const done = steps
      .filter(step => this.#tried.has(step))
      .map(step => ({ ...step, writes: step.writes.slice(0, this.#tried.get(step)) }))
    return { seed, seconds, message, program: printedProgram({ reads, steps: done }) }
  }

  async #fails(program: Program): Promise<boolean> {
    try {
      await this.#program(program)
      return false
    } catch {
      return true
    }
  }

  // ---- where programs begin

  async #prepare(poolSeed: number): Promise<void> {
    if (this.#poolSeed === poolSeed) return
    this.#poolSeed = poolSeed
    const { cache, clients, plain } = this.#stage
    const reads = readsFrom(poolSeed, POOL_OF_EACH)
    this.#truth.forget()
    this.#cacheable.clear()
    await plain.$executeRawUnsafe(reset)
    await this.#stage.caughtUp()
    await cache.clear()
    const state = await this.#truth.state()
    const misses = async (n: 0 | 1, some: readonly Read[], atOnce: number): Promise<Read[]> => {
      const missed: Read[] = []
      for (let from = 0; from < some.length; from += atOnce) {
        await Promise.all(
          some.slice(from, from + atOnce).map(async read => {
            const asked: Asked = {}
            const answer = await this.#stage.asked.run(asked, () => answerOf(clients[n], read))
            this.#judge(read, answer, await this.#truth.answer(read, state), 'before all programs: a client')
            if (asked.outcome !== 'hit') missed.push(read)
          }),
        )
        await this.#settled()
      }
      return missed
    }
    await misses(0, reads, 40)
    // An absence is kept only if its load was alone in its tick.
    await misses(0, await misses(0, reads, 40), 1)
    const never = new Set(await misses(1, reads, 40))
    for (const read of reads) if (!never.has(read)) this.#cacheable.add(read)
    await cache.take()
    this.#pool = readShapes.map(shape => {
      const some = reads.filter(read => read.shape === shape)
      const kept = some.filter(read => this.#cacheable.has(read))
      // One that only the database can answer: a filter that fails, a row that is missing for an `…OrThrow`.
      return [...kept, ...some.filter(read => !this.#cacheable.has(read)).slice(0, 1)]
    })
  }

  /** Fills are not waited for: until Redis has done all that was sent. */
  async #settled(): Promise<void> {
    await nextTurn()
    await this.#stage.settled()
  }

  // ---- programs

  async #program({ reads, steps }: Program): Promise<void> {
    const { cache, plain } = this.#stage
    await this.#settled()
    await plain.$executeRawUnsafe(reset)
    await this.#stage.caughtUp()
    await cache.bringBack()
    await this.#settled()
    for (const [n, step] of steps.entries()) await this.#step(step, reads, `step ${n + 1}`)
    await this.#compareAllRows()
    await this.#compareAllEntries()
  }

  async #step(step: Step, reads: readonly Read[], at: string): Promise<void> {
    const { who, kind, writes, together, oneTick, first } = step
    let refused = true
    for (const [n, write] of writes.entries()) {
      this.#tried.set(step, n + 1)
      const beside = together ? spread(reads, 12) : []
      if (together) this.coverage.also('reads and a write at once')
      // What they answer may be from before or after the write.
      const answers = this.#stage.clients.flatMap(client => beside.map(read => answerOf(client, read)))
      this.reads += answers.length
      refused = await this.#write(who, write, reads, at)
      await Promise.all(answers)
      await this.#stage.caughtUp()
      this.writes++
      if (refused === (kind.refused ?? false)) break
    }
    const asPlanned = refused === (kind.refused ?? false)
    if (asPlanned) this.coverage.wrote(kind.name)
    if (who.through !== 'itself') this.coverage.also(`write by ${who.through}`)
    const beforehand = await this.#compare(reads, first, oneTick, `${at}, after the write`)
    if (!asPlanned) return
    for (const { read, outcomes } of beforehand) {
      if (!this.#cacheable.has(read)) continue
      for (const [n, outcome] of outcomes.entries()) {
        this.coverage.met(kind.name, read.shape, n === 0 && outcome !== 'hit')
      }
    }
  }

  /** Both cached clients give what the plain one gives. */
  async #compare(reads: readonly Read[], first: 0 | 1, oneTick: boolean, at: string) {
    const { clients } = this.#stage
    const before = clients.map(client => client.$cache.stats())
    const state = await this.#truth.state()
    const compared = reads.map(read => ({ read, outcomes: [] as Asked['outcome'][] }))
    for (const n of first === 0 ? [0, 1] : [1, 0]) {
      const client = clients[n] as object
      const size = oneTick ? reads.length : A_FEW
      for (let from = 0; from < reads.length; from += size) {
        const some = compared.slice(from, from + size)
        const answers = await Promise.all(
          some.map(async each => {
            const asked: Asked = {}
            const answer = await this.#stage.asked.run(asked, () => answerOf(client, each.read))
            each.outcomes.push(asked.outcome)
            return answer
          }),
        )
        for (const [i, { read }] of some.entries()) {
          const truth = await this.#truth.answer(read, state)
          this.#judge(read, answers[i] as Answer, truth, `${at}: client ${n}`)
        }
      }
    }
    // Some of them under a tag too: as results, which any write to what they read makes stale.
    const tagged = clients[first].$cached({ tags: ['fuzz'] })
    for (const [i, { read }] of compared.entries()) {
      if (i % 4 > 0) continue
      this.#judge(read, await answerOf(tagged, read), await this.#truth.answer(read, state), `${at}: under a tag`)
    }
    this.reads += 2 * reads.length
    this.hits += compared.flatMap(({ outcomes }) => outcomes).filter(outcome => outcome === 'hit').length
    const after = clients.map(client => client.$cache.stats())
    const more = (name: keyof Stats) => after.some((stats, n) => stats[name] > (before[n] as Stats)[name])
    if (more('negativeHits')) this.coverage.also('negative hit')
    if (more('shared')) this.coverage.also('shared load')
    if (oneTick && reads.length > 1) this.coverage.also('reads in one tick')
    return compared
  }

  #judge(read: Read, answer: Answer, truth: Answer, at: string): void {
    if (same(answer, truth, read)) return
    throw new Mismatch(
      read,
      `${at} answers\n    ${printed(answer)}\n  and Prisma\n    ${printed(truth)}\n  to (${read.shape})\n    ${printedCall(read)}`,
    )
  }

  // ---- writes

  /** Answers whether it was refused. */
  async #write(who: Who, write: Write, reads: readonly Read[], at: string): Promise<boolean> {
    const { clients } = this.#stage
    const cached = clients[who.client]
    const { stranger } = this.#stage
    const own = { itself: cached, $uncached: cached.$uncached, worker: this.#stage.worker }[who.through]
    const client = stranger !== undefined && who.client === 1 ? stranger : own
    const other = clients[who.client === 0 ? 1 : 0]
    const some = spread(reads, 6)
    const beside = async () => {
      // Nothing is committed yet: the cached clients and the plain one agree on the state before.
      await this.#compare(some, 0, true, `${at}, beside the transaction`)
      this.coverage.also('reads beside an open transaction')
    }
    return perform(write, client, other, some.length > 0 ? { beside, reads: some.slice(0, 2) } : undefined)
  }

  // ---- rows

  /** Every row that is there by each of its keys, and every one that could be by its primary key, through both clients. */
  async #compareAllRows(): Promise<void> {
    for (const { model, delegate, keys } of subjects) {
      const all = { delegate, operation: 'findMany', args: {} }
      const rows = (await run(this.#stage.plain, all)) as Record<string, unknown>[]
      for (const key of keys) {
        const fields = Object.keys(key.fields)
        const cases = [
          ...(key === keys[0] ? combinations(key.fields) : []),
          ...rows
            .map(row => Object.fromEntries(fields.map(field => [field, row[field]])))
            .filter(values => Object.values(values).every(value => value !== null)),
        ]
        for (const client of this.#stage.clients) {
          await Promise.all(
            cases.map(async values => {
              const args = { where: uniqueWhere(key, values) }
              const read = { shape: 'row by key', delegate, operation: 'findUnique', args }
              const value = rows.find(row => fields.every(field => row[field] === values[field])) ?? null
              this.#judge(read, await answerOf(client, read), { value }, `at the end, of ${model}, a client`)
            }),
          )
          this.reads += cases.length
        }
      }
    }
  }

  /** Whatever of the pool is still in Redis, whether the program read it or not. */
  async #compareAllEntries(): Promise<void> {
    await this.#settled()
    const state = await this.#truth.state()
    const reads = this.#pool.flat().filter(read => this.#cacheable.has(read))
    for (let from = 0; from < reads.length; from += 100) {
      await Promise.all(
        reads.slice(from, from + 100).map(async read => {
          const answer = await answerOf(this.#stage.offline, read)
          if (answer.error?.startsWith(NotCached.name)) return
          this.entries++
          this.#judge(read, answer, await this.#truth.answer(read, state), 'at the end, an entry')
        }),
      )
    }
  }
}

/** So many of them, of different shapes. */
function spread(reads: readonly Read[], count: number): readonly Read[] {
  const apart = Math.max(1, Math.floor(reads.length / count))
  return reads.filter((_, n) => n % apart === 0).slice(0, count)
}

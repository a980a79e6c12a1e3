/**
 * Random programs over two cached clients, with the plain client as the judge: whatever a cached client answers after a
 * write has resolved, the plain client has to answer too.
 *
 * Everything follows from the seed but the order in which servers answer. Does not need vitest.
 */
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import type { Stats } from '../../src/events.js'
import { type Body, type Call, expected, program, type Step, type Who, type Write } from './programs.js'
import { combinations, reset, subjects, uniqueWhere } from './subjects.js'

/** A cached client of its own "process". */
interface Cached {
  readonly $cache: { stats(): Stats }
  readonly $uncached: object
}

export interface Stage {
  /** Without the extension. */
  readonly plain: object
  readonly clients: readonly [Cached, Cached]
  /** Empties the cache. */
  readonly clear: () => Promise<unknown>
}

export interface Options {
  readonly seed: number
  /** How long new programs are begun. */
  readonly seconds: number
  /** How much longer, while something was not exercised yet. Default: 0. */
  readonly secondsToCover?: number
  /** How long a program that failed may be made smaller. Default: 20. */
  readonly secondsToShrink?: number
}

export interface Report {
  readonly seed: number
  readonly programs: number
  readonly steps: number
  /** Reads through cached clients. */
  readonly reads: number
  readonly hits: number
  readonly negativeHits: number
  readonly shared: number
  /** How often each kind of operation was exercised, the writes among them with success. */
  readonly coverage: ReadonlyMap<string, number>
  /** What should have been exercised and was not. */
  readonly missing: readonly string[]
  readonly failure: Failure | undefined
}

export interface Failure {
  /** A run with this seed begins with the program that failed. */
  readonly seed: number
  readonly message: string
  /** The program, as small as it could be made. */
  readonly program: string
}

/** Runs programs until the time is up or one of them fails. */
export async function differential(stage: Stage, options: Options): Promise<Report> {
  const { seed, seconds, secondsToCover = 0, secondsToShrink = 20 } = options
  const run = new Run(stage)
  const began = performance.now()
  const over = (more: number) => performance.now() - began > (seconds + more) * 1000
  let failure: Failure | undefined
  let programs = 0
  while (!(over(0) && (run.missing().length === 0 || over(secondsToCover))) && failure === undefined) {
    failure = await one(run, seed + programs, secondsToShrink)
    programs++
  }
  const [a, b] = stage.clients.map(client => client.$cache.stats()) as [Stats, Stats]
  return {
    seed,
    programs,
    steps: run.steps,
    reads: run.reads,
    hits: a.hits + b.hits,
    negativeHits: a.negativeHits + b.negativeHits,
    shared: a.shared + b.shared,
    coverage: run.coverage,
    missing: run.missing(),
    failure,
  }
}

/** One program; if it fails, smaller and smaller ones that fail too. */
async function one(run: Run, seed: number, secondsToShrink: number): Promise<Failure | undefined> {
  const property = fc.asyncProperty(program, steps => run.program(steps))
  const limits =
    secondsToShrink === 0
      ? { endOnFailure: true }
      : { interruptAfterTimeLimit: secondsToShrink * 1000, markInterruptAsFailure: false }
  const result = await fc.check(property, { seed, numRuns: 1, ...limits })
  if (!result.failed || result.counterexample === null) return undefined
  const [steps] = result.counterexample
  const message = result.errorInstance instanceof Error ? result.errorInstance.message : String(result.errorInstance)
  return { seed, message, program: steps.map(printedStep).join('\n') }
}

class Run {
  readonly coverage = new Map<string, number>()
  steps = 0
  reads = 0
  readonly #stage: Stage

  constructor(stage: Stage) {
    this.#stage = stage
  }

  missing(): string[] {
    return expected.filter(label => !this.coverage.has(label))
  }

  async program(steps: readonly Step[]): Promise<void> {
    await raw(this.#stage.plain, '$executeRawUnsafe', reset)
    await this.#stage.clear()
    for (const [n, step] of steps.entries()) await this.#step(step, `step ${n + 1}`)
    await this.#compareAllRows()
  }

  async #step(step: Step, at: string): Promise<void> {
    const { who, write, reads, more, together, oneTick } = step
    const [a, b] = this.#stage.clients
    this.steps++
    if (write === undefined || !together) await this.#compare(reads, !oneTick, `${at}, before the write`)
    if (write === undefined) return
    if (together) {
      this.#cover('reads and a write at once')
      // What they answer may be from before or after the write.
      const beside = [a, b].flatMap(client => reads.map(read => answerOf(client, read)))
      this.reads += beside.length
      await Promise.all([this.#write(who, write, reads, at), ...beside])
    } else {
      await this.#write(who, write, reads, at)
    }
    await this.#compare([...reads, ...more], oneTick, `${at}, after the write`)
  }

  /** Both cached clients give what the plain one gives. */
  async #compare(reads: readonly Call[], oneTick: boolean, at: string): Promise<void> {
    const { clients, plain } = this.#stage
    const first: Answer[] = []
    const second: Answer[] = []
    const before = clients.map(client => client.$cache.stats())
    if (oneTick) {
      const answers = await Promise.all(clients.map(client => Promise.all(reads.map(read => answerOf(client, read)))))
      first.push(...answers[0]!)
      second.push(...answers[1]!)
    } else {
      // One after the other, so that the second client meets what the first has stored.
      for (const read of reads) first.push(await answerOf(clients[0], read))
      for (const read of reads) second.push(await answerOf(clients[1], read))
    }
    const after = clients.map(client => client.$cache.stats())
    if (after.some((stats, n) => stats.negativeHits > before[n]!.negativeHits)) this.#cover('negative hit')
    if (after.some((stats, n) => stats.shared > before[n]!.shared)) this.#cover('shared load')
    if (oneTick && reads.length > 1) this.#cover('reads in one tick')
    for (const [n, read] of reads.entries()) {
      this.#cover(read.label)
      this.reads += 2
      const truth = await answerOf(plain, read)
      for (const [client, answer] of [first[n], second[n]].entries()) {
        if (answer === undefined || same(answer, truth)) continue
        throw new Error(
          `${at}: client ${client} answers ${printed(answer)} and Prisma answers ${printed(truth)} to\n  ${printedCall(read)}`,
        )
      }
    }
  }

  async #write(who: Who, write: Write, reads: readonly Call[], at: string): Promise<void> {
    const cached = this.#stage.clients[who.client]
    const client = who.uncached ? cached.$uncached : cached
    if (who.uncached) this.#cover('write by $uncached')
    switch (write.kind) {
      case 'one':
        return this.#covered(write.call.label, () => call(client, write.call))
      case 'two': {
        const [first, second] = write.calls
        const other = this.#stage.clients[who.client === 0 ? 1 : 0]
        await Promise.all([
          this.#covered('two writes at once', () => call(client, first)),
          this.#covered('two writes at once', () => call(other, second)),
        ])
        return
      }
      case 'raw':
        return this.#covered(write.label, () => raw(client, write.method, write.text))
      case 'batch':
        return this.#covered(write.label, () =>
          transaction(
            client,
            write.calls.map(each => query(client, each)),
          ),
        )
      case 'interactive':
        return this.#interactive(client, write.label, write.body, reads, at)
    }
  }

  async #interactive(client: object, label: string, body: Body, reads: readonly Call[], at: string): Promise<void> {
    let wrong: unknown
    let ended = false
    try {
      await transaction(client, async (tx: object) => {
        for (const each of body.calls) await call(tx, each)
        for (const read of reads) await answerOf(tx, read)
        // Nothing is committed yet: the cached clients and the plain one agree on the state before.
        await this.#compare(reads, true, `${at}, beside the transaction`).catch((error: unknown) => {
          wrong = error
        })
        this.#cover('reads beside an open transaction')
        if (body.nested !== undefined) await this.#nested(tx, body.nested)
        ended = true
        if (body.end === 'rolls back') throw new Error('rolled back')
      })
    } catch {
      // A write that is refused ends the transaction too.
    }
    if (ended) this.#cover(label)
    if (wrong !== undefined) throw wrong
  }

  async #nested(tx: object, body: Body): Promise<void> {
    const rolledBack = new Error('rolled back')
    try {
      await transaction(tx, async (deep: object) => {
        for (const each of body.calls) await call(deep, each)
        if (body.end === 'rolls back') throw rolledBack
      })
    } catch (error) {
      // Refused: the whole transaction ends. Ended by will: the outer one goes on.
      if (error !== rolledBack) throw error
    }
  }

  /**
   * Every row that is there by each of its keys, and every one that could be by its primary key, through both clients; the
   * truth in one query per model.
   */
  async #compareAllRows(): Promise<void> {
    for (const { model, delegate, keys } of subjects) {
      const all = { label: '', delegate, operation: 'findMany', args: {} }
      const rows = (await call(this.#stage.plain, all)) as Record<string, unknown>[]
      for (const key of keys) {
        const fields = Object.keys(key.fields)
        const cases = [
          ...(key === keys[0] ? combinations(key.fields) : []),
          ...rows
            .map(row => Object.fromEntries(fields.map(field => [field, row[field]])))
            .filter(values => Object.values(values).every(value => value !== null)),
        ]
        for (const [n, client] of this.#stage.clients.entries()) {
          const reads = cases.map(values => ({
            label: '',
            delegate,
            operation: 'findUnique',
            args: { where: uniqueWhere(key, values) },
          }))
          const answers = await Promise.all(reads.map(read => answerOf(client, read)))
          this.reads += reads.length
          for (const [i, values] of cases.entries()) {
            const value = rows.find(row => fields.every(field => row[field] === values[field])) ?? null
            const answer = answers[i] as Answer
            if (same(answer, { value })) continue
            throw new Error(
              `at the end: client ${n} has ${printed(answer)} and the database ${printed({ value })} of ${model} ${printed(values)}`,
            )
          }
        }
      }
    }
  }

  async #covered(label: string, write: () => Promise<unknown>): Promise<void> {
    try {
      await write()
      this.#cover(label)
    } catch {
      // Refused by the database, as random writes are; what it leaves is compared all the same.
    }
  }

  #cover(label: string): void {
    this.coverage.set(label, (this.coverage.get(label) ?? 0) + 1)
  }
}

// ---- clients, whose types are too many for random calls

type Delegates = Record<string, Record<string, (args: unknown) => Promise<unknown>>>

function query(client: object, { delegate, operation, args }: Call): Promise<unknown> {
  return (client as Delegates)[delegate]![operation]!(args)
}

/** Prisma's promises run nothing before somebody waits for them. */
async function call(client: object, what: Call): Promise<unknown> {
  return await query(client, what)
}

async function raw(client: object, method: string, text: string): Promise<unknown> {
  return await (client as Record<string, (text: string) => Promise<unknown>>)[method]!(text)
}

function transaction(client: object, input: unknown): Promise<unknown> {
  return (client as { $transaction(input: unknown): Promise<unknown> }).$transaction(input)
}

// ---- answers

/** What a read answers: a value, or an error by class and code. */
interface Answer {
  readonly value?: unknown
  readonly error?: string
}

async function answerOf(client: object, read: Call): Promise<Answer> {
  try {
    return { value: await call(client, read) }
  } catch (error) {
    const { name, code } = error as { name?: string; code?: string }
    return { error: `${name} ${code}` }
  }
}

function same(answer: Answer, truth: Answer): boolean {
  return isDeepStrictEqual(answer, truth) && printed(answer) === printed(truth)
}

function printed(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner))
}

// ---- programs as text

function printedCall({ delegate, operation, args }: Call): string {
  return `${delegate}.${operation}(${printed(args)})`
}

function printedStep({ who, write, reads, more, together, oneTick }: Step, n: number): string {
  const by = `client ${who.client}${who.uncached ? '.$uncached' : ''}`
  return [
    `step ${n + 1}${oneTick ? ', reads after the write in one tick' : ''}`,
    ...reads.map(read => `  read ${printedCall(read)}`),
    ...(write === undefined ? [] : [`  ${together ? 'and at once, ' : ''}${by}: ${printedWrite(write)}`]),
    ...(write === undefined ? [] : [...reads, ...more].map(read => `  read ${printedCall(read)}`)),
  ].join('\n')
}

function printedWrite(write: Write): string {
  switch (write.kind) {
    case 'one':
      return printedCall(write.call)
    case 'two':
      return `${printedCall(write.calls[0])} and at once, the other client: ${printedCall(write.calls[1])}`
    case 'raw':
      return `${write.method}(${write.text})`
    case 'batch':
      return `$transaction([${write.calls.map(printedCall).join(', ')}])`
    default:
      return `$transaction(${printedBody(write.body)})`
  }
}

function printedBody({ calls, nested, end }: Body): string {
  const inner = nested === undefined ? [] : [`$transaction(${printedBody(nested)})`]
  return [...calls.map(printedCall), ...inner, end].join('; ')
}

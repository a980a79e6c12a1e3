/** Where programs over one schema run: its tables, two cached clients, a worker, and the plain client as the judge. */
import { Redis } from 'ioredis'
import type { Overrides } from '../../../src/assemble.js'
import { type Answer, answerOf, run, same, transaction } from '../client.js'
import { perform } from '../perform.js'
import { printed, printedCall } from '../reads.js'
import { ALL, type Asked, type Cached, NotCached, Processes, Snapshots, withoutDatabase } from '../stage.js'
import type { Statement, Write } from '../writes/write.js'
import { type Blueprint, joinTableOf, type Model, tableOf } from './blueprint.js'
import { type AnyClient, clientsOf } from './client.js'
import type { SchemaRead } from './reads.js'
import { prismaText, sqlOf } from './text.js'
import { type Row, visibleModels } from './values.js'
import type { SchemaWrite } from './writes.js'

export interface Place {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly prefix: string
}

export interface Who {
  readonly client: 0 | 1
  readonly through: 'itself' | '$uncached' | 'worker'
}

/** What a cached client answered, and what it should have. */
export class Mismatch extends Error {
  /** The read that was answered wrongly, unless it was a write. */
  readonly read: SchemaRead | undefined
  /** Of two versions of a schema, the one that read it. */
  readonly version: string | undefined

  constructor(message: string, read?: SchemaRead, version?: string) {
    super(message)
    this.read = read
    this.version = version
  }
}

const ROLLED_BACK = new Error('rolled back')

export class SchemaWorld {
  readonly plain: AnyClient
  readonly clients: readonly [Cached, Cached]
  readonly worker: object
  readonly #offline: object
  readonly #blueprint: Blueprint
  readonly #processes: Processes
  readonly #redis: Redis
  readonly #keys: Snapshots
  readonly #generated: ReadonlySet<string>
  /** Prisma batches lookups of one tick, and then answers null to one that is spelled differently than its row. */
  readonly mayBatch: boolean

  private constructor(
    blueprint: Blueprint,
    place: Place,
    plain: AnyClient,
    open: () => AnyClient,
    parts: Partial<Overrides>,
  ) {
    this.plain = plain
    this.#blueprint = blueprint
    this.#processes = new Processes(place.redisUrl, place.prefix, parts)
    this.#redis = new Redis(place.redisUrl)
    this.#keys = new Snapshots(this.#redis, place.prefix)
    const cached = visibleModels(blueprint).filter(model => model.cached)
    const models = Object.fromEntries(
      (cached.length === 0 ? visibleModels(blueprint).slice(0, 1) : cached).map(({ name, viewOf }) => [
        name,
        viewOf === undefined ? ALL : { ...ALL, dependsOn: [viewOf.name] },
      ]),
    )
    this.clients = [this.#processes.open(open(), { models }), this.#processes.open(open(), { models })]
    // What a view depends on is known by those alone who are told so.
    const first = visibleModels(blueprint).find(({ viewOf }) => viewOf === undefined) as Model
    const views = Object.entries(models).filter(([, policy]) => 'dependsOn' in policy)
    this.worker = this.#processes.open(open(), { models: { [first.name]: ALL, ...Object.fromEntries(views) } })
    this.#offline = withoutDatabase(this.clients[0])
    const fields = blueprint.models.flatMap(model => model.fields)
    this.#generated = new Set(fields.filter(({ generated }) => generated).map(({ name }) => name))
    this.mayBatch = fields.every(({ type }) => type.spellings === undefined)
  }

  /** @throws Refused if Prisma does not accept the schema */
  static async open(blueprint: Blueprint, place: Place, parts: Partial<Overrides>): Promise<SchemaWorld> {
    const make = clientsOf(prismaText(blueprint), blueprint.preview)
    const plain = make(place.databaseUrl)
    for (const statement of sqlOf(blueprint)) await plain.$executeRawUnsafe(statement)
    return new SchemaWorld(blueprint, place, plain, () => make(place.databaseUrl), parts)
  }

  /** Empty tables, an empty cache. */
  async reset(): Promise<void> {
    const { models, links } = this.#blueprint
    const tables = [...models.filter(({ viewOf }) => viewOf === undefined).map(tableOf), ...links.map(joinTableOf)]
    await this.#processes.settled()
    await this.plain.$executeRawUnsafe(`TRUNCATE ${tables.join(', ')} RESTART IDENTITY CASCADE`)
    await this.#keys.clear()
  }

  async rows(): Promise<Map<Model, Row[]>> {
    const found = new Map<Model, Row[]>()
    for (const model of visibleModels(this.#blueprint)) {
      const answer = await answerOf(this.plain, { delegate: model.delegate, operation: 'findMany', args: {} })
      found.set(model, (answer.value ?? []) as Row[])
    }
    return found
  }

  /** The plain client does it. Answers whether the database did. */
  async seed(statement: Statement): Promise<boolean> {
    try {
      await run(this.plain, statement)
      return true
    } catch {
      return false
    }
  }

  // ---- writes

  /**
   * Answers whether it was refused.
   *
   * @throws Mismatch if the plain client would have answered otherwise
   */
  async write({ write, kind }: SchemaWrite, { client: n, through }: Who, compare: boolean): Promise<boolean> {
    const cached = this.clients[n]
    const client = { itself: cached, $uncached: cached.$uncached, worker: this.worker }[through]
    if (write.how !== 'alone') return perform(write, client, this.clients[1 - n] as object)
    const truth = compare ? await this.#twin(write) : undefined
    const answer = sound(await statementAnswer(client, write.statement), () => printed(write.statement))
    if (truth !== undefined && !same(this.#comparable(answer), this.#comparable(truth), UNORDERED)) {
      throw new Mismatch(`${kind} answers\n    ${printed(answer)}\n  and Prisma\n    ${printed(truth)}`)
    }
    return answer.error !== undefined
  }

  /** What the plain client answers, in a transaction that is rolled back. */
  async #twin({ statement }: Write & { how: 'alone' }): Promise<Answer | undefined> {
    let answer: Answer | undefined
    await transaction(this.plain, async (tx: object) => {
      answer = await statementAnswer(tx, statement)
      throw ROLLED_BACK
    }).catch((error: unknown) => {
      if (error !== ROLLED_BACK && answer?.error === undefined) answer = undefined
    })
    return answer
  }

  /** Without what is another each time. */
  #comparable({ value, error }: Answer): Answer {
    const strip = (each: unknown): unknown => {
      if (Array.isArray(each)) return each.map(strip)
      if (typeof each !== 'object' || each === null || Object.getPrototypeOf(each) !== Object.prototype) return each
      return Object.fromEntries(
        Object.entries(each)
          .filter(([name]) => !this.#generated.has(name))
          .map(([name, inner]) => [name, strip(inner)]),
      )
    }
    return error === undefined ? { value: strip(value) } : { error }
  }

  // ---- reads

  /**
   * Both cached clients give what the plain one gives. `hit` is told of each answer.
   *
   * @throws Mismatch
   */
  async compare(
    reads: readonly SchemaRead[],
    { first, oneTick, at }: { first: 0 | 1; oneTick: boolean; at: string },
    met?: (read: SchemaRead, hit: boolean) => void,
  ): Promise<void> {
    const truths: Answer[] = []
    for (const read of reads) truths.push(sound(await answerOf(this.plain, read), () => printedCall(read)))
    for (const n of first === 0 ? [0, 1] : [1, 0]) {
      const client = this.clients[n] as object
      const answered = async (read: SchemaRead, i: number) => {
        const asked: Asked = {}
        const answer = await this.#processes.asked.run(asked, () => answerOf(client, read))
        met?.(read, asked.outcome === 'hit')
        this.#judge(read, answer, truths[i] as Answer, `${at}: client ${n}`)
      }
      if (oneTick && this.mayBatch) await Promise.all(reads.map(answered))
      else for (const [i, read] of reads.entries()) await answered(read, i)
    }
  }

  /**
   * What is in Redis for these reads, against the database. Answers how many there were.
   *
   * @throws Mismatch
   */
  async compareEntries(reads: readonly SchemaRead[]): Promise<number> {
    await this.#processes.settled()
    let entries = 0
    for (const read of reads) {
      const answer = await answerOf(this.#offline, read)
      if (answer.error?.startsWith(NotCached.name)) continue
      entries++
      this.#judge(read, answer, await answerOf(this.plain, read), 'at the end, an entry')
    }
    return entries
  }

  #judge(read: SchemaRead, answer: Answer, truth: Answer, at: string): void {
    if (same(answer, truth, read)) return
    const message = `${at} answers\n    ${printed(answer)}\n  and Prisma\n    ${printed(truth)}\n  to\n    ${printedCall(read)}`
    throw new Mismatch(message, read)
  }

  async close(): Promise<void> {
    await this.#processes.close()
    await this.plain.$disconnect()
    await this.#keys.clear()
    this.#redis.disconnect()
  }
}

/**
 * Prisma's compiler is one for all clients of a process, and of no use after a panic: what follows would say nothing. A table
 * or a column that Prisma does not find is a fault of the generator: answers from the cache need neither.
 */
function sound(answer: Answer, query: () => string): Answer {
  const { error = '' } = answer
  if (/RustPanic|^RuntimeError/.test(error)) throw new Error(`Prisma panicked (${error}) at ${query()}`)
  if (/P202[12]$/.test(error)) throw new Error(`The generated SQL lacks a table or a column (${error}) for ${query()}`)
  return answer
}

const UNORDERED = { shape: '', delegate: '', operation: '', args: {}, unordered: true }

async function statementAnswer(client: object, statement: Statement): Promise<Answer> {
  try {
    return { value: await run(client, statement) }
  } catch (error) {
    const { name, code } = error as { name?: string; code?: string }
    return { error: `${name} ${code}` }
  }
}

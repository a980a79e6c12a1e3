/** Random programs over random schemas. Everything follows from the seed but the order in which servers answer. */
import type { Overrides } from '../../../src/assemble.js'
import { diceOf, numbersFrom } from '../dice.js'
import { printedWrite } from '../programs.js'
import { printed, printedCall } from '../reads.js'
import type { Statement } from '../writes/write.js'
import type { Blueprint } from './blueprint.js'
import { Refused } from './client.js'
import { SchemaCoverage } from './coverage.js'
import { blueprintOf } from './generate.js'
import { readOf, type SchemaRead } from './reads.js'
import { smallest } from './shrink.js'
import { prismaText, sqlOf } from './text.js'
import { type Ground, visibleModels } from './values.js'
import { Mismatch, type Place, SchemaWorld, type Who } from './world.js'
import { type SchemaWrite, seedOf, writeOf } from './writes.js'

export interface SchemaOptions {
  /** The first schema; each next one has the next seed. */
  readonly seed: number
  /** How long new schemas are begun. */
  readonly seconds: number
  /** Exactly these instead. */
  readonly seeds?: readonly number[]
  /** Features to do without, by the beginning of their names. */
  readonly without?: readonly string[]
  /** How long a program that failed may be made smaller. Default: 30. */
  readonly secondsToShrink?: number
  /** How many writes a program does, or tries to. Default: 30. */
  readonly steps?: number
  /** Goes on after a mismatch, with the next schema. */
  readonly keepGoing?: boolean
  readonly progress?: (line: string) => void
}

export interface SchemaReport {
  readonly schemas: number
  /** That Prisma does not accept: faults of the generator. */
  readonly refused: readonly string[]
  readonly steps: number
  readonly writes: number
  readonly reads: number
  readonly hits: number
  readonly entries: number
  readonly seconds: number
  readonly coverage: SchemaCoverage
  readonly failures: readonly SchemaFailure[]
}

export interface SchemaFailure {
  readonly seed: number
  readonly seconds: number
  readonly message: string
  /** Schema, SQL and the program, as small as it could be made. */
  readonly text: string
}

export interface Step {
  readonly who: Who
  readonly write: SchemaWrite
  readonly first: 0 | 1
  readonly oneTick: boolean
}

export interface SchemaProgram {
  readonly seeds: readonly Statement[]
  readonly steps: readonly Step[]
}

const STEPS = 30
const FRESH = 5
const POOL = 22
const ROUNDS = 4
const TRIES = 4

export async function fuzzSchemas(
  place: Place,
  options: SchemaOptions,
  parts: Partial<Overrides> = {},
): Promise<SchemaReport> {
  const began = performance.now()
  const elapsed = () => (performance.now() - began) / 1000
  const fuzzer = new SchemaFuzzer(place, options, parts, elapsed)
  const { seed, seconds, seeds, keepGoing = false, progress } = options
  let told = 0
  for (let n = 0; seeds === undefined ? elapsed() < seconds : n < seeds.length; n++) {
    await fuzzer.one(seeds?.[n] ?? seed + n)
    if (fuzzer.failures.length > 0 && !keepGoing) break
    if (elapsed() - told >= 30) {
      told = elapsed()
      progress?.(`${told.toFixed(0)} s: ${fuzzer.schemas} schemas, ${fuzzer.writes} writes, ${fuzzer.reads} reads`)
    }
  }
  const { schemas, refused, steps, writes, reads, hits, entries, coverage, failures } = fuzzer
  return { schemas, refused, steps, writes, reads, hits, entries, seconds: elapsed(), coverage, failures }
}

class SchemaFuzzer {
  schemas = 0
  steps = 0
  writes = 0
  reads = 0
  hits = 0
  entries = 0
  readonly refused: string[] = []
  readonly failures: SchemaFailure[] = []
  readonly coverage = new SchemaCoverage()
  readonly #place: Place
  readonly #options: SchemaOptions
  readonly #parts: Partial<Overrides>
  readonly #elapsed: () => number

  constructor(place: Place, options: SchemaOptions, parts: Partial<Overrides>, elapsed: () => number) {
    this.#place = place
    this.#options = options
    this.#parts = parts
    this.#elapsed = elapsed
  }

  async one(seed: number): Promise<void> {
    const blueprint = blueprintOf(seed, this.#options.without)
    const place = { ...this.#place, prefix: `${this.#place.prefix}${seed}:` }
    let world: SchemaWorld
    try {
      world = await SchemaWorld.open(blueprint, place, this.#parts)
    } catch (error) {
      if (!(error instanceof Refused))
        throw new Error(`--seed ${seed}: ${String(error)}\n${schemaText(blueprint)}`, { cause: error })
      this.refused.push(`--seed ${seed}: ${error.message}\n${prismaText(blueprint)}`)
      return
    }
    try {
      this.schemas++
      this.coverage.schema(blueprint)
      await this.#program(seed, blueprint, world)
    } finally {
      await world.close()
    }
  }

  async #program(seed: number, blueprint: Blueprint, world: SchemaWorld): Promise<void> {
    const d = diceOf(numbersFrom(seed * 104_729 + 5, 200_003))
    const ground = async (): Promise<Ground> => ({ d, blueprint, rows: await world.rows() })
    const seeds: Statement[] = []
    for (let round = 0; round < ROUNDS; round++) {
      for (const model of visibleModels(blueprint).filter(({ viewOf }) => viewOf === undefined)) {
        const statement = seedOf(await ground(), model)
        if (await world.seed(statement)) seeds.push(statement)
      }
    }
    const steps: Step[] = []
    const all: SchemaRead[] = []
    let pool: SchemaRead[] = []
    const met = (read: SchemaRead, hit: boolean) => {
      this.reads++
      if (hit) this.hits++
      this.coverage.read(blueprint, read.models, hit)
    }
    try {
      for (let n = 0; n < (this.#options.steps ?? STEPS); n++) {
        const g = await ground()
        const tries = Array.from({ length: TRIES }, () => this.#step(g))
        const near = tries.slice(0, 2).flatMap(({ write }) => write.models)
        const fresh = Array.from({ length: FRESH }, () => readOf(g, near))
        const first = d([0, 1] as const)
        await world.compare(fresh, { first, oneTick: d.chance(40), at: `before step ${n + 1}` }, met)
        all.push(...fresh)
        pool = [...fresh, ...pool].slice(0, POOL)
        const step = await this.#write(tries, world, blueprint, steps)
        await world.compare(pool, { ...step, at: `after step ${n + 1}` }, met)
      }
      this.entries += await world.compareEntries(all)
    } catch (error) {
      if (!(error instanceof Mismatch)) throw new Error(`--seed ${seed}: ${String(error)}`, { cause: error })
      const found = this.#elapsed()
      const { secondsToShrink = 30 } = this.#options
      const failed = await smallest(world, { seeds, steps }, error, secondsToShrink)
      this.failures.push({
        seed,
        seconds: found,
        message: failed.error.message,
        text: `${schemaText(blueprint)}\n\n${printedProgram(failed.program, failed.error)}`,
      })
    }
  }

  #step(g: Ground): Step {
    const { d } = g
    const through = d.chance(80) ? 'itself' : d(['$uncached', 'worker'] as const)
    const who: Who = { client: d([0, 1] as const), through }
    return { who, write: writeOf(g), first: d([0, 1] as const), oneTick: d.chance(40) }
  }

  /** Tries one write after the other until the database does one; answers the last. */
  async #write(tries: readonly Step[], world: SchemaWorld, blueprint: Blueprint, steps: Step[]): Promise<Step> {
    for (const step of tries) {
      steps.push(step)
      this.steps++
      const refused = await world.write(step.write, step.who, true)
      this.coverage.write(blueprint, step.write.models, step.write.kind, refused)
      if (!refused) {
        this.writes++
        return step
      }
    }
    return tries.at(-1) as Step
  }
}

function schemaText(blueprint: Blueprint): string {
  return `${prismaText(blueprint)}\n\n${sqlOf(blueprint)
    .filter(statement => !/^(?:DROP|CREATE SCHEMA)/.test(statement))
    .join(';\n')};`
}

function printedProgram({ seeds, steps }: SchemaProgram, { read }: Mismatch): string {
  const statement = (each: Statement) => ('text' in each ? `${each.method}(${printed(each.text)})` : printedCall(each))
  return [
    ...seeds.map(each => `plain: ${statement(each)}`),
    ...(read === undefined ? [] : [`both read: ${printedCall(read)}`]),
    ...steps.map(({ who, write, first }, n) => {
      const by =
        who.through === 'worker' ? 'the worker' : `client ${who.client}${who.through === 'itself' ? '' : '.$uncached'}`
      return `step ${n + 1}, ${by}: ${printedWrite(write.write)}${read === undefined ? '' : `\n  both read, client ${first} first`}`
    }),
  ].join('\n')
}

/**
 * Random programs over two versions of a random schema at once, as they run beside each other at a deploy. Everything follows
 * from the seed but the order in which servers answer and the moments at which processes learn of each other.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Overrides } from '../../../src/assemble.js'
import { type Dice, diceOf, numbersFrom } from '../dice.js'
import { printedWrite } from '../programs.js'
import { printed, printedCall } from '../reads.js'
import { type Model, tableOf } from '../schemas/blueprint.js'
import { readOf, type SchemaRead } from '../schemas/reads.js'
import { prismaText } from '../schemas/text.js'
import { type Ground, visibleModels } from '../schemas/values.js'
import { Mismatch, type Place } from '../schemas/world.js'
import { seedOf, writeOf } from '../schemas/writes.js'
import type { Statement } from '../writes/write.js'
import { VersionsCoverage } from './coverage.js'
import { type Pair, pairOf, VERSIONS, type VersionName } from './pair.js'
import { TIMES, VersionsWorld, type Who } from './world.js'

export interface VersionsOptions {
  /** The first pair; each next one has the next seed. */
  readonly seed: number
  /** How long new pairs are begun. */
  readonly seconds: number
  /** Exactly these instead. */
  readonly seeds?: readonly number[]
  /** How many writes a program does, or tries to. Default: 18. */
  readonly steps?: number
  /** Goes on after a mismatch, with the next pair. */
  readonly keepGoing?: boolean
  readonly progress?: (line: string) => void
}

export interface VersionsFailure {
  readonly seed: number
  readonly seconds: number
  readonly changes: string
  readonly message: string
  /** Both schemas, SQL and the program. */
  readonly text: string
}

const STEPS = 18
const FRESH = 3
const POOL = 10
const ROUNDS = 2
const TRIES = 4
/** Mostly, what is read and written is near to what was changed. */
const NEAR = 70

export class VersionsFuzzer {
  pairs = 0
  writes = 0
  reads = 0
  hits = 0
  readonly failures: VersionsFailure[] = []
  readonly coverage = new VersionsCoverage()
  readonly #place: Place
  readonly #options: VersionsOptions
  readonly #parts: Partial<Overrides>
  readonly #began = performance.now()

  constructor(place: Place, options: VersionsOptions, parts: Partial<Overrides> = {}) {
    this.#place = place
    this.#options = options
    this.#parts = parts
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1000
  }

  async run(): Promise<this> {
    const { seed, seconds, seeds, keepGoing = false, progress } = this.#options
    let told = 0
    for (let n = 0; seeds === undefined ? this.seconds < seconds : n < seeds.length; n++) {
      await this.#one(pairOf(seeds?.[n] ?? seed + n))
      if (this.failures.length > 0 && !keepGoing) break
      if (this.seconds - told >= 30) {
        told = this.seconds
        const { pairs, writes, reads, failures } = this
        progress?.(
          `${told.toFixed(0)} s: ${pairs} pairs, ${writes} writes, ${reads} reads, ${failures.length} mismatches`,
        )
      }
    }
    return this
  }

  async #one(pair: Pair): Promise<void> {
    const place = { ...this.#place, prefix: `${this.#place.prefix}${pair.seed}:` }
    const program = new Program(pair, this.#options.steps ?? STEPS, this)
    let world: VersionsWorld | undefined
    try {
      world = await VersionsWorld.open(pair, place, this.#parts)
      this.pairs++
      this.coverage.pair(pair)
      await program.run(world)
    } catch (error) {
      if (!(error instanceof Mismatch)) {
        throw new Error(`--versions --seed ${pair.seed}: ${String(error)}\n${textOf(pair)}`, { cause: error })
      }
      this.coverage.mismatch(pair)
      const text = `${textOf(pair)}\n\n${program.log.join('\n')}`
      this.failures.push({
        seed: pair.seed,
        seconds: this.seconds,
        changes: changesOf(pair),
        message: error.message,
        text,
      })
    } finally {
      await world?.close()
    }
  }
}

class Program {
  readonly log: string[] = []
  readonly #pair: Pair
  readonly #steps: number
  readonly #totals: VersionsFuzzer
  readonly #d: Dice
  readonly #pools: Record<VersionName, SchemaRead[]> = { old: [], new: [] }
  readonly #began = performance.now()
  #step = 0

  constructor(pair: Pair, steps: number, totals: VersionsFuzzer) {
    this.#pair = pair
    this.#steps = steps
    this.#totals = totals
    this.#d = diceOf(numbersFrom(pair.seed * 104_729 + 11, 200_003))
  }

  async run(world: VersionsWorld): Promise<void> {
    const part = Math.ceil(this.#steps / 3)
    const start = (version: VersionName) => {
      this.#tell(`${version} starts`)
      world.start(version)
    }
    start('old')
    if (this.#pair.deploy !== 'in the middle') start('new')
    await this.#seeds(world)
    if (this.#pair.deploy !== 'in the middle') {
      await world.acquainted()
      this.#tell('acquainted')
    }
    await this.#perform(world, part)
    switch (this.#pair.deploy) {
      case 'in the middle':
        start('new')
        break
      case 'rollback':
        await world.stop('old')
        this.#tell('old is gone')
        await this.#perform(world, Math.ceil(part / 2))
        await world.forgotten()
        await this.#perform(world, Math.ceil(part / 2))
        start('old')
        break
      default:
    }
    await this.#perform(world, part)
    if (this.#pair.deploy !== 'side by side') await wait(TIMES.freshMs)
    await this.#perform(world, part)
  }

  async #ground(world: VersionsWorld, version: VersionName): Promise<Ground> {
    return { d: this.#d, blueprint: this.#pair[version], rows: await world.rows(version) }
  }

  async #seeds(world: VersionsWorld): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      for (const version of VERSIONS) {
        for (const model of visibleModels(this.#pair[version]).filter(({ viewOf }) => viewOf === undefined)) {
          const statement = seedOf(await this.#ground(world, version), model)
          if (await world.seed(version, statement)) this.#tell(`plain ${version}: ${printedStatement(statement)}`)
        }
      }
    }
  }

  async #perform(world: VersionsWorld, count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      this.#step++
      for (const version of world.running) {
        const g = await this.#ground(world, version)
        const fresh = Array.from({ length: FRESH }, () => this.#near(() => readOf(g)))
        await this.#compare(world, version, fresh, 'before')
        this.#pools[version] = [...fresh, ...this.#pools[version]].slice(0, POOL)
      }
      await this.#write(world)
      for (const version of this.#inSomeOrder(world.running)) {
        await this.#compare(world, version, this.#pools[version], 'after')
      }
    }
  }

  #inSomeOrder(versions: VersionName[]): VersionName[] {
    return this.#d.chance(50) ? versions : versions.toReversed()
  }

  async #compare(
    world: VersionsWorld,
    version: VersionName,
    reads: readonly SchemaRead[],
    when: string,
  ): Promise<void> {
    const first = this.#d([0, 1] as const)
    const at = `${this.#now()} ms, ${when} step ${this.#step}`
    await world.compare(version, reads, { first, at }, (read, hit) => {
      this.#totals.reads++
      if (hit) this.#totals.hits++
      this.#totals.coverage.read(this.#pair, read.models, hit)
    })
  }

  #near<T extends { readonly models: readonly Model[] }>(make: () => T): T {
    const tables = this.#pair.changes.flatMap(change => change.tables)
    const wanted = this.#d.chance(NEAR) ? TRIES : 1
    for (let n = 1; ; n++) {
      const made = make()
      if (n >= wanted || made.models.some(model => tables.includes(tableOf(model)))) return made
    }
  }

  #who(world: VersionsWorld): Who {
    return { version: this.#d(world.running), n: this.#d([0, 1] as const), uncached: this.#d.chance(10) }
  }

  /** One after the other, until the database does one; some together with reads, or with another write. */
  async #write(world: VersionsWorld): Promise<void> {
    for (let tries = 0; tries < TRIES; tries++) {
      const count = this.#d.chance(12) ? 2 : 1
      const writes: Promise<boolean>[] = []
      for (const who of Array.from({ length: count }, () => this.#who(world))) {
        const g = await this.#ground(world, who.version)
        const write = this.#near(() => writeOf(g))
        this.#tell(
          `step ${this.#step}, ${count === 2 ? 'at once, ' : ''}${who.version} ${who.n}${who.uncached ? '.$uncached' : ''}: ${printedWrite(write.write)}`,
        )
        writes.push(
          Promise.resolve().then(async () => {
            const refused = await world.write(write, who)
            this.#tell(`  ${refused ? 'refused' : 'done'}`)
            if (refused) return false
            this.#totals.writes++
            this.#totals.coverage.write(this.#pair, write.models)
            return true
          }),
        )
      }
      if (this.#d.chance(40)) {
        for (let n = this.#d([2, 3, 4]); n > 0; n--) {
          const who = this.#who(world)
          const pool = this.#pools[who.version]
          if (pool.length === 0) continue
          const read = this.#d(pool)
          this.#tell(`  meanwhile ${who.version} ${who.n} reads ${printedCall(read)}`)
          writes.push(world.race(who, read).then(() => false))
        }
      }
      const done = await Promise.all(writes)
      if (done.includes(true)) return
    }
  }

  #now(): string {
    return (performance.now() - this.#began).toFixed(0)
  }

  #tell(line: string): void {
    this.log.push(`${this.#now().padStart(6)} ${line}`)
  }
}

const printedStatement = (each: Statement) =>
  'text' in each ? `${each.method}(${printed(each.text)})` : printedCall(each)

const changesOf = ({ changes, deploy }: Pair) =>
  `${deploy}; ${changes.map(({ of, kind, tables }) => `${of}: ${kind} (${tables.join(', ')})`).join('; ')}`

function textOf(pair: Pair): string {
  const sql = pair.sql.filter(statement => !/^(?:DROP|CREATE SCHEMA)/.test(statement))
  return [
    changesOf(pair),
    ...VERSIONS.map(version => `// ---- ${version}\n${prismaText(pair[version])}`),
    `${sql.join(';\n')};`,
  ].join('\n\n')
}

/**
 * A random program over two versions: reads that are in the cache, a write by one of the processes, the same reads again.
 * Most of it is about the rows of the tables that the versions see differently.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { type Dice, diceOf, numbersFrom } from '../dice.js'
import { printedWrite } from '../programs.js'
import { printed, printedCall } from '../reads.js'
import { type Model, tableOf } from '../schemas/blueprint.js'
import { readOf, type SchemaRead } from '../schemas/reads.js'
import { type Ground, visibleModels } from '../schemas/values.js'
import { type SchemaWrite, seedOf, writeOf } from '../schemas/writes.js'
import type { Statement } from '../writes/write.js'
import { type Pair, VERSIONS, type VersionName } from './pair.js'
import { rowRead, rowWrite } from './targets.js'
import { TIMES, type VersionsWorld, type Who } from './world.js'

/** What a program tells of itself while it runs. */
export interface Meter {
  read(read: SchemaRead, how: { readonly hit: boolean; readonly changed: boolean }): void
  write(write: SchemaWrite): void
  /** Whether enough is known: the program may end. */
  isOver(): boolean
}

export interface SeedStep {
  readonly version: VersionName
  readonly statement: Statement
}

export interface WriteStep {
  readonly who: Who
  readonly write: SchemaWrite
}

/** So many rows of each model are there at the beginning, if the database takes them. */
const SEEDS = 3
const SEED_ROUNDS = 4
/** Reads of one row, reads that look at a table that was changed, and reads of anything. */
const ROW_READS = 5
const NEAR_READS = 2
const OTHER_READS = 1
/** The pool is made anew after so many writes. */
const WRITES_PER_POOL = 4
const TRIES = 4
/** Percent of writes to one row of a changed table, and to anything there; among how many the latter are looked for. */
const OF_ROW = 60
const NEAR = 80
const NEAR_TRIES = 12

export class Program {
  readonly log: string[] = []
  readonly seeds: SeedStep[] = []
  readonly writes: WriteStep[] = []
  readonly #pair: Pair
  readonly #steps: number
  readonly #meter: Meter
  readonly #d: Dice
  readonly #tables: ReadonlySet<string>
  readonly #pools: Record<VersionName, SchemaRead[]> = { old: [], new: [] }
  readonly #began = performance.now()
  #step = 0

  constructor(pair: Pair, steps: number, meter: Meter) {
    this.#pair = pair
    this.#steps = steps
    this.#meter = meter
    this.#d = diceOf(numbersFrom(pair.seed * 104_729 + 11, 200_003))
    this.#tables = new Set(pair.changes.flatMap(change => change.tables))
  }

  async run(world: VersionsWorld): Promise<void> {
    const few = Math.ceil(this.#steps / 4)
    const most = this.#steps - few
    const start = (version: VersionName) => {
      this.#tell(`${version} starts`)
      world.start(version)
    }
    const acquainted = async () => {
      await world.acquainted()
      this.#tell('acquainted')
    }
    start('old')
    if (this.#pair.deploy !== 'in the middle') start('new')
    await this.#seed(world)
    switch (this.#pair.deploy) {
      case 'in the middle':
        await this.#perform(world, few)
        start('new')
        await this.#perform(world, few)
        await acquainted()
        await this.#perform(world, most - few)
        break
      case 'rollback':
        await acquainted()
        await this.#perform(world, few)
        await world.stop('old')
        this.#tell('old is gone')
        await this.#perform(world, 1)
        await world.forgotten()
        await this.#perform(world, 1)
        start('old')
        await this.#perform(world, few)
        await wait(TIMES.freshMs)
        await this.#perform(world, most - few - 2)
        break
      default:
        await acquainted()
        await this.#perform(world, this.#steps)
    }
  }

  async #ground(world: VersionsWorld, version: VersionName): Promise<Ground> {
    return { d: this.#d, blueprint: this.#pair[version], rows: await world.rows(version) }
  }

  async #seed(world: VersionsWorld): Promise<void> {
    const written = new Map<string, number>()
    for (let round = 0; round < SEED_ROUNDS; round++) {
      for (const version of VERSIONS) {
        const g = await this.#ground(world, version)
        for (const model of visibleModels(this.#pair[version]).filter(({ viewOf }) => viewOf === undefined)) {
          const table = tableOf(model)
          const count = written.get(table) ?? 0
          if (count >= SEEDS) continue
          const statement = seedOf(g, model)
          if (!(await world.seed(version, statement))) continue
          written.set(table, count + 1)
          this.seeds.push({ version, statement })
          this.#tell(`plain ${version}: ${printedStatement(statement)}`)
        }
      }
    }
  }

  async #perform(world: VersionsWorld, count: number): Promise<void> {
    for (let n = 0; n < count && !this.#meter.isOver(); n++) {
      if (n === 0 || this.#step % WRITES_PER_POOL === 0) {
        for (const version of world.running) {
          this.#pools[version] = this.#pool(await this.#ground(world, version))
          await this.#compare(world, version, 'before')
        }
      }
      this.#step++
      await this.#write(world)
      await world.acknowledged()
      const order = this.#d.chance(50) ? world.running : world.running.toReversed()
      for (const version of order) await this.#compare(world, version, 'after')
    }
  }

  async #compare(world: VersionsWorld, version: VersionName, when: string): Promise<void> {
    const first = this.#d([0, 1] as const)
    const at = `${this.#now()} ms, ${when} step ${this.#step}`
    await world.compare(version, this.#pools[version], { first, at }, (read, how) => this.#meter.read(read, how))
  }

  // ---- what to read

  #pool(g: Ground): SchemaRead[] {
    const of = (count: number, make: () => SchemaRead) => Array.from({ length: count }, make)
    return [
      ...of(ROW_READS, () => this.#rowRead(g)),
      ...of(NEAR_READS, () => this.#near(() => readOf(g), this.#concerns)),
      ...of(OTHER_READS, () => readOf(g)),
    ]
  }

  #rowRead(g: Ground): SchemaRead {
    const models = this.#changedModels(g)
    return (models.length === 0 ? undefined : rowRead(g, this.#d(models))) ?? readOf(g)
  }

  #changedModels({ blueprint }: Ground): Model[] {
    return visibleModels(blueprint).filter(model => this.#tables.has(tableOf(model)))
  }

  readonly #concerns = ({ models }: { readonly models: readonly Model[] }): boolean =>
    models.some(model => this.#tables.has(tableOf(model)))

  /** The first one that is wanted, or the last of a few. */
  #near<T>(make: () => T, isWanted: (made: T) => boolean): T {
    for (let n = 1; ; n++) {
      const made = make()
      if (n >= NEAR_TRIES || isWanted(made)) return made
    }
  }

  // ---- what to write

  #who(world: VersionsWorld): Who {
    return { version: this.#d(world.running), n: this.#d([0, 1] as const), uncached: this.#d.chance(10) }
  }

  /** Mostly a row of a changed table gets another value: such a write names the row, and invalidates no more than that. */
  #makeWrite(g: Ground): SchemaWrite {
    const models = this.#changedModels(g).filter(({ viewOf }) => viewOf === undefined)
    const empty = models.filter(model => g.rows.get(model)?.length === 0)
    if (empty.length > 0 && this.#d.chance(50)) {
      const model = this.#d(empty)
      return { kind: 'create', models: [model], write: { how: 'alone', statement: seedOf(g, model) } }
    }
    const write = models.length > 0 && this.#d.chance(OF_ROW) ? rowWrite(g, this.#d(models)) : undefined
    return write ?? (this.#d.chance(NEAR) ? this.#near(() => writeOf(g), this.#concerns) : writeOf(g))
  }

  /** One after the other, until the database does one; some together with reads, or with another write. */
  async #write(world: VersionsWorld): Promise<void> {
    for (let tries = 0; tries < TRIES; tries++) {
      const count = this.#d.chance(10) ? 2 : 1
      const running: Promise<boolean>[] = []
      for (const who of Array.from({ length: count }, () => this.#who(world))) {
        const write = this.#makeWrite(await this.#ground(world, who.version))
        this.writes.push({ who, write })
        this.#tell(`step ${this.#step}, ${count === 2 ? 'at once, ' : ''}${printedStep({ who, write })}`)
        running.push(this.#performed(world, { who, write }))
      }
      if (this.#d.chance(30)) running.push(...this.#meanwhile(world))
      const done = await Promise.all(running)
      if (done.includes(true)) return
    }
  }

  async #performed(world: VersionsWorld, { who, write }: WriteStep): Promise<boolean> {
    const refused = await world.write(write, who)
    this.#tell(`  ${refused ? 'refused' : 'done'}`)
    if (!refused) this.#meter.write(write)
    return !refused
  }

  #meanwhile(world: VersionsWorld): Promise<false>[] {
    return Array.from({ length: this.#d([2, 3, 4]) }, () => {
      const who = this.#who(world)
      const read = this.#d(this.#pools[who.version])
      this.#tell(`  meanwhile ${who.version} ${who.n} reads ${printedCall(read)}`)
      return world.race(who, read).then(() => false as const)
    })
  }

  #now(): string {
    return (performance.now() - this.#began).toFixed(0)
  }

  #tell(line: string): void {
    this.log.push(`${this.#now().padStart(6)} ${line}`)
  }
}

export const printedStatement = (each: Statement): string =>
  'text' in each ? `${each.method}(${printed(each.text)})` : printedCall(each)

export const printedStep = ({ who: { version, n, uncached }, write }: WriteStep): string =>
  `${version} ${n}${uncached ? '.$uncached' : ''}: ${printedWrite(write.write)}`

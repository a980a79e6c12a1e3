/**
 * Random programs over two versions of a random schema at once, as they run beside each other at a deploy. Everything follows
 * from the seed but the order in which servers answer and the moments at which processes learn of each other.
 */
import { prismaText } from '../schemas/text.js'
import { Mismatch, type Place } from '../schemas/world.js'
import { VersionsCoverage } from './coverage.js'
import { type Pair, pairOf, VERSIONS } from './pair.js'
import { Program } from './program.js'
import { smallest } from './shrink.js'
import type { Without } from './without.js'
import { VersionsWorld } from './world.js'

export interface VersionsOptions {
  /** The first pair; each next one has the next seed. */
  readonly seed: number
  /** How long new pairs are begun. */
  readonly seconds: number
  /** Exactly these instead. */
  readonly seeds?: readonly number[]
  /** How many writes a program does, or tries to. Default: 8. */
  readonly steps?: number
  /** Goes on after a mismatch, with the next pair. */
  readonly keepGoing?: boolean
  /** How long a program that failed may be made smaller. Default: 60. */
  readonly secondsToShrink?: number
  /** What the cache has to do without. */
  readonly without?: Without | undefined
  readonly progress?: (line: string) => void
}

export interface VersionsFailure {
  readonly seed: number
  /** How many pairs were begun until then. */
  readonly pairs: number
  readonly seconds: number
  readonly changes: string
  readonly message: string
  /** Both schemas, SQL and the program. */
  readonly text: string
}

const STEPS = 8

export class VersionsFuzzer {
  pairs = 0
  writes = 0
  reads = 0
  hits = 0
  readonly failures: VersionsFailure[] = []
  readonly coverage = new VersionsCoverage()
  readonly #places: readonly Place[]
  readonly #options: VersionsOptions
  readonly #began = performance.now()
  #begun = 0
  #told = 0
  #isFound = false

  /** @param places - one database each: so many pairs run at once, as much of a pair is waiting */
  constructor(places: readonly Place[], options: VersionsOptions) {
    this.#places = places
    this.#options = options
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1000
  }

  /** A mismatch was found, and one is enough. */
  get #isOver(): boolean {
    return this.#isFound && this.#options.keepGoing !== true
  }

  async run(): Promise<this> {
    const listeners = process.listeners('warning')
    process.removeAllListeners('warning')
    // What the cache warns of depends on a schema, and there is a new one every second.
    process.on('warning', warning => {
      if (warning.name !== 'CacheAsideWarning') for (const listener of listeners) listener(warning)
    })
    try {
      await Promise.all(this.#places.map(place => this.#inTurns(place)))
    } finally {
      process.removeAllListeners('warning')
      for (const listener of listeners) process.on('warning', listener)
    }
    return this
  }

  async #inTurns(place: Place): Promise<void> {
    for (let seed = this.#next(); seed !== undefined; seed = this.#next()) {
      await this.#one(pairOf(seed), place)
      this.#progress()
    }
  }

  /** The seed of the next pair, if there is to be one. */
  #next(): number | undefined {
    const { seed, seconds, seeds } = this.#options
    if (this.#isOver) return undefined
    const n = this.#begun++
    if (seeds !== undefined) return seeds[n]
    return this.seconds < seconds ? seed + n : undefined
  }

  #progress(): void {
    if (this.seconds - this.#told < 30) return
    this.#told = this.seconds
    const { pairs, writes, reads, failures } = this
    this.#options.progress?.(
      `${this.#told.toFixed(0)} s: ${pairs} pairs, ${writes} writes, ${reads} reads, ${failures.length} mismatches`,
    )
  }

  async #one(pair: Pair, where: Place): Promise<void> {
    const { steps = STEPS, secondsToShrink = 60, without } = this.#options
    const place = { ...where, prefix: `${where.prefix}${pair.seed}:` }
    const program = new Program(pair, steps, {
      isOver: () => this.#isOver,
      read: ({ models }, how) => {
        this.reads++
        if (how.hit) this.hits++
        this.coverage.read(pair, models, how)
      },
      write: ({ models }) => {
        this.writes++
        this.coverage.write(pair, models)
      },
    })
    let world: VersionsWorld | undefined
    let failed: Mismatch | undefined
    try {
      world = await VersionsWorld.open(pair, place, without)
      this.pairs++
      this.coverage.pair(pair)
      await program.run(world)
    } catch (error) {
      if (!(error instanceof Mismatch)) {
        throw new Error(`--versions --seed ${pair.seed}: ${String(error)}\n${textOf(pair)}`, { cause: error })
      }
      failed = error
      this.#isFound = true
    } finally {
      await world?.close()
    }
    if (failed === undefined) return
    this.coverage.mismatch(pair)
    const { pairs, seconds } = this
    const open = () => VersionsWorld.open(pair, place, without)
    const small = await smallest(open, program, failed, secondsToShrink)
    const text = `${textOf(pair)}\n\n${small ?? program.log.join('\n')}`
    this.failures.push({ seed: pair.seed, pairs, seconds, changes: changesOf(pair), message: failed.message, text })
  }
}

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

/** Where two versions run: one database, one prefix, two processes of each, and the plain client of each as the judge. */
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { FleetTimes } from '../../../src/fleet/fleet.js'
import { fleetKey } from '../../../src/wire/keys.js'
import { type Answer, answerOf, run, same } from '../client.js'
import { perform } from '../perform.js'
import { printed, printedCall } from '../reads.js'
import type { Model } from '../schemas/blueprint.js'
import { type AnyClient, clientsOf } from '../schemas/client.js'
import type { SchemaRead } from '../schemas/reads.js'
import { prismaText } from '../schemas/text.js'
import { type Row, visibleModels } from '../schemas/values.js'
import { Alone, type Without, withNamesOfText } from './without.js'
import { Mismatch, type Place } from '../schemas/world.js'
import type { SchemaWrite } from '../schemas/writes.js'
import { ALL, type Asked, type Cached, Processes, Snapshots } from '../stage.js'
import type { Statement } from '../writes/write.js'
import { type Pair, VERSIONS, type VersionName } from './pair.js'

/** As in production, a lease is longer than what was learnt is relied on, and a write's invalidation may take, together. */
const INVALIDATION_MS = 600
export const TIMES: FleetTimes = { leaseMs: 1200, freshMs: 500, renewMs: 100 }

/** Of each client: many pairs run at once. */
const CONNECTIONS = 2

/** A process of a version. */
export interface Who {
  readonly version: VersionName
  readonly n: 0 | 1
  readonly uncached: boolean
}

interface Running {
  readonly processes: Processes
  readonly clients: readonly [Cached, Cached]
}

export class VersionsWorld {
  readonly plain: Readonly<Record<VersionName, AnyClient>>
  readonly #pair: Pair
  readonly #place: Place
  readonly #make: Readonly<Record<VersionName, () => AnyClient>>
  readonly #without: Without | undefined
  readonly #running = new Map<VersionName, Running>()
  /** What each read was to answer the last time. */
  readonly #truths = new WeakMap<SchemaRead, Answer>()
  readonly #redis: Redis
  readonly #keys: Snapshots

  private constructor(pair: Pair, place: Place, make: Record<VersionName, () => AnyClient>, without?: Without) {
    this.#pair = pair
    this.#place = place
    this.#make = make
    this.#without = without
    this.plain = { old: make.old(), new: make.new() }
    this.#redis = new Redis(place.redisUrl)
    this.#keys = new Snapshots(this.#redis, place.prefix)
  }

  static async open(pair: Pair, place: Place, without?: Without): Promise<VersionsWorld> {
    const makerOf = (version: VersionName) => {
      const make = clientsOf(prismaText(pair[version]), pair[version].preview, CONNECTIONS)
      return () => make(place.databaseUrl)
    }
    const world = new VersionsWorld(pair, place, { old: makerOf('old'), new: makerOf('new') }, without)
    try {
      for (const statement of pair.sql) await world.plain.old.$executeRawUnsafe(statement)
    } catch (error) {
      await world.close()
      throw error
    }
    return world
  }

  // ---- processes

  get running(): VersionName[] {
    return VERSIONS.filter(version => this.#running.has(version))
  }

  start(version: VersionName): void {
    const parts = { fleetTimes: TIMES, ...(this.#without === 'knowledge' && { Fleet: Alone }) }
    const processes = new Processes(this.#place.redisUrl, this.#place.prefix, parts)
    const models = visibleModels(this.#pair[version])
    const cached = models.filter(model => model.cached)
    const policies = Object.fromEntries(
      (cached.length === 0 ? models.slice(0, 1) : cached).map(({ name, viewOf }) => [
        name,
        viewOf === undefined ? ALL : { ...ALL, dependsOn: [viewOf.name] },
      ]),
    )
    const options = { models: policies, invalidationDeadlineMs: INVALIDATION_MS }
    const open = () => {
      const client = this.#make[version]()
      return this.#without === 'naming'
        ? withNamesOfText(client, () => processes.open(client, options))
        : processes.open(client, options)
    }
    this.#running.set(version, { processes, clients: [open(), open()] })
  }

  async stop(version: VersionName): Promise<void> {
    const running = this.#running.get(version)
    this.#running.delete(version)
    await running?.processes.close()
  }

  /**
   * Until each process knows of the other version, if they differ in anything, and none is as new as to be kept apart. Not for
   * ever: a process whose keys are not used learns nothing.
   */
  async acquainted(): Promise<void> {
    const began = performance.now()
    for (;;) {
      for (const version of this.running) {
        const models = visibleModels(this.#pair[version])
        const { delegate } = models.find(({ cached }) => cached) ?? (models[0] as Model)
        for (const client of this.#clients(version)) {
          await answerOf(client, { delegate, operation: 'findMany', args: { take: 1 } })
        }
      }
      const unknown = this.running.some(version =>
        this.#clients(version).some(({ $cache }) => $cache.stats().otherVersions === 0),
      )
      const waited = performance.now() - began
      if (waited > 2 * TIMES.leaseMs || (waited > TIMES.leaseMs && (!unknown || !(await this.#differ())))) return
      await wait(30)
    }
  }

  async #differ(): Promise<boolean> {
    const text = await this.#redis.get(fleetKey(this.#place.prefix))
    const { versions } = JSON.parse(text ?? '{}') as { versions?: object }
    return Object.keys(versions ?? {}).length > 1
  }

  /** Until those of a version that is gone have no sign of life left. */
  async forgotten(): Promise<void> {
    await wait(TIMES.leaseMs + 100)
  }

  #clients(version: VersionName): readonly [Cached, Cached] {
    return (this.#running.get(version) as Running).clients
  }

  // ---- reads and writes

  async rows(version: VersionName): Promise<Map<Model, Row[]>> {
    const rowsOf = async (model: Model): Promise<[Model, Row[]]> => {
      const answer = await answerOf(this.plain[version], { delegate: model.delegate, operation: 'findMany', args: {} })
      return [model, (answer.value ?? []) as Row[]]
    }
    return new Map(await Promise.all(visibleModels(this.#pair[version]).map(rowsOf)))
  }

  /** The plain client does it. Answers whether the database did. */
  async seed(version: VersionName, statement: Statement): Promise<boolean> {
    try {
      await run(this.plain[version], statement)
      return true
    } catch {
      return false
    }
  }

  /** Answers whether it was refused. */
  async write({ write }: SchemaWrite, { version, n, uncached }: Who): Promise<boolean> {
    const clients = this.#clients(version)
    return perform(write, uncached ? clients[n].$uncached : clients[n], clients[1 - n] as object)
  }

  /** Until Redis has acknowledged all invalidations: one that took longer than its deadline is repaid a little later. */
  async acknowledged(): Promise<void> {
    const clients = this.running.flatMap(version => this.#clients(version))
    while (clients.some(({ $cache }) => $cache.stats().pendingInvalidations > 0)) await wait(10)
  }

  /** Reads while something is being written: no answer is wrong then, but what it leaves may be. */
  async race({ version, n }: Who, read: SchemaRead): Promise<void> {
    await answerOf(this.#clients(version)[n], read)
  }

  /**
   * Both processes of the version give what its plain client gives. `met` is told of each answer;
   * `changed`: it is not what was to be answered the last time.
   *
   * @throws Mismatch
   */
  async compare(
    version: VersionName,
    reads: readonly SchemaRead[],
    { first, at }: { first: 0 | 1; at: string },
    met: (read: SchemaRead, how: { readonly hit: boolean; readonly changed: boolean }) => void,
  ): Promise<void> {
    const { processes, clients } = this.#running.get(version) as Running
    const truths: Answer[] = []
    const changed: boolean[] = []
    for (const read of reads) {
      const truth = await answerOf(this.plain[version], read)
      const before = this.#truths.get(read)
      changed.push(before !== undefined && !same(before, truth, read))
      this.#truths.set(read, truth)
      truths.push(truth)
    }
    for (const n of first === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      for (const [i, read] of reads.entries()) {
        const asked: Asked = {}
        const answer = await processes.asked.run(asked, () => answerOf(clients[n], read))
        const truth = truths[i] as Answer
        if (/RustPanic|^RuntimeError/.test(`${answer.error}${truth.error}`))
          throw new Error(`Prisma panicked at ${printedCall(read)}`)
        met(read, { hit: asked.outcome === 'hit', changed: changed[i] === true })
        if (same(answer, truth, read)) continue
        const got = `answers (${asked.outcome})\n    ${printed(answer)}\n  and Prisma\n    ${printed(truth)}`
        throw new Mismatch(`${at}: ${version} ${n} ${got}\n  to\n    ${printedCall(read)}`, read, version)
      }
    }
  }

  async close(): Promise<void> {
    for (const version of this.running) await this.stop(version)
    await this.plain.old.$disconnect()
    await this.plain.new.$disconnect()
    await this.#keys.clear()
    this.#redis.disconnect()
  }
}

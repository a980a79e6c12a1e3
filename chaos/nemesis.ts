/** What goes wrong: each fault comes, stays for a moment, and goes. */
import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../test/support/random.js'
import { now } from './history.js'
import { BEHIND_SENTINELS, ON_CLUSTER } from './failovers.js'
import type { PlaceName } from './place.js'
import type { Slot, Stage } from './stage.js'

export interface Injected {
  readonly name: FaultName
  readonly from: number
  readonly to: number
  /** The processes whose connections to Postgres it touched. */
  readonly database: readonly number[]
}

interface Scene {
  readonly stage: Stage
  readonly random: Random
}

type Fault = (scene: Scene) => Promise<readonly Slot[] | void>

const moment = (random: Random, least: number, most: number) => sleep(random.between(least, most))

/** One process, most of the time. */
function some({ stage, random }: Scene): Slot[] {
  return random.chance(0.3) ? [...stage.slots] : [random.pick(stage.slots)]
}

const snapshot = (stage: Stage) => join(stage.redis.dir, 'dump.rdb')
const oldSnapshot = (stage: Stage) => join(stage.redis.dir, 'old.rdb')

/** Through the proxies of some processes to Redis. */
const onRedis =
  (begin: (slot: Slot, random: Random) => void | Promise<void>): Fault =>
  async scene => {
    const slots = some(scene)
    for (const slot of slots) await begin(slot, scene.random)
    await moment(scene.random, 200, 1500)
    for (const slot of slots) await slot.redis.mend()
  }

/** Through the proxy of one process to Postgres, shorter than a hold. */
const onPostgres =
  (begin: (slot: Slot, random: Random) => void, mostMs = 300): Fault =>
  async ({ stage, random }) => {
    const slot = random.pick(stage.slots)
    begin(slot, random)
    await moment(random, 30, mostMs)
    await slot.postgres.mend()
    return [slot]
  }

async function setting({ stage, random }: Scene, policy: string, more: number): Promise<void> {
  const redis = stage.redisClient
  const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])
  await redis.config('SET', 'maxmemory-policy', policy)
  await redis.config('SET', 'maxmemory', String(used + more))
  await moment(random, 300, 1500)
  await redis.config('SET', 'maxmemory', '0')
}

const FAULTS = {
  'Redis killed, back empty': async ({ stage, random }) => {
    await stage.redis.kill('SIGKILL')
    await moment(random, 0, 800)
    await rm(snapshot(stage), { force: true })
    await stage.redis.restart()
  },
  'Redis killed, back from an old snapshot': async ({ stage, random }) => {
    await stage.redisClient.save()
    await copyFile(snapshot(stage), oldSnapshot(stage))
    await moment(random, 300, 1500)
    await stage.redis.kill('SIGKILL')
    await moment(random, 0, 500)
    await copyFile(oldSnapshot(stage), snapshot(stage))
    await stage.redis.restart()
  },
  'Redis stopped (SIGSTOP)': async ({ stage, random }) => {
    await stage.redis.kill('SIGSTOP')
    await moment(random, 100, 2000)
    await stage.redis.kill('SIGCONT')
  },
  'Redis paused (CLIENT PAUSE)': async ({ stage, random }) => {
    const mode = random.pick(['ALL', 'WRITE'])
    await stage.redisClient.call('CLIENT', 'PAUSE', String(random.between(100, 1200)), mode)
    await moment(random, 100, 1500)
  },
  'Redis flushed': async ({ stage, random }) => {
    for (let i = random.between(1, 5); i > 0; i--) {
      await (random.chance(0.7) ? stage.redisClient.flushall() : stage.redisClient.script('FLUSH'))
      await moment(random, 10, 200)
    }
  },
  'Redis full (noeviction)': scene => setting(scene, 'noeviction', 0),
  'Redis evicting': scene => setting(scene, 'allkeys-random', 40_000),
  'Redis: connections killed': async ({ stage }) => {
    await stage.redisClient.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  },
  'network: slow': onRedis((slot, random) => slot.redis.delay(random.pick([5, 20, 60, 200]))),
  'network: partition': onRedis(slot => slot.redis.lose()),
  'network: requests lost': onRedis(slot => slot.redis.lose('requests')),
  'network: replies lost': onRedis(slot => slot.redis.lose('replies')),
  'network: requests late': onRedis(slot => slot.redis.keep('requests')),
  'network: replies late': onRedis(slot => slot.redis.keep('replies')),
  'network: half-open': onRedis(slot => slot.redis.abandon()),
  'network: refused': onRedis(slot => slot.redis.refuse()),
  'network: cut': onRedis(slot => slot.redis.cut()),
  'network: cut in a reply': onRedis((slot, random) => slot.redis.cutAfter(random.between(1, 400))),
  'database: slow': onPostgres((slot, random) => slot.postgres.delay(random.pick([10, 30, 60])), 2000),
  'database: cut': onPostgres(slot => slot.postgres.cut()),
  'database: replies lost, then cut': onPostgres(slot => slot.postgres.lose('replies')),
  'database: backends terminated around COMMIT': async ({ stage }) => {
    let left = 3
    for (let i = 0; i < 60 && left > 0; i++) {
      // In a transaction, at its COMMIT, or in the slow part of one.
      const { rowCount } = await stage.admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE 'chaos-%'
           AND (wait_event = 'PgSleep' OR query ILIKE 'COMMIT%' AND state = 'active' OR state = 'idle in transaction')
         LIMIT 1`,
      )
      left -= rowCount ?? 0
      await sleep(5)
    }
    return stage.slots
  },
  'a process killed': async ({ stage, random }) => {
    // The first one lives throughout: its memory is compared.
    await stage.replace(random.pick(stage.slots.slice(1)), random.below(2 ** 31))
  },
  'a process cut off, then killed': async ({ stage, random }) => {
    const slot = random.pick(stage.slots.slice(1))
    slot.redis.lose()
    await moment(random, 600, 1200)
    await stage.replace(slot, random.below(2 ** 31))
  },
} satisfies Record<string, Fault>

type OneName = keyof typeof FAULTS
export type FaultName = OneName | keyof typeof ON_CLUSTER | keyof typeof BEHIND_SENTINELS

/** What goes wrong wherever the keys are. */
const EVERYWHERE: readonly OneName[] = [
  'database: slow',
  'database: cut',
  'database: replies lost, then cut',
  'database: backends terminated around COMMIT',
  'a process killed',
]

export const FAULT_NAMES: Record<PlaceName, readonly FaultName[]> = {
  single: Object.keys(FAULTS) as OneName[],
  cluster: [...EVERYWHERE, ...(Object.keys(ON_CLUSTER) as (keyof typeof ON_CLUSTER)[])],
  sentinels: [...EVERYWHERE, ...(Object.keys(BEHIND_SENTINELS) as (keyof typeof BEHIND_SENTINELS)[])],
}

function faultOf(name: FaultName): Fault {
  if (name in FAULTS) return FAULTS[name as OneName]
  return async ({ stage: { place }, random }) => {
    if (place?.kind === 'cluster') await ON_CLUSTER[name as keyof typeof ON_CLUSTER]({ ...place, random })
    if (place?.kind === 'sentinels') await BEHIND_SENTINELS[name as keyof typeof BEHIND_SENTINELS]({ ...place, random })
  }
}

const PG_SLACK_US = 2_000_000

/** Faults one after the other, in a new order each time round, until it is told to end. */
export class Nemesis {
  readonly injected: Injected[] = []
  readonly #scene: Scene
  readonly #names: readonly FaultName[]
  #ended = false

  constructor(scene: Scene, names: readonly FaultName[]) {
    this.#scene = scene
    this.#names = names
  }

  async run(): Promise<void> {
    const { random } = this.#scene
    let round: FaultName[] = []
    while (!this.#ended) {
      if (round.length === 0) round = shuffled(this.#names, random)
      const name = round.pop() as FaultName
      const from = now()
      const touched = (await faultOf(name)(this.#scene)) ?? []
      this.injected.push({ name, from, to: now(), database: touched.map(slot => slot.number) })
      await moment(random, 300, 1500)
    }
    await this.#scene.stage.mend()
  }

  end(): void {
    this.#ended = true
  }

  /** Whether plain Prisma would have got an error too: a fault of the database touched this process in that time. */
  excuses(slot: number, from: number, to: number): boolean {
    return this.injected.some(
      fault => fault.database.includes(slot) && fault.from <= to && from <= fault.to + PG_SLACK_US,
    )
  }
}

function shuffled<T>(from: readonly T[], random: Random): T[] {
  const rest = [...from]
  const order: T[] = []
  while (rest.length > 0) order.push(...rest.splice(random.below(rest.length), 1))
  return order
}

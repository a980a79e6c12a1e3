/** What a run plays on: a Redis of its own, a database of its own, and a proxy before each for each process. */
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { PrismaClient } from '../generated/prisma/client.js'
import { applyMigrations, createDatabase, dropDatabase } from '../test/support/database.js'
import { type Proxy, startProxy } from '../test/support/proxy.js'
import { type RedisServer, startRedis } from '../test/support/servers.js'
import { type Key, now } from './history.js'
import type { FromProcess, Leftovers, Orders, ToProcess } from './messages.js'
import { addressOf, closePlace, openPlace, type Place, type PlaceAddress, type PlaceName } from './place.js'
import { STATEMENT_TIMEOUT_MS } from './settings.js'
import type { Ground } from './workload.js'

const SCRIPT = fileURLToPath(new URL('./process.ts', import.meta.url))
const ROOT = fileURLToPath(new URL('../', import.meta.url))
const START_WITHIN_MS = 60_000

/** One of the application's processes, and those that come after it when it was killed. */
export interface Slot {
  readonly number: number
  readonly redis: Proxy
  readonly postgres: Proxy
  process: Incarnation
}

export interface Incarnation {
  readonly name: string
  readonly history: string
  readonly child: ChildProcess
  /** When it was killed, in the time of the histories. */
  killedAt: number | undefined
  heap: () => Promise<number>
  finish: () => Promise<{ left: Leftovers; bytes: number }>
  tell: (message: ToProcess) => void
  /** Sends a message, and waits for this answer. */
  ask: <T extends FromProcess['type']>(message: ToProcess, type: T) => Promise<Extract<FromProcess, { type: T }>>
}

/** What is the same for all processes of a run. */
export type Part = Pick<Orders, 'writes' | 'without' | 'mode'> & Partial<Pick<Orders, 'ground'>>

export class Stage {
  #part: Part = { writes: 0, without: undefined }
  readonly slots: Slot[] = []
  readonly incarnations: Incarnation[] = []
  /** Registers that are written now. */
  readonly #registers = new Map<number, Set<Key>>()
  readonly everyRegister = new Set<Key>()

  private constructor(
    readonly prefix: string,
    readonly redis: RedisServer,
    readonly redisClient: Redis,
    readonly databaseUrl: string,
    readonly plain: PrismaClient,
    readonly admin: Client,
    readonly ground: Ground,
    readonly folder: string,
    readonly place: Place | undefined,
    private readonly script: string,
    private readonly dropped: () => Promise<void>,
  ) {}

  /**
   * @param adminUrl - a Postgres that may belong to others: only a database of its own is touched
   * @param on - where the keys are; on several servers, the Redis of the stage is not used
   * @param script - what each process runs
   */
  static async open(adminUrl: string, on: PlaceName, script = SCRIPT): Promise<Stage> {
    const name = `cache_aside_chaos_${randomBytes(4).toString('hex')}`
    const [redis, url, place] = await Promise.all([startRedis(), createDatabase(adminUrl, name), openPlace(on)])
    await applyMigrations(url)
    const databaseUrl = `${url}?options=${encodeURIComponent(`-c statement_timeout=${STATEMENT_TIMEOUT_MS}`)}`
    const plain = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
    const admin = new Client({ connectionString: url })
    admin.on('error', () => {})
    await admin.connect()
    const redisClient = new Redis(redis.url, { retryStrategy: () => 50, maxRetriesPerRequest: null })
    redisClient.on('error', () => {})
    const folder = mkdtempSync(join(tmpdir(), 'prisma-cache-aside-chaos-'))
    return new Stage(
      `${name}:`,
      redis,
      redisClient,
      databaseUrl,
      plain,
      admin,
      await populate(plain),
      folder,
      place,
      script,
      () => dropDatabase(adminUrl, name),
    )
  }

  /** Past the proxies. */
  get address(): PlaceAddress {
    return this.place === undefined ? { kind: 'single', url: this.redis.url } : addressOf(this.place)
  }

  async cast(count: number, seed: number, part: Part): Promise<void> {
    this.#part = part
    for (let number = 0; number < count; number++) {
      const [redis, postgres] = await Promise.all([startProxy(this.redis.url), startProxy(this.databaseUrl)])
      this.slots.push({ number, redis, postgres } as Slot)
    }
    const started = this.slots.map(async slot => {
      slot.process = await this.#start(slot, 0, seed + slot.number)
    })
    await Promise.all(started)
  }

  /** For processes that start from now on. */
  change(part: Partial<Part>): void {
    this.#part = { ...this.#part, ...part }
  }

  /** SIGKILL, and another process in its place. */
  async replace(slot: Slot, seed: number): Promise<void> {
    const old = slot.process
    old.child.kill('SIGKILL')
    old.killedAt = now()
    this.#registers.delete(slot.number)
    await slot.redis.mend()
    await slot.postgres.mend()
    const serial = this.incarnations.filter(({ name }) => name.startsWith(`${slot.number}.`)).length
    slot.process = await this.#start(slot, serial, seed)
  }

  async #start(slot: Slot, incarnation: number, seed: number): Promise<Incarnation> {
    const name = `${slot.number}.${incarnation}`
    const history = join(this.folder, `${name}.jsonl`)
    const orders: Orders = {
      slot: slot.number,
      incarnation,
      seed,
      databaseUrl: slot.postgres.url,
      redis: this.place === undefined ? { kind: 'single', url: slot.redis.url } : addressOf(this.place),
      prefix: this.prefix,
      history,
      ground: this.ground,
      ...this.#part,
    }
    const child = fork(this.script, {
      cwd: ROOT,
      execArgv: ['--import', 'tsx', '--expose-gc'],
      env: { ...process.env, NODE_OPTIONS: '', CHAOS: JSON.stringify(orders) },
    })
    const heard = <T extends FromProcess['type']>(type: T) =>
      new Promise<Extract<FromProcess, { type: T }>>((resolve, reject) => {
        const listen = (message: FromProcess) => {
          if (message.type !== type) return
          child.off('message', listen).off('exit', fail)
          resolve(message as Extract<FromProcess, { type: T }>)
        }
        const fail = (code: number | null) => reject(new Error(`process ${name} ended with ${code}`))
        child.on('message', listen).once('exit', fail)
      })
    child.on('message', (message: FromProcess) => {
      if (message.type === 'register') this.#register(slot.number, message.key)
    })
    const ask = async <T extends FromProcess['type']>(message: ToProcess, type: T) => {
      if (!child.connected) throw new Error(`process ${name} is gone`)
      const answer = heard(type)
      made.tell(message)
      return answer
    }
    const made: Incarnation = {
      name,
      history,
      child,
      killedAt: undefined,
      heap: async () => (await ask({ type: 'heap' }, 'heap')).bytes,
      finish: () => ask({ type: 'finish' }, 'finished'),
      ask,
      tell: message => child.connected && child.send(message, () => {}),
    }
    this.incarnations.push(made)
    const late = setTimeout(() => child.kill('SIGKILL'), START_WITHIN_MS)
    await heard('ready')
    clearTimeout(late)
    this.#tell()
    return made
  }

  #register(slot: number, key: Key): void {
    const keys = this.#registers.get(slot) ?? new Set()
    this.#registers.set(slot, keys)
    keys.add(key)
    this.everyRegister.add(key)
    this.#tell()
  }

  /** The newest registers of each process: others are still read by nobody. */
  #tell(): void {
    const keys = [...this.#registers.values()].flatMap(of => [...of].slice(-6))
    for (const { process: one } of this.slots) {
      if (one?.child.connected) one.child.send({ type: 'registers', keys } satisfies ToProcess, () => {})
    }
  }

  async mend(): Promise<void> {
    await this.redis.kill('SIGCONT')
    await Promise.all(this.slots.flatMap(slot => [slot.redis.mend(), slot.postgres.mend()]))
  }

  async close(): Promise<void> {
    for (const { child } of this.incarnations) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    }
    await Promise.all(this.slots.flatMap(slot => [slot.redis.stop(), slot.postgres.stop()]))
    await this.plain.$disconnect()
    await this.admin.end()
    this.redisClient.disconnect()
    await this.redis.stop()
    if (this.place !== undefined) await closePlace(this.place)
    await this.dropped()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Authors with posts, and a COMMIT that takes its time now and then, so that faults can hit it. */
async function populate(plain: PrismaClient): Promise<Ground> {
  const ground = await addAuthors(plain, [1, 2, 3, 4, 5, 6, 7, 8])
  await plain.$executeRaw`
    CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.04); RETURN NULL; END $$`
  await plain.$executeRaw`
    CREATE CONSTRAINT TRIGGER slow_commit AFTER UPDATE ON "Post" DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.views % 5 = 0) EXECUTE FUNCTION slow_commit()`
  return ground
}

/** Authors with three posts each. */
export async function addAuthors(plain: PrismaClient, names: readonly (number | string)[]): Promise<Ground> {
  const authors: number[] = []
  const posts: { id: number; authorId: number; slug: string }[] = []
  for (const name of names) {
    const author = await plain.user.create({
      data: {
        email: `author-${name}@x.org`,
        posts: { create: [1, 2, 3].map(n => ({ title: `${name}-${n}`, slug: `p-${n}`, published: true })) },
      },
      include: { posts: true },
    })
    authors.push(author.id)
    for (const { id, slug } of author.posts) posts.push({ id, authorId: author.id, slug: slug as string })
  }
  return { authors, posts }
}

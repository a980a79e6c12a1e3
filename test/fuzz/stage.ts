/** Where programs run: a database, a Redis, two cached clients as two processes would have them, and a plain one. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import type { Cluster, Redis } from 'ioredis'
import { PrismaClient } from '../../generated/prisma/client.js'
import type { Overrides } from '../../src/assemble.js'
import type { CacheEvent, Stats } from '../../src/events.js'
import { createExtension } from '../../src/extension.js'
import type { CacheAsideOptions } from '../../src/index.js'
import { factsOf } from '../../src/prisma7/client.js'
import { Feed } from '../../src/feed/change-feed.js'
import { allHeard, TOLD } from '../support/told.js'
import { connect, serversOf } from './connect.js'
import { subjects, trigger } from './space.js'
import type { Relations } from './truth.js'

/** How the cache took part in a read. */
export interface Asked {
  outcome?: 'hit' | 'miss' | 'shared' | 'bypass'
}

/** A cached client of its own "process". */
export interface Cached {
  readonly $cache: {
    stats(): Stats & { otherVersions: number; pendingInvalidations: number; near: { answered: number } | undefined }
    on(listener: (event: CacheEvent) => void): () => void
    close(): void
  }
  readonly $uncached: object
  $cached(options: object): object
}

export interface Stage {
  readonly plain: PrismaClient
  readonly clients: readonly [Cached, Cached]
  /** A third process, which caches something else: what it writes is none of its models. */
  readonly worker: object
  /** The first client, for which the database is not there: it answers what is in Redis, or fails. */
  readonly offline: object
  /** What a read that is run under it meets. */
  readonly asked: AsyncLocalStorage<Asked>
  readonly relations: Relations
  readonly cache: Snapshots
  /** Until Redis has done all that the clients have sent. */
  settled(): Promise<void>
  /** With a change feed: a client without the cache, which writes in the place of the second one. */
  readonly stranger: object | undefined
  /** Until the feed, if there is one, has invalidated all that is committed. */
  caughtUp(): Promise<void>
  close(): Promise<void>
}

/** `NEAR=on`: every process has a near cache, and is told of a write before it ends. */
const hasNear = () => process.env['NEAR'] === 'on'

/** `CONSISTENCY=strict`: every process writes in strict mode, and through. */
const isStrict = () => process.env['CONSISTENCY'] === 'strict'

/** All that there is to cache of a model. */
export const ALL = { ttl: '1h', negativeTtl: '1h', queries: true, refreshAhead: 30 } as const

/** A client, of whatever schema. */
interface Base {
  $extends(extension: never): object
  $disconnect(): Promise<void>
}

/** Cached clients, each with the connections and the state that a process of its own would have. */
export class Processes {
  /** What a read that is run under it meets. */
  readonly asked = new AsyncLocalStorage<Asked>()
  readonly #redisUrl: string
  readonly #prefix: string
  readonly #parts: Partial<Overrides>
  readonly #opened: { base: Base; redis: Redis | Cluster; prisma: Cached }[] = []

  /** @param parts - the cache without one of its guards or rules */
  constructor(redisUrl: string, prefix: string, parts: Partial<Overrides>) {
    this.#redisUrl = redisUrl
    this.#prefix = prefix
    this.#parts = parts
  }

  open(
    base: Base,
    options: Pick<CacheAsideOptions, 'models' | 'triggers'> & { invalidationDeadlineMs?: number },
  ): Cached {
    const redis = connect(this.#redisUrl)
    const waits = { deadlineMs: 10_000, invalidationDeadlineMs: options.invalidationDeadlineMs ?? 20_000 }
    // With the front and without it, in turns: they share all entries.
    const front = this.#opened.length % 2 === 0
    const extension = createExtension(
      // What watches the reads is a hook behind the cache.
      {
        hooksBehind: 'same-for-all',
        ...options,
        ...waits,
        prefix: this.#prefix,
        redis,
        front,
        near: hasNear(),
        ...(isStrict() && { consistency: 'strict', writeThrough: true }),
      },
      hasNear() ? { ...TOLD, ...this.#parts } : this.#parts,
    )
    const prisma = base.$extends(extension as never) as Cached
    prisma.$cache.on(({ type }) => {
      if (type !== 'hit' && type !== 'miss' && type !== 'shared' && type !== 'bypass') return
      const current = this.asked.getStore()
      if (current !== undefined) current.outcome ??= type
    })
    this.#opened.push({ base, redis, prisma })
    return prisma
  }

  /** Until Redis has done all that the clients have sent. */
  async settled(): Promise<void> {
    await Promise.all(this.#opened.flatMap(({ redis }) => serversOf(redis)).map(server => server.ping()))
    if (hasNear()) await allHeard()
  }

  async close(): Promise<void> {
    for (const { base, redis, prisma } of this.#opened) {
      prisma.$cache.close()
      await base.$disconnect()
      redis.disconnect()
    }
  }
}

/** @param parts - the cache without one of its guards or rules */
export async function openStage(
  place: { readonly databaseUrl: string; readonly redisUrl: string; readonly prefix: string },
  parts: Partial<Overrides> = {},
  follow?: typeof feedOf,
): Promise<Stage> {
  const { databaseUrl, redisUrl, prefix } = place
  const redis = connect(redisUrl)
  const processes = new Processes(redisUrl, prefix, parts)
  const { asked } = processes
  const open = (names: readonly string[]) =>
    processes.open(newClient(databaseUrl), {
      models: Object.fromEntries(names.map(name => [name, ALL])),
      triggers: { Shipment: ['Order'] },
    })
  const plain = newClient(databaseUrl)
  await plain.$executeRawUnsafe(trigger.split('\n  CREATE TRIGGER')[0] as string)
  await plain.$executeRawUnsafe(`CREATE TRIGGER${trigger.split('\n  CREATE TRIGGER')[1]}`)
  // Transactions that lock each other out are part of it; they need not last.
  await plain.$executeRawUnsafe(
    `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = 50', current_database()); EXCEPTION WHEN insufficient_privilege THEN NULL; END $$`,
  )
  const feed = await follow?.(place)
  const all = subjects.map(({ model }) => model)
  const clients = [open(all), open(all)] as const
  const worker = open(['AuditEntry'])
  return {
    plain,
    clients,
    worker,
    offline: withoutDatabase(clients[0]),
    asked,
    relations: relationsOf(plain),
    cache: new Snapshots(redis, prefix),
    settled: () => processes.settled(),
    stranger: feed && plain,
    async caughtUp() {
      if (feed !== undefined) await caughtUp(feed)
      if (hasNear()) await allHeard()
    },
    async close() {
      await feed?.stop()
      await feed?.teardown()
      await processes.close()
      await plain.$disconnect()
      await new Snapshots(redis, prefix).clear()
      redis.disconnect()
    },
  }
}

/** A change feed that follows every table, by the whole row of some. */
export async function feedOf(place: {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly prefix: string
}): Promise<Feed> {
  const { databaseUrl: connectionString, redisUrl: redis, prefix } = place
  const slot = `fuzz_${process.pid}_${Date.now()}`
  const schema = 'prisma/schema.prisma'
  const feed = new Feed({
    connectionString,
    redis,
    prefix,
    slot,
    publication: slot,
    schema,
    heartbeatMs: 50,
    log: false,
  })
  const { advice } = await feed.setup()
  const client = newClient(connectionString)
  // Without a primary key it is the only way; of the others every second.
  for (const [i, { sql, why }] of advice.entries())
    if (why.includes('primary key') || i % 2 === 0) await client.$executeRawUnsafe(sql)
  await client.$disconnect()
  await feed.start()
  return feed
}

async function caughtUp(feed: Feed): Promise<void> {
  const since = performance.now()
  // Stopped: what others write is stale.
  if (feed.status().phase === 'stopped') return
  while (performance.now() - since < (feed.status().lagMs ?? Number.POSITIVE_INFINITY)) await wait(5)
}

/** The innermost extension is asked only on a miss. */
export function withoutDatabase(client: Cached): object {
  return (client as unknown as PrismaClient).$extends({
    query: {
      $allModels: {
        $allOperations() {
          throw new NotCached()
        },
      },
    },
  })
}

export class NotCached extends Error {
  override readonly name = 'NotCached'
}

function newClient(databaseUrl: string): PrismaClient {
  const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: databaseUrl }), errorFormat: 'minimal' })
  // Its generator needs an engine that is to be downloaded; the client itself can run typed SQL.
  const { _engineConfig: config } = client as unknown as { _engineConfig: { previewFeatures?: string[] } }
  config.previewFeatures = [...(config.previewFeatures ?? []), 'typedSql']
  return client
}

/** Which tables a relation of some name may lead to. */
function relationsOf(plain: PrismaClient): Relations {
  const found = new Map<string, string[]>()
  for (const { relations } of factsOf(plain).schema.models.values()) {
    for (const { name, target, list, opposite } of relations) {
      const links = list && opposite.list ? [target.name === 'User' ? 'follows' : 'links'] : []
      found.set(name, [...(found.get(name) ?? []), target.name, ...links])
    }
  }
  return found
}

/** The cache as it was at some time, to be brought back. */
export class Snapshots {
  readonly #redis: Redis | Cluster
  readonly #prefix: string
  #kept: (readonly [key: string, value: Buffer])[] = []

  constructor(redis: Redis | Cluster, prefix: string) {
    this.#redis = redis
    this.#prefix = prefix
  }

  async clear(): Promise<void> {
    const keys = await this.#keys()
    await Promise.all(keys.map(key => this.#redis.del(key)))
  }

  /** Keeps what is there now. */
  async take(): Promise<number> {
    const keys = await this.#keys()
    const values = await Promise.all(keys.map(key => this.#redis.getBuffer(key)))
    this.#kept = keys.flatMap((key, i) => (values[i] === null ? [] : [[key, values[i] as Buffer] as const]))
    return this.#kept.length
  }

  async bringBack(): Promise<void> {
    await this.clear()
    await Promise.all(this.#kept.map(([key, value]) => this.#redis.set(key, value)))
  }

  async #keys(): Promise<string[]> {
    return (await Promise.all(serversOf(this.#redis).map(server => server.keys(`${this.#prefix}*`)))).flat()
  }
}

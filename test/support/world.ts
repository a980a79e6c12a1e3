/** What a test file works with: a database of its own, cached and plain clients on it, and eyes on SQL and Redis. */
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { inject } from 'vitest'
import { PrismaClient } from '../../generated/prisma/client.js'
import type { Overrides } from '../../src/assemble.js'
import { createExtension } from '../../src/extension.js'
import type { CacheAsideOptions } from '../../src/index.js'
import { memoryRedis } from '../../src/testing/index.js'
import { isStrict } from './consistency.js'
import { applyMigrations, createDatabase, dropDatabase } from './database.js'
import { useShared } from './hooks.js'
import { allHeard, TOLD } from './told.js'

export interface World {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly prefix: string
  /** The client without any extension. */
  readonly plain: PrismaClient
  /** A client of the test's own, to look at Redis. */
  readonly redis: Redis
  /** A cached client with its own Redis connection and its own state: what another process would have. */
  process: (options?: Partial<CacheAsideOptions>, extra?: ProcessOptions) => CachedProcess
  /** Every key of this world in Redis. */
  keys: () => Promise<string[]>
  /** Takes every entry and epoch of this world out of Redis, as an eviction would. */
  evict: () => Promise<void>
  close: () => Promise<void>
}

export interface ProcessOptions {
  /** Parts without their guards. */
  readonly parts?: Partial<Overrides>
  /** The client to extend, if not a fresh one. */
  readonly base?: PrismaClient
  readonly clientOptions?: Partial<ConstructorParameters<typeof PrismaClient>[0]>
  readonly pool?: Record<string, unknown>
}

export type CachedProcess = ReturnType<typeof cachedProcess>

const MODELS: CacheAsideOptions['models'] = {
  User: { ttl: 300 },
  Post: { ttl: '5m' },
  Profile: true,
  Comment: true,
  Tag: true,
  Category: true,
  Bookmark: true,
  Membership: true,
  Product: true,
  Brand: true,
  Asset: true,
  Order: true,
  OrderLine: true,
  Tenant: true,
  Project: true,
  Task: true,
}

/** `REDIS=memory`: over the stand-in of `src/testing/`. For files that look at Redis through their world alone, without `MONITOR`. */
const isInMemory = process.env['REDIS'] === 'memory'

/** `FRONT=off`: every read goes through Prisma's query hook. */
const hasFront = process.env['FRONT'] !== 'off'

/** `NEAR=on`: every process has a near cache, and is told of a write before it ends. For files that do not count what Redis is asked. */
const hasNear = process.env['NEAR'] === 'on'

/** Each client is another one of the same memory. */
function inMemory(): () => Redis {
  const memory = memoryRedis({ lazyConnect: true })
  return () => memory.duplicate({ lazyConnect: false })
}

/**
 * The world of all tests of a file: made before them, closed after them.
 *
 * @example const world = useWorld()
 * @example const world = useWorld({ redisUrl: () => server.url })
 */
export const useWorld = (servers: { redisUrl?: () => string; databaseUrl?: () => string } = {}): World =>
  useShared(
    () =>
      createWorld({
        ...(servers.redisUrl && { redisUrl: servers.redisUrl() }),
        ...(servers.databaseUrl && { databaseUrl: servers.databaseUrl() }),
      }),
    world => world.close(),
  )

/** A world for a part of one test, which closes it itself. `useWorld` is for a file. */
export async function createWorld(servers: { redisUrl?: string; databaseUrl?: string } = {}): Promise<World> {
  const admin = servers.databaseUrl ?? inject('databaseUrl')
  const name = `cache_aside_${process.pid}_${randomBytes(4).toString('hex')}`
  const isOther = servers.databaseUrl !== undefined
  const databaseUrl = await createDatabase(admin, name, isOther ? {} : { template: inject('templateDatabase') })
  if (isOther) await applyMigrations(databaseUrl)
  const redisUrl = servers.redisUrl ?? inject('redisUrl')
  const prefix = `${name}:`
  const plain = newClient(databaseUrl)
  const connected = isInMemory && servers.redisUrl === undefined ? inMemory() : () => new Redis(redisUrl)
  const redis = connected()
  redis.on('error', () => {})
  const processes: CachedProcess[] = []
  const cleaned = async () => {
    const left = await redis.keys(`${prefix}*`)
    if (left.length > 0) await redis.del(left)
  }
  return {
    databaseUrl,
    redisUrl,
    prefix,
    plain,
    redis,
    process(options = {}, extra = {}) {
      const made = cachedProcess({ databaseUrl, connected, prefix }, options, extra)
      processes.push(made)
      return made
    },
    async keys() {
      return (await redis.keys(`${prefix}*`)).map(key => key.slice(prefix.length)).toSorted()
    },
    async evict() {
      // Not the signs of life: then every process would renew the epochs once, at a time of its own.
      const keys = (await redis.keys(`${prefix}*`)).filter(key => key !== `${prefix}@fleet`)
      if (keys.length > 0) await redis.del(keys)
      if (hasNear) await allHeard()
    },
    async close() {
      await Promise.all(processes.map(p => p.end()))
      await disconnect(plain)
      // The server may be gone: then there is nothing to clean, and no reply to wait for.
      const gone = new Promise<void>(resolve => redis.once('close', () => resolve()))
      if (redis.status === 'ready') await Promise.race([cleaned().catch(() => {}), gone])
      redis.disconnect()
      await dropDatabase(admin, name)
    },
  }
}

export function newClient(
  databaseUrl: string,
  options: ProcessOptions['clientOptions'] = {},
  pool: Record<string, unknown> = {},
) {
  return new PrismaClient({
    adapter: new PrismaPg({ connectionString: databaseUrl, ...pool }),
    log: [{ level: 'query', emit: 'event' }],
    ...(options as object),
  })
}

function cachedProcess(
  place: { databaseUrl: string; connected: () => Redis; prefix: string },
  options: Partial<CacheAsideOptions>,
  { parts, base: given, clientOptions, pool }: ProcessOptions,
) {
  const base = given ?? newClient(place.databaseUrl, clientOptions, pool)
  const sql: string[] = []
  // An extended client has no $on: its SQL is not counted.
  base.$on?.('query' as never, (event: { query: string }) => sql.push(event.query))
  const redis = (options.redis as Redis | undefined) ?? place.connected()
  redis.on('error', () => {})
  const prisma = base.$extends(
    createExtension(
      {
        models: MODELS,
        prefix: place.prefix,
        // Gates of tests are hooks behind the cache.
        hooksBehind: 'same-for-all',
        deadlineMs: 2000,
        invalidationDeadlineMs: 5000,
        front: hasFront,
        ...(hasNear && { near: true }),
        ...(isStrict && !options.near && { consistency: 'strict', writeThrough: true }),
        ...options,
        redis,
      },
      hasNear ? { ...TOLD, ...parts } : parts,
    ),
  )
  return {
    base,
    prisma,
    redis,
    /** The statements that this process has sent. */
    sql,
    /** Runs something and answers how many statements it took. */
    async countSql(run: () => Promise<unknown>): Promise<number> {
      const before = sql.length
      await run()
      await sleep(5) // query events come in a later tick
      return sql.length - before
    },
    /** Fills are sent in a later tick and not waited for: resolves when Redis has answered all that was sent so far. */
    flushed: async (): Promise<void> => {
      await nextTurn()
      await redis.ping()
    },
    async end() {
      await prisma.$cache.close()
      await disconnect(base)
      redis.disconnect()
    },
  }
}

/** Prisma 6.19 loses a connection where a COMMIT is refused, and then waits for it. The database is dropped anyway. */
async function disconnect(client: { $disconnect(): Promise<void> }): Promise<void> {
  await Promise.race([client.$disconnect(), sleep(10_000, undefined, { ref: false })])
}

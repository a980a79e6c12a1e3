/** Clients of a schema of a test's own: plain and cached ones on one database, and every read before and after a write. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { expect, inject } from 'vitest'
import type { CacheApi } from '../../src/cache-api.js'
import type { Overrides } from '../../src/assemble.js'
import { createExtension } from '../../src/extension.js'
import type { CacheAsideOptions } from '../../src/index.js'
import { createDatabase, dropDatabase } from './database.js'

type Table = Readonly<Record<string, (args: object) => Promise<unknown>>>

/** The models of a client, which is another type for each schema. */
export type Db = Readonly<Record<string, Table>>
export type CachedDb = Db & { readonly $cache: CacheApi<unknown> }

export interface OwnSchema {
  readonly prefix: string
  readonly redisUrl: string
  readonly redis: Redis
  readonly plain: Db
  readonly sql: (text: string) => Promise<unknown>
  readonly process: (models: object, parts?: Partial<Overrides>, options?: Partial<CacheAsideOptions>) => CachedDb
  /** How many of the reads that a process made so far were not answered by the cache. */
  readonly misses: (db: CachedDb) => number
  readonly flushed: () => Promise<void>
  readonly close: () => Promise<void>
}

interface AnyClient {
  $extends(extension: unknown): unknown
  $disconnect(): Promise<void>
}

/** @param tables - SQL that makes them in an empty database */
export async function ownSchema(tables: URL, newClient: (databaseUrl: string) => AnyClient): Promise<OwnSchema> {
  const admin = inject('databaseUrl')
  const redisUrl = inject('redisUrl')
  const name = `cache_aside_own_${process.pid}_${randomBytes(4).toString('hex')}`
  const databaseUrl = await createDatabase(admin, name)
  const connection = new Client({ connectionString: databaseUrl })
  await connection.connect()
  await connection.query(await readFile(tables, 'utf8'))
  const prefix = `${name}:`
  const plain = newClient(databaseUrl)
  const redis = new Redis(redisUrl)
  const ends: (() => Promise<unknown> | void)[] = []
  const clients: Redis[] = []
  return {
    prefix,
    redisUrl,
    redis,
    plain: plain as unknown as Db,
    sql: text => connection.query(text),
    process(models, parts, options = {}) {
      const base = newClient(databaseUrl)
      const own = new Redis(redisUrl)
      const all = { prefix, deadlineMs: 2000, invalidationDeadlineMs: 5000, ...options, models, redis: own }
      const db = base.$extends(createExtension(all as CacheAsideOptions, parts)) as CachedDb
      clients.push(own)
      ends.push(async () => {
        await db.$cache.close()
        await base.$disconnect()
        own.disconnect()
      })
      return db
    },
    misses: ({ $cache }) => $cache.stats().misses + $cache.stats().bypassed,
    async flushed() {
      await nextTurn()
      await Promise.all(clients.map(client => client.ping()))
    },
    async close() {
      for (const end of ends) await end()
      await plain.$disconnect()
      await connection.end()
      const keys = await redis.keys(`${prefix}*`)
      if (keys.length > 0) await redis.del(keys)
      redis.disconnect()
      await dropDatabase(admin, name)
    },
  }
}

export type Read = (db: Db) => Promise<unknown>

/** What became of a query; of an error the class and the code, as its text has the place in the file. */
export async function told(query: () => Promise<unknown>): Promise<unknown> {
  try {
    return { value: await query() }
  } catch (error) {
    const { name, code } = error as { name: string; code?: string }
    // Prisma's compiler is dead after that, and so would all comparisons be.
    if (name === 'RuntimeError' || name === 'PrismaClientRustPanicError') throw error
    return { error: name, code }
  }
}

/** Reads all there is through every process, so that it is in the cache. */
export async function warmUp(own: OwnSchema, readers: readonly CachedDb[], reads: Record<string, Read>): Promise<void> {
  for (const db of readers) {
    for (const read of Object.values(reads)) await told(() => read(db))
    await own.flushed()
  }
}

/** Every read through every process answers as plain Prisma does. */
export async function expectTruth(
  own: OwnSchema,
  readers: readonly CachedDb[],
  reads: Record<string, Read>,
  when = '',
) {
  for (const [name, read] of Object.entries(reads)) {
    const truth = await told(() => read(own.plain))
    for (const [i, db] of readers.entries()) {
      expect(await told(() => read(db)), `${when}: ${name}, process ${i}`).toStrictEqual(truth)
    }
  }
}

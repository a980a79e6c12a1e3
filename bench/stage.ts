/** What the bench runs on: a database of its own with its rows in it, Redis, and the contenders. */
import { readFile } from 'node:fs/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { Client, Pool } from 'pg'
import { PrismaClient } from '../generated/bench/client.js'
import { createDatabase, dropDatabase } from '../test/support/database.js'
import { startServers } from '../test/support/servers.js'
import { type Contender, contenders } from './contenders.js'

/** A client of Prisma, and how many statements it has sent. */
export interface Counted {
  readonly prisma: PrismaClient
  readonly statements: () => number
  readonly end: () => Promise<void>
}

export interface Stage {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly redis: Redis
  readonly base: Counted
  readonly contenders: readonly Contender[]
  /** Before all keys, of letters that nobody takes out of a prefix. */
  readonly prefix: string
  readonly versions: { readonly Postgres: string; readonly Redis: string }
  readonly keysOf: (start: string) => Promise<string[]>
  readonly removeKeys: (start: string) => Promise<void>
  readonly close: () => Promise<void>
}

/** Each statement takes a connection of the pool: to count that costs a hit nothing, and a query next to nothing. */
export function counted(databaseUrl: string): Counted {
  const pool = new Pool({ connectionString: databaseUrl })
  let statements = 0
  pool.on('acquire', () => statements++)
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool), errorFormat: 'minimal' })
  return {
    prisma,
    statements: () => statements,
    async end() {
      await prisma.$disconnect()
      await pool.end()
    },
  }
}

export async function openStage(): Promise<Stage> {
  // A commit waits for the disk, as it does in production.
  const servers = await startServers({ durable: true })
  console.log(servers.chosen.join('\n'))
  const name = `cache_aside_bench_${process.pid}`
  const databaseUrl = await createDatabase(servers.databaseUrl, name)
  const setUp = new Client({ connectionString: databaseUrl })
  await setUp.connect()
  await setUp.query(await readFile(new URL('schema.sql', import.meta.url), 'utf8'))
  const settings = "SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync"
  const { rows } = await setUp.query<{ version: string; fsync: string }>(settings)
  await setUp.end()

  const base = counted(databaseUrl)
  const redis = new Redis(servers.redisUrl)
  redis.setMaxListeners(0) // there are many caches on it
  const prefix = `${name}_`
  const keysOf = async (start: string) => {
    const found: string[] = []
    let cursor = '0'
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', `${start}*`, 'COUNT', 10_000)
      found.push(...keys)
      cursor = next
    } while (cursor !== '0')
    return [...new Set(found)]
  }
  const removeKeys = async (start: string) => {
    const keys = await keysOf(start)
    for (let from = 0; from < keys.length; from += 10_000) await redis.unlink(keys.slice(from, from + 10_000))
  }
  return {
    databaseUrl,
    redisUrl: servers.redisUrl,
    redis,
    base,
    contenders: await contenders(base.prisma, redis, prefix),
    prefix,
    versions: {
      Postgres: `${rows[0]?.version} (fsync ${rows[0]?.fsync})`,
      Redis: /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? '?',
    },
    keysOf,
    removeKeys,
    async close() {
      await redis.ping() // fills that nobody waits for
      await removeKeys(prefix)
      const left = servers.ownsRedis ? await keysOf('') : await keysOf(prefix)
      await base.end()
      redis.disconnect()
      await dropDatabase(servers.databaseUrl, name)
      await servers.stop()
      // A key of another name would stay in a Redis that was given.
      if (left.length > 0) throw new Error(`The bench has left ${left.length} keys, ${left[0]} for one.`)
    },
  }
}

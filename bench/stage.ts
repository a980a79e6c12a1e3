/** What the bench runs on: a database of its own with its rows in it, Redis, and the contenders. */
import { readFile } from 'node:fs/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { PrismaClient } from '../generated/bench/client.js'
import { createDatabase, dropDatabase } from '../test/support/database.js'
import { startServers } from '../test/support/servers.js'
import { type Contender, contenders } from './contenders.js'

export interface Stage {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly redis: Redis
  readonly base: PrismaClient
  readonly contenders: readonly Contender[]
  /** Before all keys. */
  readonly prefix: string
  readonly versions: { readonly Postgres: string; readonly Redis: string }
  readonly removeKeys: (start: string) => Promise<void>
  readonly close: () => Promise<void>
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

  const base = new PrismaClient({
    adapter: new PrismaPg({ connectionString: databaseUrl }),
    errorFormat: 'minimal',
  })
  const redis = new Redis(servers.redisUrl)
  redis.setMaxListeners(0) // there are many caches on it
  const prefix = `${name}:`
  const removeKeys = async (start: string) => {
    let cursor = '0'
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', `${start}*`, 'COUNT', 10_000)
      if (keys.length > 0) await redis.unlink(keys)
      cursor = next
    } while (cursor !== '0')
  }
  return {
    databaseUrl,
    redisUrl: servers.redisUrl,
    redis,
    base,
    contenders: await contenders(base, redis, prefix),
    prefix,
    versions: {
      Postgres: `${rows[0]?.version} (fsync ${rows[0]?.fsync})`,
      Redis: /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? '?',
    },
    removeKeys,
    async close() {
      await removeKeys(prefix)
      await base.$disconnect()
      redis.disconnect()
      await dropDatabase(servers.databaseUrl, name)
      await servers.stop()
    },
  }
}

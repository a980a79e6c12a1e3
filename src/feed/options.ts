/** The options of the feed, checked. */
import type { ClientConfig } from 'pg'
import { checkOptions } from '../check-options.js'
import { shown } from '../errors.js'
import type { Logger } from '../log.js'
import type { CacheAsideOptions, Config } from '../options.js'
import { checkPolicies } from '../plan/check-models.js'
import { factsOf } from '../prisma7/client.js'
import type { Schema } from '../schema/schema.js'
import { schemaFrom } from '../schema/schema-file.js'
import { postgresUrl } from '../source/postgres.js'
import { FeedError } from './feed-error.js'

export interface ChangeFeedOptions {
  /** URL of the primary, as Prisma has it. Either this or `connection`. */
  connectionString?: string | undefined
  /** Options of `pg` in the place of a URL: TLS, a function `password` that fetches a token, and the like. */
  connection?: ClientConfig | undefined
  /** As the option of `cacheAside`: a URL, or a client of ioredis or iovalkey. It is not closed if it is yours. */
  redis: CacheAsideOptions['redis']
  /** The Prisma schema: a file, or a folder. Default: where Prisma looks. */
  schema?: string | undefined
  /** In its place: a Prisma client, with the cache or without. It is asked for its schema, and sends no query. */
  prisma?: object | undefined
  /** As the option of `cacheAside`; the same object is best. It says which fields are excluded, and what views depend on. */
  models?: CacheAsideOptions['models'] | undefined
  /** As the option of `cacheAside`. Default: none. */
  prefix?: CacheAsideOptions['prefix'] | undefined
  /** Name of the replication slot. Feeds with the same name take over from each other. Default: `prisma_cache`. */
  slot?: string | undefined
  /** Name of the publication. Default: `prisma_cache`. */
  publication?: string | undefined
  /** How often the feed says how far it is, in ms. From 50 to 60000. Default: 250. */
  heartbeatMs?: number | undefined
  /** As the option of `cacheAside`. */
  log?: boolean | Logger | undefined
}

export interface FeedConfig {
  readonly connection: ClientConfig
  /** Where the tables are that declare no Postgres schema. */
  readonly schemaName: string
  readonly cache: Config
  readonly schema: Schema
  readonly slot: string
  readonly publication: string
  readonly heartbeatMs: number
}

const KNOWN = [
  'connectionString',
  'connection',
  'redis',
  'schema',
  'prisma',
  'models',
  'prefix',
  'slot',
  'publication',
  'heartbeatMs',
  'log',
]
const NAME = 'prisma_cache'
const HEARTBEAT_MS = 250

/** @throws FeedError, and CacheAsideError `INVALID_OPTION` for what `cacheAside` has too */
export function checkFeedOptions(options: ChangeFeedOptions): FeedConfig {
  if (typeof options !== 'object' || options === null) {
    throw new FeedError(
      `changeFeed takes an object, got ${shown(options)}. Write changeFeed({ connectionString, redis })`,
    )
  }
  const unknown = Object.keys(options).find(name => !KNOWN.includes(name))
  if (unknown !== undefined) {
    throw new FeedError(`there is no option named ${shown(unknown)}. There are: ${KNOWN.join(', ')}`)
  }
  const { heartbeatMs = HEARTBEAT_MS, prefix, redis, log } = options
  if (typeof heartbeatMs !== 'number' || !(heartbeatMs >= 50 && heartbeatMs <= 60_000)) {
    throw new FeedError(`heartbeatMs must be a number (of milliseconds) from 50 to 60000, got ${shown(heartbeatMs)}`)
  }
  const connection = connectionOf(options)
  const schema = schemaOf(options)
  const cache = checkOptions({ redis, prefix, log, models: modelsOf(schema, options.models ?? {}) })
  checkPolicies(schema, cache.policies)
  return {
    ...connection,
    schema,
    cache,
    slot: checkName('slot', options.slot ?? NAME),
    publication: checkName('publication', options.publication ?? NAME),
    heartbeatMs,
  }
}

function connectionOf({
  connectionString,
  connection,
}: ChangeFeedOptions): Pick<FeedConfig, 'connection' | 'schemaName'> {
  if (connection !== undefined && connectionString === undefined) return { connection, schemaName: 'public' }
  if (connection !== undefined || typeof connectionString !== 'string') {
    throw new FeedError(
      `give it either connectionString or connection, got ${connection === undefined ? shown(connectionString) : 'both'}. ` +
        'Write connectionString: process.env.DATABASE_URL',
    )
  }
  const parts = postgresUrl(connectionString)
  // It may have a password: no message contains it.
  if (parts === undefined)
    throw new FeedError('connectionString must be a URL of postgresql://, got one of another form')
  return { connection: { connectionString: parts.address }, schemaName: parts.schemaName }
}

function schemaOf({ prisma, schema }: ChangeFeedOptions): Schema {
  if (prisma !== undefined && schema !== undefined) throw new FeedError('give it either prisma or schema, got both')
  if (prisma !== undefined) return factsOf(prisma).schema
  return schemaFrom(schema, message => new FeedError(message.replace('--schema ', 'schema: ')))
}

/** Every model: another process may cache what this one knows nothing of. What is not said of a view, it depends on everything. */
function modelsOf({ models }: Schema, given: object): CacheAsideOptions['models'] {
  const tables = [...models.values()].filter(({ view }) => !view).map(({ name }) => name)
  const all = [...models.values()]
    .filter(({ scalars }) => scalars.length > 0)
    .map(({ name, view }) => [name, view ? { dependsOn: tables } : true] as const)
  return { ...Object.fromEntries(all), ...given }
}

function checkName(option: string, name: unknown): string {
  if (typeof name === 'string' && /^[a-z_][a-z0-9_]{0,62}$/.test(name)) return name
  throw new FeedError(`${option} must be a name of lower-case letters, digits and _, got ${shown(name)}`)
}

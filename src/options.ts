/** What users configure, and what it becomes once it was checked (`check-options.ts`): a policy per model. */
import type { Cluster, Redis } from 'ioredis'
import type { Logger } from './log.js'
import type { FieldName, ModelName } from './types.js'

/** A number is seconds; a string carries its unit: `'250ms'`, `'30s'`, `'5m'`, `'2h'`, `'1d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

export type Consistency = 'standard' | 'strict'

export interface ModelOptions<Client = unknown, Model = string> {
  /** How long a row is stored. Default: the top-level `ttl`. */
  ttl?: Duration | undefined
  /** How long the answer "no such row" is stored. `0`: not at all. Default: 5 s. */
  negativeTtl?: Duration | undefined
  /**
   * Whether results of `findMany`, `count`, `aggregate` and `groupBy` are cached too, and for how long. Such a result is
   * invalidated by any write to a model that the query reads, or, where its `where` sets a foreign key by equality, by
   * writes under that parent. Default: `false`. `true`: for the `ttl` of the model.
   */
  queries?: boolean | { ttl?: Duration | undefined } | undefined
  /** For a view: the models whose writes change its rows. Required for a view, because no write names it. */
  dependsOn?: readonly ModelName<Client>[] | undefined
  /**
   * `'same-for-all'` states that all users of this cache may see the same rows of the table, and caches it although
   * row-level security is in force. Default: a table with row-level security in force is not cached.
   */
  rowSecurity?: 'same-for-all' | undefined
  /**
   * Fields that are never sent to Redis. A query that reads one goes to the database. Not for fields of the primary key.
   * Default: none.
   */
  exclude?: readonly FieldName<Client, Model>[] | undefined
  /** Entries of more bytes are not stored. Default: 1048576 (1 MiB). */
  maxBytes?: number | undefined
  /**
   * States that other programs write the table, and that a change feed (`prisma-extension-cache-aside/postgres`) invalidates what they
   * write. While it is not alive, or what it has not invalidated is older than `maxStaleMs` (in ms, from 1000 to 3600000), reads go to
   * the database. Default: reads do not look at the feed.
   *
   * @example externalWrites: { maxStaleMs: 5_000 }
   */
  externalWrites?: { maxStaleMs: number } | undefined
  /** Whether entries of the model are kept in the near cache. Default: by the top-level `near`; not in strict mode. */
  near?: boolean | undefined
  /** See the top-level `consistency`, which is the default. */
  consistency?: Consistency | undefined
  /** See the top-level `writeThrough`, which is the default. */
  writeThrough?: boolean | undefined
  /** An entry lives shorter than its TTL by a random part of up to this fraction, from 0 to 1. Default: 0.1. */
  jitter?: number | undefined
  /**
   * Loads an entry anew before its TTL ends, so that an entry that is read all the time never expires: in the background, by one
   * process of all, and after the answer was given. A hit decides by chance, the more likely the nearer the expiry and the longer the
   * load took: XFetch, of "Optimal Probabilistic Cache Stampede Prevention" (Vattani, Chierichetti, Lowenstein; VLDB 2015). A number
   * from 0 to 100 is its `beta`: above 1 refreshes earlier, below 1 later, 0 not at all; `true` is 1. In Redis, a refresh takes a
   * lease (`SET … NX`, `DEL`), a look-up and a fill. Default: `false`.
   *
   * @example models: { Product: { ttl: '1m', refreshAhead: true } }
   */
  refreshAhead?: boolean | number | undefined
  /**
   * Stale-while-revalidate: for so long past its TTL an entry is still served, while one process of all loads it anew in the
   * background. Stale by its age alone: what a write has invalidated is not served. At most 30 days. Default: 0.
   *
   * @example models: { Product: { ttl: '1m', swr: '5m' } }
   */
  swr?: Duration | undefined
  /**
   * For so long past its TTL an entry answers when the database can't be reached: it refuses or loses the connection, has none left,
   * or none came free in time. Not after another error of a query, and not what a write has invalidated. The event `stale` says so.
   * At most 30 days. Default: 0.
   *
   * @example models: { Product: { ttl: '1m', staleIfError: '1h' } }
   */
  staleIfError?: Duration | undefined
}

/** What `cacheAside` and `withCache` take. */
// oxlint-disable-next-line typescript/no-explicit-any -- where the client is not known
export type CacheAsideOptions<Client = any> = (WithRedis | WithoutRedis) & CommonOptions<Client>

interface WithRedis {
  /**
   * Your client of ioredis or iovalkey, `Redis` or `Cluster`, which is never closed or reconfigured; or a URL. For a URL the cache makes the
   * client: one per URL and process, also when modules are loaded again. It keeps no process alive, and `$disconnect()` and
   * `$cache.close()` close it. Redis 7.0 or newer, or Valkey. Required, unless `enabled` is `false`.
   *
   * @example redis: process.env.REDIS_URL
   */
  redis: Redis | Cluster | ValkeyClient | string | undefined
  /**
   * `false`: nothing is read from the cache or stored in it. Writes still invalidate, or other processes would read stale rows;
   * without `redis` they do not, and nothing is opened. Default: `true`.
   */
  enabled?: boolean | undefined
}

/** What iovalkey and ioredis have in common: iovalkey was made from ioredis, and is used in the same way. */
export type ValkeyClient = Readonly<Record<'isCluster' | 'status' | 'options' | 'mgetBuffer', unknown>>

/** For tests, and where there is no Redis. */
interface WithoutRedis {
  redis?: undefined
  enabled: false
}

interface CommonOptions<Client> {
  /**
   * The models whose rows are cached, by their names in the Prisma schema. `'5m'` is short for `{ ttl: '5m' }`; `true`
   * takes the default TTL. Writes to all other models invalidate too, because they may change rows of these.
   *
   * @example models: { User: { ttl: 300, exclude: ['passwordHash'] }, Post: '5m', Tag: true }
   */
  models: { [Model in ModelName<Client>]?: true | Duration | ModelOptions<Client, Model> }
  /**
   * What triggers in the database change: `{ Order: ['User'] }` states that each write to `Order` may change any row of
   * `User`. Such a write then invalidates all users. Default: none.
   */
  triggers?: { [Model in ModelName<Client>]?: readonly ModelName<Client>[] } | undefined
  /** The TTL of models and of `getOrSet` values that have none of their own. Default: 3600 s. */
  ttl?: Duration | undefined
  /**
   * Stands before every key. Use one per database and Postgres schema. It must not contain a version: processes of a new
   * version could then not invalidate what processes of the old one read. A function is called with the database and
   * schema that the client is connected to, so that one extension object serves a schema or a database per tenant.
   * Default: `''`.
   *
   * @example prefix: ({ database, schema }) => `${database}:${schema}:`
   */
  prefix?: string | ((source: { database: string; schema: string }) => string) | undefined
  /**
   * `true`: events contain the key in Redis. Keys contain ids and values of uniques, such as e-mail addresses.
   * Default: `false`.
   */
  includeKeys?: boolean | undefined
  /**
   * Where warnings go, a line each: that Redis is not used and why, an option without effect, errors. `true`: to the console.
   * A logger: to its `warn`. `false`: nowhere. Default: to the console, but not where `NODE_ENV` is `production` or `test`.
   */
  log?: boolean | Logger | undefined
  /**
   * For extensions with query hooks that are applied after this one. `'same-for-all'` states that these hooks do the same for
   * every tenant and user. They then run on misses only, and their result is stored and served to everyone. Default: models
   * and operations that such hooks apply to are not cached.
   */
  hooksBehind?: 'same-for-all' | undefined
  /**
   * `false`: every read goes through Prisma's query hook. By default a read of a cached model is looked up before Prisma is
   * called, which is what most of the time of a hit is spent on, and handed to Prisma unless it is a hit. The answers are the same.
   * Default: `true`.
   */
  front?: boolean | undefined
  /**
   * Compares a part of the answers with the database, in the background, and reports each that is stale: the event `mismatch`.
   * `rate`: which part of the reads, from 0 to 1. `perSecond`: at most so many a second in this process (default: 5). Each takes one
   * or two look-ups in Redis, and as many queries. Default: none.
   *
   * @example probe: { rate: 0.01 }
   */
  probe?: { rate: number; perSecond?: number | undefined } | undefined
  /**
   * How long a read waits for another process that is loading the same row or value, in ms, from 0 to 60000, before it queries the
   * database itself. `0`: not at all. Default: twice the time that loads of the model take, 200 at most; not for loads under 5 ms.
   */
  waitForLoadMs?: number | undefined
  /**
   * The near cache: keeps entries in the memory of this process, so that reads of them need no round trip to Redis. Redis tells this
   * process when one changes (`CLIENT TRACKING`), on two connections that are made from the options of `redis`, for each node of a
   * Cluster. A read sees the writes of this process at once, and those of others within milliseconds; where a connection hangs, within
   * `maxStaleMs`. Default: `false`.
   *
   * `max`: so many keys at most (default: 100000). `maxBytes`: so much memory, about (default: 67108864, 64 MiB). `maxStaleMs`: from 100
   * to 60000 (default: 1000). A model is left out by its own `near: false`.
   *
   * Redis: on the connections of the near cache `INFO`, `CLIENT ID`, `CLIENT TRACKING` and `SUBSCRIBE` once, `MGET` for what is not kept, and `PING`
   * and the `DEL` of an absent key four times in `maxStaleMs`, until nothing was read for 30 s.
   *
   * @example near: true
   * @example near: { maxBytes: 256 * 1024 * 1024, maxStaleMs: 500 }
   */
  near?: boolean | NearOptions | undefined
  /** Longest time in ms that a query waits for Redis, over all its round trips. From 1 to 60000. Default: 50. */
  deadlineMs?: number | undefined
  /**
   * `'standard'`: a write invalidates after its commit. In the milliseconds between the two, other processes may still read the old row from
   * the cache, and if the writer dies there, until the TTL. `'strict'`: before the commit, the write puts an intent into Redis, at each
   * key that it will make stale; until it is invalidated, all processes read these keys from the database. So neither of the two
   * happens, and reads never go back in time. That takes one more round trip per write: `EVAL`, before it; the invalidation is an
   * `EVAL` in place of the `DEL`. Set it in every process that writes the model. Also by model. Default: `'standard'`. Source: "Scaling
   * Memcache at Facebook" (NSDI 2013, §4.3) puts such marks on keys whose writes are on their way.
   *
   * @example models: { Account: { ttl: '5m', consistency: 'strict' } }
   */
  consistency?: Consistency | undefined
  /**
   * In strict mode, what happens when Redis does not acknowledge the intent of a write within `invalidationDeadlineMs`. `'proceed'`: the
   * write goes on as in standard mode, and an `error` event with the code `INTENT_FAILED` says so, once. `'reject'`: it is refused
   * before it reaches the database (of an interactive transaction: before COMMIT), with a `CacheAsideError` of the code
   * `INTENT_REFUSED`. Default: `'proceed'`.
   */
  onIntentFailure?: 'proceed' | 'reject' | undefined
  /**
   * In strict mode: the row that `create`, `update` or `upsert` returns is stored when the write is invalidated, so that the next read of it
   * is a hit. Not where the result is not the whole row, as it is in the database after the statement: with `select` or `omit`, in a
   * transaction, with extensions that change results, on a table with `AFTER` triggers; nor while another write to the row is in progress. Then the row
   * is invalidated. Also by model. Default: `false`.
   */
  writeThrough?: boolean | undefined
  /**
   * Longest time in ms that a write waits for Redis to acknowledge its invalidation. From 1 to 60000. Default: 500. After
   * that the write resolves, and the invalidation is queued in the journal of this process.
   */
  invalidationDeadlineMs?: number | undefined
}

export interface NearOptions {
  /** Keeps so many keys at most. Default: 100000. */
  max?: number | undefined
  /** Keeps so many bytes at most, about. Default: 67108864 (64 MiB). */
  maxBytes?: number | undefined
  /** In ms, from 100 to 60000: no read is answered by what Redis has changed longer ago. Default: 1000. */
  maxStaleMs?: number | undefined
}

/** What `prisma.$cached(…)` says of the queries of the client that it gives. */
export interface QueryOptions {
  /** How long what these queries load is stored. Default: as configured for the model, or the top-level `ttl`. */
  ttl?: Duration | undefined
  /** `$cache.invalidateTags` with any of them invalidates these results. Default: none. */
  tags?: readonly string[] | undefined
  /** `true`: read the database, and store what it says. Default: `false`. */
  fresh?: boolean | undefined
}

/** The same, checked. */
export interface QueryConfig {
  readonly ttlMs: number | undefined
  readonly tags: readonly string[]
  readonly fresh: boolean
}

/** How one model is cached; times in ms. */
export interface Policy {
  readonly ttlMs: number
  readonly negativeTtlMs: number
  /** Undefined when `findMany`, `count` and the like are not cached. */
  readonly queriesTtlMs: number | undefined
  readonly dependsOn: readonly string[] | undefined
  readonly rowSecurity: 'same-for-all' | undefined
  readonly exclude: ReadonlySet<string>
  readonly maxBytes: number
  readonly jitter: number
  /** Undefined: reads do not look at the change feed. */
  readonly maxStaleMs: number | undefined
  /** Whether entries are kept in the near cache; undefined: as by default. */
  readonly near: boolean | undefined
  readonly strict: boolean
  readonly writeThrough: boolean
  /** The `beta` of XFetch; 0: off. */
  readonly refreshAhead: number
  readonly swrMs: number
  readonly staleIfErrorMs: number
}

/** The near cache. */
export interface NearConfig {
  readonly max: number
  readonly maxBytes: number
  readonly maxStaleMs: number
  /** Whether it keeps models of which nothing is said, and values of `getOrSet`. */
  readonly byDefault: boolean
}

export interface ProbeConfig {
  readonly rate: number
  readonly perSecond: number
}

/** What models have where nothing else is said of them. */
export interface StrictConfig {
  readonly strict: boolean
  readonly writeThrough: boolean
}

export type PrefixOf = (source: { database: string; schema: string }) => string

/** The options, checked and with defaults; times in ms. */
export interface Config {
  /** A string is a URL; undefined: turned off for good. */
  readonly redis: Redis | Cluster | string | undefined
  readonly policies: ReadonlyMap<string, Policy>
  readonly triggers: ReadonlyMap<string, readonly string[]>
  /** The default TTL. */
  readonly ttlMs: number
  readonly prefix: string | PrefixOf
  readonly enabled: boolean
  readonly includeKeys: boolean
  readonly log: boolean | Logger | undefined
  readonly hooksBehind: 'same-for-all' | undefined
  readonly front: boolean
  /** Undefined: by what loads take. */
  readonly waitForLoadMs: number | undefined
  readonly probe: ProbeConfig | undefined
  /** Undefined: nothing is kept in this process. */
  readonly near: NearConfig | undefined
  /** Of models of which nothing is said. */
  readonly strictByDefault: boolean
  readonly rejectsWithoutIntent: boolean
  readonly deadlineMs: number
  readonly invalidationDeadlineMs: number
}

/** Checks the options, once, when the extension is created. Each error says the rule, what was got, and the fix. */
import type { Cluster, Redis } from 'ioredis'
import {
  DAY_MS,
  checkBoolean,
  checkRange,
  duration,
  isPlainObject,
  refuseUnknown,
  wrong,
  wrongCall,
} from './check-values.js'
import { checkNearOf, checkOnIntentFailure, checkStrict, refuseNearInStrictMode, STANDARD } from './check-strict.js'
import { shown } from './errors.js'
import type { Logger } from './log.js'
import type {
  CacheAsideOptions,
  Config,
  NearConfig,
  Policy,
  PrefixOf,
  ProbeConfig,
  QueryConfig,
  StrictConfig,
} from './options.js'

const KNOWN = [
  'redis',
  'models',
  'triggers',
  'ttl',
  'prefix',
  'enabled',
  'includeKeys',
  'log',
  'deadlineMs',
  'invalidationDeadlineMs',
  'hooksBehind',
  'front',
  'probe',
  'waitForLoadMs',
  'near',
  'consistency',
  'onIntentFailure',
  'writeThrough',
]
const KNOWN_OF_MODEL = [
  'ttl',
  'negativeTtl',
  'queries',
  'dependsOn',
  'rowSecurity',
  'exclude',
  'maxBytes',
  'jitter',
  'externalWrites',
  'near',
  'refreshAhead',
  'swr',
  'staleIfError',
  'consistency',
  'writeThrough',
]
const DEFAULT_TTL = 3600
const DEFAULT_NEGATIVE_TTL = 5
/** An entry lives shorter, with its grace, than the epochs that it is under. */
const LONGEST_GRACE_MS = 30 * DAY_MS

/** @throws CacheAsideError `INVALID_OPTION`: the rule, what was got, and the fix */
export function checkOptions(options: CacheAsideOptions<never>): Config {
  if (!isPlainObject(options)) {
    throw wrong(
      `cacheAside takes an object, got ${shown(options)}. Write cacheAside({ redis, models: { User: '5m' } }).`,
    )
  }
  refuseUnknown(options, KNOWN, 'option')
  const ttlMs = duration('ttl', options.ttl ?? DEFAULT_TTL)
  const enabled = checkBoolean('enabled', options.enabled ?? true)
  const near = options.near ?? false
  const strict = checkStrict('', options, STANDARD)
  const policies = checkModels(options.models, ttlMs, strict)
  refuseNearInStrictMode(near !== false, strict, policies)
  return {
    redis: checkRedis(options.redis, enabled),
    ttlMs,
    policies,
    triggers: checkTriggers(options.triggers ?? {}),
    prefix: checkPrefix(options.prefix ?? ''),
    enabled,
    includeKeys: checkBoolean('includeKeys', options.includeKeys ?? false),
    log: checkLog(options.log),
    hooksBehind: checkSameForAll(
      'hooksBehind',
      options.hooksBehind,
      'Remove it where hooks depend on who runs the query, and apply their extension before this one.',
    ),
    front: checkBoolean('front', options.front ?? true),
    probe: options.probe === undefined ? undefined : checkProbe(options.probe),
    waitForLoadMs:
      options.waitForLoadMs === undefined
        ? undefined
        : checkRange('waitForLoadMs', options.waitForLoadMs, 0, 60_000, 'milliseconds'),
    near: checkNear(near, policies),
    strictByDefault: strict.strict,
    rejectsWithoutIntent: checkOnIntentFailure(options.onIntentFailure, strict, policies),
    deadlineMs: checkRange('deadlineMs', options.deadlineMs ?? 50, 1, 60_000, 'milliseconds'),
    invalidationDeadlineMs: checkRange(
      'invalidationDeadlineMs',
      options.invalidationDeadlineMs ?? 500,
      1,
      60_000,
      'milliseconds',
    ),
  }
}

function checkModels(models: unknown, ttlMs: number, strict: StrictConfig): Map<string, Policy> {
  if (!isPlainObject(models)) {
    throw wrong(`models must be an object of model names, got ${shown(models)}. Write models: { User: '5m' }.`)
  }
  return new Map(Object.entries(models).map(([name, value]) => [name, policyOf(name, value, ttlMs, strict)]))
}

/** How a model is cached, by what the option `models` says of it. */
export function policyOf(name: string, value: unknown, defaultTtlMs: number, byDefault: StrictConfig): Policy {
  const given = value === true ? {} : isPlainObject(value) ? value : { ttl: value }
  if (value === undefined) {
    throw wrong(`models.${name} must be true, a TTL or an object of options, got undefined.`)
  }
  refuseUnknown(given, KNOWN_OF_MODEL, `option of models.${name}`)
  const strict = checkStrict(`models.${name}.`, given, byDefault)
  const ttlMs = 'ttl' in given && given.ttl !== undefined ? duration(`models.${name}.ttl`, given.ttl) : defaultTtlMs
  return {
    ttlMs,
    queriesTtlMs: checkQueries(`models.${name}.queries`, given.queries ?? false, ttlMs),
    dependsOn:
      given.dependsOn === undefined ? undefined : checkNames(`models.${name}.dependsOn`, given.dependsOn, 'User'),
    negativeTtlMs: duration(`models.${name}.negativeTtl`, given.negativeTtl ?? DEFAULT_NEGATIVE_TTL, 0),
    rowSecurity: checkSameForAll(
      `models.${name}.rowSecurity`,
      given.rowSecurity,
      'Remove it where users see different rows.',
    ),
    exclude: new Set(checkNames(`models.${name}.exclude`, given.exclude ?? [], 'passwordHash')),
    maxBytes: checkRange(`models.${name}.maxBytes`, given.maxBytes ?? 1_048_576, 1, 512 * 1_048_576, 'bytes'),
    jitter: checkRange(`models.${name}.jitter`, given.jitter ?? 0.1, 0, 1, 'the TTL, as a fraction'),
    maxStaleMs: given.externalWrites === undefined ? undefined : checkExternal(name, given.externalWrites),
    near: checkNearOf(name, given.near, strict),
    ...strict,
    ...checkAges(`models.${name}.`, given),
  }
}

/** Undefined: nothing is kept in this process. */
function checkNear(value: unknown, policies: ReadonlyMap<string, Policy>): NearConfig | undefined {
  if (typeof value !== 'boolean' && !isPlainObject(value)) {
    throw wrong(
      `near must be true, false or an object, got ${shown(value)}. Write near: { maxBytes: 64 * 1024 * 1024 }.`,
    )
  }
  const byDefault = value !== false
  if (!byDefault && ![...policies.values()].some(({ near }) => near)) return undefined
  const given = isPlainObject(value) ? value : {}
  refuseUnknown(given, ['max', 'maxBytes', 'maxStaleMs'], 'option of near')
  return {
    byDefault,
    max: Math.floor(checkRange('near.max', given.max ?? 100_000, 1, 10_000_000, 'entries')),
    maxBytes: Math.floor(checkRange('near.maxBytes', given.maxBytes ?? 64 * 1_048_576, 1_024, 2 ** 36, 'bytes')),
    maxStaleMs: checkRange('near.maxStaleMs', given.maxStaleMs ?? 1_000, 100, 60_000, 'milliseconds'),
  }
}

interface Ages {
  readonly refreshAhead?: unknown
  readonly swr?: unknown
  readonly staleIfError?: unknown
}

/**
 * What a model or `getOrSet` says of the age of entries.
 *
 * @param of - what the names of the options stand behind
 * @param refusal - the error for a value that is none
 */
export function checkAges(of: string, { refreshAhead = false, swr = 0, staleIfError = 0 }: Ages, refusal = wrong) {
  const grace = (name: string, value: unknown) => duration(`${of}${name}`, value, 0, refusal, LONGEST_GRACE_MS)
  const beta = refreshAhead === true ? 1 : refreshAhead === false ? 0 : refreshAhead
  if (!(typeof beta === 'number' && beta >= 0 && beta <= 100)) {
    throw refusal(`${of}refreshAhead must be true, false or a number from 0 to 100, got ${shown(refreshAhead)}.`)
  }
  return { refreshAhead: beta, swrMs: grace('swr', swr), staleIfErrorMs: grace('staleIfError', staleIfError) }
}

function checkExternal(model: string, value: unknown): number {
  const name = `models.${model}.externalWrites`
  if (!isPlainObject(value)) {
    throw wrong(`${name} must be an object, got ${shown(value)}. Write externalWrites: { maxStaleMs: 5_000 }.`)
  }
  refuseUnknown(value, ['maxStaleMs'], `option of ${name}`)
  return checkRange(`${name}.maxStaleMs`, value.maxStaleMs, 1_000, 3_600_000, 'milliseconds')
}

/** @throws CacheAsideError `INVALID_CALL` */
export function checkQueryOptions(options: unknown): QueryConfig {
  if (!isPlainObject(options)) {
    throw wrongCall(`$cached takes an object of options, got ${shown(options)}. Write $cached({ ttl: '1m' }).`)
  }
  const { ttl, tags = [], fresh = false } = options
  const unknown = Object.keys(options).find(name => !KNOWN_OF_QUERY.includes(name))
  if (unknown !== undefined) {
    throw wrongCall(`$cached has no option named ${shown(unknown)}. There are: ${KNOWN_OF_QUERY.join(', ')}.`)
  }
  checkTags(tags)
  if (typeof fresh !== 'boolean') throw wrongCall(`fresh must be true or false, got ${shown(fresh)}.`)
  return {
    ttlMs: ttl === undefined ? undefined : duration('the ttl of $cached', ttl, 1, wrongCall),
    tags: [...new Set(tags as readonly string[])].toSorted(),
    fresh,
  }
}

const KNOWN_OF_QUERY = ['ttl', 'tags', 'fresh']

/** @throws CacheAsideError `INVALID_CALL` */
export function checkTags(tags: unknown): void {
  if (Array.isArray(tags) && tags.every(tag => typeof tag === 'string' && tag !== '' && tag.isWellFormed())) return
  throw wrongCall(`tags must be an array of strings, none of them empty, got ${shown(tags)}.`)
}

const EXAMPLE = `redis: 'redis://127.0.0.1:6379', or redis: new Redis(…) of ioredis`

function checkRedis(redis: unknown, enabled: boolean): Config['redis'] {
  if (redis === undefined) {
    if (!enabled) return undefined
    throw wrong(
      `redis must be a URL or an ioredis client, got undefined. If it is process.env.REDIS_URL, set that variable (in a build to ` +
        `any redis:// URL); without a Redis write enabled: false.`,
    )
  }
  if (typeof redis === 'string') return checkUrl(redis)
  const client = redis as Partial<Redis> | null | undefined
  if (typeof client?.mgetBuffer !== 'function' || typeof client.status !== 'string') {
    throw wrong(`redis must be a URL or an ioredis client (Redis or Cluster), got ${shown(redis)}. Write ${EXAMPLE}.`)
  }
  const { options, isCluster } = client
  if (isCluster) {
    const { scaleReads = 'master', redisOptions } = options as unknown as Cluster['options']
    if (scaleReads !== 'master') {
      throw wrong(
        `a Cluster must read from masters, got scaleReads: ${shown(scaleReads)}: a replica may still hold what a ` +
          `write has invalidated. Remove scaleReads, or hand over a client of its own.`,
      )
    }
    const keyPrefix = redisOptions?.keyPrefix ?? (options as { keyPrefix?: string }).keyPrefix
    if (keyPrefix) {
      throw wrong(`a Cluster must not have a keyPrefix, got ${shown(keyPrefix)}. Use the option prefix of cacheAside.`)
    }
  } else if (options?.role === 'slave') {
    throw wrong(
      `redis must be connected to the master, got role: 'slave'. Remove role, or hand over a client of its own.`,
    )
  }
  return client as Redis | Cluster
}

/** @returns the URL. No message contains it: it may have a password. */
function checkUrl(text: string): string {
  const protocol = URL.canParse(text) ? new URL(text).protocol : undefined
  if (protocol === 'redis:' || protocol === 'rediss:') return text
  const what =
    text === '' ? 'an empty string' : protocol === undefined ? 'a string that is no URL' : `a URL of ${protocol}//`
  throw wrong(`redis must be a URL of redis:// or rediss://, or an ioredis client, got ${what}. Write ${EXAMPLE}.`)
}

function checkLog(log: unknown): Config['log'] {
  if (log === undefined || typeof log === 'boolean') return log
  if (typeof log === 'object' && log !== null && 'warn' in log && typeof log.warn === 'function') return log as Logger
  throw wrong(`log must be true, false or a logger with a method warn, got ${shown(log)}. Write log: console.`)
}

/** The prefix of a source. */
export function prefixFor(prefix: PrefixOf, source: { database: string; schema: string } | undefined): string {
  if (source === undefined) throw wrong('the source is not known')
  const { database, schema } = source
  const given = prefix({ database, schema })
  if (typeof given === 'function') throw wrong('prefix must give a string, got a function.')
  return checkPrefix(given) as string
}

function checkPrefix(prefix: unknown): string | PrefixOf {
  if (typeof prefix === 'function') return prefix as PrefixOf
  if (typeof prefix === 'string' && /^[^{}*?[\]\\\s]{0,100}$/.test(prefix)) return prefix
  throw wrong(
    `prefix must be at most 100 characters without braces, glob characters or white space, got ${shown(prefix)}. ` +
      `Write prefix: 'shop:'.`,
  )
}

function checkProbe(value: unknown): ProbeConfig {
  if (!isPlainObject(value)) throw wrong(`probe must be an object, got ${shown(value)}. Write probe: { rate: 0.01 }.`)
  refuseUnknown(value, ['rate', 'perSecond'], 'option of probe')
  return {
    rate: checkRange('probe.rate', value.rate, 0, 1, 'all reads, as a fraction'),
    perSecond: checkRange('probe.perSecond', value.perSecond ?? 5, 1, 1_000, 'reads a second'),
  }
}

function checkNames(name: string, value: unknown, example: string): readonly string[] {
  if (Array.isArray(value) && value.every(field => typeof field === 'string')) return value
  const what = name.endsWith('exclude') ? 'field' : 'model'
  throw wrong(
    `${name} must be an array of ${what} names, got ${shown(value)}. Write ${name.split('.').at(-1)}: ['${example}'].`,
  )
}

function checkQueries(name: string, value: unknown, ttlMs: number): number | undefined {
  if (typeof value === 'boolean') return value ? ttlMs : undefined
  if (!isPlainObject(value)) {
    throw wrong(`${name} must be true, false or { ttl }, got ${shown(value)}. Write queries: { ttl: '30s' }.`)
  }
  refuseUnknown(value, ['ttl'], `option of ${name}`)
  return value.ttl === undefined ? ttlMs : duration(`${name}.ttl`, value.ttl)
}

function checkSameForAll(name: string, value: unknown, fix: string): 'same-for-all' | undefined {
  if (value === undefined || value === 'same-for-all') return value
  throw wrong(`${name} must be 'same-for-all', got ${shown(value)}. ${fix}`)
}

function checkTriggers(value: unknown): ReadonlyMap<string, readonly string[]> {
  if (!isPlainObject(value)) {
    throw wrong(`triggers must be an object of model names, got ${shown(value)}. Write { Order: ['User'] }.`)
  }
  return new Map(
    Object.entries(value).map(([name, touched]) => [name, checkNames(`triggers.${name}`, touched, 'User')]),
  )
}

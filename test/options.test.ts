import { Cluster, Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import { CacheAsideError } from '../src/errors.js'
import { checkOptions } from '../src/check-options.js'
import type { CacheAsideOptions } from '../src/options.js'

const redis = new Redis({ lazyConnect: true })
const clusters: Cluster[] = []
afterAll(() => {
  redis.disconnect()
  for (const one of clusters) one.disconnect()
})

function cluster(options: ConstructorParameters<typeof Cluster>[1]): Cluster {
  const made = new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true, ...options })
  clusters.push(made)
  return made
}

/** Checks options whose types say that they are wrong. */
function check(options: unknown): ReturnType<typeof checkOptions> {
  return checkOptions(options as CacheAsideOptions)
}

function message(options: unknown): string {
  try {
    check(options)
  } catch (error) {
    expect(error).toBeInstanceOf(CacheAsideError)
    const { code, name, message: text } = error as CacheAsideError
    expect({ code, name }).toEqual({ code: 'INVALID_OPTION', name: 'CacheAsideError' })
    expect(text).toMatch(/^\[prisma-extension-cache-aside\] /)
    expect(text).toMatch(/\.$/)
    return text.replace('[prisma-extension-cache-aside] ', '')
  }
  return 'nothing is wrong'
}

const OK = { redis, models: {} }

describe('options that are right', () => {
  it('have defaults', () => {
    expect(check(OK)).toEqual({
      redis,
      policies: new Map(),
      triggers: new Map(),
      ttlMs: 3_600_000,
      prefix: '',
      enabled: true,
      includeKeys: false,
      front: true,
      strictByDefault: false,
      rejectsWithoutIntent: false,
      deadlineMs: 50,
      invalidationDeadlineMs: 500,
    })
  })

  it('give each model its policy, in ms', () => {
    const { policies } = check({
      redis,
      ttl: '2h',
      models: {
        A: true,
        B: 10,
        C: '5m',
        D: {},
        E: { ttl: '1d' },
        F: { ttl: undefined, negativeTtl: 0 },
        G: { negativeTtl: '250ms', ttl: 0.5 },
        H: '1.5s',
      },
    })
    const times = [...policies].map(([name, { ttlMs, negativeTtlMs }]) => [name, { ttlMs, negativeTtlMs }] as const)
    expect(Object.fromEntries(times)).toEqual({
      A: { ttlMs: 7_200_000, negativeTtlMs: 5000 },
      B: { ttlMs: 10_000, negativeTtlMs: 5000 },
      C: { ttlMs: 300_000, negativeTtlMs: 5000 },
      D: { ttlMs: 7_200_000, negativeTtlMs: 5000 },
      E: { ttlMs: 86_400_000, negativeTtlMs: 5000 },
      F: { ttlMs: 7_200_000, negativeTtlMs: 0 },
      G: { ttlMs: 500, negativeTtlMs: 250 },
      H: { ttlMs: 1500, negativeTtlMs: 5000 },
    })
  })

  it('take an hour as the default TTL', () => {
    expect(check({ redis, models: { A: true } }).policies.get('A')?.ttlMs).toBe(3_600_000)
  })

  it('take a Redis, and a Cluster that reads from masters', () => {
    expect(check({ ...OK, redis: cluster({}) }).redis).toBeInstanceOf(Cluster)
    expect(check({ ...OK, redis: cluster({ scaleReads: 'master' }) }).redis).toBeInstanceOf(Cluster)
    const prefixed = new Redis({ lazyConnect: true, keyPrefix: 'app:' })
    expect(check({ ...OK, redis: prefixed }).redis).toBe(prefixed)
    prefixed.disconnect()
  })

  it.each(['', 'shop:', 'a-b.c/d@e#f', 'ü'])('take the prefix %j', prefix => {
    expect(check({ ...OK, prefix }).prefix).toBe(prefix)
  })
})

describe('options as a whole', () => {
  it.each([
    [undefined, "cacheAside takes an object, got undefined. Write cacheAside({ redis, models: { User: '5m' } })."],
    [null, "cacheAside takes an object, got null. Write cacheAside({ redis, models: { User: '5m' } })."],
    [[], "cacheAside takes an object, got an array. Write cacheAside({ redis, models: { User: '5m' } })."],
    ['x', `cacheAside takes an object, got "x". Write cacheAside({ redis, models: { User: '5m' } }).`],
    [
      { ...OK, tll: 5 },
      'there is no option named "tll". There are: redis, models, triggers, ttl, prefix, enabled, includeKeys, log, deadlineMs, invalidationDeadlineMs, hooksBehind, front, probe, waitForLoadMs, near, consistency, onIntentFailure, writeThrough.',
    ],
    [
      { ...OK, tll: undefined },
      'there is no option named "tll". There are: redis, models, triggers, ttl, prefix, enabled, includeKeys, log, deadlineMs, invalidationDeadlineMs, hooksBehind, front, probe, waitForLoadMs, near, consistency, onIntentFailure, writeThrough.',
    ],
  ])('that are none, number %#, are refused with what is wrong', (options, text) => expect(message(options)).toBe(text))
})

describe('triggers', () => {
  it.each([5, ['Order'], 'Order'])('that is %j is refused', triggers => {
    expect(message({ ...OK, triggers })).toMatch(
      /^triggers must be an object of model names, got .*\. Write \{ Order: \['User'\] \}\.$/,
    )
  })

  it('that names no list of models is refused', () => {
    expect(message({ ...OK, triggers: { Order: 'User' } })).toBe(
      `triggers.Order must be an array of model names, got "User". Write Order: ['User'].`,
    )
  })
})

describe('redis', () => {
  const fix = `Write redis: 'redis://127.0.0.1:6379', or redis: new Redis(…) of ioredis.`
  it.each([
    [null, 'null'],
    [{}, 'an object'],
    [{ get: () => null, set: () => null, status: 'ready' }, 'an object'],
    [6379, '6379'],
  ])('that is %s', (value, got) => {
    expect(message({ redis: value, models: {} })).toBe(
      `redis must be a URL or an ioredis client (Redis or Cluster), got ${got}. ${fix}`,
    )
  })

  it('that is the class: the message does not show its source', () => {
    expect(message({ redis: Redis, models: {} })).toBe(
      `redis must be a URL or an ioredis client (Redis or Cluster), got a function. ${fix}`,
    )
  })

  it('that is a URL: the message does not show the password in it', () => {
    expect(message({ redis: 'http://:secret@127.0.0.1:6379', models: {} })).not.toContain('secret')
  })

  it('that is missing', () => {
    expect(message({ models: {} })).toBe(
      'redis must be a URL or an ioredis client, got undefined. If it is process.env.REDIS_URL, set that variable (in a ' +
        'build to any redis:// URL); without a Redis write enabled: false.',
    )
  })

  it.each(['slave', 'all'] as const)('a Cluster that reads from %s', scaleReads => {
    expect(message({ ...OK, redis: cluster({ scaleReads }) })).toBe(
      `a Cluster must read from masters, got scaleReads: "${scaleReads}": a replica may still hold what a write has invalidated. ` +
        'Remove scaleReads, or hand over a client of its own.',
    )
  })

  it('a Cluster that reads from nodes of its own choice', () => {
    expect(message({ ...OK, redis: cluster({ scaleReads: (nodes: readonly Redis[]) => nodes[0] }) })).toMatch(
      /^a Cluster must read from masters, got scaleReads: /,
    )
  })

  it.each([{ keyPrefix: 'app:' }, { redisOptions: { keyPrefix: 'app:' } }])('a Cluster with %j', options => {
    expect(message({ ...OK, redis: cluster(options) })).toBe(
      'a Cluster must not have a keyPrefix, got "app:". Use the option prefix of cacheAside.',
    )
  })

  it('a Redis behind Sentinel that reads from a replica', () => {
    const replica = new Redis({
      lazyConnect: true,
      sentinels: [{ host: '127.0.0.1', port: 1 }],
      name: 'm',
      role: 'slave',
    })
    expect(message({ ...OK, redis: replica })).toBe(
      `redis must be connected to the master, got role: 'slave'. Remove role, or hand over a client of its own.`,
    )
    replica.disconnect()
  })
})

describe('models', () => {
  it.each([
    [null, 'null'],
    [['User'], 'an array'],
    ['User', '"User"'],
    [true, 'true'],
  ])('that are %j', (models, got) => {
    expect(message({ redis, models })).toBe(
      `models must be an object of model names, got ${got}. Write models: { User: '5m' }.`,
    )
  })

  it('that are a Map: they would be taken for none at all', () => {
    expect(message({ redis, models: new Map([['User', '5m']]) })).toMatch(
      /^models must be an object of model names, got /,
    )
  })

  it('of which one is undefined: that is neither on nor off', () => {
    expect(message({ redis, models: { User: undefined } })).toMatch(
      /^models\.User\.?(?:ttl)? must be .*, got undefined\.$/,
    )
  })

  it('with an option that there is not', () => {
    expect(message({ redis, models: { User: { tll: 5 } } })).toBe(
      'there is no option of models.User named "tll". There are: ttl, negativeTtl, queries, dependsOn, rowSecurity, exclude, maxBytes, jitter, externalWrites, near, refreshAhead, swr, staleIfError, consistency, writeThrough.',
    )
  })
})

describe('durations', () => {
  const rule = (name: string, least: string, got: string) =>
    `${name} must be a number of seconds or a duration such as '250ms', '30s', '5m', '2h' or '1d', ` +
    `${least} and at most 365 days, got ${got}.`

  it.each([
    ['5 m', '"5 m"'],
    ['5M', '"5M"'],
    ['5', '"5"'],
    ['m', '"m"'],
    ['', '""'],
    ['-5s', '"-5s"'],
    ['1e3s', '"1e3s"'],
    ['5min', '"5min"'],
    [' 5s', '" 5s"'],
    ['5s\n', '"5s\\n"'],
    ['.5s', '".5s"'],
    ['0s', '"0s"'],
    ['0.5ms', '"0.5ms"'],
    ['366d', '"366d"'],
    [0, '0'],
    [-1, '-1'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [366 * 86_400, '31622400'],
    [10n, '10'],
    [null, 'null'],
    [false, 'false'],
    [[], 'an array'],
    [new Date(0), 'an object'],
    [`${'9'.repeat(70)}s`, `"${'9'.repeat(60)}…"`],
  ])('%s is none', (ttl, got) => {
    const text = rule('models.User.ttl', 'at least 1 ms', got)
    expect(message({ redis, models: { User: { ttl } } })).toBe(text)
    if (typeof ttl !== 'object' || ttl === null) expect(message({ redis, models: { User: ttl } })).toBe(text)
    if (ttl !== null) expect(message({ ...OK, ttl })).toBe(rule('ttl', 'at least 1 ms', got))
  })

  it.each(['1ms', '250ms', '30s', '5m', '2h', '1d', '365d', '0.5s', 0.001, 1, 3600])('%j is one', ttl => {
    expect(message({ redis, ttl, models: { User: ttl } })).toBe('nothing is wrong')
  })

  it('of negatives may be 0, and nothing less', () => {
    expect(message({ redis, models: { User: { negativeTtl: 0 } } })).toBe('nothing is wrong')
    expect(message({ redis, models: { User: { negativeTtl: '0s' } } })).toBe('nothing is wrong')
    expect(message({ redis, models: { User: { negativeTtl: -1 } } })).toBe(
      rule('models.User.negativeTtl', 'at least 0', '-1'),
    )
  })
})

describe('what else a model has', () => {
  it('has defaults', () => {
    expect(check({ redis, models: { User: true } }).policies.get('User')).toMatchObject({
      exclude: new Set(),
      maxBytes: 1_048_576,
      jitter: 0.1,
      refreshAhead: 0,
      swrMs: 0,
      staleIfErrorMs: 0,
    })
  })

  it('refreshAhead is a beta, swr and staleIfError are durations', () => {
    const { policies } = check({
      redis,
      models: { A: { refreshAhead: true, swr: 30, staleIfError: '1h' }, B: { refreshAhead: 2.5, swr: 0 } },
    })
    expect(policies.get('A')).toMatchObject({ refreshAhead: 1, swrMs: 30_000, staleIfErrorMs: 3_600_000 })
    expect(policies.get('B')).toMatchObject({ refreshAhead: 2.5, swrMs: 0 })
    expect(check({ redis, models: { C: { refreshAhead: false } } }).policies.get('C')?.refreshAhead).toBe(0)
  })

  it.each([-1, 101, Number.NaN, 'yes', null])('refreshAhead: %j is refused', refreshAhead => {
    expect(message({ redis, models: { User: { refreshAhead } } })).toMatch(
      /^models\.User\.refreshAhead must be true, false or a number from 0 to 100, got .*\.$/,
    )
  })

  it.each(['swr', 'staleIfError'])('%s is a duration of 30 days at most', name => {
    for (const value of [-1, '31d', 'soon', true]) {
      expect(message({ redis, models: { User: { [name]: value } } })).toMatch(
        new RegExp(
          `^models\\.User\\.${name} must be a number of seconds or a duration .*, at least 0 and at most 30 days, got .*\\.$`,
        ),
      )
    }
    expect(message({ redis, models: { User: { [name]: '30d' } } })).toBe('nothing is wrong')
  })

  it.each(['name', ['name', 5], {}, true, 5])('exclude: %j is refused', exclude => {
    expect(message({ redis, models: { User: { exclude } } })).toMatch(
      /^models\.User\.exclude must be an array of field names, got .*\. Write exclude: \['passwordHash'\]\.$/,
    )
  })

  it('queries are off, or kept as long as rows, or as long as they say', () => {
    const models = {
      A: '5m',
      B: { ttl: '5m', queries: true },
      C: { queries: { ttl: '30s' } },
      D: { queries: {} },
    } as const
    const { policies } = check({ redis, ttl: '1h', models })
    const ttls = [...policies].map(([name, { queriesTtlMs }]) => [name, queriesTtlMs])
    expect(ttls).toEqual([
      ['A', undefined],
      ['B', 300_000],
      ['C', 30_000],
      ['D', 3_600_000],
    ])
  })

  it.each([
    ['yes', /^models\.User\.queries must be true, false or \{ ttl \}, got "yes"\. Write queries: \{ ttl: '30s' \}\.$/],
    [{ tll: 5 }, /^there is no option of models\.User\.queries named "tll"\. There are: ttl\.$/],
    [{ ttl: 'soon' }, /^models\.User\.queries\.ttl must be a number of seconds or a duration/],
  ])('queries: %j is refused', (queries, text) => {
    expect(message({ redis, models: { User: { queries } } })).toMatch(text)
  })

  it.each(['Order', ['Order', 5], true])('dependsOn: %j is refused', dependsOn => {
    expect(message({ redis, models: { View: { dependsOn } } })).toMatch(
      /^models\.View\.dependsOn must be an array of model names, got .*\. Write dependsOn: \['User'\]\.$/,
    )
  })

  it.each(['all', true, 5])('rowSecurity: %j is refused', rowSecurity => {
    expect(message({ redis, models: { User: { rowSecurity } } })).toMatch(
      /^models\.User\.rowSecurity must be 'same-for-all', got .*\.$/,
    )
  })

  it.each([0, -1, Number.NaN, '1', 512 * 1_048_576 + 1])('maxBytes: %j is refused', maxBytes => {
    expect(message({ redis, models: { User: { maxBytes } } })).toMatch(
      /^models\.User\.maxBytes must be a number \(of bytes\) from 1 to 536870912, got .*\.$/,
    )
  })

  it.each([-0.1, 1.1, Number.NaN, '0.1', true])('jitter: %j is refused', jitter => {
    expect(message({ redis, models: { User: { jitter } } })).toMatch(
      /^models\.User\.jitter must be a number \(of the TTL, as a fraction\) from 0 to 1, got .*\.$/,
    )
  })
})

describe('prefix', () => {
  it.each(['{shop}:', 'a}b', 'a*', 'a?', '[a]', 'a\\', 'a b', 'a\n', 'x'.repeat(101), 5, true, {}, []])(
    '%j is refused',
    prefix => {
      expect(message({ ...OK, prefix })).toMatch(
        /^prefix must be at most 100 characters without braces, glob characters or white space, got .*\. Write prefix: 'shop:'\.$/,
      )
    },
  )
})

describe('enabled', () => {
  it.each([0, 1, 'true', 'false', {}])('%j is refused', enabled => {
    expect(message({ ...OK, enabled })).toMatch(/^enabled must be true or false, got .*\.$/)
  })
})

describe('strict mode', () => {
  const strict = { ...OK, consistency: 'strict' } as const
  it.each([
    [{ consistency: 'eventual' }, "consistency must be 'standard' or 'strict', got \"eventual\"."],
    [{ models: { User: { consistency: true } } }, "models.User.consistency must be 'standard' or 'strict', got true."],
    [
      { consistency: 'strict', onIntentFailure: 'retry' },
      "onIntentFailure must be 'proceed' or 'reject', got \"retry\".",
    ],
    [
      { onIntentFailure: 'reject' },
      "onIntentFailure is about strict mode, and no model is in it. Set consistency: 'strict', or remove it.",
    ],
    [
      { writeThrough: true },
      "writeThrough needs strict mode, which keeps older rows from being stored. Set consistency: 'strict'.",
    ],
    [
      { models: { User: { writeThrough: true } } },
      "models.User.writeThrough needs strict mode, which keeps older rows from being stored. Set models.User.consistency: 'strict'.",
    ],
    [{ consistency: 'strict', writeThrough: 1 }, 'writeThrough must be true or false, got 1.'],
    [
      { consistency: 'strict', models: { User: { near: true } } },
      "models.User can't be strict and near: what a process keeps may be older than a write of another process. Remove near, or set consistency: 'standard' for User.",
    ],
    [
      { consistency: 'strict', near: true },
      "consistency: 'strict' and near don't go together: what a process keeps may be older than a write of another process. Remove near, or set consistency: 'standard' for the models that are kept.",
    ],
  ])('%j is refused', (options, expected) => expect(message({ ...OK, ...options })).toBe(expected))

  it('is for the cache or for a model, which may say otherwise', () => {
    const of = (options: object, model: string) => check({ ...OK, ...options }).policies.get(model)
    const models = { User: true, Post: { consistency: 'standard' }, Tag: { writeThrough: false } }
    const all = { consistency: 'strict', writeThrough: true, models }
    expect(of(all, 'User')).toMatchObject({ strict: true, writeThrough: true, near: false })
    expect(of(all, 'Post')).toMatchObject({ strict: false, writeThrough: false })
    expect(of(all, 'Tag')).toMatchObject({ strict: true, writeThrough: false })
    expect(of({ models: { User: { consistency: 'strict' }, Post: true } }, 'User')).toMatchObject({ strict: true })
    expect(of({ models: { User: { consistency: 'strict' }, Post: true } }, 'Post')).toMatchObject({ strict: false })
    expect(check(strict).rejectsWithoutIntent).toBe(false)
    expect(check({ ...strict, onIntentFailure: 'reject' }).rejectsWithoutIntent).toBe(true)
  })

  it('is without a near cache, which other models may have', () => {
    const models = { User: { consistency: 'strict' }, Post: true }
    expect(check({ ...OK, models, near: true }).policies.get('User')?.near).toBe(false)
    expect(check({ ...OK, models, near: true }).policies.get('Post')?.near).toBeUndefined()
  })
})

describe('near', () => {
  it.each([
    ['yes', /^near must be true, false or an object, got "yes"\. Write near: \{ maxBytes: .*\.$/],
    [{ size: 1 }, /^there is no option of near named "size"\. There are: max, maxBytes, maxStaleMs\.$/],
    [{ max: 0 }, /^near\.max must be a number \(of entries\) from 1 to 10000000, got 0\.$/],
    [{ maxBytes: 10 }, /^near\.maxBytes must be a number \(of bytes\) from 1024 to 68719476736, got 10\.$/],
    [{ maxStaleMs: 99 }, /^near\.maxStaleMs must be a number \(of milliseconds\) from 100 to 60000, got 99\.$/],
  ])('%j is refused', (near, expected) => expect(message({ ...OK, near })).toMatch(expected))

  it('of a model is true or false', () =>
    expect(message({ ...OK, models: { User: { near: {} } } })).toBe(
      'models.User.near must be true or false, got an object.',
    ))

  it('is off unless it, or a model, says otherwise', () => {
    expect(check({ ...OK }).near).toBeUndefined()
    expect(check({ ...OK, near: false }).near).toBeUndefined()
    expect(check({ ...OK, near: true }).near).toEqual({
      byDefault: true,
      max: 100_000,
      maxBytes: 67_108_864,
      maxStaleMs: 1_000,
    })
    expect(check({ ...OK, models: { User: { near: true } } }).near).toMatchObject({ byDefault: false })
  })
})

describe('waitForLoadMs', () => {
  it.each([-1, 60_001, Number.NaN, '50', true])('%s is refused', waitForLoadMs => {
    expect(message({ ...OK, waitForLoadMs })).toMatch(
      /^waitForLoadMs must be a number \(of milliseconds\) from 0 to 60000, got .*\.$/,
    )
  })

  it.each([0, 50, 60_000])('%s is taken', waitForLoadMs =>
    expect(check({ ...OK, waitForLoadMs })).toMatchObject({ waitForLoadMs }),
  )
})

describe.each(['deadlineMs', 'invalidationDeadlineMs'])('%s', name => {
  it.each([0, -1, 0.5, 60_001, Number.NaN, Number.POSITIVE_INFINITY, '50', '50ms', 50n, true])(
    '%s is refused',
    value => {
      expect(message({ ...OK, [name]: value })).toMatch(
        new RegExp(`^${name} must be a number \\(of milliseconds\\) from 1 to 60000, got .*\\.$`),
      )
    },
  )

  it.each([1, 50, 60_000])('%s is taken', value =>
    expect(check({ ...OK, [name]: value })).toMatchObject({ [name]: value }),
  )
})

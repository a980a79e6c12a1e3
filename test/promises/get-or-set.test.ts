/** `$cache.getOrSet`: any value of the caller's, by the rules that hold for rows. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { inspect, isDeepStrictEqual } from 'node:util'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { CacheEvent } from '../../src/events.js'
import { newToken } from '../../src/wire/envelope.js'
import { Flight } from '../../src/local/flights.js'
import { Store } from '../../src/redis/store.js'
import type { FillOptions } from '../../src/redis/ticket.js'
import { completed } from '../support/completed.js'
import { control } from '../support/control.js'
import { startRedis } from '../support/servers.js'
import { type CachedProcess, createWorld, useWorld, type World } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess
let other: CachedProcess
beforeAll(async () => {
  cached = world.process()
  other = world.process()
})
afterEach(() => vi.restoreAllMocks())

const cacheOf = (owner: CachedProcess) => owner.prisma.$cache

let serial = 0
const newKey = () => `key-${++serial}`

/** A promise that the test settles. */
function gate<T>() {
  let open = (_value: T) => {}
  const passed = new Promise<T>(resolve => {
    open = resolve
  })
  return { open, passed }
}

/** A load that waits, once it has begun, for the test to give it its value. */
function slowFetch<T>() {
  const begun = gate<void>()
  const answer = gate<T>()
  const fetch = async () => {
    begun.open()
    return answer.passed
  }
  return { begun: begun.passed, answer: answer.open, fetch }
}

/** Whatever was started before has looked into Redis: replies of one connection come in order. */
async function looked(owner: CachedProcess): Promise<void> {
  await nextTurn()
  await owner.redis.ping()
  await nextTurn()
}

/** Asks twice for a value; answers what came the second time, and how often it was fetched. */
async function twice<T>(value: T, key = newKey()): Promise<{ second: T; fetched: number }> {
  const fetch = vi.fn(() => value)
  await cacheOf(cached).getOrSet(key, fetch)
  await cached.flushed() // nobody waits for a fill: this is answered after it
  const second = await cacheOf(other)
    .getOrSet(key, fetch)
    .catch(() => cacheOf(other).getOrSet(key, fetch))
  return { second, fetched: fetch.mock.calls.length }
}

describe('a value', () => {
  const values: unknown[] = [
    null,
    undefined,
    0,
    -1.5,
    Number.NaN,
    '',
    'zoë\0\u{1f600}',
    true,
    false,
    [],
    {},
    [null, undefined, [1]],
    { a: { b: [{ c: 'd' }] }, e: undefined },
    { a: new Date(0), b: [new Date(1_700_000_000_123)] },
    2n ** 60n,
    -(2n ** 80n),
    { big: 5n, small: -(2n ** 62n) },
    new Uint8Array([0, 1, 255]),
    { bytes: new Uint8Array([]) },
    'x'.repeat(100_000),
  ]
  it.each(values.map(value => [inspect(value, { breakLength: Infinity }).slice(0, 40), value]))(
    'comes back as it was, and is fetched once: %s',
    async (_, value) => {
      const { second, fetched } = await twice(value)
      expect(second).toStrictEqual(value)
      expect(Object.prototype.toString.call(second)).toBe(Object.prototype.toString.call(value))
      expect(fetched).toBe(1)
    },
  )

  class Point {
    constructor(readonly x: number) {}
  }
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  const inexact: unknown[] = [
    new Point(1),
    { inside: new Point(1) },
    [new Point(2)],
    () => 1,
    { method() {} },
    Symbol('s'),
    -0,
    { negative: -0 },
    'lone \ud800 surrogate',
    Object.create(null),
    cycle,
    new URL('http://x.org'),
    new RangeError('with another stack'),
    { inside: [new Error('with another stack')] },
    new Map([['inside', new Error('with another stack')]]),
    Object.assign([1, 2], { extra: 3 }),
    { [Symbol('key')]: 1 },
    { get lazy() { return new Point(3) } }, // biome-ignore format: one line
  ]
  it.each(inexact.map(value => [inspect(value, { breakLength: Infinity }).slice(0, 40), value]))(
    'that would not come back as it was is not stored, and is right all the same: %s',
    async (_, value) => {
      const { second, fetched } = await twice(value)
      expect(second).toBe(value)
      expect(fetched).toBe(2)
    },
  )

  it('a value may be serialized on the way in and restored on the way out', async () => {
    const options = {
      serialize: (point: Point) => ({ x: point.x }),
      deserialize: (stored: unknown) => new Point((stored as { x: number }).x),
    }
    const fetch = vi.fn(() => new Point(7))
    const key = newKey()
    await cacheOf(cached).getOrSet(key, fetch, options)
    const again = await cacheOf(other).getOrSet(key, fetch, options)
    expect(again).toStrictEqual(new Point(7))
    expect(fetch).toHaveBeenCalledTimes(1)
  })

  it.each(
    [
      new Map([['a', 1]]),
      { inside: new Map([[1, new Map()]]) },
      new Point(1),
      [-0],
      'lone \ud800 surrogate',
      JSON.parse('{"__proto__":1}') as unknown,
      Object.create(null),
      Object('boxed'),
      // oxlint-disable-next-line no-sparse-arrays
      [1, , 2],
      { inside: [new Point(1)] },
      new Set([new Map()]),
      new Set([new Point(2)]),
      Object.assign(/x/g, { lastIndex: 1 }),
      Object.assign(new Date(5), { extra: 1 }),
      Object.assign(new Set([1]), { extra: 1 }),
      // Node 24 takes two of them for equal in its later versions: then it comes back as the same.
      ...(isDeepStrictEqual(new Date(Number.NaN), new Date(Number.NaN)) ? [] : [new Date(Number.NaN)]),
      Object.freeze(new Map()),
      Object.defineProperty({ a: 1 }, 'hidden', { value: 2 }),
      Object.defineProperty([1], 'hidden', { value: 2 }),
      { get now() { return 1 } }, // biome-ignore format: one line
      new Set([{ get now() { return 1 } }]), // biome-ignore format: one line
      new (class Ids extends Set {})([1]),
      new (class Bytes extends Uint8Array {})(2),
      new (class Day extends Date {})(5),
      new (class List extends Array<number> {})(2),
      Object.assign(new Uint8Array(2), { extra: 1 }),
      { inside: new Error('e') },
      new Set([new TypeError('e')]),
      { inside: Symbol.iterator },
      { inside: () => 1 },
      { inside: Promise.resolve(1) },
      { inside: new WeakMap() },
      { inside: new URL('http://localhost/') },
    ].map(value => [inspect(value, { breakLength: Infinity }).slice(0, 60), value]),
  )('a serialized value that would come back as another is not stored: %s', async (_, value) => {
    const key = newKey()
    const options = { serialize: (given: unknown) => given, deserialize: (stored: unknown) => stored }
    const fetch = vi.fn(() => value)
    const outcomes: unknown[] = []
    const off = cacheOf(cached).on(event => event.type === 'fill' && outcomes.push(event.outcome))
    await cacheOf(cached).getOrSet(key, fetch, options)
    await cached.flushed()
    off()
    expect(await cacheOf(other).getOrSet(key, fetch, options)).toBe(value)
    expect(fetch).toHaveBeenCalledTimes(2)
    expect(outcomes).toEqual(['inexact'])
  })

  it.each(
    [
      new Set<unknown>([1, 'a', new Set([null])]),
      /a(?<b>c)+/giu,
      new Uint8Array([1, 2]),
      Buffer.from('bytes'),
      new Float64Array([1.5, -0]),
      new BigInt64Array([-1n]),
      new Uint8Array([9, 8, 7]).subarray(1),
      new Uint16Array([1, 2]).buffer,
      Object.freeze({ a: Object.freeze([1, new Date(5)]) }),
      Object.seal({ inside: new Set([/x/]) }),
      { a: new Set([{ b: new Uint8Array(3) }]), [`long ${'x'.repeat(5000)}`]: [undefined, 2n ** 90n] },
    ].map(value => [inspect(value, { breakLength: Infinity }).slice(0, 60), value]),
  )('a serialized value that comes back as it was is stored: %s', async (_, value) => {
    const options = { serialize: (given: unknown) => given, deserialize: (stored: unknown) => stored }
    const fetch = vi.fn(() => value)
    const key = newKey()
    expect(await cacheOf(cached).getOrSet(key, fetch, options)).toBe(value)
    await cached.flushed()
    const again = await cacheOf(other).getOrSet(key, fetch, options)
    expect(fetch).toHaveBeenCalledTimes(1)
    expect(again).not.toBe(value)
    expect(again).toStrictEqual(value)
    expect(Object.getPrototypeOf(again)).toBe(Object.getPrototypeOf(value))
    // A copy of the caller's own: it may be changed, also where the value that fetch gave was frozen.
    expect(Object.isFrozen(again)).toBe(false)
  })

  it('a stored value that cannot be restored is a miss, and an event with neither value nor key', async () => {
    const events: CacheEvent[] = []
    const off = cacheOf(cached).on(event => events.push(event))
    const key = 'secret-key-8841'
    const options = {
      serialize: (value: string) => value,
      deserialize: (): string => {
        throw new TypeError('cannot read secret-value-7733')
      },
    }
    const fetch = vi.fn(() => 'secret-value-7733')
    await cacheOf(cached).getOrSet(key, fetch, options)
    expect(await cacheOf(cached).getOrSet(key, fetch, options)).toBe('secret-value-7733')
    off()
    expect(fetch).toHaveBeenCalledTimes(2)
    expect(events.filter(event => event.type === 'error')).toMatchObject([{ code: 'DESERIALIZE' }])
    expect(JSON.stringify(events)).not.toMatch(/secret/)
  })

  it('a value that serialize fails at is returned, and not stored', async () => {
    const options = {
      serialize: () => {
        throw new Error('no')
      },
      deserialize: (stored: unknown) => stored as string,
    }
    const fetch = vi.fn(() => 'v')
    const key = newKey()
    expect(await cacheOf(cached).getOrSet(key, fetch, options)).toBe('v')
    expect(await cacheOf(cached).getOrSet(key, fetch, options)).toBe('v')
    expect(fetch).toHaveBeenCalledTimes(2)
  })
})

describe('fetch', () => {
  it('fetch may be synchronous or asynchronous', async () => {
    expect(await cacheOf(cached).getOrSet(newKey(), () => 1)).toBe(1)
    expect(await cacheOf(cached).getOrSet(newKey(), async () => 2)).toBe(2)
  })

  it.each([
    [
      'throws',
      () => {
        throw new RangeError('mine')
      },
    ],
    ['rejects', () => Promise.reject(new RangeError('mine'))],
  ])('a fetch that %s: the caller gets its error, nothing is stored, and the next call fetches', async (_, fails) => {
    const key = newKey()
    await expect(cacheOf(cached).getOrSet(key, fails)).rejects.toThrow(new RangeError('mine'))
    expect(await cacheOf(cached).getOrSet(key, () => 'good')).toBe('good')
    expect(await cacheOf(cached).getOrSet(key, () => 'not asked')).toBe('good')
  })

  it('a fetch that fails rejects its own caller only: a caller that waited for it fetches', async () => {
    const key = newKey()
    const calls = await Promise.allSettled([
      cacheOf(cached).getOrSet(key, () => Promise.reject(new Error('mine'))),
      cacheOf(cached).getOrSet(key, () => 'b'),
      cacheOf(cached).getOrSet(key, () => 'c'),
    ])
    expect(calls.map(call => (call.status === 'fulfilled' ? call.value : call.status))).toEqual(['rejected', 'b', 'c'])
  })

  it('a fetch of bytes gives each caller bytes of its own', async () => {
    const key = newKey()
    const ask = () => Promise.all([1, 2].map(() => cacheOf(cached).getOrSet(key, () => Buffer.from('abc'))))
    for (const when of ['of one load', 'of one reply']) {
      const [first, second] = await ask()
      first![0] = 65
      expect(String(second), when).toBe('abc')
      await cached.flushed()
    }
  })

  it('a fetch runs once for all callers of one tick, and each gets a copy of its own', async () => {
    const key = newKey()
    const fetch = vi.fn(async () => ({ list: [1] }))
    const all = await Promise.all([1, 2, 3].map(() => cacheOf(cached).getOrSet(key, fetch)))
    expect(fetch).toHaveBeenCalledTimes(1)
    expect(new Set(all).size).toBe(3)
    all[0]!.list.push(2)
    expect(all[1]).toEqual({ list: [1] })
    expect(await cacheOf(cached).getOrSet(key, fetch)).toEqual({ list: [1] })
  })
})

describe('a fetch that calls getOrSet itself', () => {
  const getOrSet = (...args: [string, () => unknown, object?]) => cacheOf(cached).getOrSet(...args)

  it('a nested getOrSet with the same key fetches and does not wait for itself; the outer value is kept', async () => {
    const key = newKey()
    expect(await getOrSet(key, async () => `outer of ${String(await getOrSet(key, () => 'inner'))}`)).toBe(
      'outer of inner',
    )
    await cached.flushed()
    expect(await getOrSet(key, () => 'not fetched')).toBe('outer of inner')
  })

  it('a nested getOrSet with the key of an outer fetch, over other keys, does not wait for itself', async () => {
    const [a, b, c] = [newKey(), newKey(), newKey()]
    const inner = () => getOrSet(a, () => 'inner')
    const outer = getOrSet(a, () => getOrSet(b, () => getOrSet(c, async () => Promise.all([inner(), inner()]))))
    expect(await outer).toEqual(['inner', 'inner'])
  })

  it('a getOrSet in an earlier promise or a timer of the fetch counts as nested, as long as it is a part of it', async () => {
    const key = newKey()
    const later = async () => {
      await nextTurn()
      return getOrSet(key, () => 'inner')
    }
    expect(await getOrSet(key, later)).toBe('inner')
  })

  /** Two callers, each of whom fetches what the other has begun. */
  async function crossed(options: object = {}) {
    const [a, b] = [newKey(), newKey()]
    const [begunA, begunB] = [gate<void>(), gate<void>()]
    const fetches: string[] = []
    const one = getOrSet(
      a,
      async () => {
        fetches.push('a')
        begunA.open()
        await begunB.passed
        return getOrSet(b, () => (fetches.push('b of a'), 'b'), options)
      },
      options,
    )
    const two = getOrSet(
      b,
      async () => {
        fetches.push('b')
        begunB.open()
        await begunA.passed
        return getOrSet(a, () => (fetches.push('a of b'), 'a'), options)
      },
      options,
    )
    const answers = Promise.all([one, two])
    await Promise.all([begunA.passed, begunB.passed])
    for (let turn = 0; turn < 3; turn++) await looked(cached)
    return { answers, fetches }
  }

  it('two fetches that call getOrSet with each other’s key do not deadlock: one of them fetches', async () => {
    const { answers, fetches } = await crossed()
    await answers
    expect(fetches.filter(each => each.includes(' of '))).toHaveLength(1)
  })

  control('without that, two fetches wait for each other until loadTimeoutMs', async () => {
    vi.spyOn(Flight.prototype, 'waitsForUs', 'get').mockReturnValue(false)
    const { answers, fetches } = await crossed({ loadTimeoutMs: 500 })
    expect(fetches.toSorted()).toEqual(['a', 'b'])
    await answers
  })

  it('a nested getOrSet shares another caller’s fetch that does not wait for it', async () => {
    const [a, b] = [newKey(), newKey()]
    const slow = slowFetch<string>()
    const fetch = vi.fn(slow.fetch)
    const first = getOrSet(b, fetch)
    await slow.begun
    const begun = gate<void>()
    const outer = getOrSet(a, () => (begun.open(), getOrSet(b, fetch)))
    await begun.passed
    await looked(cached)
    slow.answer('b')
    expect(await Promise.all([first, outer])).toEqual(['b', 'b'])
    expect(fetch).toHaveBeenCalledTimes(1)
  })

  it('a getOrSet by work that goes on after the fetch has ended waits like any other', async () => {
    const key = newKey()
    const [goOn, slow] = [gate<void>(), slowFetch<string>()]
    let rest: Promise<unknown> | undefined
    await getOrSet(newKey(), () => {
      rest = goOn.passed.then(() => getOrSet(key, () => 'not fetched'))
      return 1
    })
    const another = getOrSet(key, slow.fetch)
    await slow.begun
    goOn.open()
    await looked(cached)
    slow.answer('shared')
    expect(await Promise.all([rest, another])).toEqual(['shared', 'shared'])
  })
})

describe('an invalidation during a fetch', () => {
  const overtaken = async (parts: Parameters<World['process']>[1] = {}) => {
    const reader = world.process({}, parts)
    const [key, tag] = [newKey(), newKey()]
    await cacheOf(reader).getOrSet(newKey(), () => 0) // connected, and trusted
    const slow = slowFetch<string>()
    const before = cacheOf(reader).getOrSet(key, slow.fetch, { tags: [tag] })
    await slow.begun
    await cacheOf(other).invalidateTags([tag])
    const after = cacheOf(reader).getOrSet(key, () => 'new', { tags: [tag] })
    await looked(reader)
    slow.answer('old')
    const answers = [await before, await after]
    const later = await cacheOf(world.process({}, parts)).getOrSet(key, () => 'newer', { tags: [tag] })
    return [...answers, later]
  }

  it('an invalidation during a fetch wins: a later caller never gets the stale value, and it is not stored', async () => {
    expect(await overtaken()).toEqual(['old', 'new', 'new'])
  })

  control('joining any load in flight, a later caller gets the stale value', async () => {
    vi.spyOn(Flight.prototype, 'mayJoin').mockReturnValue(true)
    const [before, after] = await overtaken()
    expect([before, after]).toEqual(['old', 'old'])
  })

  const SAME = newToken()
  /** Takes every epoch for one that never changes. */
  class NoEpochs extends Store {
    override lookUp<T>(...[key, on, deadline, read]: Parameters<typeof Store.prototype.lookUp<T>>): Promise<T> {
      return super.lookUp(key, on, deadline, seen => read(seen && { ...seen, epochs: seen.epochs.map(() => SAME) }))
    }
  }

  control('without epochs, the stale value is stored', async () => {
    const [, after, later] = await overtaken({ parts: { Store: NoEpochs } })
    expect([after, later]).toEqual(['old', 'old'])
  })

  /** Stores whatever was loaded, token or not. */
  class UnguardedFill extends Store {
    override fill(key: string, entry: Buffer, options: FillOptions): void {
      void world.redis.set(key, completed(entry, options), 'PX', Math.ceil(options.ttlMs))
    }
  }

  const deleted = async (parts: Parameters<World['process']>[1] = {}) => {
    const reader = world.process({}, parts)
    const key = newKey()
    const slow = slowFetch<string>()
    await cacheOf(reader).getOrSet(newKey(), () => 0)
    const before = cacheOf(reader).getOrSet(key, slow.fetch)
    await slow.begun
    await world.redis.del(`${world.prefix}=${key}`)
    slow.answer('old')
    await before
    await world.redis.ping()
    return cacheOf(reader).getOrSet(key, () => 'new')
  }

  it('a DEL of the key during a fetch, by any program, wins', async () => {
    expect(await deleted()).toBe('new')
  })

  control('without the token, the stale value is stored', async () => {
    expect(await deleted({ parts: { Store: UnguardedFill } })).toBe('old')
  })

  it('an invalidation of everything during a fetch wins', async () => {
    const key = newKey()
    const slow = slowFetch<string>()
    const before = cacheOf(cached).getOrSet(key, slow.fetch)
    await slow.begun
    await cacheOf(other).invalidateAll()
    slow.answer('old')
    expect(await before).toBe('old')
    expect(await cacheOf(cached).getOrSet(key, () => 'new')).toBe('new')
  })
})

describe('tags', () => {
  it('any one of several tags invalidates the value', async () => {
    for (const dropped of [['a'], ['b'], ['c'], ['x', 'b']]) {
      const key = newKey()
      const tags = ['a', 'b', 'c']
      await cacheOf(cached).getOrSet(key, () => 1, { tags })
      expect(await cacheOf(other).invalidateTags(dropped)).toBe('done')
      expect(await cacheOf(cached).getOrSet(key, () => 2, { tags })).toBe(2)
    }
  })

  it('other tags leave the value', async () => {
    const key = newKey()
    await cacheOf(cached).getOrSet(key, () => 1, { tags: ['mine'] })
    await cacheOf(cached).invalidateTags(['others', 'Mine', 'min', 'mine '])
    expect(await cacheOf(cached).getOrSet(key, () => 2, { tags: ['mine'] })).toBe(1)
  })

  it('tags may come in any order, and more than once', async () => {
    const key = newKey()
    await cacheOf(cached).getOrSet(key, () => 1, { tags: ['p', 'q'] })
    expect(await cacheOf(other).getOrSet(key, () => 2, { tags: ['q', 'p', 'q'] })).toBe(1)
  })

  it('a read with tags that the value was not stored under is a miss', async () => {
    const key = newKey()
    await cacheOf(cached).getOrSet(key, () => 1, { tags: ['p'] })
    expect(await cacheOf(cached).getOrSet(key, () => 2, { tags: ['p', 'r'] })).toBe(2)
    await cacheOf(cached).invalidateTags(['r'])
    expect(await cacheOf(cached).getOrSet(key, () => 3, { tags: ['p', 'r'] })).toBe(3)
  })

  it('a value without tags is invalidated by invalidateAll alone', async () => {
    const key = newKey()
    await cacheOf(cached).getOrSet(key, () => 1)
    expect(await cacheOf(cached).invalidateTags([])).toBe('done')
    await cacheOf(cached).invalidateModel('User')
    expect(await cacheOf(cached).getOrSet(key, () => 2)).toBe(1)
    await cacheOf(other).invalidateAll()
    expect(await cacheOf(cached).getOrSet(key, () => 3)).toBe(3)
  })
})

describe('a key', () => {
  it('a key never collides with another one or a row, whatever characters it has', async () => {
    await world.plain.user.create({ data: { id: 1, email: 'one@x.org' } })
    await cached.prisma.user.findUnique({ where: { id: 1 } })
    const long = 'x'.repeat(65)
    const keys = [
      ['User:1', '=User:1', '{User}@rows', '{User}@any', '@values', '#tag', 'a', 'A', 'a ', ' a', 'a%20', '%61'],
      ['a:b', 'a%3Ab', 'a%3ab', 'a\nb', 'a\0b', '*', '?', '[a]', '{a}', '}{', '\\', 'é', 'e\u0301', '\u{1f600}'],
      [long, `${long}x`, `*${'0'.repeat(64)}`, 'User.email:one%40x.org', 'constructor', '__proto__', "'()!"],
    ].flat()
    for (const key of keys) await cacheOf(cached).getOrSet(key, () => `value of ${key}`, { tags: [key] })
    for (const key of keys) {
      expect(await cacheOf(other).getOrSet(key, () => 'fetched', { tags: [key] })).toBe(`value of ${key}`)
    }
    expect(await other.countSql(() => other.prisma.user.findUnique({ where: { id: 1 } }))).toBe(0)
    await cacheOf(cached).invalidateTags(['a'])
    for (const key of keys) {
      const expected = key === 'a' ? 'fetched' : `value of ${key}`
      expect(await cacheOf(other).getOrSet(key, () => 'fetched', { tags: [key] })).toBe(expected)
    }
  })

  it('a key has a TTL, like everything else that it makes in Redis: an hour by default', async () => {
    const key = newKey()
    await cacheOf(cached).getOrSet(key, () => 1, { tags: [`tag-of-${key}`] })
    await cached.flushed()
    const ttl = await world.redis.pttl(`${world.prefix}=${key}`)
    expect(ttl).toBeGreaterThan(3_000_000)
    expect(ttl).toBeLessThanOrEqual(3_600_000)
    expect(await world.redis.pttl(`${world.prefix}#tag-of-${key}`)).toBeGreaterThan(ttl)
    for (const each of await world.keys()) expect(await world.redis.pttl(world.prefix + each), each).toBeGreaterThan(0)
  })

  it.each([
    [300, 300_000],
    [1.005, 1_005],
    [0.1 + 0.2, 301],
    ['90s', 90_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1.5d', 129_600_000],
  ] as const)('takes a TTL of %s', async (ttl, ms) => {
    const key = newKey()
    // A tag of its own, so that its epoch has to be made too.
    await cacheOf(cached).getOrSet(key, () => 1, { ttl, tags: [`tag-of-${key}`] })
    await cached.flushed()
    const left = await world.redis.pttl(`${world.prefix}=${key}`)
    expect(left).toBeGreaterThan(Math.max(0, ms - 60_000))
    expect(left).toBeLessThanOrEqual(ms)
  })

  it('a key has the top-level ttl, where there is one', async () => {
    const brief = world.process({ ttl: '2m' })
    const key = newKey()
    await cacheOf(brief).getOrSet(key, () => 1)
    await brief.flushed()
    expect(await world.redis.pttl(`${world.prefix}=${key}`)).toBeLessThanOrEqual(120_000)
  })
})

describe('where the cache is out of use', () => {
  it('fetch answers while Redis is gone, and invalidations are queued', async () => {
    const server = await startRedis()
    const own = await createWorld({ redisUrl: server.url })
    try {
      const alone = own.process({ deadlineMs: 50, invalidationDeadlineMs: 100 })
      await cacheOf(alone).getOrSet('k', () => 1)
      expect(await cacheOf(alone).getOrSet('k', () => 2)).toBe(1)
      const lost = new Promise<void>(resolve => {
        cacheOf(alone).on(event => event.type === 'redis' && !event.usable && resolve())
      })
      await server.kill('SIGKILL')
      await lost
      expect(await cacheOf(alone).getOrSet('k', () => 3)).toBe(3)
      await expect(cacheOf(alone).getOrSet('k', () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
      expect(await cacheOf(alone).invalidateTags(['t'])).toBe('queued')
    } finally {
      await own.close()
      await server.stop()
    }
  })

  it('fetch answers while the cache is turned off and nothing is stored; turned on again, it is', async () => {
    const own = world.process()
    const key = newKey()
    cacheOf(own).disable()
    expect(await cacheOf(own).getOrSet(key, () => 1)).toBe(1)
    expect(await world.redis.exists(`${world.prefix}=${key}`)).toBe(0)
    cacheOf(own).enable()
    expect(await cacheOf(own).getOrSet(key, () => 2)).toBe(2)
    cacheOf(own).disable()
    expect(await cacheOf(own).getOrSet(key, () => 3)).toBe(3)
    cacheOf(own).enable()
    expect(await cacheOf(own).getOrSet(key, () => 4)).toBe(2)
  })

  it('fetch answers in a transaction, and nothing is stored', async () => {
    const key = newKey()
    await cacheOf(cached).getOrSet(key, () => 'kept')
    const inside = await cached.prisma.$transaction(async tx => [
      await tx.$cache.getOrSet(key, () => 'of the transaction'),
      await tx.$cache.getOrSet(`${key}-new`, () => 'of the transaction'),
    ])
    expect(inside).toEqual(['of the transaction', 'of the transaction'])
    expect(await cacheOf(cached).getOrSet(key, () => 'fetched')).toBe('kept')
    expect(await cacheOf(cached).getOrSet(`${key}-new`, () => 'fetched')).toBe('fetched')
  })
})

describe('invalidateTags in a transaction', () => {
  it.each(['commits', 'rolls back'])(
    'invalidateTags in a transaction takes effect when it has settled, also if it %s',
    async how => {
      const [key, tag] = [newKey(), newKey()]
      const get = (value: string) => cacheOf(other).getOrSet(key, () => value, { tags: [tag] })
      await get('before')
      const during: string[] = []
      const transaction = cached.prisma.$transaction(async tx => {
        during.push(await tx.$cache.invalidateTags([tag]))
        during.push(await get('during'))
        if (how === 'rolls back') throw new Error('rolled back')
      })
      await transaction.catch(() => {})
      expect(during).toEqual(['after-transaction', 'before'])
      expect(await get('after')).toBe('after')
    },
  )
})

describe('a call that makes no sense', () => {
  const fetch = () => 1
  const calls: [title: string, args: unknown[], message: RegExp][] = [
    ['no key', [undefined, fetch], /key/],
    ['an empty key', ['', fetch], /key/],
    ['a number as key', [42, fetch], /key.*42/],
    ['a key with a lone surrogate', ['\ud800', fetch], /surrogate/],
    ['no fetch', ['k'], /function/],
    ['a value for fetch', ['k', 'v'], /function.*"v"/],
    ['a wrong ttl', ['k', fetch, { ttl: 'soon' }], /ttl.*"soon"/],
    ['a ttl of 0', ['k', fetch, { ttl: 0 }], /ttl.*0/],
    ['tags that are no list', ['k', fetch, { tags: 'a' }], /tags.*"a"/],
    ['an empty tag', ['k', fetch, { tags: [''] }], /tags/],
    ['a tag that is no string', ['k', fetch, { tags: [1] }], /tags/],
    ['serialize alone', ['k', fetch, { serialize: String }], /together/],
    ['deserialize alone', ['k', fetch, { deserialize: String }], /together/],
    ['a serialize that is no function', ['k', fetch, { serialize: 1, deserialize: 1 }], /function/],
    ['a loadTimeoutMs of 0', ['k', fetch, { loadTimeoutMs: 0 }], /loadTimeoutMs.*0/],
    ['a loadTimeoutMs below 0', ['k', fetch, { loadTimeoutMs: -5 }], /loadTimeoutMs.*-5/],
    ['a loadTimeoutMs that is no number', ['k', fetch, { loadTimeoutMs: Number.NaN }], /loadTimeoutMs.*NaN/],
    ['a text as loadTimeoutMs', ['k', fetch, { loadTimeoutMs: '5s' }], /loadTimeoutMs.*"5s"/],
    ['null as options', ['k', fetch, null], /options|object/],
    ['an unknown option', ['k', fetch, { tag: ['a'] }], /"tag"/],
  ]
  it.each(calls)('getOrSet with %s rejects and says what is wrong', async (_, args, message) => {
    const call = (cacheOf(cached).getOrSet as (...args: unknown[]) => Promise<unknown>)(...args)
    await expect(call).rejects.toMatchObject({ name: 'CacheAsideError', code: 'INVALID_CALL' })
    await expect(call).rejects.toThrow(message)
  })

  it.each([[undefined], ['a'], [['']], [[1]], [['\ud800']]])('invalidateTags(%j) rejects too', async tags => {
    const call = cacheOf(cached).invalidateTags(tags as string[])
    await expect(call).rejects.toMatchObject({ name: 'CacheAsideError', code: 'INVALID_CALL' })
  })

  it('a call that makes no sense rejects in a transaction too, before fetch runs', async () => {
    const never = vi.fn()
    await cached.prisma.$transaction(async tx => {
      await expect(tx.$cache.getOrSet('', never)).rejects.toMatchObject({ code: 'INVALID_CALL' })
    })
    expect(never).not.toHaveBeenCalled()
  })
})

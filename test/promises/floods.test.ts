/**
 * Floods: ids that do not exist, and lists that are too long. What they leave in Redis and in the process is small and bounded, and ends by
 * itself.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Flights, type SharedRow } from '../../src/local/flights.js'
import { control } from '../support/control.js'
import { watchRedis } from '../support/monitor.js'
import { newUsers } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

/** Every `Map` and `Set` that is made from now on, before anything is imported: those that are kept are what a process remembers. */
const collections = vi.hoisted(() => {
  let made: WeakRef<{ readonly size: number }>[] = []
  const { Map: PlainMap, Set: PlainSet } = globalThis
  globalThis.Map = class<K, V> extends PlainMap<K, V> {
    constructor(entries?: Iterable<readonly [K, V]> | null) {
      super(entries)
      made.push(new WeakRef(this))
    }
  } as typeof Map
  globalThis.Set = class<T> extends PlainSet<T> {
    constructor(values?: Iterable<T> | null) {
      super(values)
      made.push(new WeakRef(this))
    }
  } as typeof Set
  return {
    sizes() {
      made = made.filter(ref => ref.deref() !== undefined)
      return made.map(ref => ref.deref()?.size ?? 0)
    },
    restore() {
      globalThis.Map = PlainMap
      globalThis.Set = PlainSet
    },
  }
})
afterAll(() => collections.restore())

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const world = useWorld()
beforeEach(() => world.evict())

/** Queries so many ids that there are no rows of, each once. */
async function flood(of: CachedProcess, from: number, count: number): Promise<void> {
  for (let at = from; at < from + count; at += 500) {
    const ids = Array.from({ length: 500 }, (_, i) => -(at + i))
    await Promise.all(ids.map(async id => expect(await of.prisma.user.findUnique({ where: { id } })).toBeNull()))
  }
  await of.flushed()
}

/** Of each key of a row: its bytes in Redis, all told, and how long it lives. */
async function stored() {
  const keys = (await world.keys()).filter(key => key.startsWith('User:') || key.startsWith('User.'))
  const asked = world.redis.pipeline()
  for (const key of keys) {
    asked.memory('USAGE', world.prefix + key)
    asked.pttl(world.prefix + key)
  }
  const replies = (await asked.exec())?.map(([, reply]) => reply as number | null) ?? []
  return keys.flatMap((key, i) => {
    const [bytes, ttlMs] = replies.slice(2 * i, 2 * i + 2)
    // It has ended meanwhile.
    return bytes === null || bytes === undefined || ttlMs === -2 ? [] : [{ key, bytes, ttlMs: ttlMs as number }]
  })
}

describe('ids that do not exist', () => {
  it('each leaves one small entry, which ends after negativeTtl, and no more', async () => {
    const process = world.process({ models: { User: { ttl: 300, negativeTtl: 20 } } })
    await flood(process, 1, 2_000)
    const entries = await stored()
    expect(entries).toHaveLength(2_000)
    const longest = Math.max(...entries.map(({ key }) => key.length + world.prefix.length))
    // The entry has 55 bytes; the rest is the key, and what Redis needs for a key with a TTL.
    expect(Math.max(...entries.map(({ bytes }) => bytes))).toBeLessThanOrEqual(160 + longest)
    expect(Math.max(...entries.map(({ key }) => key.length))).toBeLessThan(12)
    expect(Math.min(...entries.map(({ ttlMs }) => ttlMs))).toBeGreaterThan(0)
    expect(Math.max(...entries.map(({ ttlMs }) => ttlMs))).toBeLessThanOrEqual(20_000)
    const first = await world.redis.getBuffer(`${world.prefix}User:-1`)
    expect(first?.length).toBeLessThanOrEqual(80)
  })

  it('a flood of one id is one entry, and one query', async () => {
    const process = world.process()
    await process.prisma.user.findUnique({ where: { id: -1 } })
    await process.flushed()
    const again = () =>
      Promise.all(Array.from({ length: 1_000 }, () => process.prisma.user.findUnique({ where: { id: -1 } })))
    expect(await process.countSql(again)).toBe(0)
    expect(await stored()).toHaveLength(1)
  })

  it('negativeTtl: 0 leaves nothing but tokens of loads, which end by themselves', async () => {
    const process = world.process({ models: { User: { ttl: 300, negativeTtl: 0 } } }, { parts: { tokenMs: 2_000 } })
    await flood(process, 1, 1_000)
    const tokens = await stored()
    expect(Math.max(0, ...tokens.map(({ ttlMs }) => ttlMs))).toBeLessThanOrEqual(2_000)
    for (const { key } of tokens.slice(0, 20)) {
      // Two bytes before the 16 of a token, and one that says that there is nothing else.
      expect((await world.redis.getBuffer(world.prefix + key))?.length ?? 0).toBeLessThan(24)
    }
    await expect.poll(async () => (await stored()).length).toBe(0)
    expect(process.prisma.$cache.stats().fills).toBe(0)
  })

  it('e-mail addresses that do not exist leave no more than ids do', async () => {
    const process = world.process({ models: { User: { ttl: 300, negativeTtl: 20 } } })
    const read = (i: number) =>
      process.prisma.user.findUnique({ where: { email: `nobody${i}-${'x'.repeat(300)}@x.org` } })
    for (let i = 0; i < 100; i++) await read(i)
    await Promise.all(Array.from({ length: 500 }, (_, i) => read(1_000 + i)))
    await process.flushed()
    const entries = await stored()
    expect(entries.length).toBeLessThanOrEqual(600)
    expect(Math.max(...entries.map(({ ttlMs }) => ttlMs))).toBeLessThanOrEqual(20_000)
    // A long value is in the key by its digest alone.
    expect(Math.max(...entries.map(({ key }) => key.length))).toBeLessThan(100)
    expect(Math.max(...entries.map(({ bytes }) => bytes))).toBeLessThan(400)
  })

  it.each([
    ['with', 5],
    ['without', 0],
  ])(
    'what a process remembers does not grow with them, %s negative entries',
    async (_, negativeTtl) => {
      const process = world.process({ models: { User: { ttl: 300, negativeTtl } } })
      const remembered = async (from: number) => {
        await flood(process, from, 20_000)
        process.sql.length = 0
        collectGarbage()
        return collections.sizes()
      }
      const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0)
      const first = await remembered(1)
      expect(Math.max(...first)).toBeLessThanOrEqual(5_000)
      const second = await remembered(20_001)
      expect(Math.max(...second)).toBeLessThanOrEqual(5_000)
      // Each memory of 10,000 keys has two halves, of which one may be just emptied.
      expect(sum(second) - sum(first)).toBeLessThan(10_000)
    },
    120_000,
  )

  control('a memory of all ids is seen', async () => {
    class Remembering extends Flights<SharedRow> {
      readonly #all = new Map<string, true>()
      override begin(key: string) {
        this.#all.set(key, true)
        return super.begin(key)
      }
    }
    const process = world.process({}, { parts: { Flights: Remembering } })
    await flood(process, 1, 6_000)
    collectGarbage()
    expect(Math.max(...collections.sizes())).toBeGreaterThanOrEqual(6_000)
    expect(await process.prisma.user.count()).toBeGreaterThanOrEqual(0)
  })
})

describe('long lists of keys', () => {
  const list = (length: number) => Array.from({ length }, (_, i) => -1 - i)

  it('10,000 keys are looked up by 256 at a time, and filled', async () => {
    const process = world.process({ deadlineMs: 30_000 })
    const [id] = (await newUsers(world, 1)) as [number]
    const where = { id: { in: [...list(9_999), id] } }
    const seen = await watchRedis(world, async () => {
      expect(await process.prisma.user.findMany({ where })).toHaveLength(1)
      await process.flushed()
    })
    const count = (name: string) => seen.commands().filter(command => command === name).length
    // The keys, and what the entries depend on.
    expect(count('mget')).toBe(Math.ceil(10_003 / 256))
    expect([count('set'), count('eval')].map(each => each >= 9_999 && each <= 10_003)).toEqual([true, true])
    expect(Math.max(...seen.lines.map(line => line.length))).toBeLessThanOrEqual(257)
  })

  it('a list of more than 10,000 keys costs Redis nothing: the database answers, and explain says why', async () => {
    const process = world.process({ models: { User: { ttl: 300, queries: true } } })
    const ids = await newUsers(world, 3)
    await process.prisma.user.findUnique({ where: { id: ids[0] as number } })
    await process.flushed()
    const where = { id: { in: [...ids, ...list(40_000)] } }
    const { bypassed } = process.prisma.$cache.stats()
    const seen = await watchRedis(world, async () => {
      const rows = await process.prisma.user.findMany({ where })
      expect(rows.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(ids)
    })
    expect(seen.commands()).toEqual([])
    expect(process.prisma.$cache.stats().bypassed).toBe(bypassed + 1)
    const why = 'the list has more than 10000 keys'
    expect(process.prisma.$cache.explain('User', 'findMany', { where })).toEqual({ cached: false, why })
    expect(process.prisma.$cache.explain('User', 'findMany', { where: { id: { in: list(10_000) } } })).toMatchObject({
      cached: true,
    })
  })
})

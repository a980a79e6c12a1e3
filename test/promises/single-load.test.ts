/** One load at a time for all readers of a key, however slow it is; and one that hangs holds up nobody for long. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Connection } from '../../src/redis/connection.js'
import { RENEW } from '../../src/redis/scripts.js'
import { Flights } from '../../src/local/flights.js'
import { newToken } from '../../src/wire/envelope.js'
import { control } from '../support/control.js'
import { Gates } from '../support/gates.js'
import { type CachedProcess, useWorld, type World } from '../support/world.js'

const world = useWorld()
afterEach(() => vi.restoreAllMocks())

let serial = 0
const newKey = () => `key-${++serial}`
const newUser = async () => (await world.plain.user.create({ data: { email: `u${++serial}@x.org` } })).id

/** What was started before has looked into Redis, and waits or loads. */
async function looked({ redis }: CachedProcess): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await nextTurn()
    await redis.ping()
  }
}

/** A process whose loads of rows can be held, and are counted. */
function gated(parts: Parameters<World['process']>[1] = {}) {
  const own = world.process({}, parts)
  const gates = new Gates()
  let loads = 0
  const db = own.prisma
    .$extends({
      query: {
        user: {
          findUnique: ({ args, query }) => {
            loads++
            return query(args)
          },
        },
      },
    })
    .$extends(gates.extension)
  /** Both connections are up. */
  const started = async () => {
    await db.$cache.getOrSet(newKey(), () => 0)
    await db.$queryRaw`SELECT 1`
  }
  return {
    own,
    db,
    gates,
    started,
    loads: () => loads,
    read: async (id: number) => db.user.findUnique({ where: { id } }),
  }
}

/** A fetch that waits for the test, counted. */
function slow<T>(value: T) {
  let begin = () => {}
  let open = () => {}
  const begun = new Promise<void>(resolve => {
    begin = resolve
  })
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  const fetch = vi.fn(async () => {
    begin()
    await opened
    return value
  })
  return { fetch, begun, open }
}

describe('a slow fetch', () => {
  async function fetches() {
    const own = world.process()
    const key = newKey()
    await own.prisma.$cache.getOrSet(newKey(), () => 0)
    const { fetch, begun, open } = slow('v')
    const ask = () => Array.from({ length: 10 }, () => own.prisma.$cache.getOrSet(key, fetch))
    const first = ask()
    await begun
    const later = ask()
    await looked(own)
    open()
    expect(new Set(await Promise.all([...first, ...later]))).toEqual(new Set(['v']))
    return fetch.mock.calls.length
  }

  it('a slow fetch runs once for 20 callers, half of which come while it runs', async () => {
    expect(await fetches()).toBe(1)
  })

  control('without single-flight, it runs for each', async () => {
    vi.spyOn(Flights.prototype, 'inProgress').mockReturnValue(undefined)
    expect(await fetches()).toBe(20)
  })

  it('a fetch that takes longer than loadTimeoutMs has one successor, which all waiting callers share', async () => {
    const own = world.process()
    const { $cache } = own.prisma
    const key = newKey()
    const hanging = slow('late')
    const first = $cache.getOrSet(key, hanging.fetch)
    await hanging.begun
    const successor = slow('v')
    const fetch = vi.fn(successor.fetch)
    const waiting = Array.from({ length: 5 }, () => $cache.getOrSet(key, fetch, { loadTimeoutMs: 1_000 }))
    await successor.begun
    await looked(own) // all five wait for it now
    successor.open()
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['v']))
    expect(fetch).toHaveBeenCalledTimes(1)
    hanging.open()
    expect(await first).toBe('late')
  })

  it('a slow fetch is waited for by callers without loadTimeoutMs, while one with it has given up', async () => {
    const own = world.process()
    const { $cache } = own.prisma
    const key = newKey()
    const hanging = slow('late')
    const successor = slow('v')
    const never = vi.fn()
    const first = $cache.getOrSet(key, hanging.fetch)
    const patient = $cache.getOrSet(key, never)
    const impatient = $cache.getOrSet(key, successor.fetch, { loadTimeoutMs: 50 })
    await successor.begun
    hanging.open()
    expect([await first, await patient]).toEqual(['late', 'late'])
    successor.open()
    // It came before the first fetch began, so that it may have that one's answer too.
    expect(await impatient).toBe('v')
    expect(never).not.toHaveBeenCalled()
  })
})

describe('a load of a row', () => {
  it('a load that hangs is waited for once: one successor loads for all, and fills', async () => {
    const { own, gates, started, loads, read } = gated({ parts: { longestWaitMs: 2000 } })
    await started()
    const id = await newUser()
    const gate = gates.hold('findUnique', 'before')
    const hanging = read(id)
    await gate.arrived
    const before = loads()
    const rows = await Promise.all(Array.from({ length: 5 }, () => read(id)))
    expect(rows.map(row => row?.id)).toEqual([id, id, id, id, id])
    expect(loads() - before).toBe(1)
    await own.flushed()
    expect((await read(id))?.id).toBe(id)
    const other = world.process()
    expect(await other.countSql(() => other.prisma.user.findUnique({ where: { id } }).then(() => 0))).toBe(0)
    expect(loads() - before).toBe(1)
    gate.open()
    expect((await hanging)?.id).toBe(id)
  })

  control('without a bound, all wait as long as it hangs', async () => {
    const { own, gates, started, loads, read } = gated({ parts: { longestWaitMs: Number.POSITIVE_INFINITY } })
    await started()
    const id = await newUser()
    const gate = gates.hold('findUnique', 'before')
    const hanging = read(id)
    await gate.arrived
    const settled = vi.fn()
    const waiting = read(id).finally(settled)
    await looked(own)
    expect([loads(), settled.mock.calls.length]).toEqual([1, 0])
    gate.open()
    expect([(await hanging)?.id, (await waiting)?.id]).toEqual([id, id])
  })

  it('a load that is slow and alive costs one more load for each time that it is waited for, and answers all', async () => {
    const { gates, started, loads, read } = gated({ parts: { longestWaitMs: 500 } })
    await started()
    const id = await newUser()
    const held = [1, 2, 3].map(() => gates.hold('findUnique', 'after'))
    const readers = Array.from({ length: 6 }, () => read(id))
    for (const gate of held) await gate.arrived
    expect(loads()).toBe(3)
    held[0]?.open()
    // Two of them load themselves.
    const answered = new Promise<void>(resolve => {
      let count = 0
      for (const reader of readers) void reader.then(() => ++count === 4 && resolve())
    })
    await answered
    expect(loads()).toBe(3)
    for (const gate of held) gate.open()
    expect((await Promise.all(readers)).map(row => row?.id)).toEqual(readers.map(() => id))
  })

  it('a load that waits for itself, by a hook that reads the same row, ends', async () => {
    const own = world.process({}, { parts: { longestWaitMs: 50 } })
    const id = await newUser()
    let depth = 0
    const db = own.prisma.$extends({
      query: {
        user: {
          findUnique: async ({ args, query }) => {
            if (depth++ === 0) await own.prisma.user.findUnique({ where: { id } })
            return query(args)
          },
        },
      },
    })
    expect((await db.user.findUnique({ where: { id } }))?.id).toBe(id)
  })
})

describe('a token', () => {
  const LIFE_MS = 1_500
  /** More than two lives, as it is renewed every third of one. */
  const RENEWALS = 7
  const isRenewal = ([name, script]: readonly unknown[]) => name === 'eval' && script === RENEW

  /** A connection that says when a slow load has taken more than two lives of a token. */
  function slowly(how: 'renews' | 'does not renew') {
    let done = () => {}
    const late = new Promise<void>(resolve => {
      done = resolve
    })
    let renewals = 0
    class Counting extends Connection {
      override async send(...[commands, ms]: Parameters<Connection['send']>): ReturnType<Connection['send']> {
        if (!commands.some(isRenewal)) return super.send(commands, ms)
        const replies = how === 'renews' ? await super.send(commands, ms) : []
        if (++renewals === RENEWALS) done()
        return replies
      }
    }
    return { late, parts: { parts: { Connection: Counting, tokenMs: LIFE_MS } } }
  }

  async function keptAfter(how: 'renews' | 'does not renew') {
    const { late, parts } = slowly(how)
    const { own, db, gates, started, read } = gated(parts)
    await started()
    const [key, id] = [newKey(), await newUser()]
    const gate = gates.hold('findUnique', 'before')
    const { fetch, begun, open } = slow('v')
    const loads = [db.$cache.getOrSet(key, fetch, { ttl: 60 }), read(id)]
    await Promise.all([begun, gate.arrived])
    await late
    open()
    gate.open()
    await Promise.all(loads)
    await own.flushed()
    const other = world.process()
    return {
      value: await other.prisma.$cache.getOrSet(key, () => 'fetched again'),
      statements: await other.countSql(async () => other.prisma.user.findUnique({ where: { id } })),
    }
  }

  it('a token lives as long as its load: a row and a value that take longer than two of its lives are kept', async () => {
    expect(await keptAfter('renews')).toEqual({ value: 'v', statements: 0 })
  })

  control('without its renewal, the token has ended by then, and nothing is kept', async () => {
    expect(await keptAfter('does not renew')).toEqual({ value: 'fetched again', statements: 1 })
  })

  it('the token of a process that died ends after ten seconds, whatever the TTL', async () => {
    const own = world.process()
    const key = newKey()
    const { fetch, begun, open } = slow('v')
    const load = own.prisma.$cache.getOrSet(key, fetch, { ttl: '1d' })
    await begun
    const left = await world.redis.pttl(`${world.prefix}=${key}`)
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(10_000)
    open()
    await load
  })

  it('a token is renewed only if it is the very one, and alone', async () => {
    const key = `${world.prefix}=${newKey()}`
    const [token, other] = [newToken(), newToken()]
    const renew = () => world.redis.eval(RENEW, 1, key, token, 60_000)
    expect(await renew()).toBe(0)
    expect(await world.redis.exists(key)).toBe(0)
    for (const [bytes, renewed] of [
      [token, 1],
      [other, 0],
      [Buffer.concat([token, Buffer.from('x')]), 0],
      [token.subarray(0, 19), 0],
      ['', 0],
    ] as const) {
      await world.redis.set(key, bytes, 'PX', 5_000)
      expect(await renew()).toBe(renewed)
      expect((await world.redis.pttl(key)) > 5_000).toBe(renewed === 1)
    }
  })
})

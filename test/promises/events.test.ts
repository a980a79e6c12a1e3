/** What the cache tells about itself: which events, in which order, and nothing of anybody's data. */
import { channel } from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Fleet } from '../../src/fleet/fleet.js'
import type { CacheEvent, Stats } from '../../src/events.js'
import { startRedis } from '../support/servers.js'
import { type CachedProcess, createWorld, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess
beforeEach(async () => {
  cached = world.process({ models: { User: true, Brand: true, Profile: true, Post: { maxBytes: 100 } } })
  await cached.prisma.brand.findUnique({ where: { slug: 'first' } }) // connected, and trusted
})
afterEach(() => vi.restoreAllMocks())

let serial = 0
const newUser = (data: object = {}) => world.plain.user.create({ data: { email: `event-${++serial}@x.org`, ...data } })

/** The events of something, as short lines. */
async function eventsOf(run: () => Promise<unknown>, owner = cached): Promise<CacheEvent[]> {
  const events: CacheEvent[] = []
  const off = owner.prisma.$cache.on(event => events.push(event))
  // The event of a fill comes when Redis has replied: a trace waits for that.
  await owner.prisma.$cache.trace(() => run().catch(() => {}))
  off()
  return events
}
/** They differ from run to run. */
const TIMES = new Set(['ms', 'redisMs', 'databaseMs', 'bytes'])
const lines = (events: readonly CacheEvent[]) =>
  events.map(event =>
    Object.entries(event)
      .filter(([name]) => !TIMES.has(name))
      .map(([name, value]) => (name === 'type' ? value : `${name}=${value}`))
      .join(' '),
  )
const linesOf = async (run: () => Promise<unknown>) => lines(await eventsOf(run))

describe('the events', () => {
  it('a row that is not cached is a miss and a fill, then a hit', async () => {
    const { id } = await newUser()
    const read = async () => await cached.prisma.user.findUnique({ where: { id } })
    expect(await linesOf(read)).toMatchInlineSnapshot(`
      [
        "miss model=User operation=findUnique why=absent roundTrips=2",
        "fill model=User outcome=sent roundTrips=1",
      ]
    `)
    expect(await linesOf(read)).toMatchInlineSnapshot(`
      [
        "hit model=User operation=findUnique negative=false roundTrips=1",
      ]
    `)
  })

  it('a row that does not exist is a miss and a fill, then a negative hit', async () => {
    const read = async () => await cached.prisma.brand.findFirst({ where: { slug: `none-${serial}` } })
    expect(await linesOf(read)).toMatchInlineSnapshot(`
      [
        "miss model=Brand operation=findFirst why=absent roundTrips=2",
        "fill model=Brand outcome=sent roundTrips=1",
      ]
    `)
    expect(await linesOf(read)).toMatchInlineSnapshot(`
      [
        "hit model=Brand operation=findFirst negative=true roundTrips=1",
      ]
    `)
  })

  it('readers in one tick are one miss, and the others share its load', async () => {
    const { email } = await newUser()
    const read = async () => Promise.all([1, 2, 3].map(() => cached.prisma.user.findUnique({ where: { email } })))
    expect(await linesOf(read)).toMatchInlineSnapshot(`
      [
        "miss model=User operation=findUnique why=absent roundTrips=1",
        "shared model=User operation=findUnique roundTrips=1",
        "shared model=User operation=findUnique roundTrips=1",
        "fill model=User outcome=sent roundTrips=1",
      ]
    `)
  })

  it('the event of a row that is not kept says why', async () => {
    const { id } = await newUser({ posts: { create: { id: 900, title: 't'.repeat(200) } } })
    expect(await linesOf(async () => cached.prisma.post.findUnique({ where: { id: 900 } }))).toMatchInlineSnapshot(`
      [
        "miss model=Post operation=findUnique why=absent roundTrips=2",
        "fill model=Post outcome=too-large roundTrips=0",
      ]
    `)
    const off = world.process({ models: { User: { negativeTtl: 0 } } })
    const missing = await eventsOf(async () => off.prisma.user.findUnique({ where: { id: id + 10_000 } }), off)
    expect(lines(missing.filter(event => event.type !== 'redis'))).toMatchInlineSnapshot(`
      [
        "miss model=User operation=findUnique why=absent roundTrips=2",
        "fill model=User outcome=off roundTrips=0",
      ]
    `)
  })

  it('the event of a query that bypasses the cache says why', async () => {
    const { id } = await newUser({ name: 'Ada' })
    const { prisma } = cached
    await prisma.user.findUnique({ where: { id } })
    const queries: (() => Promise<unknown>)[] = [
      async () => prisma.tag.findUnique({ where: { id: 'x' } }),
      async () => prisma.user.findMany(),
      async () => prisma.user.count(),
      async () => prisma.user.findFirst({ where: { name: 'Ada' } }),
      async () => prisma.user.findUnique({ where: { id }, include: { posts: true } }),
      async () => prisma.user.findUnique({ where: { id }, select: { posts: true } }),
      async () => prisma.user.findUnique({ where: { id, name: { startsWith: 'A' } } }),
      async () => prisma.user.findUnique({ where: { id, name: 'Bob' } }),
      async () => prisma.user.findFirst({ where: { id }, orderBy: { id: 'asc' } }),
      async () => prisma.user.findUnique({ where: { id } }).posts(),
      async () => prisma.$transaction([prisma.user.findUnique({ where: { id } })]),
      async () => prisma.$transaction(async tx => tx.user.findUnique({ where: { id } })),
      async () => {
        prisma.$cache.disable()
        await prisma.user.findUnique({ where: { id } })
      },
    ]
    const whys: string[] = []
    for (const query of queries) whys.push((await linesOf(query)).join('; '))
    expect(whys).toMatchInlineSnapshot(`
      [
        "bypass model=Tag operation=findUnique why=the model is not listed in the option models roundTrips=0",
        "bypass model=User operation=findMany why=findMany is cached only for models with the option queries roundTrips=0",
        "bypass model=User operation=count why=count is cached only for models with the option queries roundTrips=0",
        "miss model=User operation=findFirst why=absent roundTrips=1; fill model=User outcome=sent roundTrips=1",
        "miss model=User operation=findUnique why=absent roundTrips=2; fill model=User outcome=sent roundTrips=1",
        "hit model=User operation=findUnique negative=false roundTrips=1",
        "bypass model=User operation=findUnique why=where.name is not an equality filter that can be checked on a row roundTrips=0",
        "bypass model=User operation=findUnique why=the entry can not answer this query roundTrips=1",
        "miss model=User operation=findFirst why=absent roundTrips=1; fill model=User outcome=sent roundTrips=1",
        "hit model=User operation=findUnique negative=false roundTrips=1",
        "bypass model=User operation=findUnique why=in a transaction roundTrips=0",
        "bypass model=User operation=findUnique why=in a transaction roundTrips=0",
        "bypass model=User operation=findUnique why=the cache is turned off roundTrips=0",
      ]
    `)
  })

  it('each write is one invalidation, with the models that changed', async () => {
    const { id } = await newUser()
    const { prisma } = cached
    const writes: (() => Promise<unknown>)[] = [
      async () => prisma.tag.create({ data: { name: `tag-${++serial}` } }),
      async () => prisma.user.update({ where: { id }, data: { name: 'x' } }),
      async () => prisma.user.updateMany({ data: { name: 'y' } }),
      async () => prisma.user.update({ where: { id }, data: { profile: { create: { bio: 'z' } } } }),
      async () => prisma.user.update({ where: { id: -1 }, data: { name: 'x' } }),
      async () => prisma.profile.delete({ where: { userId: id } }),
      async () => prisma.$uncached.user.update({ where: { id }, data: { name: 'u' } }),
    ]
    const seen: string[] = []
    for (const write of writes) seen.push((await linesOf(write)).join('; '))
    expect(seen).toMatchInlineSnapshot(`
      [
        "invalidate source=write models=Tag outcome=done roundTrips=1",
        "invalidate source=write models=User outcome=done roundTrips=1",
        "invalidate source=write models=User outcome=done roundTrips=1",
        "invalidate source=write models=User,Profile outcome=done roundTrips=1",
        "invalidate source=write models=User outcome=done roundTrips=1",
        "invalidate source=write models=Profile outcome=done roundTrips=1",
        "invalidate source=write models=User outcome=done roundTrips=1",
      ]
    `)
  })

  it('an interactive transaction is one invalidation after it has settled, and none if it only reads', async () => {
    const { id } = await newUser()
    const seen = await linesOf(() =>
      cached.prisma.$transaction(async tx => {
        await tx.user.update({ where: { id }, data: { name: 'x' } })
        await tx.brand.create({ data: { slug: `brand-${++serial}`, name: 'b' } })
        await tx.$cache.invalidateTags(['t'])
      }),
    )
    expect(seen).toMatchInlineSnapshot(`
      [
        "invalidate source=transaction models=User,Brand outcome=done roundTrips=1",
      ]
    `)
    expect(await linesOf(() => cached.prisma.$transaction(async tx => tx.user.count()))).toMatchInlineSnapshot(`
      [
        "bypass model=User operation=count why=in a transaction roundTrips=0",
      ]
    `)
  })

  it('a batch transaction is one invalidation per write', async () => {
    const { id } = await newUser()
    const { prisma } = cached
    const seen = await linesOf(() =>
      prisma.$transaction([
        prisma.user.update({ where: { id }, data: { name: 'x' } }),
        prisma.brand.create({ data: { slug: `brand-${++serial}`, name: 'b' } }),
      ]),
    )
    expect(seen).toMatchInlineSnapshot(`
      [
        "invalidate source=write models=User outcome=done roundTrips=1",
        "invalidate source=write models=Brand outcome=done roundTrips=1",
      ]
    `)
  })

  it('invalidations by hand have events', async () => {
    const { $cache } = cached.prisma
    expect(await linesOf(() => $cache.invalidate('User', { id: 1 }))).toMatchInlineSnapshot(`
      [
        "invalidate source=manual models=User outcome=done roundTrips=1",
      ]
    `)
    expect(await linesOf(() => $cache.invalidateModel('Brand'))).toMatchInlineSnapshot(`
      [
        "invalidate source=manual models=Brand,Product outcome=done roundTrips=1",
      ]
    `)
    expect(await linesOf(() => $cache.invalidateTags(['t']))).toMatchInlineSnapshot(`
      [
        "invalidate source=manual models= outcome=done roundTrips=1",
      ]
    `)
    const [all] = await eventsOf(() => $cache.invalidateAll())
    expect(all).toMatchObject({ type: 'invalidate', source: 'manual', outcome: 'done' })
    expect(all).toMatchObject({ models: expect.arrayContaining(['User', 'OrderLine', 'TenantImport']) as unknown })
  })

  it('getOrSet has events, also for a value that it cannot read', async () => {
    const { $cache } = cached.prisma
    const key = `k-${++serial}`
    expect(await linesOf(() => $cache.getOrSet(key, () => 1))).toMatchInlineSnapshot(`
      [
        "miss model=getOrSet operation=getOrSet why=absent roundTrips=2",
        "fill model=getOrSet outcome=sent roundTrips=1",
      ]
    `)
    expect(await linesOf(() => $cache.getOrSet(key, () => 1))).toMatchInlineSnapshot(`
      [
        "hit model=getOrSet operation=getOrSet negative=false roundTrips=1",
      ]
    `)
    const deserialize = () => {
      throw new TypeError('no')
    }
    const unread = () => $cache.getOrSet(key, () => 2, { serialize: value => value, deserialize })
    expect(await linesOf(unread)).toMatchInlineSnapshot(`
      [
        "error code=DESERIALIZE message=A value of getOrSet could not be read: TypeError.",
        "miss model=getOrSet operation=getOrSet why=foreign roundTrips=1",
        "fill model=getOrSet outcome=sent roundTrips=1",
      ]
    `)
  })

  it('trust is lost once when Redis goes, and gained once when it comes back', async () => {
    const server = await startRedis()
    const own = await createWorld({ redisUrl: server.url })
    try {
      const alone = own.process({ invalidationDeadlineMs: 200 })
      const events: CacheEvent[] = []
      const trust = (trusted: boolean) =>
        new Promise<void>(resolve => {
          alone.prisma.$cache.on(event => event.type === 'redis' && event.usable === trusted && resolve())
        })
      const first = trust(true)
      alone.prisma.$cache.on(event => events.push(event))
      await alone.prisma.$cache.trace(() => alone.prisma.brand.findUnique({ where: { slug: 'a' } }))
      await first
      const lost = trust(false)
      await server.kill('SIGKILL')
      await lost
      await alone.prisma.brand.create({ data: { slug: 'a', name: 'a' } })
      const back = trust(true)
      await server.restart()
      await back
      expect(lines(events)).toMatchInlineSnapshot(`
        [
          "redis usable=true",
          "miss model=Brand operation=findUnique why=absent roundTrips=2",
          "fill model=Brand outcome=sent roundTrips=1",
          "redis usable=false why=it is not connected (reconnecting)",
          "invalidate source=write models=Brand outcome=queued roundTrips=1",
          "replayed invalidations=2",
          "redis usable=true",
        ]
      `)
    } finally {
      await own.close()
      await server.stop()
    }
  })
})

describe('an error of this package itself', () => {
  it('ends no process and fails no query: the cache is not used, and an event says so', async () => {
    class Broken extends Fleet {
      override checkIn(): Promise<boolean> {
        return Promise.reject(new TypeError('a bug'))
      }
    }
    const broken = world.process({}, { parts: { Fleet: Broken } })
    const events: CacheEvent[] = []
    broken.prisma.$cache.on(event => events.push(event))
    const { id } = await newUser()
    for (let i = 0; i < 3; i++) expect(await broken.prisma.user.findUnique({ where: { id } })).toMatchObject({ id })
    expect(await broken.prisma.user.update({ where: { id }, data: { name: 'x' } })).toMatchObject({ name: 'x' })
    const message = expect.stringContaining('an error of its own') as string
    expect(events).toContainEqual({ type: 'error', code: 'UNEXPECTED', message })
    expect(broken.prisma.$cache.stats()).toMatchObject({ usable: false, hits: 0 })
    await broken.end()
  }, 60_000)
})

describe('listeners', () => {
  it('listeners on the diagnostics channel receive the same events', async () => {
    const { id } = await newUser()
    const heard: unknown[] = []
    const listener = (message: unknown) => heard.push(message)
    const diagnostics = channel('prisma-extension-cache-aside')
    diagnostics.subscribe(listener)
    const seen = await eventsOf(async () => {
      await cached.prisma.user.findUnique({ where: { id } })
      await cached.prisma.user.findUnique({ where: { id } })
      await cached.prisma.user.update({ where: { id }, data: { name: 'x' } })
      await cached.prisma.user.count()
    })
    diagnostics.unsubscribe(listener)
    expect(seen.length).toBeGreaterThan(4)
    expect(heard).toEqual(seen)
    await cached.prisma.user.findUnique({ where: { id } })
    expect(heard).toHaveLength(seen.length)
  })

  it('listeners on the diagnostics channel receive events without a listener of $cache.on', async () => {
    const heard: unknown[] = []
    const listener = (message: unknown) => heard.push(message)
    const diagnostics = channel('prisma-extension-cache-aside')
    diagnostics.subscribe(listener)
    await cached.prisma.user.count()
    diagnostics.unsubscribe(listener)
    expect(heard).toMatchObject([
      {
        type: 'bypass',
        model: 'User',
        operation: 'count',
        why: 'count is cached only for models with the option queries',
      },
    ])
  })

  it('listeners receive nothing after they unsubscribe, once or twice', async () => {
    const [gone, stays] = [vi.fn(), vi.fn()]
    const off = cached.prisma.$cache.on(gone)
    const offToo = cached.prisma.$cache.on(stays)
    await cached.prisma.user.count()
    off()
    off()
    await cached.prisma.user.count()
    offToo()
    expect([gone.mock.calls.length, stays.mock.calls.length]).toEqual([1, 2])
  })

  it('a listener that throws fails no query: the process is warned, and the other listeners still receive the event', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { id } = await newUser()
    const heard = vi.fn()
    const offBroken = cached.prisma.$cache.on(() => {
      throw new Error('broken listener')
    })
    const off = cached.prisma.$cache.on(heard)
    expect(await cached.prisma.user.findUnique({ where: { id } })).toMatchObject({ id })
    expect(await cached.prisma.user.update({ where: { id }, data: { name: 'x' } })).toMatchObject({ name: 'x' })
    offBroken()
    off()
    expect(heard).toHaveBeenCalledTimes(3)
    expect(warned).toHaveBeenCalledTimes(3)
    expect(warned.mock.calls[0]).toEqual([expect.stringContaining('broken listener'), 'CacheAsideWarning'])
  })
})

it('the counters agree with the events', async () => {
  const before = cached.prisma.$cache.stats()
  const [a, b] = [await newUser({ name: 'Ada' }), await newUser()]
  const events = await eventsOf(async () => {
    const { prisma } = cached
    for (let round = 0; round < 2; round++) {
      await Promise.all([1, 2].map(() => prisma.user.findUnique({ where: { id: a.id } })))
      await prisma.user.findUnique({ where: { email: b.email } })
      await prisma.user.findUnique({ where: { id: a.id, name: 'Bob' } })
      await prisma.brand.findUnique({ where: { slug: 'nowhere' } })
      await prisma.brand.findUniqueOrThrow({ where: { slug: 'nowhere' } }).catch(() => {})
      await prisma.user.findMany()
      await prisma.$cache.getOrSet('counted', () => ({ symbol: Symbol('not stored') }))
      await prisma.$cache.getOrSet('counted too', () => 1)
      await prisma.$transaction(async tx => tx.user.update({ where: { id: b.id }, data: { name: `${round}` } }))
      await prisma.$transaction([prisma.user.update({ where: { id: b.id }, data: { name: 'x' } })])
      await prisma.user.updateMany({ where: { id: a.id }, data: { role: 'ADMIN' } })
      await prisma.$cache.invalidateModel('User')
    }
  })
  const count = (is: (event: CacheEvent) => boolean) => events.filter(is).length
  const expected: Stats = {
    hits: count(event => event.type === 'hit'),
    negativeHits: count(event => event.type === 'hit' && event.negative),
    misses: count(event => event.type === 'miss'),
    shared: count(event => event.type === 'shared'),
    bypassed: count(event => event.type === 'bypass'),
    staleHits: count(event => event.type === 'hit' && event.stale === true),
    staleIfErrors: count(event => event.type === 'stale'),
    refreshes: count(event => event.type === 'refresh' && event.outcome === 'done'),
    refreshesFailed: count(event => event.type === 'refresh' && event.outcome === 'failed'),
    fills: count(event => event.type === 'fill' && event.outcome === 'sent'),
    fillsRefused: count(event => event.type === 'fill' && event.outcome !== 'sent'),
    invalidations: count(event => event.type === 'invalidate'),
    invalidationsQueued: count(event => event.type === 'invalidate' && event.outcome === 'queued'),
    mismatches: count(event => event.type === 'mismatch'),
    errors: count(event => event.type === 'error'),
  }
  const after = cached.prisma.$cache.stats()
  const difference = Object.fromEntries(
    Object.keys(expected).map(name => [name, after[name as keyof Stats] - before[name as keyof Stats]]),
  )
  expect(difference).toEqual(expected)
  for (const [name, value] of Object.entries(expected)) {
    if (!RARE.has(name)) expect(value, name).toBeGreaterThan(0)
  }
  expect(after.pendingInvalidations).toBe(0)
})

/** What the test above does not cause; `swr.test.ts`, `stale-if-error.test.ts` and `probe.test.ts` do. */
const RARE: ReadonlySet<string> = new Set([
  'invalidationsQueued',
  'errors',
  'mismatches',
  'staleHits',
  'staleIfErrors',
  'refreshes',
  'refreshesFailed',
])

it('no event says anything of a row: no id, no value, no key', async () => {
  const id = 770_551_133
  const words = ['770551133', 'odd-mail-6613', 'odd-name-6613', 'odd-brand-6613', 'odd-key-6613', 'odd-tag-6613']
  const email = 'odd-mail-6613@x.org'
  const own = world.process()
  const events = await eventsOf(async () => {
    const { prisma } = own
    await prisma.user.create({ data: { id, email, name: 'odd-name-6613' } })
    for (let round = 0; round < 2; round++) {
      await prisma.user.findUnique({ where: { id } })
      await prisma.user.findUnique({ where: { email } })
      await prisma.user.findUnique({ where: { email, name: 'odd-name-6613' } })
      await prisma.user.findFirst({ where: { name: 'odd-name-6613' } })
      await prisma.brand.findUnique({ where: { slug: 'odd-brand-6613' } })
      await prisma.user.update({ where: { id }, data: { name: 'odd-name-6613' } })
      await prisma.user.create({ data: { id, email } }).catch(() => {})
      await prisma.user.findUnique({ where: { id, 'odd-name-6613': 1 } as { id: number } }).catch(() => {})
      await prisma.$cache.getOrSet('odd-key-6613', () => 'odd-name-6613', { tags: ['odd-tag-6613'] })
      await prisma.$cache.invalidate('User', { id })
      await prisma.$cache.invalidateTags(['odd-tag-6613'])
      await prisma.$queryRaw`SELECT ${email}`
      await prisma.$executeRaw`UPDATE "User" SET name = 'odd-name-6613' WHERE id = ${id}`
      await world.redis.set(`${world.prefix}User:${id}`, 'rubbish')
      await prisma.user.findUnique({ where: { id } })
    }
  }, own)
  expect(events.length).toBeGreaterThan(25)
  const told = JSON.stringify(events.filter(event => !('why' in event && event.why.includes('where.odd-name'))))
  for (const word of [...words, world.prefix]) expect(told).not.toContain(word)
})

describe('with includeKeys', () => {
  it('events name their key with includeKeys', async () => {
    const own = world.process({ includeKeys: true })
    const { id } = await world.plain.user.create({ data: { email: 'keyed@x.org' } })
    const keys: unknown[] = []
    own.prisma.$cache.on(event => {
      if (event.type === 'miss' || event.type === 'hit' || event.type === 'fill') keys.push([event.type, event.key])
    })
    for (let i = 0; i < 2; i++) {
      await own.prisma.user.findUnique({ where: { id } })
      await own.flushed()
    }
    const key = `${world.prefix}User:${id}`
    expect(keys).toEqual([
      ['miss', key],
      ['fill', key],
      ['hit', key],
    ])
  })
})

/** What is configured per model: what is kept out, how large, how long; and the switch for all. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { CacheAsideOptions } from '../../src/index.js'
import { control } from '../support/control.js'
import { delegate } from '../support/delegates.js'
import { watchRedis } from '../support/monitor.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()

let serial = 0
const newUser = (name: string | null = 'v0') =>
  world.plain.user.create({ data: { email: `policy-${++serial}@x.org`, name } })

/** Fills are sent and not waited for: one more command on the same connection is answered after them. */
const filled = (cached: CachedProcess) => cached.flushed()

describe('an excluded field', () => {
  const SECRET = 'correct horse battery staple'
  let cached: CachedProcess
  beforeAll(() => {
    cached = world.process({ models: { User: { exclude: ['email'] }, Profile: { exclude: ['bio'] } } })
  })

  const secretUser = () => world.plain.user.create({ data: { email: `${++serial} ${SECRET}`, name: 'Ada' } })

  /** Every byte in Redis, keys and values, of every type that is there. */
  async function everything(): Promise<string> {
    const parts: string[] = []
    let cursor = '0'
    do {
      const [next, keys] = await world.redis.scan(cursor, 'MATCH', `${world.prefix}*`, 'COUNT', 1000)
      cursor = next
      for (const key of keys) {
        parts.push(key)
        expect(await world.redis.type(key)).toBe('string')
        parts.push(((await world.redis.getBuffer(key)) ?? Buffer.alloc(0)).toString('latin1'))
      }
    } while (cursor !== '0')
    return parts.join('\n')
  }

  it('an excluded field never reaches Redis, however its row is read and written', async () => {
    const { id, email } = await secretUser()
    const db = cached.prisma
    const ways: (() => PromiseLike<unknown>)[] = [
      () => db.user.findUnique({ where: { id } }),
      () => db.user.findUnique({ where: { id }, select: { email: true, name: true } }),
      () => db.user.findUnique({ where: { id }, select: { name: true } }),
      () => db.user.findUnique({ where: { id }, omit: { email: true } }),
      () => db.user.findUnique({ where: { id }, omit: { email: false } }),
      () => db.user.findFirst({ where: { id, email } }),
      () => db.user.findFirst({ where: { email }, select: { name: true } }),
      () => db.user.findUnique({ where: { email }, omit: { email: true } }),
      () => db.user.findUnique({ where: { id, email }, omit: { email: true } }),
      () => db.user.findUniqueOrThrow({ where: { id }, omit: { email: true, name: true } }),
      () => db.user.update({ where: { email }, data: { name: 'w' } }),
      () => db.user.findUnique({ where: { email: `nobody ${SECRET}` } }),
      () => db.user.findUnique({ where: { id }, select: { name: true } }),
    ]
    for (const way of ways) await way()
    await filled(cached)
    const bytes = await everything()
    expect(bytes).toContain(`User:${id}\n`)
    expect(bytes).not.toContain(SECRET)
    expect(bytes).not.toContain(encodeURIComponent(SECRET))
    expect(bytes).not.toContain('.email')
  })

  control('is seen by this search where it is not excluded', async () => {
    const open = world.process({ models: { User: true } })
    const { id } = await secretUser()
    await open.prisma.user.findUnique({ where: { id } })
    await filled(open)
    expect(await everything()).toContain(SECRET)
    await world.evict()
  })

  it('an excluded field is read from the database by a query that selects it, and the rest from the cache', async () => {
    const { id, email } = await secretUser()
    const where = { id }
    const asked: object[] = [{}, { select: { email: true } }, { omit: { name: true } }, { omit: { email: false } }]
    const rest: object[] = [
      { select: { name: true } },
      { omit: { email: true } },
      { omit: { email: true, name: true } },
      { select: { id: true, role: true } },
    ]
    const truth = async (shape: object) => delegate(world.plain, 'User').findUnique({ where, ...shape })
    const read = (shape: object) => delegate(cached.prisma, 'User').findUnique({ where, ...shape })
    for (const shape of rest) expect(await read(shape)).toStrictEqual(await truth(shape))
    for (let i = 0; i < 2; i++) {
      for (const shape of asked) {
        const sql = await cached.countSql(async () => expect(await read(shape)).toStrictEqual(await truth(shape)))
        expect(sql).toBe(1)
      }
      for (const shape of rest) {
        const sql = await cached.countSql(async () => expect(await read(shape)).toStrictEqual(await truth(shape)))
        expect(sql).toBe(0)
      }
    }
    const byFilter = { where: { id, email }, select: { name: true } }
    expect(cached.prisma.$cache.explain('User', 'findFirst', byFilter)).toMatchObject({ cached: false })
    expect(cached.prisma.$cache.explain('User', 'findUnique', { where: { email } })).toMatchObject({ cached: false })
  })

  it('an excluded field may be hidden by a global omit too: the model is then cached whole', async () => {
    const hiding = world.process(
      { models: { User: { exclude: ['email'] } } },
      { clientOptions: { omit: { user: { email: true } } } },
    )
    const { id, email } = await secretUser()
    const read = () => hiding.prisma.user.findUnique({ where: { id } })
    const truth = await hiding.base.user.findUnique({ where: { id } })
    expect(await read()).toStrictEqual(truth)
    expect(await hiding.countSql(async () => expect(await read()).toStrictEqual(truth))).toBe(0)
    const asking = await hiding.prisma.user.findUnique({ where: { id }, omit: { email: false } })
    expect(asking).toMatchObject({ email })
    await filled(hiding)
    expect(await everything()).not.toContain(SECRET)
  })

  it('processes that exclude different fields have different entries', async () => {
    const open = world.process({ models: { User: true } })
    const user = await newUser()
    const where = { id: user.id }
    for (let i = 0; i < 2; i++) {
      expect(await cached.prisma.user.findUnique({ where, select: { name: true } })).toEqual({ name: 'v0' })
      await filled(cached)
      expect(await open.prisma.user.findUnique({ where })).toStrictEqual(user)
      await filled(open)
    }
    await open.prisma.user.update({ where, data: { name: 'v1' } })
    expect(await cached.prisma.user.findUnique({ where, select: { name: true } })).toEqual({ name: 'v1' })
    expect((await open.prisma.user.findUnique({ where }))?.name).toBe('v1')
  })

  const wrong: [string, CacheAsideOptions['models'], RegExp][] = [
    ['a field of the key', { User: { exclude: ['id'] } }, /User.*exclude.*"id".*key/],
    ['a part of a compound key', { Membership: { exclude: ['tenantId'] } }, /Membership.*exclude.*"tenantId".*key/],
    ['an unknown field', { User: { exclude: ['password'] } }, /User.*exclude.*"password".*email/],
    ['a relation', { User: { exclude: ['posts'] } }, /User.*exclude.*"posts"/],
  ]
  it.each(wrong)('an excluded field that is %s is a clear error at $extends', (_, models, message) => {
    expect(() => world.process({ models })).toThrow(message)
  })
})

describe('maxBytes', () => {
  it('a row larger than maxBytes is not kept, and an older one under its key is not served', async () => {
    const cached = world.process({ models: { User: { maxBytes: 300 } } })
    const { id, email } = await newUser('small')
    const byId = () => cached.prisma.user.findUnique({ where: { id } })
    const byEmail = () => cached.prisma.user.findUnique({ where: { email } })
    await byId()
    await byEmail()
    expect(await cached.countSql(byId)).toBe(0)
    const large = 'x'.repeat(1000)
    await cached.prisma.user.update({ where: { id }, data: { name: large } })
    for (let i = 0; i < 2; i++) {
      for (const read of [byId, byEmail]) {
        expect(await cached.countSql(async () => expect((await read())?.name).toBe(large))).toBe(1)
      }
    }
    // Nor is the large one served where only a small part of it is asked for.
    expect(await cached.countSql(() => cached.prisma.user.findUnique({ where: { id }, select: { id: true } }))).toBe(1)
    await cached.prisma.user.update({ where: { id }, data: { name: 'small again' } })
    expect((await byId())?.name).toBe('small again')
    expect(await cached.countSql(async () => expect((await byId())?.name).toBe('small again'))).toBe(0)
  })

  it('a row larger than maxBytes is not loaded as a whole again and again for a query that selects a part', async () => {
    const cached = world.process({ models: { User: { maxBytes: 300 } } })
    const { id, email } = await newUser('x'.repeat(1000))
    const select = { role: true }
    for (const [where, shape] of [
      [{ id }, { select }],
      [{ email }, { select }],
      [{ id }, { select: { ...select, posts: true } }],
    ] as const) {
      const read = () => cached.prisma.user.findUnique({ where, ...shape } as { where: { id: number } })
      await read()
      const from = cached.sql.length
      await cached.countSql(async () => expect((await read())?.role).toBe('READER'))
      expect(cached.sql[from]).toContain('"role"')
      expect(cached.sql[from]).not.toContain('"name"')
    }
    await cached.prisma.user.update({ where: { id }, data: { name: 'small' } })
    const read = () => cached.prisma.user.findUnique({ where: { id }, select })
    expect([await cached.countSql(read), await cached.countSql(read)]).toEqual([1, 0])
  })

  it('maxBytes of one process is no limit for another', async () => {
    const narrow = world.process({ models: { User: { maxBytes: 300 } } })
    const wide = world.process({ models: { User: true } })
    const { id } = await newUser('x'.repeat(1000))
    await wide.prisma.user.findUnique({ where: { id } })
    expect(await narrow.countSql(() => narrow.prisma.user.findUnique({ where: { id } }))).toBe(0)
  })
})

describe('how long', () => {
  /** The TTLs, in ms, that entries were sent with while something ran. */
  async function ttls(cached: CachedProcess, where: { id: number } | { email: string }): Promise<number[]> {
    await read(cached, { id: -1 }) // connected, and the epochs are there
    const seen = await watchRedis(world, () => read(cached, where))
    return seen.lines
      .filter(([name, ...args]) => name === 'eval' || (name === 'set' && args[2] === 'PX'))
      .map(([name, ...args]) => Number(name === 'eval' ? args.at(-1) : args[3]))
  }
  const read = async (cached: CachedProcess, where: { id: number } | { email: string }) => {
    await cached.prisma.user.findUnique({ where })
    await filled(cached)
  }

  const forms: [NonNullable<CacheAsideOptions['ttl']>, number][] = [
    [90, 90_000],
    [0.5, 500],
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ]
  it.each(forms)('ttl %s is exact without jitter', async (ttl, ms) => {
    const { id } = await newUser()
    const cached = world.process({ models: { User: { ttl, jitter: 0 } } })
    expect(await ttls(cached, { id })).toEqual([ms])
  })

  it('the short forms take the default TTL, or are one', async () => {
    const models: [Partial<CacheAsideOptions>, number][] = [
      [{ models: { User: true } }, 3_600_000],
      [{ models: { User: {} } }, 3_600_000],
      [{ models: { User: true }, ttl: '10m' }, 600_000],
      [{ models: { User: { maxBytes: 5000 } }, ttl: 60 }, 60_000],
      [{ models: { User: '5m' } }, 300_000],
      [{ models: { User: 30 }, ttl: '1d' }, 30_000],
    ]
    for (const [options, ms] of models) {
      const { id } = await newUser()
      const [sent] = await ttls(world.process(options), { id })
      expect(sent).toBeLessThanOrEqual(ms)
      expect(sent).toBeGreaterThanOrEqual(0.9 * ms)
    }
  })

  it('jitter 1 is anything up to the TTL, of rows and pointers', async () => {
    const cached = world.process({ models: { User: { ttl: 100, jitter: 1 } } })
    const sent: number[] = []
    for (let i = 0; i < 10; i++) {
      const { id, email } = await newUser()
      sent.push(...(await ttls(cached, { id })), ...(await ttls(cached, { email })))
    }
    expect(sent.length).toBeGreaterThan(20)
    expect(Math.min(...sent)).toBeGreaterThan(0)
    expect(Math.max(...sent)).toBeLessThanOrEqual(100_000)
    expect(Math.max(...sent) - Math.min(...sent)).toBeGreaterThan(10_000)
    expect(new Set(sent).size).toBeGreaterThan(10)
  })

  it('negativeTtl is the TTL of absent rows and of unique values without a row', async () => {
    const cached = world.process({ models: { User: { ttl: 100, negativeTtl: '2s', jitter: 0 } } })
    expect(await ttls(cached, { id: -101 })).toEqual([2000])
    expect(await ttls(cached, { email: 'nobody-101@x.org' })).toEqual([2000])
    const byDefault = world.process({ models: { User: { jitter: 0 } } })
    expect(await ttls(byDefault, { id: -102 })).toEqual([5000])
  })

  it('negativeTtl 0 keeps no absence, neither by key nor by unique; rows are kept', async () => {
    const cached = world.process({ models: { User: { negativeTtl: 0 } } })
    for (const where of [{ id: -103 }, { email: 'nobody-103@x.org' }]) {
      expect(await ttls(cached, where)).toEqual([])
      expect(await cached.countSql(() => read(cached, where))).toBe(1)
    }
    const { id } = await newUser()
    await read(cached, { id })
    expect(await cached.countSql(() => read(cached, { id }))).toBe(0)
  })
})

describe('switched off', () => {
  const off: [string, () => CachedProcess][] = [
    ['by configuration', () => world.process({ enabled: false })],
    [
      'at run time',
      () => {
        const cached = world.process()
        cached.prisma.$cache.disable()
        return cached
      },
    ],
  ]
  it.each(off)('%s: reads go to the database and fill nothing, and writes still invalidate', async (_, make) => {
    const cached = make()
    const other = world.process()
    const { id, email } = await newUser()
    await other.prisma.user.findUnique({ where: { id } })
    const reads = [
      () => cached.prisma.user.findUnique({ where: { id } }),
      () => cached.prisma.user.findFirst({ where: { email } }),
      () => cached.prisma.user.findUnique({ where: { id: -104 } }),
    ]
    const seen = await watchRedis(world, async () => {
      for (let i = 0; i < 2; i++) for (const read of reads) expect(await cached.countSql(read)).toBe(1)
    })
    expect(seen.commands()).toEqual([])
    expect(cached.prisma.$cache.explain('User', 'findUnique', { where: { id } })).toMatchObject({ cached: false })
    let fetched = 0
    for (let i = 0; i < 2; i++) await cached.prisma.$cache.getOrSet('off', () => ++fetched)
    expect(fetched).toBe(2)

    await cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    expect((await other.prisma.user.findUnique({ where: { id } }))?.name).toBe('v1')
    await cached.prisma.user.updateMany({ where: { id }, data: { name: 'v2' } })
    expect((await other.prisma.user.findUnique({ where: { id } }))?.name).toBe('v2')
    await cached.prisma.$transaction(tx => tx.user.update({ where: { id }, data: { name: 'v3' } }))
    expect((await other.prisma.user.findUnique({ where: { id } }))?.name).toBe('v3')
    await cached.prisma.$executeRaw`UPDATE "User" SET name = 'v4' WHERE id = ${id}`
    expect((await other.prisma.user.findUnique({ where: { id } }))?.name).toBe('v4')
  })

  it('after the cache is turned on again, what was written meanwhile is seen', async () => {
    const cached = world.process()
    const other = world.process()
    const { id } = await newUser()
    const read = () => cached.prisma.user.findUnique({ where: { id } })
    await read()
    cached.prisma.$cache.disable()
    await cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    expect((await other.prisma.user.findUnique({ where: { id } }))?.name).toBe('v1')
    await other.prisma.user.update({ where: { id }, data: { name: 'v2' } })
    cached.prisma.$cache.enable()
    expect((await read())?.name).toBe('v2')
    expect(await cached.countSql(async () => expect((await read())?.name).toBe('v2'))).toBe(0)
  })
})

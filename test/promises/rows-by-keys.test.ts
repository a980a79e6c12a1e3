/** `findMany` by a list of keys, as a DataLoader sends it: each row comes from the entry that `findUnique` uses. */
import { PrismaPg } from '@prisma/adapter-pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PrismaClient as NamesClient } from '../../generated/names/client.js'
import { Store } from '../../src/redis/store.js'
import type { FillOptions } from '../../src/redis/ticket.js'
import { control } from '../support/control.js'
import { Gates } from '../support/gates.js'
import { watchRedis } from '../support/monitor.js'
import { type OwnSchema, ownSchema } from '../support/own-schema.js'
import { newUsers } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess
let ids: number[]

beforeAll(() => {
  cached = world.process()
})

beforeEach(async () => {
  ids = await newUsers(world, 50)
})

class UnguardedFill extends Store {
  override fill(key: string, entry: Buffer, options: FillOptions): void {
    super.fill(key, entry, { ...options, guard: 'none' })
  }
}

const read = (of = ids, more: object = {}) => cached.prisma.user.findMany({ where: { id: { in: of } }, ...more })

/** The SQL statements, hits and misses of a read. */
async function costOf(run: () => Promise<unknown>) {
  const before = cached.prisma.$cache.stats()
  const sql = await cached.countSql(run)
  const { hits, misses, bypassed } = cached.prisma.$cache.stats()
  return { sql, hits: hits - before.hits, misses: misses - before.misses, bypassed: bypassed - before.bypassed }
}

describe('what a list of keys costs', () => {
  it('50 keys that are cached cost one MGET and no SQL', async () => {
    expect(await costOf(read)).toEqual({ sql: 1, hits: 0, misses: 50, bypassed: 0 })
    await cached.flushed()
    const seen = await watchRedis(world, async () => {
      expect(await costOf(read)).toEqual({ sql: 0, hits: 50, misses: 0, bypassed: 0 })
    })
    expect(seen.commands()).toEqual(['mget'])
  })

  it('after a write to one of the rows, one row is loaded and 49 are hits', async () => {
    await read()
    await cached.flushed()
    const [first] = ids as [number]
    await cached.prisma.user.update({ where: { id: first }, data: { name: 'new' } })
    const before = cached.sql.length
    expect(await costOf(read)).toEqual({ sql: 1, hits: 49, misses: 1, bypassed: 0 })
    expect(cached.sql.slice(before).join()).toMatch(/"id" (?:= \$1|IN \(\$1\))/)
    expect((await read()).find(user => user.id === first)?.name).toBe('new')
    await cached.flushed()
    expect(await costOf(read)).toEqual({ sql: 0, hits: 50, misses: 0, bypassed: 0 })
  })

  it('it is the entry of findUnique: each serves the other', async () => {
    const [one, two] = ids as [number, number]
    await cached.prisma.user.findUnique({ where: { id: one } })
    await cached.flushed()
    expect(await costOf(() => read([one, two]))).toEqual({ sql: 1, hits: 1, misses: 1, bypassed: 0 })
    await cached.flushed()
    expect(await costOf(() => cached.prisma.user.findUnique({ where: { id: two } }))).toMatchObject({ sql: 0, hits: 1 })
  })

  it('tokens that have to be taken and tokens that are there make one statement', async () => {
    await read()
    await cached.flushed()
    // Of the first the entry is gone; all others keep theirs, which the write makes stale by their epoch.
    await world.redis.del(`${world.prefix}User:${ids[0]}`)
    await cached.prisma.user.updateMany({ where: { name: 'v0' }, data: { name: 'v0' } })
    expect(await costOf(read)).toEqual({ sql: 1, hits: 0, misses: 50, bypassed: 0 })
    await cached.flushed()
    expect(await costOf(read)).toEqual({ sql: 0, hits: 50, misses: 0, bypassed: 0 })
  })

  it('10,000 keys, cached or not', async () => {
    const many = await newUsers(world, 10_000)
    const slow = world.process({ deadlineMs: 30_000 })
    const readMany = () => slow.prisma.user.findMany({ where: { id: { in: many } } })
    expect((await readMany()).map(({ id }) => id)).toEqual(many)
    await slow.flushed()
    expect(await slow.countSql(readMany)).toBe(0)
    expect((await readMany()).map(({ id }) => id)).toEqual(many)
  })

  it('an empty list is answered at once', async () => {
    expect(await costOf(() => read([]))).toEqual({ sql: 0, hits: 0, misses: 0, bypassed: 0 })
    expect(await read([])).toEqual([])
  })
})

describe('the answer', () => {
  it('has each row once, in the order of the list, and nothing for a row that there is not', async () => {
    const [a, b, c] = ids as [number, number, number]
    const list = [c, -1, a, c, b, -2, a]
    for (const expected of [{ misses: 5 }, { hits: 5, sql: 0 }]) {
      let answer: { id: number }[] = []
      expect(await costOf(async () => (answer = await read(list)))).toMatchObject(expected)
      expect(answer.map(({ id }) => id)).toEqual([c, a, b])
      await cached.flushed()
    }
  })

  it('is ordered by the key where the query says so', async () => {
    const list = ids.toSorted(() => Math.random() - 0.5)
    for (let turn = 0; turn < 2; turn++) {
      expect((await read(list, { orderBy: { id: 'asc' } })).map(({ id }) => id)).toEqual(ids)
      expect((await read(list, { orderBy: [{ id: 'desc' }] })).map(({ id }) => id)).toEqual(ids.toReversed())
      await cached.flushed()
    }
    expect(await costOf(() => read(list, { orderBy: { id: 'asc' } }))).toMatchObject({ sql: 0, hits: 50 })
  })

  it.each([
    ['select', { select: { name: true, email: true } }],
    ['omit', { omit: { email: true } }],
    ['include of a list', { include: { posts: { orderBy: { id: 'asc' } } } }],
    ['include of one row', { include: { profile: true } }],
    ['select with relations and counts', { select: { profile: true, _count: { select: { posts: true } } } }],
  ])('%s: as without the cache, cached and not', async (_, more) => {
    const [a, b] = ids as [number, number]
    await world.plain.post.create({ data: { title: 't', slug: 's', authorId: a } })
    await world.plain.profile.create({ data: { userId: b } })
    const args = { where: { id: { in: [a, b, -1] } }, orderBy: { id: 'asc' as const }, ...(more as object) }
    const expected = await world.plain.user.findMany(args)
    expect(await cached.prisma.user.findMany(args)).toEqual(expected)
    await cached.flushed()
    let answer: unknown
    expect(await costOf(async () => (answer = await cached.prisma.user.findMany(args)))).toMatchObject({ sql: 0 })
    expect(answer).toEqual(expected)
  })

  it.each([
    ['an enum', { role: 'ADMIN' }, { sql: 0, hits: 3 }],
    ['an enum and a text that all have', { role: 'READER', name: 'v0' }, { sql: 0, hits: 3 }],
    ['null', { name: null }, { sql: 0, hits: 3 }],
    ['a text that differs, which a collation may take for equal', { name: { equals: 'V0' } }, { sql: 1 }],
  ])('a further equality filter is checked on the rows: %s', async (_, more, cost) => {
    const list = ids.slice(0, 3)
    await world.plain.user.update({ where: { id: list[1] as number }, data: { role: 'ADMIN', name: null } })
    await read(list)
    await cached.flushed()
    const where = { id: { in: list }, ...(more as object) }
    const expected = await world.plain.user.findMany({ where, orderBy: { id: 'asc' } })
    let answer: unknown
    expect(await costOf(async () => (answer = await cached.prisma.user.findMany({ where })))).toMatchObject(cost)
    expect(answer).toEqual(expected)
  })

  it('by another unique, and by keys of other types', async () => {
    const emails = (await read(ids.slice(0, 3))).map(({ email }) => email)
    const byEmail = () => cached.prisma.user.findMany({ where: { email: { in: [...emails, 'nobody@x.org'] } } })
    expect((await byEmail()).map(({ email }) => email)).toEqual(emails)
    await cached.flushed()
    expect(await cached.countSql(byEmail)).toBe(0)

    const tenants = await world.plain.tenant.createManyAndReturn({
      data: [1, 2].map(n => ({ slug: `${Math.random()}`, name: `t${n}` })),
    })
    const byUuid = () => cached.prisma.tenant.findMany({ where: { id: { in: tenants.map(({ id }) => id) } } })
    expect(await byUuid()).toEqual(tenants)
    await cached.flushed()
    expect(await cached.countSql(byUuid)).toBe(0)
  })
})

describe('keys that the database spells in another way', () => {
  let own: OwnSchema
  beforeAll(async () => {
    own = await ownSchema(new URL('../names/tables.sql', import.meta.url), url => {
      return new NamesClient({ adapter: new PrismaPg({ connectionString: url }) })
    })
  })
  afterAll(() => own.close())

  it.each([[['abc', 'ABC']], [['ABC', 'xyz']], [['ABC']], [['xyz', 'Xyz', 'abc', 'no']]])(
    'under a collation that ignores case, %j finds what the database finds',
    async list => {
      const db = own.process({ Ci: true })
      await own.sql(`DELETE FROM "Ci"; INSERT INTO "Ci" ("id") VALUES ('abc'), ('xyz')`)
      const args = { where: { id: { in: list } } }
      const byId = (rows: unknown) => (rows as { id: string }[]).toSorted((a, b) => (a.id < b.id ? -1 : 1))
      const expected = byId(await own.plain['ci']?.['findMany']?.(args))
      for (let turn = 0; turn < 3; turn++) {
        expect(byId(await db['ci']?.['findMany']?.(args))).toEqual(expected)
        await own.flushed()
      }
      for (const id of list) {
        const unique = { where: { id } }
        expect(await db['ci']?.['findUnique']?.(unique)).toEqual(await own.plain['ci']?.['findUnique']?.(unique))
      }
    },
  )
})

describe('what is no list of keys', () => {
  it.each([
    ['take', { take: 1 }],
    ['an order by another field', { orderBy: { name: 'asc' } }],
    ['an order by two fields', { orderBy: [{ id: 'asc' }, { name: 'asc' }] }],
    ['distinct', { distinct: ['name'] }],
    ['a cursor', { cursor: { id: 1 } }],
    ['a cursor in a list', { include: { posts: { cursor: { id: 1 } } } }],
  ])('%s: needs the option queries', async (_, more) => {
    expect(cached.prisma.$cache.explain('User', 'findMany', { where: { id: { in: [1] } }, ...more })).toMatchObject({
      cached: false,
    })
  })

  it.each([
    ['a filter that only the database can judge', { name: { startsWith: 'v' } }],
    ['notIn beside', { id: { in: [1], notIn: [2] } }],
    ['null in the list', { id: { in: [1, null] } }],
    ['OR', { OR: [{ name: 'v0' }] }],
  ])('%s: needs the option queries', async (_, more) => {
    const where = { id: { in: [1] }, ...more }
    expect(cached.prisma.$cache.explain('User', 'findMany', { where })).toMatchObject({ cached: false })
  })

  it('in transactions it is the database that answers', async () => {
    await read()
    await cached.flushed()
    const [inBatch] = await cached.prisma.$transaction([read(ids.slice(0, 2)), read(ids.slice(2, 4))])
    expect(inBatch).toHaveLength(2)
    const inside = await cached.prisma.$transaction(tx => tx.user.findMany({ where: { id: { in: ids } } }))
    expect(inside).toHaveLength(50)
  })

  it('an order of texts is the database’s, because it depends on the collation', async () => {
    const args = { where: { email: { in: ['a', 'b'] } }, orderBy: { email: 'asc' } }
    expect(cached.prisma.$cache.explain('User', 'findMany', args)).toMatchObject({ cached: false })
  })
})

describe('races', () => {
  const race = async (parts: Parameters<typeof world.process>[1]) => {
    const gates = new Gates()
    const slow = world.process({}, parts)
    const db = slow.prisma.$extends(gates.extension)
    const list = ids.slice(0, 3)
    const where = { id: { in: list } }
    const gate = gates.hold('findMany', 'after')
    const reading = (async () => db.user.findMany({ where }))()
    await gate.arrived
    await cached.prisma.user.update({ where: { id: list[1] as number }, data: { name: 'new' } })
    gate.open()
    await reading
    await slow.flushed()
    return (await db.user.findMany({ where })).map(({ name }) => name)
  }

  it('a write during the load of a list: its row is not stored, the others are', async () => {
    expect(await race({})).toEqual(['v0', 'new', 'v0'])
  })

  control('without the token, the stale row is stored', async () => {
    expect(await race({ parts: { Store: UnguardedFill } })).toEqual(['v0', 'v0', 'v0'])
  })

  it('a list and single reads of the same rows share one load of each', async () => {
    const [a, b] = ids as [number, number]
    const both = () =>
      Promise.all([read([a, b]), cached.prisma.user.findUnique({ where: { id: b } }), read([b]), read([a, b])])
    const [list, one, alone, again] = await both()
    expect([list, [list[0], one], [list[0], ...alone], again]).toEqual([list, list, list, list])
    await world.evict()
    expect(await costOf(both)).toMatchObject({ misses: 2 })
  })
})

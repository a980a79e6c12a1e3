/** A hit is what Prisma would have returned: classes, values, fields and their order, errors. */
import { beforeAll, describe, expect, it } from 'vitest'
import { skip } from '@prisma/client/runtime/client'
import { Prisma } from '../../generated/prisma/client.js'
import { outcome as became } from '../support/delegates.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess
let user: { id: number; email: string }

beforeAll(async () => {
  cached = world.process()
  user = await world.plain.user.create({ data: { email: 'ada@x.org', name: 'Ada' } })
})

/** Asks twice through the cache, once plainly; all three have to be equal, and the second must not ask the database. */
async function sameThreeTimes<T>(read: (db: typeof world.plain) => Promise<T>, process = cached): Promise<T> {
  const truth = await read(world.plain)
  const db = process.prisma as unknown as typeof world.plain
  const first = await read(db)
  let second: T | undefined
  expect(await process.countSql(async () => (second = await read(db)))).toBe(0)
  for (const answer of [first, second]) {
    expect(answer).toStrictEqual(truth)
    expect(JSON.stringify(answer, bigints)).toBe(JSON.stringify(truth, bigints)) // the order of the fields too
  }
  return second as T
}

const bigints = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)

describe('values', () => {
  const product = {
    brandSlug: 'unbranded',
    model: 'm',
    name: 'n',
    price: '0.10',
    sizes: [],
  }
  const rows: [string, Partial<Prisma.ProductUncheckedCreateInput>][] = [
    ['nulls and defaults', {}],
    ['decimals', { price: '12345678.90', weight: '123456789012345678901234567890.000000000000000000000000000001' }],
    ['negative and tiny decimals', { price: '-0.01', weight: '-1e-20' }],
    ['floats', { rating: 0.1 + 0.2, vatRate: 0.07 }],
    ['a negative zero', { rating: -0 }],
    ['not a number', { rating: Number.NaN }],
    ['infinities', { rating: Number.POSITIVE_INFINITY }],
    ['big integers', { unitsSold: 9_223_372_036_854_775_807n }],
    ['small big integers', { unitsSold: 1n }],
    ['the smallest big integer', { unitsSold: -9_223_372_036_854_775_808n }],
    ['bytes', { thumbnail: new Uint8Array([0, 1, 255, 128]) }],
    ['no bytes', { thumbnail: new Uint8Array() }],
    ['json', { attributes: { a: [1, 'x', null, { b: true }], 'é"\\': -1.5e300, __proto__x: {} }, datasheet: 'text' }],
    ['json null', { attributes: Prisma.JsonNull, datasheet: Prisma.JsonNull }],
    ['json lists', { attributes: [[], {}, ''], datasheet: 5 }],
    ['lists', { keywords: ['', 'ü', 'a,b'], sizes: [-1, 0, 2_147_483_647], badges: ['SIGNED', 'BESTSELLER'] }],
    ['dates', { releasedOn: new Date('2024-02-29'), availableFrom: new Date('0001-01-01T00:00:00.001Z') }],
    ['dates finer than a millisecond', { syncedAt: '2024-02-29T12:34:56.123456Z' }],
    ['an enum with another default', { condition: 'REFURBISHED', active: false }],
    ['text of all planes', { name: '\u0001\u007f ü 漢字 👩‍👩‍👧 \u2028', description: '' }],
  ]
  it.each(rows)('%s', async (title, data) => {
    const { id } = await world.plain.product.create({
      data: { ...product, sku: title.slice(0, 32), model: title, ...data },
    })
    await sameThreeTimes(db => db.product.findUnique({ where: { id } }))
  })

  it('an infinite timestamp reads as an invalid date, as in Prisma', async () => {
    const { id } = await world.plain.product.create({ data: { ...product, sku: 'infinity', model: 'infinity' } })
    await world.plain.$executeRaw`UPDATE "Product" SET "syncedAt" = 'infinity' WHERE id = ${id}::uuid`
    const read = (db: typeof world.plain) => db.product.findUnique({ where: { id } })
    const truth = await became(read(world.plain))
    if (!Object.hasOwn(truth as object, 'value')) {
      // Before 7.0 it is an error of the adapter's.
      expect(await became(read(cached.prisma as unknown as typeof world.plain))).toStrictEqual(truth)
      return
    }
    const hit = await sameThreeTimes(read)
    expect(hit?.syncedAt?.getTime()).toBeNaN()
  })

  it('classes are Prisma’s own', async () => {
    const { id } = await world.plain.product.create({
      data: { ...product, sku: 'classes', model: 'classes', thumbnail: Buffer.from('abc') },
    })
    const hit = await sameThreeTimes(db => db.product.findUniqueOrThrow({ where: { id } }))
    expect(hit.price).toBeInstanceOf(Prisma.Decimal)
    expect(hit.createdAt).toBeInstanceOf(Date)
    expect(Object.getPrototypeOf(hit.thumbnail)).toBe(Uint8Array.prototype)
    expect(hit.thumbnail?.buffer.byteLength).toBe(3)
    expect(typeof hit.unitsSold).toBe('bigint')
    expect(Object.getPrototypeOf(hit)).toBe(Object.prototype)
  })

  it('a row with what can’t be given back exactly is not kept', async () => {
    const { id } = await world.plain.product.create({ data: { ...product, sku: 'minus', model: 'minus' } })
    await world.plain.$executeRaw`UPDATE "Product" SET datasheet = '{"a": -0.0}'::json WHERE id = ${id}::uuid`
    for (let i = 0; i < 3; i++) {
      const row = await cached.prisma.product.findUnique({ where: { id } })
      expect(row).toStrictEqual(await world.plain.product.findUnique({ where: { id } }))
    }
  })
})

describe('shapes share the one row entry', () => {
  const shapes: [string, object][] = [
    ['everything', {}],
    ['select', { select: { name: true, id: true } }],
    ['select with false', { select: { name: true, id: false } }],
    ['omit', { omit: { email: true } }],
    ['omit with false', { omit: { email: false, name: true } }],
    ['an empty omit', { omit: {} }],
    ['null for nothing', { select: null, omit: null, include: null }],
    ['undefined for nothing', { select: undefined, omit: undefined, include: undefined }],
  ]
  it.each(shapes)('%s', async (_, shape) => {
    await sameThreeTimes(db => db.user.findUnique({ where: { id: user.id }, ...shape }))
    await sameThreeTimes(db => db.user.findFirst({ where: { id: user.id }, ...shape }))
  })

  it.each(['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow'] as const)('%s', async operation => {
    const read = (db: typeof world.plain) =>
      (db.user[operation] as (args: object) => Promise<unknown>)({ where: { id: user.id } })
    await sameThreeTimes(read)
  })

  it('a narrow select fills the whole row, and the whole row serves a narrow select', async () => {
    const { id } = await world.plain.user.create({ data: { email: 'narrow@x.org' } })
    await cached.prisma.user.findUnique({ where: { id }, select: { email: true } })
    expect(await cached.countSql(() => cached.prisma.user.findFirst({ where: { id: { equals: id } } }))).toBe(0)
  })

  it('a global omit hides its fields, on a miss and on a hit, and a query can ask for them', async () => {
    const hiding = world.process({}, { clientOptions: { omit: { user: { email: true } } } })
    const { id } = await world.plain.user.create({ data: { email: 'hidden@x.org' } })
    const where = { id }
    const miss = await hiding.prisma.user.findUnique({ where })
    const hit = await hiding.prisma.user.findUnique({ where })
    expect(miss).toStrictEqual(await hiding.base.user.findUnique({ where }))
    expect(hit).toStrictEqual(miss)
    expect(hit).not.toHaveProperty('email')
    const asked: object[] = [{ omit: { email: false } }, { select: { email: true } }, { omit: { name: true } }]
    for (const shape of asked) {
      expect(await hiding.prisma.user.findUnique({ where, ...shape })).toStrictEqual(
        await hiding.base.user.findUnique({ where, ...shape }),
      )
    }
    // The one entry has the whole row: a client without the omit is served from it.
    expect(await cached.countSql(() => cached.prisma.user.findUnique({ where }))).toBe(0)
  })
})

describe('keys', () => {
  it('a compound key finds its row, with and without a name', async () => {
    const post = await world.plain.post.create({ data: { title: 't', authorId: user.id } })
    const key = { userId: user.id, postId: post.id }
    await world.plain.bookmark.create({ data: { ...key, note: 'n' } })
    await sameThreeTimes(db => db.bookmark.findUnique({ where: { userPost: key } }))
    await sameThreeTimes(db => db.bookmark.findFirst({ where: key }))

    const tenant = await world.plain.tenant.create({
      data: { slug: 's', name: 'n', memberships: { create: { userId: user.id } } },
    })
    await sameThreeTimes(db => db.tenant.findUnique({ where: { id: tenant.id } }))
    await sameThreeTimes(db =>
      db.membership.findUnique({ where: { userId_tenantId: { userId: user.id, tenantId: tenant.id } } }),
    )
    expect(await world.keys()).toContain(`Membership:${user.id}:${tenant.id}`)
  })

  it('keys of every exact type find their rows', async () => {
    const db = world.plain
    await db.aliasBytes.create({ data: { id: Buffer.from([0, 255]), v: 1 } })
    await db.aliasDecimal.create({ data: { id: '1.5', v: 1 } })
    await db.aliasEnum.create({ data: { id: 'DARK', v: 1 } })
    await db.aliasTimestamp3.create({ data: { id: new Date(1_700_000_000_123), v: 1 } })
    await db.aliasText.create({ data: { id: 'a:b{c}*% ü', v: 1 } })
    await db.aliasBigInt.create({ data: { id: 5n, v: 1 } })
    const all = world.process({
      models: {
        AliasEnum: true,
        AliasBytes: true,
        AliasDecimal: true,
        AliasTimestamp3: true,
        AliasText: true,
        AliasBigInt: true,
      },
    })
    await sameThreeTimes(c => c.aliasEnum.findUnique({ where: { id: 'DARK' } }), all)
    await sameThreeTimes(c => c.aliasBytes.findUnique({ where: { id: Buffer.from([0, 255]) } }), all)
    await sameThreeTimes(c => c.aliasDecimal.findUnique({ where: { id: new Prisma.Decimal('1.50') } }), all)
    await sameThreeTimes(c => c.aliasTimestamp3.findUnique({ where: { id: new Date(1_700_000_000_123) } }), all)
    await sameThreeTimes(c => c.aliasText.findUnique({ where: { id: 'a:b{c}*% ü' } }), all)
    await sameThreeTimes(c => c.aliasBigInt.findUnique({ where: { id: 5 } }), all)
    await sameThreeTimes(c => c.aliasBigInt.findUnique({ where: { id: 5n } }), all)
  })

  it('keys of two rows never collide, whatever characters they hold', async () => {
    const strange = [
      'a:b',
      'a',
      'a%3Ab',
      'a%b',
      '*',
      '{a}',
      '{',
      'a\nb',
      '',
      ' ',
      'a/b',
      '👩‍👩‍👧',
      'x'.repeat(10_000),
      `${'x'.repeat(9_999)}y`,
    ]
    const texts = world.process({ models: { AliasText: true } })
    await world.plain.aliasText.createMany({ data: strange.map((id, v) => ({ id, v })) })
    for (let round = 0; round < 2; round++) {
      for (const [v, id] of strange.entries()) {
        expect(await texts.prisma.aliasText.findUnique({ where: { id } })).toEqual({ id, v })
      }
    }
    expect(texts.prisma.$cache.stats().hits).toBe(strange.length)
  })
})

describe('absence', () => {
  it('the absence of a row is kept for a short time, and ends with a create', async () => {
    const read = () => cached.prisma.brand.findUnique({ where: { slug: 'soon' } })
    expect(await read()).toBeNull()
    expect(await cached.countSql(async () => expect(await read()).toBeNull())).toBe(0)
    const ttl = await world.redis.pttl(`${world.prefix}Brand:soon`)
    expect(ttl).toBeGreaterThan(0)
    expect(ttl).toBeLessThanOrEqual(5000)
    await cached.prisma.brand.create({ data: { slug: 'soon', name: 'b' } })
    expect(await read()).toEqual({ slug: 'soon', name: 'b' })
  })

  it.each(['findUniqueOrThrow', 'findFirstOrThrow'] as const)(
    'an absence is Prisma’s own error with %s',
    async operation => {
      const errors: Record<string, unknown>[] = []
      for (const db of [world.plain, cached.prisma, cached.prisma] as (typeof world.plain)[]) {
        const read = (db.user[operation] as (args: object) => Promise<unknown>)({ where: { id: -7 } })
        errors.push(
          await read.then(
            () => ({}),
            (error: unknown) => error as Record<string, unknown>,
          ),
        )
      }
      for (const error of errors) {
        expect(error).toBeInstanceOf(Prisma.PrismaClientKnownRequestError)
        expect({ code: error.code, meta: error.meta, name: error.name }).toEqual({
          code: 'P2025',
          meta: errors[0]?.meta,
          name: errors[0]?.name,
        })
      }
      // Known to be absent by one operation, it is null by the other.
      expect(await cached.prisma.user.findUnique({ where: { id: -7 } })).toBeNull()
    },
  )
})

describe('args that Prisma would not take get Prisma’s answer, also on a warm key', () => {
  const wrong: [string, object][] = [
    ['no where', {}],
    ['an empty where', { where: {} }],
    ['a where of undefined', { where: { id: undefined } }],
    ['null', { where: { id: null } }],
    ['a string for a number', { where: { id: '1' } }],
    ['a bigint for a number', { where: { id: 1n } }],
    ['a fraction', { where: { id: 1.5 } }],
    ['NaN', { where: { id: Number.NaN } }],
    ['too large a number', { where: { id: 2 ** 31 } }],
    ['equals in a unique', { where: { id: { equals: 1 } } }],
    ['an unknown field', { where: { id: 1, nope: 1 } }],
    ['skip', { where: { id: 1, name: skip } }],
    ['undefined beside the key', { where: { id: 1, name: undefined } }],
    ['null beside the key', { where: { id: 1, name: null } }],
    ['OR of nothing', { where: { id: 1, OR: [] } }],
    ['AND of nothing', { where: { id: 1, AND: [] } }],
    ['a field reference', { where: { id: { equals: {} } } }],
    ['select of nothing', { where: { id: 1 }, select: {} }],
    ['select of false', { where: { id: 1 }, select: { id: false } }],
    ['select of a number', { where: { id: 1 }, select: { id: 1 } }],
    ['select of null', { where: { id: 1 }, select: { id: null } }],
    ['select of an unknown field', { where: { id: 1 }, select: { nope: true } }],
    ['select of an unknown field that is undefined', { where: { id: 1 }, select: { id: true, nope: undefined } }],
    ['include of an unknown field that is undefined', { where: { id: 1 }, include: { nope: undefined } }],
    ['include of a scalar field that is undefined', { where: { id: 1 }, include: { name: undefined } }],
    ['select of a relation', { where: { id: 1 }, select: { posts: true } }],
    ['select beside omit', { where: { id: 1 }, select: { id: true }, omit: { name: true } }],
    ['select beside an empty omit', { where: { id: 1 }, select: { id: true }, omit: {} }],
    ['select beside include', { where: { id: 1 }, select: { id: true }, include: { posts: true } }],
    [
      'omit of everything',
      { where: { id: 1 }, omit: { id: true, email: true, name: true, role: true, createdAt: true, updatedAt: true } },
    ],
    ['omit of an unknown field', { where: { id: 1 }, omit: { nope: true } }],
    ['omit of undefined', { where: { id: 1 }, omit: { email: undefined } }],
    ['include of nothing', { where: { id: 1 }, include: {} }],
    ['include', { where: { id: 1 }, include: { posts: true, profile: true } }],
    ['_count', { where: { id: 1 }, include: { _count: true } }],
    ['an unknown argument', { where: { id: 1 }, cache: { ttl: 5 } }],
    ['relationLoadStrategy without its preview feature', { where: { id: 1 }, relationLoadStrategy: 'join' }],
    ['distinct', { where: { id: 1 }, distinct: ['id'] }],
    ['skip rows', { where: { id: 1 }, skip: 1 }],
    ['take none', { where: { id: 1 }, take: 0 }],
    ['cursor', { where: { id: 1 }, cursor: { id: 2 } }],
    ['orderBy', { where: { id: 1 }, orderBy: { name: 'asc' } }],
    ['a wrong orderBy', { where: { id: 1 }, orderBy: { nope: 'asc' } }],
  ]
  const stripped = (error: Error) => ({
    name: error.name,
    code: (error as { code?: string }).code,
    // Without the place in the source that Prisma prints.
    message: error.message.replace(/[^\n]*invocation(?: in\n[\s\S]*?\n\n|:)/, '').replaceAll(/→?\s*\d+[^\n]*\n/g, ''),
  })
  const outcome = (read: Promise<unknown>) => read.then(value => ({ value }), stripped)

  it.each(wrong)('%s', async (_, args) => {
    await cached.prisma.user.findUnique({ where: { id: 1 } })
    for (const operation of ['findUnique', 'findFirst'] as const) {
      const ask = (db: unknown) =>
        outcome(
          (db as { user: Record<string, (args: object) => Promise<unknown>> }).user[operation]!(structuredArgs(args)),
        )
      expect(await ask(cached.prisma)).toStrictEqual(await ask(world.plain))
    }
  })

  /** A copy per call, but for Prisma's own values. */
  function structuredArgs(args: object): object {
    return { ...args }
  }
})

/** First matches, lists and numbers: kept as a whole, until something changes that they looked at. */
import { beforeEach, describe, expect, it } from 'vitest'
import { watchRedis } from '../support/monitor.js'
import {
  ask,
  cold,
  type Db,
  dbOf,
  type Query,
  sameAnswers,
  smallWorld,
  useSmallWorld,
  T1,
} from '../support/readings.js'
import { type CachedProcess } from '../support/world.js'

const { world, cached, other } = useSmallWorld()

const id = 'asc' as const
const desc = { id: 'desc' as const }

const firsts: [string, Query][] = [
  ['of all', db => db.user.findFirst()],
  ['orderBy', db => db.user.findFirst({ orderBy: desc })],
  ['a filter', db => db.user.findFirst({ where: { name: 'Bob' } })],
  ['operators', db => db.post.findFirst({ where: { title: { startsWith: 'T' }, views: { gte: 1 } } })],
  ['by the key, with more', db => db.user.findFirst({ where: { id: { in: [2, 3] } }, orderBy: desc })],
  ['by the key and an order', db => db.user.findFirst({ where: { id: 2 }, orderBy: desc })],
  ['null in a unique', db => db.post.findFirst({ where: { authorId: 1, slug: null } })],
  ['a pinned foreign key', db => db.post.findFirst({ where: { authorId: 1 }, orderBy: desc })],
  ['a pinned foreign key that is null', db => db.comment.findFirst({ where: { authorId: null } })],
  ['skip', db => db.user.findFirst({ orderBy: { id }, skip: 1 })],
  ['take the last', db => db.user.findFirst({ orderBy: { id }, take: -1 })],
  ['cursor', db => db.user.findFirst({ orderBy: { id }, cursor: { id: 2 } })],
  ['distinct', db => db.post.findFirst({ distinct: ['authorId'], orderBy: { id }, skip: 1 })],
  ['select', db => db.user.findFirst({ where: { role: 'AUTHOR' }, select: { email: true, id: true } })],
  ['omit', db => db.user.findFirst({ where: { role: 'AUTHOR' }, omit: { email: true } })],
  [
    'include',
    db =>
      db.user.findFirst({
        where: { name: 'Ada' },
        include: { posts: { orderBy: { id } }, profile: true, _count: true },
      }),
  ],
  ['a relation', db => db.post.findFirst({ where: { author: { email: 'bob@x.org' } }, orderBy: { id } })],
  [
    'lists of relations',
    db => db.user.findFirst({ where: { posts: { some: { tags: { some: { name: 'sql' } } } } }, orderBy: desc }),
  ],
  ['orderBy a relation', db => db.post.findFirst({ orderBy: [{ author: { name: 'desc' } }, { id }] })],
  ['orderBy a count', db => db.user.findFirst({ orderBy: { posts: { _count: 'desc' } } })],
  ['nothing', db => db.user.findFirst({ where: { name: 'nobody' } })],
  ['OrThrow', db => db.user.findFirstOrThrow({ where: { name: 'Ada' } })],
]

const lists: [string, Query][] = [
  ['all', db => db.user.findMany()],
  ['every type', db => db.product.findMany({ orderBy: { sku: id } })],
  ['none', db => db.product.findMany({ where: { name: 'none' } })],
  ['where', db => db.post.findMany({ where: { published: true, NOT: { title: { in: ['One'] } } }, orderBy: { id } })],
  ['a pinned foreign key', db => db.post.findMany({ where: { authorId: 1 }, orderBy: { id } })],
  [
    'a pinned foreign key, with more',
    db => db.post.findMany({ where: { authorId: { equals: 1 }, views: { gt: 0 } }, orderBy: { views: 'desc' } }),
  ],
  ['a pinned foreign key of a parent that is not there', db => db.post.findMany({ where: { authorId: 99 } })],
  [
    'a pinned composite foreign key',
    db => db.task.findMany({ where: { tenantId: T1, projectNumber: 1 }, orderBy: { id } }),
  ],
  [
    'a pinned composite foreign key, partly null',
    db => db.task.findMany({ where: { tenantId: T1, projectNumber: null } }),
  ],
  ['a pinned foreign key to a unique', db => db.orderLine.findMany({ where: { sku: 'S1' }, orderBy: { orderId: id } })],
  ['a unique pinned', db => db.user.findMany({ where: { email: 'ada@x.org' } })],
  [
    'orderBy several',
    db =>
      db.post.findMany({ orderBy: [{ published: 'desc' }, { categoryId: { sort: 'asc', nulls: 'last' } }, { id }] }),
  ],
  ['take, skip', db => db.post.findMany({ take: 2, skip: 1, orderBy: { id } })],
  ['the last', db => db.post.findMany({ take: -2, orderBy: { id } })],
  ['cursor', db => db.post.findMany({ cursor: { id: 3 }, orderBy: { id } })],
  [
    'cursor at a pinned foreign key',
    db => db.post.findMany({ where: { authorId: 2 }, cursor: { id: 3 }, orderBy: { id } }),
  ],
  ['distinct', db => db.post.findMany({ distinct: ['authorId', 'published'], orderBy: { id } })],
  ['distinct, one', db => db.post.findMany({ distinct: 'authorId', orderBy: { id }, select: { authorId: true } })],
  [
    'select',
    db => db.product.findMany({ select: { price: true, unitsSold: true, releasedOn: true }, orderBy: { sku: id } }),
  ],
  ['select in another order', db => db.user.findMany({ select: { name: true, id: true }, orderBy: { id } })],
  ['omit', db => db.product.findMany({ omit: { attributes: true }, orderBy: { sku: id } })],
  [
    'rows below',
    db => db.post.findMany({ include: { author: true, category: { include: { parent: true } } }, orderBy: { id } }),
  ],
  [
    'lists below',
    db =>
      db.user.findMany({
        include: {
          posts: { orderBy: { id }, include: { tags: { orderBy: { id } }, comments: { take: 1, orderBy: { id } } } },
        },
        orderBy: { id },
      }),
  ],
  [
    'counts',
    db =>
      db.user.findMany({
        select: { id: true, _count: { select: { posts: { where: { published: true } }, followers: true } } },
        orderBy: { id },
      }),
  ],
  [
    'relations in where',
    db =>
      db.post.findMany({ where: { comments: { some: { author: { profile: { handle: 'ada' } } } } }, orderBy: { id } }),
  ],
  [
    'dates in where',
    db =>
      db.user.findMany({
        where: { createdAt: { gte: new Date('2026-01-01'), lt: new Date('2027-01-01') } },
        orderBy: { id },
      }),
  ],
  [
    'every type of filter',
    db =>
      db.product.findMany({
        where: {
          price: { gt: 1 },
          unitsSold: { lt: 10n ** 17n },
          active: true,
          badges: { isEmpty: false },
          attributes: { path: ['pages'], array_contains: [1] },
        },
      }),
  ],
  [
    'an enum with other names',
    db => db.order.findMany({ where: { status: { in: ['PAID', 'PENDING'] } }, orderBy: { number: id } }),
  ],
]

const numbers: [string, Query][] = [
  ['count', db => db.post.count()],
  ['count where', db => db.post.count({ where: { authorId: 1, published: true } })],
  ['count of nothing', db => db.post.count({ where: { title: 'none' } })],
  ['count some', db => db.post.count({ orderBy: { id }, skip: 1, take: 3 })],
  ['count from a cursor', db => db.post.count({ orderBy: { id }, cursor: { id: 3 } })],
  ['count fields', db => db.post.count({ select: { _all: true, slug: true, categoryId: true } })],
  ['count by a relation', db => db.comment.count({ where: { post: { author: { name: 'Ada' } } } })],
  [
    'aggregate of every type',
    db =>
      db.product.aggregate({
        _count: true,
        _sum: { price: true, unitsSold: true, stock: true, weight: true },
        _avg: { price: true, stock: true },
        _min: { price: true, releasedOn: true, name: true, weight: true },
        _max: { availableFrom: true, condition: true, unitsSold: true },
      }),
  ],
  [
    'aggregate in another order',
    db => db.product.aggregate({ _max: { stock: true, price: true }, _count: { sku: true, _all: true } }),
  ],
  [
    'aggregate of nothing',
    db =>
      db.product.aggregate({
        where: { name: 'none' },
        _sum: { price: true, stock: true },
        _count: { _all: true },
        _max: { createdAt: true },
      }),
  ],
  [
    'aggregate of a floating point number',
    db => db.product.aggregate({ where: { rating: { not: null } }, _avg: { rating: true }, _max: { rating: true } }),
  ],
  [
    'aggregate some',
    db => db.post.aggregate({ where: { authorId: 1 }, orderBy: { id }, take: 2, skip: 1, _sum: { views: true } }),
  ],
  ['groupBy one', db => db.post.groupBy({ by: 'authorId', orderBy: { authorId: id }, _count: true })],
  [
    'groupBy several',
    db =>
      db.post.groupBy({
        by: ['published', 'categoryId'],
        orderBy: [{ published: id }, { categoryId: id }],
        _sum: { views: true },
        _max: { publishedAt: true },
      }),
  ],
  [
    'groupBy every type',
    db =>
      db.product.groupBy({
        by: ['brandSlug', 'price'],
        orderBy: [{ brandSlug: id }, { price: id }],
        _sum: { unitsSold: true, price: true },
        _count: { _all: true, weight: true },
      }),
  ],
  [
    'groupBy having',
    db => db.post.groupBy({ by: ['authorId'], having: { views: { _sum: { gt: 6 } } }, orderBy: { authorId: id } }),
  ],
  [
    'groupBy a pinned foreign key',
    db => db.post.groupBy({ by: ['published'], where: { authorId: 1 }, orderBy: { published: id }, _count: true }),
  ],
  ['groupBy some', db => db.post.groupBy({ by: ['views'], orderBy: { views: 'desc' }, take: 2, skip: 1 })],
  ['groupBy nothing', db => db.post.groupBy({ by: ['views'], where: { title: 'none' }, orderBy: { views: id } })],
]

describe.each([
  ['findFirst', firsts],
  ['findMany', lists],
  ['count, aggregate and groupBy', numbers],
])('%s: the answer is Prisma’s, and a hit sends no SQL', (_, queries) => {
  it.each(queries)('%s', (_title, query) => sameAnswers(world, [cached, other], query))
})

it('no two forms share an answer: all of them in one tick, and again', async () => {
  const queries = [...firsts, ...lists, ...numbers].map(([, query]) => query)
  const truth = await Promise.all(queries.map(query => ask(world.plain, query)))
  await cold(world, cached, other)
  for (const process of [cached, cached, other]) {
    const answers = await Promise.all(queries.map(query => ask(dbOf(process), query)))
    expect(answers).toStrictEqual(truth)
    await process.flushed()
  }
})

describe('what is not to be kept', () => {
  const wrong: [string, Query][] = [
    ['an unknown argument', db => db.user.findMany({ nope: 1 } as object)],
    ['an unknown field', db => db.user.findMany({ where: { nope: 1 } as object })],
    ['a wrong type', db => db.user.count({ where: { id: '1' as unknown as number } })],
    ['an unknown order', db => db.user.findFirst({ orderBy: { nope: 'asc' } as object })],
    ['distinct of nothing known', db => db.user.findMany({ distinct: ['nope'] as never })],
    ['groupBy of nothing', db => db.post.groupBy({ by: ['views'], orderBy: { title: 'asc' } } as never)],
    ['an aggregate of an unknown field', db => db.post.aggregate({ _sum: { title: true } as object })],
  ]
  it.each(wrong)('%s is refused by Prisma', (_, query) => sameAnswers(world, [cached, other], query, 'refused'))

  it('a first match that does not exist is Prisma’s error with OrThrow, also when the absence is cached', async () => {
    await ask(dbOf(cached), db => db.user.findFirst({ where: { name: 'nobody' } }))
    await sameAnswers(world, [cached, other], db => db.user.findFirstOrThrow({ where: { name: 'nobody' } }), 'asked')
  })

  it('lists and numbers of a model without queries are not kept; its first matches are', async () => {
    const process = world.process({ models: { Post: true, User: { queries: true } } })
    const many: Query[] = [
      db => db.post.findMany(),
      db => db.post.count(),
      db => db.post.aggregate({ _sum: { views: true } }),
      db => db.post.groupBy({ by: ['views'], orderBy: { views: id } }),
    ]
    for (const query of many) {
      await ask(dbOf(process), query)
      await process.flushed()
      expect(await process.countSql(() => ask(dbOf(process), query))).toBe(1)
    }
    const first: Query = db => db.post.findFirst({ where: { title: 'One' } })
    await ask(dbOf(process), first)
    await process.flushed()
    expect(await process.countSql(() => ask(dbOf(process), first))).toBe(0)
    expect(process.prisma.$cache.explain('Post', 'findMany')).toMatchObject({ cached: false })
    expect(process.prisma.$cache.explain('User', 'findMany')).toMatchObject({ cached: true })
  })

  it('a result is not kept longer than its own TTL', async () => {
    const process = world.process({
      models: { User: { ttl: 300, queries: { ttl: '30s' } }, Post: { ttl: '5s', queries: true } },
    })
    await cold(world, process)
    await process.prisma.user.findMany({ where: { role: 'ADMIN' } })
    await process.prisma.post.count()
    await process.flushed()
    const ttlOf = async (model: string) => {
      const [key] = (await world.keys()).filter(name => name.startsWith(`${model}?`))
      return world.redis.pttl(`${world.prefix}${key}`)
    }
    expect(await ttlOf('User')).toBeGreaterThan(20_000)
    expect(await ttlOf('User')).toBeLessThanOrEqual(30_000)
    expect(await ttlOf('Post')).toBeLessThanOrEqual(5_000)
    expect(await ttlOf('Post')).toBeGreaterThan(0)
  })
})

describe('what it costs, and what takes it out', () => {
  const sqlOf = (process: CachedProcess, query: Query) => process.countSql(() => ask(dbOf(process), query))
  /** Reads of Ada's posts by her id alone. */
  const pinned: [string, Query][] = [
    ['findMany', db => db.post.findMany({ where: { authorId: 1 }, orderBy: { id } })],
    ['findFirst', db => db.post.findFirst({ where: { authorId: 1, published: true }, orderBy: desc })],
    ['count', db => db.post.count({ where: { authorId: 1 } })],
    ['aggregate', db => db.post.aggregate({ where: { authorId: { equals: 1 } }, _sum: { views: true } })],
    ['groupBy', db => db.post.groupBy({ by: ['published'], where: { authorId: 1 }, orderBy: { published: id } })],
  ]
  beforeEach(async () => {
    await smallWorld(world)
    await cold(world, cached, other)
  })

  it.each(pinned)('%s is one round trip to Redis when it is warm', async (_, query) => {
    await ask(dbOf(cached), query)
    await cached.flushed()
    const seen = await watchRedis(world, async () => expect(await sqlOf(cached, query)).toBe(0))
    expect(seen.commands()).toEqual(['mget'])
  })

  it.each(pinned)(
    '%s at a pinned foreign key outlives writes under other parents, and none under its own',
    async (_, query) => {
      await ask(dbOf(cached), query)
      await cached.flushed()
      await other.prisma.post.update({ where: { id: 4 }, data: { views: 100, title: 'x' } })
      await other.prisma.post.create({ data: { title: 'Six', authorId: 2 } })
      await other.prisma.post.delete({ where: { id: 5 } })
      await other.prisma.user.update({ where: { id: 1 }, data: { name: 'A' } })
      expect([await sqlOf(cached, query), await sqlOf(other, query)]).toEqual([0, 0])
      await other.prisma.post.update({ where: { id: 3 }, data: { views: 8 } })
      expect(await ask(dbOf(cached), query)).toStrictEqual(await ask(world.plain, query))
      await cached.flushed()
      await other.prisma.post.create({ data: { title: 'Seven', published: true, views: 1, authorId: 1 } })
      expect(await ask(dbOf(cached), query)).toStrictEqual(await ask(world.plain, query))
      expect(await ask(dbOf(other), query)).toStrictEqual(await ask(world.plain, query))
    },
  )

  it('a result outlives writes to models that it does not read', async () => {
    const queries: Query[] = [
      db => db.user.findMany(),
      db => db.tag.count(),
      db => db.category.findFirst({ where: { name: 'Film' } }),
    ]
    for (const query of queries) await ask(dbOf(cached), query)
    await cached.flushed()
    await other.prisma.post.update({ where: { id: 1 }, data: { title: 'x' } })
    await other.prisma.comment.create({ data: { text: 'x', postId: 1 } })
    for (const query of queries) expect(await sqlOf(cached, query)).toBe(0)
  })
})

describe('50 rows take at most 0.4 of the bytes of their JSON', () => {
  const words = ['postgres', 'redis', 'a longer title about caches', 'queues', 'history']
  beforeEach(async () => {
    await smallWorld(world)
    const at = (n: number) => new Date(Date.UTC(2026, 0, 1) + n * 61_234)
    await world.plain.post.createMany({
      data: Array.from({ length: 50 }, (_, n) => ({
        title: `${words[n % 5]} ${n}`,
        slug: `${n}-slug`,
        body: n % 3 ? `${words[n % 5]}, in some words. ` : null,
        published: n % 2 === 0,
        views: n * 37,
        authorId: 3,
        categoryId: n % 4 ? 2 : null,
        publishedAt: n % 2 ? null : at(n),
        createdAt: at(n),
        updatedAt: at(n),
      })),
    })
    await world.plain.product.createMany({
      data: Array.from({ length: 50 }, (_, n) => ({
        sku: `L-${n}`,
        brandSlug: 'unbranded',
        model: `m${n}`,
        name: `${words[n % 5]}`,
        description: n % 3 ? null : 'A short one.',
        price: (9.9 + n).toFixed(2),
        weight: n % 4 ? `0.${n}1` : null,
        rating: n / 7,
        stock: n,
        unitsSold: BigInt(n) ** 5n,
        attributes: { pages: n },
        keywords: ['a', words[n % 5] as string],
        sizes: [n, 5],
        releasedOn: new Date('2026-01-01'),
        createdAt: at(n),
        updatedAt: at(n),
      })),
    })
    await cold(world, cached, other)
  })

  const rows: [string, string, (db: Db) => PromiseLike<object[] | null>][] = [
    [
      'posts of a user, as a relation',
      'User:3:posts?',
      db => db.user.findUnique({ where: { id: 3 } }).posts({ orderBy: { id } }),
    ],
    ['posts of a user, as a list', 'Post?', db => db.post.findMany({ where: { authorId: 3 }, orderBy: { id } })],
    [
      'products of a brand, as a relation',
      'Brand:unbranded:products?',
      db => db.brand.findUnique({ where: { slug: 'unbranded' } }).products({ orderBy: { sku: id } }),
    ],
    [
      'products of a brand, as a list',
      'Product?',
      db => db.product.findMany({ where: { brandSlug: 'unbranded' }, orderBy: { sku: id } }),
    ],
  ]
  it.each(rows)('%s', async (_, prefix, query) => {
    const list = await query(dbOf(cached))
    expect(list).toHaveLength(50)
    await cached.flushed()
    const keys = (await world.keys()).filter(key => key.startsWith(prefix))
    expect(keys, (await world.keys()).join(' ')).toHaveLength(1)
    const bytes = await world.redis.strlen(`${world.prefix}${keys[0]}`)
    const json = JSON.stringify(list, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    expect(bytes / Buffer.byteLength(json)).toBeLessThanOrEqual(0.4)
  })
})

/** Rows with the rows that point to them: lists under relation tags, many to many, counts. */
import { beforeEach, describe, expect, it } from 'vitest'
import { Prisma } from '../../generated/prisma/client.js'
import { watchRedis } from '../support/monitor.js'
import {
  ask,
  cold,
  dbOf,
  expectSame,
  P1,
  type Query,
  sameAnswers,
  smallWorld,
  useSmallWorld,
  T1,
} from '../support/readings.js'
import { type CachedProcess } from '../support/world.js'

const { world, cached, other } = useSmallWorld()

const id = 'asc' as const

/** What `posts: …` may be, at Ada. */
const args: [string, true | Prisma.User$postsArgs][] = [
  ['true', true],
  ['nothing', {}],
  ['orderBy', { orderBy: { title: 'desc' } }],
  [
    'orderBy several',
    { orderBy: [{ published: 'asc' }, { views: 'desc' }, { slug: { sort: 'asc', nulls: 'first' } }] },
  ],
  ['where', { where: { published: true }, orderBy: { id } }],
  [
    'where with operators',
    { where: { title: { contains: 'E', mode: 'insensitive' }, views: { in: [5, 7] } }, orderBy: { id } },
  ],
  [
    'where with AND, OR, NOT',
    { where: { OR: [{ views: 0 }, { AND: [{ views: { gt: 1 } }, { NOT: { slug: null } }] }] }, orderBy: { id } },
  ],
  ['where of dates', { where: { createdAt: { lte: new Date('2026-06-01') }, publishedAt: null }, orderBy: { id } }],
  ['where of nobody', { where: { title: 'none' } }],
  ['take', { take: 2, orderBy: { id } }],
  ['take the last', { take: -1, orderBy: { id } }],
  ['take none', { take: 0 }],
  ['skip', { skip: 1, orderBy: { id } }],
  ['cursor', { cursor: { id: 2 }, orderBy: { id } }],
  ['cursor and skip', { cursor: { id: 2 }, skip: 1, take: 1, orderBy: { id } }],
  ['cursor of a compound unique', { cursor: { authorId_slug: { authorId: 1, slug: 'three' } }, orderBy: { id } }],
  ['distinct', { distinct: ['published'], orderBy: { id } }],
  ['select', { select: { title: true, id: true }, orderBy: { id } }],
  ['omit', { omit: { body: true }, orderBy: { id } }],
  ['a to-one relation', { include: { category: true }, orderBy: { id } }],
  ['there and back', { include: { author: true }, orderBy: { id } }],
  ['to-one chains', { select: { category: { select: { parent: { select: { name: true } } } } }, orderBy: { id } }],
  ['two levels', { include: { comments: { orderBy: { id } } }, orderBy: { id } }],
  [
    'three levels',
    {
      include: { comments: { orderBy: { id }, include: { replies: { include: { author: true } } } } },
      orderBy: { id },
    },
  ],
  [
    'limits on two levels',
    { take: 2, orderBy: { id }, include: { comments: { take: 1, orderBy: { id }, where: { parentId: null } } } },
  ],
  ['counts', { include: { _count: true }, orderBy: { id } }],
  [
    'some counts',
    {
      select: { id: true, _count: { select: { comments: { where: { authorId: null } }, tags: true } } },
      orderBy: { id },
    },
  ],
  ['where some', { where: { comments: { some: { author: { name: 'Bob' } } } }, orderBy: { id } }],
  ['where none', { where: { tags: { none: {} } }, orderBy: { id } }],
  ['where every', { where: { bookmarks: { every: { note: null } } }, orderBy: { id } }],
  ['where is', { where: { category: { is: { parent: { name: 'Tech' } } } }, orderBy: { id } }],
  ['where is not there', { where: { category: null } }],
  ['orderBy a relation', { orderBy: [{ category: { name: 'desc' } }, { id }] }],
  ['orderBy a count', { orderBy: [{ comments: { _count: 'desc' } }, { id }] }],
]

describe('a list has all arguments that Prisma gives it', () => {
  it.each(args)('%s', async (_, posts) => {
    await sameAnswers(world, [cached, other], db => db.user.findUnique({ where: { id: 1 }, include: { posts } }))
    await sameAnswers(world, [cached, other], db =>
      db.user.findUnique({ where: { email: 'ada@x.org' }, select: { posts, name: true } }),
    )
  })

  it('all lists in one tick: none gets the answer of another', async () => {
    await cold(world, cached, other)
    const queries = args.flatMap(([, posts]): Query[] => [
      db => db.user.findUnique({ where: { id: 1 }, include: { posts } }),
      // Not with a cursor in the list of somebody else: Prisma's own answer depends on what else is asked in the tick.
      db => db.user.findUnique({ where: { id: typeof posts === 'object' && posts.cursor ? 1 : 2 }, select: { posts } }),
    ])
    const truth = await Promise.all(queries.map(query => ask(world.plain, query)))
    for (const process of [cached, cached, other]) {
      expect(await Promise.all(queries.map(query => ask(dbOf(process), query)))).toStrictEqual(truth)
      await process.flushed()
    }
  })
})

const relations: [string, Query][] = [
  ['of nobody', db => db.user.findUnique({ where: { id: 3 }, include: { posts: true, bookmarks: true } })],
  ['of no row', db => db.user.findUnique({ where: { id: 99 }, include: { posts: true } })],
  ['OrThrow', db => db.user.findUniqueOrThrow({ where: { id: 1 }, include: { posts: { orderBy: { id } } } })],
  ['findFirst by the key', db => db.user.findFirst({ where: { id: 1 }, include: { posts: { orderBy: { id } } } })],
  [
    'beside a filter',
    db => db.user.findUnique({ where: { id: 1, role: 'ADMIN' }, include: { posts: { orderBy: { id } } } }),
  ],
  [
    'several lists and rows',
    db =>
      db.user.findUnique({
        where: { id: 1 },
        include: { profile: true, comments: { orderBy: { id } }, posts: { orderBy: { id } } },
      }),
  ],
  [
    'the children of a tree',
    db => db.category.findUnique({ where: { id: 1 }, include: { children: { include: { children: true } } } }),
  ],
  [
    'from a child, with its siblings',
    db => db.category.findUnique({ where: { id: 2 }, include: { parent: { include: { children: true } } } }),
  ],
  ['replies', db => db.comment.findUnique({ where: { id: 'c1' }, include: { replies: true, post: true } })],
  [
    'a list below a row',
    db => db.post.findUnique({ where: { id: 4 }, include: { author: { include: { posts: { orderBy: { id } } } } } }),
  ],
  [
    'a list below a row by another unique',
    db =>
      db.user.findUnique({
        where: { id: 1 },
        select: { profile: { select: { user: { select: { posts: { orderBy: { id } } } } } } },
      }),
  ],
  [
    'a list below null',
    db => db.comment.findUnique({ where: { id: 'c2' }, include: { author: { include: { posts: true } } } }),
  ],
  [
    'a null foreign key above a list',
    db => db.category.findUnique({ where: { id: 3 }, include: { posts: { include: { category: true } } } }),
  ],
  [
    'an id made of text',
    db => db.comment.findUnique({ where: { id: 'c1' }, select: { replies: { select: { id: true } } } }),
  ],
  [
    'explicit many to many',
    db => db.user.findUnique({ where: { id: 1 }, include: { bookmarks: { include: { post: true } } } }),
  ],
  [
    'explicit many to many, from the other side',
    db =>
      db.post.findUnique({
        where: { id: 4 },
        include: { bookmarks: { orderBy: { userId: id }, include: { user: true } } },
      }),
  ],
  [
    'explicit many to many by a plain compound id',
    db =>
      db.tenant.findUnique({
        where: { id: T1 },
        include: { memberships: { orderBy: { userId: id }, include: { user: { select: { email: true } } } } },
      }),
  ],
  [
    'below a compound id',
    db =>
      db.project.findUnique({
        where: { tenantId_number: { tenantId: T1, number: 1 } },
        include: { tasks: { orderBy: { id } } },
      }),
  ],
  [
    'below a compound id, nothing',
    db =>
      db.project.findUnique({
        where: { tenantId_number: { tenantId: T1, number: 2 } },
        include: { tasks: true, tenant: true },
      }),
  ],
  [
    'lists of lists over composite foreign keys',
    db =>
      db.tenant.findUnique({
        where: { slug: 'harbor' },
        include: {
          projects: { orderBy: { number: id }, include: { tasks: { orderBy: { id } } } },
          tasks: { orderBy: { id } },
        },
      }),
  ],
  [
    'a foreign key to a unique',
    db => db.product.findUnique({ where: { sku: 'S1' }, include: { lines: { orderBy: { orderId: id } } } }),
  ],
  [
    'a foreign key to a unique that the caller does not see',
    db =>
      db.product.findUnique({
        where: { id: P1 },
        select: { lines: { select: { quantity: true }, orderBy: { orderId: id } } },
      }),
  ],
  [
    'rows of every type',
    db => db.brand.findUnique({ where: { slug: 'acme' }, include: { products: { orderBy: { sku: id } } } }),
  ],
  [
    'mapped names',
    db =>
      db.order.findUnique({
        where: { id: 1n },
        include: { lines: { orderBy: { position: id }, include: { product: { include: { brand: true } } } } },
      }),
  ],
  [
    'where of a decimal and a big integer',
    db =>
      db.brand.findUnique({
        where: { slug: 'acme' },
        include: { products: { where: { price: { gte: '9.90' }, unitsSold: { gt: 5n } } } },
      }),
  ],
  [
    'where of an enum, a list and json',
    db =>
      db.brand.findUnique({
        where: { slug: 'acme' },
        include: {
          products: {
            where: { condition: 'NEW', keywords: { has: 'a' }, attributes: { path: ['pages', '0'], equals: 1 } },
          },
        },
      }),
  ],
  ['many to many', db => db.post.findUnique({ where: { id: 1 }, include: { tags: { orderBy: { name: 'desc' } } } })],
  [
    'many to many, from the other side',
    db => db.tag.findUnique({ where: { id: 't2' }, include: { posts: { orderBy: { id } } } }),
  ],
  [
    'many to many, by a unique, of none',
    db => db.tag.findUnique({ where: { name: 'unused' }, include: { posts: true } }),
  ],
  [
    'many to many, with arguments',
    db =>
      db.tag.findUnique({
        where: { id: 't2' },
        include: {
          posts: {
            where: { authorId: 1 },
            take: 1,
            orderBy: { id },
            include: { author: true, tags: { orderBy: { id } } },
          },
        },
      }),
  ],
  [
    'many to many with itself',
    db =>
      db.user.findUnique({
        where: { id: 1 },
        include: { following: true, followers: { include: { followers: true } } },
      }),
  ],
  ['every count', db => db.user.findUnique({ where: { id: 1 }, include: { _count: true } })],
  ['counts alone', db => db.user.findUnique({ where: { id: 2 }, select: { _count: true } })],
  [
    'some counts',
    db =>
      db.user.findUnique({
        where: { id: 1 },
        select: { id: true, _count: { select: { posts: true, following: true } } },
      }),
  ],
  [
    'counts with a filter',
    db =>
      db.user.findUnique({
        where: { id: 1 },
        include: { _count: { select: { posts: { where: { published: true } } } } },
      }),
  ],
  [
    'counts with a filter over a relation',
    db =>
      db.user.findUnique({
        where: { id: 1 },
        include: { _count: { select: { posts: { where: { tags: { some: { name: 'sql' } } } } } } },
      }),
  ],
  [
    'counts beside lists',
    db => db.post.findUnique({ where: { id: 1 }, include: { _count: true, comments: { orderBy: { id } } } }),
  ],
  [
    'counts below a row',
    db => db.post.findUnique({ where: { id: 1 }, include: { author: { include: { _count: true } } } }),
  ],
  [
    'counts of nobody',
    db => db.user.findUnique({ where: { id: 3 }, include: { _count: { select: { posts: true } } } }),
  ],
]

describe('with related rows the answer is Prisma’s, and a hit sends no SQL', () => {
  it.each(relations)('%s', (_, query) => sameAnswers(world, [cached, other], query))
})

describe('one entry serves all orders in which the same is selected', () => {
  const both: [string, (turned: boolean) => Query][] = [
    [
      'counts',
      turned => db =>
        db.user.findUnique({
          where: { id: 1 },
          select: { _count: { select: turned ? { following: true, posts: true } : { posts: true, following: true } } },
        }),
    ],
    [
      'counts of a list',
      turned => db =>
        db.user.findUnique({
          where: { id: 1 },
          select: {
            posts: {
              orderBy: { id },
              select: { _count: { select: turned ? { tags: true, comments: true } : { comments: true, tags: true } } },
            },
          },
        }),
    ],
    [
      'lists and fields',
      turned => db =>
        db.user.findUnique({
          where: { id: 1 },
          select: turned
            ? { comments: { orderBy: { id } }, posts: { orderBy: { id } }, name: true, id: true }
            : { id: true, name: true, posts: { orderBy: { id } }, comments: { orderBy: { id } } },
        }),
    ],
  ]
  it.each(both)('%s', async (_, query) => {
    for (const first of [true, false]) {
      await cold(world, cached, other)
      await ask(dbOf(cached), query(first))
      await cached.flushed()
      for (const turned of [first, !first]) {
        const truth = await ask(world.plain, query(turned))
        const sql = await other.countSql(async () => expectSame(await ask(dbOf(other), query(turned)), truth, 'turned'))
        expect(sql).toBe(0)
      }
    }
  })
})

describe('what the cache can’t judge is Prisma’s to answer', () => {
  const asked: [string, Query][] = [
    ['a missing row, OrThrow', db => db.user.findUniqueOrThrow({ where: { id: 99 }, include: { posts: true } })],
    ['a model that is not configured', db => db.order.findUnique({ where: { id: 1n }, include: { shipments: true } })],
    [
      'a count of a model that is not configured',
      db => db.order.findUnique({ where: { id: 1n }, include: { _count: true } }),
    ],
    [
      'a filter over a model that is not configured',
      db => db.user.findUnique({ where: { id: 1 }, include: { orders: { where: { shipments: { some: {} } } } } }),
    ],
    [
      'an order by a model that is not configured',
      db =>
        db.user.findUnique({ where: { id: 1 }, include: { orders: { orderBy: { shipments: { _count: 'asc' } } } } }),
    ],
  ]
  it.each(asked)('%s', (_, query) => sameAnswers(world, [cached, other], query, 'asked'))

  const refused: [string, Query][] = [
    ['an unknown argument', db => db.user.findUnique({ where: { id: 1 }, include: { posts: { nope: 1 } as object } })],
    [
      'an unknown operator',
      db => db.user.findUnique({ where: { id: 1 }, include: { posts: { where: { title: { like: 'x' } } as object } } }),
    ],
    [
      'a wrong type',
      db =>
        db.user.findUnique({ where: { id: 1 }, include: { posts: { where: { views: '1' as unknown as number } } } }),
    ],
    ['an empty select', db => db.user.findUnique({ where: { id: 1 }, include: { posts: { select: {} } } })],
  ]
  it.each(refused)('%s is refused', (_, query) => sameAnswers(world, [cached, other], query, 'refused'))

  const judged: [string, Query][] = [
    [
      'a comparison of two fields',
      db =>
        db.user.findUnique({
          where: { id: 1 },
          include: { posts: { where: { views: { gt: db.post.fields.authorId } }, orderBy: { id } } },
        }),
    ],
    [
      'a fraction of rows',
      db => db.user.findUnique({ where: { id: 1 }, include: { posts: { take: 1.5, orderBy: { id } } } }),
    ],
  ]
  it.each(judged)('%s', async (_, query) => {
    const truth = await ask(world.plain, query)
    for (let i = 0; i < 3; i++) expect(await ask(dbOf(cached), query)).toStrictEqual(truth)
  })

  it('a cursor that is not in the list gets Prisma’s answer, which differs alone and among others', async () => {
    await cold(world, cached, other)
    const after =
      (of: number): Query =>
      db =>
        db.user.findUnique({ where: { id: of }, select: { posts: { cursor: { id: 2 }, orderBy: { id } } } })
    const alone = await ask(world.plain, after(2))
    await Promise.all([1, 2, 3].map(of => ask(dbOf(cached), after(of))))
    await cached.flushed()
    expect(await ask(dbOf(cached), after(2))).toStrictEqual(alone)
    expect(await ask(dbOf(other), after(2))).toStrictEqual(alone)
  })
})

describe('a user with 50 posts', () => {
  const withPosts: Query = db => db.user.findUnique({ where: { id: 3 }, include: { posts: { orderBy: { id } } } })
  const othersPosts: [string, Query][] = [
    ['create', db => db.post.create({ data: { title: 'new', authorId: 1 } })],
    ['create of a relation', db => db.post.create({ data: { title: 'new', author: { connect: { id: 1 } } } })],
    ['update', db => db.post.update({ where: { id: 1 }, data: { title: 'changed' } })],
    [
      'update by a unique',
      db => db.post.update({ where: { authorId_slug: { authorId: 1, slug: 'three' } }, data: { views: 1 } }),
    ],
    ['upsert', db => db.post.upsert({ where: { id: 4 }, create: { title: 'x', authorId: 1 }, update: { views: 2 } })],
    ['delete', db => db.post.delete({ where: { id: 2 } })],
    ['nested create', db => db.user.update({ where: { id: 1 }, data: { posts: { create: { title: 'nested' } } } })],
    ['createMany', db => db.post.createMany({ data: [{ title: 'many', authorId: 1 }] })],
  ]
  const ownPosts: [string, Query][] = [
    ['create', db => db.post.create({ data: { title: 'new', authorId: 3 } })],
    [
      'create that returns nothing of it',
      db =>
        db.post.create({
          data: { title: 'new', author: { connect: { email: 'cyd@x.org' } } },
          select: { title: true },
        }),
    ],
    ['nested create', db => db.user.update({ where: { id: 3 }, data: { posts: { create: { title: 'nested' } } } })],
    ['update', db => db.post.update({ where: { id: 101 }, data: { title: 'changed' }, select: { title: true } })],
    [
      'update by a unique',
      db => db.post.update({ where: { authorId_slug: { authorId: 3, slug: 's1' } }, data: { slug: 's-1' } }),
    ],
    [
      'upsert',
      db =>
        db.post.upsert({
          where: { id: 102 },
          create: { title: 'x', authorId: 3 },
          update: { views: { increment: 1 } },
        }),
    ],
    ['delete', db => db.post.delete({ where: { id: 103 } })],
    ['createMany', db => db.post.createMany({ data: [{ title: 'many', authorId: 3 }] })],
  ]
  const sqlOf = (process: CachedProcess, query: Query) => process.countSql(() => ask(dbOf(process), query))

  beforeEach(async () => {
    await smallWorld(world)
    await world.plain.post.createMany({
      data: Array.from({ length: 50 }, (_, n) => ({
        title: `Post ${n}`,
        slug: `s${n}`,
        authorId: 3,
        body: 'words '.repeat(20),
      })),
    })
    await cold(world, cached, other)
    for (let i = 0; i < 2; i++) {
      await ask(dbOf(cached), withPosts)
      await ask(dbOf(cached), db =>
        db.user.findUnique({ where: { email: 'cyd@x.org' }, include: { posts: { take: 10, orderBy: { id } } } }),
      )
      await cached.flushed()
    }
  })

  it('a warm user with 50 posts is one round trip and no SQL', async () => {
    const seen = await watchRedis(world, async () => {
      expect(await sqlOf(cached, withPosts)).toBe(0)
    })
    expect(seen.commands()).toEqual(['mget'])
  })

  it.each(othersPosts)('a user with posts stays warm when the posts of another change: %s', async (_, write) => {
    await ask(dbOf(cached), db => db.tag.findFirst()) // nothing but an entry that is in nobody's way
    expect(await ask(dbOf(other), write)).toHaveProperty('value')
    expect([await sqlOf(cached, withPosts), await sqlOf(other, withPosts)]).toEqual([0, 0])
  })

  it.each(ownPosts)('a user with posts is fresh at once when the posts change: %s', async (_, write) => {
    const before = await ask(world.plain, withPosts)
    expect(await ask(dbOf(other), write)).toHaveProperty('value')
    const [first, second] = [await ask(dbOf(cached), withPosts), await ask(dbOf(other), withPosts)]
    const truth = await ask(world.plain, withPosts)
    expect(truth).not.toEqual(before)
    expect(first).toStrictEqual(truth)
    expect(second).toStrictEqual(truth)
  })

  it('a user with posts keeps the posts when the name changes, and has the new name', async () => {
    await other.prisma.user.update({ where: { id: 3 }, data: { name: 'Cy' } })
    const user = await ask(dbOf(cached), withPosts)
    expect(user).toMatchObject({ value: { name: 'Cy', posts: { length: 50 } } })
    await cached.flushed()
    expect(await sqlOf(cached, withPosts)).toBe(0)
    const posts: Query = db => db.user.findUnique({ where: { id: 3 } }).posts({ orderBy: { id } })
    expect(await sqlOf(cached, posts)).toBe(0)
  })
})

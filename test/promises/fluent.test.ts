/** `findUnique(…).posts()` and the like: cached as the relation that it asks for, in the shape that Prisma gives it. */
import { describe, expect, it } from 'vitest'
import { ask, cold, dbOf, P1, type Query, sameAnswers, smallWorld, useSmallWorld, T1 } from '../support/readings.js'

const { world, cached, other } = useSmallWorld()

const id = 'asc' as const

const chains: [string, Query][] = [
  ['a list', db => db.user.findUnique({ where: { id: 1 } }).posts({ orderBy: { id } })],
  ['a list by a unique', db => db.user.findUnique({ where: { email: 'ada@x.org' } }).posts({ orderBy: { id } })],
  ['a list without arguments', db => db.category.findUnique({ where: { id: 1 } }).children()],
  [
    'a list with all arguments',
    db =>
      db.user.findUnique({ where: { id: 1 } }).posts({
        where: { published: true },
        orderBy: { title: 'desc' },
        skip: 1,
        take: 1,
        cursor: { id: 1 },
        distinct: ['title'],
      }),
  ],
  [
    'a list with select',
    db => db.user.findUnique({ where: { id: 1 } }).posts({ select: { title: true }, orderBy: { id } }),
  ],
  [
    'a list with include',
    db =>
      db.user
        .findUnique({ where: { id: 1 } })
        .posts({ include: { author: true, comments: { orderBy: { id } }, _count: true }, orderBy: { id } }),
  ],
  ['a list of nobody', db => db.user.findUnique({ where: { id: 3 } }).posts()],
  ['a list of no row', db => db.user.findUnique({ where: { id: 99 } }).posts()],
  ['a list of every type', db => db.brand.findUnique({ where: { slug: 'acme' } }).products({ orderBy: { sku: id } })],
  [
    'a list by a compound id',
    db => db.project.findUnique({ where: { tenantId_number: { tenantId: T1, number: 1 } } }).tasks({ orderBy: { id } }),
  ],
  [
    'a list by a foreign key to a unique',
    db => db.product.findUnique({ where: { id: P1 } }).lines({ orderBy: { orderId: id } }),
  ],
  ['many to many', db => db.post.findUnique({ where: { id: 1 } }).tags({ orderBy: { id } })],
  ['many to many, from the other side', db => db.tag.findUnique({ where: { name: 'sql' } }).posts({ orderBy: { id } })],
  ['many to many with itself', db => db.user.findUnique({ where: { id: 1 } }).followers()],
  ['a row', db => db.post.findUnique({ where: { id: 1 } }).author()],
  ['a row with select', db => db.post.findUnique({ where: { id: 1 } }).author({ select: { name: true } })],
  [
    'a row with include',
    db => db.post.findUnique({ where: { id: 1 } }).author({ include: { profile: true, posts: { orderBy: { id } } } }),
  ],
  ['a row with omit', db => db.post.findUnique({ where: { id: 1 } }).author({ omit: { email: true } })],
  ['a row that is null', db => db.post.findUnique({ where: { id: 2 } }).category()],
  ['a row of no row', db => db.post.findUnique({ where: { id: 99 } }).author()],
  ['a row one to one', db => db.user.findUnique({ where: { id: 1 } }).profile()],
  ['a row one to one, of nobody', db => db.user.findUnique({ where: { id: 3 } }).profile()],
  [
    'two steps',
    db =>
      db.post
        .findUnique({ where: { id: 1 } })
        .author()
        .profile(),
  ],
  [
    'three steps',
    db =>
      db.comment
        .findUnique({ where: { id: 'c1' } })
        .post()
        .author()
        .posts({ take: 2, orderBy: { id } }),
  ],
  [
    'steps over null',
    db =>
      db.post
        .findUnique({ where: { id: 2 } })
        .category()
        .parent(),
  ],
  [
    'steps over null to a list',
    db =>
      db.comment
        .findUnique({ where: { id: 'c1' } })
        .parent()
        .replies(),
  ],
  [
    'steps of no row',
    db =>
      db.post
        .findUnique({ where: { id: 99 } })
        .author()
        .posts(),
  ],
  [
    'steps with arguments on the way',
    db =>
      db.comment
        .findUnique({ where: { id: 'c2' } })
        .parent()
        .post()
        .tags({ where: { name: 'sql' } }),
  ],
  ['findUniqueOrThrow', db => db.user.findUniqueOrThrow({ where: { id: 1 } }).posts({ orderBy: { id } })],
  ['findFirst by the key', db => db.user.findFirst({ where: { id: 1 } }).posts({ orderBy: { id } })],
  [
    'findFirst of any kind',
    db => db.user.findFirst({ where: { name: { startsWith: 'A' } }, orderBy: { id } }).posts({ orderBy: { id } }),
  ],
  [
    'findFirst of any kind, a row',
    db =>
      db.post
        .findFirst({ where: { views: { gt: 5 } } })
        .author()
        .profile(),
  ],
  ['findFirst of no row', db => db.post.findFirst({ where: { views: 1000 } }).author()],
  ['findFirstOrThrow', db => db.post.findFirstOrThrow({ orderBy: { id: 'desc' } }).author()],
]

describe('a fluent call answers as Prisma does, and a hit sends no SQL', () => {
  it.each(chains)('%s', (_, query) => sameAnswers(world, [cached, other], query))
})

it.each([
  ['findUniqueOrThrow', db => db.user.findUniqueOrThrow({ where: { id: 99 } }).posts()],
  ['findFirstOrThrow', db => db.user.findFirstOrThrow({ where: { id: 99 } }).posts()],
] satisfies [string, Query][])('%s of no row is Prisma’s own error', (_, query) =>
  sameAnswers(world, [cached, other], query, 'asked'),
)

it('a fluent call and the same arguments in select never share a result, also in one tick', async () => {
  const queries: Query[] = [
    db => db.user.findUnique({ where: { id: 1 } }).posts({ orderBy: { id } }),
    db => db.user.findUnique({ where: { id: 1 }, select: { posts: { orderBy: { id } } } }),
    db => db.user.findUnique({ where: { id: 1 }, include: { posts: { orderBy: { id } } } }),
    db => db.post.findUnique({ where: { id: 1 } }).author(),
    db => db.post.findUnique({ where: { id: 1 }, select: { author: true } }),
    db =>
      db.post
        .findUnique({ where: { id: 1 } })
        .author()
        .profile(),
    db => db.post.findUnique({ where: { id: 1 }, select: { author: { select: { profile: true } } } }),
    db => db.post.findUnique({ where: { id: 1 } }).author({ select: { profile: true } }),
    db => db.user.findFirst({ where: { name: 'Ada' } }).posts({ orderBy: { id } }),
    db => db.user.findFirst({ where: { name: 'Ada' }, select: { posts: { orderBy: { id } } } }),
  ]
  const truth = await Promise.all(queries.map(query => ask(world.plain, query)))
  await cold(world, cached, other)
  for (const process of [cached, cached, other]) {
    expect(await Promise.all(queries.map(query => ask(dbOf(process), query)))).toStrictEqual(truth)
    await process.flushed()
  }
  await cold(world, cached, other)
  for (const [n, query] of [...queries.entries()].toReversed())
    expect(await ask(dbOf(cached), query)).toStrictEqual(truth[n])
})

it('ten fluent calls of one tick are one query for all, as in a resolver', async () => {
  const resolved = (db: ReturnType<typeof dbOf>) =>
    Promise.all([1, 2, 3, 4, 5].map(post => ask(db, d => d.post.findUnique({ where: { id: post } }).author())))
  const truth = await resolved(world.plain)
  await cold(world, cached, other)
  const plain = world.process({ models: {} })
  const statements = await plain.countSql(() => resolved(dbOf(plain)))
  const sql: number[] = []
  for (const process of [cached, cached, other]) {
    sql.push(await process.countSql(async () => expect(await resolved(dbOf(process))).toStrictEqual(truth)))
    await process.flushed()
  }
  expect(sql).toEqual([statements, 0, 0])
})

describe('fluent calls on writes are writes', () => {
  const writes: [string, Query][] = [
    ['update', db => db.post.update({ where: { id: 1 }, data: { title: 'fluent' } }).author()],
    [
      'update of the parent',
      db =>
        db.user
          .update({ where: { id: 1 }, data: { posts: { create: { title: 'fluent' } } } })
          .posts({ orderBy: { id } }),
    ],
    ['create', db => db.post.create({ data: { title: 'fluent', authorId: 1 } }).author()],
    [
      'create over two steps',
      db =>
        db.post
          .create({ data: { title: 'fluent', authorId: 1 } })
          .author()
          .profile(),
    ],
    [
      'upsert',
      db =>
        db.post.upsert({ where: { id: 2 }, create: { title: 'x', authorId: 1 }, update: { title: 'fluent' } }).tags(),
    ],
    ['delete', db => db.bookmark.delete({ where: { userPost: { userId: 2, postId: 1 } } }).user()],
  ]
  const reads: Query[] = [
    db => db.user.findUnique({ where: { id: 1 } }).posts({ orderBy: { id } }),
    db => db.user.findUnique({ where: { id: 1 }, include: { posts: { orderBy: { id } } } }),
    db => db.post.findUnique({ where: { id: 1 }, include: { bookmarks: true } }),
    db => db.user.findUnique({ where: { id: 2 } }).bookmarks({ orderBy: { postId: id } }),
    db => db.post.findFirst({ where: { title: 'fluent' }, orderBy: { id } }),
  ]
  it.each(writes)('%s: the answer is Prisma’s, and every process reads what was written', async (_, write) => {
    const all = (db: ReturnType<typeof dbOf>) => Promise.all(reads.map(query => ask(db, query)))
    await smallWorld(world)
    const truthOfWrite = await ask(world.plain, write)
    await smallWorld(world)
    await cold(world, cached, other)
    for (const process of [cached, other]) await all(dbOf(process))
    const before = await all(world.plain)
    const answer = await ask(dbOf(cached), write)
    const [mine, theirs] = [await all(dbOf(cached)), await all(dbOf(other))]
    const truth = await all(world.plain)
    expect(truth).not.toEqual(before)
    expect([mine, theirs]).toStrictEqual([truth, truth])
    expect(withoutTimes(answer)).toEqual(withoutTimes(truthOfWrite))
  })
})

const withoutTimes = (answer: unknown): unknown =>
  JSON.parse(JSON.stringify(answer, (key, value: unknown) => (key.endsWith('At') ? undefined : value)))

/** Rows with the rows they point to, or that point to them one to one: each from its own entry. */
import { beforeEach, describe, expect, it } from 'vitest'
import { delegate } from '../support/delegates.js'
import { NoGuesses, wrongGuesses } from '../support/guesses.js'
import { watchRedis } from '../support/monitor.js'
import {
  ALL,
  ask,
  cold,
  type Db,
  dbOf,
  expectSame,
  P1,
  type Query,
  sameAnswers,
  useSmallWorld,
  T1,
  T2,
} from '../support/readings.js'
import { type CachedProcess } from '../support/world.js'

const { world, cached, other } = useSmallWorld({ parts: { Guesses: NoGuesses } })

const shapes: [string, Query][] = [
  ['the other side of a foreign key', db => db.post.findUnique({ where: { id: 1 }, include: { author: true } })],
  ['alone, without a field', db => db.post.findUnique({ where: { id: 1 }, select: { author: true } })],
  [
    'some of its fields',
    db => db.post.findUnique({ where: { id: 1 }, select: { author: { select: { name: true } } } }),
  ],
  ['all but some', db => db.post.findUnique({ where: { id: 1 }, include: { author: { omit: { email: true } } } })],
  [
    'fields in another order than the schema’s',
    db =>
      db.post.findUnique({
        where: { id: 1 },
        select: { title: true, author: { select: { name: true, id: true } }, id: true },
      }),
  ],
  ['without the foreign key', db => db.post.findUnique({ where: { id: 4 }, select: { category: true, title: true } })],
  ['beside omit', db => db.post.findUnique({ where: { id: 4 }, omit: { authorId: true }, include: { author: true } })],
  ['false is none', db => db.post.findUnique({ where: { id: 1 }, include: { author: false, category: true } })],
  [
    'undefined is none',
    db => db.post.findUnique({ where: { id: 1 }, include: { ...({ author: undefined } as object), category: true } }),
  ],
  ['two of them', db => db.post.findUnique({ where: { id: 1 }, include: { category: true, author: true } })],
  ['null', db => db.post.findUnique({ where: { id: 2 }, include: { category: true } })],
  [
    'null below',
    db => db.category.findUnique({ where: { id: 2 }, include: { parent: { include: { parent: true } } } }),
  ],
  ['of no row', db => db.post.findUnique({ where: { id: 99 }, include: { author: true } })],
  [
    'by a unique',
    db => db.post.findUnique({ where: { authorId_slug: { authorId: 1, slug: 'one' } }, include: { author: true } }),
  ],
  ['findFirst by the key', db => db.post.findFirst({ where: { id: 1 }, include: { author: true } })],
  ['OrThrow', db => db.post.findUniqueOrThrow({ where: { id: 1 }, include: { author: true } })],
  ['findFirstOrThrow', db => db.post.findFirstOrThrow({ where: { id: 1 }, select: { author: true } })],
  ['beside a filter', db => db.post.findUnique({ where: { id: 1, published: true }, include: { author: true } })],
  ['itself', db => db.category.findUnique({ where: { id: 2 }, include: { parent: true } })],
  [
    'there and back',
    db => db.profile.findUnique({ where: { id: 1 }, include: { user: { include: { profile: true } } } }),
  ],
  [
    '1–1, from the foreign key',
    db => db.profile.findUnique({ where: { userId: 1 }, include: { user: true, avatar: true } }),
  ],
  ['1–1, from the foreign key, null', db => db.profile.findUnique({ where: { id: 2 }, include: { avatar: true } })],
  ['1–1, from the other side', db => db.user.findUnique({ where: { id: 1 }, include: { profile: true } })],
  [
    '1–1, from the other side, by a unique',
    db => db.user.findUnique({ where: { email: 'bob@x.org' }, include: { profile: true } }),
  ],
  ['1–1, from the other side, of nobody', db => db.user.findUnique({ where: { id: 3 }, include: { profile: true } })],
  ['1–1, from the other side, with bytes', db => db.asset.findUnique({ where: { id: 1 }, include: { profile: true } })],
  ['1–1, from the other side, null', db => db.asset.findUnique({ where: { id: 2 }, select: { profile: true } })],
  [
    '1–1, two steps from the other side',
    db => db.asset.findUnique({ where: { id: 1 }, include: { profile: { include: { user: true } } } }),
  ],
  [
    'a compound id',
    db =>
      db.bookmark.findUnique({ where: { userPost: { userId: 1, postId: 4 } }, include: { user: true, post: true } }),
  ],
  [
    'a compound id of a uuid',
    db =>
      db.membership.findUnique({
        where: { userId_tenantId: { userId: 1, tenantId: T1 } },
        include: { tenant: true, user: true },
      }),
  ],
  [
    'a composite foreign key',
    db => db.task.findUnique({ where: { id: 1 }, include: { project: { include: { tenant: true } } } }),
  ],
  [
    'a composite foreign key, partly null',
    db => db.task.findUnique({ where: { id: 2 }, include: { project: true, tenant: true } }),
  ],
  [
    'a part of a compound id',
    db => db.project.findUnique({ where: { tenantId_number: { tenantId: T2, number: 1 } }, include: { tenant: true } }),
  ],
  [
    'a reference to a unique',
    db =>
      db.orderLine.findUnique({
        where: { orderId_position: { orderId: 1n, position: 2 } },
        include: { product: true },
      }),
  ],
  [
    'a reference to a unique, by a unique',
    db =>
      db.orderLine.findUnique({
        where: { orderId_sku: { orderId: 1n, sku: 'S1' } },
        include: { product: { include: { brand: true } }, order: { include: { customer: true } } },
      }),
  ],
  ['every type', db => db.product.findUnique({ where: { id: P1 }, include: { brand: true } })],
  [
    'mapped names',
    db =>
      db.order.findUnique({
        where: { number: 'N1' },
        include: { customer: { select: { profile: { select: { avatar: { select: { content: true } } } } } } },
      }),
  ],
  [
    'five levels',
    db =>
      db.comment.findUnique({
        where: { id: 'c2' },
        include: {
          parent: {
            include: { post: { include: { author: { include: { profile: { include: { avatar: true } } } } } } },
          },
        },
      }),
  ],
  [
    'a null on the way',
    db => db.comment.findUnique({ where: { id: 'c2' }, include: { author: { include: { profile: true } } } }),
  ],
]

describe('with a related row the answer is Prisma’s, and a hit sends no SQL', () => {
  it.each(shapes)('%s', (_, query) => sameAnswers(world, [cached, other], query))
})

describe('where a relation led before is a guess', () => {
  it.each(shapes)('a guess of where a relation leads is noticed when it is wrong: %s', async (_, query) => {
    const [one, two] = ['1', '2'].map(id => world.process({ models: ALL }, { parts: { Guesses: wrongGuesses(id) } }))
    const truth = await ask(world.plain, query)
    await cold(world, cached, other)
    // The rows that they are led to are there, and valid.
    for (const model of ['User', 'Profile', 'Asset', 'Post', 'Category', 'Task']) {
      for (const id of [1, 2]) await delegate(cached.prisma, model).findUnique({ where: { id } })
    }
    await cached.flushed()
    for (let again = 0; again < 3; again++) {
      for (const process of [one, two, cached, other] as CachedProcess[]) {
        expectSame(await ask(dbOf(process), query), truth, `time ${again}`)
        await process.flushed()
      }
    }
  })

  /** Each move costs one load by the one who reads; then everybody is warm again. */
  const followed = async (query: Query, moves: readonly Query[]) => {
    const sql = async (process: CachedProcess) => {
      const truth = await ask(world.plain, query)
      const count = await process.countSql(async () => expectSame(await ask(dbOf(process), query), truth, 'moved'))
      await process.flushed()
      return count
    }
    await sql(cached)
    for (const move of moves) {
      expect([await sql(cached), await sql(other)]).toEqual([0, 0])
      await ask(dbOf(other), move)
      expect(await sql(cached)).toBeGreaterThan(0)
    }
    expect([await sql(cached), await sql(other)]).toEqual([0, 0])
  }

  it('a guess of where a relation leads is given up when the foreign key moves to another row', async () => {
    const { user, post } = world.plain
    const [a, b] = await user.createManyAndReturn({ data: [{ email: 'a@moves' }, { email: 'b@moves' }] })
    const { id } = await post.create({ data: { title: 't', authorId: a!.id } })
    await followed(
      db => db.post.findUnique({ where: { id }, include: { author: { include: { posts: true, profile: true } } } }),
      [b!.id, a!.id].map(to => db => db.post.update({ where: { id }, data: { authorId: to } })),
    )
  })

  it('a guess of where a relation leads is given up when the foreign key becomes null, and back', async () => {
    const { id } = await world.plain.post.create({ data: { title: 't', authorId: 1, categoryId: 2 } })
    await followed(
      db => db.post.findUnique({ where: { id }, include: { category: { include: { parent: true } } } }),
      [null, 1, 2].map(to => db => db.post.update({ where: { id }, data: { categoryId: to } })),
    )
  })

  it('a wrong guess leaves no token behind, which would keep other processes from filling that row', async () => {
    const { user, post } = world.plain
    const [a, b] = await user.createManyAndReturn({ data: [{ email: 'c@moves' }, { email: 'd@moves' }] })
    const { id } = await post.create({ data: { title: 't', authorId: a!.id } })
    const query: Query = db => db.post.findUnique({ where: { id }, include: { author: true } })
    await ask(dbOf(cached), query)
    await cached.flushed()
    await ask(dbOf(other), db => db.post.update({ where: { id }, data: { authorId: b!.id } }))
    await ask(dbOf(other), db => db.user.update({ where: { id: a!.id }, data: { name: 'x' } }))
    await ask(dbOf(cached), query)
    await cached.flushed()
    expect(await world.keys()).not.toContain(`User:${a!.id}`)
    expect(await cached.countSql(() => ask(dbOf(cached), query))).toBe(0)
  })

  it('a guess saves what it found when the row before it has to be loaded', async () => {
    const query: Query = db => db.post.findUnique({ where: { id: 1 }, include: { author: true } })
    await cold(world, cached)
    await ask(dbOf(cached), query)
    await cached.flushed()
    await ask(dbOf(other), db => db.post.update({ where: { id: 1 }, data: { views: { increment: 1 } } }))
    const seen = await watchRedis(world, async () => {
      await ask(dbOf(cached), query)
      await cached.flushed()
    })
    const filled = seen.lines.filter(([command]) => command === 'eval').map(line => line[3]?.slice(world.prefix.length))
    expect(filled).toEqual(['Post:1'])
  })
})

describe('what is wrong gets Prisma’s error', () => {
  const refused: [string, Query][] = [
    ['select of nothing', db => db.post.findUnique({ where: { id: 1 }, include: { author: { select: {} } } })],
    [
      'an unknown field',
      db => db.post.findUnique({ where: { id: 1 }, include: { author: { select: { nope: true } as object } } }),
    ],
    ['an unknown relation', db => db.post.findUnique({ where: { id: 1 }, include: { nope: true } as object })],
    [
      'select beside include',
      db =>
        db.post.findUnique({ where: { id: 1 }, ...({ select: { id: true }, include: { author: true } } as object) }),
    ],
    ['list arguments', db => db.post.findUnique({ where: { id: 1 }, include: { author: { take: 1 } as object } })],
  ]
  it.each(refused)('%s', async (_, query) => {
    await ask(dbOf(cached), db => db.post.findUnique({ where: { id: 1 }, include: { author: true } }))
    await sameAnswers(world, [cached, other], query, 'refused')
  })

  it('a missing row is Prisma’s error with OrThrow', () =>
    sameAnswers(
      world,
      [cached, other],
      db => db.post.findUniqueOrThrow({ where: { id: 99 }, include: { author: true } }),
      'asked',
    ))
})

describe('what is not meant to be cached', () => {
  it('relations to a model that is not configured are not cached', async () => {
    const { User: _, ...models } = ALL
    const partly = [world.process({ models }), world.process({ models })] as const
    const query: Query = db => db.post.findUnique({ where: { id: 1 }, include: { author: true, category: true } })
    await sameAnswers(world, partly, query, 'asked')
    await sameAnswers(world, partly, db => db.post.findUnique({ where: { id: 1 }, include: { category: true } }))
    expect((await world.keys()).filter(key => /^User[:.?]/.test(key))).toEqual([])
    expect(
      partly[0].prisma.$cache.explain('Post', 'findUnique', { where: { id: 1 }, include: { author: true } }),
    ).toMatchObject({ cached: false })
  })
})

describe('what it costs', () => {
  const fills = async (query: Query) => {
    await ask(dbOf(cached), query)
    await cached.flushed()
  }
  const warm = async (process: CachedProcess, query: Query) => {
    const seen = await watchRedis(world, async () => {
      expect(await process.countSql(() => ask(dbOf(process), query))).toBe(0)
    })
    return seen.commands()
  }
  beforeEach(() => cold(world, cached, other))

  it('a warm read is one round trip, and one per level where it is not known where the relations lead', async () => {
    const levels: [number, Query][] = [
      [2, db => db.post.findUnique({ where: { id: 1 }, include: { author: true, category: true } })],
      [
        3,
        db =>
          db.post.findUnique({ where: { id: 1 }, include: { author: true, category: { include: { parent: true } } } }),
      ],
    ]
    for (const [count, query] of levels) {
      const newcomer = world.process({ models: ALL })
      await ask(dbOf(newcomer), db => db.tag.findUnique({ where: { id: 'none' } }))
      await newcomer.flushed()
      await fills(query)
      expect(await warm(cached, query)).toEqual(['mget'])
      expect(await warm(other, query)).toEqual(Array.from({ length: count }, () => 'mget'))
      expect((await warm(newcomer, query)).length).toBe(count)
      expect(await warm(newcomer, query)).toEqual(['mget'])
    }
  })

  it('a warm read is as many round trips for any number of rows in one tick', async () => {
    const query = (id: number) => (db: Db) => db.post.findUnique({ where: { id }, include: { author: true } })
    const all = () => Promise.all([1, 2, 3, 4, 5].map(id => ask(dbOf(cached), query(id))))
    await all()
    await cached.flushed()
    const seen = await watchRedis(world, async () => {
      expect(await cached.countSql(all)).toBe(0)
    })
    expect(seen.commands()).toEqual(['mget'])
  })

  it('a miss is one query of Prisma’s, as without the cache', async () => {
    const query: Query = db => db.post.findUnique({ where: { id: 1 }, include: { author: true } })
    await fills(db => db.post.findUnique({ where: { id: 4 }, include: { author: true } }))
    const plain = world.process({ models: {} })
    const truth = await plain.countSql(() => ask(dbOf(plain), query))
    expect(await cached.countSql(() => ask(dbOf(cached), query))).toBe(truth)
  })

  it('the entries are those of the rows: reads of one fill for reads of the other', async () => {
    await fills(db => db.post.findUnique({ where: { id: 1 }, include: { author: true } }))
    expect(await cached.countSql(() => ask(dbOf(cached), db => db.post.findUnique({ where: { id: 1 } })))).toBe(0)
    await fills(db => db.category.findUnique({ where: { id: 1 } }))
    await fills(db => db.category.findUnique({ where: { id: 2 } }))
    const composed: Query = db => db.category.findUnique({ where: { id: 2 }, include: { parent: true } })
    expect(await cached.countSql(() => ask(dbOf(cached), composed))).toBe(0)
  })
})

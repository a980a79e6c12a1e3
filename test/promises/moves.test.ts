/**
 * After any write, every read of every shape answers as the database does: through the process that wrote, and through others,
 * whoever wrote. The world is small enough to read all of it, warm, before and after each write.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { type Seen, watchRedis } from '../support/monitor.js'
import {
  ALL,
  ask,
  cold,
  type Db,
  dbOf,
  isSame,
  P1,
  P2,
  P3,
  type Query,
  smallWorld,
  T1,
  T2,
} from '../support/readings.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let writer: CachedProcess
let other: CachedProcess
/** Caches nothing, and writes what others cache. */
let worker: CachedProcess
/** What the untouched world answers. */
let before: Answers
beforeAll(async () => {
  writer = world.process({ models: ALL })
  other = world.process({ models: ALL })
  worker = world.process({ models: {} })
  await warmUp()
})

const id = 'asc' as const

const reads: Record<string, Query> = {
  // To one
  'post 1, author': db => db.post.findUnique({ where: { id: 1 }, include: { author: true } }),
  'post 4, author’s profile, category’s parent': db =>
    db.post.findUnique({
      where: { id: 4 },
      include: { author: { include: { profile: true } }, category: { include: { parent: true } } },
    }),
  'post by slug, author’s name': db =>
    db.post.findUnique({
      where: { authorId_slug: { authorId: 1, slug: 'one' } },
      select: { title: true, author: { select: { name: true } } },
    }),
  'post 2, category': db => db.post.findUnique({ where: { id: 2 }, include: { category: true } }),
  'reply, up to the avatar': db =>
    db.comment.findUnique({
      where: { id: 'c2' },
      include: {
        parent: { include: { post: { include: { author: { include: { profile: { include: { avatar: true } } } } } } } },
      },
    }),
  'comment c1, author and parent': db =>
    db.comment.findUnique({ where: { id: 'c1' }, include: { author: true, parent: true } }),
  'user 1, profile, avatar': db =>
    db.user.findUnique({ where: { id: 1 }, include: { profile: { include: { avatar: true } } } }),
  'user 2, profile': db => db.user.findUnique({ where: { email: 'bob@x.org' }, include: { profile: true } }),
  'user 3, no profile': db => db.user.findUnique({ where: { id: 3 }, include: { profile: true } }),
  'asset 1, profile, user': db =>
    db.asset.findUnique({ where: { id: 1 }, include: { profile: { include: { user: true } } } }),
  'asset 2, no profile': db => db.asset.findUnique({ where: { id: 2 }, include: { profile: true } }),
  'profile by handle, user': db =>
    db.profile.findUnique({ where: { handle: 'ada' }, include: { user: true, avatar: true } }),
  'category 2, parent': db => db.category.findUnique({ where: { id: 2 }, include: { parent: true } }),
  'category by parent and name, parent': db =>
    db.category.findUnique({ where: { parentId_name: { parentId: 1, name: 'Data' } }, include: { parent: true } }),
  'task 1, project, tenant': db =>
    db.task.findUnique({ where: { id: 1 }, include: { project: { include: { tenant: true } } } }),
  'task 2, no project': db => db.task.findUnique({ where: { id: 2 }, include: { project: true, tenant: true } }),
  'line 1:1, product, brand': db =>
    db.orderLine.findUnique({
      where: { orderId_position: { orderId: 1n, position: 1 } },
      include: { product: { include: { brand: true } } },
    }),
  'line by sku, customer': db =>
    db.orderLine.findUnique({
      where: { orderId_sku: { orderId: 2n, sku: 'S1' } },
      include: { order: { include: { customer: true } }, product: true },
    }),
  'bookmark 1:4': db =>
    db.bookmark.findUnique({
      where: { userPost: { userId: 1, postId: 4 } },
      include: { user: true, post: { include: { author: true } } },
    }),
  'membership 1:T1': db =>
    db.membership.findUnique({
      where: { userId_tenantId: { userId: 1, tenantId: T1 } },
      include: { user: true, tenant: true },
    }),
  // To many
  'posts of 1': db => db.user.findUnique({ where: { id: 1 }, include: { posts: { orderBy: { id } } } }),
  'posts of 2': db => db.user.findUnique({ where: { id: 2 }, include: { posts: { orderBy: { id } } } }),
  'posts of 3': db => db.user.findUnique({ where: { email: 'cyd@x.org' }, include: { posts: { orderBy: { id } } } }),
  'posts of 100': db => db.user.findUnique({ where: { id: 100 }, include: { posts: { orderBy: { id } } } }),
  'published titles of 1': db =>
    db.user.findUnique({
      where: { id: 1 },
      select: { posts: { where: { published: true }, select: { title: true }, orderBy: { id } } },
    }),
  'last two of 2': db =>
    db.user.findUnique({ where: { id: 2 }, select: { posts: { take: 2, orderBy: { id: 'desc' } } } }),
  'of 1 from a cursor in another’s list': db =>
    db.user.findUnique({
      where: { id: 1 },
      select: { posts: { cursor: { id: 4 }, orderBy: { views: 'asc' }, select: { title: true } } },
    }),
  'posts of 2 with categories': db =>
    db.user.findUnique({ where: { id: 2 }, select: { posts: { orderBy: { id }, include: { category: true } } } }),
  'posts of 1 with comments and replies': db =>
    db.user.findUnique({
      where: { id: 1 },
      include: {
        posts: {
          orderBy: { id },
          include: { comments: { orderBy: { id }, include: { replies: { orderBy: { id } } } } },
        },
      },
    }),
  'posts of 1 that have comments of Bob': db =>
    db.user.findUnique({
      where: { id: 1 },
      include: { posts: { where: { comments: { some: { author: { name: 'Bob' } } } }, orderBy: { id } } },
    }),
  'posts of 1 by their comments': db =>
    db.user.findUnique({
      where: { id: 1 },
      select: { posts: { orderBy: [{ comments: { _count: 'desc' } }, { id }], select: { id: true } } },
    }),
  'posts of 1 by category': db =>
    db.user.findUnique({
      where: { id: 1 },
      select: { posts: { orderBy: [{ category: { name: 'asc' } }, { id }], select: { id: true } } },
    }),
  'counts of 1': db => db.user.findUnique({ where: { id: 1 }, include: { _count: true } }),
  'counts of 2': db => db.user.findUnique({ where: { id: 2 }, select: { _count: true } }),
  'published count of 1': db =>
    db.user.findUnique({ where: { id: 1 }, select: { _count: { select: { posts: { where: { published: true } } } } } }),
  'category 1, children, posts': db =>
    db.category.findUnique({
      where: { id: 1 },
      include: { children: { orderBy: { id }, include: { posts: { orderBy: { id } } } } },
    }),
  'category 2, posts': db => db.category.findUnique({ where: { id: 2 }, include: { posts: { orderBy: { id } } } }),
  'category 3, posts, children': db =>
    db.category.findUnique({
      where: { id: 3 },
      include: { posts: { orderBy: { id } }, children: { orderBy: { id } } },
    }),
  'comment c1, replies': db =>
    db.comment.findUnique({ where: { id: 'c1' }, include: { replies: { orderBy: { id } } } }),
  'comment c3, replies': db => db.comment.findUnique({ where: { id: 'c3' }, include: { replies: true } }),
  'post 1, comments': db =>
    db.post.findUnique({ where: { id: 1 }, include: { comments: { orderBy: { id } }, _count: true } }),
  'post 4, comments with authors': db =>
    db.post.findUnique({ where: { id: 4 }, include: { comments: { orderBy: { id }, include: { author: true } } } }),
  'brand acme, products': db =>
    db.brand.findUnique({ where: { slug: 'acme' }, include: { products: { orderBy: { name: id } } } }),
  'brand lumen, products': db =>
    db.brand.findUnique({ where: { slug: 'lumen' }, include: { products: { orderBy: { name: id } } } }),
  'product 1, lines': db =>
    db.product.findUnique({ where: { id: P1 }, include: { lines: { orderBy: [{ orderId: id }, { position: id }] } } }),
  'product S1, lines': db =>
    db.product.findUnique({
      where: { sku: 'S1' },
      select: { lines: { orderBy: [{ orderId: id }, { position: id }] } },
    }),
  'product 3, lines': db =>
    db.product.findUnique({ where: { id: P3 }, include: { lines: { orderBy: { orderId: id } }, brand: true } }),
  'order 1, lines, products': db =>
    db.order.findUnique({
      where: { id: 1n },
      include: { lines: { orderBy: { position: id }, include: { product: true } } },
    }),
  'order 2, lines': db =>
    db.order.findUnique({ where: { number: 'N2' }, include: { lines: { orderBy: { position: id } }, customer: true } }),
  'order 1, how many shipments': db => db.order.findUnique({ where: { id: 1n }, include: { _count: true } }),
  'tenant 1, projects, tasks': db =>
    db.tenant.findUnique({
      where: { id: T1 },
      include: {
        projects: { orderBy: { number: id }, include: { tasks: { orderBy: { id } } } },
        tasks: { orderBy: { id } },
      },
    }),
  'tenant 2, tasks, members': db =>
    db.tenant.findUnique({
      where: { slug: 'meadow' },
      include: { tasks: { orderBy: { id } }, memberships: { include: { user: true } } },
    }),
  'project 1, tasks': db =>
    db.project.findUnique({
      where: { tenantId_number: { tenantId: T1, number: 1 } },
      include: { tasks: { orderBy: { id } } },
    }),
  'project 2, tasks': db =>
    db.project.findUnique({
      where: { tenantId_number: { tenantId: T1, number: 2 } },
      include: { tasks: { orderBy: { id } } },
    }),
  'user 1, bookmarks': db =>
    db.user.findUnique({
      where: { id: 1 },
      include: { bookmarks: { orderBy: { postId: id }, include: { post: true } } },
    }),
  'user 2, bookmarks': db =>
    db.user.findUnique({ where: { id: 2 }, include: { bookmarks: { orderBy: { postId: id } } } }),
  'post 4, bookmarks': db =>
    db.post.findUnique({ where: { id: 4 }, include: { bookmarks: { orderBy: { userId: id } } } }),
  // Many to many
  'post 1, tags': db => db.post.findUnique({ where: { id: 1 }, include: { tags: { orderBy: { id } } } }),
  'post 4, tags': db =>
    db.post.findUnique({
      where: { id: 4 },
      include: { tags: { orderBy: { id } }, _count: { select: { tags: true } } },
    }),
  'post 5, tags': db => db.post.findUnique({ where: { id: 5 }, select: { tags: { orderBy: { id } } } }),
  'tag t1, posts': db => db.tag.findUnique({ where: { id: 't1' }, include: { posts: { orderBy: { id } } } }),
  'tag sql, posts, authors': db =>
    db.tag.findUnique({
      where: { name: 'sql' },
      include: { posts: { orderBy: { id }, include: { author: true } }, _count: true },
    }),
  'tag t3, posts': db => db.tag.findUnique({ where: { id: 't3' }, include: { posts: { orderBy: { id } } } }),
  'whom 1 follows': db =>
    db.user.findUnique({
      where: { id: 1 },
      include: { following: { orderBy: { id } }, followers: { orderBy: { id } } },
    }),
  'who follows 2': db => db.user.findUnique({ where: { id: 2 }, select: { followers: { orderBy: { id } } } }),
  'posts of whom 3 follows': db =>
    db.user.findUnique({
      where: { id: 3 },
      select: { following: { orderBy: { id }, select: { posts: { orderBy: { id }, select: { title: true } } } } },
    }),
  // Fluent
  'fluent posts of 1': db => db.user.findUnique({ where: { id: 1 } }).posts({ orderBy: { id } }),
  'fluent one post of 2': db =>
    db.user.findUnique({ where: { email: 'bob@x.org' } }).posts({ take: 1, orderBy: { id: 'desc' } }),
  'fluent author’s profile': db =>
    db.post
      .findUnique({ where: { id: 4 } })
      .author()
      .profile(),
  'fluent profile of 3': db => db.user.findUnique({ where: { id: 3 } }).profile(),
  'fluent tags of 1': db => db.post.findUnique({ where: { id: 1 } }).tags({ orderBy: { id } }),
  'fluent posts of the first draft’s author': db =>
    db.post
      .findFirst({ where: { published: false }, orderBy: { id } })
      .author()
      .posts({ orderBy: { id } }),
  // First matches
  'last post of 1': db => db.post.findFirst({ where: { authorId: 1 }, orderBy: { id: 'desc' } }),
  'first post of 3': db => db.post.findFirst({ where: { authorId: 3 } }),
  'first by title': db => db.post.findFirst({ where: { title: 'Four' }, include: { author: true } }),
  'first user without posts': db => db.user.findFirst({ where: { posts: { none: {} } }, orderBy: { id } }),
  'first tagged sql': db => db.post.findFirst({ where: { tags: { some: { name: 'sql' } } }, orderBy: { id: 'desc' } }),
  'first without category': db => db.post.findFirst({ where: { categoryId: null }, orderBy: { id } }),
  'first root': db => db.category.findFirst({ where: { parentId: null, name: 'Film' } }),
  // Lists and numbers
  'list of 1': db => db.post.findMany({ where: { authorId: 1 }, orderBy: { id } }),
  'list of 2, named': db => db.post.findMany({ where: { authorId: 2, title: { not: 'x' } }, orderBy: { title: id } }),
  'list of all, with authors': db => db.post.findMany({ orderBy: { id }, include: { author: true } }),
  'list of 2 with lists': db =>
    db.post.findMany({
      where: { authorId: 2 },
      orderBy: { id },
      include: { comments: { orderBy: { id } }, tags: { orderBy: { id } } },
    }),
  'list of 1 from a cursor in another’s': db =>
    db.post.findMany({ where: { authorId: 1 }, cursor: { id: 4 }, orderBy: { views: 'asc' }, select: { title: true } }),
  'list in category 2': db => db.post.findMany({ where: { categoryId: 2 }, orderBy: { id } }),
  'list of users by posts': db =>
    db.user.findMany({ orderBy: [{ posts: { _count: 'desc' } }, { id }], include: { _count: true } }),
  'list of lines of S1': db =>
    db.orderLine.findMany({ where: { sku: 'S1' }, orderBy: [{ orderId: id }, { position: id }] }),
  'list of products of acme': db => db.product.findMany({ where: { brandSlug: 'acme' }, orderBy: { name: id } }),
  'list of tasks of T1:1': db => db.task.findMany({ where: { tenantId: T1, projectNumber: 1 }, orderBy: { id } }),
  'list of orders that were shipped': db =>
    db.order.findMany({ where: { shipments: { some: {} } }, orderBy: { number: id } }),
  'how many of 1': db => db.post.count({ where: { authorId: 1 } }),
  'how many of 2': db => db.post.count({ where: { authorId: { equals: 2 } } }),
  'how many': db => db.comment.count(),
  'how many on posts of Ada': db => db.comment.count({ where: { post: { author: { name: 'Ada' } } } }),
  'views of 1': db => db.post.aggregate({ where: { authorId: 1 }, _sum: { views: true }, _max: { title: true } }),
  'posts by author': db => db.post.groupBy({ by: ['authorId'], orderBy: { authorId: id }, _count: true }),
}

type Answers = Map<string, unknown>
async function answers(db: Db): Promise<Answers> {
  return new Map(
    await Promise.all(Object.entries(reads).map(async ([name, query]) => [name, await ask(db, query)] as const)),
  )
}

/** Which reads differ, and how. */
function wrong(found: Answers, truth: Answers): string[] {
  return [...found].flatMap(([name, answer]) => {
    if (isSame(answer, truth.get(name))) return []
    return [`${name}${isSame(answer, before.get(name)) ? ': as before the write' : ': neither old nor new'}`]
  })
}

/** The warm cache of the untouched world, to be put back before each write. */
let warmKeys: { key: string; dump: Buffer; ms: number }[]

async function warmUp(): Promise<void> {
  await smallWorld(world)
  await cold(world, writer, other)
  before = await answers(world.plain)
  for (const process of [writer, other]) {
    await answers(dbOf(process))
    await process.flushed()
  }
  warmKeys = await Promise.all(
    (await world.keys()).map(async name => {
      const key = `${world.prefix}${name}`
      return { key, dump: await world.redis.dumpBuffer(key), ms: await world.redis.pttl(key) }
    }),
  )
}

async function asBefore(): Promise<void> {
  await smallWorld(world)
  await cold(world, writer, other, worker)
  await Promise.all(warmKeys.map(({ key, dump, ms }) => world.redis.restore(key, ms, dump, 'REPLACE')))
}

type Fate = 'changes' | 'fails' | 'changes nothing'

/** Everything warm, one write, everything again: at once through another process, then through the one that wrote. */
async function everythingIsFresh(write: Query, fate: Fate = 'changes'): Promise<void> {
  await asBefore()
  let outcome: unknown
  const seen = await watchRedis(world, async () => (outcome = await ask(dbOf(writer), write)))
  const [through, truth] = await Promise.all([answers(dbOf(other)), answers(world.plain)])
  const found = [through, await answers(dbOf(writer))]
  expect(outcome).toHaveProperty(fate === 'fails' ? 'error' : 'value')
  expect(wrong(truth, before).length > 0, 'whether some read sees the write').toBe(fate === 'changes')
  expect(found.map(each => wrong(each, truth))).toEqual([[], []])

  // `models` decides what is cached, never what is dropped.
  await smallWorld(world)
  const elsewhere = await watchRedis(world, () => ask(dbOf(worker), write))
  expect(droppedBy(elsewhere), 'keys dropped by a process that caches nothing').toEqual(droppedBy(seen))
}

const droppedBy = ({ lines }: Seen) =>
  [...new Set(lines.filter(([name]) => name === 'del').flatMap(([, ...keys]) => keys))].toSorted()

it('without a write, everything is a hit, in both processes, and equal', async () => {
  await asBefore()
  const notConfigured = 2 // reads that look at Shipment
  for (const process of [writer, other]) {
    expect(await process.countSql(async () => expect(wrong(await answers(dbOf(process)), before)).toEqual([]))).toBe(
      notConfigured,
    )
  }
})

const children: [string, Query][] = [
  ['create', db => db.post.create({ data: { title: 'Six', authorId: 1, categoryId: 2 } })],
  [
    'create under a parent found by a unique',
    db =>
      db.post.create({
        data: { title: 'Six', author: { connect: { email: 'cyd@x.org' } }, tags: { connect: { name: 'unused' } } },
        select: { title: true },
      }),
  ],
  [
    'create with a new parent',
    db =>
      db.post.create({
        data: {
          title: 'Six',
          author: { create: { email: 'new@x.org' } },
          category: { connectOrCreate: { where: { id: 2 }, create: { name: 'x' } } },
        },
      }),
  ],
  [
    'createMany',
    db =>
      db.post.createMany({
        data: [
          { title: 'Six', authorId: 1 },
          { title: 'Seven', authorId: 2 },
        ],
      }),
  ],
  [
    'createManyAndReturn',
    db =>
      db.post.createManyAndReturn({ data: [{ title: 'Six', authorId: 3, categoryId: 3 }], select: { title: true } }),
  ],
  ['update', db => db.post.update({ where: { id: 1 }, data: { title: 'Uno', views: { increment: 1 } } })],
  ['update of another’s row, under a cursor', db => db.post.update({ where: { id: 4 }, data: { views: 6 } })],
  [
    'update by a unique, with nothing in the result',
    db =>
      db.post.update({
        where: { authorId_slug: { authorId: 2, slug: 'four' } },
        data: { title: 'Vier', slug: 'vier' },
        select: { published: true },
      }),
  ],
  [
    'update of the unique that it is found by',
    db => db.post.update({ where: { authorId_slug: { authorId: 1, slug: 'one' } }, data: { slug: 'uno' } }),
  ],
  ['update of the key', db => db.post.update({ where: { id: 1 }, data: { id: 50 } })],
  [
    'update of the key by a unique',
    db => db.post.update({ where: { authorId_slug: { authorId: 2, slug: 'four' } }, data: { id: 50 } }),
  ],
  [
    'upsert that updates',
    db => db.post.upsert({ where: { id: 3 }, create: { title: 'x', authorId: 1 }, update: { published: false } }),
  ],
  [
    'upsert that creates',
    db => db.post.upsert({ where: { id: 77 }, create: { title: 'Six', authorId: 1 }, update: {} }),
  ],
  [
    'upsert that moves',
    db =>
      db.post.upsert({
        where: { id: 3 },
        create: { title: 'x', authorId: 1 },
        update: { author: { connect: { id: 2 } } },
      }),
  ],
  ['delete', db => db.post.delete({ where: { id: 1 } })],
  [
    'delete by a unique',
    db => db.post.delete({ where: { authorId_slug: { authorId: 2, slug: 'four' } }, select: { title: true } }),
  ],
  ['deleteMany by key', db => db.post.deleteMany({ where: { id: { in: [1, 5] } } })],
  ['deleteMany by parent', db => db.post.deleteMany({ where: { authorId: 2 } })],
  ['updateMany', db => db.post.updateMany({ where: { published: true }, data: { views: 9 } })],
  ['updateMany by key', db => db.post.updateMany({ where: { id: 4 }, data: { title: 'Vier' } })],
  [
    'updateManyAndReturn',
    db => db.post.updateManyAndReturn({ where: { authorId: 1 }, data: { title: 'same' }, select: { id: true } }),
  ],
]

const moved: [string, Query][] = [
  ['by the foreign key', db => db.post.update({ where: { id: 1 }, data: { authorId: 2 } })],
  [
    'by the foreign key, with nothing in the result',
    db => db.post.update({ where: { id: 4 }, data: { authorId: { set: 3 } }, select: { title: true } }),
  ],
  [
    'by connect from the child',
    db => db.post.update({ where: { id: 1 }, data: { author: { connect: { email: 'bob@x.org' } } } }),
  ],
  [
    'by create from the child',
    db => db.post.update({ where: { id: 4 }, data: { author: { create: { email: 'new@x.org' } } } }),
  ],
  [
    'by connectOrCreate from the child',
    db =>
      db.post.update({
        where: { id: 4 },
        data: { author: { connectOrCreate: { where: { id: 3 }, create: { email: 'no@x.org' } } } },
      }),
  ],
  [
    'by connect from the new parent',
    db =>
      db.user.update({
        where: { id: 2 },
        data: { posts: { connect: [{ id: 1 }, { authorId_slug: { authorId: 1, slug: 'three' } }] } },
      }),
  ],
  [
    'by connect from a new parent',
    db => db.user.create({ data: { email: 'new@x.org', posts: { connect: { id: 4 } } } }),
  ],
  [
    'by connectOrCreate from the new parent',
    db =>
      db.user.update({
        where: { email: 'cyd@x.org' },
        data: { posts: { connectOrCreate: { where: { id: 4 }, create: { title: 'x' } } } },
      }),
  ],
  [
    'by update from another parent',
    db =>
      db.category.update({
        where: { id: 2 },
        data: { posts: { update: { where: { id: 1 }, data: { author: { connect: { id: 3 } } } } } },
      }),
  ],
  ['by updateMany', db => db.post.updateMany({ where: { authorId: 1 }, data: { authorId: 2, slug: null } })],
  [
    'by updateManyAndReturn',
    db =>
      db.post.updateManyAndReturn({
        where: { title: 'Four' },
        data: { authorId: 1, slug: 'four' },
        select: { title: true },
      }),
  ],
  ['by raw SQL', db => db.$executeRaw`UPDATE "Post" SET "authorId" = 2, "slug" = NULL WHERE "id" = 1`],
  ['by raw SQL that returns', db => db.$queryRaw`UPDATE "Post" SET "authorId" = 3 WHERE "authorId" = 2 RETURNING "id"`],
  [
    'into an optional parent',
    db => db.category.update({ where: { id: 3 }, data: { posts: { connect: [{ id: 1 }, { id: 2 }] } } }),
  ],
  [
    'out of an optional parent, from the child',
    db => db.post.update({ where: { id: 1 }, data: { category: { disconnect: true } } }),
  ],
  ['out of an optional parent, by null', db => db.post.update({ where: { id: 4 }, data: { categoryId: null } })],
  [
    'out of an optional parent, from the parent',
    db => db.category.update({ where: { id: 2 }, data: { posts: { disconnect: { id: 1 } } } }),
  ],
  ['by set', db => db.category.update({ where: { id: 2 }, data: { posts: { set: [{ id: 4 }, { id: 1 }] } } })],
  ['by set of none', db => db.category.update({ where: { id: 2 }, data: { posts: { set: [] } } })],
  [
    'with a new optional parent',
    db => db.post.update({ where: { id: 4 }, data: { category: { create: { name: 'New', parentId: 1 } } } }),
  ],
  ['with its key', db => db.bookmark.update({ where: { userPost: { userId: 1, postId: 4 } }, data: { postId: 1 } })],
  ['in a tree', db => db.category.update({ where: { id: 2 }, data: { parent: { connect: { id: 3 } } } })],
  ['in a tree, from above', db => db.category.update({ where: { id: 3 }, data: { children: { connect: { id: 2 } } } })],
  ['out of a tree', db => db.category.update({ where: { id: 1 }, data: { children: { set: [] } } })],
  ['among replies', db => db.comment.update({ where: { id: 'c2' }, data: { parentId: 'c3' } })],
  [
    'among replies, from above',
    db => db.comment.update({ where: { id: 'c3' }, data: { replies: { connect: { id: 'c2' } } } }),
  ],
  [
    'by a composite foreign key',
    db =>
      db.task.update({
        where: { id: 1 },
        data: { project: { connect: { tenantId_number: { tenantId: T1, number: 2 } } } },
      }),
  ],
  [
    'by one column of a composite foreign key',
    db => db.task.update({ where: { id: 1 }, data: { projectNumber: null } }),
  ],
  [
    'by both columns of a composite foreign key',
    db => db.task.update({ where: { id: 2 }, data: { tenantId: T2, projectNumber: 1 } }),
  ],
  [
    'by a composite foreign key, from above',
    db =>
      db.project.update({
        where: { tenantId_number: { tenantId: T1, number: 2 } },
        data: { tasks: { connect: [{ id: 1 }, { id: 2 }] } },
      }),
  ],
  [
    'by a foreign key to a unique',
    db =>
      db.orderLine.update({
        where: { orderId_position: { orderId: 2n, position: 1 } },
        data: { product: { connect: { id: P3 } } },
      }),
  ],
  [
    'by a foreign key to a unique, from above',
    db =>
      db.product.update({
        where: { id: P3 },
        data: { lines: { connect: { orderId_position: { orderId: 1n, position: 1 } } } },
      }),
  ],
  [
    'between parents of which one is not named',
    db => db.product.update({ where: { sku: 'S2' }, data: { brand: { connect: { slug: 'lumen' } }, model: 'New' } }),
  ],
]

const parents: [string, Query][] = [
  ['rename', db => db.user.update({ where: { id: 1 }, data: { name: 'A' } })],
  [
    'rename by a unique, with nothing in the result',
    db =>
      db.user.update({ where: { email: 'bob@x.org' }, data: { name: 'B', email: 'b@x.org' }, select: { role: true } }),
  ],
  ['a new key', db => db.user.update({ where: { id: 1 }, data: { id: 100 } })],
  ['a new key by a unique', db => db.user.update({ where: { email: 'bob@x.org' }, data: { id: 100 } })],
  ['a new natural key', db => db.brand.update({ where: { slug: 'acme' }, data: { slug: 'lumen2' } })],
  ['a new unique that children reference', db => db.product.update({ where: { id: P1 }, data: { sku: 'S9' } })],
  [
    'uniques that change places',
    db =>
      db.$transaction([
        db.product.update({ where: { id: P1 }, data: { sku: 'S0' } }),
        db.product.update({ where: { id: P2 }, data: { sku: 'S1' } }),
      ]),
  ],
  [
    'a new part of a compound key',
    db => db.project.update({ where: { tenantId_number: { tenantId: T1, number: 1 } }, data: { number: 9 } }),
  ],
  ['keys by updateMany', db => db.user.updateMany({ where: { id: 1 }, data: { id: 100 } })],
  [
    'nested create',
    db =>
      db.user.update({
        where: { id: 1 },
        data: {
          posts: { create: { title: 'Six', comments: { create: { text: 'new' } }, tags: { create: { name: 'new' } } } },
        },
      }),
  ],
  [
    'nested createMany',
    db => db.user.update({ where: { id: 3 }, data: { posts: { createMany: { data: [{ title: 'Six' }] } } } }),
  ],
  [
    'nested update',
    db =>
      db.user.update({
        where: { id: 1 },
        data: {
          posts: {
            update: {
              where: { id: 1 },
              data: { title: 'Uno', comments: { update: { where: { id: 'c1' }, data: { text: 'x' } } } },
            },
          },
        },
      }),
  ],
  [
    'nested updateMany',
    db =>
      db.user.update({
        where: { id: 1 },
        data: { posts: { updateMany: { where: { published: true }, data: { views: 0 } } } },
      }),
  ],
  [
    'nested upsert',
    db =>
      db.user.update({
        where: { id: 1 },
        data: { posts: { upsert: { where: { id: 2 }, create: { title: 'x' }, update: { title: 'Dos' } } } },
      }),
  ],
  ['nested delete', db => db.user.update({ where: { id: 1 }, data: { posts: { delete: { id: 1 } } } })],
  ['nested deleteMany', db => db.category.update({ where: { id: 2 }, data: { posts: { deleteMany: {} } } })],
  [
    'update of a parent from its child',
    db =>
      db.post.update({
        where: { id: 1 },
        data: { author: { update: { name: 'A', profile: { update: { bio: 'x' } } } } },
      }),
  ],
  ['delete that cascades', db => db.user.delete({ where: { id: 2 } })],
  ['delete that cascades by a unique', db => db.user.delete({ where: { email: 'bob@x.org' }, select: { name: true } })],
  ['delete that sets null', db => db.category.delete({ where: { id: 3 } })],
  [
    'delete that sets a default',
    db => db.$transaction([db.orderLine.deleteMany(), db.brand.delete({ where: { slug: 'lumen' } })]),
  ],
  ['delete of a tree of replies', db => db.comment.delete({ where: { id: 'c1' } })],
  [
    'delete of an optional child from above',
    db => db.post.update({ where: { id: 4 }, data: { category: { delete: true } } }),
  ],
  ['delete over composite foreign keys', db => db.tenant.delete({ where: { slug: 'meadow' } })],
  ['deleteMany that cascades', db => db.order.deleteMany({ where: { customerId: 3 } })],
]

const oneToOne: [string, Query][] = [
  ['created after its absence was kept', db => db.profile.create({ data: { userId: 3, handle: 'cyd', avatarId: 2 } })],
  [
    'created from the other side',
    db => db.user.update({ where: { id: 3 }, data: { profile: { create: { bio: 'new' } } } }),
  ],
  [
    'created in place of another',
    db =>
      db.user.update({
        where: { id: 3 },
        data: { profile: { connectOrCreate: { where: { handle: 'ada' }, create: {} } } },
      }),
  ],
  ['moved by its foreign key', db => db.profile.update({ where: { id: 1 }, data: { userId: 3 } })],
  [
    'moved by connect',
    db => db.profile.update({ where: { id: 1 }, data: { user: { connect: { email: 'cyd@x.org' } } } }),
  ],
  [
    'moved by connect from the other side',
    db => db.user.update({ where: { id: 3 }, data: { profile: { connect: { handle: 'ada' } } } }),
  ],
  ['pushed out by connect', db => db.profile.update({ where: { id: 2 }, data: { avatar: { connect: { id: 1 } } } })],
  [
    'pushed out by connect from the other side',
    db => db.asset.update({ where: { id: 1 }, data: { profile: { connect: { id: 2 } } } }),
  ],
  ['pushed out by create', db => db.asset.update({ where: { id: 1 }, data: { profile: { create: { userId: 3 } } } })],
  ['disconnected', db => db.profile.update({ where: { handle: 'ada' }, data: { avatar: { disconnect: true } } })],
  [
    'disconnected from the other side',
    db => db.asset.update({ where: { id: 1 }, data: { profile: { disconnect: true } } }),
  ],
  [
    'updated from the other side',
    db => db.user.update({ where: { id: 1 }, data: { profile: { update: { bio: 'x' } } } }),
  ],
  [
    'upserted from the other side',
    db =>
      db.user.update({
        where: { id: 3 },
        data: { profile: { upsert: { create: { bio: 'x' }, update: { bio: 'y' } } } },
      }),
  ],
  ['deleted', db => db.profile.delete({ where: { userId: 1 } })],
  ['deleted from the other side', db => db.user.update({ where: { id: 2 }, data: { profile: { delete: true } } })],
  ['set null by a delete', db => db.asset.delete({ where: { id: 1 } })],
]

const manyToMany: [string, Query][] = [
  ['renamed', db => db.tag.update({ where: { id: 't1' }, data: { name: 'valkey' } })],
  [
    'renamed by a unique',
    db => db.tag.update({ where: { name: 'sql' }, data: { name: 'SQL' }, select: { posts: { select: { id: true } } } }),
  ],
  ['given another key', db => db.tag.update({ where: { id: 't2' }, data: { id: 't9' } })],
  [
    'connected',
    db => db.post.update({ where: { id: 5 }, data: { tags: { connect: [{ id: 't1' }, { name: 'unused' }] } } }),
  ],
  [
    'connected from the other side',
    db => db.tag.update({ where: { name: 'unused' }, data: { posts: { connect: { id: 5 } } } }),
  ],
  ['disconnected', db => db.post.update({ where: { id: 1 }, data: { tags: { disconnect: { id: 't2' } } } })],
  [
    'disconnected from the other side',
    db => db.tag.update({ where: { id: 't2' }, data: { posts: { disconnect: [{ id: 1 }] } } }),
  ],
  ['set', db => db.post.update({ where: { id: 1 }, data: { tags: { set: [{ id: 't3' }] } } })],
  ['set to none', db => db.post.update({ where: { id: 1 }, data: { tags: { set: [] } } })],
  ['set from the other side', db => db.tag.update({ where: { id: 't2' }, data: { posts: { set: [{ id: 5 }] } } })],
  ['created at a post', db => db.post.update({ where: { id: 1 }, data: { tags: { create: { name: 'new' } } } })],
  ['created with posts', db => db.tag.create({ data: { name: 'new', posts: { connect: [{ id: 1 }, { id: 5 }] } } })],
  [
    'connected or created',
    db =>
      db.post.update({
        where: { id: 5 },
        data: { tags: { connectOrCreate: { where: { name: 'sql' }, create: { name: 'no' } } } },
      }),
  ],
  [
    'updated at a post',
    db =>
      db.post.update({ where: { id: 1 }, data: { tags: { update: { where: { id: 't2' }, data: { name: 'SQL' } } } } }),
  ],
  [
    'updated, many, at a post',
    db => db.post.update({ where: { id: 4 }, data: { tags: { updateMany: { where: {}, data: { name: 'all' } } } } }),
  ],
  ['deleted', db => db.tag.delete({ where: { id: 't2' } })],
  ['deleted at a post', db => db.post.update({ where: { id: 1 }, data: { tags: { delete: { name: 'sql' } } } })],
  ['gone with deleteMany', db => db.tag.deleteMany({ where: { name: { startsWith: 's' } } })],
  [
    'deep in a nested write',
    db =>
      db.user.update({
        where: { id: 1 },
        data: { posts: { update: { where: { id: 1 }, data: { tags: { set: [] } } } } },
      }),
  ],
  ['by raw SQL on the join table', db => db.$executeRaw`DELETE FROM "_PostToTag" WHERE "A" = 1`],
  ['followed', db => db.user.update({ where: { id: 1 }, data: { following: { connect: [{ id: 2 }, { id: 3 }] } } })],
  [
    'unfollowed, from the other side',
    db => db.user.update({ where: { id: 2 }, data: { followers: { disconnect: [{ id: 1 }, { id: 3 }] } } }),
  ],
  [
    'followers set',
    db =>
      db.user.update({
        where: { email: 'ada@x.org' },
        data: { followers: { set: [{ id: 3 }] }, following: { set: [] } },
      }),
  ],
  [
    'followed anew',
    db => db.user.create({ data: { email: 'new@x.org', following: { connect: [{ id: 1 }, { id: 2 }] } } }),
  ],
  ['explicit, created', db => db.bookmark.create({ data: { userId: 1, postId: 1 } })],
  [
    'explicit, created from one side',
    db => db.user.update({ where: { id: 1 }, data: { bookmarks: { create: { post: { connect: { id: 1 } } } } } }),
  ],
  [
    'explicit, updated',
    db => db.bookmark.update({ where: { userPost: { userId: 2, postId: 4 } }, data: { note: 'x' } }),
  ],
  ['explicit, deleted', db => db.membership.delete({ where: { userId_tenantId: { userId: 1, tenantId: T2 } } })],
  [
    'explicit, deleted from one side',
    db => db.post.update({ where: { id: 4 }, data: { bookmarks: { deleteMany: { userId: 2 } } } }),
  ],
]

const elsewhere: [string, Query, Fate?][] = [
  ['a model that nobody caches', db => db.shipment.create({ data: { orderId: 2n, carrier: 'Owl' } })],
  ['…and its delete', db => db.shipment.deleteMany()],
  ['raw SQL that cascades', db => db.$executeRaw`DELETE FROM "User" WHERE "id" = 2`],
  [
    'raw SQL in a common table expression',
    db => db.$queryRaw`WITH w AS (UPDATE "Tag" SET "name" = "name" || '!' RETURNING "id") SELECT count(*)::int FROM w`,
  ],
  [
    'raw SQL in quotes of its own',
    db => db.$executeRawUnsafe('UPDATE public."Category" SET "parentId" = 3 WHERE "id" = $1', 2),
  ],
  ['TRUNCATE', db => db.$executeRaw`TRUNCATE "Comment" CASCADE`],
  ['DO', db => db.$executeRawUnsafe(`DO $$ BEGIN UPDATE "User" SET "name" = 'x'; END $$`)],
  ['a batch', db => db.$transaction([db.post.update({ where: { id: 1 }, data: { authorId: 2 } })])],
  [
    'a batch of several',
    db =>
      db.$transaction([
        db.post.create({ data: { title: 'Six', authorId: 3 } }),
        db.tag.update({ where: { id: 't1' }, data: { posts: { set: [] } } }),
        db.user.updateMany({ data: { name: 'x' } }),
      ]),
  ],
  [
    'a batch that fails',
    db =>
      db.$transaction([
        db.post.update({ where: { id: 1 }, data: { authorId: 2, slug: null } }),
        db.user.update({ where: { id: -1 }, data: { name: 'x' } }),
      ]),
    'fails',
  ],
  [
    'an interactive transaction',
    db =>
      db.$transaction(async tx => {
        await tx.post.update({ where: { id: 1 }, data: { author: { connect: { id: 3 } } } })
        await tx.user.findUnique({ where: { id: 1 }, include: { posts: true } })
        await tx.tag.update({ where: { id: 't2' }, data: { posts: { disconnect: { id: 4 } } } })
        return tx.profile.create({ data: { userId: 3 } })
      }),
  ],
  [
    'an interactive transaction that is rolled back',
    db =>
      db.$transaction(async tx => {
        await tx.post.updateMany({ where: { authorId: 1 }, data: { authorId: 3 } })
        await tx.user.findUnique({ where: { id: 3 }, include: { posts: true } })
        await tx.user.findUnique({ where: { id: 3 } }).posts()
        await tx.post.findMany({ where: { authorId: 3 } })
        await tx.post.count({ where: { authorId: 1 } })
        throw Object.assign(new Error('back'), { code: 'back' })
      }),
    'fails',
  ],
  ['a write that a unique refuses', db => db.post.update({ where: { id: 3 }, data: { slug: 'one' } }), 'fails'],
  [
    'a nested write that a unique refuses',
    db => db.user.update({ where: { id: 1 }, data: { posts: { create: { title: 'x', slug: 'one' } } } }),
    'fails',
  ],
  ['a move that a foreign key refuses', db => db.post.update({ where: { id: 1 }, data: { authorId: 99 } }), 'fails'],
  ['a write of what is not there', db => db.post.update({ where: { id: 99 }, data: { authorId: 1 } }), 'fails'],
  [
    'a write that changes nothing',
    db => db.post.updateMany({ where: { id: -1 }, data: { title: 'x' } }),
    'changes nothing',
  ],
]

describe.each([
  ['a child is written', children],
  ['a child is moved', moved],
  ['a parent is written', parents],
  ['a row one to one is', oneToOne],
  ['a row many to many is', manyToMany],
  ['it is done by', elsewhere],
])('every read is fresh when %s', (_, writes: [string, Query, Fate?][]) => {
  it.each(writes)('%s', (_title, write, fate) => everythingIsFresh(write, fate))
})

/** `$cache.explain` says what really happens. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Explanation } from '../../src/cache-api.js'
import { watchRedis } from '../support/monitor.js'
import { type Seeded, seed } from '../support/seed.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess
let ids: Seeded
beforeAll(async () => {
  ids = await seed(world.plain, { users: 4 })
  cached = world.process({ models: { ...MODELS, Profile: { exclude: ['bio'] } } })
})

const MODELS = {
  User: true,
  Post: true,
  Tag: true,
  Bookmark: true,
  Membership: true,
  Product: true,
  Category: true,
  Order: true,
  OrderLine: true,
  Task: true,
} as const

type Delegates = Record<string, Record<string, (args: object) => Promise<unknown>>>

async function call(model: string, operation: string, args: object): Promise<unknown> {
  const delegate = model.charAt(0).toLowerCase() + model.slice(1)
  return await (cached.prisma as unknown as Delegates)[delegate]![operation]!(args)
}
const explain = (model: string, operation: string, args?: object) =>
  cached.prisma.$cache.explain(model as 'User', operation, args)

describe('of a read', () => {
  const email = 'user1@example.com'
  const compound = () => ({ userId: ids.users[0]!, tenantId: ids.tenants[0]! })
  type Read = [model: string, operation: string, args: () => object, cached: boolean]
  const reads: Read[] = [
    ['User', 'findUnique', () => ({ where: { id: 1 } }), true],
    ['User', 'findUniqueOrThrow', () => ({ where: { id: 1 } }), true],
    ['User', 'findFirst', () => ({ where: { id: 2 } }), true],
    ['User', 'findFirstOrThrow', () => ({ where: { id: { equals: 3 } } }), true],
    ['User', 'findUnique', () => ({ where: { email } }), true],
    ['User', 'findFirst', () => ({ where: { email: { equals: email } } }), true],
    ['User', 'findUnique', () => ({ where: { id: 1, role: 'ADMIN' } }), true],
    ['User', 'findUnique', () => ({ where: { id: 1, email } }), true],
    ['User', 'findUnique', () => ({ where: { id: 1 }, select: { name: true } }), true],
    ['User', 'findUnique', () => ({ where: { id: 1 }, omit: { email: true } }), true],
    ['User', 'findUnique', () => ({ where: { id: 1 }, include: undefined }), true],
    ['User', 'findUnique', () => ({ where: { id: 4711 } }), true],
    ['User', 'findFirst', () => ({ where: { email: 'nobody@x.org' } }), true],
    ['Tag', 'findUnique', () => ({ where: { name: 'redis' } }), true],
    ['Bookmark', 'findUnique', () => ({ where: { userPost: { userId: 1, postId: ids.posts[0]! } } }), true],
    ['Membership', 'findUnique', () => ({ where: { userId_tenantId: compound() } }), true],
    ['Membership', 'findFirst', () => ({ where: compound() }), true],
    ['Product', 'findUnique', () => ({ where: { brandModel: { brandSlug: 'acme', model: 'Desk' } } }), true],
    ['Product', 'findFirst', () => ({ where: { brandSlug: 'acme', model: 'Desk' } }), true],
    ['Post', 'findUnique', () => ({ where: { authorId_slug: { authorId: 1, slug: 'post-1' } } }), true],
    ['Order', 'findUnique', () => ({ where: { id: ids.orders[0]! } }), true],
    ['Order', 'findUnique', () => ({ where: { id: Number(ids.orders[0]!) } }), true],
    [
      'OrderLine',
      'findUnique',
      () => ({ where: { orderId_position: { orderId: ids.orders[0]!, position: 1 } } }),
      true,
    ],
    ['Profile', 'findUnique', () => ({ where: { userId: 1 }, omit: { bio: true } }), true],
    ['Profile', 'findUnique', () => ({ where: { userId: 1 } }), false],
    ['Profile', 'findUnique', () => ({ where: { userId: 1, bio: 'x' }, select: { id: true } }), false],
    ['User', 'findUnique', () => ({ where: { id: 1 }, include: { posts: true } }), true],
    ['User', 'findUnique', () => ({ where: { id: 1 }, select: { id: true, posts: true } }), true],
    ['User', 'findUnique', () => ({ where: { id: 1, name: { contains: 'U' } } }), false],
    ['User', 'findUnique', () => ({ where: { id: 1, OR: [{ id: 1 }] } }), false],
    ['User', 'findUnique', () => ({ where: { id: 1, createdAt: new Date(0) } }), false],
    ['User', 'findFirst', () => ({ where: { name: 'User 1' } }), true],
    ['User', 'findFirst', () => ({ where: { id: { in: [1] } } }), true],
    ['User', 'findFirst', () => ({ where: { email: { equals: email, mode: 'insensitive' } } }), true],
    ['User', 'findFirst', () => ({ where: { id: 1 }, orderBy: { id: 'asc' } }), true],
    ['User', 'findFirst', () => ({ where: { id: 1 }, take: 1 }), true],
    ['User', 'findFirst', () => ({}), true],
    ['Category', 'findFirst', () => ({ where: { parentId: null, name: 'Culture' } }), true],
    ['Product', 'findUnique', () => ({ where: { id: ids.products[0]! } }), true],
    ['Product', 'findUnique', () => ({ where: { id: ids.products[0]!.toUpperCase() } }), false],
    ['User', 'findMany', () => ({ where: { id: 1 } }), false],
    ['User', 'count', () => ({}), false],
    ['User', 'aggregate', () => ({ _max: { id: true } }), false],
    ['User', 'groupBy', () => ({ by: ['role'] }), false],
    ['Comment', 'findUnique', () => ({ where: { id: ids.comments[0]! } }), false],
  ]
  it.each(reads.map(([model, operation, args, is], n) => [model, operation, n, args, is] as const))(
    '%s.%s (%i): cached if and only if the second one asks no database, at the key that it names',
    async (model, operation, _, args, is) => {
      const said = explain(model, operation, args())
      expect(said).toMatchObject({ cached: is })
      await call(model, operation, args())
      const statements = await cached.countSql(() => call(model, operation, args()))
      expect(statements === 0).toBe(said.cached)
      if (said.cached) expect(await world.redis.exists(said.key)).toBe(1)
      else expect(said.why).toMatch(/\w/)
    },
  )

  it('explain of a read says which schema key it is cached by, and its Redis key', () => {
    const at = (name: string) => `${world.prefix}${name}`
    const writes = ['a write to this row of User', 'a write to User that does not say which rows']
    const way = expect.any(String) as string
    expect(explain('User', 'findUnique', { where: { id: 1 } })).toMatchObject({
      cached: true,
      key: at('User:1'),
      by: 'id',
      invalidatedBy: [...writes, 'any write to User, if there is no such row'],
      way,
    })
    expect(explain('User', 'findUnique', { where: { email } })).toMatchObject({
      cached: true,
      key: at('User.email:user1%40example.com'),
      by: 'email',
      invalidatedBy: [...writes, 'any write to User, if it was loaded by email, or if there is no such row'],
      way,
    })
    expect(explain('Bookmark', 'findFirst', { where: { userId: 1, postId: 2 } })).toMatchObject({
      cached: true,
      key: at('Bookmark:1:2'),
      by: 'userPost',
    })
  })

  it('explain of a read says how relations are kept, and what a result depends on', () => {
    const args = { where: { id: 1 }, include: { author: true, tags: true, category: { include: { posts: true } } } }
    const row = (name: string) => [
      `a write to this row of ${name}`,
      `a write to ${name} that does not say which rows`,
      `any write to ${name}, if it was loaded together with a row that leads to it, or if there is no such row`,
    ]
    const posts = [
      'a write to Post that does not say which rows',
      'a write to Post that does not say under which parent',
    ]
    expect(explain('Post', 'findUnique', args)).toMatchObject({
      cached: true,
      key: `${world.prefix}Post:1`,
      by: 'id',
      relations: {
        author: row('User'),
        tags: ['a change of the links between Post and Tag', 'any write to Tag'],
        category: row('Category'),
        'category.posts': ['a write to Post with this categoryId', ...posts],
      },
    })
    expect(explain('Post', 'findFirst', { where: { authorId: 7, title: 'x' } })).toMatchObject({
      cached: true,
      invalidatedBy: ['a write to Post with this authorId', ...posts],
      dependsOn: ['User:7:Post.authorId', '{Post}@rows', '{Post}@lists'].map(key => world.prefix + key),
    })
    expect(explain('Post', 'findFirst', { where: { tags: { some: { name: 'x' } } } })).toMatchObject({
      cached: true,
      invalidatedBy: ['a change of the links between Post and Tag', 'any write to Post', 'any write to Tag'],
      dependsOn: ['{Post}._PostToTag@links', '{Post}@any', '{Tag}@any'].map(key => world.prefix + key),
    })
  })

  it('explain of a read runs no statement', async () => {
    const seen = await watchRedis(world, () =>
      cached.countSql(async () => explain('User', 'delete', { where: { id: 1 } })).then(sql => expect(sql).toBe(0)),
    )
    expect(seen.commands()).toEqual([])
  })

  it('explain says why a read in a transaction, or with the cache turned off, is not cached', async () => {
    const args = { where: { id: 1 } }
    await cached.prisma.$transaction(async tx => {
      expect(tx.$cache.explain('User', 'findUnique', args)).toEqual({ cached: false, why: 'in a transaction' })
    })
    cached.prisma.$cache.disable()
    expect(explain('User', 'findUnique', args)).toMatchObject({ cached: false })
    cached.prisma.$cache.enable()
    expect(explain('User', 'findUnique', args)).toMatchObject({ cached: true })
  })
})

type ExplainedWrite = Extract<Explanation, { invalidates: readonly string[] }>

describe('of a write', () => {
  const id = (n: number) => ids.users[n]!
  type Write = [title: string, model: string, operation: string, args: () => object]
  /** Those that name all that they drop, before they are run. */
  const named: Write[] = [
    ['create', 'User', 'create', () => ({ data: { email: 'explained@x.org' } })],
    ['createMany', 'Tag', 'createMany', () => ({ data: [{ name: 'e1' }, { name: 'e2' }] })],
    ['update by key', 'User', 'update', () => ({ where: { id: id(0) }, data: { name: 'x' } })],
    ['updateMany', 'Post', 'updateMany', () => ({ where: { views: 1 }, data: { views: 2 } })],
    ['deleteMany', 'Comment', 'deleteMany', () => ({ where: { text: 'none' } })],
    ['nested create', 'User', 'update', () => ({ where: { id: id(0) }, data: { posts: { create: { title: 'n' } } } })],
    [
      'nested connect',
      'User',
      'update',
      () => ({ where: { id: id(0) }, data: { posts: { connect: { id: ids.posts[0]! } } } }),
    ],
    [
      'upsert by key',
      'Tag',
      'upsert',
      () => ({ where: { id: 'tag-redis' }, create: { name: 'r' }, update: { name: 'r' } }),
    ],
  ]
  /** Of those the result names more. */
  const unnamed: Write[] = [
    ['many to many', 'Post', 'update', () => ({ where: { id: ids.posts[0]! }, data: { tags: { set: [] } } })],
    [
      'by a compound key',
      'Membership',
      'update',
      () => ({ where: { userId_tenantId: { userId: id(0), tenantId: ids.tenants[0]! } }, data: { role: 'ADMIN' } }),
    ],
    [
      'of a unique that others reference',
      'Product',
      'update',
      () => ({ where: { id: ids.products[0]! }, data: { sku: 'E' } }),
    ],
    ['delete by key, which cascades', 'Post', 'delete', () => ({ where: { id: ids.posts[5]! } })],
    ['update by unique', 'User', 'update', () => ({ where: { email: 'user2@example.com' }, data: { name: 'y' } })],
    ['delete by unique', 'Profile', 'delete', () => ({ where: { userId: id(3) } })],
    ['update of the key', 'Tag', 'update', () => ({ where: { id: 'tag-caching' }, data: { id: 'tag-moved' } })],
  ]

  const droppedBy = async (model: string, operation: string, args: object) => {
    const { lines } = await watchRedis(world, () => call(model, operation, args))
    return lines.filter(([name]) => name === 'del').flatMap(([, ...keys]) => keys)
  }

  it.each(named)('%s: every key that it names is deleted, and no other', async (_, model, operation, args) => {
    const said = explain(model, operation, args())
    const dropped = await droppedBy(model, operation, args())
    expect(said).toMatchObject({ cached: false, why: 'a write' })
    expect((said as ExplainedWrite).invalidates.toSorted()).toEqual(dropped.toSorted())
    expect(dropped.length).toBeGreaterThan(0)
  })

  it.each(unnamed)('%s: every key that it names is deleted, and the row too', async (_, model, operation, args) => {
    const said = explain(model, operation, args())
    const dropped = await droppedBy(model, operation, args())
    expect(dropped).toEqual(expect.arrayContaining([...(said as ExplainedWrite).invalidates]))
    expect(dropped.some(key => key.startsWith(`${world.prefix}${model}:`))).toBe(true)
  })

  it('explain of a write says for which models it cannot name the rows', () => {
    expect(explain('Post', 'updateMany', { data: { views: 1 } })).toMatchObject({ allRowsOf: ['Post'] })
    const { allRowsOf: reached } = explain('User', 'delete', { where: { id: 1 } }) as ExplainedWrite
    expect(reached).toEqual(expect.arrayContaining(['Profile', 'Post', 'Comment', 'Bookmark', 'Membership']))
    expect(reached).not.toContain('User')
    expect(explain('User', 'update', { where: { id: 1 }, data: { name: 'x' } })).toMatchObject({ allRowsOf: [] })
  })

  it('explain of a write to a model that is not cached here names what other processes may have cached', () => {
    const said = explain('Comment', 'update', { where: { id: 'c' }, data: { text: 'x' } })
    expect(said).toMatchObject({ invalidates: expect.arrayContaining([`${world.prefix}Comment:c`]) as unknown })
  })
})

it.each(['Usr', 'user', '', 'constructor', undefined, 42])(
  'explain of a model that does not exist (%s) is a clear error',
  name => {
    const wrong = () => explain(name as string, 'findUnique', { where: { id: 1 } })
    expect(wrong).toThrow(expect.objectContaining({ name: 'CacheAsideError', code: 'INVALID_CALL' }) as Error)
    expect(wrong).toThrow(/no model named .*There are: .*User/)
  },
)

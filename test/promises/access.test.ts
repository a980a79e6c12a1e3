/** What a database user may see belongs to the client: through one extension object, in any order, by any way to a table. */
import { PrismaPg } from '@prisma/adapter-pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PrismaClient } from '../../generated/prisma/client.js'
import { createExtension } from '../../src/extension.js'
import { type CachedProcess, newClient, useWorld } from '../support/world.js'

const ROLE = `reader_${process.pid}`

const world = useWorld()
let userUrl: string
const run = (...statements: string[]) =>
  statements.reduce<Promise<unknown>>(
    (before, sql) => before.then(() => world.plain.$executeRawUnsafe(sql)),
    Promise.resolve(),
  )

beforeAll(async () => {
  const db = world.plain
  await db.user.createMany({ data: [1, 2].map(id => ({ id, email: `u${id}@x.org` })) })
  await db.post.createMany({ data: [1, 2].map(id => ({ id, title: `of ${id}`, authorId: id })) })
  await db.tag.createMany({ data: [1, 2].map(id => ({ id: `t${id}`, name: `t${id}` })) })
  await db.post.update({ where: { id: 1 }, data: { tags: { connect: [{ id: 't1' }, { id: 't2' }] } } })
  await db.category.createMany({ data: [1, 2].map(id => ({ id, name: `c${id}` })) })
  await db.asset.createMany({ data: [1, 2].map(id => ({ id, mimeType: `m${id}`, content: Buffer.from('x') })) })
  await run(
    `CREATE ROLE "${ROLE}" LOGIN PASSWORD 'secret'`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA public TO "${ROLE}"`,
    'ALTER TABLE "Post" ENABLE ROW LEVEL SECURITY',
    'CREATE POLICY own ON "Post" USING ("authorId" = 2)',
    'ALTER TABLE "_PostToTag" ENABLE ROW LEVEL SECURITY',
    `CREATE POLICY own ON "_PostToTag" USING ("B" = 't1')`,
    // A column that the user may not read.
    `REVOKE SELECT ON "Asset" FROM "${ROLE}"`,
    `GRANT SELECT (id, "mimeType") ON "Asset" TO "${ROLE}"`,
    // Views in the place of tables: with the user's rights over a secured table, with the owner's, and by the session.
    'ALTER TABLE "Category" RENAME TO "CategoryBase"',
    'ALTER TABLE "CategoryBase" ENABLE ROW LEVEL SECURITY',
    'CREATE POLICY own ON "CategoryBase" USING (id = 2)',
    'CREATE VIEW "CategoryInner" WITH (security_invoker) AS SELECT * FROM "CategoryBase"',
    'CREATE VIEW "Category" WITH (security_invoker = on) AS SELECT * FROM "CategoryInner"',
    'ALTER TABLE "Brand" RENAME TO "BrandBase"',
    'ALTER TABLE "BrandBase" ENABLE ROW LEVEL SECURITY',
    'CREATE POLICY own ON "BrandBase" USING (false)',
    'CREATE VIEW "Brand" AS SELECT * FROM "BrandBase"',
    'ALTER TABLE "orders" RENAME TO "ordersBase"',
    `CREATE VIEW "orders" AS SELECT * FROM "ordersBase" WHERE current_setting('app.user', true) IS NULL`,
    // A partitioned table: the policy is that of the table which is queried.
    'ALTER TABLE "alias_int" RENAME TO "alias_int_old"',
    'CREATE TABLE "alias_int" (LIKE "alias_int_old") PARTITION BY RANGE (id)',
    'CREATE TABLE "alias_int_1" PARTITION OF "alias_int" FOR VALUES FROM (0) TO (1000)',
    'ALTER TABLE "alias_int" ENABLE ROW LEVEL SECURITY',
    'CREATE POLICY own ON "alias_int" USING (id = 2)',
    `GRANT SELECT ON ALL TABLES IN SCHEMA public TO "${ROLE}"`,
    `REVOKE SELECT ON "Asset" FROM "${ROLE}"`,
    `GRANT SELECT (id, "mimeType") ON "Asset" TO "${ROLE}"`,
  )
  const url = new URL(world.databaseUrl)
  url.username = ROLE
  url.password = 'secret'
  userUrl = url.href
})
afterAll(async () => {
  await run(`DROP OWNED BY "${ROLE}"`, `DROP ROLE "${ROLE}"`)
})

const MODELS = {
  User: true,
  Post: true,
  Tag: true,
  Category: true,
  Asset: true,
  Brand: true,
  Order: true,
  AliasInt: true,
} as const

/** Clients of the owner and of the restricted user, through one extension object, extended in this order. */
function both(order: readonly ('owner' | 'user')[]) {
  const extension = createExtension<PrismaClient>({
    redis: world.redis,
    models: MODELS,
    prefix: world.prefix,
    deadlineMs: 2_000,
    invalidationDeadlineMs: 5_000,
  })
  const made = order.map(who => {
    const connectionString = who === 'owner' ? world.databaseUrl : userUrl
    const base = new PrismaClient({ adapter: new PrismaPg({ connectionString }) })
    return [who, { base, prisma: base.$extends(extension) }] as const
  })
  const { owner, user } = Object.fromEntries(made) as Record<'owner' | 'user', (typeof made)[number][1]>
  return { owner, user, end: () => Promise.all([owner.base.$disconnect(), user.base.$disconnect()]) }
}

type Client = Pick<PrismaClient, 'post' | 'user' | 'category' | 'asset' | 'tag'>

const READS: Record<string, (client: Client) => Promise<unknown>> = {
  'a secured row': client => client.post.findUnique({ where: { id: 1 } }),
  'a secured list': client => client.user.findUnique({ where: { id: 1 }, include: { posts: true } }),
  'links in a secured join table': client => client.tag.findMany({ where: { posts: { some: { id: 1 } } } }),
  'a list over such links': client => client.tag.findFirst({ where: { id: 't2' }, include: { posts: true } }),
  'a count over such links': client =>
    client.tag.findUnique({ where: { id: 't2' }, select: { _count: { select: { posts: true } } } }),
  'a view with the rights of the user': client => client.category.findUnique({ where: { id: 1 } }),
  'a column without a grant': client =>
    client.asset.findUnique({ where: { id: 1 } }).catch((error: Error) => error.name),
}

describe.each([[['owner', 'user']], [['user', 'owner']]] as const)('one extension object, applied to %j', order => {
  it.each(Object.entries(READS))('%s: each user gets what the database shows him', async (_, read) => {
    await world.evict()
    const { owner, user, end } = both(order)
    const plain = { owner: await read(owner.base), user: await read(user.base) }
    for (let round = 0; round < 3; round++) {
      for (const who of order)
        expect(await read((who === 'owner' ? owner.prisma : user.prisma) as never)).toEqual(plain[who])
    }
    await end()
  })
})

describe('what is cached of which relation', () => {
  let user: CachedProcess
  let declared: CachedProcess
  beforeAll(async () => {
    user = world.process({ models: MODELS }, { base: newClient(userUrl) })
    const same = { rowSecurity: 'same-for-all' } as const
    declared = world.process(
      { models: { ...MODELS, Category: same, Order: same, AliasInt: same, Post: same, Tag: same } },
      { base: newClient(userUrl) },
    )
    for (const { prisma } of [user, declared]) await prisma.user.findUnique({ where: { id: 1 } })
  })
  afterAll(() => Promise.all([user.base.$disconnect(), declared.base.$disconnect()]))

  it.each([
    ['Post', 'rows of Post are not the same for every user: row-level security'],
    ['Category', 'rows of Category are not the same for every user: row-level security'],
    ['AliasInt', 'rows of AliasInt are not the same for every user: row-level security'],
    [
      'Order',
      'rows of Order are not the same for every user: a view whose definition reads the session or calls a function that may',
    ],
    ['Asset', 'the database user may not read all of Asset'],
  ] as const)('%s is not: %s', (model, why) => {
    const explained = user.prisma.$cache.explain(model, 'findUnique', { where: { id: model === 'Order' ? 1n : 1 } })
    expect(explained).toEqual({ cached: false, why })
  })

  it('a view with the rights of an owner whom no policy binds is cached: it shows the same to all users', () => {
    expect(user.prisma.$cache.explain('Brand', 'findUnique', { where: { slug: 'a' } })).toMatchObject({ cached: true })
  })

  it.each(['Post', 'Category', 'AliasInt', 'Order'] as const)(
    "%s is cached with rowSecurity: 'same-for-all'",
    model => {
      const explained = declared.prisma.$cache.explain(model, 'findUnique', {
        where: { id: model === 'Order' ? 1n : 1 },
      })
      expect(explained).toMatchObject({ cached: true })
    },
  )

  it('links are cached where both ends are declared to be the same for all', () => {
    const args = { where: { id: 1 }, include: { tags: true } }
    expect(declared.prisma.$cache.explain('Post', 'findUnique', args)).toMatchObject({ cached: true })
    const why = 'links between Tag and Post are not the same for every user: row-level security'
    const counted = { where: { id: 't1' }, select: { _count: { select: { posts: true } } } }
    const half = world.process({ models: { ...MODELS, Post: { rowSecurity: 'same-for-all' } } }, { base: user.base })
    expect(half.prisma.$cache.explain('Tag', 'findUnique', counted)).toEqual({ cached: false, why })
  })
})

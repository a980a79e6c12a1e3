/** Further equality filters beside a key: the one row entry serves them all, and never a row that does not satisfy them. */
import { skip } from '@prisma/client/runtime/client'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Prisma } from '../../generated/prisma/client.js'
import { delegate, outcome } from '../support/delegates.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess
let other: CachedProcess
const wheres: Record<string, { model: string; key: object; flat: object }> = {}
const TENANT = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
const OTHER_TENANT = 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
const OPERATIONS = ['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow'] as const

beforeAll(async () => {
  cached = world.process()
  other = world.process()
  const db = world.plain
  const user = await db.user.create({ data: { email: 'ada@x.org', name: 'Ada', role: 'EDITOR' } })
  await db.tenant.createMany({
    data: [
      { id: TENANT, slug: 'a', name: 'Ab' },
      { id: OTHER_TENANT, slug: 'b', name: 'b' },
    ],
  })
  const task = await db.task.create({ data: { tenantId: TENANT, title: 't' } })
  await db.membership.create({ data: { userId: user.id, tenantId: TENANT, role: 'ADMIN' } })
  await db.project.create({ data: { tenantId: TENANT, number: 1, name: 'Ab' } })
  const post = await db.post.create({ data: { title: 't', slug: 's', authorId: user.id } })
  await db.brand.create({ data: { slug: 'unbranded2', name: 'Ab' } })
  const product = await db.product.create({
    data: {
      sku: 'sku',
      model: 'm',
      name: 'n',
      price: '10',
      weight: '1.50',
      rating: 0.1,
      stock: 0,
      sizes: [1],
      keywords: ['a'],
      unitsSold: 9_007_199_254_740_993n,
      condition: 'USED',
      active: false,
      attributes: { a: 1 },
      thumbnail: Buffer.from('x'),
      releasedOn: new Date('2024-02-29'),
      availableFrom: new Date('2024-02-29T12:00:00.001Z'),
      syncedAt: '2024-02-29T12:34:56.123456Z',
      brandSlug: 'unbranded2',
    },
  })
  const order = await db.order.create({ data: { number: 'N', customerId: user.id, status: 'PAID' } })
  const of = (model: string, key: object, flat = key) => ({ model, key, flat })
  Object.assign(wheres, {
    user: of('User', { id: user.id }),
    'user by email': of('User', { email: user.email }),
    task: of('Task', { id: task.id }),
    membership: of(
      'Membership',
      { userId_tenantId: { userId: user.id, tenantId: TENANT } },
      { userId: user.id, tenantId: TENANT },
    ),
    post: of('Post', { id: post.id }),
    'post by slug': of('Post', { authorId_slug: { authorId: user.id, slug: 's' } }, { authorId: user.id, slug: 's' }),
    product: of('Product', { id: product.id }),
    'product by sku': of('Product', { sku: 'sku' }),
    order: of('Order', { id: order.id }),
    tenant: of('Tenant', { id: TENANT }),
    brand: of('Brand', { slug: 'unbranded2' }),
    project: of('Project', { tenantId_number: { tenantId: TENANT, number: 1 } }, { tenantId: TENANT, number: 1 }),
  })
})

async function cold(): Promise<void> {
  await cached.flushed() // fills are sent and not waited for
  await world.evict()
}

function argsOf(row: string, operation: string, filter: object) {
  const { key, flat } = wheres[row]!
  return { where: { ...(operation.startsWith('findFirst') ? flat : key), ...filter } }
}

const ask = (client: object, row: string, operation: (typeof OPERATIONS)[number], filter: object) =>
  outcome(delegate(client, wheres[row]!.model)[operation](argsOf(row, operation, filter)))

/** [what, row, a filter that the row satisfies, one that it does not] */
const filters: [string, string, object, object][] = [
  ['a tenant (uuid)', 'task', { tenantId: TENANT }, { tenantId: OTHER_TENANT }],
  ['a boolean', 'task', { done: false }, { done: true }],
  ['equals', 'task', { done: { equals: false } }, { done: { equals: true } }],
  ['an enum', 'user', { role: 'EDITOR' }, { role: 'ADMIN' }],
  ['an enum with other names in the database', 'order', { status: 'PAID' }, { status: 'PENDING' }],
  ['text', 'user', { name: 'Ada' }, { name: 'ada' }],
  ['another unique', 'user', { email: 'ada@x.org' }, { email: 'bob@x.org' }],
  ['null, where it is null', 'post', { publishedAt: null }, { publishedAt: null, views: 1 }],
  ['null, where it is not', 'user', {}, { name: null }],
  ['null of an integer', 'post', { categoryId: null }, { categoryId: 5 }],
  ['null of bytes', 'product', {}, { thumbnail: null }],
  ['a number', 'post', { views: 0 }, { views: 1 }],
  ['a big integer', 'product', { unitsSold: 9_007_199_254_740_993n }, { unitsSold: 9_007_199_254_740_992n }],
  [
    'several',
    'product',
    { active: false, condition: 'USED', stock: 0 },
    { active: false, condition: 'USED', stock: 1 },
  ],
  ['an owner, beside a unique', 'post by slug', { published: false }, { published: true }],
  ['two, beside a unique', 'user by email', { role: 'EDITOR', name: 'Ada' }, { role: 'EDITOR', name: null }],
  ['a boolean, beside a unique', 'product by sku', { active: false }, { active: true }],
  ['a role, beside a compound key', 'membership', { role: 'ADMIN' }, { role: 'READER' }],
]

describe.each(filters)('%s', (_, row, satisfied, unsatisfied) => {
  beforeEach(cold)

  it.each(OPERATIONS)(
    '%s answers as Prisma does, cold and warm; the load fills the row for others',
    async operation => {
      for (const [filter, hit] of [
        [satisfied, true],
        [unsatisfied, false],
      ] as const) {
        const truth = await ask(world.plain, row, operation, filter)
        expect(truth).toMatchObject(
          hit ? { value: {} } : operation.endsWith('OrThrow') ? { code: 'P2025' } : { value: null },
        )
        await cold()
        expect(await ask(cached.prisma, row, operation, filter)).toStrictEqual(truth)
        expect(await cached.countSql(() => ask(cached.prisma, row, operation, {}))).toBe(0)
        const sql = await cached.countSql(async () =>
          expect(await ask(cached.prisma, row, operation, filter)).toStrictEqual(truth),
        )
        if (hit) expect(sql).toBe(0)
      }
    },
  )
})

it('the absence of a missing row is kept, whatever filter the query has', async () => {
  const read = (filter: object) => delegate(cached.prisma, 'Task').findUnique({ where: { id: 999n, ...filter } })
  expect(await read({ done: true })).toBeNull()
  expect(await cached.countSql(async () => expect(await read({ done: false })).toBeNull())).toBe(0)
  expect(await cached.countSql(async () => expect(await read({})).toBeNull())).toBe(0)
})

it('a row that is hidden from one tenant is never taken for a missing one', async () => {
  await cold()
  const { id } = wheres.task!.key as { id: bigint }
  const [strange, own, bare] = await Promise.all([
    cached.prisma.task.findFirst({ where: { id, tenantId: OTHER_TENANT } }),
    cached.prisma.task.findFirst({ where: { id, tenantId: TENANT } }),
    cached.prisma.task.findFirst({ where: { id } }),
  ])
  expect(strange).toBeNull()
  expect(own?.id).toBe(id)
  expect(bare?.id).toBe(id)
})

it.each(OPERATIONS)(
  '%s of a row that does not satisfy leaves nothing wrong for those who come after or wait',
  async operation => {
    for (const row of ['task', 'post by slug', 'user by email', 'membership']) {
      await cold()
      const truth = await ask(world.plain, row, 'findUnique', {})
      const unsatisfied = filters.find(([, name]) => name === row)![3]
      const [, beside] = await Promise.all([
        ask(cached.prisma, row, operation, unsatisfied),
        ask(cached.prisma, row, 'findUnique', {}),
      ])
      expect(beside).toStrictEqual(truth)
      expect(await ask(cached.prisma, row, 'findUnique', {})).toStrictEqual(truth)
      expect(await ask(other.prisma, row, 'findUnique', {})).toStrictEqual(truth)
    }
  },
)

describe('when the field changes, the answer follows in both processes', () => {
  it.each([
    ['written in the same process', true],
    ['written in another process', false],
  ])('%s', async (_, same) => {
    const { id } = await world.plain.task.create({ data: { tenantId: TENANT, title: 't' } })
    const writer = (same ? cached : other).prisma
    const check = async () => {
      const everyFilter = [
        { tenantId: TENANT },
        { tenantId: OTHER_TENANT },
        { done: true },
        { done: false },
        { projectNumber: null },
        { tenantId: OTHER_TENANT, done: true },
      ]
      for (const filter of everyFilter) {
        const where = { id, ...filter }
        const truth = await world.plain.task.findFirst({ where })
        for (const { prisma } of [cached, other, cached, other]) {
          expect(await prisma.task.findFirst({ where })).toStrictEqual(truth)
          expect(await prisma.task.findUnique({ where })).toStrictEqual(truth)
        }
      }
    }
    await check()
    await writer.task.update({ where: { id }, data: { done: true } })
    await check()
    await writer.task.update({ where: { id, done: true }, data: { tenant: { connect: { id: OTHER_TENANT } } } })
    await check()
    await writer.task.updateMany({ where: { tenantId: OTHER_TENANT }, data: { done: false } })
    await check()
    await writer.task.delete({ where: { id } })
    await check()
  })

  it('a soft-deleted row is gone for queries for rows that are not deleted', async () => {
    const author = await world.plain.user.create({ data: { email: 'soft@x.org' } })
    const { id } = await world.plain.post.create({ data: { title: 't', authorId: author.id } })
    const alive = ({ prisma }: CachedProcess) => prisma.post.findFirst({ where: { id, publishedAt: null } })
    for (const process of [cached, other]) expect((await alive(process))?.id).toBe(id)
    await cached.prisma.post.update({ where: { id }, data: { publishedAt: new Date() } })
    for (const process of [cached, other, cached, other]) expect(await alive(process)).toBeNull()
    await other.prisma.post.update({ where: { id }, data: { publishedAt: null } })
    for (const process of [cached, other, cached, other]) expect((await alive(process))?.id).toBe(id)
  })
})

describe('optional filters that say nothing leave a query as cacheable as without them', () => {
  const optional: [string, object][] = [
    ['undefined', { name: undefined }],
    ['Prisma.skip', { name: skip }],
    ['AND of nothing', { AND: [] }],
    ['AND of an empty object', { AND: {} }],
    ['AND of filters that say nothing', { AND: [{ name: undefined }, { AND: [] }, {}] }],
    ['NOT of nothing', { NOT: [] }],
    ['OR of undefined', { OR: undefined }],
  ]
  it.each(optional)('%s', async (_, filter) => {
    const { id } = (wheres['user'] as { key: { id: number } }).key
    await ask(cached.prisma, 'user', 'findUnique', {})
    await cached.flushed()
    const selections = [{}, { select: { email: true, name: undefined } }, { omit: { name: skip } }, { include: skip }]
    const queries: [string, object][] = [
      ...OPERATIONS.map((operation): [string, object] => [operation, { id, ...filter }]),
      ['findMany', { id: { in: [id] }, ...filter }],
    ]
    for (const [operation, where] of queries) {
      for (const more of selections) {
        const run = (prisma: object) =>
          (prisma as { user: Record<string, (args: object) => Promise<unknown>> }).user[operation]?.({ where, ...more })
        const truth = await run(world.plain)
        let answer: unknown
        expect(await cached.countSql(async () => (answer = await run(cached.prisma))), operation).toBe(0)
        expect(answer).toStrictEqual(truth)
      }
    }
  })

  it('OR of nothing finds nothing, and is the database’s', async () => {
    for (const operation of OPERATIONS) {
      expect(await ask(cached.prisma, 'user', operation, { OR: [] })).toStrictEqual(
        await ask(world.plain, 'user', operation, { OR: [] }),
      )
    }
  })
})

describe('where equal in JavaScript is not equal in the database, the row does not answer', () => {
  const asked: [string, object][] = [
    ['a decimal', { price: '10.00' }],
    ['a decimal of another length', { weight: new Prisma.Decimal('1.5') }],
    ['a float', { rating: 0.1 }],
    ['a real', { vatRate: 0.190_000_000_1 }],
    ['json', { attributes: { equals: { a: 1 } } }],
    ['json null', { attributes: { equals: Prisma.JsonNull } }],
    ['a list', { sizes: { equals: [1] } }],
    ['an element of a list', { keywords: { has: 'a' } }],
    ['bytes', { thumbnail: Buffer.from('x') }],
    ['a date', { releasedOn: new Date('2024-02-29T10:00:00Z') }],
    ['a time stamp', { availableFrom: new Date('2024-02-29T12:00:00.001Z') }],
    ['a time stamp as text', { availableFrom: '2024-02-29T13:00:00.001+01:00' }],
    ['a time stamp finer than a millisecond', { syncedAt: new Date('2024-02-29T12:34:56.123Z') }],
    ['a fraction of an integer', { stock: 0.5 }],
    ['a comparison', { stock: { lt: 1 } }],
    ['not', { name: { not: 'x' } }],
    ['not null', { thumbnail: { not: null } }],
    ['equals beside a mode', { name: { equals: 'N', mode: 'insensitive' } }],
    ['contains', { name: { contains: 'n' } }],
    ['in', { name: { in: ['n'] } }],
    ['AND', { AND: [{ name: 'n' }] }],
    ['OR', { OR: [{ name: 'n' }, { name: 'x' }] }],
    ['NOT', { NOT: { name: 'x' } }],
    ['a relation', { brand: { name: 'Ab' } }],
    ['a list of relations', { lines: { none: {} } }],
    ['a value of a wrong type', { stock: '0' }],
    ['a value that is no member of the enum', { condition: 'used' }],
    ['null for a field that has none', { name: null }],
    ['an unknown field', { nope: 1 }],
  ]
  it.each(asked)('%s', async (_, filter) => {
    await ask(cached.prisma, 'product', 'findUnique', {})
    for (const operation of OPERATIONS) {
      const args = argsOf('product', operation, filter)
      const explained = cached.prisma.$cache.explain('Product', operation, args)
      // A first match is kept as a result of its own, never taken from the row.
      if (explained.cached) expect(explained.by).toBeUndefined()
      expect(explained.cached && operation.startsWith('findUnique')).toBe(false)
      for (const { prisma } of [cached, other, cached]) {
        expect(await ask(prisma, 'product', operation, filter)).toStrictEqual(
          await ask(world.plain, 'product', operation, filter),
        )
      }
    }
  })

  it('a uuid in another spelling is not served', async () => {
    await ask(cached.prisma, 'task', 'findUnique', {})
    for (const tenantId of [TENANT.toUpperCase(), `{${TENANT}}`, TENANT.replaceAll('-', ''), 'no uuid']) {
      for (const operation of OPERATIONS) {
        expect(await ask(cached.prisma, 'task', operation, { tenantId }), tenantId).toStrictEqual(
          await ask(world.plain, 'task', operation, { tenantId }),
        )
      }
    }
  })

  it('text under a collation or of a type that the schema does not show is not served', async () => {
    await world.plain.$executeRaw`ALTER TABLE "Tenant" ALTER COLUMN "name" TYPE text COLLATE "case_insensitive"`
    await world.plain.$executeRaw`ALTER TABLE "Brand" ALTER COLUMN "name" TYPE citext`
    await world.plain.$executeRaw`ALTER TABLE "Project" ALTER COLUMN "name" TYPE char(5)`
    await cold()
    for (const row of ['tenant', 'brand', 'project']) {
      for (const name of ['Ab', 'ab', 'AB', 'Ab ', 'Ab   ', 'x', '']) {
        for (const operation of OPERATIONS) {
          const truth = await ask(world.plain, row, operation, { name })
          for (let i = 0; i < 2; i++) {
            expect(await ask(cached.prisma, row, operation, { name }), `${row} ${name}`).toStrictEqual(truth)
          }
        }
      }
    }
  })
})

describe('forms that only findFirst takes are Prisma’s error in findUnique, also on a warm row', () => {
  const forms: [string, string, object][] = [
    ['equals of a unique', 'user', { email: { equals: 'ada@x.org' } }],
    ['equals of the key, beside a unique', 'user by email', { id: { equals: 1 } }],
    ['equals of a unique, beside another', 'product', { sku: { equals: 'sku' } }],
  ]
  it.each(forms)('%s', async (_, row, filter) => {
    await ask(cached.prisma, row, 'findUnique', {})
    for (const operation of OPERATIONS) {
      expect(await ask(cached.prisma, row, operation, filter)).toStrictEqual(
        await ask(world.plain, row, operation, filter),
      )
    }
  })

  it('null of a nullable unique is Prisma’s error in findUnique', async () => {
    const user = await world.plain.user.create({ data: { email: 'nullable@x.org' } })
    const { id } = await world.plain.profile.create({ data: { userId: user.id } })
    await cached.prisma.profile.findUnique({ where: { id } })
    for (const filter of [{ handle: null }, { avatarId: null }, { handle: { equals: null } }, { bio: null }]) {
      for (const operation of OPERATIONS) {
        const args = { where: { id, ...filter } }
        expect(await outcome(delegate(cached.prisma, 'Profile')[operation](args))).toStrictEqual(
          await outcome(delegate(world.plain, 'Profile')[operation](args)),
        )
      }
    }
  })
})

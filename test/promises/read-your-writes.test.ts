/**
 * After a write's promise has resolved, no process reads anything older: for every kind of write, over every row of a
 * small world that was in the cache before.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { type Case, type Client, everyWrite } from '../support/every-write.js'
import { Oracle } from '../support/oracle.js'
import { type Seeded, seed } from '../support/seed.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let writer: CachedProcess
let other: CachedProcess
let oracle: Oracle
let ids: Seeded

const MODELS = [
  'User',
  'Profile',
  'Asset',
  'Post',
  'Category',
  'Tag',
  'Comment',
  'Bookmark',
  'Tenant',
  'Membership',
  'Project',
  'Task',
  'Brand',
  'Product',
  'Order',
  'OrderLine',
] // prettier-ignore

beforeAll(async () => {
  writer = world.process()
  other = world.process()
  oracle = new Oracle(world, MODELS)
  ids = await seed(world.plain, { users: 4 })
})

const { topLevel, nested, raw, transactions, author } = everyWrite(
  world,
  () => ids,
  () => other,
)

const outOfOrder: Case[] = [
  [
    '$uncached',
    async () => {
      const { user } = await author()
      return db => db.$uncached.user.update({ where: { id: user.id }, data: { name: 'uncached' } })
    },
  ],
  [
    'a process that caches nothing',
    async () => {
      const { user } = await author()
      const worker = world.process({ models: {} })
      return () => worker.prisma.user.update({ where: { id: user.id }, data: { name: 'worker' } })
    },
  ],
  [
    'a process with enabled: false',
    async () => {
      const { user } = await author()
      const worker = world.process({ enabled: false })
      return () => worker.prisma.user.update({ where: { id: user.id }, data: { name: 'off' } })
    },
  ],
  [
    'the plain client, with $cache.invalidate',
    async () => {
      const { user } = await author()
      return async db => {
        await world.plain.user.update({ where: { id: user.id }, data: { name: 'by hand' } })
        expect(await db.$cache.invalidate('User', { id: user.id })).toBe('done')
      }
    },
  ],
  [
    'the plain client, with $cache.invalidate by another unique',
    async () => {
      const { user } = await author()
      return async db => {
        await world.plain.user.update({ where: { id: user.id }, data: { name: 'by hand' } })
        await db.$cache.invalidate('User', { email: user.email })
      }
    },
  ],
  [
    'the plain client, with $cache.invalidateModel',
    async () => {
      const { user } = await author()
      return async db => {
        await world.plain.user.delete({ where: { id: user.id } })
        await db.$cache.invalidateModel('User')
      }
    },
  ],
  [
    'the plain client, with $cache.invalidateAll',
    async () => async db => {
      await world.plain.$executeRaw`UPDATE "Brand" SET name = name || '!'`
      await db.$cache.invalidateAll()
    },
  ],
]

describe.each([
  ['top-level', topLevel],
  ['nested', nested],
  ['raw', raw],
  ['in transactions', transactions],
  ['elsewhere', outOfOrder],
])('after a write, %s', (_, cases) => {
  it.each(cases)('%s: every process reads the new state', async (_title, prepare) => {
    const write = await prepare()
    await oracle.warm(writer, other)
    await write(writer.prisma)
    await oracle.check(writer, other)
    expect(await oracle.check(other)).toBeGreaterThan(0) // and the cache is in use again
  })
})

describe('after a write that failed', () => {
  const failing: Case[] = [
    [
      'refused by a unique',
      async () => {
        const [a, b] = [await author(), await author()]
        return db => db.user.update({ where: { email: a.user.email }, data: { email: b.user.email } })
      },
    ],
    ['not found', async () => db => db.user.update({ where: { id: -1 }, data: { name: 'x' } })],
    ['refused by Prisma', async () => db => db.user.update({ where: { id: 1 }, data: { nam: 'x' } as never })],
    [
      'rolled back with the rest of its batch',
      async () => {
        const { user } = await author()
        return db =>
          db.$transaction([
            db.user.update({ where: { id: user.id }, data: { name: 'dirty' } }),
            db.user.update({ where: { id: -1 }, data: { name: 'x' } }),
          ])
      },
    ],
    [
      'rolled back by the callback',
      async () => {
        const { user } = await author()
        return db =>
          db.$transaction(async tx => {
            await tx.user.update({ where: { id: user.id }, data: { name: 'dirty' } })
            throw new Error('no')
          })
      },
    ],
    [
      'refused at COMMIT',
      async () => db =>
        db.$transaction(async tx => {
          await tx.user.updateMany({ data: { name: 'dirty' } })
          await (tx as unknown as Client).shipment.create({ data: { orderId: -1n, carrier: 'x' } })
        }),
    ],
  ]
  it.each(failing)('%s: the error is Prisma’s and every process reads the database', async (_title, prepare) => {
    const write = await prepare()
    await oracle.warm(writer, other)
    await expect(write(writer.prisma)).rejects.toThrow()
    await oracle.check(writer, other)
  })

  it('a failed write that is swallowed in a transaction, which Postgres then rolls back silently, leaves nothing to be read', async () => {
    const { user } = await author()
    await oracle.warm(writer, other)
    await writer.prisma.$transaction(async tx => {
      await tx.user.update({ where: { id: user.id }, data: { name: 'lost' } })
      await tx.user.create({ data: { email: user.email } }).catch(() => {})
    })
    await oracle.check(writer, other)
    expect((await other.prisma.user.findUnique({ where: { id: user.id } }))?.name).toBeNull()
  })
})

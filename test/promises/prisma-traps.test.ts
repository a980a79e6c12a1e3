/** What Prisma does that a query extension can trip over (the hazards that were measured; each hung, lied or leaked once). */
import { beforeAll, describe, expect, it } from 'vitest'
import { Prisma } from '../../generated/prisma/client.js'
import { HAS_NESTED_TRANSACTIONS } from '../support/prisma-version.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess
let id: number

beforeAll(async () => {
  cached = world.process()
})

async function warmUser(data: Partial<Prisma.UserCreateInput> = {}): Promise<number> {
  const user = await world.plain.user.create({
    data: {
      email: `${Math.random()}@x.org`,
      name: 'Ada',
      posts: { create: [{ title: 'p' }, { title: 'q' }] },
      ...data,
    },
  })
  await cached.prisma.user.findUnique({ where: { id: user.id } })
  return user.id
}

/** Computed fields come as proxies with a symbol of their own each. */
const fieldsOf = (row: unknown) => Object.fromEntries(Object.entries(row as object))

describe('batch transactions', () => {
  it('batch transactions on warm keys do not hang: every operation is passed on', async () => {
    id = await warmUser()
    const [a, b, c] = await cached.prisma.$transaction([
      cached.prisma.user.findUnique({ where: { id } }),
      cached.prisma.user.findFirst({ where: { id } }),
      cached.prisma.user.findUniqueOrThrow({ where: { id }, select: { name: true } }),
    ])
    expect([a?.name, b?.name, c.name]).toEqual(['Ada', 'Ada', 'Ada'])
  })

  it('batch transactions of an extension that wraps each query in one do not hang', async () => {
    id = await warmUser()
    const base = world.process().base
    const outer = base.$extends({
      query: {
        $allModels: {
          async $allOperations({ args, query }) {
            const [, result] = await base.$transaction([
              base.$executeRaw`SELECT set_config('app.tenant', '1', true)`,
              query(args),
            ])
            return result
          },
        },
      },
    })
    const wrapped = world.process({}, { base: outer as unknown as typeof base })
    expect((await wrapped.prisma.user.findUnique({ where: { id } }))?.name).toBe('Ada')
    expect((await wrapped.prisma.user.findUnique({ where: { id } }))?.name).toBe('Ada')
  })

  it('batch transactions that fail leave nothing of what their first operations answered', async () => {
    id = await warmUser()
    const { prisma } = cached
    const batch = prisma.$transaction([
      prisma.user.update({ where: { id }, data: { name: 'dirty' } }),
      prisma.user.findUniqueOrThrow({ where: { id } }),
      prisma.user.create({ data: { id, email: 'taken' } }),
    ])
    await expect(batch).rejects.toMatchObject({ code: 'P2002' })
    expect((await prisma.user.findUnique({ where: { id } }))?.name).toBe('Ada')
  })
})

describe('fluent calls', () => {
  it('fluent calls have their own shape beside a select that looks the same', async () => {
    id = await warmUser()
    for (let round = 0; round < 2; round++) {
      const selected = await cached.prisma.user.findUnique({ where: { id }, select: { posts: true } })
      const fluent = await cached.prisma.user.findUnique({ where: { id } }).posts()
      expect(selected?.posts).toHaveLength(2)
      expect(fluent).toEqual(selected?.posts)
    }
    expect(await cached.prisma.user.findUnique({ where: { id: -1 } }).posts()).toBeNull()
  })
})

describe('extensions beside ours', () => {
  const computed = Prisma.defineExtension({
    result: { user: { shout: { needs: { name: true }, compute: user => `${user.name}!` } } },
  })

  it.each(['before', 'after'])(
    'computed fields, applied %s, are there on a hit, and never change what is kept',
    async when => {
      id = await warmUser()
      const own = world.process(
        {},
        when === 'before' ? { base: cached.base.$extends(computed) as unknown as typeof cached.base } : {},
      )
      const db = when === 'before' ? own.prisma : own.prisma.$extends(computed)
      const asPlain = world.plain.$extends(computed)
      const shapes: object[] = [
        {},
        { select: { shout: true } },
        { select: { name: true } },
        { omit: { name: true } },
        { omit: { email: true } },
      ]
      for (const shape of shapes) {
        for (let round = 0; round < 3; round++) {
          const hit = await db.user.findUnique({ where: { id }, ...shape })
          const truth = await asPlain.user.findUnique({ where: { id }, ...shape })
          expect(fieldsOf(hit)).toStrictEqual(fieldsOf(truth))
          expect(JSON.stringify(hit)).toBe(JSON.stringify(truth))
        }
      }
      // Writes too: the key that we add to a selection is not seen by anybody.
      for (const shape of [
        { select: { shout: true } },
        { omit: { id: true } },
        { select: { name: true } },
      ] as object[]) {
        const written = await db.user.update({ where: { id }, data: { name: 'Bea' }, ...shape })
        const truth = await asPlain.user.update({ where: { id }, data: { name: 'Bea' }, ...shape })
        if ('updatedAt' in truth) expect(Object.keys(written)).toEqual(Object.keys(truth))
        else expect(fieldsOf(written)).toStrictEqual(fieldsOf(truth))
      }
      expect((await db.user.findUnique({ where: { id } }))?.name).toBe('Bea')
    },
  )

  it('a computed field that needs the key sees it, though the caller does not', async () => {
    const needsKey = Prisma.defineExtension({
      result: { user: { tag: { needs: { id: true }, compute: user => `#${user.id}` } } },
    })
    id = await warmUser()
    const db = world.process().prisma.$extends(needsKey)
    const plain = world.plain.$extends(needsKey)
    for (const shape of [
      { select: { tag: true } },
      { omit: { id: true } },
      { select: { tag: true, name: true } },
    ] as object[]) {
      for (const name of ['x', 'y']) {
        const data = { name }
        const written = await db.user.update({ where: { id }, data, ...shape })
        const truth = await plain.user.update({ where: { id }, data, ...shape })
        expect(Object.keys(written)).toEqual(Object.keys(truth))
        expect((written as { tag: string }).tag).toBe(`#${id}`)
        expect((await db.user.findUnique({ where: { id } }))?.name).toBe(name)
      }
    }
  })

  it('what the application does to a result stays with it', async () => {
    id = await warmUser()
    const hit = await cached.prisma.user.findUniqueOrThrow({ where: { id } })
    hit.name = 'vandal'
    hit.createdAt.setFullYear(1970)
    const again = await cached.prisma.user.findUniqueOrThrow({ where: { id } })
    expect(again).toStrictEqual(await world.plain.user.findUniqueOrThrow({ where: { id } }))
  })

  it('model and client methods, before and after ours, keep working', async () => {
    id = await warmUser()
    const methods = Prisma.defineExtension({
      model: {
        $allModels: {
          async exists(this: unknown, where: object): Promise<boolean> {
            const context = Prisma.getExtensionContext(this) as unknown as { findFirst(args: object): Promise<unknown> }
            return (await context.findFirst({ where })) !== null
          },
        },
      },
      client: { $hello: () => 'hello' },
    })
    const db = world.process().prisma.$extends(methods)
    expect(await db.user.exists({ id })).toBe(true)
    expect(db.$hello()).toBe('hello')
    await db.$transaction(async tx => {
      expect(await tx.user.exists({ id })).toBe(true)
      expect(tx.$hello()).toBe('hello')
    })
  })

  it('an operation-rewriting extension in front hides no write from the write half', async () => {
    const own = world.process()
    id = await warmUser()
    await own.prisma.user.findUnique({ where: { id } })
    const { createExtension } = await import('../../src/extension.js')
    const cache = createExtension({ redis: own.redis, models: { User: true }, prefix: world.prefix })
    const half = own.base.$extends(cache.invalidation)
    const soft = half.$extends({
      query: {
        user: {
          async delete({ args }) {
            // The usual soft delete: another operation, on the client it closes over.
            return (half as unknown as typeof own.base).user.update({
              where: args.where,
              data: { name: 'deleted' },
            }) as never
          },
        },
      },
    })
    const db = soft.$extends(cache)
    await db.user.findUnique({ where: { id } })
    await db.user.delete({ where: { id } })
    expect((await db.user.findUnique({ where: { id } }))?.name).toBe('deleted')
    expect((await own.prisma.user.findUnique({ where: { id } }))?.name).toBe('deleted')
    await db.$cache.close()
  })
})

describe('values that look alike', () => {
  it('DbNull, JsonNull and AnyNull in a where are three queries', async () => {
    const product = { brandSlug: 'unbranded', name: 'n', price: 1, sizes: [] }
    const make = async (sku: string, datasheet?: typeof Prisma.JsonNull) =>
      (await world.plain.product.create({ data: { ...product, sku, model: sku, ...(datasheet ? { datasheet } : {}) } }))
        .id
    const [dbNull, jsonNull] = [await make('db-null'), await make('json-null', Prisma.JsonNull)]
    for (let round = 0; round < 2; round++) {
      for (const key of [dbNull, jsonNull]) {
        for (const nothing of [Prisma.DbNull, Prisma.JsonNull, Prisma.AnyNull]) {
          const where = {
            id: key,
            attributes: { not: nothing },
            datasheet: { equals: nothing },
          } as Prisma.ProductWhereInput
          expect(await cached.prisma.product.findFirst({ where })).toStrictEqual(
            await world.plain.product.findFirst({ where }),
          )
        }
      }
    }
  })
})

describe('inside a transaction', () => {
  it('tx.$uncached is the transaction itself', async () => {
    id = await warmUser()
    await cached.prisma
      .$transaction(async tx => {
        await tx.user.update({ where: { id }, data: { name: 'inside' } })
        const inside = tx.$uncached as unknown as typeof tx
        expect((await inside.user.findUnique({ where: { id } }))?.name).toBe('inside')
        await inside.user.update({ where: { id }, data: { name: 'also inside' } })
        throw new Error('roll back')
      })
      .catch(() => {})
    expect((await world.plain.user.findUnique({ where: { id } }))?.name).toBe('Ada')
    expect((await cached.prisma.user.findUnique({ where: { id } }))?.name).toBe('Ada')
  })

  it('tx.$cache.invalidate waits for the transaction to settle', async () => {
    id = await warmUser()
    const key = `${world.prefix}User:${id}`
    await cached.prisma.$transaction(async tx => {
      expect(await tx.$cache.invalidate('User', { id })).toBe('after-transaction')
      expect(await world.redis.exists(key)).toBe(1)
    })
    expect(await world.redis.exists(key)).toBe(0)
  })

  it.runIf(HAS_NESTED_TRANSACTIONS)('nested transactions have both too', async () => {
    id = await warmUser()
    const key = `${world.prefix}User:${id}`
    await cached.prisma.$transaction(async tx => {
      await (tx as unknown as CachedProcess['prisma']).$transaction(async deep => {
        await deep.user.update({ where: { id }, data: { name: 'deep' } })
        expect((await (deep.$uncached as unknown as typeof deep).user.findUnique({ where: { id } }))?.name).toBe('deep')
        await deep.$cache.invalidateModel('Post')
      })
      expect(await world.redis.exists(key)).toBe(1)
    })
    expect(await world.redis.exists(key)).toBe(0)
  })

  it('reads of the transaction see its own writes and fill nothing', async () => {
    id = await warmUser()
    await world.redis.del(`${world.prefix}User:${id}`)
    await cached.prisma.$transaction(async tx => {
      await tx.user.findUnique({ where: { id } })
      await tx.user.findFirst({ where: { id } })
    })
    expect(await world.redis.exists(`${world.prefix}User:${id}`)).toBe(0)
  })
})

describe('raw queries', () => {
  it('raw queries that only read invalidate nothing', async () => {
    id = await warmUser()
    await cached.prisma.$queryRaw`SELECT * FROM "User" WHERE id = ${id} FOR UPDATE`
    await cached.prisma.$queryRawUnsafe(`WITH a AS (SELECT 1) SELECT * FROM a`)
    expect(await cached.countSql(() => cached.prisma.user.findUnique({ where: { id } }))).toBe(0)
  })
})

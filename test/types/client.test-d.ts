import type { Redis } from 'ioredis'
import { describe, expectTypeOf, it } from 'vitest'
import type { Post, PrismaClient, Product, User } from '../../generated/prisma/client.js'
import { cacheAside } from '../../src/index.js'

declare const redis: Redis
declare const plain: PrismaClient
declare const omitting: PrismaClient<never, { user: { email: true } }>

const prisma = plain.$extends(cacheAside({ redis, models: { User: true, Post: '5m' } }))
const where = { id: 1 }

describe('results of a cached client', () => {
  it('are the rows of the schema, and null where there may be none', async () => {
    expectTypeOf(await prisma.user.findUnique({ where })).toEqualTypeOf<User | null>()
    expectTypeOf(await prisma.user.findFirst()).toEqualTypeOf<User | null>()
    expectTypeOf(await prisma.user.findMany()).toEqualTypeOf<User[]>()
    expectTypeOf(await prisma.product.findUnique({ where: { sku: 'a' } })).toEqualTypeOf<Product | null>()
  })

  it('are never null from the OrThrow forms', async () => {
    expectTypeOf(await prisma.user.findUniqueOrThrow({ where })).toEqualTypeOf<User>()
    expectTypeOf(await prisma.user.findFirstOrThrow()).toEqualTypeOf<User>()
  })

  it('narrow with select, omit and include as those of the plain client do', async () => {
    const selected = await prisma.user.findUnique({
      where,
      select: { email: true, posts: { select: { title: true } } },
    })
    expectTypeOf(selected).toEqualTypeOf<{ email: string; posts: { title: string }[] } | null>()
    expectTypeOf(selected).toEqualTypeOf(
      await plain.user.findUnique({ where, select: { email: true, posts: { select: { title: true } } } }),
    )

    const omitted = await prisma.user.findUniqueOrThrow({ where, omit: { email: true } })
    expectTypeOf(omitted).toEqualTypeOf<Omit<User, 'email'>>()
    expectTypeOf(omitted).toEqualTypeOf(await plain.user.findUniqueOrThrow({ where, omit: { email: true } }))

    const included = await prisma.user.findUniqueOrThrow({ where, include: { posts: true, _count: true } })
    expectTypeOf(included).toExtend<User & { posts: Post[]; _count: { posts: number } }>()
    expectTypeOf(included).toEqualTypeOf(
      await plain.user.findUniqueOrThrow({ where, include: { posts: true, _count: true } }),
    )
  })

  it('leave out what the client omits everywhere', async () => {
    const cached = omitting.$extends(cacheAside({ redis, models: { User: true } }))
    expectTypeOf(await cached.user.findUnique({ where })).toEqualTypeOf<Omit<User, 'email'> | null>()
    expectTypeOf(await cached.user.findUnique({ where, omit: { email: false } })).toEqualTypeOf<User | null>()
  })

  it('of writes, counts, groups and fluent calls are those of the plain client', async () => {
    const data = { email: 'ada@x.org' }
    expectTypeOf(await prisma.user.create({ data })).toEqualTypeOf<User>()
    expectTypeOf(await prisma.user.update({ where, data, select: { id: true } })).toEqualTypeOf<{ id: number }>()
    expectTypeOf(await prisma.user.updateMany({ data })).toEqualTypeOf(await plain.user.updateMany({ data }))
    expectTypeOf(await prisma.user.createManyAndReturn({ data })).toEqualTypeOf<User[]>()
    expectTypeOf(await prisma.user.count()).toEqualTypeOf<number>()
    expectTypeOf(await prisma.post.groupBy({ by: 'authorId', _sum: { views: true } })).toEqualTypeOf(
      await plain.post.groupBy({ by: 'authorId', _sum: { views: true } }),
    )
    expectTypeOf(await prisma.user.findUnique({ where }).posts()).toEqualTypeOf(
      await plain.user.findUnique({ where }).posts(),
    )
  })

  it('refuse what the schema does not have', async () => {
    // @ts-expect-error -- no such field
    await prisma.user.findUnique({ where, select: { mail: true } })
    // @ts-expect-error -- not unique
    await prisma.user.findUnique({ where: { name: 'Ada' } })
    // @ts-expect-error -- no such model
    await prisma.usr.findMany()
    // @ts-expect-error -- queries take no options of the cache
    await prisma.user.findUnique({ where, cache: true })
  })
})

describe('$transaction', () => {
  it('with a list gives one result per query', async () => {
    const results = await prisma.$transaction([prisma.user.findMany(), prisma.post.count(), plain.post.findFirst()])
    expectTypeOf(results).toEqualTypeOf<[User[], number, Post | null]>()
  })

  it('with a function gives what the function gives', async () => {
    const result = await prisma.$transaction(
      async tx => {
        const user = await tx.user.findUniqueOrThrow({ where, select: { id: true } })
        expectTypeOf(user).toEqualTypeOf<{ id: number }>()
        return { user, count: await tx.post.count() }
      },
      { isolationLevel: 'Serializable', timeout: 1000 },
    )
    expectTypeOf(result).toEqualTypeOf<{ user: { id: number }; count: number }>()
  })

  it('hands the function a client with $cache and $uncached', async () => {
    await prisma.$transaction(async tx => {
      expectTypeOf(await tx.$uncached.user.findUnique({ where })).toEqualTypeOf<User | null>()
      await tx.$cache.invalidate('User', where)
      // @ts-expect-error -- no such model
      await tx.$cache.invalidate('Usr', where)
    })
  })
})

describe('further extensions', () => {
  const layered = prisma.$extends({
    result: { user: { shout: { needs: { email: true }, compute: user => user.email.toUpperCase() } } },
    model: {
      user: {
        async idOf(email: string) {
          return email.length
        },
      },
    },
    client: { $length: (text: string) => text.length },
  })

  it('keep the types of both', async () => {
    const user = await layered.user.findUniqueOrThrow({ where })
    expectTypeOf(user).toExtend<User>()
    expectTypeOf(user.shout).toEqualTypeOf<string>()
    const selected = await layered.user.findUnique({ where, select: { shout: true } })
    expectTypeOf(selected).toEqualTypeOf<{ shout: string } | null>()
    expectTypeOf(await layered.user.idOf('ada@x.org')).toEqualTypeOf<number>()
    expectTypeOf(layered.$length('hello')).toEqualTypeOf<number>()
  })

  it('keep $cache and $uncached', async () => {
    await layered.$cache.invalidate('User', where)
    // @ts-expect-error -- no such model
    await layered.$cache.invalidate('Usr', where)
    expectTypeOf(await layered.$uncached.user.findUnique({ where })).toEqualTypeOf<User | null>()
    await layered.$transaction(async tx => {
      // @ts-expect-error -- no such model
      await tx.$cache.invalidate('Usr', where)
      expectTypeOf((await tx.user.findFirstOrThrow()).shout).toEqualTypeOf<string>()
    })
  })

  it('applied before the cache keep their types too', async () => {
    const after = plain
      .$extends({ result: { user: { shout: { needs: { email: true }, compute: user => user.email.toUpperCase() } } } })
      .$extends(cacheAside({ redis, models: { User: true } }))
    expectTypeOf((await after.user.findUniqueOrThrow({ where })).shout).toEqualTypeOf<string>()
    expectTypeOf((await after.$uncached.user.findUniqueOrThrow({ where })).shout).toEqualTypeOf<string>()
    await after.$cache.invalidate('User', where)
  })

  it('may stand between the write half and the whole', async () => {
    const cache = cacheAside({ redis, models: { User: true } })
    const between = plain
      .$extends(cache.invalidation)
      .$extends({ client: { $length: (text: string) => text.length } })
      .$extends(cache)
    expectTypeOf(await between.user.findUnique({ where })).toEqualTypeOf<User | null>()
    expectTypeOf(between.$length('hello')).toEqualTypeOf<number>()
    await between.$cache.invalidate('User', where)
    // The write half adds nothing to see.
    expectTypeOf(plain.$extends(cache.invalidation)).not.toHaveProperty('$cache')
  })
})

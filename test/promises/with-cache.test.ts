/** `withCache(client, …)` is `client.$extends(cacheAside(…))`, with the client's own type, and with `$on`. */
import { describe, expect, it } from 'vitest'
import { Prisma, type PrismaClient } from '../../generated/prisma/client.js'
import { withCache } from '../../src/index.js'
import { newUser } from '../support/users.js'
import { newClient, useWorld } from '../support/world.js'

const world = useWorld()

function open(client: PrismaClient = newClient(world.databaseUrl)) {
  return withCache(client, { redis: world.redis, prefix: world.prefix, models: { User: true }, deadlineMs: 2000 })
}

describe('a client made by withCache', () => {
  it('caches, invalidates, and has $cache and $uncached', async () => {
    const prisma = open()
    const id = await newUser(world)
    await prisma.user.findUnique({ where: { id } })
    await prisma.user.findUnique({ where: { id } })
    await prisma.user.update({ where: { id }, data: { name: 'new' } })
    expect((await prisma.user.findUnique({ where: { id } }))?.name).toBe('new')
    expect(prisma.$cache.stats()).toMatchObject({ hits: 1, misses: 2 })
    expect((await prisma.$uncached.user.findUnique({ where: { id } }))?.name).toBe('new')
    expect(prisma.$cache.stats()).toMatchObject({ hits: 1, misses: 2 })
    await prisma.$disconnect()
  })

  it('keeps $on: events of the database come, and $on can be chained', async () => {
    const prisma = open()
    const seen: string[] = []
    const chained = (
      prisma as unknown as { $on: (type: string, then: (event: { query: string }) => void) => unknown }
    ).$on('query', ({ query }) => seen.push(query))
    expect(chained).toBe(prisma)
    await prisma.user.findMany()
    await expect.poll(() => seen.join()).toContain('"User"')
    await prisma.$disconnect()
  })

  it('hands a client to transactions that invalidates, and that goes on in a function for Prisma.TransactionClient', async () => {
    const prisma = open()
    const id = await newUser(world)
    await prisma.user.findUnique({ where: { id } })
    const rename = async (db: Prisma.TransactionClient, name: string) =>
      db.user.update({ where: { id }, data: { name } })
    await prisma.$transaction(async tx => {
      await rename(tx, 'inside')
    })
    expect((await prisma.user.findUnique({ where: { id } }))?.name).toBe('inside')
    await rename(prisma, 'outside')
    expect((await prisma.user.findUnique({ where: { id } }))?.name).toBe('outside')
    const [user] = await prisma.$transaction([prisma.user.findUnique({ where: { id } }), prisma.user.count()])
    expect(user?.name).toBe('outside')
    await prisma.$disconnect()
  })

  it('can be extended further, and made from an extended client', async () => {
    const id = await newUser(world)
    const signUp = Prisma.defineExtension({ model: { user: { signUp: async (email: string) => `${email}!` } } })
    const before = withCache(newClient(world.databaseUrl).$extends(signUp), {
      redis: world.redis,
      prefix: world.prefix,
      models: { User: true },
    })
    expect(await before.user.signUp('a')).toBe('a!')
    expect((await before.user.findUnique({ where: { id } }))?.id).toBe(id)
    const after = open().$extends(signUp)
    expect(await after.user.signUp('a')).toBe('a!')
    for (let i = 0; i < 2; i++) expect((await after.user.findUnique({ where: { id } }))?.id).toBe(id)
    expect((after as unknown as typeof before).$cache.stats().hits).toBeGreaterThan(0)
    await before.$disconnect()
    await after.$disconnect()
  })

  it('answers raw queries, metadata and unknown members as the client does', async () => {
    const plain = newClient(world.databaseUrl)
    const prisma = open(plain)
    expect(await prisma.$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }])
    expect(await prisma.$executeRaw`SELECT 1`).toBe(1)
    expect(prisma.user.fields.id).toMatchObject({ name: 'id' })
    expect('user' in prisma).toBe(true)
    expect((prisma as unknown as { nope?: unknown }).nope).toBeUndefined()
    await prisma.$disconnect()
  })
})

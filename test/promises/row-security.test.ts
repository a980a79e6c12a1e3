/** Row-level security: what one database user may see is not shown to another. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type CachedProcess, newClient, useWorld } from '../support/world.js'

const ROLE = `restricted_${process.pid}`

const world = useWorld()
let owner: CachedProcess
let restricted: CachedProcess
let declared: CachedProcess

beforeAll(async () => {
  const db = world.plain
  await db.user.createMany({ data: [1, 2].map(id => ({ id, email: `u${id}@x.org` })) })
  await db.post.createMany({ data: [1, 2].map(id => ({ id, title: `of ${id}`, authorId: id })) })
  await db.$executeRawUnsafe(`CREATE ROLE "${ROLE}" LOGIN PASSWORD 'secret'`)
  await db.$executeRawUnsafe(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO "${ROLE}"`)
  await db.$executeRawUnsafe('ALTER TABLE "Post" ENABLE ROW LEVEL SECURITY')
  await db.$executeRawUnsafe('CREATE POLICY own ON "Post" USING ("authorId" = 2)')
  const url = new URL(world.databaseUrl)
  url.username = ROLE
  url.password = 'secret'
  owner = world.process()
  restricted = world.process({}, { base: newClient(url.href) })
  declared = world.process(
    { models: { User: true, Post: { rowSecurity: 'same-for-all' } } },
    { base: newClient(url.href) },
  )
})
afterAll(async () => {
  await Promise.all([restricted.base.$disconnect(), declared.base.$disconnect()])
  await world.plain.$executeRawUnsafe(`DROP OWNED BY "${ROLE}"`)
  await world.plain.$executeRawUnsafe(`DROP ROLE "${ROLE}"`)
})

it('a user under row-level security gets nothing that was cached for one without it, by key, in a list, or as a first match', async () => {
  const reads = [
    (p: CachedProcess) => p.prisma.post.findUnique({ where: { id: 1 } }),
    (p: CachedProcess) => p.prisma.post.findFirst({ where: { title: 'of 1' } }),
    (p: CachedProcess) => p.prisma.user.findUnique({ where: { id: 1 }, select: { posts: true } }),
    (p: CachedProcess) => p.prisma.user.findFirst({ where: { posts: { some: { id: 1 } } } }),
  ]
  for (const read of reads) {
    const seen = await read(owner)
    await owner.flushed()
    expect(await owner.countSql(() => read(owner))).toBe(0)
    const others = await read(restricted)
    expect(others).not.toEqual(seen)
    expect(await restricted.countSql(() => read(restricted))).toBeGreaterThan(0)
  }
})

it('what such a user sees is not kept for others', async () => {
  await world.evict()
  expect(await restricted.prisma.post.findUnique({ where: { id: 1 } })).toBeNull()
  await restricted.flushed()
  expect(await owner.prisma.post.findUnique({ where: { id: 1 } })).toMatchObject({ title: 'of 1' })
})

it('$cached caches no rows of such a table, whether it is configured or not', async () => {
  await world.evict()
  const open = world.process({ models: { User: true } })
  const url = new URL(world.databaseUrl)
  url.username = ROLE
  url.password = 'secret'
  const own = world.process({ models: { User: true } }, { base: newClient(url.href) })
  for (const query of [
    (p: CachedProcess) => p.prisma.$cached({}).post.findUnique({ where: { id: 1 } }),
    (p: CachedProcess) => p.prisma.$cached({ tags: ['t'] }).post.findMany(),
    (p: CachedProcess) => p.prisma.$cached({}).user.findFirst({ where: { posts: { some: { id: 1 } } } }),
  ]) {
    const seen = await query(open)
    await open.flushed()
    expect(await open.countSql(async () => query(open))).toBe(0)
    expect(await query(own)).not.toEqual(seen)
    expect(await own.countSql(async () => query(own))).toBeGreaterThan(0)
  }
  await own.base.$disconnect()
})

it('explain says so, and models without it are cached', async () => {
  await restricted.prisma.user.findUnique({ where: { id: 1 } })
  const why = 'rows of Post are not the same for every user: row-level security'
  expect(restricted.prisma.$cache.explain('Post', 'findUnique', { where: { id: 1 } })).toEqual({ cached: false, why })
  const withPosts = { where: { id: 1 }, include: { posts: true } }
  expect(restricted.prisma.$cache.explain('User', 'findUnique', withPosts)).toEqual({ cached: false, why })
  expect(restricted.prisma.$cache.explain('User', 'findUnique', { where: { id: 1 } })).toMatchObject({ cached: true })
})

it('a model that is declared to be the same for all is cached', async () => {
  await world.evict()
  const read = () => declared.prisma.post.findUnique({ where: { id: 2 } })
  await read()
  await declared.flushed()
  expect(await declared.countSql(read)).toBe(0)
})

/**
 * A write whose outcome the client does not learn: the connection is cut, the backend killed, the time is over, at each point
 * of a statement and of COMMIT. Whatever the server makes of it, and whenever: another process reads what the database has.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Client } from 'pg'
import { type Proxy, startProxy } from '../support/proxy.js'
import { type CachedProcess, createWorld, newClient, type World } from '../support/world.js'

type Db = CachedProcess['prisma']

let world: World
let proxy: Proxy
let writer: CachedProcess
let reader: CachedProcess

beforeAll(async () => {
  world = await createWorld()
  proxy = await startProxy(world.databaseUrl)
  const options = { models: { User: true, Post: { queries: true }, Tag: true, Profile: true, Comment: true } } as const
  writer = world.process(options, { base: newClient(proxy.url, {}, { query_timeout: 250, max: 1 }) })
  reader = world.process(options)
})
afterAll(async () => {
  await proxy.mend()
  await writer.end()
  await proxy.stop()
  await world.close()
})

beforeEach(async () => {
  await proxy.mend()
  await world.evict()
  await world.plain.$executeRaw`TRUNCATE "User", "Tag" CASCADE`
  await world.plain.user.createMany({ data: [1, 2].map(id => ({ id, email: `u${id}@x.org`, name: 'v0' })) })
  await world.plain.tag.create({ data: { id: 't', name: 't' } })
  await world.plain.post.createMany({ data: [1, 2].map(id => ({ id, title: `v0`, authorId: id })) })
  // The writer knows the way, and the reader has all of it in the cache.
  await expect
    .poll(() =>
      writer.base.$queryRaw`SELECT 1`.then(
        () => true,
        () => false,
      ),
    )
    .toBe(true)
  await read(reader.prisma)
  await reader.flushed()
})

/** All that the writes below change, in all shapes. */
function read(db: Db | World['plain']): Promise<unknown> {
  const orderBy = { id: 'asc' as const }
  return Promise.all([
    ...[1, 2].map(id =>
      db.user.findUnique({ where: { id }, include: { posts: { orderBy }, profile: true, _count: true } }),
    ),
    ...[1, 2].map(id => db.post.findUnique({ where: { id }, include: { author: true, tags: true } })),
    db.tag.findUnique({ where: { id: 't' }, include: { posts: { orderBy } } }),
    db.user.findUnique({ where: { email: 'u1@x.org' } }),
    db.post.findMany({ where: { authorId: 1 }, orderBy }),
    db.post.count(),
  ])
}

async function expectFresh(): Promise<void> {
  expect(await read(reader.prisma)).toEqual(await read(world.plain))
  await reader.flushed()
  expect(await read(reader.prisma)).toEqual(await read(world.plain))
}

const WRITES: [string, (db: Db) => Promise<unknown>][] = [
  ['an update', async db => db.user.update({ where: { id: 1 }, data: { name: 'v1' } })],
  ['a move', async db => db.post.update({ where: { id: 1 }, data: { authorId: 2 } })],
  ['a create', async db => db.post.create({ data: { title: 'new', authorId: 1 } })],
  ['a delete that cascades', async db => db.user.delete({ where: { id: 1 } })],
  ['links', async db => db.post.update({ where: { id: 1 }, data: { tags: { connect: { id: 't' } } } })],
  ['a nested write', async db => db.user.update({ where: { id: 1 }, data: { posts: { create: { title: 'n' } } } })],
  ['a bulk write', async db => db.post.updateMany({ data: { title: 'v1' } })],
  ['raw SQL', async db => db.$executeRaw`UPDATE "Post" SET "authorId" = 2 WHERE id = 1`],
  ['a batch', async db => db.$transaction([db.post.update({ where: { id: 1 }, data: { authorId: 2 } })])],
]

describe.each(WRITES)('%s', (_, write) => {
  it('whose reply does not come is seen, if the server did it', async () => {
    proxy.keep('replies')
    await expect(write(writer.prisma)).rejects.toThrow()
    await expectFresh()
  })

  it('that never reaches the server leaves everything as it is', async () => {
    proxy.lose('requests')
    await expect(write(writer.prisma)).rejects.toThrow()
    await expectFresh()
  })

  it('whose connection is cut when it has been sent', async () => {
    const sent = proxy.arrival('requests')
    const outcome = write(writer.prisma).then(
      () => 'done',
      () => 'failed',
    )
    await sent
    proxy.cut()
    await outcome
    await settled()
    await expectFresh()
  })

  it('that waits for a lock until its time is over, and is done when the lock is released', async () => {
    const lock = new Client({ connectionString: world.databaseUrl })
    await lock.connect()
    await lock.query('BEGIN')
    await lock.query('LOCK TABLE "User", "Post", "_PostToTag" IN SHARE MODE')
    await expect(write(writer.prisma)).rejects.toThrow()
    await expectFresh()
    await lock.query('COMMIT')
    await lock.end()
    await settled()
    await expectFresh()
  })

  it('whose backend is killed while it waits', async () => {
    const lock = new Client({ connectionString: world.databaseUrl })
    await lock.connect()
    await lock.query('BEGIN')
    await lock.query('LOCK TABLE "User", "Post", "_PostToTag" IN SHARE MODE')
    const outcome = expect(write(writer.prisma)).rejects.toThrow()
    const waiting = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
    await expect.poll(async () => (await lock.query(waiting)).rowCount).toBe(1)
    await lock.query(`SELECT pg_terminate_backend(pid) FROM (${waiting}) AS waiting`)
    await outcome
    await lock.query('COMMIT')
    await lock.end()
    await expectFresh()
  })
})

describe('the COMMIT of a transaction', () => {
  const transaction = (before: () => void) =>
    writer.prisma.$transaction(async tx => {
      await tx.post.update({ where: { id: 1 }, data: { authorId: 2 } })
      await tx.user.update({ where: { id: 2 }, data: { name: 'v1' } })
      before()
    })

  it('whose reply does not come', async () => {
    await expect(transaction(() => proxy.keep('replies'))).rejects.toThrow()
    await expectFresh()
    await settled()
    await expectFresh()
  })

  it('that never reaches the server', async () => {
    await expect(transaction(() => proxy.lose('requests'))).rejects.toThrow()
    await expectFresh()
    await proxy.mend()
    await settled()
    await expectFresh()
  })

  it('that is cut when it has been sent', async () => {
    const outcome = transaction(() => void proxy.arrival('requests').then(() => proxy.cut())).catch(() => 'failed')
    await outcome
    await settled()
    await expectFresh()
  })
})

/** Nothing is under way on the server any more; a transaction that its client has given up is undone. */
async function settled(): Promise<void> {
  const others = 'FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()'
  const none = (states: string) => async () =>
    (await world.plain.$queryRawUnsafe<unknown[]>(`SELECT 1 ${others} AND state ${states}`)).length
  await expect.poll(none(`= 'active'`), { timeout: 5000 }).toBe(0)
  proxy.cut()
  await expect.poll(none(`<> 'idle'`), { timeout: 5000 }).toBe(0)
}

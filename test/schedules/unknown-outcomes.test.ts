/**
 * A write whose outcome the client does not learn: the connection is cut, the backend killed, the time is over, at each point
 * of a statement and of COMMIT. Whatever the server makes of it, and whenever: another process reads what the database has.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { describeInStandardMode } from '../support/consistency.js'
import { isDeepStrictEqual } from 'node:util'
import { Client } from 'pg'
import type { Overrides } from '../../src/assemble.js'
import { Store } from '../../src/redis/store.js'
import { type Proxy, startProxy } from '../support/proxy.js'
import { type CachedProcess, newClient, useWorld, type World } from '../support/world.js'

type Db = CachedProcess['prisma']

const world = useWorld()
let proxy: Proxy
let writer: CachedProcess
let reader: CachedProcess
/** Of the test that runs. */
const processes: CachedProcess[] = []
let parts: Partial<Overrides> = {}

/** New ones for each test: a process keeps its holds alive, also those of an earlier test that were taken away. */
async function cast(): Promise<void> {
  await leave()
  const options = { models: { User: true, Post: { queries: true }, Tag: true, Profile: true, Comment: true } } as const
  writer = world.process(options, { parts, base: newClient(proxy.url, {}, { query_timeout: 250, max: 1 }) })
  reader = world.process(options, { parts })
  processes.push(writer, reader)
}

async function leave(): Promise<void> {
  for (const each of processes.splice(0)) await each.end()
}

/** Sets no hold. */
class NoHold extends Store {
  override invalidate({ keys }: Parameters<Store['invalidate']>[0]): ReturnType<Store['invalidate']> {
    return super.invalidate({ holds: [], keys })
  }
}

/** Drops nothing, and sets no hold. */
class NoDrop extends Store {
  override async invalidate(): ReturnType<Store['invalidate']> {
    return 'done'
  }
}

beforeAll(async () => {
  proxy = await startProxy(world.databaseUrl)
})
afterAll(async () => {
  await proxy.mend()
  await leave()
  await proxy.stop()
})

beforeEach(async () => {
  await proxy.mend()
  await cast()
  await world.evict()
  await world.plain.$executeRaw`TRUNCATE "User", "Tag" CASCADE`
  await world.plain.user.createMany({ data: [1, 2].map(id => ({ id, email: `u${id}@x.org`, name: 'v0' })) })
  await world.plain.tag.create({ data: { id: 't', name: 't' } })
  await world.plain.post.createMany({ data: [1, 2].map(id => ({ id, title: `v0`, authorId: id })) })
  // The writer has a connection, on which nothing else is asked than the write, and the reader has all of it in the cache.
  await expect
    .poll(() =>
      read(writer.prisma).then(
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

async function isFresh(): Promise<boolean> {
  return isDeepStrictEqual(await read(reader.prisma), await read(world.plain))
}

/** The outcome was taken for unknown: until the end of the hold nothing of these models is served or filled. */
async function expectHeld(models: readonly string[]): Promise<void> {
  const held = (await world.keys()).filter(key => key.endsWith('@hold'))
  expect(held).toEqual(expect.arrayContaining(models.map(model => `{${model}}@hold`)))
}

const WRITES: [string, (db: Db) => Promise<unknown>, models: string[]][] = [
  ['an update', async db => db.user.update({ where: { id: 1 }, data: { name: 'v1' } }), ['User']],
  ['a move', async db => db.post.update({ where: { id: 1 }, data: { authorId: 2 } }), ['Post']],
  ['a create', async db => db.post.create({ data: { id: 9, title: 'new', authorId: 1 } }), ['Post']],
  ['a delete that cascades', async db => db.user.delete({ where: { id: 1 } }), ['User', 'Post', 'Profile']],
  [
    'links',
    async db => db.post.update({ where: { id: 1 }, data: { tags: { connect: { id: 't' } } } }),
    ['Post', 'Tag'],
  ],
  [
    'a nested write',
    async db => db.user.update({ where: { id: 1 }, data: { posts: { create: { id: 9, title: 'n' } } } }),
    ['User', 'Post'],
  ],
  ['a bulk write', async db => db.post.updateMany({ data: { title: 'v1' } }), ['Post']],
  ['raw SQL', async db => db.$executeRaw`UPDATE "Post" SET "authorId" = 2 WHERE id = 1`, ['Post']],
  ['a batch', async db => db.$transaction([db.post.update({ where: { id: 1 }, data: { authorId: 2 } })]), ['Post']],
]

/** Of a test that failed: or all that follow would wait for them. */
const locks: Client[] = []
afterEach(async () => {
  for (const lock of locks.splice(0)) await lock.end()
})

/** Begins a write that waits for a lock, until the client gives up; the lock is held until it is released. */
async function locked(run: () => Promise<void>): Promise<{ lock: Client; release: () => Promise<void> }> {
  const lock = new Client({ connectionString: world.databaseUrl })
  locks.push(lock)
  await lock.connect()
  await lock.query('BEGIN')
  await lock.query('LOCK TABLE "User", "Post", "_PostToTag" IN SHARE MODE')
  await run()
  return {
    lock,
    async release() {
      await lock.query('COMMIT')
      await lock.end()
    },
  }
}

describe.each(WRITES)('%s', (_, write, models) => {
  it('a write whose reply does not come is seen, if the server did it', async () => {
    proxy.keep('replies')
    await expect(write(writer.prisma)).rejects.toThrow()
    await expectHeld(models)
    await expectFresh()
  })

  it('a write that never reaches the server leaves everything as it is', async () => {
    proxy.lose('requests')
    await expect(write(writer.prisma)).rejects.toThrow()
    await expectHeld(models)
    await expectFresh()
  })

  it('a write whose connection is cut after it was sent leaves nothing stale', async () => {
    const sent = proxy.arrival('requests')
    const outcome = expect(write(writer.prisma)).rejects.toThrow()
    await sent
    proxy.cut()
    await outcome
    await expectHeld(models)
    await settled()
    await expectFresh()
  })

  it('a write that times out at a lock, and is done when the lock is released, is seen', async () => {
    const { release } = await locked(() => expect(write(writer.prisma)).rejects.toThrow())
    await expectHeld(models)
    await expectFresh()
    await release()
    await settled()
    await expectFresh()
  })

  it('a write whose backend is killed while it waits leaves nothing stale', async () => {
    let outcome: Promise<void> | undefined
    const { lock, release } = await locked(async () => {
      outcome = expect(write(writer.prisma)).rejects.toThrow()
    })
    const waiting = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
    await expect.poll(async () => (await lock.query(waiting)).rowCount).toBe(1)
    await lock.query(`SELECT pg_terminate_backend(pid) FROM (${waiting}) AS waiting`)
    await outcome
    await expectHeld(models)
    await release()
    await expectFresh()
  })
})

// A transaction is undone by the server as soon as one of its statements is given up: here nothing is committed later.
const UNDONE = ['links', 'a nested write', 'a batch']
const COMMITTED_LATER = WRITES.filter(([name]) => !UNDONE.includes(name))

describeInStandardMode('without a hold', () => {
  beforeAll(() => void (parts = { Store: NoHold }))
  afterAll(() => void (parts = {}))

  it.each(COMMITTED_LATER)(
    '(without the hold, %s that is done when a lock is released is not seen)',
    async (_, write) => {
      const { release } = await locked(() => expect(write(writer.prisma)).rejects.toThrow())
      await expectFresh()
      await release()
      await settled()
      expect(await isFresh()).toBe(false)
    },
  )
})

describeInStandardMode('without an invalidation after a failure', () => {
  beforeAll(() => void (parts = { Store: NoDrop }))
  afterAll(() => void (parts = {}))

  it.each(COMMITTED_LATER)(
    '(without an invalidation after a failure, %s whose reply does not come is not seen)',
    async (_, write) => {
      proxy.keep('replies')
      await expect(write(writer.prisma)).rejects.toThrow()
      await settled()
      expect(await isFresh()).toBe(false)
    },
  )
})

describe('the COMMIT of a transaction', () => {
  const transaction = (before: () => void) =>
    writer.prisma.$transaction(async tx => {
      await tx.post.update({ where: { id: 1 }, data: { authorId: 2 } })
      await tx.user.update({ where: { id: 2 }, data: { name: 'v1' } })
      before()
    })

  it('a COMMIT whose reply does not come is seen', async () => {
    await expect(transaction(() => proxy.keep('replies'))).rejects.toThrow()
    await expectHeld(['User', 'Post'])
    await expectFresh()
    await settled()
    await expectFresh()
  })

  it('a COMMIT that never reaches the server leaves nothing stale', async () => {
    await expect(transaction(() => proxy.lose('requests'))).rejects.toThrow()
    await expectHeld(['User', 'Post'])
    await expectFresh()
    await proxy.mend()
    await settled()
    await expectFresh()
  })

  it('a COMMIT that is cut after it was sent leaves nothing stale', async () => {
    await transaction(() => void proxy.arrival('requests').then(() => proxy.cut())).then(
      () => undefined,
      () => expectHeld(['User', 'Post']),
    )
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

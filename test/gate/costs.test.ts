/**
 * What an operation costs, in numbers that no machine changes: commands and bytes to Redis, statements to Postgres, promises.
 * A number that goes up is a regression, one that goes down is to be recorded: `npx vitest run -u test/gate`.
 */
import { createHook } from 'node:async_hooks'
import { beforeAll, expect, it, vi } from 'vitest'
import { watchRedis } from '../support/monitor.js'
import { type CachedProcess, useWorld } from '../support/world.js'

/** How many bytes a date takes depends on how far it is from the others. */
const FIXED = { createdAt: new Date('2026-01-01T00:00:00Z'), updatedAt: new Date('2026-01-01T00:00:00Z') }

const world = useWorld()
let cached: CachedProcess

beforeAll(async () => {
  cached = world.process({ models: { User: true, Post: true }, front: true })
  await world.plain.user.create({ data: { id: 1, email: 'ada@example.com', name: 'Ada' } })
  const posts = Array.from({ length: 50 }, (_, i) => ({ id: i + 1, title: `Post ${i + 1}`, authorId: 1, ...FIXED }))
  await world.plain.post.createMany({ data: posts })
  // The connection is up, and the epochs are there.
  await cached.prisma.user.findUnique({ where: { id: 1 }, include: { posts: true } })
  await cached.prisma.user.findUnique({ where: { email: 'ada@example.com' } })
  await cached.flushed()
})

const operations: Record<string, (db: CachedProcess['prisma']) => Promise<unknown>> = {
  'hit by key': async db => db.user.findUnique({ where: { id: 1 } }),
  'hit by unique': async db => db.user.findUnique({ where: { email: 'ada@example.com' } }),
  'hit with 50 related rows': async db => db.user.findUnique({ where: { id: 1 }, include: { posts: true } }),
  'no such row': async db => db.user.findUnique({ where: { id: 2 } }),
  'no such row, hit': async db => db.user.findUnique({ where: { id: 2 } }),
  'update by key': async db => db.user.update({ where: { id: 1 }, data: { name: 'Ada' } }),
  'miss by key': async db => db.user.findUnique({ where: { id: 1 } }),
  'update of a related row': async db => db.post.update({ where: { id: 1 }, data: { views: 1, ...FIXED } }),
  'miss of the related rows': async db => db.user.findUnique({ where: { id: 1 }, include: { posts: true } }),
  'create of a related row': async db => db.post.create({ data: { id: 1000, title: 'New', authorId: 1 } }),
  'delete of a related row': async db => db.post.delete({ where: { id: 2 } }),
}

it('commands, bytes and statements of each operation are those that were recorded', async () => {
  const costs: Record<string, string> = {}
  for (const [name, run] of Object.entries(operations)) {
    let statements = 0
    const { lines } = await watchRedis(world, async () => {
      statements = await cached.countSql(() => run(cached.prisma))
      await cached.flushed()
    })
    const own = lines.flatMap(line => line.slice(1)).map(arg => arg.replaceAll(world.prefix, ''))
    const bytes = own.reduce((sum, arg) => sum + Buffer.byteLength(arg, 'latin1'), 0)
    const commands = lines.map(([command, ...args]) => `${command}/${args.length}`).join(' ')
    costs[name] = `${statements} SQL, ${commands}, ${bytes} bytes`
  }
  expect(costs).toMatchInlineSnapshot(`
    {
      "create of a related row": "1 SQL, del/3, 39 bytes",
      "delete of a related row": "1 SQL, del/8, 115 bytes",
      "hit by key": "0 SQL, mget/4, 38 bytes",
      "hit by unique": "0 SQL, mget/4, 38 bytes",
      "hit with 50 related rows": "0 SQL, mget/10, 158 bytes",
      "miss by key": "1 SQL, mget/4 set/6 set/6 get/1 eval/6, 420 bytes",
      "miss of the related rows": "2 SQL, mget/10 set/6 set/6 get/1 set/4, 1005 bytes",
      "no such row": "1 SQL, mget/4 set/6 get/1 eval/6, 323 bytes",
      "no such row, hit": "0 SQL, mget/4, 38 bytes",
      "update by key": "1 SQL, del/2, 16 bytes",
      "update of a related row": "1 SQL, del/3, 36 bytes",
    }
  `)
})

it('a hit without a listener measures nothing: its looks at the clock are those that were recorded', async () => {
  const hooked = world.process({ models: { User: true, Post: true }, front: false })
  const now = vi.spyOn(performance, 'now')
  const costs: Record<string, string> = {}
  for (const [name, { prisma }] of Object.entries({ front: cached, hook: hooked })) {
    const read = async () => prisma.user.findUnique({ where: { id: 1 } })
    const looks = async () => {
      now.mockClear()
      await read()
      return now.mock.calls.length
    }
    await read()
    await read()
    const off = [await looks(), await looks()]
    const end = prisma.$cache.on(() => {})
    // The least of some: a timer of the cache may look at it meanwhile.
    const on = Math.min(await looks(), await looks(), await looks())
    end()
    costs[name] = `${Math.min(...off, await looks())}, with a listener ${on}`
  }
  now.mockRestore()
  expect(costs).toMatchInlineSnapshot(`
    {
      "front": "4, with a listener 7",
      "hook": "5, with a listener 8",
    }
  `)
})

it('promises per warm hit, in the front and by the hook, are those that were recorded', async () => {
  const constant = world.plain.$extends({ query: { $allOperations: () => Promise.resolve(null) } })
  const hooked = world.process({ models: { User: true, Post: true }, front: false })
  type Read = (db: CachedProcess['prisma']) => PromiseLike<unknown>
  const reads: Record<string, Read> = {
    'by key': db => db.user.findUnique({ where: { id: 1 } }),
    'by unique': db => db.user.findUnique({ where: { email: 'ada@example.com' } }),
    'with the row that it points to': db => db.post.findUnique({ where: { id: 1 }, include: { author: true } }),
    'with 50 related rows': db => db.user.findUnique({ where: { id: 1 }, include: { posts: true } }),
  }
  // The least of some rounds: a check of the connection may fall into one.
  const perHit = async (db: CachedProcess['prisma'], read: Read): Promise<number> => {
    const ticks = async () => {
      for (let tick = 0; tick < 20; tick++) await Promise.all(Array.from({ length: 50 }, () => read(db)))
    }
    const rounds: number[] = []
    for (let round = 0; round < 5; round++) {
      let made = 0
      const hook = createHook({ init: (_, type) => void (type === 'PROMISE' && made++) }).enable()
      await ticks()
      hook.disable()
      rounds.push(made / 1000)
    }
    return Math.round(Math.min(...rounds) * 100) / 100
  }
  const costs: Record<string, string> = {}
  for (const [name, read] of Object.entries(reads)) {
    const found: number[] = []
    for (const process of [cached, hooked]) {
      const { prisma } = process
      await read(prisma)
      await process.flushed()
      const { hits } = prisma.$cache.stats()
      found.push(await perHit(prisma, read))
      expect(prisma.$cache.stats().hits - hits, name).toBe(5_000)
    }
    costs[name] = `${found[0]} in the front, ${found[1]} by the hook`
  }
  costs['a hook that answers a constant'] = String(
    await perHit(constant as unknown as CachedProcess['prisma'], reads['by key'] as Read),
  )
  expect(costs).toMatchInlineSnapshot(`
    {
      "a hook that answers a constant": "8.04",
      "by key": "4.28 in the front, 10.28 by the hook",
      "by unique": "4.28 in the front, 10.28 by the hook",
      "with 50 related rows": "12.28 in the front, 18.28 by the hook",
      "with the row that it points to": "18.28 in the front, 24.28 by the hook",
    }
  `)
})

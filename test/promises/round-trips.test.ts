import { beforeAll, describe, expect, it } from 'vitest'
import { Redis } from 'ioredis'
import { Gates } from '../support/gates.js'
import { startProxy } from '../support/proxy.js'
import { watchRedis } from '../support/monitor.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess

beforeAll(async () => {
  cached = world.process()
})

async function users(count: number): Promise<number[]> {
  const made = await world.plain.user.createManyAndReturn({
    data: Array.from({ length: count }, (_, i) => ({ email: `${performance.now()}-${i}@x.org` })),
  })
  return made.map(user => user.id)
}

/** The epochs of the model and the connection are there. */
async function warmUp(): Promise<void> {
  const [id] = await users(1)
  await cached.prisma.user.findUnique({ where: { id: id as number } })
}

describe('what a read costs', () => {
  it('a hit is one Redis command and no SQL', async () => {
    const [id] = await users(1)
    const read = () => cached.prisma.user.findUnique({ where: { id: id as number } })
    await read()
    const seen = await watchRedis(world, async () => {
      expect(await cached.countSql(read)).toBe(0)
    })
    expect(seen.commands()).toEqual(['mget'])
  })

  it('a miss is one more round trip before the load', async () => {
    await warmUp()
    const [id] = await users(1)
    const seen = await watchRedis(world, async () => {
      expect(await cached.countSql(() => cached.prisma.user.findUnique({ where: { id: id as number } }))).toBe(1)
    })
    // Holds are asked for behind the token, in the same trip.
    expect(seen.commands()).toEqual(['mget', 'set', 'get', 'eval'])
  })

  it('a miss waits for nothing after the load: it answers though Redis no longer replies', async () => {
    const proxy = await startProxy(world.redisUrl)
    const slow = world.process({ deadlineMs: 60_000, redis: new Redis(proxy.url) })
    await slow.prisma.user.findUnique({ where: { id: (await users(1))[0] as number } })
    const gates = new Gates()
    const db = slow.prisma.$extends(gates.extension)
    for (const shape of [{}, { include: { posts: true } }]) {
      const [id] = await users(1)
      const gate = gates.hold('findUnique', 'after')
      const read = (async () => db.user.findUnique({ where: { id: id as number }, ...shape }))()
      await gate.arrived
      proxy.keep('replies')
      gate.open()
      expect(await read).toMatchObject({ id })
      await proxy.mend()
      await slow.flushed()
      expect(await slow.countSql(() => slow.prisma.user.findUnique({ where: { id: id as number }, ...shape }))).toBe(0)
    }
    await slow.end()
    await proxy.stop()
  })

  it('after some misses in a row the token is taken with the lookup: one round trip before the load', async () => {
    await warmUp()
    const [first, second, third, fourth] = (await users(4)) as [number, number, number, number]
    for (const id of [first, second, third]) await cached.prisma.user.findUnique({ where: { id } })
    await cached.flushed()
    const seen = await watchRedis(world, async () => {
      expect(await cached.countSql(() => cached.prisma.user.findUnique({ where: { id: fourth } }))).toBe(1)
    })
    expect(seen.commands()).toEqual(['set', 'mget', 'eval'])
    // The one that takes it later asks what is there.
    expect(seen.lines[0]).not.toContain('GET')
  })

  it('20 missing rows of one tick are one MGET and one SELECT', async () => {
    await warmUp()
    const ids = await users(20)
    const readAll = () =>
      Promise.all(ids.map(id => cached.prisma.user.findUnique({ where: { id }, select: { email: true } })))
    const seen = await watchRedis(world, async () => {
      expect(await cached.countSql(readAll)).toBe(1)
    })
    expect(seen.commands().filter(name => name === 'mget')).toHaveLength(1)
    expect(seen.commands().filter(name => name === 'set')).toHaveLength(20)

    const again = await watchRedis(world, async () => {
      expect(await cached.countSql(readAll)).toBe(0)
    })
    expect(again.commands()).toEqual(['mget'])
  })

  it('the same missing row queried 20 times in one tick is loaded once', async () => {
    await warmUp()
    const [id] = await users(1)
    const read = () =>
      Promise.all(Array.from({ length: 20 }, () => cached.prisma.user.findUnique({ where: { id: id as number } })))
    const before = cached.prisma.$cache.stats()
    expect(await cached.countSql(read)).toBe(1)
    const { misses, shared } = cached.prisma.$cache.stats()
    expect({ misses: misses - before.misses, shared: shared - before.shared }).toEqual({ misses: 1, shared: 19 })
  })

  it('a write is one DEL', async () => {
    const [id] = await users(1)
    const seen = await watchRedis(world, async () => {
      await cached.prisma.user.update({ where: { id: id as number }, data: { name: 'Ada' } })
    })
    expect(seen.commands()).toEqual(['del'])
    expect(seen.lines[0]?.slice(1).toSorted()).toEqual(
      [`${world.prefix}User:${id}`, `${world.prefix}{User}@any`].toSorted(),
    )
  })
})

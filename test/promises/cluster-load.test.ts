/** A Redis Cluster under load: how many commands go where, and what is left when a node is gone. */
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Buckets } from '../../src/wire/buckets.js'
import { useCluster } from '../support/hooks.js'
import { newUsers } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const cluster = useCluster({ args: ['--cluster-require-full-coverage', 'no'], nodeTimeoutMs: 1000 })
const world = useWorld()
const HOT = 600
let nodes: Redis[]
let cached: CachedProcess
let ids: number[]

beforeAll(async () => {
  nodes = cluster.addresses.map(address => new Redis({ ...address }))
  for (const node of nodes) node.on('error', () => {})
  const redis = new Cluster([...cluster.addresses])
  redis.on('error', () => {})
  cached = world.process({ redis, deadlineMs: 2000, invalidationDeadlineMs: 500 })
  ids = await newUsers(world, HOT)
  await readAll()
  await readAll()
})
afterAll(() => {
  for (const node of nodes) node.disconnect()
})

const read = (id: number) => cached.prisma.user.findUnique({ where: { id } })
const readAll = () => Promise.all(ids.map(read))

async function hitsDuring(run: () => Promise<unknown>): Promise<number> {
  const { hits } = cached.prisma.$cache.stats()
  await run()
  return cached.prisma.$cache.stats().hits - hits
}

/** How often each node was sent each command meanwhile. */
async function commandsDuring(run: () => Promise<unknown>): Promise<Map<string, number>[]> {
  for (const node of nodes) await node.config('RESETSTAT')
  await run()
  const infos = await Promise.all(nodes.map(node => node.info('commandstats')))
  return infos.map(info => {
    const counts = Array.from(info.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm), ([, name, calls]) => [name, Number(calls)])
    return new Map((counts as [string, number][]).filter(([name]) => name !== 'info' && name !== 'config'))
  })
}

const total = (counts: ReadonlyMap<string, number>) =>
  Array.from(counts.values()).reduce((sum, count) => sum + count, 0)

/** The most that a node was sent, to the least. */
function spread(commands: readonly ReadonlyMap<string, number>[]): number {
  const totals = commands.map(total)
  return Math.max(...totals) / Math.min(...totals)
}

describe('commands on a Cluster of three masters', () => {
  it('the buckets are in the slots that they say, four of twelve on each node', async () => {
    const { prefixes, slots } = new Buckets(world.prefix, true)
    const found = await Promise.all(
      prefixes.map(prefix => (nodes[0] as Redis).call('CLUSTER', 'KEYSLOT', `${prefix}User:1`)),
    )
    expect(found).toEqual(slots)
    expect([0, 1, 2].map(i => slots.filter(slot => Math.floor((3 * (slot as number)) / 16_384) === i).length)).toEqual([
      4, 4, 4,
    ])
  })

  it('a hit is one MGET on one node, and each node gets its share', async () => {
    const commands = await commandsDuring(async () => {
      expect(
        await hitsDuring(async () => {
          for (const id of ids) await read(id)
        }),
      ).toBe(HOT)
    })
    expect(commands.reduce((sum, counts) => sum + total(counts), 0)).toBe(HOT)
    expect(commands.every(counts => counts.get('mget') === total(counts))).toBe(true)
    expect(spread(commands)).toBeLessThan(1.2)
  })

  it.each([8, 64])(
    'each node gets its share of %i reads in flight, and several hits share a command',
    async inFlight => {
      let next = 0
      const loop = async () => {
        while (next < 4 * HOT) await read(ids[(next++ * 7) % HOT] as number)
      }
      const commands = await commandsDuring(async () => {
        expect(await hitsDuring(() => Promise.all(Array.from({ length: inFlight }, loop)))).toBeGreaterThanOrEqual(
          4 * HOT,
        )
      })
      expect(spread(commands)).toBeLessThan(1.2)
      expect(commands.reduce((sum, counts) => sum + total(counts), 0)).toBeLessThan(4 * HOT)
    },
  )

  it('20 hits of one tick are at most one MGET for each bucket', async () => {
    const commands = await commandsDuring(() => Promise.all(ids.slice(0, 20).map(read)))
    expect(commands.reduce((sum, counts) => sum + (counts.get('mget') ?? 0), 0)).toBeLessThanOrEqual(12)
  })

  it('a row with a list of its rows is one MGET too, and so is a result, and a value of getOrSet', async () => {
    const reads = [
      () => cached.prisma.user.findUnique({ where: { id: ids[0] as number }, include: { posts: true } }),
      () => cached.prisma.post.findFirst({ where: { authorId: ids[0] as number, title: 'none' } }),
      () => cached.prisma.$cache.getOrSet('settings', () => 1, { tags: ['a', 'b'] }),
    ]
    for (const each of reads) {
      await each()
      await each()
      const commands = await commandsDuring(async () => {
        expect(await cached.countSql(each)).toBe(0)
      })
      expect(commands.flatMap(counts => [...counts])).toEqual([['mget', 1]])
    }
  })

  it('a write deletes its row where it is and its epochs in each bucket, the same number on each node', async () => {
    const writes = 100
    const update = (id: number) => cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })
    const commands = await commandsDuring(async () => {
      for (const id of ids.slice(0, writes)) await update(id)
    })
    expect(commands).toEqual(Array.from({ length: 3 }, () => new Map([['del', 4 * writes]])))
    await readAll()
    await readAll()
  })
})

describe('one master of three is gone, without a successor', () => {
  it('two thirds of the rows are served from the cache, writes go on, and nothing is stale when it is back', async () => {
    const [, gone] = cluster.nodes
    const shares: number[] = []
    cached.prisma.$cache.on(event => void (event.type === 'redis' && shares.push(event.share ?? 0)))
    await gone?.kill('SIGKILL')
    await expect.poll(() => hitsDuring(readAll)).toBeGreaterThan(0.6 * HOT)
    expect(await hitsDuring(readAll)).toBeLessThan(0.74 * HOT)
    expect(shares.at(-1)).toBeCloseTo(2 / 3)
    expect(cached.prisma.$cache.stats()).toMatchObject({ usable: false, share: shares.at(-1) })
    expect(cached.prisma.$cache.stats()).toMatchObject({ usable: false })
    await cached.prisma.user.updateMany({ where: { id: { in: ids.slice(0, 50) } }, data: { name: 'v2' } })
    for (const id of ids.slice(50, 60)) await cached.prisma.user.update({ where: { id }, data: { name: 'v2' } })
    const names = async () => (await Promise.all(ids.slice(0, 60).map(read))).map(user => user?.name)
    expect(await names()).toEqual(Array.from({ length: 60 }, () => 'v2'))
    await gone?.restart()
    await expect.poll(() => hitsDuring(readAll), { timeout: 20_000 }).toBe(HOT)
    expect(await names()).toEqual(Array.from({ length: 60 }, () => 'v2'))
    expect(shares.at(-1)).toBe(1)
    expect(cached.prisma.$cache.stats()).toMatchObject({ usable: true, share: 1 })
    expect(cached.prisma.$cache.stats()).toMatchObject({ usable: true, pendingInvalidations: 0 })
  }, 60_000)
})

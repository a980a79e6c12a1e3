/** On a Redis Cluster keys live on different nodes: the promises are the same. */
import { Cluster } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { cacheAside } from '../../src/index.js'
import { useCluster } from '../support/hooks.js'
import { newUsers } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const cluster = useCluster({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
const world = useWorld()

function process(): CachedProcess {
  const redis = new Cluster([...cluster.addresses])
  redis.on('error', () => {})
  return world.process({ redis, deadlineMs: 2000, invalidationDeadlineMs: 5000 })
}

const namesOf = (cached: CachedProcess, ids: number[]) =>
  Promise.all(ids.map(async id => (await cached.prisma.user.findUnique({ where: { id } }))?.name))

async function inUse(cached: CachedProcess, ids: number[]): Promise<void> {
  await expect
    .poll(async () => {
      const { hits } = cached.prisma.$cache.stats()
      await namesOf(cached, ids)
      return cached.prisma.$cache.stats().hits - hits
    })
    .toBe(ids.length)
}

describe('a Redis Cluster', () => {
  it('a Redis Cluster serves rows on all nodes, and writes invalidate them for every process', async () => {
    const [writer, reader] = [process(), process()]
    const ids = await newUsers(world, 30)
    await inUse(writer, ids)
    await inUse(reader, ids)
    expect(await reader.countSql(() => namesOf(reader, ids))).toBe(0)
    await writer.prisma.$transaction(
      ids.slice(0, 10).map(id => writer.prisma.user.update({ where: { id }, data: { name: 'v1' } })),
    )
    await writer.prisma.user.updateMany({ where: { id: ids[10] as number }, data: { name: 'v1' } })
    const expected = ids.map((_, i) => (i <= 10 ? 'v1' : 'v0'))
    expect(await namesOf(reader, ids)).toEqual(expected)
    expect(await namesOf(writer, ids)).toEqual(expected)
    expect(await reader.prisma.user.findUnique({ where: { id: -1 } })).toBeNull()
    expect(await reader.prisma.user.findFirst({ where: { email: 'nobody' } })).toBeNull()
    expect(await reader.prisma.$cache.getOrSet('k', () => 1, { tags: ['a', 'b'] })).toBe(1)
    expect(await reader.prisma.$cache.invalidateTags(['a'])).toBe('done')
    expect(await reader.prisma.$cache.getOrSet('k', () => 2, { tags: ['a', 'b'] })).toBe(2)
  })

  it('a node of a Cluster that comes back with old entries is not trusted before its epochs are deleted', async () => {
    const cached = process()
    const ids = await newUsers(world, 30)
    await inUse(cached, ids)
    // Each node in turn: whichever holds a row, another one may hold the epochs.
    for (const [round, node] of cluster.nodes.entries()) {
      const name = `v${round + 1}`
      await node.kill('SIGKILL')
      await cached.prisma.user.updateMany({ where: { id: { in: ids } }, data: { name } })
      expect(await namesOf(cached, ids)).toEqual(ids.map(() => name))
      await node.restart()
      await inUse(cached, ids)
      expect(await namesOf(cached, ids)).toEqual(ids.map(() => name))
    }
  })

  it('a Cluster with options that break a guarantee is refused', () => {
    const models = { User: true } as const
    const replicas = new Cluster([...cluster.addresses], { scaleReads: 'slave', lazyConnect: true })
    expect(() => cacheAside({ redis: replicas, models })).toThrow(/scaleReads/)
    const prefixed = new Cluster([...cluster.addresses], { redisOptions: { keyPrefix: 'x:' }, lazyConnect: true })
    expect(() => cacheAside({ redis: prefixed, models })).toThrow(/keyPrefix/)
  })
})

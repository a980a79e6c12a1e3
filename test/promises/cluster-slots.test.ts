/** A Redis Cluster whose slots move from one master to another while the cache is in use. */
import { Cluster } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { Connection } from '../../src/redis/connection.js'
import { bucketOf, move, nodesOf } from '../support/cluster-nodes.js'
import { useCluster } from '../support/hooks.js'
import { inUse } from '../support/in-use.js'
import { nameOf, newUsers, rename } from '../support/users.js'
import { type CachedProcess, type ProcessOptions, useWorld } from '../support/world.js'

const cluster = useCluster()
const world = useWorld()
const bucket = (id: number) => bucketOf(world.prefix, id)

function newProcess(
  options: { enableAutoPipelining?: boolean } = {},
  parts: ProcessOptions['parts'] = {},
): CachedProcess {
  const redis = new Cluster([...cluster.addresses], options)
  redis.on('error', () => {})
  return world.process({ redis, deadlineMs: 200, invalidationDeadlineMs: 500 }, { parts })
}

/** A Cluster that is always sent several keys at once. */
class NeverSplits extends Connection {
  protected override split(): void {}
}

describe('slots that move', () => {
  const reshard = async () => {
    const eyes = nodesOf(cluster)
    const ids = await newUsers(world, 30)
    const cached = newProcess({ enableAutoPipelining: true })
    const reader = newProcess()
    await inUse(cached, ids)
    await inUse(reader, ids)
    await move(cluster, eyes, [...new Set(ids.slice(0, 10).map(bucket))], true)
    eyes.end()
    await cached.prisma.$transaction(ids.map(id => cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })))
    return { cached, reader, ids }
  }

  it('under auto-pipelining, what a reshard left unanswered is invalidated all the same, and reads are hits again', async () => {
    const { cached, reader, ids } = await reshard()
    await expect.poll(() => cached.prisma.$cache.stats().pendingInvalidations).toBe(0)
    for (const id of ids) expect([await nameOf(cached, id), await nameOf(reader, id)]).toEqual(['v1', 'v1'])
    await inUse(cached, ids)
  }, 60_000)

  it.each([
    ['leaves the cache in use: keys are asked for one by one', {}, true],
    ['would turn it off, if keys were always asked for together', { Connection: NeverSplits }, false],
  ] as const)(
    'and one that stays half moved (TRYAGAIN) %s',
    async (_title, parts, used) => {
      const eyes = nodesOf(cluster)
      const [id] = (await newUsers(world, 1)) as [number]
      const tag = await world.plain.tag.create({ data: { name: `t${Math.random()}` } })
      const cached = newProcess({}, parts)
      await inUse(cached, [id])
      const finish = await move(cluster, eyes, [bucket(id)], false)
      const tagHits = async () => {
        const { hits } = cached.prisma.$cache.stats()
        for (let i = 0; i < 3; i++) await cached.prisma.tag.findUnique({ where: { id: tag.id } })
        return cached.prisma.$cache.stats().hits - hits
      }
      try {
        if (used) {
          await rename(cached, id, 'v1')
          await inUse(cached, [id])
          await rename(cached, id, 'v2')
          await inUse(cached, [id])
          expect(await nameOf(cached, id)).toBe('v2')
          await expect.poll(tagHits).toBe(3)
          expect(await cached.prisma.$cache.invalidate('User', { id })).toBe('done')
        } else {
          for (let i = 0; i < 20; i++) {
            expect(await cached.countSql(() => nameOf(cached, id))).toBe(1)
          }
        }
      } finally {
        await finish()
        eyes.end()
      }
      if (!used) await cached.end()
    },
    60_000,
  )
})

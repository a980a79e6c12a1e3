/** The near cache on a Redis Cluster: one pair of connections for each node, and slots that move. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'ioredis'
import { expect, it } from 'vitest'
import { bucketOf, move, nodesOf } from '../support/cluster-nodes.js'
import { useCluster } from '../support/hooks.js'
import { nearProcess } from '../support/near.js'
import { nameOf, newUsers, rename } from '../support/users.js'
import { useWorld } from '../support/world.js'

const cluster = useCluster()
const world = useWorld()
const maxStaleMs = 500

function process() {
  const redis = new Cluster([...cluster.addresses])
  redis.on('error', () => {})
  return nearProcess(world, { redis, deadlineMs: 500, invalidationDeadlineMs: 1_000, near: { maxStaleMs } })
}

it('rows on all nodes are kept, with one pair of connections for each node; what another process writes is told', async () => {
  const [near, other] = [process(), process()]
  const ids = await newUsers(world, 30)
  const names = () => Promise.all(ids.map(id => nameOf(near.cached, id)))
  await near.kept(names)
  expect(near.pairs.count()).toBe(3)
  for (const id of ids) await rename(other.cached, id, 'new')
  await near.pairs.heard()
  expect(new Set(await names())).toEqual(new Set(['new']))
  await other.cached.prisma.user.updateMany({ data: { name: 'all' } })
  await near.pairs.heard()
  expect(new Set(await names())).toEqual(new Set(['all']))
  await near.kept(names)
})

it('of a slot that has moved, nothing is older than maxStaleMs, and it is kept again', async () => {
  const [near, other] = [process(), process()]
  const [id] = (await newUsers(world, 1)) as [number]
  await near.kept(() => nameOf(near.cached, id))
  const eyes = nodesOf(cluster)
  await move(cluster, eyes, [bucketOf(world.prefix, id)], true)
  eyes.end()
  await rename(other.cached, id, 'new')
  await sleep(maxStaleMs + 1)
  expect(await nameOf(near.cached, id)).toBe('new')
  await near.kept(() => nameOf(near.cached, id))
  await rename(other.cached, id, 'newer')
  await near.pairs.heard()
  expect(await nameOf(near.cached, id)).toBe('newer')
})

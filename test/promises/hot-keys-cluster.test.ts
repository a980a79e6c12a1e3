/** Early refresh, stale-while-revalidate and stale-if-error on a Redis Cluster: clock and lease are those of the node that has the key. */
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { CacheAsideOptions } from '../../src/index.js'
import { expire, refreshed } from '../support/ages.js'
import { useCluster, useShared } from '../support/hooks.js'
import { startProxy } from '../support/proxy.js'
import { newUsers } from '../support/users.js'
import { type CachedProcess, newClient, useWorld } from '../support/world.js'

const cluster = useCluster()
const world = useWorld()
const database = useShared(
  () => startProxy(world.databaseUrl),
  proxy => proxy.stop(),
)
let nodes: Redis[]
beforeAll(() => {
  nodes = cluster.addresses.map(address => new Redis({ ...address }))
})
afterAll(() => {
  for (const node of nodes) node.disconnect()
})

function processOf(model: Exclude<NonNullable<CacheAsideOptions['models']>['User'], undefined>, random = () => 1) {
  const redis = new Cluster([...cluster.addresses])
  redis.on('error', () => {})
  const base = newClient(database.url, {}, { max: 2, connectionTimeoutMillis: 2000 })
  return world.process({ redis, models: { User: model } }, { base, parts: { random } })
}

const namesOf = ({ prisma }: CachedProcess, ids: readonly number[]) =>
  Promise.all(ids.map(async id => (await prisma.user.findUnique({ where: { id } }))?.name))

/** Lets all entries end so long ago, on all nodes. */
async function expireAll(ms: number): Promise<number> {
  const { prefix } = world
  const counts = await Promise.all(nodes.map(redis => expire({ redis, prefix }, ms)))
  return counts.reduce((sum, count) => sum + count, 0)
}

async function inUse(cached: CachedProcess, ids: readonly number[]): Promise<void> {
  await expect
    .poll(async () => {
      const { hits } = cached.prisma.$cache.stats()
      await namesOf(cached, ids)
      await cached.flushed()
      return cached.prisma.$cache.stats().hits - hits
    })
    .toBe(ids.length)
}

const COUNT = 8

it('entries past their TTL are served and loaded anew, one load for each in the fleet', async () => {
  const options = { ttl: '1m', swr: '10m', jitter: 0 } as const
  const fleet = [processOf(options), processOf(options)] as const
  const [first, second] = fleet
  const ids = await newUsers(world, COUNT)
  await inUse(first, ids)
  await inUse(second, ids)
  await world.plain.user.updateMany({ data: { name: 'by psql' } })
  expect(await expireAll(1_000)).toBe(COUNT)
  expect(await namesOf(first, ids)).toEqual(ids.map(() => 'v0'))
  await refreshed(first, COUNT)
  expect(await second.countSql(async () => expect(await namesOf(second, ids)).toEqual(ids.map(() => 'by psql')))).toBe(
    0,
  )
  expect(first.prisma.$cache.stats()).toMatchObject({ staleHits: COUNT, refreshes: COUNT, refreshesFailed: 0 })
  expect(second.prisma.$cache.stats()).toMatchObject({ staleHits: 0, refreshes: 0 })
  const left = await Promise.all(nodes.map(node => node.keys('*@refresh')))
  expect(left.flat()).toEqual([])
})

it('entries are refreshed ahead', async () => {
  let chance = 1
  const cached = processOf({ ttl: '1m', refreshAhead: true, jitter: 0 }, () => chance)
  const ids = await newUsers(world, COUNT)
  await inUse(cached, ids)
  await world.plain.user.updateMany({ data: { name: 'by psql' } })
  chance = Number.MIN_VALUE
  expect(await namesOf(cached, ids)).toEqual(ids.map(() => 'v0'))
  await refreshed(cached, COUNT)
  chance = 1
  expect(await namesOf(cached, ids)).toEqual(ids.map(() => 'by psql'))
})

it('entries past their TTL answer while the database is away, and not after an invalidation', async () => {
  const cached = processOf({ ttl: '1m', staleIfError: '10m', jitter: 0 })
  const ids = await newUsers(world, COUNT)
  await inUse(cached, ids)
  await expireAll(1_000)
  await database.refuse()
  expect(await namesOf(cached, ids)).toEqual(ids.map(() => 'v0'))
  expect(cached.prisma.$cache.stats().staleIfErrors).toBe(COUNT)
  await database.mend()
  await cached.prisma.user.updateMany({ data: { name: 'new' } })
  await database.refuse()
  await expect(namesOf(cached, ids)).rejects.toMatchObject({ code: 'P1001' })
  await database.mend()
})

/** What goes wrong where several servers take over from each other. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { move, type Nodes, roleOf } from '../test/support/cluster-nodes.js'
import type { RedisCluster } from '../test/support/cluster.js'
import { Buckets } from '../src/wire/buckets.js'
import type { Random } from '../test/support/random.js'
import { MASTER, type Watched } from '../test/support/sentinels.js'

/** A Cluster, its servers, and what has to be undone when a fault is over. */
interface OnCluster {
  readonly cluster: RedisCluster
  readonly eyes: Nodes
  readonly random: Random
}

type ClusterFault = (scene: OnCluster) => Promise<void>

/** The indexes of a master and its replica. */
async function anyPair({ cluster, eyes, random }: OnCluster): Promise<{ master: number; replica: number }> {
  const shards = cluster.nodes.length / 2
  const first = random.below(shards)
  const isFirst = (await roleOf(eyes.client(first))) === 'master'
  return isFirst ? { master: first, replica: first + shards } : { master: first + shards, replica: first }
}

async function untilRole(client: Redis, role: string, ms = 20_000): Promise<void> {
  const until = performance.now() + ms
  while (performance.now() < until && (await roleOf(client).catch(() => undefined)) !== role) await sleep(50)
}

/** Until each node is connected with its other half again. */
async function untilWhole({ cluster, eyes }: OnCluster): Promise<void> {
  for (const index of cluster.nodes.keys()) {
    for (let i = 0; i < 400; i++) {
      const info = await eyes
        .client(index)
        .info('replication')
        .catch(() => '')
      if (/master_link_status:up|connected_slaves:[1-9]/.test(info)) break
      await sleep(50)
    }
  }
}

/** What the keys of each bucket begin with. */
const BUCKETS = new Buckets('', true).prefixes

const stopped =
  (leastMs: number, mostMs: number): ClusterFault =>
  async scene => {
    const { master } = await anyPair(scene)
    await scene.cluster.nodes[master]?.kill('SIGSTOP')
    await sleep(scene.random.between(leastMs, mostMs))
    await scene.cluster.nodes[master]?.kill('SIGCONT')
    await untilWhole(scene)
  }

export const ON_CLUSTER = {
  'a master killed, its replica takes over, back': async scene => {
    const { master, replica } = await anyPair(scene)
    await scene.cluster.nodes[master]?.kill('SIGKILL')
    await untilRole(scene.eyes.client(replica), 'master')
    await sleep(scene.random.between(0, 1500))
    await scene.cluster.nodes[master]?.restart()
    await untilWhole(scene)
  },
  'a master stopped, too short to be replaced': stopped(100, 800),
  'a master stopped, replaced, back': stopped(2500, 5000),
  'failover by hand': async scene => {
    const { replica } = await anyPair(scene)
    await scene.eyes.client(replica).call('CLUSTER', 'FAILOVER')
    await untilRole(scene.eyes.client(replica), 'master')
    await untilWhole(scene)
  },
  'takeover by a replica that lags': async scene => {
    const { master, replica } = await anyPair(scene)
    const [old, next] = [scene.eyes.client(master), scene.eyes.client(replica)]
    await old.call('ACL', 'SETUSER', 'default', '-psync', '-sync')
    await old.call('CLIENT', 'KILL', 'TYPE', 'replica')
    await sleep(scene.random.between(200, 1000))
    await next.call('CLUSTER', 'FAILOVER', 'TAKEOVER')
    await untilRole(old, 'slave')
    await old.call('ACL', 'SETUSER', 'default', '+@all')
    await untilWhole(scene)
  },
  'a slot moved': async ({ cluster, eyes, random }) => {
    await move(cluster, eyes, [random.pick(BUCKETS)], true)
  },
  'a slot half moved for a while': async ({ cluster, eyes, random }) => {
    const finish = await move(cluster, eyes, [random.pick(BUCKETS)], false)
    await sleep(random.between(500, 3000))
    await finish()
  },
  'a node added, given slots, emptied and removed': async ({ cluster, eyes, random }) => {
    const index = await cluster.add()
    const keys = [random.pick(BUCKETS), random.pick(BUCKETS)]
    const before = await Promise.all(keys.map(key => eyes.masterOf(key)))
    await move(cluster, eyes, keys, true, index)
    await sleep(random.between(300, 1500))
    for (const [i, key] of keys.entries()) await move(cluster, eyes, [key], true, before[i])
    await cluster.removeLast()
    eyes.forget(index)
  },
  'a master without a replica killed, back': async scene => {
    const { master, replica } = await anyPair(scene)
    await scene.cluster.nodes[replica]?.kill('SIGKILL')
    await sleep(200)
    await scene.cluster.nodes[master]?.kill('SIGKILL')
    await sleep(scene.random.between(500, 3000))
    await scene.cluster.nodes[master]?.restart()
    await scene.cluster.nodes[replica]?.restart()
    await untilWhole(scene)
  },
} satisfies Record<string, ClusterFault>

interface BehindSentinels {
  readonly watched: Watched
  readonly random: Random
}

type SentinelFault = (scene: BehindSentinels) => Promise<void>

async function masterOf({ watched }: BehindSentinels): Promise<Watched['servers'][number]> {
  const port = await watched.masterPort()
  return watched.servers.find(server => server.port === port) as Watched['servers'][number]
}

/** Until the Sentinels name another master than before, and it has a replica. */
async function untilReplaced({ watched }: BehindSentinels, before: number): Promise<void> {
  for (let i = 0; i < 400 && (await watched.masterPort()) === before; i++) await sleep(50)
}

async function untilFollowed({ watched }: BehindSentinels): Promise<void> {
  const port = await watched.masterPort()
  const client = new Redis(port, { retryStrategy: () => 100 })
  client.on('error', () => {})
  for (let i = 0; i < 400 && !/connected_slaves:2/.test(await client.info('replication')); i++) await sleep(50)
  client.disconnect()
}

export const BEHIND_SENTINELS = {
  'the master killed, replaced, back': async scene => {
    const old = await masterOf(scene)
    await old.kill('SIGKILL')
    await untilReplaced(scene, old.port)
    await sleep(scene.random.between(0, 1500))
    await old.restart()
    await untilFollowed(scene)
  },
  'the master stopped, too short to be replaced': async scene => {
    const old = await masterOf(scene)
    await old.kill('SIGSTOP')
    await sleep(scene.random.between(100, 700))
    await old.kill('SIGCONT')
  },
  'the master stopped, replaced, back': async scene => {
    const old = await masterOf(scene)
    await old.kill('SIGSTOP')
    await untilReplaced(scene, old.port)
    await sleep(scene.random.between(0, 1500))
    await old.kill('SIGCONT')
    await untilFollowed(scene)
  },
  'failover by the Sentinels': async scene => {
    const old = await masterOf(scene)
    const sentinel = new Redis({ ...scene.watched.sentinels[0], enableReadyCheck: false })
    await sentinel.call('SENTINEL', 'FAILOVER', MASTER).catch(() => undefined)
    sentinel.disconnect()
    await untilReplaced(scene, old.port)
    await untilFollowed(scene)
  },
} satisfies Record<string, SentinelFault>

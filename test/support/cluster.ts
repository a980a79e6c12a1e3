/** A Redis Cluster of three masters, all our own. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type RedisServer, startRedis } from './servers.js'

export interface RedisCluster {
  readonly nodes: readonly RedisServer[]
  readonly addresses: readonly { host: string; port: number }[]
  stop: () => Promise<void>
}

const SLOTS = 16_384

/** @param args - for each node: `['--appendonly', 'yes']` lets a node keep its keys over a restart */
export async function startCluster(args: readonly string[] = []): Promise<RedisCluster> {
  const nodes = await Promise.all(
    [0, 1, 2].map(() => startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-node-timeout', '3000', ...args] })),
  )
  const addresses = nodes.map(node => ({ host: '127.0.0.1', port: node.port }))
  const clients = addresses.map(address => new Redis({ ...address }))
  const share = Math.ceil(SLOTS / nodes.length)
  await Promise.all(
    clients.map((client, i) =>
      client.call('CLUSTER', 'ADDSLOTSRANGE', i * share, Math.min((i + 1) * share, SLOTS) - 1),
    ),
  )
  const [first, ...others] = clients as [Redis, ...Redis[]]
  for (const { host, port } of addresses.slice(1)) await first.call('CLUSTER', 'MEET', host, port)
  for (const client of [first, ...others]) {
    while (!String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) await sleep(50)
  }
  for (const client of clients) client.disconnect()
  return {
    nodes,
    addresses,
    async stop() {
      await Promise.all(nodes.map(node => node.stop()))
    },
  }
}

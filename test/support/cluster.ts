/** A Redis Cluster of some masters, and a replica of each if wanted, all our own. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type RedisServer, startRedis } from './servers.js'

export interface RedisCluster {
  /** Masters first, then the replica of each in the same order. */
  readonly nodes: readonly RedisServer[]
  readonly addresses: readonly { host: string; port: number }[]
  /** One more master, without slots: its index. */
  add: () => Promise<number>
  /** The last one is forgotten by the others, and stopped. */
  removeLast: () => Promise<void>
  stop: () => Promise<void>
}

export interface ClusterOptions {
  /** For each node: `['--appendonly', 'yes']` lets a node keep its keys over a restart. */
  readonly args?: readonly string[]
  readonly nodeTimeoutMs?: number
  readonly replicas?: boolean
  /** How many; default: 3. */
  readonly masters?: number
}

const SLOTS = 16_384

export async function startCluster(options: ClusterOptions = {}) {
  const { args = [], nodeTimeoutMs = 3000, replicas = false, masters: size = 3 } = options
  // A node that has met no other does not know its own address.
  const enabled = [
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
    '--cluster-node-timeout',
    String(nodeTimeoutMs),
  ]
  const count = replicas ? 2 * size : size
  const nodes = await Promise.all(Array.from({ length: count }, () => startRedis({ args: [...enabled, ...args] })))
  const addresses = nodes.map(node => ({ host: '127.0.0.1', port: node.port }))
  const clients = addresses.map(address => new Redis({ ...address }))
  const share = Math.ceil(SLOTS / size)
  const masters = clients.slice(0, size)
  await Promise.all(
    masters.map((client, i) =>
      client.call('CLUSTER', 'ADDSLOTSRANGE', i * share, Math.min((i + 1) * share, SLOTS) - 1),
    ),
  )
  const [first] = clients as [Redis, ...Redis[]]
  for (const { host, port } of addresses.slice(1)) await first.call('CLUSTER', 'MEET', host, port)
  const until = async (client: Redis, isSo: (info: string) => boolean, ask: () => Promise<unknown>) => {
    while (!isSo(String(await ask()))) await sleep(50)
    return client
  }
  for (const client of clients) {
    await until(
      client,
      info => info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${count}`),
      () => client.call('CLUSTER', 'INFO'),
    )
  }
  const ids = await Promise.all(masters.map(async client => String(await client.call('CLUSTER', 'MYID'))))
  for (const [i, client] of clients.slice(size).entries()) {
    await client.call('CLUSTER', 'REPLICATE', ids[i] as string)
    await until(
      client,
      info => info.includes('master_link_status:up'),
      () => client.info('replication'),
    )
  }
  for (const client of clients) client.disconnect()
  const cluster: RedisCluster = {
    nodes,
    addresses,
    async add() {
      const index = nodes.length
      const node = await startRedis({ args: [...enabled, ...args] })
      const address = { host: '127.0.0.1', port: node.port }
      const client = new Redis({ ...addresses[0] })
      await client.call('CLUSTER', 'MEET', address.host, address.port)
      client.disconnect()
      nodes.push(node)
      addresses.push(address)
      for (const each of addresses) {
        const other = new Redis({ ...each })
        const known = `cluster_known_nodes:${nodes.length}`
        await until(
          other,
          info => info.includes('cluster_state:ok') && info.includes(known),
          () => other.call('CLUSTER', 'INFO'),
        )
        other.disconnect()
      }
      return index
    },
    async removeLast() {
      const node = nodes.pop() as RedisServer
      const client = new Redis({ ...(addresses.pop() as { host: string; port: number }) })
      const id = String(await client.call('CLUSTER', 'MYID'))
      client.disconnect()
      for (const each of addresses) {
        const other = new Redis({ ...each })
        await other.call('CLUSTER', 'FORGET', id)
        other.disconnect()
      }
      await node.stop()
    },
    async stop() {
      await Promise.all(nodes.map(node => node.stop()))
    },
  }
  return cluster
}

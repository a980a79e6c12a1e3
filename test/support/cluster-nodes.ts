/** Eyes and hands on the single nodes of a Cluster, and slots that are moved by hand. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Buckets } from '../../src/wire/buckets.js'
import type { RedisCluster } from './cluster.js'

export interface Nodes {
  /** The server of the master that holds a key. */
  readonly masterOf: (key: string) => Promise<number>
  /** The same by a slot, as one server sees it. */
  readonly ownerOf: (slot: number, index: number) => Promise<number | undefined>
  readonly client: (index: number) => Redis
  /** The server is another one from now on, or gone. */
  readonly forget: (index: number) => void
  readonly end: () => void
}

/** What all keys in the bucket of a row begin with. */
export function bucketOf(prefix: string, id: number): string {
  return new Buckets(prefix, true).prefixFor(String(id))
}

/** Eyes and hands on single nodes; ended by the caller. */
export function nodesOf(cluster: RedisCluster): Nodes {
  const clients = new Map<number, Redis>()
  const client = (index: number) => {
    const known = clients.get(index)
    if (known !== undefined) return known
    const made = new Redis({ ...cluster.addresses[index] })
    made.on('error', () => {})
    clients.set(index, made)
    return made
  }
  const ownerOf = async (slot: number, index: number) => {
    const shards = (await client(index).call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][]
    const owner = shards.find(([from, to]) => from <= slot && slot <= to)
    return owner && cluster.nodes.findIndex(node => node.port === owner[2][1])
  }
  return {
    client,
    async masterOf(key) {
      const slot = Number(await client(0).call('CLUSTER', 'KEYSLOT', key))
      for (const index of cluster.nodes.keys()) {
        const owner = await ownerOf(slot, index)
        if (owner !== undefined) return owner
      }
      throw new Error(`nobody has slot ${slot}`)
    },
    ownerOf,
    forget(index) {
      clients.get(index)?.disconnect()
      clients.delete(index)
    },
    end() {
      for (const one of clients.values()) one.disconnect()
    },
  }
}

export const roleOf = async (client: Redis) => /role:(\w+)/.exec(await client.info('replication'))?.[1]

/**
 * Moves the slots of keys to one master, with what is in them; `finish: false` leaves them half moved. To one, because what two masters
 * that get slots at once still say of those that they have just given away may be believed.
 */
export async function move(
  cluster: RedisCluster,
  eyes: Nodes,
  keys: readonly string[],
  finish: boolean,
  to?: number,
): Promise<() => Promise<void>> {
  let chosen = to
  const undo: (() => Promise<unknown>)[] = []
  for (const key of keys) {
    const slot = Number(await eyes.client(0).call('CLUSTER', 'KEYSLOT', key))
    const from = await eyes.masterOf(key)
    const masters: number[] = []
    for (const index of cluster.nodes.keys()) if ((await roleOf(eyes.client(index))) === 'master') masters.push(index)
    chosen ??= masters.find(index => index !== from) as number
    const toIndex = chosen
    if (from === toIndex) continue
    const target = eyes.client(toIndex)
    const source = eyes.client(from)
    const [sourceId, targetId] = [await source.call('CLUSTER', 'MYID'), await target.call('CLUSTER', 'MYID')]
    await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(sourceId))
    await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(targetId))
    const complete = async () => {
      const inSlot = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 1000)) as string[]
      const { port } = cluster.nodes[toIndex] as { port: number }
      if (inSlot.length > 0) await source.call('MIGRATE', '127.0.0.1', port, '', 0, 5000, 'REPLACE', 'KEYS', ...inSlot)
      for (const index of [toIndex, ...masters.filter(other => other !== toIndex)])
        await eyes.client(index).call('CLUSTER', 'SETSLOT', slot, 'NODE', String(targetId))
      for (const index of masters) while ((await eyes.ownerOf(slot, index)) !== toIndex) await sleep(20)
    }
    if (finish) await complete()
    else undo.push(complete)
  }
  return async () => {
    for (const one of undo) await one()
  }
}

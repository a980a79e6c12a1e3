/**
 * A Redis Cluster whose masters change while the cache is in use. No event of the client is needed for it to be noticed, and
 * a cache that was turned off by a change comes back by itself.
 */
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Connection } from '../../src/redis/connection.js'
import { control } from '../support/control.js'
import { useCluster } from '../support/hooks.js'
import { nameOf, newUsers, rename } from '../support/users.js'
import { type CachedProcess, type ProcessOptions, useWorld } from '../support/world.js'

const args = ['--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0']
const cluster = useCluster({ replicas: true, nodeTimeoutMs: 1000, args })
const world = useWorld()
let admin: Cluster
beforeAll(() => {
  admin = new Cluster([...cluster.addresses])
  admin.on('error', () => {})
})
afterAll(() => admin.disconnect())

interface Nodes {
  /** The server of the master that holds a key. */
  readonly masterOf: (key: string) => Promise<number>
  readonly client: (index: number) => Redis
}

/** Eyes and hands on single nodes; ended by the caller. */
function nodes(): Nodes & { end: () => void } {
  const clients = new Map<number, Redis>()
  const client = (index: number) => {
    const known = clients.get(index)
    if (known !== undefined) return known
    const made = new Redis({ ...cluster.addresses[index] })
    made.on('error', () => {})
    clients.set(index, made)
    return made
  }
  return {
    client,
    async masterOf(key) {
      const slot = Number(await admin.call('CLUSTER', 'KEYSLOT', key))
      for (const index of cluster.nodes.keys()) {
        const shards = (await client(index).call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][]
        const owner = shards.find(([from, to]) => from <= slot && slot <= to)
        if (owner !== undefined) return cluster.nodes.findIndex(node => node.port === owner[2][1])
      }
      throw new Error(`nobody has slot ${slot}`)
    },
    end() {
      for (const one of clients.values()) one.disconnect()
    },
  }
}

const roleOf = async (client: Redis) => /role:(\w+)/.exec(await client.info('replication'))?.[1]

function newProcess(
  options: { enableAutoPipelining?: boolean } = {},
  parts: ProcessOptions['parts'] = {},
): CachedProcess {
  const redis = new Cluster([...cluster.addresses], options)
  redis.on('error', () => {})
  return world.process({ redis, deadlineMs: 200, invalidationDeadlineMs: 500 }, { parts })
}

async function inUse(cached: CachedProcess, ids: number[]): Promise<void> {
  await expect
    .poll(async () => {
      const { hits } = cached.prisma.$cache.stats()
      for (const id of ids) await nameOf(cached, id)
      return cached.prisma.$cache.stats().hits - hits
    })
    .toBe(ids.length)
}

// With ioredis 5.4.0, `enableAutoPipelining` on a Cluster leaves the cache unused, before anything moves. (docs/limits.md: leave it off.)
const { version } = createRequire(import.meta.url)('ioredis/package.json') as { version: string }
const usesPipelines = !version.startsWith('5.4.')

/** A Cluster that nobody looks at again by himself. */
class NeverLooksAgain extends Connection {
  override refreshSlots(): void {}
}

/** A Cluster of which it is believed that only events change it. */
class TrustsEvents extends Connection {
  override get sameServer(): boolean {
    return true
  }
}

/** A Cluster that is always sent several keys at once. */
class NeverSplits extends Connection {
  protected override split(): void {}
}

describe('a master that stops for some seconds, is replaced, and comes back', () => {
  const story = async (parts: ProcessOptions['parts']) => {
    const eyes = nodes()
    const [id] = (await newUsers(world, 1)) as [number]
    const cached = newProcess({}, parts)
    await inUse(cached, [id])
    const stopped = await eyes.masterOf(`${world.prefix}{User}@rows`)
    const successor = (stopped + 3) % 6
    try {
      await cluster.nodes[stopped]?.kill('SIGSTOP')
      while ((await roleOf(eyes.client(successor))) !== 'master') {
        await nameOf(cached, id)
        await sleep(50)
      }
    } finally {
      await cluster.nodes[stopped]?.kill('SIGCONT')
    }
    await expect.poll(() => roleOf(eyes.client(stopped))).toBe('slave')
    await rename(cached, id, 'v1')
    eyes.end()
    return { cached, id }
  }

  it('reads are hits again after a master is replaced and comes back, and no invalidation is pending', async () => {
    const { cached, id } = await story({})
    await inUse(cached, [id])
    const other = newProcess()
    await inUse(other, [id])
    expect([await nameOf(cached, id), await nameOf(other, id)]).toEqual(['v1', 'v1'])
    expect(await cached.prisma.$cache.invalidate('User', { id })).toBe('done')
    expect(cached.prisma.$cache.stats().pendingInvalidations).toBe(0)
  }, 60_000)

  control(
    'without a new look at the slots, the cache stays unused',
    async () => {
      const { cached, id } = await story({ Connection: NeverLooksAgain })
      await sleep(2000)
      await nameOf(cached, id)
      expect(await cached.countSql(() => nameOf(cached, id))).toBe(1)
      expect(cached.prisma.$cache.stats().pendingInvalidations).toBeGreaterThan(0)
      await cached.end()
    },
    60_000,
  )
})

describe('a replica that missed an invalidation and takes over without an event', () => {
  const story = async (parts: ProcessOptions['parts']) => {
    const eyes = nodes()
    const [id] = (await newUsers(world, 1)) as [number]
    const [writer, reader] = [newProcess({}, parts), newProcess({}, parts)]
    for (const each of [writer, reader]) {
      await inUse(each, [id])
      // All nodes are connected: nothing will have to be.
      for (const node of (each.redis as unknown as Cluster).nodes()) await node.ping()
    }
    const master = await eyes.masterOf(`${world.prefix}User:${id}`)
    const replica = (master + 3) % 6
    const [old, next] = [eyes.client(master), eyes.client(replica)]
    await old.call('ACL', 'SETUSER', 'default', '-psync', '-sync')
    await old.call('CLIENT', 'KILL', 'TYPE', 'replica')
    try {
      await expect.poll(() => next.info('replication')).toContain('master_link_status:down')
      await rename(writer, id, 'v1')
      expect(writer.prisma.$cache.stats().invalidationsQueued).toBe(0)
      await next.call('CLUSTER', 'FAILOVER', 'TAKEOVER')
      await expect.poll(() => roleOf(old)).toBe('slave')
      return { names: [await nameOf(reader, id), await nameOf(writer, id)], reader, writer, id }
    } finally {
      await old.call('ACL', 'SETUSER', 'default', '+@all')
      await expect.poll(() => old.info('replication')).toContain('master_link_status:up')
      eyes.end()
    }
  }

  it('a replica that takes over serves nothing of what it missed, not even in its first reply', async () => {
    const { names, reader, writer, id } = await story({})
    expect(names).toEqual(['v1', 'v1'])
    for (const each of [reader, writer]) {
      await inUse(each, [id])
      expect(await nameOf(each, id)).toBe('v1')
    }
  }, 60_000)

  control(
    'with events of the client alone, the stale row is served',
    async () => {
      const { names, reader, writer } = await story({ Connection: TrustsEvents })
      expect(names).toContain('v0')
      await reader.end()
      await writer.end()
    },
    60_000,
  )
})

/** Moves the slots of keys from one master to another, with what is in them; `finish: false` leaves them half moved. */
async function move(eyes: Nodes, keys: readonly string[], finish: boolean): Promise<() => Promise<void>> {
  const undo: (() => Promise<unknown>)[] = []
  for (const key of keys) {
    const slot = Number(await admin.call('CLUSTER', 'KEYSLOT', key))
    const from = await eyes.masterOf(key)
    const masters: number[] = []
    for (const index of cluster.nodes.keys()) if ((await roleOf(eyes.client(index))) === 'master') masters.push(index)
    const to = masters.find(index => index !== from) as number
    const [source, target] = [eyes.client(from), eyes.client(to)]
    const [sourceId, targetId] = [await source.call('CLUSTER', 'MYID'), await target.call('CLUSTER', 'MYID')]
    await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(sourceId))
    await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(targetId))
    const complete = async () => {
      const inSlot = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 1000)) as string[]
      const { port } = cluster.nodes[to] as { port: number }
      if (inSlot.length > 0) await source.call('MIGRATE', '127.0.0.1', port, '', 0, 5000, 'REPLACE', 'KEYS', ...inSlot)
      for (const index of [to, ...masters.filter(other => other !== to)])
        await eyes.client(index).call('CLUSTER', 'SETSLOT', slot, 'NODE', String(targetId))
    }
    if (finish) await complete()
    else undo.push(complete)
  }
  return async () => {
    for (const one of undo) await one()
  }
}

describe('slots that move', () => {
  const rowKeys = (ids: number[]) => ids.map(id => `${world.prefix}User:${id}`)

  const reshard = async (parts: ProcessOptions['parts']) => {
    const eyes = nodes()
    const ids = await newUsers(world, 30)
    const cached = newProcess({ enableAutoPipelining: true }, parts)
    const reader = newProcess()
    await inUse(cached, ids)
    await inUse(reader, ids)
    await move(eyes, rowKeys(ids.slice(0, 10)), true)
    eyes.end()
    await cached.prisma.$transaction(ids.map(id => cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })))
    return { cached, reader, ids }
  }

  // That what is owed under auto-pipelining is replayed was seen in some runs and not in others (docs/limits.md): no test of it yet.
  const controlled = usesPipelines ? control : it.skip
  controlled(
    'without a new look at the slots, an invalidation under auto-pipelining stays pending for ever',
    async () => {
      const { cached } = await reshard({ Connection: NeverLooksAgain })
      await sleep(2000)
      expect(cached.prisma.$cache.stats().pendingInvalidations).toBeGreaterThan(0)
      await cached.end()
    },
    60_000,
  )

  it.each([
    ['leaves the cache in use: keys are asked for one by one', {}, true],
    ['would turn it off, if keys were always asked for together', { Connection: NeverSplits }, false],
  ] as const)(
    'and one that stays half moved (TRYAGAIN) %s',
    async (_title, parts, used) => {
      const eyes = nodes()
      const [id] = (await newUsers(world, 1)) as [number]
      const tag = await world.plain.tag.create({ data: { name: `t${Math.random()}` } })
      const cached = newProcess({}, parts)
      await inUse(cached, [id])
      const finish = await move(eyes, [`${world.prefix}{User}@rows`], false)
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

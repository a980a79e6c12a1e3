/**
 * A Redis Cluster whose masters change while the cache is in use. No event of the client is needed for it to be noticed, and
 * a cache that was turned off by a change comes back by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { Connection } from '../../src/redis/connection.js'
import { bucketOf, nodesOf, roleOf } from '../support/cluster-nodes.js'
import { control } from '../support/control.js'
import { useCluster } from '../support/hooks.js'
import { inUse } from '../support/in-use.js'
import { nameOf, newUsers, rename } from '../support/users.js'
import { type CachedProcess, type ProcessOptions, useWorld } from '../support/world.js'

const args = ['--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0']
const cluster = useCluster({ replicas: true, nodeTimeoutMs: 1000, args })
const world = useWorld()
const keyOf = (id: number) => `${bucketOf(world.prefix, id)}User:${id}`

function newProcess(parts: ProcessOptions['parts'] = {}): CachedProcess {
  const redis = new Cluster([...cluster.addresses])
  redis.on('error', () => {})
  return world.process({ redis, deadlineMs: 200, invalidationDeadlineMs: 500 }, { parts })
}

/** A Cluster whose client follows all that its nodes say. */
class FollowsAll extends Connection {
  protected override follows(): boolean {
    return true
  }
}

/** And of which it is believed that only events change it. */
class TrustsEvents extends FollowsAll {
  override get sameServer(): boolean {
    return true
  }
}

describe('a master that stops for some seconds, is replaced, and comes back', () => {
  /** @param isBlind - it is never looked again who has which slot, not by ioredis either, which does so after some errors */
  const story = async (isBlind: boolean, whileStopped: (cached: CachedProcess, id: number) => Promise<void>) => {
    const eyes = nodesOf(cluster)
    const [id] = (await newUsers(world, 1)) as [number]
    const cached = newProcess()
    await inUse(cached, [id])
    if (isBlind) (cached.redis as unknown as Cluster).refreshSlotsCache = callback => callback?.()
    const stopped = await eyes.masterOf(keyOf(id))
    const successor = (stopped + 3) % 6
    try {
      await cluster.nodes[stopped]?.kill('SIGSTOP')
      while ((await roleOf(eyes.client(successor))) !== 'master') {
        await nameOf(cached, id)
        await sleep(50)
      }
      await whileStopped(cached, id)
    } finally {
      await cluster.nodes[stopped]?.kill('SIGCONT')
    }
    await expect.poll(() => roleOf(eyes.client(stopped))).toBe('slave')
    await rename(cached, id, 'v1')
    eyes.end()
    return { cached, id }
  }

  it('reads are hits again as soon as a master is replaced, and when it comes back, and no invalidation is pending', async () => {
    const { cached, id } = await story(false, (each, of) => inUse(each, [of]))
    await inUse(cached, [id])
    const other = newProcess()
    await inUse(other, [id])
    expect([await nameOf(cached, id), await nameOf(other, id)]).toEqual(['v1', 'v1'])
    expect(await cached.prisma.$cache.invalidate('User', { id })).toBe('done')
    expect(cached.prisma.$cache.stats().pendingInvalidations).toBe(0)
  }, 60_000)

  control(
    'without a new look at the slots, the cache stays unused while the old master hangs',
    async () => {
      const { cached } = await story(true, async (each, id) => {
        await rename(each, id, 'v2')
        await sleep(2000)
        expect(await each.countSql(() => nameOf(each, id))).toBe(1)
        expect(each.prisma.$cache.stats().pendingInvalidations).toBeGreaterThan(0)
      })
      await cached.end()
    },
    60_000,
  )
})

describe('a replica that missed an invalidation and takes over without an event', () => {
  /** @param isToldOld - whoever the clients ask then who has the slots has not heard of it yet */
  const story = async (parts: ProcessOptions['parts'], isToldOld = false) => {
    const eyes = nodesOf(cluster)
    const [id] = (await newUsers(world, 1)) as [number]
    const [writer, reader] = [newProcess(parts), newProcess(parts)]
    for (const each of [writer, reader]) {
      await inUse(each, [id])
      // All nodes are connected: nothing will have to be.
      for (const node of (each.redis as unknown as Cluster).nodes()) await node.ping()
    }
    const master = await eyes.masterOf(keyOf(id))
    const replica = (master + 3) % 6
    const [old, next] = [eyes.client(master), eyes.client(replica)]
    await old.call('ACL', 'SETUSER', 'default', '-psync', '-sync')
    await old.call('CLIENT', 'KILL', 'TYPE', 'replica')
    try {
      await expect.poll(() => next.info('replication')).toContain('master_link_status:down')
      await rename(writer, id, 'v1')
      expect(writer.prisma.$cache.stats().invalidationsQueued).toBe(0)
      for (const { redis } of isToldOld ? [writer, reader] : []) {
        const client = redis as unknown as Cluster
        const before = client.slots.map(nodes => [...nodes])
        client.refreshSlotsCache = done => {
          client.slots = before
          done?.()
        }
      }
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

  it('nothing that it answers to a command that was for the old master is used, although the client still believes in that one', async () => {
    const { names, reader, writer } = await story({}, true)
    expect(names).toEqual(['v1', 'v1'])
    await reader.end()
    await writer.end()
  }, 60_000)

  control(
    'where the client follows to the new one, the stale row is served',
    async () => {
      const { names, reader, writer } = await story({ Connection: FollowsAll }, true)
      expect(names).toContain('v0')
      await reader.end()
      await writer.end()
    },
    60_000,
  )

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

/**
 * Behind Sentinels: a master that dies, that is replaced by hand, and that hangs while another one is elected and then goes on. No
 * query is rejected, nothing is answered that is older than a write whose invalidation was acknowledged, and the cache comes back.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { describe, expect, it, vi } from 'vitest'
import type { Events } from '../../src/events.js'
import { Connection } from '../../src/redis/connection.js'
import { MASTER, startWatched, type Watched } from '../support/sentinels.js'
import { nameOf, newUser, rename } from '../support/users.js'
import { type CachedProcess, createWorld, type ProcessOptions, type World } from '../support/world.js'

type Outcome = Parameters<Events['invalidate']>[2]

/** A world of its own behind Sentinels of its own: each test changes who the master is. */
async function behindSentinels(
  run: (world: World, watched: Watched, join: (extra?: ProcessOptions) => CachedProcess) => Promise<void>,
): Promise<void> {
  const watched = await startWatched()
  const world = await createWorld({ redisUrl: watched.servers[0]?.url ?? '' })
  const clients: Redis[] = []
  const join = (extra: ProcessOptions = {}) => {
    const redis = new Redis({ sentinels: [...watched.sentinels], name: MASTER, sentinelRetryStrategy: () => 100 })
    redis.on('error', () => {})
    clients.push(redis)
    return world.process({ redis, models: { User: true } }, extra)
  }
  try {
    await run(world, watched, join)
  } finally {
    for (const client of clients) client.disconnect()
    world.redis.disconnect()
    await world.close().catch(() => undefined)
    await watched.stop()
  }
}

const elected = async ({ masterPort }: Watched, before: number) =>
  expect.poll(masterPort, { timeout: 20_000 }).not.toBe(before)

/** Whether a read is answered from the cache. */
const isHit = async (cached: CachedProcess, id: number) => (await cached.countSql(() => nameOf(cached, id))) === 0

/** Reads until a read is a hit. */
const cachesAgain = async (cached: CachedProcess, id: number) =>
  expect.poll(() => isHit(cached, id), { timeout: 20_000, interval: 20 }).toBe(true)

function outcomesOf({ prisma }: CachedProcess): Outcome[] {
  const outcomes: Outcome[] = []
  prisma.$cache.on(event => {
    if (event.type === 'invalidate') outcomes.push(event.outcome)
  })
  return outcomes
}

/** Two processes that have a row in the cache, and who the master is. */
async function twoProcesses(world: World, watched: Watched, join: () => CachedProcess) {
  const [writer, reader] = [join(), join()]
  const id = await newUser(world)
  await Promise.all([cachesAgain(writer, id), cachesAgain(reader, id)])
  return { writer, reader, id, before: await watched.masterPort() }
}

describe('behind Sentinels', () => {
  it('a master that is killed is replaced: no query fails, nothing is stale, and reads are hits again', async () => {
    await behindSentinels(async (world, watched, join) => {
      const { writer, reader, id, before } = await twoProcesses(world, watched, join)
      await watched.servers[0]?.kill('SIGKILL')
      let isOver = false
      const outcomes = outcomesOf(writer)
      const load = (async () => {
        for (let n = 0; !isOver; n++) {
          await rename(writer, id, `name ${n}`)
          if (outcomes.at(-1) === 'done') expect(await nameOf(reader, id)).toBe(`name ${n}`)
          expect(await nameOf(writer, id)).toBe(`name ${n}`)
          await sleep(20)
        }
      })()
      await elected(watched, before)
      await sleep(1000)
      isOver = true
      await load
      await cachesAgain(reader, id)
      await cachesAgain(writer, id)
      expect(writer.prisma.$cache.stats().pendingInvalidations).toBe(0)
      expect(await nameOf(reader, id)).toBe((await world.plain.user.findUnique({ where: { id } }))?.name)
    })
  }, 60_000)

  it('a failover by hand: nothing that the old master acknowledged, and the new one missed, is served', async () => {
    await behindSentinels(async (world, watched, join) => {
      const { writer, reader, id, before } = await twoProcesses(world, watched, join)
      const sentinel = new Redis({ ...watched.sentinels[0], enableReadyCheck: false })
      await sentinel.call('SENTINEL', 'FAILOVER', MASTER)
      sentinel.disconnect()
      await elected(watched, before)
      await rename(writer, id, 'after')
      await expect.poll(() => writer.prisma.$cache.stats().pendingInvalidations, { timeout: 30_000 }).toBe(0)
      await cachesAgain(reader, id)
      expect(await nameOf(reader, id)).toBe('after')
    })
  }, 90_000)

  /** How many reads in the new master's time are older than a write that was `done`. */
  async function staleAfterResume(
    extra: ProcessOptions = {},
  ): Promise<{ stale: number; writes: number; isRightInTheEnd: boolean }> {
    let [stale, writes, isRightInTheEnd] = [0, 0, false]
    await behindSentinels(async (world, watched, join) => {
      const writer = join(extra)
      const id = await newUser(world)
      await cachesAgain(writer, id)
      const before = await watched.masterPort()
      const outcomes = outcomesOf(writer)
      await watched.servers[0]?.kill('SIGSTOP')
      // The writer notices.
      for (let n = 0; n < 4; n++) await rename(writer, id, `hanging ${n}`)
      await elected(watched, before)
      const reader = join()
      await cachesAgain(reader, id)
      await watched.servers[0]?.kill('SIGCONT')
      // Until the Sentinels have demoted the old master, which takes them some ten seconds.
      for (const end = performance.now() + 6_000; performance.now() < end; writes++) {
        await rename(writer, id, `name ${writes}`)
        const isDone = outcomes.at(-1) === 'done'
        if (isDone && (await nameOf(reader, id)) !== `name ${writes}`) stale++
        expect(await nameOf(writer, id)).toBe(`name ${writes}`)
        await nameOf(reader, id)
        await sleep(50)
      }
      await expect.poll(() => writer.prisma.$cache.stats().pendingInvalidations, { timeout: 30_000 }).toBe(0)
      await cachesAgain(reader, id)
      isRightInTheEnd = (await nameOf(reader, id)) === `name ${writes - 1}`
    })
    return { stale, writes, isRightInTheEnd }
  }

  it('a master that hangs, is replaced and goes on is not believed again: what it acknowledges is not called done', async () => {
    const { writes, ...found } = await staleAfterResume()
    expect(writes).toBeGreaterThan(10)
    expect(found).toEqual({ stale: 0, isRightInTheEnd: true })
  }, 90_000)

  it('control: without asking the Sentinels, reads are stale after writes that were called done', async () => {
    class Unasked extends Connection {
      override readonly sentinels = undefined
    }
    expect((await staleAfterResume({ parts: { Connection: Unasked } })).stale).toBeGreaterThan(0)
  }, 90_000)
})

it.each([
  ['as ioredis has them', {}],
  [
    'that queue nothing and repeat nothing',
    { enableOfflineQueue: false, maxRetriesPerRequest: 0, enableReadyCheck: false },
  ],
])(
  'a master that hangs for too short a time to be replaced is used again, with options %s',
  async (_, options) => {
    await behindSentinels(async (world, watched) => {
      const redis = new Redis({ sentinels: [...watched.sentinels], name: MASTER, ...options })
      redis.on('error', () => {})
      const cached = world.process({ redis, models: { User: true }, deadlineMs: 50, invalidationDeadlineMs: 200 })
      const id = await newUser(world)
      await cachesAgain(cached, id)
      const closed = vi.fn()
      redis.on('close', closed)
      const isDoubted = new Promise<void>(resolve => {
        cached.prisma.$cache.on(event => event.type === 'redis' && !event.usable && resolve())
      })
      await watched.servers[0]?.kill('SIGSTOP')
      const reads = Array.from({ length: 5 }, () => nameOf(cached, id))
      for (let i = 0; i < 5; i++) await nameOf(cached, id)
      await Promise.all([isDoubted, ...reads])
      await watched.servers[0]?.kill('SIGCONT')
      await cachesAgain(cached, id)
      expect(closed).not.toHaveBeenCalled()
      redis.disconnect()
    })
  },
  60_000,
)

/** `$cache.warm`: rows are in the cache before they are asked for, and no write is overlooked. */
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { WarmProgress } from '../../src/index.js'
import { Store } from '../../src/redis/store.js'
import type { FillOptions } from '../../src/redis/ticket.js'
import { control } from '../support/control.js'
import { Gates } from '../support/gates.js'
import { useRedis } from '../support/hooks.js'
import { watchRedis } from '../support/monitor.js'
import { startProxy } from '../support/proxy.js'
import { nameOf, newUsers, rename } from '../support/users.js'
import { type CachedProcess, createWorld, useWorld, type World } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess

beforeAll(() => {
  cached = world.process()
})

beforeEach(async () => {
  await world.plain.user.deleteMany()
  await world.evict()
})

const warm = (...[args, options]: [object?, object?]) => cached.prisma.$cache.warm('User', args, options)

/** Statements that load whole rows, and all statements. */
async function statements(run: () => Promise<unknown>) {
  const before = cached.sql.length
  const all = await cached.countSql(run)
  const rows = cached.sql.slice(before).filter(text => text.includes('"email"'))
  return { all, rows: rows.length }
}

describe('what is loaded', () => {
  it('of 100 rows, half of them cached, the other half is loaded, and then all are hits', async () => {
    const ids = await newUsers(world, 100)
    await cached.prisma.user.findMany({ where: { id: { in: ids.filter((_, i) => i % 2 === 0) } } })
    await cached.flushed()
    let warmed: unknown
    // Four times the keys and the rows, and the keys once more, of which there are none.
    expect(await statements(async () => (warmed = await warm({}, { batchSize: 25 })))).toEqual({ all: 9, rows: 4 })
    expect(warmed).toEqual({ done: 100, loaded: 50, finished: true, cursor: { id: ids[99] }, why: undefined })
    expect(await cached.countSql(() => cached.prisma.user.findMany({ where: { id: { in: ids } } }))).toBe(0)
    expect(await cached.countSql(() => nameOf(cached, ids[7] as number))).toBe(0)
  })
})

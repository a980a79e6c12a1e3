import { setImmediate as nextTurn } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { useWorld } from '../support/world.js'

const world = useWorld()

it('the first query of a process is cached, though its event loop was busy for longer than the deadline', async () => {
  const { id } = await world.plain.user.create({ data: { email: 'first@x.org' } })
  const cached = world.process({ redis: new Redis(world.redisUrl), deadlineMs: 50 })
  const first = (async () => cached.prisma.user.findUnique({ where: { id } }))()
  await nextTurn()
  // What loading an application does, right when the connection is being made.
  const end = performance.now() + 150
  while (performance.now() < end) Math.sqrt(end)
  await first
  await cached.flushed()
  expect(await cached.countSql(() => cached.prisma.user.findUnique({ where: { id } }))).toBe(0)
})

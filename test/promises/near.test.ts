/** The near cache: reads that need no round trip, and are never older than they may be. */
import { expect, it } from 'vitest'
import { newUser } from '../support/users.js'
import { useWorld } from '../support/world.js'

const world = useWorld()

it('tries', async () => {
  const a = world.process({ near: true })
  const b = world.process({ near: true })
  const id = await newUser(world)
  for (let i = 0; i < 50; i++) {
    await a.prisma.user.findUnique({ where: { id } })
    await b.prisma.user.findUnique({ where: { id } })
    await new Promise(r => setTimeout(r, 5))
  }
  console.log(a.prisma.$cache.stats(), b.prisma.$cache.stats(), a.sql.length)
  await b.prisma.user.update({ where: { id }, data: { name: 'x' } })
  console.log(await b.prisma.user.findUnique({ where: { id } }))
  console.log(await a.prisma.user.findUnique({ where: { id } }))
  await new Promise(r => setTimeout(r, 5))
  console.log(await a.prisma.user.findUnique({ where: { id } }))
  const t = performance.now()
  for (let i = 0; i < 100000; i++) await a.prisma.user.findUnique({ where: { id } })
  console.log((performance.now() - t) * 1000 / 100000, 'us serial')
  expect(1).toBe(1)
})

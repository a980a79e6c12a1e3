import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWorld, type World } from '../support/world.js'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

it('a computed field that hides a column gets what it needs, from the cache too', async () => {
  const { id } = await world.plain.user.create({ data: { email: 'ada@x.org', name: 'Ada' } })
  const extension = {
    result: {
      user: {
        email: {
          needs: { email: true, name: true },
          compute: (user: { email: string; name: string | null }) => `${user.name} <${user.email}>`,
        },
      },
    },
  } as const
  const plain = world.plain.$extends(extension)
  const cached = world.process().prisma.$extends(extension)
  for (const shape of [
    {},
    { select: { email: true } },
    { omit: { name: true } },
    { select: { id: true, email: true } },
  ]) {
    const query = { where: { id }, ...shape }
    // Prisma answers with a proxy: its entries are what a caller sees of it.
    const expected = Object.entries((await plain.user.findUnique(query)) ?? {})
    expect(Object.entries((await cached.user.findUnique(query)) ?? {}), `miss ${JSON.stringify(shape)}`).toEqual(
      expected,
    )
    expect(Object.entries((await cached.user.findUnique(query)) ?? {}), `hit ${JSON.stringify(shape)}`).toEqual(
      expected,
    )
  }
})

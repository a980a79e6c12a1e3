/** Filters beside a key: they say who gets the row, and nothing about whether there is one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CachedProcess, createWorld, type World } from '../support/world.js'

let world: World
let cached: CachedProcess
beforeAll(async () => {
  world = await createWorld()
  cached = world.process()
})
afterAll(() => world.close())

let serial = 0
const newUser = () => world.plain.user.create({ data: { email: `filter-${++serial}@x.org`, name: 'Ada' } })

describe('a row that a further filter hides', () => {
  const reads = {
    findUniqueOrThrow: (where: { id: number; name: string }) => cached.prisma.user.findUniqueOrThrow({ where }),
    findFirstOrThrow: (where: { id: number; name: string }) => cached.prisma.user.findFirstOrThrow({ where }),
  }
  it.each(Object.entries(reads))('%s rejects, and who reads without the filter gets the row', async (_, read) => {
    const { id } = await newUser()
    await expect(read({ id, name: 'Bob' })).rejects.toMatchObject({ code: 'P2025' })
    expect(await cached.prisma.user.findUnique({ where: { id } })).not.toBeNull()
  })

  it('is there for those who asked for it in the same tick without the filter', async () => {
    const { id } = await newUser()
    const [hidden, seen] = await Promise.allSettled([
      cached.prisma.user.findUniqueOrThrow({ where: { id, name: 'Bob' } }),
      cached.prisma.user.findUnique({ where: { id } }),
    ])
    expect(hidden).toMatchObject({ status: 'rejected', reason: { code: 'P2025' } })
    expect(seen).toMatchObject({ status: 'fulfilled', value: { id } })
  })
})

describe('another unique beside the key, in a form that findUnique does not take', () => {
  it.each([
    ['{ equals }', { handle: { equals: 'given' } }, 'given'],
    ['null', { handle: null }, null],
  ])('%s: cached or not, Prisma refuses it', async (_, further, handle) => {
    const { id: userId } = await newUser()
    const { id } = await world.plain.profile.create({ data: { userId, handle } })
    await cached.prisma.profile.findUnique({ where: { id } })
    const where = { id, ...further } as { id: number }
    await expect(world.plain.profile.findUnique({ where })).rejects.toThrow('Invalid')
    await expect(cached.prisma.profile.findUnique({ where })).rejects.toThrow('Invalid')
  })
})

import { expect, it } from 'vitest'
import type { PrismaClient } from '../../generated/prisma/client.js'
import { useWorld } from '../support/world.js'

const world = useWorld()

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

it.each(['before ours', 'after ours', 'after ours, by a function'] as const)(
  'a computed field of related rows is there on a hit, extended %s',
  async order => {
    const { id } = await world.plain.user.create({
      data: { email: `${order}@x.org`, posts: { create: [{ title: 'first' }, { title: 'second' }] } },
    })
    const result = {
      post: { shout: { needs: { title: true }, compute: (post: { title: string }) => `${post.title}!` } },
    } as const
    const plain = world.plain.$extends({ result })
    const base = order === 'before ours' ? (plain as unknown as PrismaClient) : world.plain
    const { prisma } = world.process({}, { base })
    const further = {
      'before ours': () => prisma,
      'after ours': () => prisma.$extends({ result }),
      'after ours, by a function': () => prisma.$extends(client => client.$extends({ result })),
    }[order]
    const cached = further() as unknown as typeof plain
    const query = { where: { id }, include: { posts: { orderBy: { id: 'asc' } } } } as const
    const seen = (user: { posts: readonly { shout: string }[] } | null) => user?.posts.map(({ shout }) => shout)

    expect(seen(await plain.user.findUnique(query))).toEqual(['first!', 'second!'])
    expect(seen(await cached.user.findUnique(query)), 'on a miss').toEqual(['first!', 'second!'])
    expect(seen(await cached.user.findUnique(query)), 'on a hit').toEqual(['first!', 'second!'])
    expect(prisma.$cache.stats().hits).toBe(1)
  },
)

/** What the fuzzer found, each as the smallest program that showed it. */
import { expect, it } from 'vitest'
import { useWorld } from '../support/world.js'

const world = useWorld()

it('a count of many to many with a where sees that the other end no longer meets it', async () => {
  await world.plain.user.create({ data: { id: 1, email: 'e' } })
  const data = { id: 1, title: 't', authorId: 1, tags: { create: { id: 't', name: 'old' } } }
  await world.plain.post.create({ data })
  const cached = world.process()
  const count = async (name: string) => {
    const found = await cached.prisma.post.findUnique({
      where: { id: 1 },
      select: { _count: { select: { tags: { where: { name } } } } },
    })
    await cached.flushed()
    return found?._count.tags
  }
  expect([await count('old'), await count('new')]).toEqual([1, 0])
  await cached.prisma.tag.update({ where: { id: 't' }, data: { name: 'new' } })
  expect([await count('old'), await count('new')]).toEqual([0, 1])
})

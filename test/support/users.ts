/** One user in the database, read and written by cached processes: enough for what happens to Redis meanwhile. */
import { expect } from 'vitest'
import type { CachedProcess, World } from './world.js'

/** A new user with the name `v0`, and its id. */
export async function newUser(world: World): Promise<number> {
  return (await world.plain.user.create({ data: { email: `${Math.random()}@x.org`, name: 'v0' } })).id
}

export async function newUsers(world: World, count: number): Promise<number[]> {
  const made = await world.plain.user.createManyAndReturn({
    data: Array.from({ length: count }, () => ({ email: `${Math.random()}@x.org`, name: 'v0' })),
  })
  return made.map(user => user.id)
}

export const nameOf = async (cached: CachedProcess, id: number) =>
  (await cached.prisma.user.findUnique({ where: { id } }))?.name

export const rename = (cached: CachedProcess, id: number, name: string) =>
  cached.prisma.user.update({ where: { id }, data: { name } })

/** Reads until a read is a hit: the cache is in use (again). */
export async function inUse(cached: CachedProcess, id: number): Promise<void> {
  await expect
    .poll(async () => {
      const { hits } = cached.prisma.$cache.stats()
      await nameOf(cached, id)
      return cached.prisma.$cache.stats().hits > hits
    })
    .toBe(true)
}

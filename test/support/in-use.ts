/** A process whose cache is in use. */
import { expect } from 'vitest'
import { nameOf } from './users.js'
import type { CachedProcess } from './world.js'

/** Waits until each of the users is a hit. */
export async function inUse(cached: CachedProcess, ids: number[]): Promise<void> {
  await expect
    .poll(async () => {
      const { hits } = cached.prisma.$cache.stats()
      for (const id of ids) await nameOf(cached, id)
      return cached.prisma.$cache.stats().hits - hits
    })
    .toBe(ids.length)
}

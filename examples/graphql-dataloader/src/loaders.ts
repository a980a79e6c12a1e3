import DataLoader from 'dataloader'
import type { User } from './generated/prisma/client.js'
import { prisma } from './prisma.js'

/** New ones for each request: a loader remembers what it has loaded. */
export function newLoaders() {
  return {
    users: new DataLoader<number, User | undefined>(async ids => {
      // One MGET for all the users that are cached, one SELECT for all the others.
      const users = await prisma.user.findMany({ where: { id: { in: [...ids] } } })
      const byId = new Map(users.map(user => [user.id, user]))
      return ids.map(id => byId.get(id))
    }),
  }
}

export type Loaders = ReturnType<typeof newLoaders>

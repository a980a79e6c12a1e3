import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { PrismaClient } from '../generated/prisma/client.js'
import { cacheAside } from '../src/index.js' // in your project: from 'prisma-extension-cache-aside'
import { print, styled, wrapped } from './terminal.js'

export interface Place {
  readonly databaseUrl: string
  readonly redisUrl: string
  /** Stands before all keys, so that the demo leaves nothing behind in a Redis of yours. */
  readonly prefix: string
  /** See the option. The default is 50 ms. */
  readonly deadlineMs?: number
}

export type Connected = ReturnType<typeof connect>

/** What you write in your project: the client, wrapped once. */
export function connect({ databaseUrl, redisUrl, prefix, deadlineMs }: Place) {
  const redis = new Redis(redisUrl)
  const plain = new PrismaClient({
    adapter: new PrismaPg({ connectionString: databaseUrl }),
    log: [{ level: 'query', emit: 'event' }], // for the steps, which count SQL
  })
  const prisma = plain.$extends(
    cacheAside({
      redis,
      prefix,
      deadlineMs,
      log: false, // the story says it
      models: {
        User: { ttl: 300 },
        Post: { ttl: '5m', queries: true },
        // What is counted and followed has to be named too.
        Profile: true,
        Category: true,
        Comment: true,
        Bookmark: true,
        Membership: true,
        Order: true,
      },
    }),
  )

  redis.on('error', () => {}) // ioredis prints errors that nobody listens to
  prisma.$cache.on(event => {
    if (event.type === 'error') print(styled('red', wrapped(`${event.code}: ${event.message}`, 2)))
  })
  return {
    prisma,
    plain,
    redis,
    async close() {
      await prisma.$cache.close()
      await plain.$disconnect()
      redis.disconnect()
    },
  }
}

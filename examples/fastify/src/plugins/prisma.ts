import { PrismaPg } from '@prisma/adapter-pg'
import fp from 'fastify-plugin'
import { withCache } from 'prisma-extension-cache-aside'
import { PrismaClient } from '../generated/prisma/client.js'

/** `app.prisma`: the client with the cache. It is closed with the app, and so is its connection to Redis. */
export const prismaPlugin = fp(
  async app => {
    const prisma = newPrisma()
    app.decorate('prisma', prisma)
    app.addHook('onClose', () => prisma.$disconnect())
  },
  { name: 'prisma' },
)

function newPrisma() {
  const adapter = new PrismaPg({ connectionString: process.env.DATABASE_URL })
  return withCache(new PrismaClient({ adapter }), {
    redis: process.env.REDIS_URL,
    models: { User: { ttl: 300 }, Post: '5m' },
  })
}

declare module 'fastify' {
  interface FastifyInstance {
    prisma: ReturnType<typeof newPrisma>
  }
}

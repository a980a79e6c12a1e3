import { PrismaPg } from '@prisma/adapter-pg'
import { withCache } from 'prisma-extension-cache-aside'
import { PrismaClient } from '@/generated/prisma/client'

function newPrisma() {
  const adapter = new PrismaPg({ connectionString: process.env.DATABASE_URL })
  return withCache(new PrismaClient({ adapter }), {
    redis: process.env.REDIS_URL,
    models: { User: { ttl: 300 }, Post: '5m' },
  })
}

// A hot reload runs this module again: without the global, each time with a new client and new connections.
const globalForPrisma = globalThis as { prisma?: ReturnType<typeof newPrisma> }

export const prisma = globalForPrisma.prisma ?? newPrisma()

if (process.env.NODE_ENV !== 'production') globalForPrisma.prisma = prisma

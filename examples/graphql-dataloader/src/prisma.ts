import { PrismaPg } from '@prisma/adapter-pg'
import { withCache } from 'prisma-extension-cache-aside'
import { PrismaClient } from './generated/prisma/client.js'

const adapter = new PrismaPg({ connectionString: process.env.DATABASE_URL })

export const prisma = withCache(new PrismaClient({ adapter }), {
  redis: process.env.REDIS_URL,
  models: { User: { ttl: 300 }, Post: '5m' },
})

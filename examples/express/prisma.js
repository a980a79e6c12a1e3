const { PrismaPg } = require('@prisma/adapter-pg')
const { PrismaClient } = require('@prisma/client')
const { withCache } = require('prisma-extension-cache-aside')

const adapter = new PrismaPg({ connectionString: process.env.DATABASE_URL })

exports.prisma = withCache(new PrismaClient({ adapter }), {
  redis: process.env.REDIS_URL,
  models: { User: { ttl: 300 }, Post: '5m' },
})

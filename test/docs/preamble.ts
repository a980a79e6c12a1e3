/** The names that a snippet without imports may use: what the reader of a page has by then. */
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { cacheAside, withCache } from '../../src/index.js'
import { Prisma, PrismaClient } from '../../generated/prisma/client.js'

export { cacheAside, Prisma, PrismaClient, PrismaPg, Redis, withCache }

export const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379')
export const adapter = new PrismaPg({ connectionString: process.env['DATABASE_URL'] ?? '' })
export const base = new PrismaClient({ adapter })
export const prisma = base.$extends(
  cacheAside({ redis, models: { User: { ttl: 300 }, Post: { ttl: '5m', queries: true }, Tag: true } }),
)

export const fetchRates = async () => ({ eur: 1, usd: 1.1 })
export const tenantId = 'acme'

/** The usual soft delete: it turns a delete into an update. */
export const softDelete = Prisma.defineExtension({ name: 'soft-delete' })
export const guard = (id: string) => Prisma.defineExtension({ name: `guard-of-${id}` })

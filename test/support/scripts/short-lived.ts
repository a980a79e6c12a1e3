/**
 * A process as a cron job or a script is one: reads and writes through a cached client, closes what it has opened itself,
 * and says nothing to the cache. Prints what it was answered, as JSON.
 */
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis5'
import { PrismaClient } from '../../../generated/prisma/client.js'
import { type CacheAsideOptions, cacheAside } from '../../../src/index.js'

/** How the process is told what to do. */
export interface ShortLivedEnv {
  DATABASE_URL: string
  REDIS_URL: string
  PREFIX: string
  IOREDIS: '5' | '6'
  /** How the Redis client is ended. `quit` waits for a server, so without one it is `disconnect`. */
  END: 'quit' | 'disconnect'
}

/** What it was answered. */
export interface ShortLivedAnswers {
  email: string
  again: string | undefined
  renamed: string | null
  after: string | null | undefined
  inTransaction: string | null | undefined
  absent: null
  hits: number
}

const env = process.env as unknown as ShortLivedEnv

const redis = env.IOREDIS === '5' ? (new Redis5(env.REDIS_URL) as unknown as Redis) : new Redis(env.REDIS_URL)
redis.on('error', () => {})
const plain = new PrismaClient({ adapter: new PrismaPg({ connectionString: env.DATABASE_URL }) })
const options: CacheAsideOptions = { redis, models: { User: '5m', Post: '5m' }, prefix: env.PREFIX }
// With a Redis, a busy machine must not turn its answers into misses; without one, the defaults are what users have.
if (env.END === 'quit') Object.assign(options, { deadlineMs: 10_000, invalidationDeadlineMs: 10_000 })
const prisma = plain.$extends(cacheAside(options))

const { id } = await prisma.user.create({ data: { email: `${env.PREFIX}@x.org` } })
const where = { id }
const { email } = await prisma.user.findUniqueOrThrow({ where })
const again = await prisma.user.findUnique({ where, select: { email: true } })
const renamed = await prisma.user.update({ where, data: { name: 'Ada' } })
const after = await prisma.user.findUnique({ where })
const inTransaction = await prisma.$transaction(async tx => {
  await tx.user.update({ where, data: { name: 'Grace' } })
  return tx.user.findUnique({ where })
})
const absent = (await prisma.post.findUnique({ where: { id: 0 } })) as null

const answers: ShortLivedAnswers = {
  email,
  again: again?.email,
  renamed: renamed.name,
  after: after?.name,
  inTransaction: inTransaction?.name,
  absent,
  hits: prisma.$cache.stats().hits,
}
console.log(JSON.stringify(answers))

await prisma.$disconnect()
if (env.END === 'quit') await redis.quit()
else redis.disconnect()

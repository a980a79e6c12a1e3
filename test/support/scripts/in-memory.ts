/** A process with a cache over a memory. It closes neither the cache nor its client. Prints what it was answered, as JSON. */
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../../../generated/prisma/client.js'
import { cacheAside } from '../../../src/index.js'
import { memoryRedis } from '../../../src/testing/index.js'

const { DATABASE_URL: connectionString = '', FAULT } = process.env

const redis = memoryRedis()
// With room for a busy machine: otherwise a hit may become a miss.
const patience = FAULT === 'hangs' ? {} : { deadlineMs: 10_000, invalidationDeadlineMs: 10_000 }
const plain = new PrismaClient({ adapter: new PrismaPg({ connectionString }) })
const prisma = plain.$extends(cacheAside({ redis, models: { User: '5m' }, ...patience }))
if (FAULT === 'slow') redis.faults.slow(20)
if (FAULT === 'hangs') redis.faults.slow(Number.POSITIVE_INFINITY)

const { id } = await plain.user.create({ data: { email: `${FAULT}@memory.org`, name: 'v0' } })
const where = { id }
const names = [(await prisma.user.findUnique({ where }))?.name, (await prisma.user.findUnique({ where }))?.name]
await prisma.user.update({ where, data: { name: 'v1' } })
names.push((await prisma.user.findUnique({ where }))?.name)
console.log(JSON.stringify({ names, hits: prisma.$cache.stats().hits }))

await plain.$disconnect()

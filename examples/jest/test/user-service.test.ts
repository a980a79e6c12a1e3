import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { PrismaPg } from '@prisma/adapter-pg'
import { withCache } from 'prisma-extension-cache-aside'
import { memoryRedis } from 'prisma-extension-cache-aside/testing'
import { PrismaClient } from '../src/generated/prisma/client'
import { UserService } from '../src/user-service'

// The database is a real one. The Redis is a memory in this process.
const redis = memoryRedis()
const prisma = withCache(new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }) }), {
  redis,
  models: { User: '5m', Post: '5m' },
  deadlineMs: 5000, // a busy machine is no reason for a miss
})
const service = new UserService(prisma)

const ada = { id: 1, email: 'ada@x.org', name: 'Ada' }

beforeAll(async () => {
  await prisma.user.create({ data: { ...ada, posts: { create: { id: 1, title: 'Notes' } } } })
})
beforeEach(async () => {
  await service.rename(1, 'Ada')
  await redis.flushall() // each test begins with an empty cache
})
afterAll(async () => {
  await prisma.post.deleteMany()
  await prisma.user.deleteMany()
  await prisma.$disconnect() // nothing is left to keep the test runner waiting
})

/** What the cache did while `work` ran. */
async function during(work: () => Promise<unknown>) {
  const before = prisma.$cache.stats()
  await work()
  const after = prisma.$cache.stats()
  return { hits: after.hits - before.hits, misses: after.misses - before.misses }
}

describe('greeting', () => {
  it('greets by name, and the second time without the database', async () => {
    expect(await during(() => service.greeting(1))).toEqual({ hits: 0, misses: 1 })
    expect(await during(() => service.greeting(1))).toEqual({ hits: 1, misses: 0 })
    expect(await service.greeting(1)).toBe('Hello, Ada')
  })

  it('greets by the new name as soon as it is there', async () => {
    await service.greeting(1)
    await service.rename(1, 'Grace')
    expect(await service.greeting(1)).toBe('Hello, Grace')
  })

  it('greets while Redis is full', async () => {
    redis.faults.full()
    expect(await service.greeting(1)).toBe('Hello, Ada')
    redis.faults.none()
  })
})

describe('byline', () => {
  it('follows the name of the author', async () => {
    expect(await service.byline(1)).toBe('Notes, by Ada')
    await service.rename(1, 'Grace')
    expect(await service.byline(1)).toBe('Notes, by Grace')
  })
})

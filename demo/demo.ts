/** `npm run demo`: the main job on real servers, one step after the other. */
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { PrismaClient } from '../generated/prisma/client.js'
import { cacheAside } from '../src/index.js' // in your project: from 'prisma-extension-cache-aside'
import { applyMigrations, createDatabase, dropDatabase } from '../test/support/database.js'
import { seed } from '../test/support/seed.js'
import { startServers } from '../test/support/servers.js'

const servers = await startServers()
console.log(servers.chosen.join('\n'))
const database = `cache_aside_demo_${process.pid}`
const databaseUrl = await createDatabase(servers.databaseUrl, database)
await applyMigrations(databaseUrl)

// ---- what you write: the client, wrapped once

const redis = new Redis(servers.redisUrl)
const client = new PrismaClient({
  adapter: new PrismaPg({ connectionString: databaseUrl }),
  log: [{ level: 'query', emit: 'event' }],
})
const prisma = client.$extends(
  cacheAside({
    redis,
    prefix: `${database}:`, // so that the demo leaves nothing behind in a Redis of yours
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

// ---- what it does, by its events

const seen: string[] = []
prisma.$cache.on(event => {
  if (event.type === 'hit') seen.push(event.negative ? 'hit: no such row' : 'hit')
  if (event.type === 'miss' || event.type === 'shared') seen.push(event.type)
  if (event.type === 'bypass') seen.push(`database: ${event.why}`)
  if (event.type === 'invalidate') {
    const models = event.models.length > 5 ? `all ${event.models.length} models` : event.models.join(', ')
    seen.push(event.outcome === 'done' ? `invalidated: ${models}` : `queued in the journal: ${models}`)
  }
})
let statements = 0
client.$on('query', () => statements++)

async function step<T>(what: string, run: () => PromiseLike<T>): Promise<T> {
  seen.length = 0
  statements = 0
  const began = performance.now()
  const result = await run()
  const ms = performance.now() - began
  await new Promise(resolve => setTimeout(resolve, 10)) // events of the database come a little later
  const counts = [...new Set(seen)].map(text => {
    const times = seen.filter(other => other === text).length
    return times === 1 ? text : `${times} × ${text}`
  })
  console.log(
    `  ${what.padEnd(58)} ${String(statements).padStart(2)} SQL  ${ms.toFixed(1).padStart(6)} ms   ${counts.join('; ')}`,
  )
  return result
}

const keys = async () =>
  (await redis.keys(`${database}:*`)).map(key => key.slice(database.length + 1)).filter(key => !key.startsWith('@'))

await seed(client, { users: 25 })
const ada = { id: 1 }

console.log('\nA row is loaded once, and then comes from Redis')
await step('user.findUnique({ where: { id: 1 } })', () => prisma.user.findUnique({ where: ada }))
await step('the same again', () => prisma.user.findUnique({ where: ada }))
await step('findFirst, with a select: the same entry', () =>
  prisma.user.findFirst({ where: ada, select: { name: true, email: true } }),
)
await step('20 users in one tick: one MGET, one SELECT', () =>
  Promise.all(Array.from({ length: 20 }, (_, i) => prisma.user.findUnique({ where: { id: i + 2 } }))),
)
await step('the 20 again: one MGET', () =>
  Promise.all(Array.from({ length: 20 }, (_, i) => prisma.user.findUnique({ where: { id: i + 2 } }))),
)
await step('a user that is not there', () => prisma.user.findUnique({ where: { id: 9999 } }))
await step('the same again', () => prisma.user.findUnique({ where: { id: 9999 } }))

console.log('\nBy any unique, with further filters, and for values of your own')
const byEmail = { where: { email: 'user3@example.com' } }
await step('by e-mail: the row is there, the pointer to it is not', () => prisma.user.findUnique(byEmail))
await step('the same again: one MGET, of the row that it led to', () => prisma.user.findUnique(byEmail))
await step("{ id: 3, role: 'ADMIN' }, which it is not", () =>
  prisma.user.findFirst({ where: { id: 3, role: 'ADMIN' } }),
)
const count = () => prisma.user.count()
await step("$cache.getOrSet('users', count)", () =>
  prisma.$cache.getOrSet('users', count, { ttl: '1m', tags: ['user'] }),
)
await step('the same again', () => prisma.$cache.getOrSet('users', count, { ttl: '1m', tags: ['user'] }))

console.log('\nRelations, first matches and lists')
const withPosts = { where: { id: 4 }, include: { posts: true, _count: true } } as const
await step('user 4 with posts and counts', () => prisma.user.findUnique(withPosts))
await step('the same again: one MGET', () => prisma.user.findUnique(withPosts))
const chain = { where: { id: 20 }, include: { author: { include: { profile: true } }, category: true } } as const
await step('post > author > profile, category', () => prisma.post.findUnique(chain))
await step('the same again: one MGET for all of them', () => prisma.post.findUnique(chain))
const list = { where: { authorId: 5, published: true }, orderBy: { createdAt: 'desc' }, take: 10 } as const
await step('post.findMany({ where: { authorId: 5, … } })', () => prisma.post.findMany(list))
await step('the same again', () => prisma.post.findMany(list))
await step('post.update of another author', () => prisma.post.update({ where: { id: 1 }, data: { views: 1 } }))
await step('user 4 with posts: still there', () => prisma.user.findUnique(withPosts))
await step('the list of author 5: still there', () => prisma.post.findMany(list))
await step('post.create for author 5', () => prisma.post.create({ data: { title: 'New', authorId: 5 } }))
await step('the list of author 5: fresh', () => prisma.post.findMany(list))
await step('fluent: user 4 .posts({ take: 2 })', () => prisma.user.findUnique({ where: { id: 4 } }).posts({ take: 2 }))
await step('the same again', () => prisma.user.findUnique({ where: { id: 4 } }).posts({ take: 2 }))
const explained = prisma.$cache.explain('User', 'findUnique', { ...byEmail, include: { posts: true, profile: true } })
console.log(`  explain, with posts and profile: ${JSON.stringify(explained)}`)

console.log('\nA write invalidates what it made stale, before its promise resolves')
await step("user.update({ where: { id: 1 }, data: { name: 'Ada' } })", () =>
  prisma.user.update({ where: ada, data: { name: 'Ada' } }),
)
const { name } = await step('read again: fresh', () => prisma.user.findUniqueOrThrow({ where: ada }))
await step('another user: still there', () => prisma.user.findUnique({ where: { id: 2 } }))
await step('$executeRaw`UPDATE …`', () => prisma.$executeRaw`UPDATE "User" SET name = 'Ada L.' WHERE id = 1`)
await step('read again: fresh', () => prisma.user.findUnique({ where: ada }))

console.log('\nA transaction is seen when it has committed, and leaves no trace when it has not')
const rolledBack = await step('$transaction: update, read, throw', () =>
  prisma
    .$transaction(async tx => {
      await tx.user.update({ where: ada, data: { name: 'never' } })
      const inside = await tx.user.findUniqueOrThrow({ where: ada })
      throw new Error(inside.name ?? '')
    })
    .catch((error: Error) => error.message),
)
const after = await step('read again', () => prisma.user.findUniqueOrThrow({ where: ada }))
console.log(
  `  (inside it was ${JSON.stringify(rolledBack)}, outside it is ${JSON.stringify(after.name)}, before it was ${JSON.stringify(name)})`,
)

console.log('\nIn Redis')
const sample = (await keys()).filter(key => /^(\{User\}|User:1$|User:9999$)/.test(key)).toSorted()
for (const key of sample) {
  console.log(
    `  ${key.padEnd(16)} ${String(await redis.strlen(`${database}:${key}`)).padStart(4)} bytes, for ${Math.round((await redis.pttl(`${database}:${key}`)) / 1000)} s`,
  )
}

console.log('\nRedis goes away')
redis.disconnect()
await step('user.findUnique({ where: { id: 1 } })', () => prisma.user.findUnique({ where: ada }))
await step("user.update({ where: { id: 1 }, data: { name: 'B' } })", () =>
  prisma.user.update({ where: ada, data: { name: 'B' } }),
)
const { pendingInvalidations } = prisma.$cache.stats()
console.log(`  (${pendingInvalidations} invalidations are queued in the journal)`)
await redis.connect()
await new Promise<void>(resolve => {
  const off = prisma.$cache.on(event => {
    if (event.type !== 'redis' || !event.usable) return
    off()
    resolve()
  })
})
console.log('Redis is back. The journal was replayed before anything is read from Redis')
const last = await step('user.findUnique({ where: { id: 1 } })', () => prisma.user.findUniqueOrThrow({ where: ada }))
console.log(`  (it is ${JSON.stringify(last.name)})`)

const { hits, misses } = prisma.$cache.stats()
console.log(`\n${hits} hits, ${misses} misses.`)

const left = await redis.keys(`${database}:*`)
if (left.length > 0) await redis.del(left)
await prisma.$cache.close()
await client.$disconnect()
await redis.quit()
await dropDatabase(servers.databaseUrl, database)
await servers.stop()

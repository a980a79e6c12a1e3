/** `npm run demo`: what the cache does, on real servers, told scene by scene. `client.ts` shows how it is set up. */
import { showEntry } from './entry.js'
import { showExplanation } from './explanation.js'
import { latencies } from './latencies.js'
import { breakable, outage } from './outage.js'
import { firstPosts, seed, usersWith20Posts } from './seeding.js'
import { stepsOf } from './steps.js'
import { count, heading, print, say, seconds, wrapped } from './terminal.js'
import { inWorld } from './world.js'

const began = performance.now()
heading('prisma-extension-cache-aside, on a real Postgres and a real Redis')

await inWorld(async world => {
  const { prefix, servers } = world
  for (const server of servers.chosen) print(wrapped(server, 2))
  const main = world.connect({ deadlineMs: 2000 }) // on a busy laptop, too, a hit is to be a hit
  const { prisma } = main
  const step = stepsOf(main)

  heading('1. The data')
  const seedingSince = performance.now()
  const seeded = await seed(main, 10_000)
  say(`${seeded}, seeded in ${seconds(performance.now() - seedingSince)}. Nothing is cached yet.`)

  heading('2. A row is loaded once, and then comes from Redis')
  say('Each line is a query, with the statements that reached Postgres, its time, and what the cache did.')
  const ada = { id: 1 }
  const byEmail = { where: { email: 'user3@example.com' } }
  const twenty = () =>
    Promise.all(Array.from({ length: 20 }, (_, i) => prisma.user.findUnique({ where: { id: i + 100 } })))
  await step('user.findUnique({ where: { id: 1 } })', () => prisma.user.findUnique({ where: ada }))
  await step('the same again', () => prisma.user.findUnique({ where: ada }))
  await step('findFirst with a select: the same entry', () =>
    prisma.user.findFirst({ where: ada, select: { name: true, email: true } }),
  )
  await step('20 users in one tick: one SELECT', twenty)
  await step('the 20 again: one MGET', twenty)
  await step('by e-mail: the first time', () => prisma.user.findUnique(byEmail))
  await step('by e-mail: again', () => prisma.user.findUnique(byEmail))
  await step('a user that is not there', () => prisma.user.findUnique({ where: { id: 99_999 } }))
  await step('the same again', () => prisma.user.findUnique({ where: { id: 99_999 } }))

  heading('3. Relations, lists, and values of your own')
  say('A list is an entry of its own, and so is each row that a query leads to.')
  const withPosts = { where: { id: 11 }, include: { posts: true } } as const
  const withAuthor = { where: { id: 1 }, include: { author: true } } as const
  const list = { where: { authorId: 21, published: true }, orderBy: { id: 'desc' }, take: 10 } as const
  const rates = () => prisma.$cache.getOrSet('rates', async () => ({ USD: 1.08, CHF: 0.94 }), { ttl: '1m' })
  await step('user 11 with its 20 posts', () => prisma.user.findUnique(withPosts))
  await step('the same again', () => prisma.user.findUnique(withPosts))
  await step('post 1 with its author, who is stored', () => prisma.post.findUnique(withAuthor))
  await step('the same again', () => prisma.post.findUnique(withAuthor))
  await step('post.findMany: ten of author 21', () => prisma.post.findMany(list))
  await step('the same again', () => prisma.post.findMany(list))
  await step("$cache.getOrSet('rates', fetchRates)", rates)
  await step('the same again', rates)

  heading('4. An entry, as it lies in Redis')
  say('Any Redis viewer shows it as msgpack. Here the code of the cache decodes it, column by column.')
  await showEntry(main, { prefix, model: 'User', pattern: 'User:11' })
  say('The posts of this user are stored by columns: a value that all rows share is there once.')
  await showEntry(main, { prefix, model: 'Post', pattern: 'User:11:posts\\?*' })

  heading('5. A write invalidates what it made stale, and nothing else')
  say('It does so before its promise resolves: every read after that gets the new row.')
  await step("user.update: user 1 is 'Ada'", () => prisma.user.update({ where: ada, data: { name: 'Ada' } }))
  await step('user 1: fresh', () => prisma.user.findUnique({ where: ada }))
  await step('user 100: still there', () => prisma.user.findUnique({ where: { id: 100 } }))
  await step('post.create for author 21', () => prisma.post.create({ data: { title: 'New', authorId: 21 } }))
  await step('the list of author 21: fresh', () => prisma.post.findMany(list))
  await step('user 11 with its posts: still there', () => prisma.user.findUnique(withPosts))
  await step('$executeRaw`UPDATE "User" …`', () => prisma.$executeRaw`UPDATE "User" SET name = 'Ada L.' WHERE id = 1`)
  await step('user 1: fresh', () => prisma.user.findUnique({ where: ada }))
  const rolledBack = async (tx: Pick<typeof prisma, 'user'>) => {
    await tx.user.update({ where: ada, data: { name: 'never' } })
    throw new Error('rolled back')
  }
  await step('a transaction that is rolled back', () => prisma.$transaction(rolledBack).catch(() => {}))
  const { name } = await step('user 1', () => prisma.user.findUniqueOrThrow({ where: ada }))
  say(
    `User 1 is ${JSON.stringify(name)}: the transaction has left no trace. It invalidates all the same, which is always safe.`,
  )

  heading('6. Why is a query cached, or not?')
  say('$cache.explain answers without running the query.')
  const explain = (query: string, ...args: Parameters<typeof prisma.$cache.explain>) =>
    showExplanation(query, prisma.$cache.explain(...args), prefix)
  explain('user.findUnique, by e-mail, with posts', 'User', 'findUnique', { ...byEmail, include: { posts: true } })
  explain('user.findMany', 'User', 'findMany', {})
  explain('user.update of user 1', 'User', 'update', { where: ada, data: { name: 'Ada' } })

  heading('7. Redis goes away under traffic')
  const redis = await breakable(servers, world.atEnd)
  const { queries, failed, stale } = await outage(world.connect({ redisUrl: redis.url }), redis, firstPosts(100))
  if (failed + stale > 0) process.exitCode = 1

  heading('8. What a hit saves')
  await latencies(world.connect(), usersWith20Posts(200), 8000)
  const isNear = servers.ownsPostgres && servers.ownsRedis
  if (isNear) say('Both servers are on this machine. The further the database, the more a hit saves.')

  say(
    `The end, after ${seconds(performance.now() - began)}: ${count(queries)} queries in the outage, ${failed} failed, ${stale} stale.`,
  )
})

import { Redis } from 'ioredis'
import { PrismaPg } from '@prisma/adapter-pg'
import { startServers } from './test/support/servers.js'
import { createDatabase, dropDatabase } from './test/support/database.js'
import { PrismaClient } from './generated/prisma/client.js'
const servers = await startServers()
const name = `cmp_${process.pid}`
const url = await createDatabase(servers.databaseUrl, name)
const sides: any = {}
for (const [side, path] of [
  ['old', '/tmp/cmp/old/dist/esm/index.js'],
  ['new', '/tmp/cmp/new/dist/esm/index.js'],
] as const) {
  const { cacheAside } = await import(path)
  const redis = new Redis(servers.redisUrl)
  const base = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 20 }) })
  sides[side] = {
    base,
    redis,
    db: base.$extends(
      cacheAside({ redis, prefix: `${side}:`, models: { User: { ttl: 3000 }, Post: { ttl: 3000, queries: true } } }),
    ),
  }
}
const { base } = sides.old
for (let i = 1; i <= 100; i++) await base.user.create({ data: { id: i, email: `u${i}@x.org`, name: `n${i}` } })
await base.post.createMany({
  data: Array.from({ length: 5000 }, (_, i) => ({ id: i + 1, title: `t${i}`, authorId: (i % 100) + 1 })),
})
const works: Record<string, (db: any, i: number) => Promise<unknown>> = {
  'by key': (db, i) => db.user.findUnique({ where: { id: (i % 100) + 1 } }),
  'by unique': (db, i) => db.user.findUnique({ where: { email: `u${(i % 100) + 1}@x.org` } }),
  'with the row it points to': (db, i) =>
    db.post.findUnique({ where: { id: (i % 100) + 1 }, include: { author: true } }),
  '50 related rows': (db, i) => db.user.findUnique({ where: { id: (i % 100) + 1 }, include: { posts: true } }),
  list: (db, i) => db.post.findMany({ where: { authorId: (i % 100) + 1 } }),
}
const misses: Record<string, (db: any, i: number, side: string) => Promise<unknown>> = {
  miss: async (db, i, side) => {
    await sides[side].redis.del(`${side}:User:${(i % 100) + 1}`)
    return db.user.findUnique({ where: { id: (i % 100) + 1 } })
  },
  update: (db, i) => db.user.update({ where: { id: (i % 100) + 1 }, data: { name: `x${i}` } }),
}
async function serial(run: (i: number) => Promise<unknown>, ms: number) {
  const t: number[] = []
  const end = performance.now() + ms
  let i = 0
  while (performance.now() < end) {
    const a = performance.now()
    await run(i++)
    t.push(performance.now() - a)
  }
  t.sort((a, b) => a - b)
  return t[t.length >> 1]!
}
async function parallel(run: (i: number) => Promise<unknown>, ms: number) {
  const end = performance.now() + ms
  let n = 0
  await Promise.all(
    Array.from({ length: 64 }, async (_, k) => {
      let i = k * 7
      while (performance.now() < end) {
        await run(i++)
        n++
      }
    }),
  )
  return (n / ms) * 1000
}
const med = (a: number[]) => a.toSorted((x, y) => x - y)[a.length >> 1]!
const ROUNDS = Number(process.argv[2] ?? 11)
for (const [w, f] of Object.entries(works)) {
  const s: any = { old: [], new: [] },
    p: any = { old: [], new: [] }
  for (const side of ['old', 'new']) for (let i = 0; i < 300; i++) await f(sides[side].db, i)
  for (let r = 0; r < ROUNDS; r++)
    for (const side of r % 2 ? ['new', 'old'] : ['old', 'new']) {
      s[side].push(await serial(i => f(sides[side].db, i), 120))
      p[side].push(await parallel(i => f(sides[side].db, i), 250))
    }
  const ratios = p.new.map((x: number, i: number) => x / p.old[i]),
    sr = s.new.map((x: number, i: number) => x / s.old[i])
  console.log(
    w.padEnd(28),
    `rate new/old ${med(ratios).toFixed(3)}`,
    `(${med(p.old).toFixed(0)} -> ${med(p.new).toFixed(0)}/s)`,
    `serial p50 new/old ${med(sr).toFixed(3)} (${(med(s.old) * 1000).toFixed(0)} -> ${(med(s.new) * 1000).toFixed(0)} us)`,
  )
}
for (const [w, f] of Object.entries(misses)) {
  const s: any = { old: [], new: [] }
  for (let r = 0; r < ROUNDS; r++)
    for (const side of r % 2 ? ['new', 'old'] : ['old', 'new'])
      s[side].push(await serial(i => f(sides[side].db, i, side), 200))
  const sr = s.new.map((x: number, i: number) => x / s.old[i])
  console.log(
    w.padEnd(28),
    `serial p50 new/old ${med(sr).toFixed(3)} (${(med(s.old) * 1000).toFixed(0)} -> ${(med(s.new) * 1000).toFixed(0)} us)`,
  )
}
for (const { base, redis, db } of Object.values(sides) as any[]) {
  await db.$cache.close()
  await base.$disconnect()
  redis.disconnect()
}
await dropDatabase(servers.databaseUrl, name)
await servers.stop()

/**
 * `npm run bench`: what a hit, a miss and a write cost, against plain Prisma and against the floor (a bare `GET` and a decode).
 * Everything is measured in one run, the contenders taking turns, and told as ratios: absolute numbers are this machine's.
 */
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { pack, unpack } from 'msgpackr'
import { PrismaClient } from '../generated/prisma/client.js'
import { cacheAside } from '../src/index.js'
import { applyMigrations, createDatabase, dropDatabase } from '../test/support/database.js'
import { seed } from '../test/support/seed.js'
import { startServers } from '../test/support/servers.js'

const ROUNDS = 7
const SERIAL = 400
const PARALLEL = 4000
const IN_FLIGHT = 64
const USERS = 200

const servers = await startServers()
console.log(servers.chosen.join('\n'))
const database = `cache_aside_bench_${process.pid}`
const databaseUrl = await createDatabase(servers.databaseUrl, database)
await applyMigrations(databaseUrl)
const plain = new PrismaClient({ adapter: new PrismaPg({ connectionString: databaseUrl }), errorFormat: 'minimal' })
await seed(plain, { users: USERS })

const redis = new Redis(servers.redisUrl)
const prisma = plain.$extends(
  cacheAside({ redis, prefix: `${database}:`, deadlineMs: 5000, models: { User: '1h', Product: '1h' } }),
)
const rawKey = (id: number) => `${database}:raw:${id}`
for (const user of await plain.user.findMany()) await redis.set(rawKey(user.id), pack(Object.values(user)), 'EX', 3600)
const emails = (await plain.user.findMany({ orderBy: { id: 'asc' } })).map(user => user.email)
const products = (await plain.product.findMany()).map(product => product.id)

interface Contender {
  readonly name: string
  readonly run: (i: number) => PromiseLike<unknown>
}

const userOf = (i: number) => ({ id: (i % USERS) + 1 })
const productOf = (i: number) => ({ id: products[i % products.length] as string })

const reads: Contender[] = [
  {
    name: 'floor: getBuffer + decode',
    run: async i => unpack((await redis.getBuffer(rawKey(userOf(i).id))) as Buffer),
  },
  { name: 'plain Prisma, by key', run: i => plain.user.findUnique({ where: userOf(i) }) },
  { name: 'hit, by key', run: i => prisma.user.findUnique({ where: userOf(i) }) },
  { name: 'hit, by unique', run: i => prisma.user.findUnique({ where: { email: emails[i % USERS] as string } }) },
  { name: 'plain Prisma, 26 columns', run: i => plain.product.findUnique({ where: productOf(i) }) },
  { name: 'hit, 26 columns', run: i => prisma.product.findUnique({ where: productOf(i) }) },
]
const misses: Contender[] = [
  { name: 'plain Prisma, by key', run: i => plain.user.findUnique({ where: userOf(i) }) },
  {
    name: 'miss, by key',
    async run(i) {
      await redis.del(`${database}:User:${userOf(i).id}`)
      const began = performance.now()
      await prisma.user.findUnique({ where: userOf(i) })
      return performance.now() - began
    },
  },
]
const writes: Contender[] = [
  { name: 'plain Prisma, update', run: i => plain.user.update({ where: userOf(i), data: { name: `n${i}` } }) },
  { name: 'update, and its DEL', run: i => prisma.user.update({ where: userOf(i), data: { name: `n${i}` } }) },
]

async function serial({ run }: Contender): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < SERIAL; i++) {
    const began = performance.now()
    const own = await run(i)
    times.push(typeof own === 'number' ? own : performance.now() - began)
  }
  return times
}

async function parallel({ run }: Contender): Promise<{ perSecond: number; cpuMicros: number }> {
  let next = 0
  const cpu = process.cpuUsage()
  const began = performance.now()
  const worker = async () => {
    while (next < PARALLEL) await run(next++)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (PARALLEL / (performance.now() - began)) * 1000, cpuMicros: (user + system) / PARALLEL }
}

const quantile = (values: number[], q: number) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * q)] as number

interface Measured {
  readonly times: number[]
  readonly rates: number[]
  readonly cpu: number[]
}

async function measure(title: string, contenders: readonly Contender[], base: number, throughput: boolean) {
  const results: Measured[] = contenders.map(() => ({ times: [], rates: [], cpu: [] }))
  for (const contender of contenders) await serial(contender) // warm
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, contender] of contenders.entries()) {
      const result = results[i] as Measured
      result.times.push(...(await serial(contender)))
      if (!throughput) continue
      const { perSecond, cpuMicros } = await parallel(contender)
      result.rates.push(perSecond)
      result.cpu.push(cpuMicros)
    }
  }
  const reference = results[base] as Measured
  console.log(`\n${title}`)
  console.log(
    `  ${''.padEnd(28)} ${'p50 µs'.padStart(8)} ${'p99 µs'.padStart(8)}  ${'× p50 of'.padStart(10)}${throughput ? `  ${`${IN_FLIGHT} in flight/s`.padStart(15)} ${'×'.padStart(6)} ${'CPU µs'.padStart(7)}` : ''}`,
  )
  for (const [i, { name }] of contenders.entries()) {
    const { times, rates, cpu } = results[i] as Measured
    const p50 = quantile(times, 0.5)
    const columns = [
      name.padEnd(28),
      (p50 * 1000).toFixed(0).padStart(8),
      (quantile(times, 0.99) * 1000).toFixed(0).padStart(8),
      ` ${(p50 / quantile(reference.times, 0.5)).toFixed(2).padStart(10)}`,
    ]
    if (throughput) {
      const rate = quantile(rates, 0.5)
      columns.push(
        ` ${rate.toFixed(0).padStart(15)}`,
        (rate / quantile(reference.rates, 0.5)).toFixed(2).padStart(6),
        quantile(cpu, 0.5).toFixed(1).padStart(7),
      )
    }
    console.log(`  ${columns.join(' ')}`)
  }
}

for (let i = 0; i < USERS; i++) await prisma.user.findUnique({ where: userOf(i) })
await measure('Reads (ratios to the floor)', reads, 0, true)
await measure('Misses (ratios to plain Prisma)', misses, 0, false)
await measure('Writes (ratios to plain Prisma)', writes, 0, false)

await redis.ping()
for (let i = 0; i < products.length; i++) await prisma.product.findUnique({ where: productOf(i) })
const bytes = await redis.strlen(`${database}:Product:${products[0]}`)
const json = JSON.stringify(await plain.product.findUnique({ where: productOf(0) }), (_, v: unknown) =>
  typeof v === 'bigint' ? String(v) : v,
)
console.log(
  `\nA row of 26 columns: ${bytes} bytes in Redis, ${json.length} as JSON (× ${(bytes / json.length).toFixed(2)})`,
)

const left = await redis.keys(`${database}:*`)
if (left.length > 0) await redis.del(left)
prisma.$cache.close()
await plain.$disconnect()
await redis.quit()
await dropDatabase(servers.databaseUrl, database)
await servers.stop()

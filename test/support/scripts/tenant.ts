/**
 * One tenant's process beside that of another one: reads and writes through a cached client, and prints how many of the rows that
 * it was given are its own, how many are not, and how many reads were hits, as JSON.
 */
import { Redis } from 'ioredis'
import { cacheAside } from '../../../src/index.js'
import { clientOf, type Kind, type Tenant, WORKLOADS } from '../tenants.js'

/** How the process is told what to do. */
export interface TenantOrders {
  readonly kind: Kind
  readonly pair: readonly [Tenant, Tenant]
  readonly which: 0 | 1
  readonly redisUrl: string
  readonly prefix: string
  readonly operations: number
}

const { kind, pair, which, redisUrl, prefix, operations } = JSON.parse(process.argv[2] as string) as TenantOrders
const me = pair[which]
const { read, write } = WORKLOADS[kind](pair)
const redis = new Redis(redisUrl)
const model = { ttl: 60, queries: true } as const
const base = clientOf(me)
const prisma = base.$extends(
  cacheAside({
    redis,
    prefix,
    models: { User: model, Post: model, Tag: model },
    deadlineMs: 2_000,
    invalidationDeadlineMs: 5_000,
  }),
)

let [found, own] = [0, 0]
for (let n = 0; n < operations; n++) {
  if (n % 10 === 9) {
    await write(prisma as never, me.mark, n)
    continue
  }
  for (const mark of await read(prisma as never, n)) {
    if (mark === me.mark) own++
    else found++
  }
}
console.log(JSON.stringify({ found, own, hits: prisma.$cache.stats().hits }))
await prisma.$cache.close()
await base.$disconnect()
redis.disconnect()

/** A short program whose last read finds an entry past its TTL, which would be loaded anew in the background. */
import { setTimeout as sleep } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../../../generated/prisma/client.js'
import { withCache } from '../../../src/index.js'

const { DATABASE_URL, REDIS_URL, PREFIX } = process.env
// Its pool lets the process end.
const adapter = new PrismaPg({ connectionString: DATABASE_URL, allowExitOnIdle: true })
const prisma = withCache(new PrismaClient({ adapter }), {
  redis: REDIS_URL,
  prefix: PREFIX,
  models: { User: { ttl: '1ms', swr: '1h' } },
})

const read = () => prisma.user.findUnique({ where: { id: 1 } })
await read()
await sleep(20)
await read()
console.log(JSON.stringify({ staleHits: prisma.$cache.stats().staleHits }))

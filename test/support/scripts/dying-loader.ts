/** A process that reads one row, and is killed while it waits for the database. */
import { once } from 'node:events'
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../../../generated/prisma/client.js'
import { withCache } from '../../../src/index.js'

const { DATABASE_URL, REDIS_URL, PREFIX, ID } = process.env
const prisma = withCache(new PrismaClient({ adapter: new PrismaPg({ connectionString: DATABASE_URL }) }), {
  redis: REDIS_URL,
  prefix: PREFIX,
  models: { User: true },
})
// The facts of the database first: the row below is loaded under a token.
await prisma.user.findUnique({ where: { id: -1 } })
const told = once(process, 'message')
process.send?.('ready')
await told
await prisma.user.findUnique({ where: { id: Number(ID) } })

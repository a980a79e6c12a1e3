/** A short program on a cache whose Redis is given by its URL. */
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../../../generated/prisma/client.js'
import { withCache } from '../../../src/index.js'

const { DATABASE_URL, REDIS_URL, PREFIX, END } = process.env
// Its pool lets the process end.
const adapter = new PrismaPg({ connectionString: DATABASE_URL, allowExitOnIdle: true })
const prisma = withCache(new PrismaClient({ adapter }), { redis: REDIS_URL, prefix: PREFIX, models: { User: true } })

const read = () => prisma.user.findUnique({ where: { id: 1 } })
const answers = [await read(), await read()].length
if (END === 'disconnect') await prisma.$disconnect()
if (END === 'close') await prisma.$cache.close()
console.log(JSON.stringify({ answers }))

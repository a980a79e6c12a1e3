/** An application in TypeScript: it is compiled with the types of its own client, in either module format, and run. */

export const TSCONFIG = {
  compilerOptions: {
    // The newest that TypeScript 5.4 knows.
    target: 'es2022',
    module: 'nodenext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    // Our declarations are checked too.
    skipLibCheck: false,
    rootDir: '.',
    outDir: 'out',
  },
  include: ['consumer.ts', 'generated'],
}

export function consumerSchema(moduleFormat: 'esm' | 'cjs'): string {
  return `
    generator client {
      provider            = "prisma-client"
      output              = "./generated"
      runtime             = "nodejs"
      moduleFormat        = "${moduleFormat}"
      importFileExtension = "js"
    }
    datasource db {
      provider = "postgresql"
    }
    model User {
      id        Int      @id @default(autoincrement())
      email     String   @unique
      name      String?
      updatedAt DateTime @updatedAt
    }`
}

export const CONSUMER = `
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import byDefault, { type CacheApi, type CacheAsideOptions, CacheAsideError, cacheAside, withCache } from 'prisma-extension-cache-aside'
import { type Faults, type MemoryRedis, memoryRedis } from 'prisma-extension-cache-aside/testing'
import { type Prisma, PrismaClient, type User } from './generated/client.js'

const { DATABASE_URL = '', REDIS_URL = '', PREFIX = '' } = process.env

async function main() {
  const redis = new Redis(REDIS_URL)
  const options: CacheAsideOptions = { redis, models: { User: { ttl: '5m' } }, prefix: PREFIX, deadlineMs: 10_000 }
  const plain = new PrismaClient({ adapter: new PrismaPg({ connectionString: DATABASE_URL }) })
  const prisma = plain.$extends(cacheAside(options))
  const { id } = await prisma.user.create({ data: { email: PREFIX + '@x.org' } })
  await prisma.user.findUnique({ where: { id } })
  const row: { email: string } | null = await prisma.user.findUnique({ where: { id }, select: { email: true } })
  const user: User = await prisma.$uncached.user.findUniqueOrThrow({ where: { id } })
  const api: Pick<CacheApi<unknown>, 'stats'> = prisma.$cache
  const invalidated: 'done' | 'queued' | 'after-transaction' = await prisma.$cache.invalidate('User', { email: user.email })
  // @ts-expect-error -- no such model
  await prisma.$cache.invalidate('Usr', { id }).catch(() => {})
  // @ts-expect-error -- not unique
  await prisma.$cache.invalidate('User', { name: 'Ada' })
  // @ts-expect-error -- no such unit
  const wrong: CacheAsideOptions = { redis, models: { User: '5 minutes' } }
  let refused = ''
  try {
    cacheAside(wrong)
  } catch (error) {
    if (error instanceof CacheAsideError) refused = error.code
  }
  const { hits } = api.stats()
  const memory: MemoryRedis = memoryRedis({ keyPrefix: 'a:' }).duplicate({ keyPrefix: '' })
  const faults: Faults = memory.faults
  const tested = withCache(plain, { redis: memory, models: { User: { exclude: ['name'] } }, deadlineMs: 10_000 })
  const asClient: PrismaClient = tested
  const again = async (db: Prisma.TransactionClient) => db.user.findUnique({ where: { id }, select: { email: true } })
  await again(tested)
  await again(asClient)
  await tested.$transaction(async tx => again(tx))
  // @ts-expect-error -- no such field
  const misspelled = () => withCache(plain, { redis: memory, models: { User: { exclude: ['nmae'] } } })
  void misspelled
  faults.full()
  const full: string = await memory.set('a', 'b').catch((error: Error) => error.message.slice(0, 3))
  const inMemory = [tested.$cache.stats().hits, full]
  console.log(JSON.stringify({ email: row?.email, hits, invalidated, same: byDefault === cacheAside, refused, inMemory }))
  await prisma.$disconnect()
  await redis.quit()
}

void main()
`

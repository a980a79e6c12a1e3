/** Another process, for `bench/near.ts`: renames the rows that it is told to, and says when the write had resolved. */
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../generated/bench/client.js'
import { cacheAside } from './contenders.js'

const { DATABASE_URL, REDIS_URL, PREFIX } = process.env as Record<string, string>
const base = new PrismaClient({ adapter: new PrismaPg({ connectionString: DATABASE_URL }) })
const prisma = base.$extends(
  cacheAside({ redis: REDIS_URL, prefix: PREFIX, models: { Account: '1h' } }),
) as unknown as PrismaClient

process.on('message', ({ id, name }: { id: number; name: string }) => void write(id, name))
process.send?.('ready')

async function write(id: number, name: string): Promise<void> {
  await prisma.account.update({ where: { id }, data: { name } })
  // One clock for all processes of the machine.
  process.send?.(String(process.hrtime.bigint()))
}

/** The module of an application that exports its client with the cache, for `warm` of the command line. */
import { once } from 'node:events'
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { PrismaClient } from '../../../generated/prisma/client.js'
import { cacheAside } from '../../../src/index.js'

const { DATABASE_URL = '', REDIS_URL = '', PREFIX = '', HOLD_AT_PAGE = '0' } = process.env
const adapter = new PrismaPg({ connectionString: DATABASE_URL })
let pages = 0

/** Holds one page of keys until Ctrl-C. */
const held = {
  query: {
    user: {
      async findMany({ args, query }: { args: { take?: number }; query: (args: object) => Promise<unknown> }) {
        if (args.take !== undefined && ++pages === Number(HOLD_AT_PAGE)) {
          const interrupt = once(process, 'SIGINT')
          process.stderr.write('held\n')
          await interrupt
        }
        return query(args)
      },
    },
  },
}

export const prisma = new PrismaClient({ adapter })
  .$extends(
    cacheAside({
      redis: new Redis(REDIS_URL),
      prefix: PREFIX,
      models: { User: true, Order: true },
      hooksBehind: 'same-for-all',
      deadlineMs: 2000,
    }),
  )
  .$extends(held as object)

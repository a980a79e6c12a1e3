/** Two tenants on one cache: by schema, by database, by database user, by view and by join table, each reads its own rows. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { inject } from 'vitest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Access } from '../../src/source/access.js'
import type { Overrides } from '../../src/assemble.js'
import { createExtension } from '../../src/extension.js'
import type { CacheAsideOptions } from '../../src/index.js'
import { control } from '../support/control.js'
import type { TenantOrders } from '../support/scripts/tenant.js'
import {
  byDatabase,
  byJoinTable,
  bySchema,
  byUser,
  byView,
  clientOf,
  type Kind,
  type Tenant,
  type Tenants,
} from '../support/tenants.js'
import { useWorld, type World } from '../support/world.js'

const KINDS = {
  schema: bySchema,
  database: (world: World) => byDatabase(world, inject('databaseUrl'), inject('templateDatabase')),
  'database user': byUser,
  view: byView,
  'join table': byJoinTable,
}

async function inProcess(orders: TenantOrders): Promise<{ found: number; own: number; hits: number }> {
  const script = fileURLToPath(new URL('../support/scripts/tenant.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, JSON.stringify(orders)])
  return JSON.parse(stdout) as { found: number; own: number; hits: number }
}

/** How the two tenants' clients come to their cache. */
const WAYS = ['one extension object', 'one extension object each', 'two processes', 'a prefix for each'] as const
type Way = (typeof WAYS)[number]

const OPERATIONS = 10_000
const AT_ONCE = 8

class OpenToAll extends Access {
  override check: Access['check'] = plan => plan
}
const UNGUARDED: Partial<Overrides> = { Access: OpenToAll, source: 'one' }

const MODELS: CacheAsideOptions['models'] = {
  User: { ttl: 60, queries: true },
  Post: { ttl: 60, queries: true },
  Tag: { ttl: 60, queries: true },
}

describe.each(Object.entries(KINDS))(
  'tenants by %s',
  (kind, prepare) => {
    const world = useWorld()
    let tenants: Tenants

    beforeAll(async () => {
      tenants = await prepare(world)
    })
    afterAll(async () => {
      await tenants.drop()
    })

    /** Mixed reads and writes of both, and how many of the rows that were read belong to the other. */
    async function crossings(
      way: Way,
      operations: number,
      parts: Partial<Overrides> = {},
      name: string = world.prefix,
    ) {
      await world.evict()
      const shared = new Redis(world.redisUrl)
      const clients: Redis[] = [shared]
      const options = (redis: Redis): CacheAsideOptions => {
        const prefix = way === 'a prefix for each' && (kind === 'schema' || kind === 'database')
        return {
          redis,
          models: MODELS,
          deadlineMs: 2_000,
          invalidationDeadlineMs: 5_000,
          prefix: prefix ? ({ database, schema }) => `${name}${database}:${schema}:` : name,
        }
      }
      const extension = createExtension(options(shared), parts)
      const sides = tenants.pair.map((tenant: Tenant) => {
        const base = clientOf(tenant)
        if (way === 'one extension object' || way === 'a prefix for each') {
          return { ...tenant, base, prisma: base.$extends(extension) }
        }
        const redis = way === 'two processes' ? new Redis(world.redisUrl) : shared
        clients.push(redis)
        return { ...tenant, base, prisma: base.$extends(createExtension(options(redis), parts)) }
      })
      let next = 0
      let found = 0
      let own = 0
      const worker = async () => {
        while (next < operations) {
          const n = next++
          const { prisma, mark } = sides[n % 2] as (typeof sides)[number]
          const at = Math.floor(n / 2)
          if (n % 20 >= 18) {
            await tenants.write(prisma as never, mark, at)
            continue
          }
          for (const read of await tenants.read(prisma as never, at)) {
            if (read === mark) own++
            else found++
          }
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, worker))
      const hits = sides.map(({ prisma }) => prisma.$cache.stats().hits)
      for (const { prisma, base } of sides) {
        await prisma.$cache.close()
        await base.$disconnect()
      }
      for (const redis of clients) redis.disconnect()
      return { found, own, hits }
    }

    it.each(WAYS)(`${OPERATIONS / 4} mixed reads and writes of both through %s, and no row of the other`, async way => {
      const { found, own } = await crossings(way, OPERATIONS / 4)
      expect(found).toBe(0)
      expect(own).toBeGreaterThan(1_000)
    })

    it(`${OPERATIONS / 5} operations of each, in two processes of the operating system, and no row of the other`, async () => {
      await world.evict()
      const outcomes = await Promise.all(
        ([0, 1] as const).map(which => {
          const { redisUrl, prefix } = world
          return inProcess({
            kind: kind as Kind,
            pair: tenants.pair,
            which,
            redisUrl,
            prefix,
            operations: OPERATIONS / 5,
          })
        }),
      )
      for (const { found, own } of outcomes) {
        expect(found).toBe(0)
        expect(own).toBeGreaterThan(500)
      }
    })

    control('without the checks, each tenant is given rows of the other', async () => {
      // The processes before have marked their prefix as that of another source, which lasts half a minute.
      const prefix = `${world.prefix}unguarded:`
      const found = async () => (await crossings('one extension object', 400, UNGUARDED, prefix)).found
      await expect.poll(found, { timeout: 60_000 }).toBeGreaterThan(0)
    })

    if (kind === 'schema' || kind === 'database') {
      it('both tenants are served from the cache with a prefix for each', async () => {
        const { hits } = await crossings('a prefix for each', 1_000)
        for (const count of hits) expect(count).toBeGreaterThan(100)
      })
    }
  },
  120_000,
)

/** Ways to read the same rows, each as its users would write it. */
import type { Redis } from 'ioredis'
import { pack, unpack } from 'msgpackr'
import type { PrismaClient } from '../generated/bench/client.js'

export type Reads = Pick<PrismaClient, 'account' | 'item' | 'article' | 'author' | 'post'>

/** As it is published: the sources, as `tsx` runs them, are slower. */
const built: string = new URL('../dist/esm/index.js', import.meta.url).href
export const { cacheAside } = (await import(built)) as typeof import('../src/index.js')

/** What is read. */
export interface Work {
  readonly name: string
  readonly rows: number
  /** A name for each of its rows, for those who make keys by hand. */
  readonly key: (i: number) => string
  readonly read: (client: Reads, i: number) => PromiseLike<unknown>
}

const id = (i: number, rows: number) => (i % rows) + 1
const work = (
  name: string,
  rows: number,
  what: string,
  read: (client: Reads, n: number) => PromiseLike<unknown>,
): Work => ({
  name,
  rows,
  key: i => `${what}:${id(i, rows)}`,
  read: (client, i) => read(client, id(i, rows)),
})

export const works: readonly Work[] = [
  work('5 columns, by key', 1000, 'account', (client, n) => client.account.findUnique({ where: { id: n } })),
  work('5 columns, by unique', 1000, 'account-by-email', (client, n) =>
    client.account.findUnique({ where: { email: `account${n}@example.com` } }),
  ),
  work('14 columns, by key', 1000, 'item', (client, n) => client.item.findUnique({ where: { id: n } })),
  work('2 KB, by key', 1000, 'article', (client, n) => client.article.findUnique({ where: { id: n } })),
  work('with the row that it points to', 1000, 'post', (client, n) =>
    client.post.findUnique({ where: { id: n }, include: { author: true } }),
  ),
  work('with 50 related rows', 200, 'author', (client, n) =>
    client.author.findUnique({ where: { id: n }, include: { posts: { orderBy: { id: 'asc' } } } }),
  ),
]

/** So many that no run reads all of them. */
export const manyRows: Work = work('5 columns, never read before', 100_000, 'fresh', (client, n) =>
  client.account.findUnique({ where: { id: n } }),
)

export interface Contender {
  readonly name: string
  /** Reads that row, from wherever. */
  readonly read: (work: Work, i: number) => PromiseLike<unknown>
  /** The client that it writes with, if it is an extension of Prisma. */
  readonly prisma?: Reads
  /** What its keys in Redis begin with. */
  readonly prefix: string
}

export const FLOOR = 'bare `GET` + decode'
/** As many keys as a hit by key needs: the row, and what proves it. */
export const FLOOR_OF_FOUR = 'bare `MGET` of four keys + decode'
export const FLOOR_PER_TICK = 'bare `MGET` per tick + decode'
export const FLOOR_EXTENSION = 'an extension that does nothing else'
export const PLAIN = 'plain Prisma'
export const OURS = 'prisma-extension-cache-aside'
/** Every read through Prisma's query hook. */
export const HOOK = 'prisma-extension-cache-aside, `front: false`'
export const RIVAL = 'prisma-extension-redis'
export const BY_HAND = 'by hand: `GET`, `SETEX`, JSON'
export const BENTO = 'bentocache, memory + Redis'
export const BENTO_MEMORY = 'bentocache, memory alone'
export const NEAR = 'prisma-extension-cache-aside, `near: true`'
export const BENTO_REDIS = 'bentocache, Redis alone'

const cached = { ttl: '1h', queries: true } as const
/** What all of ours cache. */
export const models = { Account: cached, Item: cached, Article: cached, Author: cached, Post: cached }

export async function contenders(base: PrismaClient, redis: Redis, prefix: string): Promise<Contender[]> {
  const own = (name: string, at: string, front: boolean): Contender => {
    const extension = cacheAside({ redis, prefix: `${prefix}${at}:`, deadlineMs: 5000, models, front })
    const prisma = base.$extends(extension) as unknown as Reads
    return { name, read: (what, i) => what.read(prisma, i), prisma, prefix: `${prefix}${at}:` }
  }
  return [
    ...floors(base, redis, prefix),
    leastExtension(base, redis, prefix),
    { name: PLAIN, read: (what, i) => what.read(base, i), prisma: base, prefix: `${prefix}none:` },
    own(OURS, 'ours', true),
    own(HOOK, 'hook', false),
    await rival(base, redis, prefix),
    byHand(base, redis, prefix),
    ...(await bento(base, redis, prefix)),
  ]
}

/** No cache can be faster: the bytes are fetched and decoded, and nothing else is done. */
function floors(base: PrismaClient, redis: Redis, prefix: string): Contender[] {
  const filled = new Map<string, Promise<unknown>>()
  const fill = (what: Work, i: number): Promise<unknown> | undefined => {
    const key = `${prefix}floor:${what.key(i)}`
    const before = filled.get(key)
    if (before === undefined) {
      const filling = (async () => redis.set(key, pack(valuesOf(await what.read(base, i))), 'EX', 3600))()
      filled.set(key, filling)
      return filling
    }
    return undefined
  }
  const look = lookPerTick(redis)
  const others = ['a', 'b', 'c'].map(name => `${prefix}floor:@${name}`)
  for (const key of others.slice(1)) void redis.set(key, Buffer.alloc(20), 'EX', 3600)
  return [
    {
      name: FLOOR,
      prefix: `${prefix}floor:`,
      async read(what, i) {
        const filling = fill(what, i)
        if (filling !== undefined) await filling
        return unpack((await redis.getBuffer(`${prefix}floor:${what.key(i)}`)) as Buffer)
      },
    },
    {
      name: FLOOR_OF_FOUR,
      prefix: `${prefix}floor:`,
      async read(what, i) {
        const filling = fill(what, i)
        if (filling !== undefined) await filling
        const [found] = await redis.mgetBuffer(`${prefix}floor:${what.key(i)}`, ...others)
        return unpack(found as Buffer)
      },
    },
    {
      name: FLOOR_PER_TICK,
      prefix: `${prefix}floor:`,
      async read(what, i) {
        const filling = fill(what, i)
        if (filling !== undefined) await filling
        return unpack((await look(`${prefix}floor:${what.key(i)}`)) as Buffer)
      },
    },
  ]
}

/** One `MGET` for all that is asked in a tick. */
function lookPerTick(redis: Redis): (key: string) => Promise<Buffer | null> {
  let waiting: { key: string; resolve: (value: Buffer | null) => void }[] = []
  const flush = async () => {
    const batch = waiting
    waiting = []
    const found = await redis.mgetBuffer(batch.map(({ key }) => key))
    for (const [i, { resolve }] of batch.entries()) resolve(found[i] as Buffer | null)
  }
  return key =>
    new Promise<Buffer | null>(resolve => {
      if (waiting.push({ key, resolve }) === 1) process.nextTick(() => void flush())
    })
}

/**
 * What no extension of Prisma can do without: an `MGET` per tick before the answer, a `SET` behind a load that nobody waits for,
 * a `DEL` behind a write. It answers bare values, and guards against nothing.
 */
function leastExtension(base: PrismaClient, redis: Redis, prefix: string): Contender {
  const own = `${prefix}least:`
  const look = lookPerTick(redis)
  const prisma = base.$extends({
    query: {
      async $allOperations({ model, operation, args, query }) {
        const where: unknown = (args as { where?: unknown }).where
        const key = `${own}${model}:${JSON.stringify(where)}`
        if (operation !== 'findUnique') {
          const result: unknown = await query(args)
          await redis.del(key, `${own}${model}`)
          return result
        }
        const found = await look(key)
        if (found !== null) return unpack(found) as unknown
        const row: unknown = await query(args)
        void redis.set(key, pack(valuesOf(row)), 'EX', 3600)
        return row
      },
    },
  }) as unknown as Reads
  return { name: FLOOR_EXTENSION, read: (what, i) => what.read(prisma, i), prisma, prefix: own }
}

/** A row without the names of its columns, as dense as msgpack makes it. */
function valuesOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(valuesOf)
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) return value
  if ('toFixed' in value) return (value as { toFixed: () => string }).toFixed()
  return Object.values(value).map(valuesOf)
}

/** It takes all but letters, digits and `_` out of its prefix, and writes `aB` as `a_b`: ours has nothing else in it. */
async function rival(base: PrismaClient, redis: Redis, prefix: string): Promise<Contender> {
  const { PrismaExtensionRedis } = await import('prisma-extension-redis')
  const extension = PrismaExtensionRedis({
    config: {
      ttl: 3600,
      stale: 0,
      type: 'STRING',
      cacheKey: { prefix: `${prefix}rival` },
      transformer: { serialize: toJson, deserialize: fromJson },
      auto: { ttl: 3600, stale: 0, invalidateOnWrite: true },
    },
    client: redis,
  })
  const prisma = base.$extends(extension as never) as unknown as PrismaClient
  return { name: RIVAL, read: (what, i) => what.read(prisma, i), prisma, prefix: `${prefix}rival:` }
}

/** What most applications have. Dates, decimals, bytes and bigints come back as strings. */
function byHand(base: PrismaClient, redis: Redis, prefix: string): Contender {
  return {
    name: BY_HAND,
    prefix: `${prefix}hand:`,
    async read(what, i) {
      const key = `${prefix}hand:${what.key(i)}`
      const found = await redis.get(key)
      if (found !== null) return fromJson(found)
      const row = await what.read(base, i)
      await redis.setex(key, 3600, toJson(row))
      return row
    },
  }
}

/** Without its Redis. */
export async function bentoInMemory(base: PrismaClient, prefix: string): Promise<Contender> {
  const { BentoCache, bentostore } = await import('bentocache')
  const { memoryDriver } = await import('bentocache/drivers/memory')
  const serializer = { serialize: toJson, deserialize: fromJson }
  const store = bentostore().useL1Layer(memoryDriver({ maxItems: 100_000 }))
  const cache = new BentoCache({ default: 'main', prefix, serializer, stores: { main: store } })
  return {
    name: BENTO_MEMORY,
    prefix,
    read: (what, i) => cache.getOrSet({ key: what.key(i), ttl: '1h', factory: () => what.read(base, i) }),
  }
}

async function bento(base: PrismaClient, redis: Redis, prefix: string): Promise<Contender[]> {
  const { BentoCache, bentostore } = await import('bentocache')
  const { memoryDriver } = await import('bentocache/drivers/memory')
  const { redisDriver } = await import('bentocache/drivers/redis')
  const driver = redisDriver({ connection: redis })
  const serializer = { serialize: toJson, deserialize: fromJson }
  const contender = (name: string, store: ReturnType<typeof bentostore>, own: string): Contender => {
    const cache = new BentoCache({ default: 'main', prefix: own, serializer, stores: { main: store } })
    return {
      name,
      prefix: `${own}:`,
      read: (what, i) => cache.getOrSet({ key: what.key(i), ttl: '1h', factory: () => what.read(base, i) }),
    }
  }
  const memory = memoryDriver({ maxItems: 100_000 })
  return [
    contender(BENTO, bentostore().useL1Layer(memory).useL2Layer(driver), `${prefix}bento`),
    contender(BENTO_REDIS, bentostore().useL2Layer(driver), `${prefix}bento-redis`),
  ]
}

function toJson(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each))
}

function fromJson(text: unknown): unknown {
  return JSON.parse(text as string)
}

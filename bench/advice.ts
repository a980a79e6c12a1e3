/** What settings do that users can choose: each beside its alternative, in turns. */
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { PrismaClient } from '../generated/bench/client.js'
import { startProxy } from '../test/support/proxy.js'
import type { CacheApi } from '../src/cache-api.js'
import { cacheAside, type Reads, works } from './contenders.js'
import { compare, type Plan, type Run } from './measure.js'
import type { Advice } from './page.js'
import { Unproven } from './proof.js'

export interface Where {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly redis: Redis
  readonly prefix: string
}

interface Settings {
  readonly errorFormat?: 'minimal' | 'colorless'
  readonly pool?: number
  readonly redis?: Redis
  readonly queries?: boolean
  readonly exclude?: readonly 'body'[]
}

type Cached = PrismaClient & { readonly $cache: CacheApi<PrismaClient> }

/** `hitsOf`: all that it runs is to be hits of this client. */
interface Setting extends Run {
  readonly hitsOf?: Cached
}

export async function measureAdvice(where: Where, plan: Plan): Promise<Advice[]> {
  const opened: PrismaClient[] = []
  const client = (
    name: string,
    { errorFormat = 'minimal', pool, redis, queries = false, exclude }: Settings,
  ): Cached => {
    const adapter = new PrismaPg({ connectionString: where.databaseUrl, ...(pool !== undefined && { max: pool }) })
    const base = new PrismaClient({ adapter, errorFormat })
    opened.push(base)
    const model = { ttl: '1h', queries } as const
    const models = { Account: model, Article: { ...model, exclude }, Author: model, Post: model }
    const prefix = `${where.prefix}advice-${name}:`
    const settings = { redis: redis ?? where.redis, prefix, deadlineMs: 5000, invalidationDeadlineMs: 5000, models }
    return base.$extends(cacheAside(settings)) as unknown as Cached
  }
  const group = async (what: string, runs: readonly Setting[], how = plan): Promise<Advice> => {
    for (const { run } of runs) for (let i = 0; i < 200; i++) await run(i)
    const before = runs.map(({ hitsOf }) => hitsOf?.$cache.stats().misses)
    const measured = await compare(runs, how)
    for (const [i, { name, hitsOf }] of runs.entries()) {
      const misses = (hitsOf?.$cache.stats().misses ?? 0) - (before[i] ?? 0)
      if (misses > 0) throw new Unproven(`${what}, ${name}: ${misses} misses where all should have been hits`)
    }
    return { what, measured }
  }
  const hit = (name: string, of: Cached): Setting => ({ ...read(name, of), hitsOf: of })

  const advice = [
    await group("`errorFormat`, on a hit (`NODE_ENV=production` makes `'minimal'` the default)", [
      hit("`errorFormat: 'minimal'`", client('minimal', {})),
      hit("`errorFormat: 'colorless'`, the default elsewhere", client('colorless', { errorFormat: 'colorless' })),
    ]),
    await placement(),
    await pools(),
    await group('`queries`, on 50 posts of an author by `findMany`', [
      listed('`queries: true`', client('queries', { queries: true })),
      list('`queries: false`', client('no-queries', {})),
    ]),
    await group('`queries`, on the update of a post', [
      update('`queries: true`', client('queries', { queries: true })),
      update('`queries: false`', client('no-queries', {})),
    ]),
    await group('`exclude`, on a hit that selects the title of a 2 KB article', [
      title("`exclude: ['body']`", client('exclude', { exclude: ['body'] })),
      title('the body is cached too', client('include', {})),
    ]),
  ]
  for (const each of opened) await each.$disconnect()
  return advice

  async function placement(): Promise<Advice> {
    const proxy = await startProxy(where.redisUrl)
    proxy.delay(1)
    const far = new Redis(proxy.url)
    const measured = await group('Placement of Redis, on a hit', [
      hit('Redis on this machine', client('near', {})),
      hit('Redis behind a network that takes 1 ms each way', client('far', { redis: far })),
      read('plain Prisma, Postgres on this machine', plain()),
    ])
    far.disconnect()
    await proxy.stop()
    return measured
  }

  function plain(): PrismaClient {
    const base = new PrismaClient({
      adapter: new PrismaPg({ connectionString: where.databaseUrl }),
      errorFormat: 'minimal',
    })
    opened.push(base)
    return base
  }

  /** Each read is of a row that was not read before. */
  async function pools(): Promise<Advice> {
    return group(
      'Connections of the pool, on misses of a row with 50 related rows',
      [10, 2, 5, 20].map(pool => {
        const of = client(`pool${pool}`, { pool })
        let next = 0
        return {
          name: pool === 10 ? '`max: 10`, the default' : `\`max: ${pool}\``,
          run: () => {
            const at = next++
            // Another shape each time round: the same rows, and nothing of them is there.
            const take = 50 + Math.floor(at / 200)
            return of.author.findUnique({
              where: { id: (at % 200) + 1 },
              include: { posts: { orderBy: { id: 'asc' }, take } },
            })
          },
        }
      }),
    )
  }
}

function read(name: string, of: Reads): Run {
  return { name, run: i => works[0]?.read(of, i % 200) ?? Promise.resolve() }
}

function listed(name: string, of: Cached): Setting {
  return { ...list(name, of), hitsOf: of }
}

function list(name: string, of: Reads): Run {
  return { name, run: i => of.post.findMany({ where: { authorId: (i % 50) + 1 }, orderBy: { id: 'asc' } }) }
}

function update(name: string, of: Reads): Run {
  return {
    name,
    run: i => of.post.update({ where: { id: (i % 1000) + 1 }, data: { likes: i }, select: { id: true } }),
  }
}

function title(name: string, of: Cached): Setting {
  return {
    name,
    hitsOf: of,
    run: i => of.article.findUnique({ where: { id: (i % 200) + 1 }, select: { id: true, title: true } }),
  }
}

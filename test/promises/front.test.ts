/**
 * The front answers hits before Prisma is called. Nobody can tell by the answers: promises, errors, transactions, fluent calls and
 * extensions are Prisma's.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { readReplicas } from '@prisma/extension-read-replicas'
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Prisma } from '../../generated/prisma/client.js'
import { createExtension } from '../../src/extension.js'
import { withCache } from '../../src/index.js'
import { watchRedis } from '../support/monitor.js'
import { ALL, ask, type Db, dbOf, expectSame, isSame, type Query, smallWorld } from '../support/readings.js'
import { type CachedProcess, newClient, useWorld } from '../support/world.js'

const world = useWorld()
const id = 'asc' as const

/** How many queries reach Prisma while something runs. */
async function reachPrisma(client: object, run: () => Promise<unknown>): Promise<number> {
  type Request = (this: object, params: object) => unknown
  const { _request: before } = client as { readonly _request: Request }
  let calls = 0
  // On the object that all clients derived from this one inherit from.
  const original = (client as { _originalClient: object })._originalClient
  Object.defineProperty(original, '_request', {
    configurable: true,
    value(this: object, params: object) {
      calls++
      return before.call(this, params)
    },
  })
  try {
    await run()
  } finally {
    delete (original as { _request?: Request })._request
  }
  return calls
}

const READS: Record<string, Query> = {
  findUnique: db => db.user.findUnique({ where: { id: 1 } }),
  'findUnique by another unique': db => db.user.findUnique({ where: { email: 'ada@x.org' } }),
  'findUnique of no row': db => db.user.findUnique({ where: { id: 99 } }),
  findUniqueOrThrow: db => db.user.findUniqueOrThrow({ where: { id: 1 } }),
  findFirst: db => db.user.findFirst({ where: { id: 1 } }),
  findFirstOrThrow: db => db.user.findFirstOrThrow({ where: { id: 1 }, select: { email: true } }),
  'findFirst of a condition': db => db.post.findFirst({ where: { published: true }, orderBy: { id } }),
  'a row with related rows': db =>
    db.user.findUnique({ where: { id: 1 }, include: { posts: { orderBy: { id } }, profile: true, _count: true } }),
  'rows by their keys': db => db.user.findMany({ where: { id: { in: [1, 2, 3] } } }),
  'rows by their keys, with related rows': db =>
    db.user.findMany({ where: { id: { in: [1, 2, 99] } }, include: { profile: true } }),
  'a list': db => db.post.findMany({ where: { authorId: 1 }, orderBy: { id } }),
  'all rows, without args': db => db.tag.findMany(),
  count: db => db.post.count(),
  'count of a selection': db => db.post.count({ select: { _all: true, categoryId: true } }),
  aggregate: db => db.post.aggregate({ _max: { id: true }, where: { authorId: 1 } }),
  groupBy: db => db.post.groupBy({ by: ['authorId'], _count: true, orderBy: { authorId: id } }),
}

/** Errors of Prisma's that a hit can't have. */
const REFUSED: Record<string, Query> = {
  'findUniqueOrThrow of no row': db => db.user.findUniqueOrThrow({ where: { id: 99 } }),
  'findFirstOrThrow of no row': db => db.user.findFirstOrThrow({ where: { id: 99 } }),
  'no args where there have to be some': db => db.user.findUnique(undefined as never),
  'null for args': db => db.user.findUnique(null as never),
  'a text for args': db => db.user.findMany('all' as never),
  'an unknown field': db => db.user.findUnique({ where: { id: 1 }, select: { nothing: true } as never }),
}

let cached: CachedProcess
let hooked: CachedProcess
beforeAll(async () => {
  await smallWorld(world)
  cached = world.process({ models: ALL, front: true })
  hooked = world.process({ models: ALL, front: false })
})
beforeEach(async () => {
  await cached.flushed()
  await hooked.flushed()
  await world.evict()
})

describe('what reaches Prisma', () => {
  it.each(Object.entries(READS))('a hit of %s does not, and with front: false it does', async (_, query) => {
    for (const [process, expected] of [
      [cached, 0],
      [hooked, 1],
    ] as const) {
      const db = dbOf(process)
      const truth = await ask(world.plain, query)
      await ask(db, query)
      await process.flushed()
      const { hits } = process.prisma.$cache.stats()
      expect(await reachPrisma(process.base, async () => expectSame(await ask(db, query), truth, 'on a hit'))).toBe(
        expected,
      )
      expect(process.prisma.$cache.stats().hits).toBeGreaterThan(hits)
    }
  })

  it.each(Object.entries(READS))('a miss of %s does, after one look-up', async (_, query) => {
    const costs = []
    for (const process of [cached, hooked]) {
      await ask(dbOf(process), db => db.asset.findUnique({ where: { id: 1 } }))
      await process.flushed()
      await world.evict()
      const { misses } = process.prisma.$cache.stats()
      let sql = 0
      const seen = await watchRedis(world, async () => {
        sql = await process.countSql(() => ask(dbOf(process), query))
      })
      // Epochs are prolonged when it is time.
      const commands = seen.commands().filter(name => name !== 'pexpire')
      costs.push({ sql, commands, misses: process.prisma.$cache.stats().misses - misses })
    }
    expect(costs[0]).toEqual(costs[1])
  })

  it.each(Object.entries(REFUSED))('%s is the error of Prisma', async (_, query) => {
    const told = async (db: Db) => {
      const error: unknown = await (async () => query(db))().then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      return { name: (error as Error).name, code: (error as { code?: string }).code, message: (error as Error).message }
    }
    for (const errorFormat of ['minimal', 'colorless', 'pretty'] as const) {
      const process = world.process({ models: ALL, front: true }, { clientOptions: { errorFormat } })
      const plain = newClient(world.databaseUrl, { errorFormat })
      const truth = await told(plain)
      // With the place in this file, where that is a part of it.
      expect(await told(dbOf(process))).toEqual(truth)
      expect(await told(dbOf(process))).toEqual(truth)
      await plain.$disconnect()
    }
  })

  it('an error names the line of the application that called', async () => {
    const process = world.process({ models: ALL, front: true }, { clientOptions: { errorFormat: 'pretty' } })
    const error: unknown = await process.prisma.user.findUniqueOrThrow({ where: { id: 99 } }).catch((e: unknown) => e)
    expect((error as Error).message).toContain('front.test.ts')
  })

  it('while tracing is switched on, everything does, so that no span is missing', async () => {
    const read = () => cached.prisma.user.findUnique({ where: { id: 1 } })
    await read()
    const spans: string[] = []
    const helper = {
      isEnabled: () => true,
      getActiveContext: () => {},
      getTraceParent: () => '00-10-10-00',
      dispatchEngineSpans: () => {},
      runInChildSpan: (options: string | { name: string }, run: () => unknown) => {
        spans.push(typeof options === 'string' ? options : options.name)
        return run()
      },
    }
    const major = Prisma.prismaVersion.client.split('.')[0]
    const names = [`V${major}_PRISMA_INSTRUMENTATION`, 'PRISMA_INSTRUMENTATION']
    const globals = globalThis as Record<string, unknown>
    for (const name of names) globals[name] = { helper }
    try {
      expect(cached.prisma.$cache.explain('User', 'findUnique', { where: { id: 1 } })).toMatchObject({
        way: 'hook',
        whyHook: 'tracing is switched on',
      })
      await read()
    } finally {
      for (const name of names) delete globals[name]
    }
    expect(spans).toContain('operation')
    expect(cached.prisma.$cache.explain('User', 'findUnique', { where: { id: 1 } })).toMatchObject({ way: 'front' })
  })
})

describe('the promise', () => {
  const read = () => cached.prisma.user.findUnique({ where: { id: 1 } })

  it('runs nothing until it is awaited', async () => {
    await read()
    const { hits } = cached.prisma.$cache.stats()
    const promise = read()
    await cached.redis.ping()
    expect(cached.prisma.$cache.stats().hits).toBe(hits)
    await promise
    expect(cached.prisma.$cache.stats().hits).toBe(hits + 1)
  })

  it.each(['a miss', 'a hit'])('runs once, however often it is awaited: %s', async what => {
    if (what === 'a hit') await read()
    await cached.flushed()
    const { hits, misses } = cached.prisma.$cache.stats()
    const promise = read()
    const [one, two] = await Promise.all([promise, promise])
    expect(await promise).toBe(one)
    expect(two).toBe(one)
    const stats = cached.prisma.$cache.stats()
    expect(stats.hits + stats.misses).toBe(hits + misses + 1)
  })

  it('has then, catch and finally, as any promise', async () => {
    for (let round = 0; round < 2; round++) {
      expect(await read().then(row => row?.email)).toBe('ada@x.org')
      expect(await read().then(undefined, () => 'error')).toMatchObject({ email: 'ada@x.org' })
      expect(await read().catch(() => 'error')).toMatchObject({ email: 'ada@x.org' })
      const done = vi.fn<() => void>()
      expect(await read().finally(done)).toMatchObject({ email: 'ada@x.org' })
      expect(done).toHaveBeenCalledOnce()
      await expect(
        read().then(() => {
          throw new Error('of the caller')
        }),
      ).rejects.toThrow('of the caller')
    }
    const absent = () => cached.prisma.user.findUniqueOrThrow({ where: { id: 99 } })
    for (let round = 0; round < 2; round++) {
      expect(await absent().catch((error: { code: string }) => error.code)).toBe('P2025')
      await expect(absent().finally(() => {})).rejects.toMatchObject({ code: 'P2025' })
      expect(await absent().then(undefined, (error: { code: string }) => error.code)).toBe('P2025')
    }
  })

  it('is a Prisma promise to everybody', () => {
    const [ours, theirs] = [read(), world.plain.user.findUnique({ where: { id: 1 } })]
    expect(Object.prototype.toString.call(ours)).toBe(Object.prototype.toString.call(theirs))
    expect((ours as { spec?: unknown }).spec).toEqual((theirs as { spec?: unknown }).spec)
  })

  it('goes into a batch transaction, which the database answers, also after it was awaited', async () => {
    await read()
    await world.plain.user.update({ where: { id: 1 }, data: { name: 'Ada, elsewhere' } })
    const awaited = read()
    const old = await awaited
    const [first, second, count] = await cached.prisma.$transaction([awaited, read(), cached.prisma.user.count()])
    expect(first).toEqual(second)
    expect(first?.name).toBe('Ada, elsewhere')
    expect(old?.name).not.toBe('Ada, elsewhere')
    expect(count).toBeGreaterThan(0)
    await smallWorld(world)
  })

  it('in an interactive transaction, the database answers', async () => {
    await read()
    await world.plain.user.update({ where: { id: 1 }, data: { name: 'Ada, elsewhere' } })
    const names = await cached.prisma.$transaction(async tx => [
      (await tx.user.findUnique({ where: { id: 1 } }))?.name,
      (await read())?.name,
    ])
    expect(names[0]).toBe('Ada, elsewhere')
    expect(names[1]).not.toBe('Ada, elsewhere')
    await smallWorld(world)
  })

  it('is the beginning of a fluent call, also after it was awaited', async () => {
    for (let round = 0; round < 3; round++) {
      const promise = read()
      if (round > 0) await promise
      const truth = await world.plain.user.findUnique({ where: { id: 1 } }).posts({ orderBy: { id } })
      expect(await promise.posts({ orderBy: { id } })).toEqual(truth)
      await cached.flushed()
    }
    expect('posts' in read()).toBe(true)
  })

  it('answers in the async context of the caller', async () => {
    const storage = new AsyncLocalStorage<string>()
    for (let round = 0; round < 2; round++) {
      const seen = await Promise.all(
        ['a', 'b'].map(name =>
          storage.run(name, async () => {
            const inThen = await read().then(() => storage.getStore())
            await read()
            return [inThen, storage.getStore()]
          }),
        ),
      )
      expect(seen).toEqual([
        ['a', 'a'],
        ['b', 'b'],
      ])
      await cached.flushed()
    }
  })

  it('the query hooks of a miss run in the async context of the caller', async () => {
    const storage = new AsyncLocalStorage<string>()
    const seen = new Set<unknown>()
    const db = cached.prisma.$extends({
      query: {
        user: {
          findUnique: ({ args, query }) => {
            seen.add(storage.getStore())
            return query(args)
          },
        },
      },
    })
    await Promise.all(
      ['a', 'b'].map((name, i) => storage.run(name, async () => db.user.findUnique({ where: { id: i + 1 } }))),
    )
    expect(seen).toEqual(new Set(['a', 'b']))
  })

  it('its args are those of the moment when it began to run', async () => {
    for (const errorFormat of ['minimal', 'colorless'] as const) {
      const { prisma } = world.process({ models: ALL, front: true }, { clientOptions: { errorFormat } })
      await prisma.asset.findUnique({ where: { id: 1 } })
      for (let round = 0; round < 2; round++) {
        const args = { where: { id: 1 }, select: { id: true, name: true as boolean } }
        const promise = prisma.user.findUnique(args)
        args.where.id = 2
        const running = promise.then(row => row)
        args.where = { id: 3 }
        args.select.name = false
        expect(await running).toEqual(
          await world.plain.user.findUnique({ where: { id: 2 }, select: { id: true, name: true } }),
        )
      }
      // One object for all queries.
      const shared = { where: { id: 0 } }
      const rows = [1, 2, 3].map(n => {
        shared.where.id = n
        return prisma.post.findUnique(shared).then(row => row?.id)
      })
      expect(await Promise.all(rows)).toEqual([1, 2, 3])
    }
  })

  it('Prisma.skip, a class as args, and values of classes are what they are to Prisma', async () => {
    class ById {
      readonly where = { id: 1 }
    }
    class Where {
      readonly id = 1
    }
    const queries: Query[] = [
      db => db.user.findUnique(new ById()),
      db => db.user.findUnique({ where: new Where() }),
      db => db.product.findFirst({ where: { price: { gt: new Prisma.Decimal('0.01') } }, orderBy: { sku: id } }),
      db => db.post.findMany({ where: { createdAt: { lt: new Date('2100-01-01') } }, orderBy: { id } }),
    ]
    for (const query of queries) {
      const truth = await ask(world.plain, query)
      for (const when of ['on a miss', 'on a hit']) expectSame(await ask(dbOf(cached), query), truth, when)
    }
  })
})

describe('the client', () => {
  it('lists the members that it has without the front', () => {
    const [front, plain] = [cached.prisma, hooked.prisma] as unknown as Record<string, Record<string, unknown>>[]
    for (const keys of [
      Object.keys,
      Reflect.ownKeys,
      (object: object) => Object.entries(object).map(([name]) => name),
    ]) {
      expect(keys(front as object)).toEqual(keys(plain as object))
      expect(keys(front?.['user'] as object)).toEqual(keys(plain?.['user'] as object))
    }
    for (const name of ['user', '$cache', '$transaction', 'findUnique', 'nothing']) {
      expect(name in (front as object), name).toBe(name in (plain as object))
    }
    expect(Object.getPrototypeOf(front)).toBe(Object.getPrototypeOf(plain))
    expect({ ...front }['user']).toBe(front?.['user'])
    expect(front?.['user']).toBe(front?.['user'])
    expect(front?.['user']?.['findUnique']).toBe(front?.['user']?.['findUnique'])
    expect(front?.['user']?.['$name']).toBe('User')
    expect(front?.['user']?.['fields']).toEqual(plain?.['user']?.['fields'])
  })

  it('can be mocked', async () => {
    const { prisma } = world.process({ models: ALL, front: true })
    const spy = vi.spyOn(prisma.user, 'findUnique').mockResolvedValue(null as never)
    expect(await prisma.user.findUnique({ where: { id: 1 } })).toBeNull()
    spy.mockRestore()
    expect(await prisma.user.findUnique({ where: { id: 1 } })).toMatchObject({ id: 1 })
    Object.assign(prisma, { user: { findUnique: () => 'mine' } })
    expect(prisma.user.findUnique({ where: { id: 1 } })).toBe('mine')
  })

  it('its methods need no receiver', async () => {
    const { findUnique, findMany } = cached.prisma.user
    for (let round = 0; round < 2; round++) {
      expect(await findUnique({ where: { id: 1 } })).toMatchObject({ id: 1 })
      expect(await findMany({ where: { id: { in: [1] } } })).toHaveLength(1)
    }
  })
})

// ---- among other extensions

interface AnyDb {
  $extends(extension: unknown): AnyDb
}

const mask = {
  query: {
    user: {
      async $allOperations({ args, query }: { args: unknown; query: (args: unknown) => Promise<unknown> }) {
        const result = await query(args)
        return typeof result === 'object' && result !== null && 'email' in result ? { ...result, email: '***' } : result
      },
    },
  },
}
const onlyPublished = {
  query: {
    post: {
      findMany: ({ args, query }: { args: { where?: object }; query: (args: unknown) => unknown }) =>
        query({ ...args, where: { ...args.where, published: true } }),
    },
  },
}
/** The usual soft delete, which turns one operation into another on the client that it was made from. */
const softDelete = (client: AnyDb) => {
  const { post } = client as unknown as Db
  const visible = ({ args, query }: { args: { where?: object }; query: (args: unknown) => unknown }) =>
    query({ ...args, where: { ...args.where, published: true } })
  return client.$extends({
    query: {
      post: {
        findMany: visible,
        findFirst: visible,
        count: visible,
        delete: ({ args }: { args: { where: { id: number } } }) => post.update({ ...args, data: { published: false } }),
      },
    },
  })
}
const replicated = (client: AnyDb): AnyDb => {
  // Of its replicas it wants the client class of `@prisma/client`, which this repository does not generate.
  const replicas = [world.plain] as unknown as Parameters<typeof readReplicas>[0]['replicas']
  return client.$extends(readReplicas({ replicas })) as unknown as AnyDb
}
const shout = {
  result: { post: { shout: { needs: { title: true }, compute: ({ title }: { title: string }) => `${title}!` } } },
}
const hidden = {
  result: { user: { email: { needs: {}, compute: () => undefined } } },
}
const exists = {
  model: {
    $allModels: {
      async exists(this: object, where: object) {
        const context = Prisma.getExtensionContext(this) as unknown as { count(args: object): Promise<number> }
        return (await context.count({ where })) > 0
      },
    },
  },
}
const ownFind = {
  model: { user: { findUnique: () => Promise.resolve({ mine: true }) } },
}
const ownModel = { client: { user: { findUnique: () => Promise.resolve({ ours: true }) } } }
const member = { client: { $answer: () => 42 } }
const byFunction = (client: AnyDb) => client.$extends(member)
const passing = {
  query: { $allOperations: ({ args, query }: { args: unknown; query: (args: unknown) => unknown }) => query(args) },
}

/** Each is applied to a client without the cache, with the front and without it. `cache` is where it goes. */
const ORDERS: Record<string, { stack: readonly unknown[]; way: string; model?: string }> = {
  'the cache alone': { stack: ['cache'], way: 'front' },
  'applied twice': { stack: ['cache', 'cache'], way: 'front' },
  'its invalidation apart': { stack: ['invalidation', 'cache'], way: 'front' },
  'a soft delete between its invalidation and the cache': {
    stack: ['invalidation', softDelete, 'cache'],
    way: 'front',
  },
  'a soft delete before': { stack: [softDelete, 'cache'], way: 'front' },
  'a soft delete after': { stack: ['cache', softDelete], way: 'front' },
  'read replicas before': { stack: [replicated, 'cache'], way: 'none' },
  'read replicas after': { stack: ['cache', replicated], way: 'none' },
  'a mask before': { stack: [mask, 'cache'], way: 'hook' },
  'a mask after': { stack: ['cache', mask], way: 'none' },
  'a filter before': { stack: [onlyPublished, 'cache'], way: 'front' },
  'a filter after': { stack: ['cache', onlyPublished], way: 'front' },
  'all operations before': { stack: [passing, 'cache'], way: 'hook' },
  'computed fields of another model, before': { stack: [shout, 'cache'], way: 'front' },
  'computed fields of another model, after': { stack: ['cache', shout], way: 'front' },
  'computed fields of the model, before': { stack: [hidden, 'cache'], way: 'hook' },
  'computed fields of the model, after': { stack: ['cache', hidden], way: 'hook' },
  'methods of models, before': { stack: [exists, 'cache'], way: 'front' },
  'methods of models, after': { stack: ['cache', exists], way: 'front' },
  'a method of the same name, before': { stack: [ownFind, 'cache'], way: 'hook' },
  'a method of the same name, after': { stack: ['cache', ownFind], way: 'hook' },
  'a member of the same name, before': { stack: [ownModel, 'cache'], way: 'hook' },
  'a member of the same name, after': { stack: ['cache', ownModel], way: 'hook' },
  'members of the client, before': { stack: [member, 'cache'], way: 'front' },
  'members of the client, after': { stack: ['cache', member], way: 'front' },
  'by a function, after': { stack: ['cache', byFunction], way: 'front' },
  'by a function, before': { stack: [byFunction, 'cache'], way: 'front' },
  everything: { stack: [member, 'invalidation', softDelete, 'cache', exists, shout, byFunction], way: 'front' },
}

describe('among other extensions', () => {
  const EXTRA: Record<string, Query> = {
    'exists, if there is such a method': db => {
      const { user } = db as unknown as { user: { exists?: (where: object) => Promise<boolean> } }
      return user.exists?.({ id: 1 }) ?? Promise.resolve('no such method')
    },
    'answer, if there is such a member': async db => (db as unknown as { $answer?: () => number }).$answer?.(),
    fluent: db => {
      const found = db.user.findUnique({ where: { id: 1 } }) as { posts?: (args: object) => Promise<unknown> }
      return found.posts?.({ orderBy: { id } }) ?? Promise.resolve('not Prisma’s')
    },
    'in a transaction': db => db.$transaction(tx => tx.user.count()),
  }

  it.each(Object.entries(ORDERS))('%s: answers as without the front, and as without the cache', async (name, order) => {
    const build = (front: boolean | undefined) => {
      const process = world.process({ models: {}, front: front ?? false })
      const cache = createExtension({
        redis: process.redis,
        prefix: world.prefix,
        models: ALL,
        front: front ?? false,
        deadlineMs: 2000,
      })
      let db = process.base as unknown as AnyDb
      for (const one of order.stack) {
        if (front === undefined && (one === 'cache' || one === 'invalidation')) continue
        db = db.$extends(one === 'cache' ? cache : one === 'invalidation' ? cache.invalidation : one)
      }
      return { db: db as unknown as Db, base: process.base, cache: db as unknown as CachedProcess['prisma'] }
    }
    const [plain, front, hook] = [build(undefined), build(true), build(false)]
    for (const [what, query] of Object.entries({ ...READS, ...EXTRA })) {
      const truth = shown(await ask(plain.db, query))
      for (const when of ['on a miss', 'on a hit', 'on another hit']) {
        for (const [who, { db }] of Object.entries({ front, hook })) {
          const found = shown(await ask(db, query))
          expect(isSame(found, truth), `${what}, ${when}, ${who}: ${JSON.stringify([found, truth])}`).toBe(true)
        }
      }
    }
    const explained = front.cache.$cache.explain('User', 'findUnique', { where: { id: 1 } })
    expect('way' in explained ? explained.way : 'none', name).toBe(order.way)
    if (!order.stack.includes(replicated)) {
      expect(hook.cache.$cache.explain('Post', 'findUnique', { where: { id: 1 } })).toMatchObject({
        way: 'hook',
        whyHook: 'the option front is false',
      })
    }
    const reached = await reachPrisma(front.base, async () => front.db.user.findUnique({ where: { id: 1 } }))
    const isOwn = [ownFind, ownModel].some(own => order.stack.includes(own))
    expect(reached, 'queries that reach Prisma').toBe(order.way === 'front' || isOwn ? 0 : 1)
    await front.cache.$cache.close()
    await hook.cache.$cache.close()
  })

  /** Results with computed fields are proxies: what a caller sees of them. */
  function shown(answer: unknown): unknown {
    const value = (part: unknown): unknown => {
      if (Array.isArray(part)) return part.map(value)
      if (typeof part !== 'object' || part === null) return part
      const prototype: unknown = Object.getPrototypeOf(part)
      if (prototype !== Object.prototype && prototype !== null) return part
      return Object.fromEntries(Object.entries(part).map(([name, field]) => [name, value(field)]))
    }
    return value(answer)
  }

  it('a client that is extended per request has the front, and its hits', async () => {
    const read = (db: Db) => db.user.findUnique({ where: { id: 1 } })
    await read(dbOf(cached))
    await cached.flushed()
    for (let request = 0; request < 3; request++) {
      const db = cached.prisma.$extends({ client: { $request: () => request } })
      expect(db.$request()).toBe(request)
      await read(db as unknown as Db)
      expect(await reachPrisma(cached.base, async () => read(db as unknown as Db))).toBe(0)
    }
  })

  it('$cached has the front, also for what is not configured and under tags, and of withCache', async () => {
    const process = world.process({ models: {} })
    const db = withCache(process.base, { redis: process.redis, prefix: world.prefix, models: {}, deadlineMs: 2000 })
    for (const options of [{}, { ttl: 10, tags: ['t'] }]) {
      const reads = [
        () => db.$cached(options).tag.findMany({ orderBy: { id } }),
        () => db.$cached(options).user.findUnique({ where: { id: 1 }, include: { posts: true } }),
      ]
      for (const read of reads) {
        const first = await read()
        await process.flushed()
        const found: unknown[] = []
        expect(await reachPrisma(process.base, async () => void found.push(await read()))).toBe(0)
        expect(found).toEqual([first])
      }
    }
    await db.$cache.close()
  })

  it('withCache has the front', async () => {
    const process = world.process({ models: {} })
    const db = withCache(process.base, { redis: process.redis, prefix: world.prefix, models: { User: true } })
    const read = () => db.user.findUnique({ where: { id: 1 } })
    await read()
    await process.flushed()
    expect(await reachPrisma(process.base, async () => read())).toBe(0)
    expect('$on' in db).toBe(true)
    expect(db).toBeInstanceOf(Object)
    await db.$cache.close()
  })
})

/** Query hooks that are applied after the cache run on misses only: what they concern is not cached, unless they are the same for all. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { HOOKS_BEHIND } from '../../src/plan/bypass.js'
import type { CacheApi, CacheAsideOptions, CacheEvent } from '../../src/index.js'
import type { Overrides } from '../../src/assemble.js'
import { createExtension } from '../../src/extension.js'
import { control } from '../support/control.js'
import { type CachedProcess, useWorld } from '../support/world.js'
import { Prisma } from '../../generated/prisma/client.js'

const world = useWorld()
beforeAll(async () => {
  await world.plain.user.createMany({ data: [1, 2].map(id => ({ id, email: `u${id}@x.org`, name: `n${id}` })) })
  await world.plain.post.createMany({ data: [1, 2].map(id => ({ id, title: `t${id}`, authorId: id })) })
})
beforeEach(() => world.evict())

type Hook = (call: { args: never; query: (args: never) => Promise<unknown> }) => unknown
type Client = CachedProcess['prisma']

const pass: Hook = ({ args, query }) => query(args)

function cached(options: Partial<CacheAsideOptions> = {}, parts?: Partial<Overrides>) {
  return world.process({ hooksBehind: undefined, ...options }, parts === undefined ? {} : { parts })
}

/** Applied to a cached client: the client that an application would use. */
const extended = (client: object, extension: unknown) =>
  (client as { $extends(extension: unknown): Client }).$extends(extension)

async function hitsOf(process: CachedProcess, run: () => Promise<unknown>): Promise<number> {
  await run()
  await process.flushed()
  const { hits } = process.prisma.$cache.stats()
  await run()
  return process.prisma.$cache.stats().hits - hits
}

const FIND_USER = (client: Client) => client.user.findUnique({ where: { id: 1 } })
const FIRST_USER = (client: Client) => client.user.findFirst({ where: { id: 1 } })
const FIND_POST = (client: Client) => client.post.findUnique({ where: { id: 1 } })
const READS = { 'user.findUnique': FIND_USER, 'user.findFirst': FIRST_USER, 'post.findUnique': FIND_POST }

describe('which reads are concerned', () => {
  it.each<[string, object, (keyof typeof READS)[]]>([
    ['one operation of a model', { user: { findUnique: pass } }, ['user.findUnique']],
    ['all operations of a model', { user: { $allOperations: pass } }, ['user.findUnique', 'user.findFirst']],
    ['one operation of all models', { $allModels: { findUnique: pass } }, ['user.findUnique', 'post.findUnique']],
    [
      'all of all models',
      { $allModels: { $allOperations: pass } },
      ['user.findUnique', 'user.findFirst', 'post.findUnique'],
    ],
    ['everything', { $allOperations: pass }, ['user.findUnique', 'user.findFirst', 'post.findUnique']],
    ['writes', { user: { update: pass, create: pass } }, []],
    ['raw SQL', { $queryRaw: pass, $executeRaw: pass }, []],
  ])('the reads that hooks of %s may change, and no others, bypass the cache', async (_, query, concerned) => {
    const process = cached()
    const events: CacheEvent[] = []
    process.prisma.$cache.on(event => events.push(event))
    const client = extended(process.prisma, { query })
    for (const [name, read] of Object.entries(READS)) {
      const isConcerned = concerned.includes(name as keyof typeof READS)
      expect(await hitsOf(process, () => read(client)), name).toBe(isConcerned ? 0 : 1)
      const [model, operation] = name.split('.') as [string, string]
      const explained = client.$cache.explain(model === 'user' ? 'User' : 'Post', operation, { where: { id: 1 } })
      expect(explained).toMatchObject(isConcerned ? { cached: false, why: HOOKS_BEHIND } : { cached: true })
      // The client that was not extended further stays as it is.
      expect(await hitsOf(process, () => read(process.prisma)), name).toBe(1)
    }
    const warnings = events.filter(event => event.type === 'error' && event.code === 'HOOKS_BEHIND')
    expect(warnings).toHaveLength(concerned.length > 0 ? 1 : 0)
    expect(events.filter(event => event.type === 'bypass').every(event => event.why === HOOKS_BEHIND)).toBe(true)
  })

  it.each<[string, unknown]>([
    ['computed fields', { result: { user: { shout: { needs: { name: true }, compute: () => 'HEY' } } } }],
    ['model methods', { model: { user: { hello: () => 'hello' } } }],
    ['client methods', { client: { hello: () => 'hello' } }],
    ['nothing', {}],
  ])('reads under an extension of %s are cached', async (_, extension) => {
    const process = cached()
    const client = extended(process.prisma, extension)
    for (const read of Object.values(READS)) expect(await hitsOf(process, () => read(client))).toBe(1)
  })

  it('hooks that a defined extension brings along count, and hooks of a later client count for that one alone', async () => {
    const process = cached()
    const first = extended(
      process.prisma,
      Prisma.defineExtension(client => client.$extends({ query: { user: { findFirst: pass as never } } })),
    )
    const second = extended(first, { query: { post: { findUnique: pass } } })
    expect(await hitsOf(process, () => FIRST_USER(first))).toBe(0)
    expect(await hitsOf(process, () => FIND_POST(first))).toBe(1)
    expect(await hitsOf(process, () => FIRST_USER(second))).toBe(0)
    expect(await hitsOf(process, () => FIND_POST(second))).toBe(0)
    expect(await hitsOf(process, () => FIND_USER(second))).toBe(1)
    expect(second.$cache.explain('Post', 'findUnique', { where: { id: 1 } })).toEqual({
      cached: false,
      why: HOOKS_BEHIND,
    })
    expect(first.$cache.explain('Post', 'findUnique', { where: { id: 1 } })).toMatchObject({ cached: true })
  })

  it('hooks that were applied before the cache run on every read, and it is cached', async () => {
    let runs = 0
    const counting = ({ args, query }: Parameters<Hook>[0]) => {
      runs++
      return query(args)
    }
    const base = world.plain.$extends({ query: { user: { $allOperations: counting as never } } })
    const process = world.process({ hooksBehind: undefined }, { base: base as never })
    expect(await hitsOf(process, () => FIND_USER(process.prisma))).toBe(1)
    expect(runs).toBe(2)
  })

  it('the cache itself, applied twice or with its write half behind, is no such hook', async () => {
    const process = cached()
    const options = { redis: process.redis, models: { User: true, Post: true } as const, prefix: world.prefix }
    for (const again of [
      createExtension(options),
      createExtension(options).invalidation,
      createExtension({ ...options, prefix: `${world.prefix}other:` }),
    ]) {
      const client = extended(process.prisma, again)
      // Its own start may renew the epochs once.
      await expect.poll(() => hitsOf(process, () => FIND_USER(client))).toBe(1)
      await world.evict()
    }
  })

  it('with hooksBehind: same-for-all all of it is cached, without a warning', async () => {
    const process = cached({ hooksBehind: 'same-for-all' })
    const events: CacheEvent[] = []
    process.prisma.$cache.on(event => events.push(event))
    const client = extended(process.prisma, { query: { $allOperations: pass } })
    for (const read of Object.values(READS)) expect(await hitsOf(process, () => read(client))).toBe(1)
    expect(events.filter(({ type }) => type === 'error' || type === 'bypass')).toEqual([])
    const { $cache } = client as unknown as { $cache: CacheApi<never> }
    expect($cache.explain('User' as never, 'findUnique', { where: { id: 1 } })).toMatchObject({ cached: true })
  })

  it('writes behind such hooks invalidate as ever', async () => {
    const process = cached()
    const client = extended(process.prisma, { query: { $allOperations: pass } })
    await FIND_USER(process.prisma)
    await process.flushed()
    await client.user.update({ where: { id: 1 }, data: { name: 'renamed' } })
    expect(await FIND_USER(process.prisma)).toMatchObject({ name: 'renamed' })
  })
})

describe('a guard per tenant that is applied after the cache', () => {
  /** Each tenant sees the posts of one author. */
  const guard = (tenant: number) => ({
    query: {
      post: {
        findFirst: ({ args, query }: Parameters<Hook>[0]) =>
          query({ ...(args as object), where: { ...(args as { where: object }).where, authorId: tenant } } as never),
      },
    },
  })

  async function crossings(parts?: Partial<Overrides>): Promise<number> {
    const process = cached({}, parts)
    let found = 0
    for (let round = 0; round < 3; round++) {
      for (const tenant of [1, 2]) {
        const client = extended(process.prisma, guard(tenant))
        const post = await client.post.findFirst({ where: { views: 0 } })
        if (post?.authorId !== tenant) found++
        await process.flushed()
      }
    }
    return found
  }

  it('a guard per tenant behind the cache never shows one tenant the rows of another', async () => {
    expect(await crossings()).toBe(0)
  })

  control('without the search for hooks behind the cache, one tenant gets the rows of another', async () => {
    expect(await crossings({ hasHooksBehind: () => false })).toBeGreaterThan(0)
  })
})

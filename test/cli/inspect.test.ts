/** `inspect`: what is stored of a row or a query, and whether it would be served, in words that are true. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { CacheEvent } from '../../src/events.js'
import { inspect, type Inspected } from '../../src/cli/inspect.js'
import { invalidate } from '../../src/cli/invalidate.js'
import { expire } from '../support/ages.js'
import { opened, run } from '../support/cli.js'
import { smallWorld } from '../support/readings.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
let cached: CachedProcess

beforeEach(async () => {
  await world.evict()
  await smallWorld(world)
  cached = world.process({ models: { User: { ttl: 300 }, Post: { ttl: '5m', queries: true }, Profile: true } })
  await cached.prisma.user.findUnique({ where: { id: 99 } })
})

async function look(what: string, json?: object): Promise<Inspected[]> {
  await cached.flushed()
  const tool = await opened(world)
  try {
    return await inspect(tool.cache, what, json && JSON.stringify(json), tool.sql)
  } finally {
    await tool.close()
  }
}

async function lookAt(what: string, json?: object): Promise<Inspected> {
  return (await look(what, json)).at(-1) as Inspected
}

const readUser = () => cached.prisma.user.findUnique({ where: { id: 1 } })
const readPosts = () => cached.prisma.post.findMany({ where: { authorId: 1 } })
const ofPosts = { where: { authorId: 1 } }

it('a row past its TTL that is kept for swr is said to be expired, and since when', async () => {
  const own = world.process({ models: { User: { ttl: '1m', swr: '1h', jitter: 0 } } })
  await own.prisma.user.findUnique({ where: { id: 1 } })
  await own.flushed()
  expect(await lookAt('User:1')).toMatchObject({ state: 'served' })
  await expire(world, 600_000, 'User:1')
  const found = await lookAt('User:1')
  expect(found).toMatchObject({
    state: 'expired',
    verdict: expect.stringMatching(
      /^Past its TTL, kept for a while: served only where the option swr of User /,
    ) as string,
  })
  expect(found.leftMs).toBeLessThanOrEqual(-600_000)
  const { stdout } = await run(world, ['inspect', 'User:1'])
  expect(stdout).toContain('  expired 10 min')
})

describe('a row that is served', () => {
  it('is shown by column, with its age and TTL, and what it depends on', async () => {
    const user = await readUser()
    const found = await lookAt('User:1')
    expect(found).toMatchObject({
      key: `${world.prefix}User:1`,
      state: 'served',
      ttlMs: 300_000,
      differences: [],
      dependsOn: [{ key: `${world.prefix}{User}@rows`, isCurrent: true }],
      verdict: 'Served: nothing that it depends on has changed since it was stored, and the database says the same.',
    })
    expect(found.value).toEqual(user)
    const [least = 0, most = 0] = found.ageMs ?? []
    expect(least).toBe(0)
    // The TTL is shorter by up to a tenth, at random.
    expect(most).toBeLessThan(60_000)
    expect(found.leftMs).toBeGreaterThan(240_000)
  })

  it('is found by another unique, with where that points to', async () => {
    await cached.prisma.user.findUnique({ where: { email: 'ada@x.org' } })
    const found = await look('User', { email: 'ada@x.org' })
    expect(found.map(({ name, state, value }) => [name.kind, state, typeof value])).toEqual([
      ['pointer', 'served', 'string'],
      ['row', 'served', 'object'],
    ])
  })

  it('has only the columns that are not excluded, as the processes say', async () => {
    cached = world.process({ models: { User: { ttl: 60, exclude: ['email'] } } })
    await cached.prisma.user.findUnique({ where: { id: 1 }, select: { id: true, name: true } })
    const found = await lookAt('User:1')
    expect(found).toMatchObject({ state: 'served', ttlMs: 60_000 })
    expect(found.value).not.toHaveProperty('email')
    expect(found.value).toHaveProperty('name', 'Ada')
  })
})

describe('a query', () => {
  it('is shown with its rows, its tag and its epochs', async () => {
    const posts = await readPosts()
    const found = await lookAt('Post.findMany', ofPosts)
    expect(found.value).toEqual(posts)
    expect(found.dependsOn.map(({ key }) => key.slice(world.prefix.length))).toEqual([
      'User:1:Post.authorId',
      '{Post}@rows',
      '{Post}@lists',
    ])
  })

  it('with relations is shown part by part', async () => {
    await cached.prisma.user.findUnique({ where: { id: 1 }, include: { posts: true, profile: true } })
    const found = await look('User.findUnique', { where: { id: 1 }, include: { posts: true, profile: true } })
    expect(new Set(found.map(({ name, state }) => `${name.kind} ${state}`))).toEqual(
      new Set(
        ['row served', 'related served', 'pointer served', 'row absent', 'pointer absent'].filter(each =>
          found.some(({ name, state }) => `${name.kind} ${state}` === each),
        ),
      ),
    )
    expect(found.find(({ name }) => name.kind === 'related')).toMatchObject({ state: 'served' })
  })

  it('that is not cached, as the processes are configured: that is said, with the reason', async () => {
    await readUser()
    const { stderr } = await run(world, ['inspect', 'User.findMany', '{"take":10}'])
    expect(stderr).toBe('Such a query is not cached: findMany is cached only for models with the option queries\n')
  })

  it('by its key alone is decoded, but what it depends on is not known, and that is said', async () => {
    await readPosts()
    const { key } = await lookAt('Post.findMany', ofPosts)
    const found = await lookAt(key)
    expect(found.state).toBe('unknown')
    expect(found.verdict).toContain('give the query, as in inspect Post.findMany')
  })
})

describe('an entry that is not served', () => {
  it('is stale because of a write that named no rows', async () => {
    await readUser()
    await cached.prisma.user.updateMany({ data: { name: 'All' } })
    expect(await lookAt('User:1')).toMatchObject({
      state: 'stale',
      verdict:
        'Stale, not served: since it was stored there was a write to User that does not say which rows ({User}@rows).',
    })
  })

  it('is stale because of a write under its parent', async () => {
    await readPosts()
    await cached.prisma.post.create({ data: { title: 'New', authorId: 1 } })
    expect((await lookAt('Post.findMany', ofPosts)).verdict).toBe(
      `Stale, not served: since it was stored there was a write to a row that belongs to ${world.prefix}User:1 ` +
        `(User:1:Post.authorId).`,
    )
  })

  it('is not there', async () => {
    expect((await lookAt('User:1')).verdict).toBe('Not stored: the next read is a miss.')
    expect((await lookAt('Tag:t1')).verdict).toBe(
      'Not stored: the processes that run do not cache Tag (option models).',
    )
  })

  it('is "no such row"', async () => {
    expect(await lookAt('User:99')).toMatchObject({ state: 'served', value: null, differences: [] })
  })

  it('is held', async () => {
    await readUser()
    await world.redis.set(`${world.prefix}{User}@hold`, 'x', 'PX', 60_000)
    expect((await lookAt('User:1')).verdict).toMatch(
      /^Not served: a write to User has not ended \(strict mode\), or its outcome is not known/,
    )
  })

  it('is damaged', async () => {
    await readUser()
    await cached.flushed()
    await world.redis.setrange(`${world.prefix}User:1`, 60, 'zz')
    expect((await lookAt('User:1')).verdict).toMatch(/^Not served: the bytes are damaged/)
  })

  it('is being loaded', async () => {
    await readUser()
    await cached.flushed()
    const bytes = await world.redis.getBuffer(`${world.prefix}{User}@rows`)
    await world.redis.set(`${world.prefix}User:7`, bytes as Buffer, 'PX', 10_000)
    expect((await lookAt('User:7')).state).toBe('loading')
  })
})

it('a stale row that was planted from psql is found by the probe, shown by inspect, explained in one sentence, and mended', async () => {
  const found: CacheEvent[] = []
  cached = world.process(
    { models: { User: { ttl: 300 } }, probe: { rate: 1 }, includeKeys: true },
    { parts: { probePauseMs: 10 } },
  )
  const mismatch = new Promise<CacheEvent>(resolve => {
    cached.prisma.$cache.on(event => {
      found.push(event)
      if (event.type === 'mismatch') resolve(event)
    })
  })
  await readUser()
  await cached.flushed()
  await world.plain.$executeRawUnsafe(`UPDATE "User" SET name = 'by psql' WHERE id = 1`)
  await readUser()
  const event = await mismatch
  const key = 'key' in event ? String(event.key) : ''
  expect(key).toBe(`${world.prefix}User:1`)

  const entry = await lookAt(key)
  expect(entry.differences).toEqual([{ column: 'name', database: 'by psql' }])
  expect(entry.verdict).toBe(
    'Served, but wrong: the database has another name, and no write through the cache has invalidated the entry since it was ' +
      'stored, so the row was changed by something else (psql, another program, a trigger, a client without the extension); ' +
      'invalidate User:1 ends it.',
  )
  const tool = await opened(world)
  await invalidate(tool.cache, { what: 'User:1', json: undefined, tags: [], all: false })
  await tool.close()
  expect((await lookAt('User:1')).state).toBe('absent')
  expect(await readUser()).toMatchObject({ name: 'by psql' })
})

describe('what it does not understand is said in one line, with the remedy', () => {
  it.each([
    [['inspect'], `Inspect what? Write inspect User:42, or inspect User '{"email":"…"}'`],
    [['inspect', 'Usr:1'], 'The schema has no model named Usr. Did you mean User?'],
    [['inspect', 'User'], `Which row of User? Write User:42, or User '{"email":"…"}'`],
    [['inspect', 'User', '{email'], 'That is no JSON:'],
    [['inspect', 'User', '{"emial":"x"}'], 'Such a query is not cached:'],
    [['inspct'], 'There is no command "inspct". There are: inspect, keys, stats, top, invalidate, warm, feed, doctor'],
    [['keys', '--limt', '3'], "Unknown option '--limt'"],
    [['keys', '--limit', 'many'], '--limit must be a whole number above 0, got many'],
    [['inspect', 'Order', '{"id":"x"}'], 'id is a whole number, got "x"'],
    [['invalidate', 'Order:x'], 'id is a whole number, got "x"'],
    [['invalidate', 'User', '{email'], 'That is no JSON:'],
    [['invalidate', 'User:50%'], '50% is no part of a key: write % as %25'],
    [['invalidate'], 'Invalidate what? Write invalidate User:42'],
  ])('%j', async (args, message) => {
    const { code, stderr, stdout } = await run(world, args)
    expect(stderr).toContain(message)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  })

  it.each([
    [{ REDIS_URL: '' }, 'There is no Redis to look at. Set REDIS_URL, or write --redis redis://host:6379'],
    [{ REDIS_URL: 'localhost' }, 'A Redis URL begins with redis:// or rediss://, got localhost'],
    [
      { REDIS_URL: 'redis://:secret@127.0.0.1:1' },
      'Redis at redis://…@127.0.0.1:1 does not answer: connect ECONNREFUSED',
    ],
  ])('%j', async (env, message) => {
    const { code, stderr } = await run(world, ['inspect', 'User:1'], { env })
    expect(stderr).toContain(message)
    expect(stderr).not.toContain('secret')
    expect(code).toBe(1)
  })

  const GONE = 'postgresql://a:secret@127.0.0.1:1/db'
  it('a database that was asked for and is not there', async () => {
    const { code, stderr } = await run(world, ['inspect', 'User:1', '--database', GONE])
    expect(stderr).toMatch(/^The database at postgresql:\/\/…@127\.0\.0\.1:1\/db does not answer: connect ECONNREFUSED/)
    expect(code).toBe(1)
  })

  it('a database URL of another kind', async () => {
    const { stderr } = await run(world, ['inspect', 'User:1', '--database', 'prisma+postgres://x/?api_key=y'])
    expect(stderr).toMatch(/^A database URL begins with postgresql:\/\/, got prisma\+postgres:/)
  })

  it('a DATABASE_URL where nothing is: that is said, and the entry is shown without it', async () => {
    await readUser()
    const { code, stderr, stdout } = await run(world, ['inspect', 'User:1'], { env: { DATABASE_URL: GONE } })
    expect(stderr).toMatch(/does not answer: connect ECONNREFUSED 127\.0\.0\.1:1\. It is not looked at\.\n$/)
    expect(stderr).not.toContain('secret')
    expect(stdout).toContain('Served: nothing that it depends on has changed')
    expect(code).toBe(0)
  })

  it('a schema that is not there', async () => {
    const { stderr } = await run(world, ['stats'], { schema: 'nowhere.prisma' })
    expect(stderr).toBe(
      'There is no Prisma schema at nowhere.prisma. Say where it is: --schema path/to/schema.prisma\n',
    )
  })
})

it('--json has all of it, for programs', async () => {
  await readUser()
  await cached.flushed()
  const { stdout, code } = await run(world, ['inspect', 'User:1', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject([
    { key: `${world.prefix}User:1`, kind: 'row', model: 'User', state: 'served', value: { id: 1, name: 'Ada' } },
  ])
})

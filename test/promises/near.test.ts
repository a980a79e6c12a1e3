/** The near cache: reads that need no round trip, and are never older than they may be. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { NearCache } from '../../src/redis/near-cache.js'
import { TrackedPair } from '../../src/redis/tracked-pair.js'
import { useRedis } from '../support/hooks.js'
import { watchRedis } from '../support/monitor.js'
import { nearProcess } from '../support/near.js'
import { type Proxy, startProxy } from '../support/proxy.js'
import { startRedis } from '../support/servers.js'
import { nameOf, newUser, rename } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const server = useRedis()
const world = useWorld({ redisUrl: () => server.url })
const MODELS = { User: { queries: true }, Post: { queries: true } } as const

/** Reads of each kind, of one user with two posts. */
async function readsOfEach({ prisma }: ReturnType<typeof nearProcess>['cached']) {
  const id = await newUser(world)
  const { email } = await world.plain.user.findUniqueOrThrow({ where: { id } })
  const posts = await Promise.all(
    ['a', 'b'].map(title => world.plain.post.create({ data: { authorId: id, title, slug: `${id}-${title}` } })),
  )
  const [first] = posts
  return {
    'a row by its key': () => prisma.user.findUnique({ where: { id } }),
    'a row by a unique': () => prisma.user.findUnique({ where: { email } }),
    'a row with a list': () =>
      prisma.user.findUnique({ where: { id }, include: { posts: { orderBy: { id: 'asc' } } } }),
    'a row with the row that it points to': () =>
      prisma.post.findUnique({ where: { id: first?.id as number }, include: { author: true } }),
    'rows by their keys': () => prisma.post.findMany({ where: { id: { in: posts.map(post => post.id) } } }),
    'a result': () => prisma.post.findMany({ where: { authorId: id }, orderBy: { id: 'asc' } }),
    'a count': () => prisma.post.count({ where: { authorId: id } }),
    'a value of getOrSet': () => prisma.$cache.getOrSet(`near:${id}`, () => ({ of: id }), { tags: ['near'] }),
  } satisfies Record<string, () => PromiseLike<unknown>>
}

describe('what is kept', () => {
  it('is answered without any I/O, whatever is read', async () => {
    const near = nearProcess(world, { models: MODELS })
    const reads = await readsOfEach(near.cached)
    for (const read of Object.values(reads)) await near.kept<unknown>(read)
    const sql = near.cached.sql.length
    const before = near.answered()
    const answers: unknown[] = []
    const seen = await watchRedis(world, async () => {
      for (let i = 0; i < 20; i++) for (const read of Object.values(reads)) answers.push(await read())
    })
    // What asks whether both connections are alive is no look-up.
    const lookUps = seen.lines.filter(([, key]) => key?.endsWith('@near') !== true)
    expect(lookUps).toEqual([])
    expect(near.cached.sql.length).toBe(sql)
    expect(near.answered() - before).toBeGreaterThanOrEqual(20 * Object.keys(reads).length)
    expect(answers.slice(-8)).toEqual(answers.slice(0, 8))
  })

  it('is what Redis would have answered: classes, fields, related rows', async () => {
    const near = nearProcess(world, { models: MODELS })
    const far = world.process({ models: MODELS })
    const reads = await readsOfEach(near.cached)
    for (const [name, read] of Object.entries(reads)) {
      const kept = await near.kept<unknown>(read)
      if (name === 'a value of getOrSet') continue
      expect(kept, name).toEqual(await read())
    }
    const id = await newUser(world)
    const whole = { where: { id }, include: { posts: true } }
    expect(await near.kept(() => near.cached.prisma.user.findUnique(whole))).toEqual(
      await far.prisma.user.findUnique(whole),
    )
  })

  it('is each caller’s own: what one does to an answer, no other sees', async () => {
    const near = nearProcess(world)
    const id = await newUser(world)
    const read = () => near.cached.prisma.user.findUniqueOrThrow({ where: { id } })
    const one = await near.kept(read)
    one.name = 'changed'
    one.createdAt.setFullYear(1970)
    const other = await read()
    expect(other.name).toBe('v0')
    expect(other.createdAt.getFullYear()).not.toBe(1970)
  })

  it('takes no more memory, and no more keys, than it may', async () => {
    const near = nearProcess(world, { near: { maxBytes: 20_000 } })
    const few = nearProcess(world, { near: { max: 10 } })
    for (const each of [near, few]) await each.kept(() => nameOf(each.cached, 1))
    for (let i = 0; i < 200; i++) {
      const id = await newUser(world)
      for (const { cached } of [near, few]) {
        await nameOf(cached, id)
        await cached.flushed()
        await nameOf(cached, id)
      }
    }
    const { near: stats } = near.cached.prisma.$cache.stats()
    expect(stats?.bytes).toBeLessThanOrEqual(20_000)
    expect(stats?.entries).toBeGreaterThan(10)
    expect(few.cached.prisma.$cache.stats().near?.entries).toBe(10)
  })

  it('is of the models that it is for', async () => {
    const but = nearProcess(world, { models: { User: { near: false }, Post: true } })
    const only = nearProcess(world, { models: { User: true, Post: { near: true } }, near: undefined })
    const id = await newUser(world)
    const post = await world.plain.post.create({ data: { authorId: id, title: 't', slug: `s${id}` } })
    const value = ({ cached }: typeof but) => cached.prisma.$cache.getOrSet('of no model', () => 1)
    for (const near of [but, only]) {
      await near.kept(() => near.cached.prisma.post.findUnique({ where: { id: post.id } }))
      const before = near.answered()
      for (let i = 0; i < 5; i++) {
        await nameOf(near.cached, id)
        if (near === only) await value(near)
        await near.cached.flushed()
      }
      expect(near.answered()).toBe(before)
    }
    await but.kept(() => value(but))
  })
})

it('a read behind a miss is a hit, though look-ups go another way than fills', async () => {
  const proxy = await startProxy(server.url)
  onTestFinished(() => proxy.stop())
  const redis = new Redis(proxy.url)
  const port = Number(new URL(server.url).port)
  const near = nearProcess(world, { redis }, { detours: { reading: port, telling: port } })
  await near.kept(() => nameOf(near.cached, 1))
  proxy.delay(20)
  const id = await newUser(world)
  const reads = async () => {
    await nameOf(near.cached, id)
    await nameOf(near.cached, id)
  }
  expect(await near.cached.countSql(reads)).toBe(1)
})

describe('what this process writes', () => {
  const writes: Record<string, (cached: CachedProcess, id: number) => Promise<unknown>> = {
    'a row by its key': (cached, id) => rename(cached, id, 'new'),
    'rows that it does not name': ({ prisma }, id) =>
      prisma.user.updateMany({ where: { id: { lte: id }, name: 'v0' }, data: { name: 'new' } }),
    'a transaction': ({ prisma }, id) =>
      prisma.$transaction(tx => tx.user.update({ where: { id }, data: { name: 'new' } })),
    'raw SQL, told by hand': async ({ prisma }, id) => {
      await world.plain.user.update({ where: { id }, data: { name: 'new' } })
      await prisma.$cache.invalidate('User', { id })
    },
  }

  /** A process that is told nothing, and whose near cache would be used for a minute all the same. */
  async function untold(Near = NearCache) {
    const proxy = await startProxy(server.url)
    onTestFinished(() => proxy.stop())
    const near = nearProcess(world, { near: { maxStaleMs: 60_000 } }, { Near, detours: { telling: proxy.port } })
    const id = await newUser(world)
    await near.kept(() => nameOf(near.cached, id))
    proxy.keep('replies')
    return { cached: near.cached, id }
  }

  it.each(Object.entries(writes))('is seen at once, also before Redis has told of it: %s', async (_, write) => {
    const { cached, id } = await untold()
    await write(cached, id)
    expect(await nameOf(cached, id)).toBe('new')
  })

  it('is seen at once by its other clients, too, also by those that have a near cache where this one has none', async () => {
    const proxy = await startProxy(server.url)
    onTestFinished(() => proxy.stop())
    const options = { near: { maxStaleMs: 60_000 } }
    const near = nearProcess(world, options, { detours: { telling: proxy.port }, isAlone: false })
    const id = await newUser(world)
    await near.kept(() => nameOf(near.cached, id))
    proxy.keep('replies')
    await rename(world.process(), id, 'new')
    expect(await nameOf(near.cached, id)).toBe('new')
  })

  it('(where its writes drop nothing that is kept, it is not)', async () => {
    class Keeps extends NearCache {
      override drop() {}
    }
    const { cached, id } = await untold(Keeps)
    await rename(cached, id, 'new')
    expect(await nameOf(cached, id)).toBe('v0')
  })
})

describe('the TTL of an entry', () => {
  /** What is read once it has passed, where Redis tells nothing. */
  async function afterTtl(Near = NearCache) {
    const proxy = await startProxy(server.url)
    onTestFinished(() => proxy.stop())
    const models = { User: { ttl: '400ms', jitter: 0 } } as const
    const near = nearProcess(
      world,
      { models, near: { maxStaleMs: 60_000 } },
      { Near, detours: { telling: proxy.port } },
    )
    const id = await newUser(world)
    await near.kept(() => nameOf(near.cached, id))
    proxy.keep('replies')
    await world.plain.user.update({ where: { id }, data: { name: 'new' } })
    await sleep(401)
    return nameOf(near.cached, id)
  }

  it('ends it here, too', async () => {
    expect(await afterTtl()).toBe('new')
  })

  it('(where its expiry is not looked at, it does not)', async () => {
    class Endless extends NearCache {
      override expiryOf() {
        return Number.POSITIVE_INFINITY
      }
    }
    expect(await afterTtl(Endless)).toBe('v0')
  })
})

describe('what another process writes', () => {
  it('is seen once Redis has told of it', async () => {
    const near = nearProcess(world)
    const other = world.process()
    const id = await newUser(world)
    for (let i = 1; i <= 20; i++) {
      await near.kept(() => nameOf(near.cached, id))
      await rename(other, id, `v${i}`)
      await near.pairs.heard()
      expect(await nameOf(near.cached, id)).toBe(`v${i}`)
    }
  })

  it('is seen where it names no rows, and where its outcome is not known', async () => {
    const near = nearProcess(world)
    const other = world.process()
    const id = await newUser(world)
    const sql = () => near.cached.countSql(() => nameOf(near.cached, id))
    await near.kept(() => nameOf(near.cached, id))
    await other.prisma.user.updateMany({ data: { name: 'all' } })
    await near.pairs.heard()
    expect(await nameOf(near.cached, id)).toBe('all')
    await near.kept(() => nameOf(near.cached, id))
    expect(await sql()).toBe(0)
    await world.redis.set(`${world.prefix}{User}@hold`, '1', 'PX', 60_000)
    await near.pairs.heard()
    expect(await sql()).toBe(1)
    await world.redis.del(`${world.prefix}{User}@hold`)
  })

  /** Another process writes while the reply to a look-up is on its way, and is told of before it is there. */
  async function raced(Near = NearCache) {
    const proxy = await startProxy(server.url)
    onTestFinished(() => proxy.stop())
    const near = nearProcess(world, { deadlineMs: 5_000 }, { Near, detours: { reading: proxy.port } })
    const other = world.process()
    const id = await newUser(world)
    await near.kept(() => nameOf(near.cached, id))
    await near.cached.prisma.$cache.invalidateModel('User')
    await nameOf(near.cached, id)
    await near.cached.flushed()
    await near.pairs.heard()
    const asked = proxy.arrival('replies')
    proxy.keep('replies')
    const read = nameOf(near.cached, id)
    await asked
    await rename(other, id, 'new')
    await near.pairs.heard()
    await proxy.mend()
    await read
    return nameOf(near.cached, id)
  }

  it('is not lost where Redis tells of it before the reply to a look-up is there', async () => {
    expect(await raced()).toBe('new')
  })

  it('(without marks, what the reply said is kept)', async () => {
    class Unmarked extends NearCache {
      override isMarked() {
        return true
      }
    }
    expect(await raced(Unmarked)).toBe('v0')
  })

  it('is seen after a FLUSHALL', async () => {
    const near = nearProcess(world)
    const id = await newUser(world)
    await near.kept(() => nameOf(near.cached, id))
    await world.plain.user.update({ where: { id }, data: { name: 'new' } })
    await world.redis.flushall()
    await near.pairs.heard()
    expect(await nameOf(near.cached, id)).toBe('new')
  })
})

describe('a connection of the near cache', () => {
  const maxStaleMs = 300
  const faults: Record<string, (proxy: Proxy) => unknown> = {
    'that is cut': proxy => proxy.cut(),
    'that hangs': proxy => proxy.keep('requests', 'replies'),
    'whose replies are lost': proxy => proxy.lose('replies'),
    'that is half-open': proxy => proxy.abandon(),
  }

  type Role = 'reading' | 'telling'

  /** What is read once a write of another process is older than `maxStaleMs`, after a fault. */
  async function broken(role: Role, fault: (proxy: Proxy) => unknown, parts: Parameters<typeof nearProcess>[2] = {}) {
    const proxy = await startProxy(server.url)
    onTestFinished(() => proxy.stop())
    const near = nearProcess(world, { near: { maxStaleMs } }, { ...parts, detours: { [role]: proxy.port } })
    const other = world.process()
    const id = await newUser(world)
    await near.kept(() => nameOf(near.cached, id))
    fault(proxy)
    await rename(other, id, 'new')
    await sleep(maxStaleMs + 1)
    const name = await nameOf(near.cached, id)
    await proxy.mend()
    return { near, other, id, name }
  }

  const cases = (['reading', 'telling'] as const).flatMap(role =>
    Object.entries(faults).map(([what, fault]) => [role, what, fault] as const),
  )
  it.each(cases)('(%s) %s: nothing is older than maxStaleMs, and it is in use again', async (role, _, fault) => {
    const { near, other, id, name } = await broken(role, fault)
    expect(name).toBe('new')
    await near.kept(() => nameOf(near.cached, id))
    await rename(other, id, 'newer')
    await near.pairs.heard()
    expect(await nameOf(near.cached, id)).toBe('newer')
  })

  it('(where age is no reason, what is kept is served while the telling connection hangs)', async () => {
    class Ageless extends NearCache {
      override isTooOld() {
        return false
      }
    }
    class Patient extends TrackedPair {
      override lose() {}
    }
    const { name } = await broken('telling', proxy => proxy.keep('replies'), { Near: Ageless, Pair: Patient })
    expect(name).toBe('v0')
  })

  it('that leads to another server is not read from', async () => {
    const other = await startRedis()
    onTestFinished(() => other.stop())
    const detours = { reading: Number(new URL(other.url).port), telling: Number(new URL(other.url).port) }
    const id = await newUser(world)
    const used = async (Near?: typeof NearCache) => {
      const near = nearProcess(world, {}, { detours, ...(Near && { Near }) })
      for (let i = 0; i < 20; i++) await nameOf(near.cached, id)
      await expect.poll(() => near.pairs.count()).toBeGreaterThan(0)
      await expect.poll(() => near.pairs.last().isLost || near.cached.prisma.$cache.stats().near?.inUse).toBe(true)
      return near.cached.prisma.$cache.stats().near?.inUse
    }
    expect(await used()).toBe(false)
    class Trusting extends NearCache {
      override isSame() {
        return true
      }
    }
    expect(await used(Trusting)).toBe(true)
  })

  it('is closed with the cache, and keeps no process alive', async () => {
    const near = nearProcess(world)
    const id = await newUser(world)
    await near.kept(() => nameOf(near.cached, id))
    const { reading } = near.pairs.last()
    await near.cached.prisma.$cache.close()
    await expect.poll(() => reading.status).toBe('end')
    await nameOf(near.cached, id)
    expect(near.pairs.count()).toBe(1)
  })

  it('that Redis refuses is told of once, and reads ask Redis', async () => {
    await world.redis.call('ACL', 'SETUSER', 'untold', 'reset', 'on', '>x', '~*', '&*', '+@all', '-client|tracking')
    const redis = new Redis(server.url, { username: 'untold', password: 'x' })
    const near = nearProcess(world, { redis })
    const errors: unknown[] = []
    near.cached.prisma.$cache.on(event => event.type === 'error' && errors.push(event))
    const id = await newUser(world)
    await expect
      .poll(async () => {
        await nameOf(near.cached, id)
        return errors.length
      })
      .toBe(1)
    expect(errors).toEqual([
      {
        type: 'error',
        code: 'NEAR_CACHE_OFF',
        message:
          'The near cache is not in use, and each read asks Redis: NOPERM this user has no permissions to run the ' +
          "'client|tracking' command.",
      },
    ])
    expect(await near.cached.countSql(() => nameOf(near.cached, id))).toBe(0)
    expect(near.answered()).toBe(0)
  })
})

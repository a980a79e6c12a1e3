/** A Redis user with exactly the permissions that `docs/operations.md` lists, and with one of them missing. */
import { readFile } from 'node:fs/promises'
import { Cluster, Redis } from 'ioredis'
import { beforeAll, describe, expect, it } from 'vitest'
import { useCluster, useRedis } from '../support/hooks.js'
import { inUse, nameOf, newUser } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const server = useRedis()
const cluster = useCluster()
const world = useWorld({ redisUrl: () => server.url })
let always: string[]
let onClusters: string[]
beforeAll(async () => {
  const text = await readFile('docs/operations.md', 'utf8')
  const [, listed = ''] = /\*\*Permissions\*\* of the Redis user:(.*?)A missing permission/s.exec(text) ?? []
  const [single = '', clustered = ''] = listed.split('on a Cluster')
  const namesIn = (part: string) => [...part.matchAll(/`([A-Z|]+)`/g)].map(([, name = '']) => name.toLowerCase())
  always = namesIn(single)
  expect(always.length).toBeGreaterThan(5)
  onClusters = [...always, ...namesIn(clustered)]
})

const deadlines = { deadlineMs: 500, invalidationDeadlineMs: 1000 }

async function allow(admin: Redis, user: string, commands: readonly string[]): Promise<void> {
  const rules = commands.map(name => `+${name}`)
  await admin.call('ACL', 'SETUSER', user, 'reset', 'on', '>x', `~${world.prefix}*`, ...rules)
}

function refusalsOf(cached: CachedProcess): string[] {
  const messages: string[] = []
  cached.prisma.$cache.on(event => {
    if (event.type === 'error') messages.push(event.message)
  })
  return messages
}

async function everythingWorks(cached: CachedProcess): Promise<void> {
  const id = await newUser(world)
  await inUse(cached, id)
  const posts = () => cached.prisma.user.findUnique({ where: { id }, include: { posts: true } })
  await posts()
  await cached.prisma.post.create({ data: { title: 'new', authorId: id } })
  expect((await posts())?.posts).toHaveLength(1)
  await expect.poll(() => cached.countSql(posts)).toBe(0)
  expect(await cached.prisma.$cache.invalidate('User', { id })).toBe('done')
  await cached.prisma.$cache.getOrSet('k', () => 1, { tags: ['t'] })
  expect(await cached.prisma.$cache.invalidateTags(['t'])).toBe('done')
}

describe('a Redis user with the permissions of the docs', () => {
  it('with those of the near cache, that is in use, and nothing is refused', async () => {
    const [, listed = ''] = /\*\*With `near`\*\* also (.*?)\./s.exec(await readFile('docs/operations.md', 'utf8')) ?? []
    const [commands = '', channel = ''] = listed.split('the channel')
    const names = [...commands.matchAll(/`([A-Z|]+)`/g)].map(([, name = '']) => name.toLowerCase())
    expect(names.length).toBeGreaterThan(3)
    await allow(world.redis, 'near', [...always, ...names])
    await world.redis.call('ACL', 'SETUSER', 'near', `&${/`(.+)`/.exec(channel)?.[1]}`)
    const redis = new Redis(server.url, { username: 'near', password: 'x' })
    const cached = world.process({ ...deadlines, redis, near: true })
    const refusals = refusalsOf(cached)
    await everythingWorks(cached)
    await expect
      .poll(async () => {
        await nameOf(cached, await newUser(world))
        return cached.prisma.$cache.stats().near?.inUse
      })
      .toBe(true)
    expect(refusals).toEqual([])
  })

  it('the permissions of the docs are enough on one Redis: all is cached, and nothing is refused', async () => {
    await allow(world.redis, 'exact', always)
    const redis = new Redis(server.url, { username: 'exact', password: 'x' })
    const cached = world.process({ ...deadlines, redis })
    const refusals = refusalsOf(cached)
    await everythingWorks(cached)
    expect(refusals).toEqual([])
  })

  const onCluster = async (user: string, commands: readonly string[]) => {
    for (const { port } of cluster.nodes) {
      const admin = new Redis(port)
      await allow(admin, user, commands)
      admin.disconnect()
    }
    const redis = new Cluster([...cluster.addresses], { redisOptions: { username: user, password: 'x' } })
    redis.on('error', () => {})
    return world.process({ ...deadlines, redis })
  }

  it('the permissions of the docs are enough on a Cluster: all is cached, and nothing is refused', async () => {
    const cached = await onCluster('exact', onClusters)
    const refusals = refusalsOf(cached)
    await everythingWorks(cached)
    expect(refusals).toEqual([])
  })

  it('a missing permission for CLUSTER|SLOTS on a Cluster is named by an event', async () => {
    const cached = await onCluster(
      'blind',
      onClusters.filter(name => name !== 'cluster|slots'),
    )
    const refusals = refusalsOf(cached)
    await expect.poll(() => refusals.join('\n')).toContain('cluster|slots')
    const id = await newUser(world)
    expect(await nameOf(cached, id)).toBe('v0')
    await cached.end()
  })

  it.each(['mget', 'set', 'del', 'eval', 'get', 'getrange', 'time'])(
    'a missing permission for %s is named by an event',
    async missing => {
      const user = `no-${missing}`
      await allow(
        world.redis,
        user,
        always.filter(name => name !== missing),
      )
      const cached = world.process({ ...deadlines, redis: new Redis(server.url, { username: user, password: 'x' }) })
      const refusals = refusalsOf(cached)
      await expect
        .poll(async () => {
          const id = await newUser(world)
          for (let i = 0; i < 3; i++) expect(await nameOf(cached, id)).toBe('v0')
          await cached.prisma.user.update({ where: { id }, data: { name: 'v1' } })
          expect(await nameOf(cached, id)).toBe('v1')
          if (missing === 'get') await world.redis.del(`${world.prefix}{User}@any`)
          return refusals.some(message => message.includes('NOPERM') && message.includes(missing))
        })
        .toBe(true)
      for (const message of refusals) expect(message).not.toContain(world.prefix)
    },
  )
})

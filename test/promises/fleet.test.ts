/** Whose the keys under a prefix are: one source at a time, by a lease that its processes renew while they are used. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { Fleet } from '../../src/fleet/fleet.js'
import type { CacheEvent } from '../../src/index.js'
import { control } from '../support/control.js'
import { createDatabase, dropDatabase } from '../support/database.js'
import { watchRedis } from '../support/monitor.js'
import { type CachedProcess, createWorld, newClient, type ProcessOptions, type World } from '../support/world.js'

let world: World
let others: string[] = []
beforeEach(async () => {
  world = await createWorld()
  await world.plain.user.createMany({ data: [1, 2].map(id => ({ id, email: `u${id}@x.org`, name: 'mine' })) })
})
afterEach(async () => {
  await world.close()
  for (const name of others) await dropDatabase(inject('databaseUrl'), name)
  others = []
})
const bases: { $disconnect(): Promise<void> }[] = []
afterAll(() => Promise.all(bases.map(base => base.$disconnect())))

const SHORT = { leaseMs: 500, freshMs: 250, renewMs: 80 }

/** A process on another database under the same prefix. */
async function elsewhere(parts: ProcessOptions['parts'] = {}): Promise<CachedProcess> {
  const name = `${new URL(world.databaseUrl).pathname.slice(1)}_${others.length}`
  others.push(name)
  const url = await createDatabase(inject('databaseUrl'), name, { template: inject('templateDatabase') })
  const base = newClient(url)
  bases.push(base)
  await base.user.createMany({ data: [1, 2].map(id => ({ id, email: `u${id}@x.org`, name: 'theirs' })) })
  return world.process({}, { base, parts })
}

const read = ({ prisma }: CachedProcess, id = 1) => prisma.user.findUnique({ where: { id } })

async function isHit(cached: CachedProcess, id = 1): Promise<boolean> {
  const { hits } = cached.prisma.$cache.stats()
  await read(cached, id)
  return cached.prisma.$cache.stats().hits > hits
}

const cachedSoon = (cached: CachedProcess, id = 1) => expect.poll(() => isHit(cached, id), { interval: 20 }).toBe(true)

describe('a process of another source under a prefix that is in use', () => {
  it('a process of another source under a used prefix does not use the cache: an event, explain and bypass say why, and both read their own rows', async () => {
    const mine = world.process()
    await cachedSoon(mine)
    const theirs = await elsewhere()
    const events: CacheEvent[] = []
    theirs.prisma.$cache.on(event => events.push(event))
    for (let i = 0; i < 3; i++) {
      expect(await read(theirs)).toMatchObject({ name: 'theirs' })
      expect(await read(mine)).toMatchObject({ name: 'mine' })
    }
    await theirs.prisma.user.findMany({ where: { id: 1 } })
    const why = /^the keys under this prefix belong to another source \(.+\/public\)$/
    expect(events.filter(({ type }) => type === 'error')).toEqual([
      {
        type: 'error',
        code: 'PREFIX_IN_USE',
        message: expect.stringMatching(
          /^The keys under this prefix belong to another source .* prefix: \(\{ database, schema \}\) => …$/,
        ),
      },
    ])
    const bypassed = events.flatMap(event =>
      event.type === 'bypass' && event.operation === 'findUnique' ? [event.why] : [],
    )
    expect(bypassed).toHaveLength(3)
    for (const one of bypassed) expect(one).toMatch(why)
    const explained = theirs.prisma.$cache.explain('User', 'findUnique', { where: { id: 1 } })
    expect(explained).toEqual({ cached: false, why: expect.stringMatching(why) })
    expect(mine.prisma.$cache.stats().hits).toBeGreaterThan(2)
  })

  it('a process of another source under a used prefix still invalidates by its writes', async () => {
    const mine = world.process()
    await cachedSoon(mine)
    const theirs = await elsewhere()
    await read(theirs)
    await theirs.prisma.user.update({ where: { id: 1 }, data: { name: 'changed' } })
    expect(await isHit(mine)).toBe(false)
  })

  it('a process of another source takes the prefix over when the lease has run out, after everything was invalidated', async () => {
    const theirs = await elsewhere({ fleetTimes: SHORT })
    const mine = world.process({}, { parts: { fleetTimes: SHORT } })
    await cachedSoon(mine)
    await read(theirs)
    expect(theirs.prisma.$cache.explain('User', 'findUnique', { where: { id: 1 } })).toMatchObject({ cached: false })
    const epoch = await world.redis.getBuffer(`${world.prefix}{User}@rows`)
    await mine.prisma.$cache.close()
    await cachedSoon(theirs)
    expect(await world.redis.getBuffer(`${world.prefix}{User}@rows`)).not.toEqual(epoch)
    expect(await read(theirs)).toMatchObject({ name: 'theirs' })
  })

  /** Comes back after the other source had the keys, while the database was written to elsewhere. */
  async function comesBack(fleet: typeof Fleet) {
    const parts = { fleetTimes: SHORT, Fleet: fleet }
    const before = world.process({}, { parts })
    await cachedSoon(before)
    await before.prisma.$cache.close()
    const theirs = await elsewhere(parts)
    // Not the row: an entry of theirs at its key would be one that no other source can read.
    await cachedSoon(theirs, 2)
    await theirs.prisma.$cache.close()
    await world.plain.user.update({ where: { id: 1 }, data: { name: 'written while away' } })
    const after = world.process({}, { parts })
    await cachedSoon(after)
    return (await read(after))?.name
  }

  it('entries of the first source are not served when it has the prefix again', async () => {
    expect(await comesBack(Fleet)).toBe('written while away')
  })

  control('without invalidating at the takeover of a lease, the stale row is served', async () => {
    class KeepsEpochs extends Fleet {
      constructor(...[connection, options]: ConstructorParameters<typeof Fleet>) {
        super(connection, { ...options, epochs: [] })
      }
    }
    expect(await comesBack(KeepsEpochs)).toBe('mine')
  })
})

it('another host name, another database user and a second adapter are the same source', async () => {
  const mine = world.process()
  await cachedSoon(mine)
  const url = new URL(world.databaseUrl)
  url.hostname = 'localhost'
  const role = `same_${process.pid}`
  await world.plain.$executeRawUnsafe(`CREATE ROLE "${role}" LOGIN PASSWORD 'secret'`)
  await world.plain.$executeRawUnsafe(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO "${role}"`)
  const asUser = new URL(world.databaseUrl)
  asUser.username = role
  asUser.password = 'secret'
  for (const href of [url.href, asUser.href, world.databaseUrl]) {
    const base = newClient(href)
    const same = world.process({}, { base })
    await read(same, 2)
    expect(await isHit(same)).toBe(true)
    await base.$disconnect()
  }
  await world.plain.$executeRawUnsafe(`DROP OWNED BY "${role}"`)
  await world.plain.$executeRawUnsafe(`DROP ROLE "${role}"`)
})

describe('signs of life', () => {
  it('signs of life are left while a process is used, once in renewMs, and not while it is idle', async () => {
    const cached = world.process({}, { parts: { fleetTimes: { leaseMs: 2_000, freshMs: 1_000, renewMs: 100 } } })
    await cachedSoon(cached)
    const checks = async (run: () => Promise<unknown>) => {
      const began = performance.now()
      const { signsOfLife } = await watchRedis(world, run)
      const most = Math.ceil((performance.now() - began) / 100) + 1
      return { sent: signsOfLife, most }
    }
    const used = await checks(async () => {
      for (let i = 0; i < 25; i++) {
        await read(cached)
        await sleep(20)
      }
    })
    expect(used.sent).toBeGreaterThan(0)
    expect(used.sent).toBeLessThanOrEqual(used.most)
    await sleep(250)
    expect((await checks(() => sleep(400))).sent).toBe(0)
  })

  it('a process that was idle for longer than what it knows may be relied on looks once more, and hits', async () => {
    const cached = world.process({}, { parts: { fleetTimes: SHORT } })
    await cachedSoon(cached)
    await sleep(700)
    expect(await isHit(cached)).toBe(true)
  })

  it.each([
    ['no text of ours', (redis: Redis, key: string) => redis.set(key, 'no fleet')],
    ['JSON of another form', (redis: Redis, key: string) => redis.set(key, '{"source":1,"versions":[{"last":"x"}]}')],
    [
      'numbers that are none',
      (redis: Redis, key: string) => redis.set(key, '{"source":"","until":"x","versions":{"a":{"last":"x"},"b":7}}'),
    ],
    ['another type', (redis: Redis, key: string) => redis.del(key).then(() => redis.rpush(key, 'x'))],
    ['nothing', (redis: Redis, key: string) => redis.del(key)],
  ])('%s at their key costs entries, and no more', async (_, damage) => {
    const cached = world.process({}, { parts: { fleetTimes: SHORT } })
    const reader = world.process({}, { parts: { fleetTimes: SHORT } })
    await cachedSoon(cached)
    await cachedSoon(reader)
    await damage(world.redis, `${world.prefix}@fleet`)
    await cached.prisma.user.update({ where: { id: 1 }, data: { name: 'written' } })
    expect(await read(reader)).toMatchObject({ name: 'written' })
    await sleep(SHORT.leaseMs)
    await cachedSoon(cached)
    await cachedSoon(reader)
    expect(JSON.parse((await world.redis.get(`${world.prefix}@fleet`)) ?? '')).toMatchObject({
      source: expect.stringContaining('/public'),
    })
  })
})

it('a Redis user that may not leave signs of life caches nothing, and its writes invalidate for others', async () => {
  const user = `mute_${process.pid}`
  await world.redis.call('ACL', 'SETUSER', user, 'on', '>secret', '~*', '&*', '+@all', '-eval')
  const url = new URL(world.redisUrl)
  url.username = user
  url.password = 'secret'
  const redis = new Redis(url.href)
  const mute = world.process({ redis })
  const reader = world.process()
  await cachedSoon(reader)
  await read(mute)
  await read(mute)
  expect(mute.prisma.$cache.stats().hits).toBe(0)
  await mute.prisma.user.update({ where: { id: 1 }, data: { name: 'by the mute' } })
  expect(await read(reader)).toMatchObject({ name: 'by the mute' })
  await world.redis.call('ACL', 'DELUSER', user)
})

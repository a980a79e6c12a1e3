/** `externalWrites`: reads of a model that others write use the cache only while the feed is alive, and not too far behind. */
import { expect, it } from 'vitest'
import type { CacheEvent } from '../../src/events.js'
import { caughtUp, useFeeds } from '../support/feeds.js'
import { useShared } from '../support/hooks.js'
import { startPostgres } from '../support/postgres-server.js'
import { inUse, newUser } from '../support/users.js'
import { useWorld } from '../support/world.js'

const postgres = useShared(
  () => startPostgres(),
  server => server.stop(),
)
const world = useWorld({ databaseUrl: () => postgres.url })
const newFeed = useFeeds(world, { isPerTest: true })
const MODELS = { User: { externalWrites: { maxStaleMs: 1_000 } }, Tag: true } as const
const WHY = 'the change feed is not alive, or too far behind'

it('without a feed they go to the database; other models do not', async () => {
  const reader = world.process({ models: MODELS })
  const { prisma } = reader
  const events: CacheEvent[] = []
  prisma.$cache.on(event => events.push(event))
  const id = await newUser(world)
  const user = () => prisma.user.findUnique({ where: { id } })
  const tag = () => prisma.tag.findUnique({ where: { id: 'x' } })
  for (let n = 0; n < 3; n++) {
    await user()
    await tag()
    await reader.flushed()
  }
  expect(await reader.countSql(user)).toBe(1)
  expect(await reader.countSql(tag)).toBe(0)
  expect(events.flatMap(event => (event.type === 'bypass' ? [event.why] : []))).toContain(WHY)
  expect(prisma.$cache.explain('User', 'findUnique', { where: { id } })).toMatchObject({
    cached: false,
    why: WHY,
  })
})

it('with a feed they are hits, and once it has stopped, no answer is older than maxStaleMs', async () => {
  const feed = newFeed()
  await feed.start()
  await caughtUp(feed)
  const reader = world.process({ models: MODELS })
  const id = await newUser(world)
  await inUse(reader, id)
  const name = async () => (await reader.prisma.user.findUnique({ where: { id } }))?.name
  await feed.stop()
  // As another program: no feed tells of it.
  await world.plain.user.update({ where: { id }, data: { name: 'v1' } })
  await expect.poll(name, { timeout: 10_000, interval: 20 }).toBe('v1')
  expect(await reader.countSql(name)).toBe(1)
})

it('a feed that comes back has invalidated what it missed before reads are hits again', async () => {
  const feed = newFeed({ slot: 'comes_back' })
  await feed.start()
  await caughtUp(feed)
  const reader = world.process({ models: MODELS })
  const id = await newUser(world)
  await inUse(reader, id)
  await feed.stop()
  await world.plain.user.update({ where: { id }, data: { name: 'v1' } })
  await expect
    .poll(() => reader.countSql(() => reader.prisma.user.findUnique({ where: { id } })), { timeout: 5_000 })
    .toBe(1)
  await newFeed({ slot: 'comes_back' }).start()
  await inUse(reader, id)
  expect(await reader.prisma.user.findUnique({ where: { id } })).toMatchObject({ name: 'v1' })
})

it.each([
  [true, 'models.User.externalWrites must be an object, got true.'],
  [{}, 'models.User.externalWrites.maxStaleMs must be a number'],
  [{ maxStaleMs: 10 }, 'maxStaleMs must be a number (of milliseconds) from 1000 to 3600000, got 10.'],
  [{ maxStale: 1 }, 'there is no option of models.User.externalWrites named "maxStale". There are: maxStaleMs.'],
])('externalWrites: %j is an error that says why', (externalWrites, message) => {
  expect(() => world.process({ models: { User: { externalWrites } } as never })).toThrow(message)
})

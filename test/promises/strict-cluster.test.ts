/** Strict mode on a Cluster: an intent is in each bucket that it concerns, beside what it keeps from being filled. */
import { Cluster } from 'ioredis'
import { expect, it } from 'vitest'
import type { Overrides } from '../../src/assemble.js'
import { Store } from '../../src/redis/store.js'
import { useCluster } from '../support/hooks.js'
import { newUsers } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const cluster = useCluster()
const world = useWorld()

const HOLD_MS = 300

/** A writer that dies after its commit: nothing that it would send then arrives. */
class Dies extends Store {
  override async invalidate(): ReturnType<Store['invalidate']> {
    return 'done'
  }
}

function process(options: object = {}, parts: Partial<Overrides> = {}): CachedProcess {
  const redis = new Cluster([...cluster.addresses])
  redis.on('error', () => {})
  return world.process({ redis, ...options }, { parts: { holdMs: HOLD_MS, ...parts } })
}

const namesOf = (cached: CachedProcess, ids: readonly number[]) =>
  Promise.all(ids.map(async id => (await cached.prisma.user.findUnique({ where: { id } }))?.name))

/** Until each of the rows is a hit. */
async function warm(cached: CachedProcess, ids: readonly number[]): Promise<void> {
  await expect.poll(() => cached.countSql(() => namesOf(cached, ids))).toBe(0)
}

it.each([
  [
    'by key',
    async ({ prisma }: CachedProcess, ids: number[]) =>
      Promise.all(ids.map(async id => prisma.user.update({ where: { id }, data: { name: 'new' } }))),
  ],
  ['without names', async ({ prisma }: CachedProcess) => prisma.user.updateMany({ data: { name: 'new' } })],
  [
    'in a transaction',
    async ({ prisma }: CachedProcess, ids: number[]) =>
      prisma.$transaction(async tx => {
        for (const id of ids) await tx.user.update({ where: { id }, data: { name: 'new' } })
      }),
  ],
])('a writer that dies between COMMIT and DEL leaves nothing stale on any node: %s', async (_title, write) => {
  const [writer, reader] = [process({ consistency: 'strict' }, { Store: Dies }), process()]
  const ids = await newUsers(world, 30)
  await warm(reader, ids)
  await write(writer, ids)
  expect(await namesOf(reader, ids)).toEqual(ids.map(() => 'new'))
  // The intents end by themselves, and all is cached again.
  await warm(reader, ids)
  expect(await namesOf(reader, ids)).toEqual(ids.map(() => 'new'))
})

it('(in standard mode it leaves the old rows)', async () => {
  const [writer, reader] = [process({ consistency: 'standard' }, { Store: Dies }), process()]
  const ids = await newUsers(world, 5)
  await warm(reader, ids)
  await writer.prisma.user.updateMany({ where: { id: { in: ids } }, data: { name: 'new' } })
  expect(await namesOf(reader, ids)).toEqual(ids.map(() => 'v0'))
})

it('what a write returns is stored in the bucket of its row: the next read, in any process, is a hit', async () => {
  const [writer, reader] = [process({ consistency: 'strict', writeThrough: true }), process()]
  const ids = await newUsers(world, 30)
  await warm(writer, ids)
  await warm(reader, ids)
  for (const id of ids) await writer.prisma.user.update({ where: { id }, data: { name: 'new' } })
  const created: number[] = []
  for (let i = 0; i < 10; i++)
    created.push((await writer.prisma.user.create({ data: { email: `${i}@cluster.org`, name: 'made' } })).id)
  expect(
    await reader.countSql(async () => {
      expect(await namesOf(reader, ids)).toEqual(ids.map(() => 'new'))
      expect(await namesOf(reader, created)).toEqual(created.map(() => 'made'))
    }),
  ).toBe(0)
})

it('an intent that a node does not acknowledge is none: the write is refused', async () => {
  class NoAnswer extends Store {
    static count = 0
    override async intend(intent: Parameters<Store['intend']>[0]): ReturnType<Store['intend']> {
      return ++NoAnswer.count % 12 === 0 ? { isSet: false, stamps: [] } : super.intend(intent)
    }
  }
  const writer = process({ consistency: 'strict', onIntentFailure: 'reject' }, { Store: NoAnswer })
  const [id = 0] = await newUsers(world, 1)
  await expect(writer.prisma.user.update({ where: { id }, data: { name: 'new' } })).rejects.toMatchObject({
    code: 'INTENT_REFUSED',
  })
  expect((await world.plain.user.findUnique({ where: { id } }))?.name).toBe('v0')
})

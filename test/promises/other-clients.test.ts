/** Clients other than the newest ioredis: version 5, and iovalkey, which was made from it. */
import { Redis as Valkey } from 'iovalkey'
import { Redis as Redis5 } from 'ioredis5'
import type { Redis } from 'ioredis'
import { beforeAll, describe, expect, it } from 'vitest'
import { watchRedis } from '../support/monitor.js'
import { type CachedProcess, useWorld } from '../support/world.js'

/** A fill is not awaited. The read after it goes over the same connection: once that is answered, the row is in Redis. */
async function filled(read: () => Promise<unknown>): Promise<void> {
  await read()
  await read()
}

const CLIENTS = {
  'ioredis 5': (url: string) => new Redis5(url) as unknown as Redis,
  iovalkey: (url: string) => new Valkey(url) as unknown as Redis,
}

describe.each(Object.entries(CLIENTS))('over a client of %s', (_, client) => {
  const world = useWorld()
  let cached: CachedProcess
  beforeAll(() => {
    cached = world.process({ redis: client(world.redisUrl) })
  })

  let made = 0
  async function user(): Promise<{ id: number; email: string }> {
    return world.plain.user.create({ data: { email: `${++made}@x.org` } })
  }

  it('a miss fills, and a hit is one Redis command and no SQL', async () => {
    const { id, email } = await user()
    const read = () => cached.prisma.user.findUniqueOrThrow({ where: { id } })
    expect(await cached.countSql(() => filled(read))).toBe(1)
    expect(await world.keys()).toContain(`User:${id}`)

    const seen = await watchRedis(world, async () => {
      expect(await cached.countSql(async () => expect(await read()).toMatchObject({ id, email, name: null }))).toBe(0)
    })
    expect(seen.commands()).toEqual(['mget'])
  })

  it('reads of one tick are one MGET', async () => {
    const users = [await user(), await user(), await user()]
    const readAll = () => Promise.all(users.map(({ id }) => cached.prisma.user.findUnique({ where: { id } })))
    expect(await cached.countSql(() => filled(readAll))).toBe(1)
    const seen = await watchRedis(world, readAll)
    expect(seen.commands()).toEqual(['mget'])
  })

  it('the absence of a row is cached until it is created', async () => {
    const where = { id: 'missing' }
    const read = () => cached.prisma.comment.findUnique({ where })
    expect(await read()).toBeNull()
    expect(await cached.countSql(read)).toBe(0)
    const { id: postId } = await world.plain.post.create({ data: { title: 'a', authorId: (await user()).id } })
    await cached.prisma.comment.create({ data: { ...where, postId, text: 'here' } })
    expect(await read()).toMatchObject({ text: 'here' })
  })

  it('a write invalidates the row, for other processes too', async () => {
    const { id } = await user()
    const other = world.process()
    const read = (by: CachedProcess) => by.prisma.user.findUniqueOrThrow({ where: { id } })
    await filled(() => read(cached))
    expect(await other.countSql(() => read(other))).toBe(0)

    await cached.prisma.user.update({ where: { id }, data: { name: 'Ada' } })
    expect(await read(other)).toMatchObject({ name: 'Ada' })
    await other.prisma.user.update({ where: { id }, data: { name: 'Grace' } })
    expect(await read(cached)).toMatchObject({ name: 'Grace' })
  })

  it('a transaction invalidates at its commit, and leaves entries alone when it is rolled back', async () => {
    const { id } = await user()
    const where = { id }
    const read = () => cached.prisma.user.findUniqueOrThrow({ where })
    await read()
    await cached.prisma.$transaction(async tx => {
      await tx.user.update({ where, data: { name: 'Ada' } })
      expect(await tx.user.findUnique({ where })).toMatchObject({ name: 'Ada' })
      expect(await read()).toMatchObject({ name: null })
    })
    expect(await read()).toMatchObject({ name: 'Ada' })

    const failing = cached.prisma.$transaction(async tx => {
      await tx.user.update({ where, data: { name: 'Grace' } })
      throw new Error('on purpose')
    })
    await expect(failing).rejects.toThrow('on purpose')
    expect(await read()).toMatchObject({ name: 'Ada' })
  })

  it('binary ids and binary values come back as they were', async () => {
    const id = new Uint8Array([0, 10, 13, 36, 127, 128, 192, 255])
    const fresh = world.process({ redis: cached.redis, models: { AliasBytes: true, Asset: true } })
    await world.plain.aliasBytes.create({ data: { id, v: 1 } })
    const { id: assetId } = await world.plain.asset.create({ data: { mimeType: 'image/png', content: id } })
    const readId = () => fresh.prisma.aliasBytes.findUnique({ where: { id } })
    const readValue = () => fresh.prisma.asset.findUnique({ where: { id: assetId } })
    for (const sql of [1, 0]) {
      expect(await fresh.countSql(async () => expect(await readId()).toEqual({ id, v: 1 }))).toBe(sql)
      expect(await fresh.countSql(async () => expect((await readValue())?.content).toEqual(id))).toBe(sql)
    }

    await fresh.prisma.aliasBytes.update({ where: { id }, data: { v: 2 } })
    expect(await readId()).toEqual({ id, v: 2 })
  })

  it('$cache invalidates by hand', async () => {
    const { id } = await user()
    const read = () => cached.prisma.user.findUniqueOrThrow({ where: { id } })
    await read()
    await world.plain.user.update({ where: { id }, data: { name: 'Ada' } })
    expect(await read()).toMatchObject({ name: null })
    expect(await cached.prisma.$cache.invalidate('User', { id })).toBe('done')
    expect(await read()).toMatchObject({ name: 'Ada' })
  })
})

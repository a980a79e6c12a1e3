/** What the database is asked about itself: a question without an answer costs hits, and no query waits for it for long. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { PrismaPg } from '@prisma/adapter-pg'
import { Pool } from 'pg'
import { PrismaClient } from '../../generated/prisma/client.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { NOT_KNOWN } from '../../src/plan/bypass.js'
import type { CacheEvent } from '../../src/index.js'
import { type CachedProcess, newClient, useWorld } from '../support/world.js'

const world = useWorld()
beforeAll(async () => {
  await world.plain.user.createMany({ data: [1, 2, 3].map(id => ({ id, email: `u${id}@x.org` })) })
})

/** Before Postgres: some connections, by their number, are accepted and never answered, as by a pooler that waits. */
async function silentFor(silent: (nth: number) => boolean) {
  const target = new URL(world.databaseUrl)
  const sockets = new Set<Socket>()
  let count = 0
  const server: Server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    if (silent(++count)) return
    const upstream = connect(Number(target.port), target.hostname)
    sockets.add(upstream)
    upstream.on('error', () => {})
    socket.pipe(upstream).pipe(socket)
    socket.on('close', () => upstream.destroy())
    upstream.on('close', () => socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(world.databaseUrl)
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    get connections() {
      return count
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function bypasses({ prisma }: CachedProcess): string[] {
  const found: string[] = []
  prisma.$cache.on((event: CacheEvent) => event.type === 'bypass' && found.push(event.why))
  return found
}

async function becomesCached({ prisma }: CachedProcess): Promise<void> {
  await expect
    .poll(
      async () => {
        const { hits } = prisma.$cache.stats()
        await prisma.user.findUnique({ where: { id: 1 } })
        return prisma.$cache.stats().hits > hits
      },
      { interval: 100 },
    )
    .toBe(true)
}

describe('a first connection that is never answered', () => {
  it('a first connection that is never answered keeps no read waiting, and the facts are queried again on another one', async () => {
    // The caller's own pool opens its connection first, or later: the silent one is the first or the second.
    for (const nth of [1, 2]) {
      const proxy = await silentFor(n => n === nth)
      const cached = world.process({}, { base: newClient(proxy.url, {}, { connectionTimeoutMillis: 1_000 }) })
      if (nth === 2) await cached.base.user.count()
      const whys = bypasses(cached)
      const read = () => cached.prisma.user.findUnique({ where: { id: 1 } }).catch(() => 'refused')
      await Promise.all(Array.from({ length: 20 }, read))
      expect(new Set(whys)).toEqual(new Set([NOT_KNOWN]))
      await becomesCached(cached)
      await cached.end()
      await proxy.stop()
    }
  })

  it('a first connection that is never answered delays no write, and its invalidation is sent', async () => {
    const proxy = await silentFor(n => n === 2)
    const writer = world.process({}, { base: newClient(proxy.url) })
    await writer.base.user.count()
    const reader = world.process()
    const read = () => reader.prisma.user.findUnique({ where: { id: 2 } })
    await becomesCached(reader)
    await read()
    await reader.flushed()
    await writer.prisma.user.update({ where: { id: 2 }, data: { name: 'written' } })
    expect(await read()).toMatchObject({ name: 'written' })
    await writer.end()
    await proxy.stop()
  })

  it('where the prefix follows from the facts of the database, writes before them are invalidated when they arrive', async () => {
    const prefix = ({ schema }: { schema: string }) => `${world.prefix}${schema}:`
    // The application has its connection; the question has none before the writes are done.
    let isSilent = true
    const proxy = await silentFor(n => n >= 2 && isSilent)
    const writer = world.process({ prefix }, { base: newClient(proxy.url) })
    await writer.base.user.count()
    const reader = world.process({ prefix })
    await becomesCached(reader)
    const read = () => reader.prisma.user.findUnique({ where: { id: 3 } })
    await read()
    await reader.flushed()
    await writer.prisma.user.update({ where: { id: 3 }, data: { name: 'one' } })
    await writer.prisma.$transaction(async tx => {
      await tx.user.update({ where: { id: 3 }, data: { name: 'two' } })
      expect(await tx.user.findUnique({ where: { id: 3 } })).toMatchObject({ name: 'two' })
      expect(await tx.$cache.getOrSet('k', () => 1)).toBe(1)
    })
    expect(await writer.prisma.$cache.invalidate('User', { id: 1 })).toBe('queued')
    isSilent = false
    await becomesCached(writer)
    await expect.poll(read).toMatchObject({ name: 'two' })
    await writer.end()
    await proxy.stop()
  })
})

it('a pool of the application whose connections are all busy is not waited for longer than by plain Prisma', async () => {
  const pool = new Pool({ connectionString: world.databaseUrl, max: 2 })
  pool.on('error', () => {})
  const busy = await Promise.all([pool.connect(), pool.connect()])
  const base = new PrismaClient({ adapter: new PrismaPg(pool) })
  const cached = world.process({}, { base: base as never })
  const whys = bypasses(cached)
  const reads = Promise.all([1, 2, 3].map(id => cached.prisma.user.findUnique({ where: { id } })))
  // They have been handed to Prisma; their events come with their answers.
  await expect.poll(() => cached.prisma.$cache.stats().bypassed).toBe(3)
  for (const client of busy) client.release()
  expect(await reads).toHaveLength(3)
  expect(whys).toEqual([NOT_KNOWN, NOT_KNOWN, NOT_KNOWN])
  await becomesCached(cached)
  await cached.end()
  await pool.end()
})

it('one question per adapter, however many clients are made with it', async () => {
  const proxy = await silentFor(() => false)
  const adapter = new PrismaPg({ connectionString: proxy.url, max: 1 })
  const clients = Array.from({ length: 5 }, () => new PrismaClient({ adapter }))
  const cached = clients.map(base => world.process({}, { base: base as never }))
  for (const one of cached) await becomesCached(one)
  // All of them are served by Redis.
  expect(proxy.connections).toBe(1)
  for (const one of cached) await one.end()
  await proxy.stop()
})

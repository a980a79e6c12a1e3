/** A write that never got to the database holds nothing: real pools, real Postgres. */
import { describe, expect, it } from 'vitest'
import { outcomeOf } from '../../src/prisma7/errors.js'
import { type CachedProcess, newClient, useWorld } from '../support/world.js'

const world = useWorld()

const held = async () => (await world.keys()).filter(key => key.endsWith('@hold'))

describe('a write', () => {
  it.each<[string, (db: CachedProcess['prisma'], id: number) => PromiseLike<unknown>]>([
    ['an update by key', (db, id) => db.user.update({ where: { id }, data: { name: 'n' } })],
    ['an update of all rows', db => db.user.updateMany({ data: { name: 'n' } })],
    ['raw SQL', db => db.$executeRaw`UPDATE "User" SET "name" = 'n'`],
    ['a batch', (db, id) => db.$transaction([db.user.update({ where: { id }, data: { name: 'n' } }), db.user.count()])],
  ])(
    'a write that got no connection of an exhausted pool was never sent: %s holds and invalidates nothing',
    async (_, write) => {
      const base = newClient(world.databaseUrl, {}, { max: 1, connectionTimeoutMillis: 2000 })
      const own = world.process({}, { base })
      const reader = world.process()
      const { id } = await own.prisma.user.create({ data: { email: `${Math.random()}@x.org` } })
      const read = () => reader.prisma.user.findUnique({ where: { id } })
      await read()
      await reader.flushed()
      await own.prisma.$transaction(async tx => {
        await tx.$queryRaw`SELECT 1`
        const error: unknown = await write(own.prisma, id).then(
          () => undefined,
          (reason: unknown) => reason,
        )
        expect(outcomeOf(error)).toBe('unsent')
      })
      expect(await held()).toEqual([])
      expect(await reader.countSql(read)).toBe(0)
    },
  )

  it.each([
    ['a port that refuses', (url: URL) => (url.port = '1')],
    ['localhost, at both addresses', (url: URL) => ((url.hostname = 'localhost'), (url.port = '1'))],
    ['a host that there is not', (url: URL) => (url.hostname = 'nowhere.invalid')],
  ])('a write to %s is not sent', async (_, change) => {
    const url = new URL(world.databaseUrl)
    change(url)
    const base = newClient(url.href)
    const error: unknown = await base.user.create({ data: { email: 'n@x.org' } }).catch((reason: unknown) => reason)
    expect(outcomeOf(error)).toBe('unsent')
    await base.$disconnect()
  })

  it('the outcome of a write whose connection or time ends under way is unknown', async () => {
    const base = newClient(world.databaseUrl, {}, { query_timeout: 300 })
    const slow = base.$executeRaw`SELECT pg_sleep(30)`
    const late: unknown = await slow.catch((reason: unknown) => reason)
    expect(outcomeOf(late)).toBe('unknown')
    const killed: unknown = await base.$executeRaw`SELECT pg_terminate_backend(pg_backend_pid())`.catch(
      (reason: unknown) => reason,
    )
    expect(outcomeOf(killed)).toBe('unknown')
    await base.$disconnect()
  })
})

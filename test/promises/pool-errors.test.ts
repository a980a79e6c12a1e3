/** A write that never got to the database holds nothing: real pools, real Postgres. */
import { describe, expect, it } from 'vitest'
import { outcomeOf } from '../../src/prisma7/errors.js'
import { newClient, useWorld } from '../support/world.js'

const world = useWorld()

const held = async () => (await world.keys()).filter(key => key.endsWith('@hold'))

describe('a write', () => {
  it('that got no connection from an exhausted pool is refused, and holds nothing', async () => {
    const base = newClient(world.databaseUrl, {}, { max: 1, connectionTimeoutMillis: 100 })
    const own = world.process({}, { base })
    const { id } = await own.prisma.user.create({ data: { email: 'pool@x.org' } })
    await own.prisma.$transaction(async () => {
      const write = own.prisma.user.update({ where: { id }, data: { name: 'n' } })
      const error: unknown = await write.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(outcomeOf(error)).toBe('refused')
    })
    expect(await held()).toEqual([])
  })

  it.each([
    ['a port that refuses', (url: URL) => (url.port = '1')],
    ['localhost, at both addresses', (url: URL) => ((url.hostname = 'localhost'), (url.port = '1'))],
    ['a host that there is not', (url: URL) => (url.hostname = 'nowhere.invalid')],
  ])('to %s is refused', async (_, change) => {
    const url = new URL(world.databaseUrl)
    change(url)
    const base = newClient(url.href)
    const error: unknown = await base.user.create({ data: { email: 'n@x.org' } }).catch((reason: unknown) => reason)
    expect(outcomeOf(error)).toBe('refused')
    await base.$disconnect()
  })

  it('whose statement is under way when its connection or its time ends is unknown', async () => {
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

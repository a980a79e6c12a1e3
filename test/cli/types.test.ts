/** `inspect` compares rows with the database, type by type: no difference is made up, and none is missed. */
import { beforeAll, expect, it } from 'vitest'
import { inspect, type Inspected } from '../../src/cli/inspect.js'
import { opened } from '../support/cli.js'
import { delegate } from '../support/delegates.js'
import { seed } from '../support/seed.js'
import { useWorld } from '../support/world.js'

const world = useWorld()
const at = (text: string) => new Date(text)

const IDS: Record<string, unknown> = {
  AliasInt: 42,
  AliasSmallInt: 7,
  AliasBigInt: 9_007_199_254_740_993n,
  AliasUuid: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
  AliasText: 'Ab',
  AliasVarChar: 'Ab',
  AliasChar: 'Ab   ',
  AliasDecimal: '1.5',
  AliasDecimalDefault: '1e-30',
  AliasDecimalFree: '1e25',
  AliasTimestamp0: at('2024-01-01T00:00:00Z'),
  AliasTimestamp3: at('0001-01-01T00:00:00.001Z'),
  AliasTimestamptz3: at('2024-01-01T00:00:00.123Z'),
  AliasDate: at('2024-01-01'),
  AliasBytes: new Uint8Array([1, 255]),
  AliasEnum: 'DARK',
}

beforeAll(async () => {
  const { users, products, orders } = await seed(world.plain, { users: 5 })
  const models = [
    'User',
    'Profile',
    'Product',
    'Order',
    'Asset',
    'Tenant',
    'Membership',
    'AliasBoolean',
    ...Object.keys(IDS),
  ]
  const cached = world.process({ models: Object.fromEntries(models.map(name => [name, true])) })
  const db = cached.prisma
  await db.user.findUnique({ where: { id: -1 } })
  for (const id of users) await db.user.findUnique({ where: { id }, include: { profile: true, memberships: true } })
  for (const id of products) await db.product.findUnique({ where: { id } })
  for (const id of orders) await db.order.findUnique({ where: { id } })
  for (const [model, id] of Object.entries(IDS)) {
    await delegate(world.plain, model).create({ data: { id, v: 1 } })
    await delegate(db, model).findUnique({ where: { id } })
  }
  // A key of two columns.
  await world.plain.aliasBoolean.create({ data: { id: true, part: 1, v: 1 } })
  await db.aliasBoolean.findUnique({ where: { id_part: { id: true, part: 1 } } })
  await cached.flushed()
})

async function looked() {
  const tool = await opened(world)
  const found: Inspected[] = []
  for (const key of await world.keys())
    found.push(...(await inspect(tool.cache, world.prefix + key, undefined, tool.sql)))
  await tool.close()
  expect(found.flatMap(({ notCompared }) => notCompared ?? [])).toEqual([])
  return found.filter(entry => entry.name.kind === 'row' && entry.state === 'served')
}

it('rows of all types are the same in both', async () => {
  const rows = await looked()
  expect(rows.filter(row => row.differences?.length !== 0)).toEqual([])
  const models = new Set(rows.map(row => (row.name.kind === 'row' ? row.name.model.name : '')))
  expect([...models]).toEqual(
    expect.arrayContaining(['User', 'Profile', 'Product', 'Order', 'AliasBoolean', 'AliasEnum', 'AliasTimestamp3']),
  )
  expect(rows.length).toBeGreaterThan(25)
})

it('a change of any column is seen', async () => {
  const changes: Record<string, string> = {
    price: `UPDATE "Product" SET price = price + 0.01`,
    v: `UPDATE "alias_bytes" SET v = 2`,
    createdAt: `UPDATE "User" SET "createdAt" = "createdAt" + interval '2 ms'`,
  }
  for (const sql of Object.values(changes)) await world.plain.$executeRawUnsafe(sql)
  const changed = (await looked()).flatMap(row => row.differences?.map(({ column }) => column) ?? [])
  expect(new Set(changed)).toEqual(new Set(Object.keys(changes)))
})

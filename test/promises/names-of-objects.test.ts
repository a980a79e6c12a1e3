/** Fields may have the names of what every object inherits. Found by the fuzzer over schemas. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { createExtension } from '../../src/extension.js'
import { type AnyClient, clientsOf } from '../fuzz/schemas/client.js'
import { createDatabase, dropDatabase } from '../support/database.js'

const SCHEMA = `
  datasource db {
    provider = "postgresql"
  }

  model Thing {
    hasOwnProperty String
    toString       Int
    name           String?
    valueOf        Int?
    parent         Thing?  @relation("tree", fields: [name, valueOf], references: [hasOwnProperty, toString])
    isPrototypeOf  Thing[] @relation("tree")

    @@id([hasOwnProperty, toString], name: "key")
  }

  model Box {
    id  Int  @id
    odd Odd?
  }

  model Odd {
    id    Int    @id
    boxId Int    @unique @map("__proto__")
    name  String
    box   Box    @relation(fields: [boxId], references: [id])
  }`

interface Things {
  thing: Record<
    'create' | 'update' | 'upsert' | 'delete' | 'findUnique' | 'findFirst',
    (args: object) => Promise<object>
  >
  box: Record<'findUnique', (args: object) => Promise<object | null>>
  odd: Record<'findUnique' | 'findMany', (args: object) => Promise<object | null>>
}

const name = `cache_aside_${process.pid}_${randomBytes(4).toString('hex')}`
let databaseUrl: string
let plain: AnyClient & Things
let base: AnyClient
let redis: Redis
let cached: Things & { $cache: { close(): void } }

beforeAll(async () => {
  databaseUrl = await createDatabase(inject('databaseUrl'), name)
  const make = clientsOf(SCHEMA, [])
  plain = make(databaseUrl) as typeof plain
  base = make(databaseUrl)
  redis = new Redis(inject('redisUrl'))
  await plain.$executeRawUnsafe(
    'CREATE TABLE "Thing" ("hasOwnProperty" text, "toString" integer, "name" text, "valueOf" integer, ' +
      'PRIMARY KEY ("hasOwnProperty", "toString"), ' +
      'FOREIGN KEY ("name", "valueOf") REFERENCES "Thing" ("hasOwnProperty", "toString") ON UPDATE CASCADE)',
  )
  await plain.$executeRawUnsafe('CREATE TABLE "Box" (id integer PRIMARY KEY)')
  await plain.$executeRawUnsafe(
    'CREATE TABLE "Odd" (id integer PRIMARY KEY, "__proto__" integer UNIQUE REFERENCES "Box" (id), name text)',
  )
  await plain.$executeRawUnsafe('INSERT INTO "Box" VALUES (1), (2)')
  await plain.$executeRawUnsafe(`INSERT INTO "Odd" VALUES (1, 1, 'one')`)
  const models = { Thing: { queries: true }, Box: { queries: true }, Odd: { queries: true } }
  cached = base.$extends(createExtension({ redis, prefix: `${name}:`, models, deadlineMs: 2000 })) as typeof cached
})

afterAll(async () => {
  cached.$cache.close()
  await Promise.all([plain.$disconnect(), base.$disconnect()])
  const keys = await redis.keys(`${name}:*`)
  if (keys.length > 0) await redis.del(keys)
  redis.disconnect()
  await dropDatabase(inject('databaseUrl'), name)
})

const key = { hasOwnProperty: 'a', toString: 1 }

it('what a write returns has all its fields', async () => {
  expect(await cached.thing.create({ data: { ...key } })).toEqual({ ...key, name: null, valueOf: null })
  const child = { hasOwnProperty: 'b', toString: 1, name: 'a', valueOf: 1 }
  expect(await cached.thing.create({ data: child })).toEqual(child)
  expect(await cached.thing.update({ where: { key }, data: { name: null } })).toEqual({
    ...key,
    name: null,
    valueOf: null,
  })
  const omit = { name: true }
  expect(await cached.thing.update({ where: { key }, data: { name: null }, omit })).toEqual({ ...key, valueOf: null })
  const select = { valueOf: true }
  expect(await cached.thing.update({ where: { key }, data: { name: null }, select })).toEqual({ valueOf: null })
})

it('reads are what Prisma answers, before and after a write', async () => {
  const reads = [
    ['findUnique', { where: { key }, include: { isPrototypeOf: true, parent: true } }],
    ['findUnique', { where: { key }, select: { toString: true } }],
    ['findUnique', { where: { key }, omit: { hasOwnProperty: true } }],
    ['findFirst', { where: { hasOwnProperty: 'b' }, include: { parent: true } }],
    ['findFirst', { where: { toString: 1 }, orderBy: { hasOwnProperty: 'asc' } }],
    ['findFirst', { orderBy: { hasOwnProperty: 'desc' } }],
  ] as const
  const compare = async () => {
    for (const [operation, args] of [...reads, ...reads]) {
      expect(await cached.thing[operation](args), JSON.stringify(args)).toEqual(await plain.thing[operation](args))
    }
  }
  await compare()
  await cached.thing.update({ where: { key: { hasOwnProperty: 'b', toString: 1 } }, data: { toString: 2 } })
  await compare()
  await cached.thing.update({ where: { key }, data: { isPrototypeOf: { set: [] } } })
  await compare()
  await cached.thing.delete({ where: { key: { hasOwnProperty: 'b', toString: 2 } } })
  await compare()
})

it('another version of the schema, to which such a column is no key any more, is understood', async () => {
  const before = SCHEMA.indexOf('parent         Thing?')
  const after = SCHEMA.indexOf('@@id([hasOwnProperty')
  const other = clientsOf(SCHEMA.slice(0, before) + SCHEMA.slice(after), [])(databaseUrl)
  const options = { redis, prefix: `${name}:`, models: { Thing: { queries: true } }, deadlineMs: 2000 }
  const newer = other.$extends(createExtension(options)) as typeof cached
  const where = { key: { hasOwnProperty: 'versions', toString: 1 } }
  await cached.thing.create({ data: where.key })
  for (const [writer, reader] of [
    [cached, newer],
    [newer, cached],
  ] as const) {
    for (const label of ['x', 'y']) {
      await reader.thing.findUnique({ where })
      await writer.thing.update({ where, data: { name: null, valueOf: null, hasOwnProperty: 'versions' } })
      await writer.thing.update({ where, data: { name: label } })
      expect(await reader.thing.findUnique({ where })).toMatchObject({ name: label })
    }
  }
  newer.$cache.close()
  await other.$disconnect()
})

it('a column named __proto__, which Prisma can not read, leaves no wrong "no such row"', async () => {
  const outcome = async (run: () => Promise<unknown>) => {
    try {
      return await run()
    } catch (error) {
      return (error as { code?: string }).code
    }
  }
  const reads = (db: Things) => [
    () => db.box.findUnique({ where: { id: 1 }, include: { odd: true } }),
    () => db.box.findUnique({ where: { id: 1 }, include: { odd: { select: { name: true } } } }),
    () => db.odd.findUnique({ where: { boxId: 1 } }),
    () => db.odd.findUnique({ where: { boxId: 1 }, include: { box: true } }),
    () => db.odd.findUnique({ where: { boxId: 1 }, select: { name: true } }),
    () => db.odd.findUnique({ where: { boxId: 2 } }),
    () => db.odd.findMany({ select: { name: true } }),
    () => db.odd.findMany({}),
  ]
  for (let i = 0; i < 3; i++) {
    for (const [n, read] of reads(cached).entries()) {
      const expected = await outcome(reads(plain)[n] as () => Promise<unknown>)
      expect(await outcome(read), `read ${n} of round ${i}`).toEqual(expected)
    }
  }
})

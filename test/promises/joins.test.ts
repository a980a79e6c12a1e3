/**
 * With `relationJoins` Prisma joins in SQL unless it is told otherwise, and what is related then comes as JSON, which changes
 * some values. Whatever the strategy and whatever was read before, an answer is the one that plain Prisma gives to just these args.
 */
import { readFileSync } from 'node:fs'
import { PrismaPg } from '@prisma/adapter-pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PrismaClient } from '../../generated/joins/client.js'
import { isExactInJson } from '../../src/schema/canonical.js'
import { readSchema } from '../../src/schema/schema.js'
import { type CachedDb, type OwnSchema, ownSchema, type Read, told } from '../support/own-schema.js'

const ALL = { Parent: { queries: true }, Kid: { queries: true }, Plain: { queries: true } }

/** Values that are the hardest for JSON, by column: what this type can hold, and JSON or Prisma's reading of it does not. */
const VALUES: Record<string, string> = {
  dec: '1234567890.12345678',
  dec2: '12345678901234567890.123',
  money: '1234.56',
  float: `'-0'`,
  real: '16777217',
  big: '9223372036854775807',
  bytes: `'\\x00ff10'`,
  json: `'{"b": 12345678901234567890, "a": 1}'`,
  jsonText: `'{"b": 1, "a": -0}'`,
  date: `'0001-01-01'`,
  time: `'23:59:59.999'`,
  timetz: `'12:34:56.123+02'`,
  stamp: `'9999-12-31 23:59:59.999'`,
  stamp6: `'2024-01-01 12:34:56.123999'`,
  stamptz: `'2024-01-01 12:34:56.123+02'`,
  stamptz6: `'2024-01-01 12:34:56.123456+02'`,
  int: '-2147483648',
  small: '-32768',
  oid: '4294967295',
  bool: 'true',
  text: `E'\\u0001\\t"\\\\\u2028'`,
  varchar: `'2024-01-01T00:00:00.000Z'`,
  char: `'ab'`,
  uuid: `'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`,
  bit: `B'1010'`,
  varbit: `B'101'`,
  inet: `'10.0.0.1/24'`,
  xml: `'<a>1</a>'`,
  mood: `'good mood'`,
  ints: `'{1,2}'`,
  texts: `'{"a","b,c"}'`,
  decs: `'{1234567890.12345678901234}'`,
  moods: `'{"good mood",BAD}'`,
  stamps: `'{2024-01-01 12:34:56.123}'`,
}

let own: OwnSchema
let cached: CachedDb
let other: CachedDb
/** The columns that have a value; Prisma can't read a list of bigints that comes by a join. */
const columns = Object.keys(VALUES)

beforeAll(async () => {
  own = await ownSchema(new URL('../joins/tables.sql', import.meta.url), url => {
    return new PrismaClient({
      adapter: new PrismaPg({ connectionString: url, options: '-c timezone=America/New_York' }),
    })
  })
  const names = columns.map(name => `"${name}"`).join(', ')
  await own.sql(`
    INSERT INTO "Kid" ("id", ${names}) VALUES (1, ${Object.values(VALUES).join(', ')});
    INSERT INTO "Plain" VALUES (1, 'text', 1, true, 'good mood', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
    INSERT INTO "Parent" VALUES (1, 1, 1);
    UPDATE "Kid" SET "parentId" = 1`)
  // Some versions of Prisma can't read what Postgres writes between the digits: `$1,234.56`.
  const readable = await told(() => own.plain['kid']!.findUnique!({ where: id, select: { money: true } }))
  if (!Object.hasOwn(readable as object, 'value')) await own.sql(`UPDATE "Kid" SET "money" = 12.56`)
  cached = own.process(ALL)
  other = own.process(ALL)
})
afterAll(() => own.close())
beforeEach(async () => {
  await cached.$cache.invalidateAll()
})

const omit = { bigs: true }
const id = { id: 1 }
const how = (strategy: 'join' | 'query' | undefined) =>
  strategy === undefined ? {} : { relationLoadStrategy: strategy }

/** The same related row in every way that it can be asked for. */
function readsBy(strategy: 'join' | 'query' | undefined): Record<string, Read> {
  const s = how(strategy)
  const kid = { omit }
  return Object.fromEntries(
    Object.entries({
      one: (db => db['parent']!.findUnique!({ where: id, include: { kid }, ...s })) as Read,
      'one by a filter': db =>
        db['parent']!.findUnique!({ where: id, include: { kid: { ...kid, where: { id: { gt: 0 } } } }, ...s }),
      many: db => db['parent']!.findUnique!({ where: id, include: { kids: kid }, ...s }),
      first: db => db['parent']!.findFirst!({ where: { kidId: { gt: 0 } }, include: { kid, kids: kid }, ...s }),
      all: db => db['parent']!.findMany!({ include: { kid, kids: kid, _count: true }, ...s }),
      'down and up': db => db['kid']!.findUnique!({ where: id, omit, include: { of: { include: { kid } } }, ...s }),
      'of exact values': db => db['parent']!.findUnique!({ where: id, include: { plain: true }, ...s }),
      'under those': db => db['plain']!.findUnique!({ where: id, include: { parents: { include: { kid } } }, ...s }),
    } satisfies Record<string, Read>).map(([name, read]) => [`${name} by ${strategy ?? 'default'}`, read]),
  )
}

const reads: Record<string, Read> = {
  ...readsBy(undefined),
  ...readsBy('join'),
  ...readsBy('query'),
  kid: db => db['kid']!.findUnique!({ where: id, omit }),
  kids: db => db['kid']!.findMany!({ omit }),
  plain: db => db['plain']!.findUnique!({ where: id }),
}

describe('after any other read', () => {
  it.each(Object.keys(reads))('%s', async name => {
    await told(() => (reads[name] as Read)(cached))
    await own.flushed()
    for (const [asked, read] of Object.entries(reads)) {
      const truth = await told(() => read(own.plain))
      // Twice: what the first one has filled is read by the second.
      for (const db of [cached, other]) expect(await told(() => read(db)), asked).toStrictEqual(truth)
      await own.flushed()
    }
  })
})

it('an application that writes back what it read of a row changes nothing', async () => {
  await cached['parent']!.findUnique!({ where: id, include: { kid: { omit } } })
  await own.flushed()
  const kid = (await other['kid']!.findUnique!({ where: id, omit })) as { dec: { toFixed(): string } }
  expect(kid.dec.toFixed()).toBe('1234567890.12345678')
})

it('each strategy has hits of its own', async () => {
  // A row with `-0` in a json column is not kept by itself, nor the largest bigint, which comes as a larger one before 7.4.
  await own.sql(`UPDATE "Kid" SET "jsonText" = '{"b": 1, "a": 2}', "big" = 1`)
  await cached.$cache.invalidateAll()
  for (const strategy of [undefined, 'join', 'query'] as const) {
    for (const [name, read] of Object.entries(readsBy(strategy))) {
      await read(cached)
      await own.flushed()
      const before = own.misses(other)
      await read(other)
      expect(own.misses(other) - before, name).toBe(0)
    }
  }
})

it('a row whose values all survive a join is one entry for both, and for itself', async () => {
  await cached['parent']!.findUnique!({ where: id, include: { plain: true } })
  await own.flushed()
  const before = own.misses(other)
  await other['plain']!.findUnique!({ where: id })
  await other['parent']!.findUnique!({ where: id, include: { plain: true }, relationLoadStrategy: 'query' })
  expect(own.misses(other) - before).toBe(0)
})

it('the types that survive a join are those of Prisma', async () => {
  const text = readFileSync(new URL('../joins/schema.prisma', import.meta.url), 'utf8')
  const kid = readSchema(text, () => new Set(['id', ...columns])).models.get('Kid')
  for (const column of columns) {
    const select = { [column]: true }
    const row = (await own.plain['kid']!.findUnique!({ where: id, select })) as Record<string, unknown>
    const joined = (await own.plain['parent']!.findUnique!({ where: id, select: { kid: { select } } })) as {
      kid: object
    }
    const field = kid?.scalars.find(({ name }) => name === column)
    if (field !== undefined && isExactInJson(field)) expect(joined.kid, column).toStrictEqual(row)
  }
})

describe('a strategy that Prisma does not take is its own error, warm as well as cold', () => {
  const operations: [string, object][] = [
    ['findUnique', { where: id }],
    ['findUnique', { where: id, include: { kids: { omit } } }],
    ['findFirst', { where: { kidId: 1 } }],
    ['findMany', {}],
    ['count', {}],
    ['aggregate', { _count: true }],
    ['groupBy', { by: ['kidId'], _count: true }],
  ]
  it.each(operations)('%s %o', async (operation, args) => {
    const run = (db: CachedDb | OwnSchema['plain'], strategy: unknown) =>
      told(() => db['parent']![operation]!({ ...args, relationLoadStrategy: strategy }))
    await cached['parent']![operation]!(args)
    await own.flushed()
    for (const strategy of ['bogus', null, 'join', 'query', undefined, '', 1, {}]) {
      for (const _ of ['cold', 'warm']) {
        expect(await run(cached, strategy), JSON.stringify(strategy)).toStrictEqual(await run(own.plain, strategy))
        await own.flushed()
      }
    }
  })
})

/**
 * Answers are Prisma's own on a miss and on a hit, where values or names are such that code which handles them has to be
 * careful: keys `__proto__` of Json columns, a column `constructor`, keys of one field that have a name.
 */
import { isDeepStrictEqual } from 'node:util'
import { PrismaPg } from '@prisma/adapter-pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PrismaClient } from '../../generated/names/client.js'
import { type CachedDb, type Db, type OwnSchema, ownSchema, type Read, told } from '../support/own-schema.js'

const MODELS = ['Odd', 'OddGroup', 'Doc', 'OddBox', 'NamedId', 'NamedUnique']
const ALL = Object.fromEntries(MODELS.map(name => [name, { queries: true }]))

const FILL = `
INSERT INTO "OddBox" ("id") VALUES (1), (2);
INSERT INTO "Doc" ("id", "v", "json", "list", "boxId") VALUES
  (1, 1, '{"__proto__": {"a": 1}, "b": 2}', ARRAY['{"__proto__": null}', '[{"__proto__": [1]}]']::jsonb[], 1),
  (2, 1, '[{"constructor": {"prototype": {"x": 1}}, "__proto__": "text"}]', ARRAY[]::jsonb[], 1),
  (3, 2, '{"toString": 1, "hasOwnProperty": {"__proto__": {"__proto__": 0}}, "length": 3}', NULL, 1),
  (4, 2, '{"": 1, "then": {"$type": "Json", "value": "{}"}, "toJSON": 2}', ARRAY['1']::jsonb[], NULL),
  (5, 3, 'null', ARRAY['null']::jsonb[], 2), (6, 3, NULL, ARRAY[]::jsonb[], 2);
INSERT INTO "OddGroup" ("id") VALUES (1), (2);
INSERT INTO "Odd" ("id", "v", "constructor", "note", "at", "price", "json", "list", "groupId") VALUES
  (1, 1, 7, 'one', '2024-01-02 03:04:05.678', 1.50, '{"a": 1}', ARRAY['{"__proto__": 1}']::jsonb[], 1),
  (2, 1, NULL, 'two', '2024-01-02 03:04:06', 2, '{"__proto__": {"a": 1}}', ARRAY[]::jsonb[], 1),
  (3, 2, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO "NamedId" ("a") VALUES (1), (2);
INSERT INTO "NamedUnique" ("id", "b", "c") VALUES (1, 10, 100), (2, 20, NULL);
`

let own: OwnSchema
let one: CachedDb
let other: CachedDb

beforeAll(async () => {
  own = await ownSchema(new URL('../names/tables.sql', import.meta.url), url => {
    return new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
  })
  one = own.process(ALL)
  other = own.process(ALL)
})
beforeEach(async () => {
  await own.sql(`TRUNCATE ${MODELS.map(name => `"${name}"`).join(', ')} CASCADE; ${FILL}`)
  await one.$cache.invalidateAll()
})
afterAll(() => own.close())

const model = (db: Db, name: string) => db[name] as NonNullable<Db[string]>

/** A text that tells own fields, their order, classes and prototypes apart, as `toStrictEqual` does not do for `__proto__`. */
function spelled(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spelled).join()}]`
  if (typeof value !== 'object' || value === null) return `${typeof value}:${String(value)}`
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null
  const fields = Object.getOwnPropertyNames(value).map(name => {
    const field = Object.getOwnPropertyDescriptor(value, name)
    return `${JSON.stringify(name)}:${spelled(field?.value)}`
  })
  const known = prototype === Object.prototype ? '' : (prototype?.constructor?.name ?? 'null')
  return `${known}{${fields.join()}}${value instanceof Date ? value.toISOString() : ''}`
}

/** Cold, warm in the same process and warm in another one, all as plain Prisma answers. */
async function same(reads: Record<string, Read>, hits: 'all are hits' | 'whatever comes of it'): Promise<void> {
  for (const [name, read] of Object.entries(reads)) {
    const plain = await told(() => read(own.plain))
    const answers = [await told(() => read(one))]
    await own.flushed()
    const before = own.misses(other) + own.misses(one)
    answers.push(await told(() => read(one)), await told(() => read(other)))
    for (const [i, answer] of answers.entries()) {
      expect(spelled(answer), `${name}, read ${i}`).toBe(spelled(plain))
      expect(isDeepStrictEqual(answer, plain), `${name}, read ${i}`).toBe(true)
    }
    if (hits === 'all are hits') expect(own.misses(other) + own.misses(one), `${name} is a hit`).toBe(before)
  }
  expect(Object.keys(Object.prototype)).toEqual([])
  expect(({} as Record<string, unknown>)['a'] ?? ({} as Record<string, unknown>)['x']).toBeUndefined()
}

const ids = [1, 2, 3, 4, 5, 6]

describe('keys of Json columns that mean something to JavaScript are own fields, on a miss and on a hit', () => {
  it('keys of Json columns with a meaning in JavaScript are own fields in rows', () =>
    same(
      Object.fromEntries(
        ids.map(id => [
          `row ${id}`,
          (db: Db) => model(db, 'doc')['findUnique']?.({ where: { id } }) as Promise<unknown>,
        ]),
      ),
      'all are hits',
    ))

  it('keys of Json columns with a meaning in JavaScript are own fields in related rows, from both ends', () =>
    same(
      {
        'a list in a row': db =>
          model(db, 'oddBox')['findUnique']?.({
            where: { id: 1 },
            include: { docs: { orderBy: { id: 'asc' } } },
          }) as Promise<unknown>,
        'its counts': db =>
          model(db, 'oddBox')['findUnique']?.({
            where: { id: 1 },
            select: { _count: true, docs: { select: { json: true }, orderBy: { id: 'asc' } } },
          }) as Promise<unknown>,
        'a row with its parent': db =>
          model(db, 'doc')['findUnique']?.({
            where: { id: 1 },
            include: { box: { include: { docs: { orderBy: { id: 'desc' } } } } },
          }) as Promise<unknown>,
      },
      'all are hits',
    )) // prettier-ignore

  it('keys of Json columns with a meaning in JavaScript are own fields in lists, groups and aggregates', () =>
    same(
      {
        'a list': db => model(db, 'doc')['findMany']?.({ orderBy: { id: 'asc' } }) as Promise<unknown>,
        'a list of one field': db =>
          model(db, 'doc')['findMany']?.({ select: { json: true }, orderBy: { id: 'asc' } }) as Promise<unknown>,
        'a first': db =>
          model(db, 'doc')['findFirst']?.({ where: { v: 1 }, orderBy: { id: 'desc' } }) as Promise<unknown>,
        'groups by a Json column': db =>
          model(db, 'doc')['groupBy']?.({
            by: ['json', 'id'],
            _count: true,
            orderBy: { id: 'asc' },
          }) as Promise<unknown>,
        'groups with _max': db =>
          model(db, 'doc')['groupBy']?.({
            by: ['v', 'json', 'id'],
            _max: { id: true },
            _sum: { v: true },
            orderBy: { id: 'desc' },
          }) as Promise<unknown>,
        aggregates: db =>
          model(db, 'doc')['aggregate']?.({
            _count: { json: true, _all: true },
            _max: { v: true },
          }) as Promise<unknown>,
        distinct: db =>
          model(db, 'doc')['findMany']?.({
            distinct: ['json'],
            select: { id: true, json: true },
            orderBy: { id: 'asc' },
          }) as Promise<unknown>,
      },
      'all are hits',
    )) // prettier-ignore
})

describe('a column with the name constructor', () => {
  const odd = (operation: string, args: object) => (db: Db) => model(db, 'odd')[operation]?.(args) as Promise<unknown>
  const group = (args: object) => (db: Db) => model(db, 'oddGroup')['findUnique']?.(args) as Promise<unknown>

  it('a column named constructor is read as by plain Prisma: whole rows, narrow ones, lists, relations to it and from it', () =>
    same(
      {
        'narrow, without it': odd('findUnique', { where: { id: 1 }, select: { note: true, at: true, price: true } }),
        'narrow, with Json': odd('findUnique', { where: { id: 1 }, select: { json: true, list: true } }),
        'narrow, with it': odd('findUnique', { where: { id: 1 }, select: { constructor: true, at: true } }),
        'it is omitted': odd('findUnique', { where: { id: 1 }, omit: { constructor: true } }),
        whole: odd('findUnique', { where: { id: 1 } }),
        'whole, where it is null': odd('findUnique', { where: { id: 2 } }),
        'whole, of nulls': odd('findUnique', { where: { id: 3 } }),
        'narrow after whole': odd('findUnique', { where: { id: 2 }, select: { at: true, price: true } }),
        'a list': odd('findMany', { orderBy: { id: 'asc' } }),
        'a narrow list': odd('findMany', { select: { id: true, at: true, price: true }, orderBy: { id: 'asc' } }),
        'a first': odd('findFirst', { where: { constructor: 7 } }),
        groups: odd('groupBy', { by: ['constructor', 'at'], _count: true, orderBy: { at: 'asc' } }),
        'an aggregate': odd('aggregate', { _max: { constructor: true, at: true }, _sum: { price: true } }),
        'with its parent': odd('findUnique', { where: { id: 1 }, include: { group: true } }),
        'narrow with its parent': odd('findUnique', { where: { id: 1 }, select: { at: true, group: true } }),
        'from the other end': group({ where: { id: 1 }, include: { odds: { orderBy: { id: 'asc' } } } }),
        'narrow from the other end': group({
          where: { id: 1 },
          select: { odds: { select: { at: true }, orderBy: { id: 'asc' } } },
        }),
        counted: group({ where: { id: 1 }, include: { _count: true } }),
      },
      'whatever comes of it',
    )) // prettier-ignore

  it('narrow reads of a column named constructor may come first or last, in one tick too, and writes are seen', async () => {
    const narrow = odd('findUnique', { where: { id: 1 }, select: { at: true, price: true } })
    const whole = odd('findUnique', { where: { id: 1 } })
    for (const read of [whole, narrow, whole]) {
      const plain = await Promise.all([told(() => whole(own.plain)), told(() => narrow(own.plain))])
      await told(() => read(one))
      expect(spelled(await Promise.all([told(() => whole(one)), told(() => narrow(one))]))).toBe(spelled(plain))
      expect(spelled(await Promise.all([told(() => narrow(other)), told(() => whole(other))]))).toBe(
        spelled(plain.toReversed()),
      )
      await told(() =>
        odd('update', { where: { id: 1 }, data: { v: { increment: 1 }, price: 3 }, select: { id: true } })(one),
      )
    }
  })
})

describe('a key of one field that has a name', () => {
  const read = (name: string, where: object) => (db: Db) =>
    model(db, name)['findUnique']?.({ where }) as Promise<unknown>

  it('a named key of one field finds only what it finds in Prisma, warm and cold, errors too', async () => {
    const reads: Record<string, Read> = {}
    for (const value of [1, 2, 10, 20, 100, 3]) {
      reads[`an id by its field, ${value}`] = read('namedId', { a: value })
      reads[`an id by its name, ${value}`] = read('namedId', { pk: { a: value } })
      reads[`an id by its name and a bare value, ${value}`] = read('namedId', { pk: value })
      reads[`a unique by its field, ${value}`] = read('namedUnique', { b: value })
      reads[`a unique by its name, ${value}`] = read('namedUnique', { uq: { b: value } })
      reads[`a unique by both, ${value}`] = read('namedUnique', { id: value / 10, uq: { b: value } })
      reads[`a unique whose name is the database's, ${value}`] = read('namedUnique', { c: value })
      reads[`the id beside it, ${value}`] = read('namedUnique', { id: value, b: 10 })
    }
    // Lists bring whole rows: none of them may make a key answer that Prisma refuses.
    reads['a list'] = db => model(db, 'namedId')['findMany']?.({ orderBy: { a: 'asc' } }) as Promise<unknown>
    reads['a list of the other'] = db =>
      model(db, 'namedUnique')['findMany']?.({ orderBy: { id: 'asc' } }) as Promise<unknown>
    reads['a first'] = db => model(db, 'namedId')['findFirst']?.({ where: { a: 1 } }) as Promise<unknown>
    await same(reads, 'whatever comes of it')
    await same(reads, 'whatever comes of it')
    expect((await told(() => read('namedId', { a: 1 })(own.plain))) as object).toHaveProperty('error')
  })

  it('a write through a named key of one field is seen by another process', async () => {
    const reads = [
      read('namedId', { pk: { a: 1 } }),
      read('namedUnique', { uq: { b: 10 } }),
      read('namedUnique', { id: 1 }),
    ]
    const writes: ((db: Db) => Promise<unknown>)[] = [
      db => model(db, 'namedId')['updateMany']?.({ where: { a: 1 }, data: { v: 5 } }) as Promise<unknown>,
      db => model(db, 'namedUnique')['update']?.({ where: { id: 1 }, data: { v: 6 } }) as Promise<unknown>,
      db => model(db, 'namedUnique')['updateMany']?.({ where: { b: 10 }, data: { b: 11 } }) as Promise<unknown>,
      db => model(db, 'namedUnique')['update']?.({ where: { uq: { b: 11 } }, data: { b: 10 } }) as Promise<unknown>,
      db => model(db, 'namedId')['update']?.({ where: { pk: { a: 1 } }, data: { v: 7 } }) as Promise<unknown>,
    ] // prettier-ignore
    for (const write of writes) {
      for (const db of [one, other]) for (const ask of reads) await told(() => ask(db))
      await own.flushed()
      await told(() => write(one))
      for (const ask of reads) {
        const plain = await told(() => ask(own.plain))
        for (const db of [one, other]) expect(await told(() => ask(db))).toStrictEqual(plain)
      }
    }
  })
})

/**
 * Rows and lists are named as the database has them, however the caller spelled them: after each write here, every read of
 * every process answers as plain Prisma does. In one pair of processes it is known which columns have a deterministic
 * collation, another pair does not know, and each writes for both.
 */
import { PrismaPg } from '@prisma/adapter-pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PrismaClient } from '../../generated/names/client.js'
import type { Collations } from '../../src/plan/catalog.js'
import { watchRedis } from '../support/monitor.js'
import {
  type CachedDb,
  type Db,
  expectTruth,
  type OwnSchema,
  ownSchema,
  type Read,
  told,
  warmUp,
} from '../support/own-schema.js'
import type { World } from '../support/world.js'

const MODELS = [
  'Ci',
  'CiKid',
  'Punct',
  'PunctKid',
  'Plain',
  'PlainKid',
  'Sku',
  'Line',
  'Pad',
  'PadKid',
  'Dec',
  'DecKid',
  'Stamp',
  'StampKid',
  'A',
  'B',
  'Shared',
  'Mailbox',
  'Mail',
  'Word',
  'Owner',
  'Every',
] // prettier-ignore
const ALL = Object.fromEntries(MODELS.map(name => [name, { queries: true }]))

/** As the tables are. */
const KNOWN: Collations = { deterministic: ({ name }) => !/^(?:Ci|Punct)/.test(name) }
const UNKNOWN: Collations = { deterministic: () => undefined }

let own: OwnSchema
let knowing: CachedDb
let unknowing: CachedDb
let all: readonly CachedDb[]

beforeAll(async () => {
  own = await ownSchema(new URL('../names/tables.sql', import.meta.url), url => {
    return new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
  })
  knowing = own.process(ALL, { collations: KNOWN })
  unknowing = own.process(ALL, { collations: UNKNOWN })
  all = [knowing, unknowing]
})
afterAll(() => own.close())

type Writes = Record<string, (db: Db) => Promise<unknown>>

/** Each write by each process, in a world that was filled and read before; refused ones change nothing. */
async function holds(fill: string, reads: Record<string, Read>, writes: Writes): Promise<void> {
  for (const [name, write] of Object.entries(writes)) {
    for (const [i, writer] of all.entries()) {
      const tables = [...fill.matchAll(/INSERT INTO ("\w+")/g)].map(([, table]) => table)
      await own.sql(`TRUNCATE ${[...new Set(tables)].join(', ')} CASCADE; ${fill}`)
      await Promise.all(all.map(db => db.$cache.invalidateAll()))
      await warmUp(own, all, reads)
      await told(() => write(writer))
      await expectTruth(own, all, reads, `${name} by ${i}`)
    }
  }
}

const by = { orderBy: { id: 'asc' } }
const more = { v: { increment: 1 } }

/** A model and its kids by a key that has many spellings. */
function readsOf(model: string, kid: string, fk: string, key: string, ids: readonly unknown[], kids = 'kids') {
  const reads: Record<string, Read> = {
    kids: db => db[kid]!.findMany!(by),
  }
  for (const id of ids) {
    reads[`row ${String(id)}`] = db => db[model]!.findUnique!({ where: { [key]: id } })
    reads[`list of ${String(id)}`] = db => db[model]!.findUnique!({ where: { [key]: id }, include: { [kids]: by } })
    reads[`count of ${String(id)}`] = db => db[model]!.findUnique!({ where: { [key]: id }, select: { _count: true } })
    reads[`many of ${String(id)}`] = db => db[kid]!.findMany!({ where: { [fk]: id }, ...by })
    reads[`first of ${String(id)}`] = db => db[kid]!.findFirst!({ where: { [fk]: id }, ...by })
  }
  return reads
}

/** Every write that takes ids from args. */
function writesOf(
  model: string,
  kid: string,
  fk: string,
  rel: string,
  key: string,
  spelled: unknown,
  kids = 'kids',
  newId: unknown = 9,
): Writes {
  const where = { [key]: spelled }
  const oneKid = { id: newId }
  return {
    update: db => db[model]!.update!({ where, data: more, select: { v: true } }),
    updateMany: db => db[model]!.updateMany!({ where, data: more }),
    'updateMany in': db => db[model]!.updateMany!({ where: { [key]: { in: [spelled] } }, data: more }),
    'updateMany equals': db => db[model]!.updateMany!({ where: { [key]: { equals: spelled } }, data: more }),
    updateManyAndReturn: db => db[model]!.updateManyAndReturn!({ where, data: more, select: { v: true } }),
    upsert: db => db[model]!.upsert!({ where, create: { ...where }, update: more, select: { v: true } }),
    'deleteMany of kids': db => db[kid]!.deleteMany!({ where: { [fk]: spelled } }),
    delete: async db => {
      await own.plain[kid]!.deleteMany!({})
      await Promise.all(all.map(each => each.$cache.invalidateAll()))
      return db[model]!.delete!({ where, select: { v: true } })
    },
    'create a kid': db => db[kid]!.create!({ data: { ...oneKid, [fk]: spelled }, select: { v: true } }),
    'createMany kids': db => db[kid]!.createMany!({ data: [{ ...oneKid, [fk]: spelled }] }),
    'createManyAndReturn kids': db => db[kid]!.createManyAndReturn!({ data: [{ ...oneKid, [fk]: spelled }] }),
    'create a connected kid': db => db[kid]!.create!({ data: { ...oneKid, [rel]: { connect: where } } }),
    connectOrCreate: db =>
      db[kid]!.create!({ data: { ...oneKid, [rel]: { connectOrCreate: { where, create: where } } } }),
    'create under the parent': db => db[model]!.update!({ where, data: { [kids]: { create: oneKid } } }),
    'createMany under the parent': db =>
      db[model]!.update!({ where, data: { [kids]: { createMany: { data: [oneKid] } } }, select: { v: true } }),
    'update by the kid': db => db[kid]!.updateMany!({ where: { [fk]: spelled }, data: more }),
    'the parent from the kid': async db => {
      const first = (await own.plain[kid]!.findFirst!({ where: { [fk]: spelled } })) as { id: unknown } | null
      return db[kid]!.update!({ where: { id: first?.id }, data: { [rel]: { update: { where, data: more } } } })
    },
    'move a kid': db =>
      db[model]!.update!({ where, data: { [kids]: { connect: { id: typeof newId === 'number' ? 1 : 'k1' } } } }),
    'invalidate by hand': async db => {
      await own.plain[model]!.update!({ where, data: more })
      // An alias names what it finds.
      return db.$cache === undefined
        ? undefined
        : (db as CachedDb).$cache.invalidate(pascal(model) as never, where as never)
    },
  }
}

const pascal = (name: string) => name.charAt(0).toUpperCase() + name.slice(1)

describe('text under a collation that equates more', () => {
  it('a write through text under a collation without case invalidates the rows that it equates', async () => {
    const fill = `INSERT INTO "Ci" VALUES ('abc'), ('x'); INSERT INTO "CiKid" VALUES (1, 0, 'ABC'), (2, 0, 'abc'), (3, 0, 'x')`
    const reads = readsOf('ci', 'ciKid', 'ciId', 'id', ['abc', 'ABC', 'Abc', 'x'])
    await holds(fill, reads, {
      ...writesOf('ci', 'ciKid', 'ciId', 'ci', 'id', 'aBC'),
      'nested update': db => db['ciKid']!.update!({ where: { id: 1 }, data: { ci: { update: more } } }),
      'new key': db => db['ci']!.updateMany!({ where: { id: 'ABC' }, data: { id: 'new' } }),
      'new key from a nested write': db =>
        db['ciKid']!.update!({ where: { id: 1 }, data: { ci: { update: { id: 'new' } } } }),
    })
  }, 400_000)

  it('a write through text under a collation without punctuation invalidates the rows that it equates', async () => {
    const fill = `INSERT INTO "Punct" VALUES ('a-b'), ('x'); INSERT INTO "PunctKid" VALUES (1, 0, 'ab'), (2, 0, 'a-b'), (3, 0, 'x')`
    const reads = readsOf('punct', 'punctKid', 'punctId', 'id', ['a-b', 'ab', 'a.b'])
    await holds(fill, reads, writesOf('punct', 'punctKid', 'punctId', 'punct', 'id', 'a b'))
  }, 400_000)

  it('an id is still a name, where the collation is known to be deterministic', async () => {
    const { $cache } = knowing
    const args = { where: { id: 'cuid', v: 3 }, data: { v: 4 } }
    const named = { cached: false, why: 'a write', allRowsOf: [] }
    expect($cache.explain('Plain' as never, 'updateMany', args)).toMatchObject(named)
    expect($cache.explain('Plain' as never, 'deleteMany', { where: { id: { in: ['a', 'b'] } } })).toMatchObject(named)
    expect(unknowing.$cache.explain('Plain' as never, 'updateMany', args)).toMatchObject({ allRowsOf: ['Plain'] })
    expect($cache.explain('Ci' as never, 'updateMany', args)).toMatchObject({ allRowsOf: ['Ci'] })
    // Other spellings are found too.
    const insensitive = { where: { id: { in: ['CUID'], mode: 'insensitive' } }, data: { v: 4 } }
    expect($cache.explain('Plain' as never, 'updateMany', insensitive)).toMatchObject({ allRowsOf: ['Plain'] })
  })

  it('lists hang on tags by text only where that is known', async () => {
    const lists = { where: { id: 'a' }, include: { kids: true } }
    const underParent = expect.arrayContaining([expect.stringMatching(/^a write to \w+ with this \w+$/)]) as unknown
    const byAny = [expect.stringMatching(/^any write to \w+$/)]
    expect(knowing.$cache.explain('Plain' as never, 'findUnique', lists)).toMatchObject({
      relations: { kids: underParent },
    })
    expect(unknowing.$cache.explain('Plain' as never, 'findUnique', lists)).toMatchObject({
      relations: { kids: byAny },
    })
    expect(knowing.$cache.explain('Ci' as never, 'findUnique', lists)).toMatchObject({
      relations: { kids: byAny },
    })
  })
})

describe('text that is compared exactly', () => {
  it('text that is compared exactly names its row in any write', async () => {
    const fill = `INSERT INTO "Plain" VALUES ('abc'), ('ABC'); INSERT INTO "PlainKid" VALUES (1, 0, 'abc'), (2, 0, 'ABC')`
    const reads = readsOf('plain', 'plainKid', 'plainId', 'id', ['abc', 'ABC'])
    await holds(fill, reads, {
      ...writesOf('plain', 'plainKid', 'plainId', 'plain', 'id', 'abc'),
      'any case': db => db['plain']!.updateMany!({ where: { id: { in: ['aBc'], mode: 'insensitive' } }, data: more }),
      'any case, equals': db =>
        db['plain']!.updateMany!({ where: { id: { equals: 'aBc', mode: 'insensitive' } }, data: more }),
    })
  }, 400_000)
})

describe('what the column changes', () => {
  it('a write with blanks beyond varchar(n) is seen', async () => {
    const fill = `INSERT INTO "Sku" VALUES ('abc '), ('abc'), ('x'); INSERT INTO "Line" VALUES ('k1', 0, 'abc '), ('k2', 0, 'abc'), ('k3', 0, 'x')`
    const reads = readsOf('sku', 'line', 'sku', 'sku', ['abc ', 'abc', 'abc      '], 'lines')
    for (const spelled of ['abc      ', 'abc ']) {
      await holds(fill, reads, writesOf('sku', 'line', 'sku', 'of', 'sku', spelled, 'lines', 'kid      '))
    }
  }, 400_000)

  it('a write with blanks of char(n) is seen', async () => {
    const fill = `INSERT INTO "Pad" VALUES ('abc'), ('x'); INSERT INTO "PadKid" VALUES (1, 0, 'abc'), (2, 0, 'x')`
    const reads = readsOf('pad', 'padKid', 'padId', 'id', ['abc ', 'abc', 'abc      '])
    for (const spelled of ['abc', 'abc     '])
      await holds(fill, reads, writesOf('pad', 'padKid', 'padId', 'pad', 'id', spelled))
  }, 400_000)

  it('a write with digits beyond a scale is seen', async () => {
    const fill = `INSERT INTO "Dec" VALUES (1.51), (1.5); INSERT INTO "DecKid" VALUES (1, 0, 1.51), (2, 0, 1.5)`
    const reads = readsOf('dec', 'decKid', 'decId', 'id', ['1.51', '1.5', '1.505'])
    for (const spelled of ['1.505', '1.510'])
      await holds(fill, reads, writesOf('dec', 'decKid', 'decId', 'dec', 'id', spelled))
  }, 400_000)

  it('a write with parts of a second is seen', async () => {
    const [at, next] = ['2024-01-01T00:00:00', '2024-01-01T00:00:01']
    const fill = `INSERT INTO "Stamp" VALUES ('${at}'), ('${next}'); INSERT INTO "StampKid" VALUES (1, 0, '${at}'), (2, 0, '${next}')`
    const reads = readsOf('stamp', 'stampKid', 'stampId', 'id', [new Date(`${at}Z`), new Date(`${next}Z`)])
    await holds(fill, reads, writesOf('stamp', 'stampKid', 'stampId', 'stamp', 'id', new Date(`${at}.600Z`)))
  }, 400_000)
})

it('one column that two relations write, or the parent and a relation', async () => {
  const fill = `INSERT INTO "A" VALUES (1), (2), (3); INSERT INTO "B" VALUES (1), (2), (3); INSERT INTO "Shared" VALUES (100, 0, 1), (101, 0, 2)`
  const reads: Record<string, Read> = {}
  for (const model of ['a', 'b']) {
    for (const id of [1, 2, 3]) {
      reads[`shared of ${model} ${id}`] = db => db[model]!.findUnique!({ where: { id }, include: { shared: by } })
      reads[`count of ${model} ${id}`] = db => db[model]!.findUnique!({ where: { id }, select: { _count: true } })
    }
  }
  for (const x of [1, 2, 3]) reads[`by ${x}`] = db => db['shared']!.findMany!({ where: { x }, ...by })
  const to = (id: number) => ({ connect: { id } })
  const orNew = (id: number) => ({ connectOrCreate: { where: { id }, create: { id } } })
  const ways: Record<string, (one: string, other: string) => object> = {
    'connect twice': (one, other) => ({ [one]: to(1), [other]: to(2) }),
    'connect the same': (one, other) => ({ [one]: to(2), [other]: to(2) }),
    'connect and connectOrCreate': (one, other) => ({ [one]: to(1), [other]: orNew(2) }),
    'connectOrCreate and connect': (one, other) => ({ [one]: orNew(3), [other]: to(1) }),
    'create and connect': (one, other) => ({ [one]: { create: { id: 9 } }, [other]: to(2) }),
    'connect and the column': one => ({ [one]: to(1), x: 2 }),
    'the column and connect': one => ({ x: 2, [one]: to(1) }),
    'connect and null': one => ({ [one]: to(1), x: null }),
    one: one => ({ [one]: to(2) }),
    none: () => ({}),
    undefined: one => ({ [one]: undefined, x: 2 }),
    column: () => ({ x: 2 }),
  }
  const writes: Writes = {}
  for (const [name, way] of Object.entries(ways)) {
    for (const [one, other] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const data = way(one, other)
      writes[`create: ${name}, ${one} first`] = db => db['shared']!.create!({ data, select: { v: true } })
      writes[`upsert: ${name}, ${one} first`] = db =>
        db['shared']!.upsert!({ where: { id: 7 }, create: data, update: {} })
      writes[`update: ${name}, ${one} first`] = db => db['shared']!.update!({ where: { id: 100 }, data })
      for (const parent of ['a', 'b']) {
        writes[`under ${parent}: ${name}, ${one} first`] = db =>
          db[parent]!.update!({ where: { id: 3 }, data: { shared: { create: data } }, select: { v: true } })
      }
    }
  }
  await holds(fill, reads, writes)
}, 400_000)

describe('fields that are words', () => {
  const fill =
    'INSERT INTO "Owner" VALUES (1, 0, 1, NULL), (2, 0, NULL, 1); ' +
    'INSERT INTO "Word" (id, "AND", "OR", "NOT", "equals", "in", "not", "data", "where", "set", "some", "every", "is", "ownerId") ' +
    'VALUES (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), (2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2); ' +
    'INSERT INTO "Every" VALUES (1, 0, 1, 1), (2, 0, 2, 2)'
  const many =
    (model: string, where: object): Read =>
    db =>
      db[model]!.findMany!({ where, ...by })
  const reads: Record<string, Read> = {}
  const wheres: [string, object][] = [
    ['word', { AND: { equals: 1 } }],
    ['word', { AND: [{ v: 0 }] }],
    ['word', { OR: [{ v: 1 }] }],
    ['word', { NOT: { v: 0 } }],
    ['word', { id: 1, NOT: { v: 1 } }],
    ['word', { equals: 1 }],
    ['word', { equals: { equals: 1 } }],
    ['word', { in: { in: [1] } }],
    ['word', { set: 1, some: 1, every: 1, is: 1 }],
    ['word', { every_: { some: { v: 1 } } }],
    ['word', { every_: { every: { some: { v: 0 } } } }],
    ['word', { every_: { none: { is: { v: 1 } } } }],
    ['word', { every_: { some: { some: { every_: { some: { v: 1 } } } } } }],
    ['word', { owner: { is: { v: 1 } } }],
    ['word', { owner: { is: 1 } }],
    ['word', { owner: { isNot: { v: 1 } } }],
    ['word', { owner: { is: { select: { v: 0 } } } }],
    ['word', { owner: { is: null } }],
    ['word', { owner: { v: 1 } }],
    ['every', { some: { some: 1 } }],
    ['every', { some: { is: 1 } }],
    ['every', { some: { is: { every_: { some: { v: 0 } } } } }],
    ['every', { some: { every_: { some: { v: 0 } } } }],
    ['every', { some: { isNot: { v: 1 } } }],
    ['every', { is: { is: { v: 0 } } }],
    ['every', { is: { words: { some: { v: 0 } } } }],
    ['every', { is: { is: { words: { some: { v: 0 } } } } }],
    ['owner', { words: { some: { every: 1 } } }],
    ['owner', { words: { every: { every_: { every: { v: 0 } } } } }],
    ['owner', { select: { is: { v: 1 } } }],
    ['owner', { select: { some: { v: 0 } } }],
  ]
  for (const [model, where] of wheres) {
    reads[`${model} ${JSON.stringify(where)}`] = many(model, where)
  }
  const uniques: [string, object][] = [
    ['word', { equals: 1 }],
    ['word', { upsert: { data: 1, where: 1 } }],
    ['word', { is_: { in: 1, not: 1 } }],
    ['word', { id: 1, AND: { v: 0 } }],
    ['word', { id: 1, set: 1, mode: null }],
  ]
  for (const [model, where] of uniques) {
    reads[`unique ${model} ${JSON.stringify(where)}`] = db => db[model]!.findUnique!({ where })
  }
  const every = { every_: by, owner: { include: { select: true, words: by } } }
  Object.assign(reads, {
    tree: (db: Db) => db['word']!.findUnique!({ where: { id: 1 }, include: every }),
    select: (db: Db) =>
      db['word']!.findUnique!({ where: { id: 1 }, select: { select: true, include: true, where: true } }),
    'select select': (db: Db) =>
      db['owner']!.findUnique!({ where: { id: 1 }, select: { select: { select: { some: true } } } }),
    'one and filter': (db: Db) =>
      db['every']!.findUnique!({ where: { id: 1 }, include: { some: { where: { some: 1 } } } }),
    count: (db: Db) =>
      db['word']!.findUnique!({
        where: { id: 1 },
        select: { _count: { select: { every_: { where: { some: { v: 0 } } } } } },
      }),
    ordered: (db: Db) => db['word']!.findMany!({ orderBy: [{ owner: { is: 'asc' } }, { AND: 'desc' }] }),
  })

  it('fields that are words of Prisma work as columns, relations and keys, in reads and in writes', async () => {
    const w =
      (where: object, data: object = more): ((db: Db) => Promise<unknown>) =>
      db =>
        db['word']!.updateMany!({ where, data })
    const u = (where: object, data: object) => (db: Db) => db['word']!.update!({ where, data, select: { v: true } })
    await holds(fill, reads, {
      'by AND of conditions': w({ AND: [{ id: 1 }] }),
      'by equals': w({ equals: { equals: 1 } }),
      'by id and NOT': w({ id: 1, NOT: { v: 5 } }),
      'unique NOT': u({ NOT: 1 }, more),
      'unique upsert': u({ upsert: { data: 1, where: 1 } }, more),
      set: u({ id: 1 }, { set: { set: 5 }, increment: { increment: 1 }, push: 3, v: { set: 9 } }),
      'set words': u({ id: 1 }, { data: 7, where: 8, create: 1, connect: 2, update: 3, delete: 4 }),
      'AND moves': u({ id: 1 }, { AND: 2 }),
      'nested, by a field of its own named data': db =>
        db['every']!.update!({ where: { id: 1 }, data: { some: { update: { data: { data: 7, v: 1 } } } } }),
      'nested, the field itself': db =>
        db['every']!.update!({ where: { id: 1 }, data: { some: { update: { data: 7, v: 1 } } } }),
      'nested, where and data': db =>
        db['every']!.update!({ where: { id: 1 }, data: { some: { update: { where: { some: 1 }, data: { v: 1 } } } } }),
      'nested, update': db =>
        db['every']!.update!({ where: { id: 1 }, data: { some: { update: { update: 3, v: 2 } } } }),
      'nested in a word': db =>
        db['owner']!.update!({ where: { id: 1 }, data: { select: { update: { v: 4, some: { update: { v: 5 } } } } } }),
      'create in a word': db =>
        db['owner']!.update!({
          where: { id: 2 },
          data: { select: { create: { id: 9, some: { connect: { id: 1 } } } } },
        }),
      'connect by a word': db => db['every']!.update!({ where: { id: 1 }, data: { some: { connect: { equals: 2 } } } }),
      'create by words': db =>
        db['every']!.create!({ data: { id: 8, some: { connect: { upsert: { data: 2, where: 2 } } } } }),
      'an every of the other': db => db['every']!.updateMany!({ where: { id: 2 }, data: more }),
      'an owner': db => db['owner']!.update!({ where: { id: 1 }, data: { v: 1, is: 2 } }),
    })
  }, 400_000)
})

describe('excluded values', () => {
  const fill = `INSERT INTO "Mailbox" VALUES (1, 'ada@secret.org'), (2, 'bob@secret.org'); INSERT INTO "Mail" VALUES (1, 0, 'ada@secret.org')`
  const lists: Record<string, Read> = {}
  for (const id of [1, 2])
    lists[`mails of ${id}`] = db =>
      db['mailbox']!.findUnique!({
        where: { id },
        select: { id: true, mails: { select: { id: true, v: true }, ...by } },
      })
  const writes: Writes = {
    create: db => db['mail']!.create!({ data: { id: 2, email: 'ada@secret.org' } }),
    'create, connected': db => db['mail']!.create!({ data: { id: 2, box: { connect: { email: 'ada@secret.org' } } } }),
    createMany: db => db['mail']!.createMany!({ data: { id: 3, email: 'bob@secret.org' } }),
    update: db => db['mail']!.update!({ where: { id: 1 }, data: more }),
    move: db => db['mail']!.update!({ where: { id: 1 }, data: { email: 'bob@secret.org' } }),
    nested: db =>
      db['mailbox']!.update!({ where: { email: 'ada@secret.org' }, data: { mails: { create: { id: 4 } } } }),
    delete: db => db['mail']!.delete!({ where: { id: 1 } }),
    'by hand': db => (db as CachedDb).$cache.invalidate('Mailbox' as never, { email: 'ada@secret.org' } as never),
  }

  it.each([
    ['at both ends', { Mailbox: { exclude: ['email'], queries: true }, Mail: { exclude: ['email'], queries: true } }],
    ['at the parent', { Mailbox: { exclude: ['email'], queries: true }, Mail: { queries: true } }],
    ['at the child', { Mailbox: { queries: true }, Mail: { exclude: ['email'], queries: true } }],
  ])('%s: they are in no key of what a write sends, and lists of others are right', async (_, models) => {
    const hiding = own.process(models, { collations: KNOWN })
    for (const [name, write] of Object.entries(writes)) {
      await own.sql(`TRUNCATE "Mailbox", "Mail" CASCADE; ${fill}`)
      await hiding.$cache.invalidateAll()
      await warmUp(own, [hiding, ...all], lists)
      const world = { prefix: own.prefix, redisUrl: own.redisUrl, redis: own.redis } as World
      const seen = await watchRedis(world, () => write(hiding))
      expect(
        seen.lines.flat().filter(word => /secret/.test(word)),
        name,
      ).toEqual([])
      await expectTruth(own, [hiding, ...all], lists, name)
    }
  })
})

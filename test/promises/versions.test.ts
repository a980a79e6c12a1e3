/** A rolling deploy: two versions of a schema on one database and one Redis, both reading and writing, each always right. */
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, inject, it } from 'vitest'
import type { Overrides } from '../../src/assemble.js'
import { createExtension } from '../../src/extension.js'
import { Fleet } from '../../src/fleet/fleet.js'
import type { CacheApi, CacheEvent } from '../../src/index.js'
import { type AnyClient, clientsOf } from '../fuzz/schemas/client.js'
import { NOT_KNOWN } from '../../src/plan/bypass.js'
import { control } from '../support/control.js'
import { createDatabase, dropDatabase } from '../support/database.js'

const HEAD = 'datasource db {\n  provider = "postgresql"\n}\n'

const SQL = `
  CREATE TABLE "User" (id INT PRIMARY KEY, name TEXT NOT NULL, code TEXT UNIQUE);
  CREATE TABLE "Post" (id INT PRIMARY KEY, title TEXT NOT NULL, "userId" INT NOT NULL, "editorId" INT, "userCode" TEXT);
  CREATE TABLE "Tag" (id INT PRIMARY KEY, name TEXT NOT NULL);
  CREATE TABLE "_PostToTag" ("A" INT NOT NULL, "B" INT NOT NULL, PRIMARY KEY ("A", "B"));
  CREATE TABLE "Seat" ("row" INT, "col" INT, name TEXT NOT NULL, PRIMARY KEY ("row", "col"));
  CREATE TYPE "Kind" AS ENUM ('a', 'b');
  CREATE TABLE "Sort" (kind "Kind" PRIMARY KEY, name TEXT NOT NULL);
  INSERT INTO "Sort" VALUES ('a', 'first'), ('b', 'second');
  CREATE TABLE acc_old (id INT PRIMARY KEY, uid INT UNIQUE NOT NULL, name TEXT NOT NULL);
  CREATE TABLE acc_new (id INT PRIMARY KEY, uid INT UNIQUE NOT NULL, name TEXT NOT NULL);
  INSERT INTO "User" SELECT i, 'n' || i, 'c' || i FROM generate_series(1, 4) i;
  INSERT INTO "Post" SELECT i, 't' || i, (i % 3) + 1, (i % 2) + 1, 'c' || (i % 3 + 1) FROM generate_series(1, 9) i;
  INSERT INTO "Tag" SELECT i, 'g' || i FROM generate_series(1, 3) i;
  INSERT INTO "_PostToTag" SELECT i, (i % 3) + 1 FROM generate_series(1, 9) i;
  INSERT INTO "Seat" SELECT r, c, r || '-' || c FROM generate_series(1, 3) r, generate_series(1, 3) c;
  INSERT INTO acc_old SELECT i, 100 - i, 'old ' || i FROM generate_series(1, 4) i;
  INSERT INTO acc_new SELECT i, 100 - i, 'new ' || i FROM generate_series(1, 4) i;`

type Delegate = Record<string, (args?: object) => Promise<unknown>>
type Client = AnyClient & Record<string, Delegate> & { $cache: CacheApi<never> }

interface Change {
  readonly before: string
  readonly after: string
  /** By both versions, each with its own names. */
  readonly reads: { readonly before: readonly Read[]; readonly after: readonly Read[] }
  readonly writes: { readonly before: readonly Write[]; readonly after: readonly Write[] }
  readonly sql?: string
  /** Whether nothing need be invalidated more than by one version alone. */
  readonly free?: true
}
type Read = readonly [model: string, operation: string, args: object]
type Write = readonly [model: string, operation: string, args: (n: number) => object]

const user = (fields: string) => `model User {\n id Int @id\n name String\n code String? @unique\n ${fields}\n}\n`
const post = (fields: string) => `model Post {\n id Int @id\n title String\n userId Int\n ${fields}\n}\n`
const RELATION = 'user User @relation(fields: [userId], references: [id])'

const listBy = (name: string): Read[] => [
  ['user', 'findUnique', { where: { id: 1 }, include: { [name]: { orderBy: { id: 'asc' } } } }],
  ['user', 'findUnique', { where: { id: 1 }, select: { _count: { select: { [name]: true } } } }],
  ['post', 'findMany', { where: { userId: 1 }, orderBy: { id: 'asc' } }],
]
const postWrites: Write[] = [
  ['post', 'create', n => ({ data: { id: 1000 + n, title: `new ${n}`, userId: 1 } })],
  ['post', 'update', n => ({ where: { id: 3 }, data: { title: `changed ${n}` } })],
  ['post', 'deleteMany', n => ({ where: { id: { gte: 1000, lt: 1000 + n } } })],
]

const CHANGES: Record<string, Change> = {
  'a relation field is renamed': {
    before: user('posts Post[]') + post(RELATION),
    after: user('articles Post[]') + post(RELATION),
    reads: { before: listBy('posts'), after: listBy('articles') },
    writes: { before: postWrites, after: postWrites },
    free: true,
  },
  'a relation is added over a column that was there': {
    before: user('') + post(''),
    after: user('posts Post[]') + post(RELATION),
    reads: { before: [['post', 'findMany', { where: { userId: 1 }, orderBy: { id: 'asc' } }]], after: listBy('posts') },
    writes: { before: postWrites, after: postWrites },
  },
  'a foreign key is added': {
    before: user('posts Post[]') + post(RELATION),
    after:
      user('posts Post[] @relation("p")\n edited Post[] @relation("e")') +
      post(
        'user User @relation("p", fields: [userId], references: [id])\n editorId Int?\n editor User? @relation("e", fields: [editorId], references: [id])',
      ),
    reads: {
      before: listBy('posts'),
      after: [
        ...listBy('posts'),
        ['user', 'findUnique', { where: { id: 2 }, include: { edited: { orderBy: { id: 'asc' } } } }],
        ['post', 'findMany', { where: { editorId: 2 }, orderBy: { id: 'asc' } }],
      ],
    },
    writes: {
      before: [...postWrites, ['post', 'update', n => ({ where: { id: 5 }, data: { title: `edited ${n}` } })]],
      after: [['post', 'update', n => ({ where: { id: 5 }, data: { editorId: (n % 2) + 1 } })]],
    },
  },
  'a foreign key is added that cascades': {
    sql: 'ALTER TABLE "Post" ADD FOREIGN KEY ("userId") REFERENCES "User" (id) ON DELETE CASCADE ON UPDATE CASCADE',
    before: user('') + post(''),
    after: user('posts Post[]') + post('user User @relation(fields: [userId], references: [id], onDelete: Cascade)'),
    reads: {
      // What its schema does not show, the old version does not know of its own writes either.
      before: [['post', 'findUnique', { where: { id: 3 } }]],
      after: [
        ['post', 'findUnique', { where: { id: 900 } }],
        ['post', 'findUnique', { where: { id: 3 } }],
        ['user', 'findUnique', { where: { id: 1 }, include: { posts: { orderBy: { id: 'asc' } } } }],
      ],
    },
    writes: {
      before: [
        ['user', 'upsert', n => ({ where: { id: 9 }, create: { id: 9, name: `u${n}` }, update: { name: `u${n}` } })],
        [
          'post',
          'upsert',
          n => ({ where: { id: 900 }, create: { id: 900, title: 'a', userId: 9 }, update: { title: `a${n}` } }),
        ],
        ['user', 'deleteMany', () => ({ where: { id: 9 } })],
      ],
      after: [['post', 'update', n => ({ where: { id: 3 }, data: { title: `x${n}` } })]],
    },
  },
  'the order of a compound id is changed': {
    before: 'model Seat {\n row Int\n col Int\n name String\n @@id([row, col])\n}\n',
    after: 'model Seat {\n row Int\n col Int\n name String\n @@id([col, row])\n}\n',
    reads: {
      before: [
        ['seat', 'findUnique', { where: { row_col: { row: 1, col: 2 } } }],
        ['seat', 'findUnique', { where: { row_col: { row: 2, col: 1 } } }],
      ],
      after: [
        ['seat', 'findUnique', { where: { col_row: { row: 1, col: 2 } } }],
        ['seat', 'findUnique', { where: { col_row: { row: 2, col: 1 } } }],
      ],
    },
    writes: {
      before: [['seat', 'update', n => ({ where: { row_col: { row: 1, col: 2 } }, data: { name: `b${n}` } })]],
      after: [['seat', 'update', n => ({ where: { col_row: { row: 2, col: 1 } }, data: { name: `a${n}` } })]],
    },
  },
  'the foreign key of a relation is another column': {
    before: user('posts Post[]') + post(`editorId Int?\n ${RELATION}`),
    after: user('posts Post[]') + post('editorId Int?\n user User? @relation(fields: [editorId], references: [id])'),
    reads: {
      before: listBy('posts'),
      after: [
        ['user', 'findUnique', { where: { id: 1 }, include: { posts: { orderBy: { id: 'asc' } } } }],
        ['user', 'findUnique', { where: { id: 1 }, select: { _count: { select: { posts: true } } } }],
        ['post', 'findMany', { where: { editorId: 1 }, orderBy: { id: 'asc' } }],
      ],
    },
    writes: {
      before: [
        ['post', 'update', n => ({ where: { id: 5 }, data: { editorId: (n % 2) + 1 } })],
        ['post', 'update', n => ({ where: { id: 4 }, data: { userId: (n % 2) + 1 } })],
      ],
      after: [
        ['post', 'update', n => ({ where: { id: 6 }, data: { editorId: (n % 2) + 1 } })],
        ['post', 'update', n => ({ where: { id: 7 }, data: { userId: (n % 2) + 1 } })],
      ],
    },
  },
  'the values of an enum that is the id are swapped': {
    before: 'enum Kind {\n a\n b\n}\nmodel Sort {\n kind Kind @id\n name String\n}\n',
    after: 'enum Kind {\n a @map("b")\n b @map("a")\n}\nmodel Sort {\n kind Kind @id\n name String\n}\n',
    reads: {
      before: [['sort', 'findUnique', { where: { kind: 'a' } }]],
      after: [['sort', 'findUnique', { where: { kind: 'b' } }]],
    },
    writes: {
      before: [['sort', 'update', n => ({ where: { kind: 'a' }, data: { name: `before ${n}` } })]],
      after: [['sort', 'update', n => ({ where: { kind: 'b' }, data: { name: `after ${n}` } })]],
    },
  },
  'a value of an enum that is the id is renamed': {
    before: 'enum Kind {\n a\n b\n}\nmodel Sort {\n kind Kind @id\n name String\n}\n',
    after: 'enum Kind {\n first @map("a")\n b\n}\nmodel Sort {\n kind Kind @id\n name String\n}\n',
    reads: {
      before: [['sort', 'findUnique', { where: { kind: 'a' } }]],
      after: [['sort', 'findUnique', { where: { kind: 'first' } }]],
    },
    writes: {
      before: [['sort', 'update', n => ({ where: { kind: 'a' }, data: { name: `b${n}` } })]],
      after: [['sort', 'update', n => ({ where: { kind: 'first' }, data: { name: `a${n}` } })]],
    },
  },
  'another column becomes the id': {
    before: 'model Acc {\n id Int @id\n uid Int @unique\n name String\n @@map("acc_old")\n}\n',
    after: 'model Acc {\n id Int @unique\n uid Int @id\n name String\n @@map("acc_old")\n}\n',
    reads: {
      before: [
        ['acc', 'findUnique', { where: { id: 1 } }],
        ['acc', 'findUnique', { where: { uid: 98 } }],
      ],
      after: [
        ['acc', 'findUnique', { where: { uid: 99 } }],
        ['acc', 'findUnique', { where: { id: 2 } }],
      ],
    },
    writes: {
      before: [['acc', 'update', n => ({ where: { id: 1 }, data: { name: `b${n}` } })]],
      after: [['acc', 'update', n => ({ where: { uid: 98 }, data: { name: `a${n}` } })]],
    },
  },
  'the model is mapped to another table': {
    before: 'model Acc {\n id Int @id\n uid Int @unique\n name String\n @@map("acc_old")\n}\n',
    after: 'model Acc {\n id Int @id\n uid Int @unique\n name String\n @@map("acc_new")\n}\n',
    reads: {
      before: [
        ['acc', 'findUnique', { where: { id: 1 } }],
        ['acc', 'findMany', { orderBy: { id: 'asc' } }],
      ],
      after: [
        ['acc', 'findUnique', { where: { id: 1 } }],
        ['acc', 'findMany', { orderBy: { id: 'asc' } }],
      ],
    },
    writes: {
      before: [['acc', 'update', n => ({ where: { id: 1 }, data: { name: `b${n}` } })]],
      after: [['acc', 'update', n => ({ where: { id: 1 }, data: { name: `a${n}` } })]],
    },
    free: true,
  },
  'a model is renamed, its table stays': {
    before: user('posts Post[]') + post(RELATION),
    after:
      'model Person {\n id Int @id\n name String\n code String? @unique\n posts Post[]\n @@map("User")\n}\n' +
      post('user Person @relation(fields: [userId], references: [id])'),
    reads: {
      before: [...listBy('posts'), ['user', 'findUnique', { where: { id: 2 } }]],
      after: [
        ['person', 'findUnique', { where: { id: 1 }, include: { posts: { orderBy: { id: 'asc' } } } }],
        ['person', 'findUnique', { where: { id: 2 } }],
        ['person', 'findUnique', { where: { code: 'c2' } }],
      ],
    },
    writes: {
      before: [...postWrites, ['user', 'update', n => ({ where: { id: 2 }, data: { name: `b${n}` } })]],
      after: [...postWrites, ['person', 'update', n => ({ where: { id: 2 }, data: { name: `a${n}` } })]],
    },
  },
  'a field of an implicit many-to-many relation is renamed': {
    before: post('tags Tag[]') + 'model Tag {\n id Int @id\n name String\n posts Post[]\n}\n',
    after: post('labels Tag[]') + 'model Tag {\n id Int @id\n name String\n articles Post[]\n}\n',
    reads: {
      before: [
        ['post', 'findUnique', { where: { id: 1 }, select: { _count: { select: { tags: true } } } }],
        ['tag', 'findUnique', { where: { id: 2 }, include: { posts: { orderBy: { id: 'asc' } } } }],
      ],
      after: [
        ['post', 'findUnique', { where: { id: 1 }, select: { _count: { select: { labels: true } } } }],
        ['post', 'findUnique', { where: { id: 1 }, include: { labels: { orderBy: { id: 'asc' } } } }],
      ],
    },
    writes: {
      before: [
        [
          'tag',
          'update',
          n => ({
            where: { id: 3 },
            data: { posts: n % 2 === 0 ? { connect: { id: 1 } } : { disconnect: { id: 1 } } },
          }),
        ],
      ],
      after: [
        [
          'tag',
          'update',
          n => ({
            where: { id: 1 },
            data: { articles: n % 2 === 0 ? { connect: { id: 1 } } : { disconnect: { id: 1 } } },
          }),
        ],
      ],
    },
    free: true,
  },
  'a field is renamed over another column': {
    before: 'model Acc {\n id Int @id\n a Int @map("uid")\n name String\n @@map("acc_old")\n}\n',
    after: 'model Acc {\n id Int @id\n a String @map("name")\n uid Int\n @@map("acc_old")\n}\n',
    reads: {
      before: [
        ['acc', 'findUnique', { where: { id: 1 } }],
        ['acc', 'findMany', { where: { id: { lt: 3 } }, orderBy: { a: 'asc' } }],
      ],
      after: [
        ['acc', 'findUnique', { where: { id: 1 } }],
        ['acc', 'findMany', { where: { id: { lt: 3 } }, orderBy: { a: 'asc' } }],
      ],
    },
    writes: {
      before: [['acc', 'update', n => ({ where: { id: 1 }, data: { name: `b${n}` } })]],
      after: [['acc', 'update', n => ({ where: { id: 2 }, data: { uid: 500 + n } })]],
    },
    free: true,
  },
  'the native type of a referenced column is declared otherwise': {
    before:
      user('posts Post[]') + post('userCode String?\n user User? @relation(fields: [userCode], references: [code])'),
    after:
      'model User {\n id Int @id\n name String\n code String? @unique @db.Char(2)\n posts Post[]\n}\n' +
      post('userCode String?\n user User? @relation(fields: [userCode], references: [code])'),
    sql: 'ALTER TABLE "User" ALTER code TYPE char(2)',
    reads: {
      before: [
        ['user', 'findUnique', { where: { id: 1 }, include: { posts: { orderBy: { id: 'asc' } } } }],
        ['post', 'findMany', { where: { userCode: 'c1' }, orderBy: { id: 'asc' } }],
      ],
      after: [['user', 'findUnique', { where: { id: 1 }, include: { posts: { orderBy: { id: 'asc' } } } }]],
    },
    writes: {
      before: [['post', 'update', n => ({ where: { id: 3 }, data: { title: `b${n}` } })]],
      after: [['post', 'update', n => ({ where: { id: 3 }, data: { title: `a${n}` } })]],
    },
    free: true,
  },
  'a unique, a column and a model are added': {
    before: 'model Acc {\n id Int @id\n name String\n @@map("acc_old")\n}\n',
    after: 'model Acc {\n id Int @id\n uid Int @unique\n name String\n @@map("acc_old")\n}\n' + post(''),
    reads: {
      before: [['acc', 'findUnique', { where: { id: 1 } }]],
      after: [
        ['acc', 'findUnique', { where: { uid: 99 } }],
        ['acc', 'findUnique', { where: { id: 1 } }],
      ],
    },
    writes: {
      before: [['acc', 'update', n => ({ where: { id: 1 }, data: { name: `b${n}` } })]],
      after: [['acc', 'update', n => ({ where: { id: 1 }, data: { name: `a${n}` } })]],
    },
    free: true,
  },
}

// As in production, the lease is longer than `freshMs` and the deadline of an invalidation together.
const TIMES = { leaseMs: 1_500, freshMs: 500, renewMs: 100 }
const DEADLINE_MS = 900
/** No sign of life runs out during a test, however slow the machine is. */
const LONG = { leaseMs: 6_000, freshMs: 2_000, renewMs: 50 }

/** Knows of no other version. */
class Alone extends Fleet {
  override alsoStale = () => []
  override check: Fleet['check'] = plan => plan
}

const redisUrl = inject('redisUrl')
const watcher = new Redis(redisUrl)
afterAll(() => watcher.disconnect())

async function deployed({ before, after, sql }: Change, parts: Partial<Overrides> = {}, isAfterLater = false) {
  const admin = inject('databaseUrl')
  const name = `versions_${process.pid}_${randomBytes(4).toString('hex')}`
  const url = await createDatabase(admin, name)
  const clients: AnyClient[] = []
  const redises: Redis[] = []
  const plainOf = (text: string) => {
    const client = clientsOf(HEAD + text, [])(url)
    clients.push(client)
    return client as Client
  }
  const plain = { before: plainOf(before), after: plainOf(after) }
  for (const statement of [...SQL.split(';'), ...(sql?.split(';') ?? [])])
    await plain.before.$executeRawUnsafe(statement)
  const events: Record<'before' | 'after', CacheEvent[]> = { before: [], after: [] }
  const start = (version: 'before' | 'after') => {
    const redis = new Redis(redisUrl)
    redises.push(redis)
    const text = version === 'before' ? before : after
    const models = Object.fromEntries(
      [...text.matchAll(/^model (\w+)/gm)].map(([, model]) => [model, { queries: true }]),
    )
    const extension = createExtension(
      { redis, models, prefix: `${name}:`, deadlineMs: DEADLINE_MS, invalidationDeadlineMs: DEADLINE_MS },
      { fleetTimes: TIMES, ...parts },
    )
    const client = plainOf(text).$extends(extension) as Client
    client.$cache.on(event => events[version].push(event))
    return client
  }
  // A process leaves its sign of life when it connects, so a version that is to come later is started later.
  const cached = { before: start('before') } as Record<'before' | 'after', Client>
  if (!isAfterLater) cached.after = start('after')
  return {
    plain,
    cached,
    events,
    start,
    async end() {
      for (const client of Object.values(cached)) await client.$cache.close()
      await Promise.all(clients.map(client => client.$disconnect()))
      for (const redis of redises) redis.disconnect()
      await dropDatabase(admin, name)
    },
  }
}
type Deployed = Awaited<ReturnType<typeof deployed>>
const VERSIONS = ['before', 'after'] as const

const run = (client: Client, [model, operation, args]: Read) => (client[model] as Delegate)[operation]?.(args)

/** How many of the version's reads differ from those of its plain client. */
async function wrong(on: Deployed, change: Change, version: 'before' | 'after'): Promise<number> {
  let count = 0
  for (const read of change.reads[version]) {
    const [got, expected] = [await run(on.cached[version], read), await run(on.plain[version], read)]
    if (JSON.stringify(got) !== JSON.stringify(expected)) count++
  }
  return count
}

/** Reads until all reads of the version are hits. */
async function warm(on: Deployed, change: Change, version: 'before' | 'after'): Promise<void> {
  await expect
    .poll(
      async () => {
        const client = on.cached[version]
        for (const read of change.reads[version]) await run(client, read)
        const { hits } = client.$cache.stats()
        for (const read of change.reads[version]) await run(client, read)
        return client.$cache.stats().hits - hits
      },
      { interval: 30 },
    )
    .toBe(change.reads[version].length)
}

/** Writes of both in turns, each read back by both; answers how many reads were wrong. */
async function inTurns(on: Deployed, change: Change, isWarm: boolean): Promise<number> {
  let found = 0
  let n = 0
  for (let round = 0; round < 2; round++) {
    for (const writer of VERSIONS) {
      for (const [model, operation, argsOf] of change.writes[writer]) {
        // The other one last, and read first: entries of the writer may take the place of its own.
        const [other, own] = VERSIONS.toSorted(one => (one === writer ? 1 : -1)) as ['before', 'after']
        if (isWarm) for (const version of [own, other]) await warm(on, change, version)
        await run(on.cached[writer], [model, operation, argsOf(n++)])
        for (const version of [other, own]) found += await wrong(on, change, version)
      }
    }
  }
  return found
}

describe.each(Object.entries(CHANGES))('%s', (_, change) => {
  it('each version of the schema reads what its plain client reads, from the first moment on', async () => {
    const on = await deployed(change)
    await warm(on, change, 'before')
    expect(await inTurns(on, change, false)).toBe(0)
    expect(await inTurns(on, change, true)).toBe(0)
    await on.end()
  })

  if (change.free) {
    it('the change needs nothing: neither version invalidates more because of the other', async () => {
      const on = await deployed(change, { Fleet: Alone })
      await warm(on, change, 'before')
      expect(await inTurns(on, change, true)).toBe(0)
      await on.end()
    })
  } else {
    control('without knowing of each other, a version reads stale rows', async () => {
      const on = await deployed(change, { Fleet: Alone })
      expect(await inTurns(on, change, true)).toBeGreaterThan(0)
      await on.end()
    })
  }
})

describe('a version that comes back after it was gone: a rollback', () => {
  const change = CHANGES['a model is renamed, its table stays'] as Change

  async function rolledBack(fleet: typeof Fleet): Promise<number> {
    const on = await deployed(change, { Fleet: fleet })
    await warm(on, change, 'before')
    await on.cached.before.$cache.close()
    // Its sign of life runs out, so the writes of the new version name only what that one knows.
    await expect
      .poll(() =>
        run(on.cached.after, ['person', 'findFirst', {}])?.then(() => on.cached.after.$cache.stats().otherVersions),
      )
      .toBe(0)
    await new Promise(resolve => setTimeout(resolve, TIMES.leaseMs + 100))
    for (const [n, [model, operation, argsOf]] of change.writes.after.entries()) {
      await run(on.cached.after, [model, operation, argsOf(n)])
    }
    expect(on.cached.after.$cache.stats().otherVersions).toBe(0)
    on.cached.before = on.start('before')
    const { $cache } = on.cached.before
    const isCached = () => $cache.explain('User' as never, 'findUnique', { where: { id: 2 } }).cached
    await run(on.cached.before, ['user', 'count', {}])
    await expect.poll(isCached).toBe(true)
    const found = await wrong(on, change, 'before')
    await on.end()
    return found
  }

  it('a version that comes back after a rollback serves nothing stale', async () => {
    expect(await rolledBack(Fleet)).toBe(0)
  })

  control('without the renewal of epochs, it serves stale rows', async () => {
    class Careless extends Fleet {
      constructor(...[connection, options]: ConstructorParameters<typeof Fleet>) {
        super(connection, { ...options, epochs: [], version: { ...options.version, epochsOf: () => [] } })
      }
    }
    expect(await rolledBack(Careless)).toBeGreaterThan(0)
  })
})

describe('a version that has just come', () => {
  /** The process that was there does not look again during the test. */
  const fleetTimes = { leaseMs: 40_000, freshMs: 30_000, renewMs: 20_000 }
  const change = CHANGES['a relation is added over a column that was there'] as Change

  /** How many reads of the new version are wrong after a write of the old one, which has not noticed it. */
  async function unnoticed(fleet: typeof Fleet): Promise<number> {
    const on = await deployed(change, { fleetTimes, Fleet: fleet }, true)
    await warm(on, change, 'before')
    on.cached.after = on.start('after')
    for (let i = 0; i < 4; i++) for (const read of change.reads.after) await run(on.cached.after, read)
    await run(on.cached.before, ['post', 'update', { where: { id: 3 }, data: { title: 'changed' } }])
    expect(on.cached.before.$cache.stats().otherVersions).toBe(0)
    const found = await wrong(on, change, 'after')
    await on.end()
    return found
  }

  it('reads nothing from the cache that the other version writes without knowing of it', async () => {
    expect(await unnoticed(Fleet)).toBe(0)
  })

  control('if it did, it would read what is stale', async () => {
    class Hasty extends Fleet {
      override check: Fleet['check'] = plan => plan
    }
    expect(await unnoticed(Hasty)).toBeGreaterThan(0)
  })
})

describe('signs of life', () => {
  it('other versions are shown by an event and by stats, and a write shows what it invalidates for them', async () => {
    const change = CHANGES['a relation is added over a column that was there'] as Change
    const on = await deployed(change, { fleetTimes: LONG }, true)
    await warm(on, change, 'before')
    on.cached.after = on.start('after')
    await warm(on, change, 'after')
    await expect
      .poll(async () => {
        await run(on.cached.before, ['post', 'count', {}])
        return on.cached.before.$cache.stats().otherVersions
      })
      .toBe(1)
    expect(on.events.before.filter(({ type }) => type === 'versions')).toEqual([{ type: 'versions', others: 1 }])
    // The database, too, has to answer which one it is before the first reads are cached.
    const bypasses = on.events.after.flatMap(event => (event.type === 'bypass' ? [event.why] : []))
    expect(new Set(bypasses.filter(why => why !== NOT_KNOWN))).toEqual(
      new Set(['another version of the application writes Post and may not know of this one yet']),
    )
    await on.end()
  })

  it('a write costs no more than alone where the versions agree', async () => {
    const change = CHANGES['a relation field is renamed'] as Change
    const on = await deployed(change, { fleetTimes: LONG }, true)
    await warm(on, change, 'before')
    on.cached.after = on.start('after')
    await warm(on, change, 'after')
    await run(on.cached.before, ['post', 'update', { where: { id: 4 }, data: { title: 'of user 2' } }])
    // Lists of user 1 are still served.
    const { hits } = on.cached.after.$cache.stats()
    await run(on.cached.after, [
      'user',
      'findUnique',
      { where: { id: 1 }, include: { articles: { orderBy: { id: 'asc' } } } },
    ])
    expect(on.cached.after.$cache.stats().hits).toBe(hits + 1)
    await on.end()
  })
})

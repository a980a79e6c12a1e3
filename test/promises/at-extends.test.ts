/** What is configured is held against the schema at `$extends`; and two kinds of schema that this project's own is not. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Prisma, type PrismaClient } from '../../generated/prisma/client.js'
import { type CacheAsideOptions, type CacheEvent, cacheAside } from '../../src/index.js'
import { type CachedProcess, useWorld } from '../support/world.js'
import { withoutRule } from '../support/without-rule.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
// Below the project, so that the generated client finds Prisma's runtime.
const folder = `${root}generated/at-extends-${process.pid}-${randomBytes(4).toString('hex')}`

const SCHEMA = `
generator client {
  provider        = "prisma-client"
  output          = "../generated"
  previewFeatures = ["views"]
}
datasource db {
  provider     = "postgresql"
  relationMode = "prisma"
}
model Author {
  id    Int    @id
  name  String
  books Book[]
}
model Book {
  id       Int     @id
  title    String
  authorId Int?
  author   Author? @relation(fields: [authorId], references: [id], onDelete: SetNull)
  pages    Page[]
  @@index([authorId])
}
model Page {
  id     Int    @id
  text   String
  bookId Int
  book   Book   @relation(fields: [bookId], references: [id], onDelete: Cascade)
  @@index([bookId])
}
view Shelf {
  authorId Int @unique
  books    Int
}
`

const TABLES = `
CREATE TABLE "Author" ("id" INT PRIMARY KEY, "name" TEXT NOT NULL);
CREATE TABLE "Book" ("id" INT PRIMARY KEY, "title" TEXT NOT NULL, "authorId" INT);
CREATE TABLE "Page" ("id" INT PRIMARY KEY, "text" TEXT NOT NULL, "bookId" INT NOT NULL);
CREATE VIEW "Shelf" AS SELECT "authorId", count(*)::int AS "books" FROM "Book" WHERE "authorId" IS NOT NULL GROUP BY "authorId";
`

const world = useWorld()
/** Its types are those of another schema. */
let newLibrary: () => PrismaClient
beforeAll(async () => {
  await mkdir(`${folder}/prisma`, { recursive: true })
  await writeFile(`${folder}/prisma/schema.prisma`, SCHEMA)
  generate(`${folder}/prisma/schema.prisma`)
  const generated = (await import(`${folder}/generated/client.ts`)) as { PrismaClient: typeof PrismaClient }
  for (const statement of TABLES.split(';').filter(text => text.trim() !== '')) {
    await world.plain.$executeRawUnsafe(statement)
  }
  newLibrary = () =>
    new generated.PrismaClient({
      adapter: new PrismaPg({ connectionString: world.databaseUrl }),
      log: [{ level: 'query', emit: 'event' }],
    })
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** As scripts/generate.mjs does. */
function generate(schema: string): void {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['node_modules/prisma/build/index.js', 'generate', '--schema', schema],
    {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...process.env,
        PRISMA_SCHEMA_ENGINE_BINARY: process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ?? process.execPath,
        DATABASE_URL: process.env['DATABASE_URL'] ?? 'postgresql://127.0.0.1:1/none',
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
      },
    },
  )
  if (status !== 0) throw new Error(stderr)
}

const extended = (models: object, base?: PrismaClient) => () =>
  world.process({ models: models as CacheAsideOptions['models'] }, base && { base })

describe('at $extends', () => {
  it.each([
    ['Usr', 'User'],
    ['Uesr', 'User'],
    ['user', 'User'],
    ['Catgeory', 'Category'],
    ['Memberships', 'Membership'],
  ])('a model %s that the schema does not have is refused, with the nearest one: %s', (wrong, meant) => {
    expect(extended({ [wrong]: true })).toThrow(
      expect.objectContaining({ code: 'INVALID_MODEL', message: expect.stringContaining(`Write ${meant},`) as string }),
    )
  })

  it('a model that is like none of them is refused with all of them', () => {
    expect(extended({ Warehouse: true })).toThrow(
      /names "Warehouse", and the schema has no such model\. There are: User, /,
    )
  })

  it('a model in dependsOn or triggers that the schema does not have is refused the same', () => {
    expect(extended({ Post: { dependsOn: ['User'] } })).toThrow(
      /dependsOn is for views, and Post is a table\. .*triggers: \{ User: \['Post'\] \}/,
    )
    expect(() => world.process({ triggers: { Order: ['Porduct'] } } as never)).toThrow(
      /Write Product, as in the schema/,
    )
  })

  it('a view that does not say what it depends on is refused', () => {
    expect(extended({ Shelf: true }, newLibrary())).toThrow(
      expect.objectContaining({ code: 'INVALID_MODEL', message: expect.stringContaining('dependsOn') as string }),
    )
  })

  it('a schema of another database is refused', () => {
    const { _engineConfig, _runtimeDataModel } = world.plain as unknown as {
      _engineConfig: { inlineSchema: string }
      _runtimeDataModel: object
    }
    const inlineSchema = _engineConfig.inlineSchema.replace('"postgresql"', '"mysql"')
    const foreign = Object.create(world.plain, {
      _engineConfig: { value: { ..._engineConfig, inlineSchema } },
      _runtimeDataModel: {
        value: { ..._runtimeDataModel, models: { ...(_runtimeDataModel as { models: object }).models } },
      },
    }) as PrismaClient
    expect(extended({ User: true }, foreign)).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED_CLIENT',
        message: expect.stringContaining(`provider is "mysql", and only "postgresql" is supported`) as string,
      }),
    )
  })

  it('a model without a key that rows can be cached by is warned of, and no other: also who listens later is told', () => {
    const lines: string[] = []
    const models = { User: true, AliasFloat: true, Membership: true } as const
    const prisma = world.plain.$extends(
      cacheAside({ redis: world.redis, models, log: { warn: line => lines.push(line) } }),
    )
    const heard: CacheEvent[] = []
    prisma.$cache.on(event => heard.push(event))
    const message = expect.stringMatching(/^models\.AliasFloat has no key that rows can be cached by/) as string
    expect(heard).toEqual([{ type: 'warning', code: 'NO_KEY', message }])
    expect(lines).toEqual([expect.stringMatching(/^prisma-extension-cache-aside: models\.AliasFloat has no key/)])
  })

  it('a trigger that reaches nothing cached is warned of, as an option without effect', () => {
    const options = { redis: world.redis, models: { User: true }, triggers: { Order: ['Post'] } } as const
    const prisma = world.plain.$extends(cacheAside(options))
    const heard: CacheEvent[] = []
    prisma.$cache.on(event => heard.push(event))
    expect(heard).toEqual([
      {
        type: 'warning',
        code: 'OPTION_WITHOUT_EFFECT',
        message:
          'triggers.Order has no effect: it names Post, and none of them is cached. Add them to models, or remove it.',
      },
    ])
  })

  it('read replicas before the cache are warned of, and explain says that no read is cached', async () => {
    // As Prisma's extension for them does: it has both members, and answers reads by itself.
    const replicas = Prisma.defineExtension({
      name: 'read-replicas',
      client: { $primary: () => world.plain, $replica: () => world.plain },
      query: { $allModels: { findUnique: async ({ args }) => world.plain.user.findUnique(args as never) } },
    })
    const lines: string[] = []
    const options = {
      redis: world.redis,
      models: { User: true },
      log: { warn: (line: string) => lines.push(line) },
    } as const
    const prisma = world.plain.$extends(replicas).$extends(cacheAside(options))
    const heard: CacheEvent[] = []
    prisma.$cache.on(event => heard.push(event))
    const why = expect.stringContaining('read replicas were applied before the cache') as string
    expect(heard).toEqual([{ type: 'warning', code: 'READ_REPLICAS', message: why }])
    expect(lines).toEqual([why])
    expect(prisma.$cache.explain('User', 'findUnique', { where: { id: 1 } })).toEqual({ cached: false, why })
  })

  it('lines come where they are wanted: not in tests and in production by default, always with true, never with false', () => {
    const models = { AliasFloat: true } as const
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const linesOf = (log: boolean | undefined, mode: string) => {
      vi.stubEnv('NODE_ENV', mode)
      warn.mockClear()
      world.plain.$extends(cacheAside({ redis: world.redis, models, log }))
      return warn.mock.calls.length
    }
    expect(['test', 'production', 'development', ''].map(mode => linesOf(undefined, mode))).toEqual([0, 0, 1, 1])
    expect(['production', 'development'].map(mode => linesOf(true, mode))).toEqual([1, 1])
    expect(['production', 'development'].map(mode => linesOf(false, mode))).toEqual([0, 0])
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
  })
})

interface Library {
  author: Delegate
  book: Delegate
  page: Delegate
  shelf: Delegate
}
type Delegate = Record<string, (args?: object) => PromiseLike<unknown>> & {
  findUnique: (args: object) => PromiseLike<unknown>
  findFirst: (args: object) => PromiseLike<unknown>
  findMany: (args?: object) => PromiseLike<unknown>
  create: (args: object) => PromiseLike<unknown>
  update: (args: object) => PromiseLike<unknown>
  delete: (args: object) => PromiseLike<unknown>
}

describe('a schema with a view, whose relations Prisma keeps (relationMode = "prisma")', () => {
  const models = {
    Author: { queries: true },
    Book: { queries: true },
    Page: { queries: true },
    Shelf: { queries: true, dependsOn: ['Book'] },
  }
  const library = (of: CachedProcess | PrismaClient) => ('prisma' in of ? of.prisma : of) as unknown as Library

  /** Every shape that the writes below change. */
  const all = (db: Library) =>
    Promise.all([
      ...[1, 2].map(id => db.author.findUnique({ where: { id }, include: { books: { orderBy: { id: 'asc' } } } })),
      ...[10, 11].map(id => db.book.findUnique({ where: { id }, include: { author: true, pages: true } })),
      db.page.findUnique({ where: { id: 100 } }),
      db.page.findMany({ where: { book: { authorId: 1 } }, orderBy: { id: 'asc' } }),
      db.shelf.findUnique({ where: { authorId: 1 } }),
      db.shelf.findFirst({ where: { authorId: 1 } }),
      db.shelf.findMany({ orderBy: { authorId: 'asc' } }),
    ])

  const writes: [name: string, (db: Library) => PromiseLike<unknown>][] = [
    ['a delete that sets null', db => db.author.delete({ where: { id: 1 } })],
    ['a delete that cascades', db => db.book.delete({ where: { id: 10 } })],
    ['a move', db => db.book.update({ where: { id: 10 }, data: { authorId: 2 } })],
    ['a create', db => db.book.create({ data: { id: 12, title: 'new', authorId: 1 } })],
  ]

  const after = async (write: (db: Library) => PromiseLike<unknown>, without?: string) => {
    const plainClient = newLibrary()
    const plain = library(plainClient)
    await world.evict()
    await world.plain.$executeRaw`DELETE FROM "Page"`
    await world.plain.$executeRaw`DELETE FROM "Book"`
    await world.plain.$executeRaw`DELETE FROM "Author"`
    for (const id of [1, 2]) await plain.author.create({ data: { id, name: `a${id}` } })
    for (const id of [10, 11]) await plain.book.create({ data: { id, title: `b${id}`, authorId: 1 } })
    await plain.page.create({ data: { id: 100, text: 'p', bookId: 10 } })
    const parts = without === undefined ? {} : withoutRule(without)
    const [reader, writer] = [0, 1].map(() =>
      world.process({ models: models as CacheAsideOptions['models'] }, { base: newLibrary(), parts }),
    ) as [CachedProcess, CachedProcess]
    await all(library(reader))
    await reader.flushed()
    const warm = await reader.countSql(() => all(library(reader)))
    await write(library(writer))
    const seen = { warm, cached: await all(library(reader)), database: await all(plain) }
    await plainClient.$disconnect()
    return seen
  }

  it.each(writes)('%s is seen in every shape', async (_, write) => {
    const { warm, cached, database } = await after(write)
    // A view has no `@id`, and rows are kept by one: its `findUnique` goes to the database.
    expect(warm).toBe(1)
    expect(cached).toEqual(database)
  })

  it.each([
    ['a delete that sets null', 'cascade'],
    ['a delete that cascades', 'cascade'],
    ['a create', 'every-write'],
  ])('(%s, without the rule %s, is not)', async (name, rule) => {
    const [, write] = writes.find(([of]) => of === name) as (typeof writes)[number]
    const { cached, database } = await after(write, rule)
    expect(cached).not.toEqual(database)
  })
})

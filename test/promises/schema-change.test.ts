/** A deploy: processes with the old and with the new schema share one database and one Redis, and each is always right. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { PrismaClient } from '../../generated/prisma/client.js'
import { delegate, outcome } from '../support/delegates.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
// Below the project, so that the generated client finds Prisma's runtime.
const folder = `${root}generated/schema-change-${process.pid}-${randomBytes(4).toString('hex')}`

/** The new schema: a column more, a column less, another type, another member of an enum, a model more. */
const changes: [from: RegExp, to: string][] = [
  [/(model Brand \{\n {2}slug String @id\n {2}name String\n)/, '$1  motto String @default("none")\n'],
  [/(model Tag \{\n {2}id {4}String @id @default\(cuid\(\)\)\n)/, '$1  weight Int?\n'],
  [/ {2}bio {6}String\?\n/, ''],
  [/ {2}note {6}String\?\n/, '  note      Int?\n'],
  [/ {2}BESTSELLER\n/, '  BESTSELLER\n  RARE\n'],
  [/ {2}mimeType {2}String\n/, '  mimeType  String @map("mime_type")\n'],
]

const world = useWorld()
let before: CachedProcess
let after: CachedProcess
let plainAfter: PrismaClient

beforeAll(async () => {
  let schema = await readFile(`${root}prisma/schema.prisma`, 'utf8')
  for (const [from, to] of changes) {
    expect(schema).toMatch(from)
    schema = schema.replace(from, to)
  }
  await mkdir(`${folder}/prisma`, { recursive: true })
  await writeFile(`${folder}/prisma/schema.prisma`, schema)
  generate(`${folder}/prisma/schema.prisma`)
  const generated = (await import(`${folder}/generated/prisma/client.ts`)) as {
    PrismaClient: typeof PrismaClient
  }

  const newClient = () =>
    new generated.PrismaClient({
      adapter: new PrismaPg({ connectionString: world.databaseUrl }),
      log: [{ level: 'query', emit: 'event' }],
    })
  plainAfter = newClient()
  before = world.process()
  after = world.process({}, { base: newClient() })
})

afterAll(async () => {
  await plainAfter?.$disconnect()
  await rm(folder, { recursive: true, force: true })
})

/** As scripts/generate.mjs does. */
function generate(schema: string): void {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['node_modules/prisma/build/index.js', 'generate', '--schema', schema],
    {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...process.env,
        PRISMA_SCHEMA_ENGINE_BINARY: process.env.PRISMA_SCHEMA_ENGINE_BINARY || process.execPath,
        DATABASE_URL: 'postgresql://127.0.0.1:1/none',
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
      },
    },
  )
  expect(status, stdout + stderr).toBe(0)
}

/** Both processes read, several times and in turns, as plain clients of their schema do. */
async function bothRight(model: string, ...args: object[]): Promise<void> {
  for (const one of args) {
    const truths = [
      await outcome(delegate(world.plain, model).findUnique(one)),
      await outcome(delegate(plainAfter, model).findUnique(one)),
    ]
    for (let i = 0; i < 3; i++) {
      for (const [which, cached] of [before, after].entries()) {
        for (let again = 0; again < 2; again++) {
          expect(await outcome(delegate(cached.prisma, model).findUnique(one)), `${model}, ${which}`).toStrictEqual(
            truths[which],
          )
          await cached.flushed()
        }
      }
    }
  }
}

it('a column more: the old process neither shows it nor takes it from the new one, and both see each other’s writes', async () => {
  await world.plain.brand.createMany({
    data: [
      { slug: 'a', name: 'A' },
      { slug: 'b', name: 'B' },
    ],
  })
  for (const { slug } of await world.plain.brand.findMany()) {
    await before.prisma.brand.findUnique({ where: { slug } })
  }
  await world.plain.$executeRaw`ALTER TABLE "Brand" ADD COLUMN "motto" TEXT NOT NULL DEFAULT 'none'`

  const where = { slug: 'a' }
  await bothRight('Brand', { where }, { where, select: { name: true } }, { where: { slug: 'none' } })
  expect(await delegate(after.prisma, 'Brand').findUnique({ where })).toEqual({ slug: 'a', name: 'A', motto: 'none' })
  expect(await delegate(before.prisma, 'Brand').findUnique({ where })).toEqual({ slug: 'a', name: 'A' })

  await delegate(after.prisma, 'Brand').update({ where, data: { motto: 'new' } })
  await bothRight('Brand', { where })
  await before.prisma.brand.update({ where, data: { name: 'A2' } })
  await bothRight('Brand', { where })
  await before.prisma.brand.create({ data: { slug: 'none', name: 'N' } })
  await bothRight('Brand', { where: { slug: 'none' } })
  await delegate(after.prisma, 'Brand').update({ where: { slug: 'none' }, data: { slug: 'some' } })
  await bothRight('Brand', { where: { slug: 'none' } }, { where: { slug: 'some' } })
  await before.prisma.$transaction(tx => tx.brand.delete({ where: { slug: 'some' } }))
  await bothRight('Brand', { where: { slug: 'some' } }, { where })
})

it('each version is served by what it has filled itself', async () => {
  const where = { slug: 'b' }
  for (const process of [before, after]) {
    const read = () => delegate(process.prisma, 'Brand').findUnique({ where })
    await read()
    expect(await process.countSql(read)).toBe(0)
  }
})

it('a column in the middle: values don’t slip into the places of others, also by a unique', async () => {
  await world.plain.$executeRaw`ALTER TABLE "Tag" ADD COLUMN "weight" INTEGER`
  const { id } = await world.plain.tag.create({ data: { name: 'tag' } })
  const reads = [{ where: { id } }, { where: { name: 'tag' } }, { where: { name: 'gat' } }]
  await bothRight('Tag', ...reads)
  await delegate(after.prisma, 'Tag').update({ where: { name: 'tag' }, data: { weight: 7 } })
  await bothRight('Tag', ...reads)
  await before.prisma.tag.update({ where: { id }, data: { name: 'gat' } })
  await bothRight('Tag', ...reads)
})

it('a column less: the old process reads it while it is there, and afterwards what it does not need it for', async () => {
  const user = await world.plain.user.create({ data: { email: 'schema@x.org' } })
  const { id } = await world.plain.profile.create({ data: { userId: user.id, handle: 'h', bio: 'old' } })
  const reads = [{ where: { id } }, { where: { handle: 'h' } }, { where: { id }, select: { handle: true } }]
  await bothRight('Profile', ...reads)
  await before.prisma.profile.update({ where: { id }, data: { bio: 'new' } })
  await bothRight('Profile', ...reads)
  await delegate(after.prisma, 'Profile').update({ where: { id }, data: { handle: 'h2' } })
  await bothRight('Profile', ...reads, { where: { handle: 'h2' } })

  await world.plain.$executeRaw`ALTER TABLE "Profile" DROP COLUMN "bio"`
  await delegate(after.prisma, 'Profile').update({ where: { id }, data: { handle: 'h3' } })
  const select = { handle: true }
  await bothRight('Profile', { where: { id }, select }, { where: { id } }, { where: { handle: 'h3' }, select })
  await before.prisma.profile.update({ where: { id }, data: { handle: 'h4' }, select })
  await bothRight('Profile', { where: { id }, select }, { where: { id } }, { where: { handle: 'h3' }, select })
})

it('a column of another type is read correctly by both versions', async () => {
  const user = await world.plain.user.create({ data: { email: 'bookmark@x.org' } })
  const post = await world.plain.post.create({ data: { title: 't', authorId: user.id } })
  const key = { userId: user.id, postId: post.id }
  await world.plain.bookmark.create({ data: { ...key, note: '5' } })
  const where = { userPost: key }
  await before.prisma.bookmark.findUnique({ where })
  await world.plain.$executeRaw`ALTER TABLE "Bookmark" ALTER COLUMN "note" TYPE INTEGER USING "note"::integer`
  await delegate(after.prisma, 'Bookmark').update({ where, data: { note: 6 } })
  await bothRight('Bookmark', { where }, { where, select: { note: true } })
  await delegate(after.prisma, 'Bookmark').update({ where, data: { note: 7 } })
  await bothRight('Bookmark', { where }, { where, select: { note: true } })
})

it('a member more of an enum, which the old process does not know', async () => {
  await world.plain.$executeRawUnsafe(`ALTER TYPE "Badge" ADD VALUE 'RARE'`)
  const { id } = await world.plain.product.create({
    data: { sku: 's', brandSlug: 'b', model: 'm', name: 'n', price: '1', sizes: [], badges: ['SIGNED'] },
  })
  const reads = [{ where: { id } }, { where: { sku: 's' } }, { where: { id }, select: { name: true, badges: true } }]
  await bothRight('Product', ...reads)
  await delegate(after.prisma, 'Product').update({ where: { id }, data: { badges: ['RARE', 'SIGNED'] } })
  await bothRight('Product', ...reads, { where: { id }, select: { name: true } })
  await before.prisma.product.update({ where: { id }, data: { badges: [] }, select: { id: true } })
  await bothRight('Product', ...reads)
})

it('a column whose values the old process cannot read is an error only for queries that select it', async () => {
  const { id } = await world.plain.product.create({
    data: { sku: 'd', brandSlug: 'b', model: 'd', name: 'n', price: '1', sizes: [], keywords: ['k'] },
  })
  const drifts = [
    ['ALTER COLUMN "unitsSold" TYPE NUMERIC USING 1.5', { unitsSold: true }],
    [`ALTER COLUMN "attributes" TYPE TEXT USING '{'`, { attributes: true }],
    [`ALTER COLUMN "price" TYPE TEXT USING 'much'`, { price: true }],
    [`ALTER COLUMN "keywords" DROP DEFAULT, ALTER COLUMN "keywords" TYPE TEXT USING 'k'`, { keywords: true }],
  ] as const
  for (const [alter, select] of drifts) {
    await world.plain.$executeRawUnsafe(`ALTER TABLE "Product" ${alter}`)
    for (const where of [{ id }, { sku: 'd' }]) {
      for (const shape of [{ select: { name: true } }, { select }, { select: { name: true, brand: true } }]) {
        const truth = await outcome(delegate(world.plain, 'Product').findUnique({ where, ...shape }))
        const answer = await outcome(delegate(before.prisma, 'Product').findUnique({ where, ...shape }))
        expect(answer, `${alter} ${JSON.stringify(shape)}`).toStrictEqual(truth)
      }
    }
  }
})

it('a column with another name is read correctly by both versions', async () => {
  const { id } = await world.plain.asset.create({ data: { mimeType: 'a/b', content: Buffer.from('x') } })
  await before.prisma.asset.findUnique({ where: { id } })
  await world.plain.$executeRaw`ALTER TABLE "Asset" RENAME COLUMN "mimeType" TO "mime_type"`
  await delegate(after.prisma, 'Asset').update({ where: { id }, data: { mimeType: 'c/d' } })
  await bothRight('Asset', { where: { id } }, { where: { id }, select: { content: true } })
})

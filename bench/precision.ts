/**
 * `npm run precision`: what each kind of write makes wrong in a warm cache, and what it drops: the table of
 * docs/invalidation.md. All users of a database with 10,000 of them are cached, their posts, and lists and results over
 * those. Wrong is what the database says differently afterwards; dropped is what Redis does not answer any more.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { PrismaClient } from '../generated/prisma/client.js'
import { cacheAside } from '../src/index.js'
import { applyMigrations, createDatabase, dropDatabase } from '../test/support/database.js'
import { watchRedis } from '../test/support/monitor.js'
import { seed } from '../test/support/seed.js'
import { startServers } from '../test/support/servers.js'

const USERS = Number(process.env['USERS'] ?? 10_000)
const RESULTS = 20
const AT_ONCE = 2000
const PAGE = new URL('../docs/invalidation.md', import.meta.url)

const servers = await startServers()
console.log(servers.chosen.join('\n'))
const database = `cache_aside_precision_${process.pid}`
const databaseUrl = await createDatabase(servers.databaseUrl, database)
await applyMigrations(databaseUrl)

function newClient() {
  const client = new PrismaClient({
    adapter: new PrismaPg({ connectionString: databaseUrl }),
    errorFormat: 'minimal',
    log: [{ level: 'query', emit: 'event' }],
  })
  const sql: string[] = []
  client.$on('query', ({ query }) => sql.push(query))
  return { client, sql }
}

const { client: plain, sql: plainSql } = newClient()
const { client: base, sql: cachedSql } = newClient()
const redis = new Redis(servers.redisUrl)
const prefix = `${database}:`
const model = { ttl: '1h', negativeTtl: '1h', queries: true } as const
const prisma = base.$extends(
  cacheAside({
    redis,
    prefix,
    hooksBehind: 'same-for-all', // `offline` throws for everybody
    deadlineMs: 60_000,
    invalidationDeadlineMs: 60_000,
    models: { User: model, Post: model, Tag: model, Category: model, Profile: model },
  }),
)
type Client = typeof plain

/** What Redis answers without the database: the innermost extension is asked only on a miss. */
const offline = prisma.$extends({
  query: {
    $allModels: {
      $allOperations() {
        throw new Error('missed')
      },
    },
  },
})

// ---- what is cached

interface Entries {
  readonly name: string
  /** Where there is one entry per row: the ids. */
  readonly ids: readonly unknown[]
  readonly read: (client: typeof prisma, id: never) => PromiseLike<unknown>
  /** Digest of each entry's truth, by id. */
  readonly truth: string
  /** It is read with a row of that kind, which may be dropped while it is not. */
  readonly under?: string
  /** Each is a row. */
  readonly oneRow?: boolean
}

const ordered = { orderBy: { id: 'asc' } } as const

console.log(`seeding ${USERS} users …`)
const { users, posts, tags, categories } = await seed(plain, { users: USERS })
const tagged = posts.slice(0, 1000)
const thresholds = Array.from({ length: RESULTS }, (_, n) => n * 10)

const entries: readonly Entries[] = [
  {
    name: 'users',
    oneRow: true,
    ids: users,
    read: (client, id) => client.user.findUnique({ where: { id } }),
    truth: `SELECT u."id"::text AS "id", md5(u::text) AS "digest" FROM "User" u`,
  },
  {
    name: 'posts',
    oneRow: true,
    ids: posts,
    read: (client, id) => client.post.findUnique({ where: { id } }),
    truth: `SELECT p."id"::text AS "id", md5(p::text) AS "digest" FROM "Post" p`,
  },
  {
    name: 'posts of a user',
    ids: users,
    read: (client, id) => client.post.findMany({ where: { authorId: id }, ...ordered }),
    truth: `SELECT "authorId"::text AS "id", md5(string_agg(p::text, ',' ORDER BY p."id")) AS "digest" FROM "Post" p GROUP BY 1`,
  },
  {
    name: 'posts of a category',
    ids: categories,
    read: (client, id) => client.post.findMany({ where: { categoryId: id }, ...ordered }),
    truth: `SELECT "categoryId"::text AS "id", md5(string_agg(p::text, ',' ORDER BY p."id")) AS "digest" FROM "Post" p WHERE "categoryId" IS NOT NULL GROUP BY 1`,
  },
  {
    name: 'tags of a post',
    under: 'posts',
    ids: tagged,
    read: (client, id) => client.post.findUnique({ where: { id }, select: { tags: ordered } }),
    truth: `SELECT l."A"::text AS "id", md5(string_agg(t::text, ',' ORDER BY t."id")) AS "digest" FROM "_PostToTag" l JOIN "Tag" t ON t."id" = l."B" GROUP BY 1`,
  },
  {
    name: 'results over users',
    ids: thresholds,
    read: (client, id) => client.user.count({ where: { id: { gt: id } } }),
    truth: `SELECT n::text AS "id", (SELECT count(*) FROM "User" WHERE "id" > n)::text AS "digest" FROM generate_series(0, ${RESULTS * 10 - 10}, 10) n`,
  },
  {
    name: 'results over posts',
    ids: thresholds,
    read: (client, id) => client.post.findMany({ where: { id: { gt: id } }, take: 10, ...ordered }),
    truth: `SELECT n::text AS "id", (SELECT md5(string_agg(p::text, ',' ORDER BY p."id")) FROM (SELECT * FROM "Post" WHERE "id" > n ORDER BY "id" LIMIT 10) p) AS "digest" FROM generate_series(0, ${RESULTS * 10 - 10}, 10) n`,
  },
]

/** Which entries of a kind Redis answers; a few thousand at a time, each in one tick. */
async function live({ read, ids: all }: Entries, ids = all): Promise<Set<string>> {
  const found = new Set<string>()
  await inChunks(ids, async id => {
    try {
      await read(offline, id as never)
      found.add(String(id))
    } catch {
      // Not in the cache.
    }
  })
  return found
}

async function inChunks(ids: readonly unknown[], each: (id: unknown) => Promise<unknown>): Promise<void> {
  for (let n = 0; n < ids.length; n += AT_ONCE) await Promise.all(ids.slice(n, n + AT_ONCE).map(each))
}

async function truths(): Promise<ReadonlyMap<string, string>[]> {
  const all: ReadonlyMap<string, string>[] = []
  for (const { truth } of entries) {
    const rows: { id: string; digest: string }[] = await plain.$queryRawUnsafe(truth)
    all.push(new Map(rows.map(({ id, digest }) => [id, digest])))
  }
  return all
}

/** What is known to be cached, by kind of entry. */
const cached: Set<string>[] = []

/** Reads what is not cached, until all of it is. */
async function warm(): Promise<Set<string>[]> {
  for (const [i, kind] of entries.entries()) {
    const found = cached[i] ?? (await live(kind))
    cached[i] = found
    for (let tries = 0; found.size < kind.ids.length && tries < 3; tries++) {
      const missing = kind.ids.filter(id => !found.has(String(id)))
      for (let n = 0; n < missing.length; n += 500) {
        await Promise.all(missing.slice(n, n + 500).map(id => kind.read(prisma, id as never)))
        await sleep(1)
        await redis.ping()
      }
      for (const id of await live(kind, missing)) found.add(id)
    }
  }
  return cached
}

// ---- the writes

interface Write {
  readonly name: string
  /** `n` is another number each time it is called, so that no two calls meet. */
  readonly run: (client: Client, n: number) => Promise<unknown>
}

const user = (n: number) => users[(n * 37 + 5) % (users.length - 1)] as number
/** Every second user has an order, which keeps him from being deleted. */
const customerOfNothing = (n: number) => users[2 * ((n * 37) % Math.floor(users.length / 2)) + 1] as number
const postOf = (id: number) => posts[(id - (users[0] as number)) * 3] as number
const stranger = (n: number) => user(n + 101)
const tag = (n: number) => tags[n % tags.length] as string
const word = (n: number) => `n${n}`

const writes: readonly Write[] = [
  {
    name: 'user.update({ where: { id } })',
    run: (c, n) => c.user.update({ where: { id: user(n) }, data: { name: word(n) } }),
  },
  {
    name: 'user.update({ where: { email } })',
    run: (c, n) => c.user.update({ where: { email: `user${user(n)}@example.com` }, data: { name: word(n) } }),
  },
  {
    name: 'user.update, another email',
    run: (c, n) => c.user.update({ where: { id: user(n) }, data: { email: `${word(n)}@example.com` } }),
  },
  { name: 'user.create', run: (c, n) => c.user.create({ data: { email: `${word(n)}@example.com` } }) },
  {
    name: 'user.upsert that updates',
    run: (c, n) => c.user.upsert({ where: { id: user(n) }, create: { email: word(n) }, update: { name: word(n) } }),
  },
  { name: 'user.delete', run: (c, n) => c.user.delete({ where: { id: customerOfNothing(n) } }) },
  {
    name: 'post.update, foreign keys left alone',
    run: (c, n) => c.post.update({ where: { id: postOf(user(n)) }, data: { title: word(n) } }),
  },
  { name: 'post.create', run: (c, n) => c.post.create({ data: { title: word(n), authorId: user(n) } }) },
  {
    name: 'post.createMany, of one user',
    run: (c, n) =>
      c.post.createMany({
        data: [
          { title: word(n), authorId: user(n) },
          { title: 'b', authorId: user(n) },
        ],
      }),
  },
  {
    name: 'post.update, to another author',
    run: (c, n) => c.post.update({ where: { id: postOf(user(n)) }, data: { authorId: stranger(n), slug: word(n) } }),
  },
  { name: 'post.delete', run: (c, n) => c.post.delete({ where: { id: postOf(user(n)) } }) },
  {
    name: 'post.updateMany({ where: { id: { in } } })',
    run: (c, n) =>
      c.post.updateMany({ where: { id: { in: [postOf(user(n)), postOf(stranger(n))] } }, data: { title: word(n) } }),
  },
  {
    name: 'post.updateMany({ where: { authorId } })',
    run: (c, n) => c.post.updateMany({ where: { authorId: user(n) }, data: { views: n } }),
  },
  {
    name: 'post.updateManyAndReturn({ where: { authorId } })',
    run: (c, n) => c.post.updateManyAndReturn({ where: { authorId: user(n) }, data: { views: n } }),
  },
  { name: 'post.deleteMany({ where: { id } })', run: (c, n) => c.post.deleteMany({ where: { id: postOf(user(n)) } }) },
  {
    name: 'post.deleteMany({ where: { authorId } })',
    run: (c, n) => c.post.deleteMany({ where: { authorId: user(n) } }),
  },
  {
    name: 'user.update({ posts: { create } })',
    run: (c, n) => c.user.update({ where: { id: user(n) }, data: { posts: { create: { title: word(n) } } } }),
  },
  {
    name: 'user.update({ posts: { update: { where: { id } } } })',
    run: (c, n) =>
      c.user.update({
        where: { id: user(n) },
        data: { posts: { update: { where: { id: postOf(user(n)) }, data: { title: word(n) } } } },
      }),
  },
  {
    name: 'user.update({ posts: { delete: { id } } })',
    run: (c, n) => c.user.update({ where: { id: user(n) }, data: { posts: { delete: { id: postOf(user(n)) } } } }),
  },
  {
    name: 'user.update({ posts: { updateMany } })',
    run: (c, n) =>
      c.user.update({
        where: { id: user(n) },
        data: { posts: { updateMany: { where: { published: true }, data: { views: n } } } },
      }),
  },
  {
    name: 'user.update({ posts: { connect: { id } } })',
    run: (c, n) =>
      c.user.update({
        where: { id: user(n) },
        data: { posts: { connect: { id: posts[(user(n + 7) - (users[0] as number)) * 3 + 2] as number } } },
      }),
  },
  {
    name: 'user.create({ posts: { create } })',
    run: (c, n) =>
      c.user.create({ data: { email: `${word(n)}@example.com`, posts: { create: [{ title: word(n) }] } } }),
  },
  {
    name: 'post.update({ author: { update } })',
    run: (c, n) => c.post.update({ where: { id: postOf(user(n)) }, data: { author: { update: { name: word(n) } } } }),
  },
  {
    name: 'post.update({ author: { connect: { id } } })',
    run: (c, n) =>
      c.post.update({
        where: { id: postOf(user(n)) },
        data: { slug: word(n), author: { connect: { id: stranger(n) } } },
      }),
  },
  {
    name: 'post.update({ tags: { connect: { id } } })',
    run: (c, n) =>
      c.post.update({ where: { id: tagged[(n * 7) % 999] as number }, data: { tags: { connect: { id: tag(n) } } } }),
  },
  { name: 'tag.update', run: (c, n) => c.tag.update({ where: { id: tag(n) }, data: { name: word(n) } }) },
  {
    name: 'user.update({ profile: { upsert } })',
    run: (c, n) =>
      c.user.update({
        where: { id: user(n) },
        data: { profile: { upsert: { create: { bio: word(n) }, update: { bio: word(n) } } } },
      }),
  },
  { name: 'comment.create', run: (c, n) => c.comment.create({ data: { postId: postOf(user(n)), text: word(n) } }) },
  {
    name: '$transaction of two updates',
    run: (c, n) =>
      c.$transaction(async tx => {
        await tx.user.update({ where: { id: user(n) }, data: { name: word(n) } })
        await tx.post.update({ where: { id: postOf(user(n)) }, data: { title: word(n) } })
      }),
  },
  {
    name: '$executeRaw, UPDATE "Post" … WHERE "id" = …',
    run: (c, n) => c.$executeRawUnsafe(`UPDATE "Post" SET "views" = ${n} WHERE "id" = ${postOf(user(n))}`),
  },
  {
    name: '$executeRaw, INSERT INTO "Post"',
    run: (c, n) =>
      c.$executeRawUnsafe(`INSERT INTO "Post" ("title", "authorId", "updatedAt") VALUES ('x', ${user(n)}, now())`),
  },
  {
    name: '$executeRaw, INSERT INTO "audit_log"',
    run: c => c.$executeRawUnsafe(`INSERT INTO "audit_log" ("action") VALUES ('x')`),
  },
]

interface Measured {
  readonly name: string
  readonly wrong: readonly number[]
  readonly dropped: readonly number[]
  readonly needless: readonly number[]
  readonly stale: number
  readonly extraSql: number
  readonly commands: readonly string[]
}

let turn = 0

/** How many statements a write takes without the cache. */
async function statementsOf({ run }: Write): Promise<number> {
  plainSql.length = 0
  await run(plain, ++turn)
  await sleep(20)
  return plainSql.length
}

async function measure({ name, run }: Write, statements: number): Promise<Measured> {
  await warm()
  const before = await truths()
  cachedSql.length = 0
  const seen = await watchRedis({ prefix, redisUrl: servers.redisUrl, redis } as never, () =>
    run(prisma as unknown as Client, ++turn),
  )
  await sleep(20)
  const extraSql = cachedSql.length - statements

  const after = await truths()
  const counted = { wrong: [] as number[], dropped: [] as number[], needless: [] as number[] }
  let stale = 0
  const gone: Set<string>[] = []
  for (const [i, kind] of entries.entries()) {
    // What is not in the database is not counted: that it is missing is forgotten with every write to the model.
    const there = before[i] as ReadonlyMap<string, string>
    const above = entries.findIndex(({ name: other }) => other === kind.under)
    const rows = kind.oneRow === true ? there : before[above]
    const were = new Set([...(cached[i] as Set<string>)].filter(id => rows === undefined || rows.has(id)))
    const are = await live(kind)
    cached[i] = are
    const wrong = new Set([...were].filter(id => there.get(id) !== after[i]?.get(id)))
    const parents = gone[above]
    const dropped = [...were].filter(id => !are.has(id) && (parents === undefined || !parents.has(id)))
    gone.push(new Set(dropped))
    counted.wrong.push(wrong.size)
    counted.dropped.push(dropped.length)
    counted.needless.push(dropped.filter(id => !wrong.has(id)).length)
    stale += [...wrong].filter(id => are.has(id)).length
  }
  return { name, ...counted, stale, extraSql, commands: seen.commands() }
}

Error.stackTraceLimit = 0 // A miss is an error here, and there are many.
const statements: number[] = []
for (const write of writes) statements.push(await statementsOf(write))
console.log('warming …')
console.log((await warm()).map((found, i) => `${found.size} ${entries[i]?.name}`).join(', '))
const measured: Measured[] = []
for (const [i, write] of writes.entries()) {
  const result = await measure(write, statements[i] as number)
  measured.push(result)
  console.log(
    `${result.name.padEnd(52)} wrong ${result.wrong.join('/')}, dropped ${result.dropped.join('/')}, SQL +${result.extraSql}, ${result.commands.join(' ')}${result.stale > 0 ? `, STALE ${result.stale}` : ''}`,
  )
}

// ---- the page

function cell(wrong: number, dropped: number): string {
  if (dropped === 0 && wrong === 0) return ''
  const shown = dropped.toLocaleString('en')
  return wrong === dropped ? shown : `${wrong.toLocaleString('en')} → ${shown}`
}

const head = ['write', ...entries.map(({ name }) => name), 'SQL', 'Redis']
const sizes = ['in the cache', ...entries.map(({ ids }) => ids.length.toLocaleString('en')), '', '']
const rows = measured.map(({ name, wrong, dropped, extraSql, commands }) => [
  `\`${name}\``,
  ...entries.map((_, i) => cell(wrong[i] as number, dropped[i] as number)),
  extraSql === 0 ? '+0' : `+${extraSql}`,
  commands.length === 0 ? '' : `${commands.length} ${[...new Set(commands)].join(', ').toUpperCase()}`,
])
const table = [head, head.map(() => '---'), sizes, ...rows].map(row => `| ${row.join(' | ')} |`).join('\n')
const page = await readFile(PAGE, 'utf8')
const [top, , bottom] = page.split(/(?<=<!-- precision -->\n)|(?=<!-- \/precision -->)/)
if (bottom === undefined)
  throw new Error('docs/invalidation.md needs <!-- precision --> and, behind it, <!-- /precision -->.')
await writeFile(PAGE, `${top}\n${table}\n\n${bottom}`)

const left = await redis.keys(`${prefix}*`)
for (let n = 0; n < left.length; n += 10_000) await redis.del(left.slice(n, n + 10_000))
await prisma.$cache.close()
await plain.$disconnect()
await base.$disconnect()
await redis.quit()
await dropDatabase(servers.databaseUrl, database)
await servers.stop()
if (measured.some(({ stale, extraSql }) => stale > 0 || extraSql > 0)) process.exitCode = 1

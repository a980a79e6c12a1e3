/** Two tenants on one Postgres, told apart in five ways; what each of them reads says whose it is. */
import { readFile } from 'node:fs/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../../generated/prisma/client.js'
import { createDatabase, dropDatabase } from './database.js'
import type { World } from './world.js'

export interface Tenant {
  /** In every row of the tenant. */
  readonly mark: string
  readonly url: string
  readonly schema?: string
}

export interface Tenants {
  readonly pair: readonly [Tenant, Tenant]
  /** Reads something, and answers the marks of all rows that it was given. */
  read(client: Client, n: number): Promise<readonly (string | null)[]>
  write(client: Client, mark: string, n: number): Promise<unknown>
  drop(): Promise<void>
}

export type Client = Pick<PrismaClient, 'user' | 'post' | 'tag' | '$queryRawUnsafe'>

const ROWS = 8

export function clientOf({ url, schema }: Tenant): PrismaClient {
  return new PrismaClient({
    adapter: new PrismaPg({ connectionString: url, max: 4 }, schema === undefined ? {} : { schema }),
  })
}

const users = {
  async read({ user }: Client, n: number) {
    const id = (n % ROWS) + 1
    switch (n % 6) {
      case 0:
        return [(await user.findUnique({ where: { id } }))?.name ?? null]
      case 1:
        return [(await user.findUnique({ where: { email: `u${id}@x.org` } }))?.name ?? null]
      case 2:
        return (await user.findMany({ where: { id: { lte: id } } })).map(({ name }) => name)
      case 3:
        return (await user.findUnique({ where: { id }, include: { posts: true } }))?.posts.map(({ body }) => body) ?? []
      case 4:
        return [(await user.findFirst({ orderBy: { id: 'desc' } }))?.name ?? null]
      default:
        return (await user.groupBy({ by: ['name'] })).map(({ name }) => name)
    }
  },
  write: ({ user, post }: Client, mark: string, n: number) => {
    const id = (n % ROWS) + 1
    return n % 2 === 0
      ? user.update({ where: { id }, data: { name: mark, role: n % 4 === 0 ? 'ADMIN' : 'READER' } })
      : post.update({ where: { id }, data: { body: mark, views: n } })
  },
}

type Pair = readonly [Tenant, Tenant]
export type Kind = 'schema' | 'database' | 'database user' | 'view' | 'join table'

/** What tenants do, by how they are told apart. */
export const WORKLOADS: Record<Kind, (pair: Pair) => Pick<Tenants, 'read' | 'write'>> = {
  schema: () => users,
  database: () => users,
  'database user': () => ({
    async read({ post, user }, n) {
      const id = (n % (2 * ROWS)) + 1
      const bodies = (rows: readonly { body: string | null }[] | undefined) => rows?.map(({ body }) => body) ?? []
      switch (n % 5) {
        case 0:
          return bodies([await post.findUnique({ where: { id } })].filter(row => row !== null))
        case 1:
          return bodies(await post.findMany({ where: { authorId: (n % 2) + 1 } }))
        case 2:
          return bodies((await user.findUnique({ where: { id: (n % 2) + 1 }, include: { posts: true } }))?.posts)
        case 3:
          return bodies([await post.findFirst({ where: { id: { lte: id } } })].filter(row => row !== null))
        default:
          return (await post.groupBy({ by: ['body'] })).map(({ body }) => body)
      }
    },
    write: ({ post }, mark, n) =>
      post.updateMany({ where: { id: (n % (2 * ROWS)) + 1, body: mark }, data: { views: n } }),
  }),
  view: pair => ({
    async read({ tag }, n) {
      const marks = (rows: readonly { id: string }[]) => rows.map(({ id }) => id.split('-')[0] as string)
      const id = `${(pair[n % 2] as Tenant).mark}-${n % ROWS}`
      switch (n % 4) {
        case 0:
          return marks([await tag.findUnique({ where: { id } })].filter(row => row !== null))
        case 1:
          return marks(await tag.findMany())
        case 2:
          return marks([await tag.findUnique({ where: { name: id } })].filter(row => row !== null))
        default:
          return marks(
            [await tag.findFirst({ where: { name: { contains: `-${n % ROWS}` } } })].filter(row => row !== null),
          )
      }
    },
    write: ({ tag }, mark, n) =>
      tag.update({ where: { id: `${mark}-${n % ROWS}` }, data: { name: `${mark}-${n % ROWS}` } }),
  }),
  'join table': () => ({
    async read({ post, tag }, n) {
      const marks = (rows: readonly { id: string }[] | undefined) =>
        rows?.map(({ id }) => id.split('-')[0] as string) ?? []
      const id = (n % ROWS) + 1
      switch (n % 4) {
        case 0:
          return marks((await post.findUnique({ where: { id }, include: { tags: true } }))?.tags)
        case 1:
          return marks(await tag.findMany({ where: { posts: { some: { id } } } }))
        case 2:
          return marks(
            (await post.findMany({ where: { id: { lte: id } }, include: { tags: true } })).flatMap(({ tags }) => tags),
          )
        default:
          return marks([await tag.findFirst({ where: { posts: { some: {} } } })].filter(row => row !== null))
      }
    },
    write: ({ post }, mark, n) => {
      const id = (n % ROWS) + 1
      return post.update({ where: { id }, data: { views: n, tags: { connect: { id: `${mark}-${id}` } } } })
    },
  }),
}

async function fill({ url, schema, mark }: Tenant): Promise<void> {
  const client = clientOf({ url, ...(schema !== undefined && { schema }), mark })
  const ids = Array.from({ length: ROWS }, (_, i) => i + 1)
  await client.user.createMany({ data: ids.map(id => ({ id, email: `u${id}@x.org`, name: mark })) })
  await client.post.createMany({ data: ids.map(id => ({ id, title: `p${id}`, body: mark, authorId: id })) })
  await client.$disconnect()
}

export async function bySchema(world: World): Promise<Tenants> {
  const sql = await readFile(new URL('../../prisma/migrations/0001_init/migration.sql', import.meta.url), 'utf8')
  const pair = ['a', 'b'].map(name => ({ mark: `of ${name}`, url: world.databaseUrl, schema: `tenant_${name}` }))
  for (const { schema } of pair) {
    await world.plain.$executeRawUnsafe(`CREATE SCHEMA ${schema}`)
    const statements = `SET search_path TO ${schema}, public;\n${sql}`
    await simply(world.databaseUrl, statements)
  }
  for (const tenant of pair) await fill(tenant)
  return { ...users, pair: pair as unknown as [Tenant, Tenant], async drop() {} }
}

export async function byDatabase(world: World, admin: string, template: string): Promise<Tenants> {
  const names = ['a', 'b'].map(name => `${new URL(world.databaseUrl).pathname.slice(1)}_${name}`)
  const pair: Tenant[] = []
  for (const name of names) {
    pair.push({ mark: `of ${name.slice(-1)}`, url: await createDatabase(admin, name, { template }) })
  }
  for (const tenant of pair) await fill(tenant)
  return {
    ...users,
    pair: pair as unknown as [Tenant, Tenant],
    async drop() {
      for (const name of names) await dropDatabase(admin, name)
    },
  }
}

/** Two database users, who see their own posts. */
export async function byUser(world: World): Promise<Tenants> {
  const { pair, drop } = await twoRoles(world)
  const db = world.plain
  await db.$executeRawUnsafe('ALTER TABLE "Post" ENABLE ROW LEVEL SECURITY')
  await db.$executeRawUnsafe('CREATE POLICY own ON "Post" USING (body = current_user)')
  await db.user.createMany({ data: [1, 2].map(id => ({ id, email: `u${id}@x.org` })) })
  await db.post.createMany({
    data: Array.from({ length: 2 * ROWS }, (_, i) => {
      return { id: i + 1, title: `p${i}`, authorId: (i % 2) + 1, body: (pair[i % 2] as Tenant).mark }
    }),
  })
  return { ...WORKLOADS['database user'](pair), pair, drop }
}

/** Two database users, and in place of a table a view with their rights over a view over a secured table. */
export async function byView(world: World): Promise<Tenants> {
  const { pair, drop, roles } = await twoRoles(world)
  const db = world.plain
  for (const sql of [
    'ALTER TABLE "Tag" RENAME TO "TagBase"',
    'ALTER TABLE "TagBase" ENABLE ROW LEVEL SECURITY',
    `CREATE POLICY own ON "TagBase" USING (split_part(id, '-', 1) = current_user)`,
    'CREATE VIEW "TagOfAll" WITH (security_invoker) AS SELECT * FROM "TagBase"',
    'CREATE VIEW "Tag" WITH (security_invoker = on) AS SELECT * FROM "TagOfAll"',
    ...roles.map(role => `GRANT ALL ON "TagBase", "TagOfAll", "Tag" TO "${role}"`),
  ]) {
    await db.$executeRawUnsafe(sql)
  }
  for (const { mark } of pair) {
    await db.tag.createMany({
      data: Array.from({ length: ROWS }, (_, i) => ({ id: `${mark}-${i}`, name: `${mark}-${i}` })),
    })
  }
  return { ...WORKLOADS['view'](pair), pair, drop }
}

/** Two database users, who share posts and tags and see their own links between them. */
export async function byJoinTable(world: World): Promise<Tenants> {
  const { pair, drop } = await twoRoles(world)
  const db = world.plain
  await db.user.create({ data: { id: 1, email: 'u1@x.org' } })
  await db.post.createMany({
    data: Array.from({ length: ROWS }, (_, i) => ({ id: i + 1, title: `p${i}`, authorId: 1 })),
  })
  for (const { mark } of pair) {
    await db.tag.createMany({
      data: Array.from({ length: ROWS }, (_, i) => ({ id: `${mark}-${i + 1}`, name: `${mark}-${i + 1}` })),
    })
    for (let i = 1; i <= ROWS; i++) {
      await db.post.update({ where: { id: i }, data: { tags: { connect: { id: `${mark}-${i}` } } } })
    }
  }
  await db.$executeRawUnsafe('ALTER TABLE "_PostToTag" ENABLE ROW LEVEL SECURITY')
  await db.$executeRawUnsafe(`CREATE POLICY own ON "_PostToTag" USING (split_part("B", '-', 1) = current_user)`)
  return { ...WORKLOADS['join table'](pair), pair, drop }
}

async function twoRoles(
  world: World,
): Promise<{ roles: string[]; pair: [Tenant, Tenant]; drop: (this: void) => Promise<void> }> {
  const base = new URL(world.databaseUrl).pathname.slice(1)
  const roles = ['a', 'b'].map(name => `${base}_${name}`)
  const pair: Tenant[] = []
  for (const role of roles) {
    await world.plain.$executeRawUnsafe(`CREATE ROLE "${role}" LOGIN PASSWORD 'secret'`)
    await world.plain.$executeRawUnsafe(`GRANT ALL ON ALL TABLES IN SCHEMA public TO "${role}"`)
    await world.plain.$executeRawUnsafe(`GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO "${role}"`)
    const url = new URL(world.databaseUrl)
    url.username = role
    url.password = 'secret'
    pair.push({ mark: role, url: url.href })
  }
  return {
    roles,
    pair: pair as unknown as [Tenant, Tenant],
    async drop() {
      for (const role of roles) {
        await world.plain.$executeRawUnsafe(`DROP OWNED BY "${role}"`)
        await world.plain.$executeRawUnsafe(`DROP ROLE "${role}"`)
      }
    },
  }
}

async function simply(url: string, sql: string): Promise<void> {
  const { Client: Connection } = await import('pg')
  const connection = new Connection({ connectionString: url })
  await connection.connect()
  await connection.query(sql)
  await connection.end()
}

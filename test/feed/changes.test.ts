/** What other programs commit, in whatever way, is seen by cached readers in other processes once the feed has caught up. */
import { Client } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { caughtUp, useFeeds } from '../support/feeds.js'
import { useShared } from '../support/hooks.js'
import { smallWorld } from '../support/readings.js'
import { startPostgres } from '../support/postgres-server.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const postgres = useShared(
  () => startPostgres(),
  server => server.stop(),
)
const world = useWorld({ databaseUrl: () => postgres.url })
const newFeed = useFeeds(world)
type Db = CachedProcess['prisma']

const MODELS = {
  User: { queries: true },
  Post: { queries: true },
  Profile: { queries: true },
  Comment: { queries: true },
  Tag: { queries: true },
  Category: true,
  AliasBytes: true,
} as const

const READS: Record<string, (db: Db) => PromiseLike<unknown>> = {
  'a row': db => db.user.findUnique({ where: { id: 1 } }),
  'another row': db => db.user.findUnique({ where: { id: 2 } }),
  'a row by another unique': db => db.user.findUnique({ where: { email: 'ada@x.org' } }),
  'a row that is not there': db => db.user.findUnique({ where: { id: 99 } }),
  'a row with its lists': db =>
    db.user.findUnique({ where: { id: 1 }, include: { posts: { orderBy: { id: 'asc' } } } }),
  'another with its lists': db =>
    db.user.findUnique({ where: { id: 2 }, include: { posts: { orderBy: { id: 'asc' } } } }),
  'a row with the one it points to': db => db.post.findUnique({ where: { id: 1 }, include: { author: true } }),
  'a row with its links': db => db.post.findUnique({ where: { id: 1 }, include: { tags: { orderBy: { id: 'asc' } } } }),
  'a row with the one that points to it': db => db.user.findUnique({ where: { id: 1 }, include: { profile: true } }),
  'a list': db => db.post.findMany({ where: { authorId: 1 }, orderBy: { id: 'asc' } }),
  'all rows': db => db.user.findMany({ orderBy: { id: 'asc' } }),
  'a count': db => db.comment.count(),
  'a row of a partitioned table': db => db.aliasBytes.findUnique({ where: { id: Buffer.from('a') } }),
}

/** As `psql` would. */
const WRITES: Record<string, string> = {
  'an UPDATE': `UPDATE "User" SET name = 'Eve' WHERE id = 1`,
  'an INSERT': `INSERT INTO "User" (id, email, "updatedAt") VALUES (99, 'new@x.org', now())`,
  'a DELETE': `DELETE FROM "Comment"`,
  COPY: `COPY "User" (id, email, "updatedAt") FROM PROGRAM 'echo "99,copied@x.org,2026-01-01"' WITH (FORMAT csv)`,
  'a row that moves to another parent': `UPDATE "Post" SET "authorId" = 2 WHERE id = 1`,
  'a new row under a parent': `INSERT INTO "Post" (id, title, "authorId", "updatedAt") VALUES (98, 'New', 1, now())`,
  'a row that gets another key': `UPDATE "User" SET id = 99 WHERE id = 1`,
  'another unique': `UPDATE "User" SET email = 'other@x.org' WHERE id = 1`,
  'a trigger on another table': `UPDATE "Category" SET name = name || '!' WHERE id = 1`,
  'a function that is called by SELECT': `SELECT touch_all()`,
  'a cascade': `TRUNCATE orders CASCADE; DELETE FROM "User" WHERE id = 1`,
  TRUNCATE: `TRUNCATE "User" CASCADE`,
  'a new link': `INSERT INTO "_PostToTag" ("A", "B") VALUES (1, 't9')`,
  'a partitioned table': `UPDATE alias_bytes SET v = 2`,
  'a transaction of several statements': `UPDATE "User" SET name = 'x' WHERE id = 2; UPDATE "Post" SET title = 'y'; DELETE FROM "Profile"`,
  'savepoints, some of them rolled back': `UPDATE "User" SET name = 'a' WHERE id = 1; SAVEPOINT s; UPDATE "User" SET name = 'b' WHERE id = 2;
    ROLLBACK TO s; SAVEPOINT t; UPDATE "Post" SET title = 'c' WHERE id = 1; RELEASE t`,
}

/** Who writes as `psql` does. */
async function psql(sql: string): Promise<void> {
  const client = new Client({ connectionString: world.databaseUrl })
  await client.connect()
  try {
    await client.query('BEGIN')
    await client.query(sql)
    await client.query('COMMIT')
  } finally {
    await client.end()
  }
}

beforeAll(async () => {
  await psql(`
    DROP TABLE alias_bytes;
    CREATE TABLE alias_bytes (id bytea PRIMARY KEY, v int NOT NULL) PARTITION BY HASH (id);
    CREATE TABLE alias_bytes_0 PARTITION OF alias_bytes FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE alias_bytes_1 PARTITION OF alias_bytes FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE FUNCTION touch_all() RETURNS void LANGUAGE sql AS $$ UPDATE "User" SET name = 'touched' $$;
    CREATE FUNCTION touch_one() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN UPDATE "User" SET name = 'triggered' WHERE id = 1; RETURN NULL; END $$;
    CREATE TRIGGER touching AFTER UPDATE ON "Category" FOR EACH ROW EXECUTE FUNCTION touch_one();
  `)
})

beforeEach(async () => {
  await psql(`TRUNCATE "User", "Category", "Tag", alias_bytes CASCADE`)
  await smallWorld(world)
  await psql(`INSERT INTO alias_bytes VALUES ('a', 1)`)
  await psql(`INSERT INTO "Tag" (id, name) VALUES ('t9', 'nine') ON CONFLICT DO NOTHING`)
})

/** Reads that answer something else than the plain client. */
async function staleReads(reader: CachedProcess): Promise<string[]> {
  const stale: string[] = []
  for (const [name, read] of Object.entries(READS)) {
    const [ours, theirs] = [await read(reader.prisma), await read(world.plain as unknown as Db)]
    try {
      expect(ours).toEqual(theirs)
    } catch {
      stale.push(name)
    }
  }
  return stale
}

async function warm(reader: CachedProcess): Promise<void> {
  for (let round = 0; round < 2; round++) for (const read of Object.values(READS)) await read(reader.prisma)
  await reader.flushed()
}

describe.each(['DEFAULT', 'FULL'])('with REPLICA IDENTITY %s', identity => {
  const feed = newFeedOf()
  const reader = { process: undefined as unknown as CachedProcess }

  function newFeedOf() {
    const holder: { feed?: ReturnType<typeof newFeed> } = {}
    beforeAll(async () => {
      for (const table of ['"User"', '"Post"', '"Comment"', '"Profile"', '"Category"', '"Tag"', 'alias_bytes']) {
        await psql(`ALTER TABLE ${table} REPLICA IDENTITY ${identity}`)
      }
      holder.feed = newFeed()
      await holder.feed.start()
      reader.process = world.process({ models: MODELS, ttl: '1h' })
    })
    afterAll(() => holder.feed?.stop())
    return () => holder.feed as ReturnType<typeof newFeed>
  }

  it.each(Object.entries(WRITES))('%s', async (_, sql) => {
    await caughtUp(feed())
    await warm(reader.process)
    await psql(sql)
    await caughtUp(feed())
    expect(await staleReads(reader.process)).toEqual([])
  })

  it('a write of the client without the cache, with nested writes', async () => {
    await caughtUp(feed())
    await warm(reader.process)
    await world.plain.user.update({
      where: { id: 1 },
      data: { name: 'Eve', posts: { create: { title: 'New' }, delete: { id: 2 } }, profile: { delete: true } },
    })
    await caughtUp(feed())
    expect(await staleReads(reader.process)).toEqual([])
  })

  it('what the change does not concern stays cached', async () => {
    await caughtUp(feed())
    await warm(reader.process)
    await psql(`UPDATE "Post" SET title = 'Other' WHERE id = 1`)
    await caughtUp(feed())
    const isCached = async (name: string) =>
      (await reader.process.countSql(async () => await READS[name]?.(reader.process.prisma))) === 0
    expect(await isCached('a row')).toBe(true)
    expect(await isCached('a row of a partitioned table')).toBe(true)
    expect(await isCached('a row with the one that points to it')).toBe(true)
    // The foreign key before is told only with FULL: without, each parent may have lost the row.
    expect(await isCached('another with its lists')).toBe(identity === 'FULL')
    expect(await isCached('a row with its lists')).toBe(false)
  })
})

it('with REPLICA IDENTITY USING INDEX, which does not tell of a new primary key', async () => {
  await psql(`ALTER TABLE "User" REPLICA IDENTITY USING INDEX "User_email_key"`)
  const feed = newFeed()
  await feed.start()
  const reader = world.process({ models: MODELS, ttl: '1h' })
  await caughtUp(feed)
  await warm(reader)
  await psql(WRITES['a row that gets another key'] as string)
  await caughtUp(feed)
  expect(await staleReads(reader)).toEqual([])
  await feed.stop()
})

it('(without a feed, what others write is stale)', async () => {
  const reader = world.process({ models: MODELS, ttl: '1h' })
  await warm(reader)
  await psql(WRITES['an UPDATE'] as string)
  expect(await staleReads(reader)).toContain('a row')
})

/** Reads of any shape, with plain Prisma as the judge, over a world so small that every row has a name. */
import { isDeepStrictEqual } from 'node:util'
import { beforeAll, expect } from 'vitest'
import type { CacheAsideOptions } from '../../src/index.js'
import { outcome } from './delegates.js'
import { useShared } from './hooks.js'
import { type CachedProcess, type ProcessOptions, useWorld, type World } from './world.js'

export type Db = World['plain']
/** A query, to be put to any client. Writes are put the same way. */
export type Query = (db: Db) => PromiseLike<unknown>

/** A process as if its client were plain: the cache changes no type. */
export const dbOf = ({ prisma }: CachedProcess) => prisma as unknown as Db

/** `{ value }`, or `{ error, code }`. */
export const ask = (db: Db, query: Query) => outcome((async () => await query(db))())

const everyModel = [
  'User',
  'Profile',
  'Asset',
  'Post',
  'Category',
  'Tag',
  'Comment',
  'Bookmark',
  'Tenant',
  'Membership',
  'Project',
  'Task',
  'Brand',
  'Product',
  'Order',
  'OrderLine',
]

/** All that are meant to be cached, lists and numbers too. Not `Shipment`, `Parcel`, `AuditEntry`. */
export const ALL: CacheAsideOptions['models'] = Object.fromEntries(
  everyModel.map(name => [name, { ttl: 300, queries: true }]),
)

// ---- same answer

/** Equal, of the same classes, with the fields in the same order. */
export function isSame(answer: unknown, truth: unknown): boolean {
  return isDeepStrictEqual(answer, truth) && text(answer) === text(truth)
}

export function expectSame(answer: unknown, truth: unknown, when: string): void {
  if (isSame(answer, truth)) return
  expect(answer, when).toStrictEqual(truth)
  expect(text(answer), `${when}: the order of the fields`).toBe(text(truth))
  expect.fail(`${when}: other prototypes`)
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part))
}

/** Empties the cache, when everything that was sent to it has arrived. */
export async function cold(world: World, ...processes: CachedProcess[]): Promise<void> {
  await Promise.all(processes.map(one => one.flushed()))
  await world.evict()
}

/**
 * A query answers as plain Prisma does: on a miss, on a hit, on a hit of another process, and to three who ask in one tick.
 *
 * @param fate - `kept`: hits ask no SQL; `asked`: the database is asked each time; `refused`: Prisma refuses it
 */
export async function sameAnswers(
  world: World,
  [cached, other]: readonly [CachedProcess, CachedProcess],
  query: Query,
  fate: 'kept' | 'asked' | 'refused' = 'kept',
): Promise<void> {
  const truth = await ask(world.plain, query)
  await cold(world, cached, other)
  expectSame(await ask(dbOf(cached), query), truth, 'on a miss')
  await cached.flushed()
  const sql = []
  for (const process of [cached, other]) {
    let hit: unknown
    sql.push(await process.countSql(async () => (hit = await ask(dbOf(process), query))))
    expectSame(hit, truth, process === cached ? 'on a hit' : 'on a hit of another process')
  }
  if (fate === 'kept') expect(sql, 'statements of the hits').toEqual([0, 0])
  if (fate === 'asked') expect(sql, 'statements of the second reads').not.toContain(0)
  if (fate === 'refused') expect(truth).toHaveProperty('error')
  await cold(world, cached, other)
  // Prisma itself answers some queries differently when it batches them: `findUniqueOrThrow(…).posts()` of no row.
  const three = (db: Db) => Promise.all([1, 2, 3].map(() => ask(db, query)))
  const [batched] = await three(world.plain)
  for (const answer of await three(dbOf(cached))) {
    if (!isSame(answer, batched)) expectSame(answer, truth, 'shared with others')
  }
}

// ---- the small world

export const T1 = '00000000-0000-4000-8000-0000000000a1'
export const T2 = '00000000-0000-4000-8000-0000000000a2'
export const P1 = '00000000-0000-4000-8000-0000000000b1'
export const P2 = '00000000-0000-4000-8000-0000000000b2'
export const P3 = '00000000-0000-4000-8000-0000000000b3'

/**
 * Users: Ada (1) and Bob (2) write, Cyd (3) has nothing but an order. Posts 1 to 3 are Ada's, 4 and 5 Bob's. Tags: t1 on 1,
 * t2 on 1 and 4, t3 on none. Comment c2 answers c1. What is created gets ids from 100 on.
 */
const ROWS = `
  INSERT INTO "User" ("id", "email", "name", "role", "createdAt", "updatedAt") VALUES
    (1, 'ada@x.org', 'Ada', 'ADMIN', NOW, NOW), (2, 'bob@x.org', 'Bob', 'AUTHOR', NOW, NOW), (3, 'cyd@x.org', NULL, 'READER', NOW, NOW);
  INSERT INTO "Asset" ("id", "mimeType", "content", "createdAt") VALUES (1, 'image/gif', '\\x00ff', NOW), (2, 'image/png', '\\x01', NOW);
  INSERT INTO "Profile" ("id", "userId", "avatarId", "handle", "bio") VALUES (1, 1, 1, 'ada', 'writes'), (2, 2, NULL, NULL, NULL);
  INSERT INTO "Category" ("id", "parentId", "name") VALUES (1, NULL, 'Tech'), (2, 1, 'Data'), (3, NULL, 'Film');
  INSERT INTO "Post" ("id", "title", "slug", "body", "published", "views", "authorId", "categoryId", "publishedAt", "createdAt", "updatedAt") VALUES
    (1, 'One', 'one', 'text', true, 5, 1, 2, NOW, NOW, NOW), (2, 'Two', NULL, NULL, false, 0, 1, NULL, NULL, NOW, NOW),
    (3, 'Three', 'three', NULL, true, 7, 1, 2, NOW, NOW, NOW), (4, 'Four', 'four', 'text', true, 5, 2, 3, NOW, NOW, NOW),
    (5, 'Five', NULL, NULL, false, 1, 2, NULL, NULL, NOW, NOW);
  INSERT INTO "Tag" ("id", "name") VALUES ('t1', 'redis'), ('t2', 'sql'), ('t3', 'unused');
  INSERT INTO "_PostToTag" ("A", "B") VALUES (1, 't1'), (1, 't2'), (4, 't2');
  INSERT INTO "_Follows" ("A", "B") VALUES (1, 2), (2, 3), (3, 1);
  INSERT INTO "Comment" ("id", "postId", "authorId", "parentId", "text", "createdAt") VALUES
    ('c1', 1, 2, NULL, 'first', NOW), ('c2', 1, NULL, 'c1', 'reply', NOW), ('c3', 1, 1, NULL, 'third', NOW), ('c4', 4, 1, NULL, 'fourth', NOW);
  INSERT INTO "Bookmark" ("userId", "postId", "note", "createdAt") VALUES (1, 4, 'later', NOW), (2, 1, NULL, NOW), (2, 4, NULL, NOW);
  INSERT INTO "Tenant" ("id", "slug", "name", "createdAt") VALUES ('${T1}', 'harbor', 'Harbor', NOW), ('${T2}', 'meadow', 'Meadow', NOW);
  INSERT INTO "Membership" ("userId", "tenantId", "role", "joinedAt") VALUES (1, '${T1}', 'ADMIN', NOW), (1, '${T2}', 'READER', NOW), (2, '${T1}', 'READER', NOW);
  INSERT INTO "Project" ("tenantId", "number", "name") VALUES ('${T1}', 1, 'Pier'), ('${T1}', 2, 'Lock'), ('${T2}', 1, 'Hay');
  INSERT INTO "Task" ("id", "tenantId", "projectNumber", "title", "done") VALUES
    (1, '${T1}', 1, 'Plan', true), (2, '${T1}', NULL, 'Think', false), (3, '${T1}', 1, 'Do', false), (4, '${T2}', 1, 'Mow', false);
  INSERT INTO "Brand" ("slug", "name") VALUES ('unbranded', 'None'), ('acme', 'Acme'), ('lumen', 'Lumen');
  INSERT INTO "Product" ("id", "sku", "brandSlug", "model", "name", "price", "weight", "rating", "stock", "unitsSold", "attributes", "thumbnail",
    "keywords", "sizes", "badges", "releasedOn", "availableFrom", "createdAt", "updatedAt") VALUES
    ('${P1}', 'S1', 'acme', 'Desk', 'Desk', 9.90, 0.125, 4.5, 3, 9007199254740993, '{"pages": [1, null]}', '\\x00ff', '{a,b}', '{5,6}', '{SIGNED}', '2025-02-28', NOW, NOW, NOW),
    ('${P2}', 'S2', 'acme', 'Field', 'Field', 12.00, NULL, NULL, 0, 0, '{}', NULL, '{}', '{}', NULL, NULL, NULL, NOW, NOW),
    ('${P3}', 'S3', 'lumen', 'Desk', 'Lamp', 0.50, 3, 'NaN', 9, 1, '[]', NULL, '{}', NULL, '{}', NULL, NULL, NOW, NOW);
  INSERT INTO "orders" ("id", "number", "status", "total", "customer_id", "placed_at") VALUES (1, 'N1', 'paid', 21.90, 1, NOW), (2, 'N2', 'pending', 9.90, 3, NOW);
  INSERT INTO "order_lines" ("order_id", "position", "sku", "quantity", "unit_price") VALUES (1, 1, 'S1', 1, 9.90), (1, 2, 'S2', 2, 6.00), (2, 1, 'S1', 1, 9.90);
  INSERT INTO "Shipment" ("id", "orderId", "carrier") VALUES (1, 1, 'Owl');
`
const TABLES =
  'Parcel Shipment order_lines orders Product Brand Task Project Membership Tenant Bookmark Comment _PostToTag _Follows Tag Post Category Profile Asset User'
const SERIALS = 'User Asset Profile Category Post Task orders Shipment'

const RESET = `DO $$ BEGIN
  UPDATE "Category" SET "parentId" = NULL;
  ${TABLES.split(' ')
    .map(table => `DELETE FROM "${table}";`)
    .join('\n')}
  ${ROWS.replaceAll(/\bNOW\b/g, "'2026-01-02 03:04:05.678'")}
  ${SERIALS.split(' ')
    .map(table => `PERFORM setval(pg_get_serial_sequence('"${table}"', 'id'), 100, false);`)
    .join('\n')}
END $$`

/** Puts the small world into the database, whatever was there. */
export async function smallWorld(world: World): Promise<void> {
  await world.plain.$executeRawUnsafe(RESET)
}

/** The small world for a test file, and two cached processes on it. */
export function useSmallWorld(extraOfOther: ProcessOptions = {}) {
  const world = useWorld()
  const used = (extra: ProcessOptions) =>
    useShared(
      async () => world.process({ models: ALL }, extra),
      () => {}, // the world ends it
    )
  const [cached, other] = [used({}), used(extraOfOther)]
  beforeAll(() => smallWorld(world))
  return { world, cached, other }
}

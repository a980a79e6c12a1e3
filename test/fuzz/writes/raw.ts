/** Raw SQL, by each call of the client: what writes, however it is spelled, has to be told from its text. */
import type { Raw, Way, Ways } from './write.js'

/** Each can be followed by RETURNING. */
const plain: readonly string[] = [
  `UPDATE "User" SET "name" = coalesce("name", '') || '!' WHERE "id" IN (1, 3)`,
  `UPDATE "Brand" SET "slug" = 'b3' WHERE "slug" = 'b1'`,
  `UPDATE "Profile" SET "handle" = NULL WHERE "id" = 1`,
  `UPDATE "Post" SET "authorId" = 3, "updatedAt" = now() WHERE "id" = 1`,
  `UPDATE "Product" SET "sku" = 'SKU-4' WHERE "sku" = 'SKU-3'`,
  `UPDATE "User" SET ("id", "email") = (4, 'zoë@x.org') WHERE "id" = 1`,
  `UPDATE "Post" AS p SET "title" = u."email" FROM "User" u WHERE u."id" = p."authorId"`,
  `DELETE FROM "Post" WHERE "id" = 2`,
  `DELETE FROM "User" WHERE "id" = 2`,
  `DELETE FROM ONLY "Comment" AS c USING "Post" p WHERE c."postId" = p."id" AND c."id" = 'k2'`,
  `DELETE FROM "Tenant" WHERE "slug" = 'ten2'`,
  `DELETE FROM "_PostToTag" WHERE "A" = 2`,
  `INSERT INTO "_Follows" ("A", "B") VALUES (1, 3) ON CONFLICT DO NOTHING`,
  `INSERT INTO "Tag" ("id", "name") VALUES ('t:3', 'n3') ON CONFLICT DO NOTHING`,
  `INSERT INTO "Tag" ("id", "name") VALUES ('t1', 'n1') ON CONFLICT ("id") DO UPDATE SET "name" = 'n3'`,
  `INSERT INTO "Post" ("title", "authorId", "updatedAt") SELECT "email", "id", now() FROM "User"`,
]

/** Texts that hide what they write, or show what they don't. */
const odd: readonly string[] = [
  `update public."Category" /* of "Tag" */ set "parentId" = 4 where "id" = 3 -- "Brand"`,
  `/* DELETE FROM "Brand" */ UPDATE "Tag"SET"name"='n3'WHERE"id"='t1'`,
  `UPDATE "Tag" SET "name" = 'UPDATE "Post" SET' WHERE "id" = 't2'`,
  `UPDATE "Tag" SET "name" = $x$; DELETE FROM "User"$x$ WHERE "id" = 't1'`,
  `UPDATE "Tag" SET "name" = E'it\\'s "Post"' WHERE "id" = 't1'`,
  `UPDATE U&"T\\0061g" SET "name" = 'n3' WHERE "id" = 't2'`,
  `UPDATE "public" . "Post" SET "views" = "views" + 1 WHERE "id" = 1`,
  `INSERT INTO "Bookmark" AS b ("userId", "postId") VALUES (1, 1) ON CONFLICT ("userId", "postId") DO UPDATE SET "note" = 'y'`,
  `MERGE INTO "Tag" t USING (VALUES ('t1', 'n3')) v (id, name) ON t."id" = v.id WHEN MATCHED THEN UPDATE SET "name" = v.name`,
  `MERGE INTO "Comment" c USING "Post" p ON c."postId" = p."id" AND p."id" = 1 WHEN MATCHED THEN DELETE`,
]
const mapped: readonly string[] = [
  `UPDATE "orders" SET "status" = 'paid', "customer_id" = 1 WHERE "id" = 1`,
  `UPDATE order_lines SET quantity = 3 WHERE position = 2`,
  `UPDATE Orders SET customer_id = 2 WHERE id = 1`,
  `DELETE FROM orders WHERE id = 1`,
  `INSERT INTO orders ("id", "number", "customer_id") VALUES (2, 'o-2', 2)`,
  `UPDATE "public"."order_lines" SET "sku" = 'SKU-1' WHERE "sku" = 'SKU-3'`,
  `INSERT INTO "Shipment" ("orderId", "carrier") VALUES (1, 'x')`,
]
/** Join tables, which are no models. */
const links: readonly string[] = [
  `DELETE FROM "_PostToTag" WHERE "A" IN (1, 2)`,
  `INSERT INTO "_PostToTag" ("A", "B") VALUES (3, 't1'), (1, 't2') ON CONFLICT DO NOTHING`,
  `UPDATE "_PostToTag" SET "B" = 't2' WHERE "A" = 1`,
  `DELETE FROM public."_Follows" WHERE "A" = 2`,
  `INSERT INTO "_Follows" ("A", "B") VALUES (1, 3), (2, 3)`,
  `WITH w AS (DELETE FROM "_PostToTag" RETURNING "A") INSERT INTO "_Follows" ("A", "B") SELECT "A", 3 FROM w GROUP BY 1`,
]
const ctes: readonly string[] = [
  `WITH w AS (UPDATE "Product" SET "stock" = 7 WHERE "sku" <> 'SKU-4' RETURNING "id") SELECT count(*)::int AS "n" FROM w`,
  `WITH gone AS (DELETE FROM "Comment" WHERE "id" = 'k1' RETURNING "postId") UPDATE "Post" SET "title" = 'raw' WHERE "id" IN (SELECT "postId" FROM gone)`,
  `WITH n AS (SELECT 2 AS "id"), w AS (UPDATE "User" SET "role" = 'ADMIN' FROM n WHERE "User"."id" = n."id" RETURNING "User"."id") SELECT "id" FROM w`,
  `WITH a AS MATERIALIZED (INSERT INTO "Tag" ("id", "name") VALUES ('t:3', 'n3') RETURNING "id") INSERT INTO "_PostToTag" ("A", "B") SELECT 3, "id" FROM a`,
  `WITH RECURSIVE t ("id") AS (SELECT 1 UNION SELECT c."id" FROM "Category" c JOIN t ON c."parentId" = t."id"), w AS (UPDATE "Post" SET "categoryId" = NULL WHERE "categoryId" IN (SELECT "id" FROM t) RETURNING 1) SELECT count(*)::int AS "n" FROM w`,
]
/** What they write can't be told without being Postgres. */
const untold: readonly string[] = [
  `DO 'BEGIN UPDATE "Post" SET "authorId" = 3 WHERE "id" = 1; END'`,
  `DO $$ BEGIN UPDATE "User" SET "name" = 'done' WHERE "id" = 1; DELETE FROM "Comment"; END $$`,
  `DO 'BEGIN UPDATE "Brand" SET "name" = ''done''; END'`,
  `TRUNCATE "Bookmark"`,
  `TRUNCATE TABLE "Tag" CASCADE`,
  `DO LANGUAGE plpgsql $f$ BEGIN EXECUTE 'UP' || 'DATE "Post" SET "views" = 9'; END $f$`,
]

const by =
  (method: Raw['method'], from: readonly string[], returning = ''): Way =>
  d => ({ how: 'alone', statement: { method, text: `${d(from)}${returning}` } })

export const raw: Ways = {
  $executeRaw: [by('$executeRaw', plain)],
  $executeRawUnsafe: [by('$executeRawUnsafe', plain)],
  '$queryRaw, returning': [by('$queryRaw', plain, ' RETURNING 1 AS "one"')],
  '$queryRawUnsafe, returning': [by('$queryRawUnsafe', plain, ' RETURNING *')],
  '$queryRawTyped, returning': [by('$queryRawTyped', plain, ' RETURNING 1 AS "one"')],
  'raw, oddly spelled': [by('$executeRaw', odd), by('$queryRawUnsafe', odd)],
  'raw, mapped tables': [by('$executeRaw', mapped), by('$executeRawUnsafe', mapped)],
  'raw, links': [by('$executeRaw', links), by('$executeRawUnsafe', links)],
  'raw, in a CTE': [by('$queryRaw', ctes), by('$executeRawUnsafe', ctes)],
  "raw, that can't be told": [by('$executeRaw', untold), by('$executeRawUnsafe', untold)],
}

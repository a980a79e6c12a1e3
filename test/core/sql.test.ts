import { describe, expect, it } from 'vitest'
import { isPlainRead } from '../../src/plan/sql.js'

describe('text that only reads', () => {
  it.each([
    `SELECT 'please update'`,
    `SELECT 'it''s -- /* delete' FROM t`,
    'SELECT 1 -- do not delete this',
    '-- the users\nSELECT * FROM "User"',
    '/* the users */ SELECT * FROM "User"',
    'SELECT $$ update $$ , $x$ delete $x$, $1',
    'SELECT 1',
    'select * from "User" where "id" = $1',
    '\n\t  SELECT now()',
    'Select "name" FROM "Post" ORDER BY 1 LIMIT 5;',
    'WITH t AS (SELECT 1) SELECT * FROM t',
    'with recursive t(n) as (values (1) union all select n + 1 from t where n < 5) select sum(n) from t',
    'VALUES (1), (2)',
    'TABLE "User"',
    'SHOW server_version',
    'EXPLAIN SELECT * FROM "User"',
    'explain (analyze, buffers) select 1',
    'SELECT * FROM "User" FOR UPDATE',
    'SELECT * FROM "User" FOR NO KEY UPDATE',
    'select * from "User" for update of "User" skip locked',
    'SELECT * FROM "User" FOR SHARE',
    'select * from "User" for key share nowait',
    'SELECT "updatedAt", created_at, "inserted" FROM "Post"',
    'SELECT "deletedAt" IS NULL, is_deleted, update_count FROM t',
    'SELECT $1::int[] -- the ids',
    'SELECT count(*) FILTER (WHERE "a") OVER w FROM t WINDOW w AS ()',
  ])('%s', text => expect(isPlainRead(text)).toBe(true))
})

describe('text that writes', () => {
  it.each([
    'INSERT INTO "User" VALUES (1)',
    'update "User" set "name" = $1',
    'UPDATE "User" SET "name" = $1 RETURNING *',
    'DELETE FROM "User"',
    'MERGE INTO t USING s ON true WHEN MATCHED THEN DO NOTHING',
    'TRUNCATE "User"',
    'CALL archive()',
    'DO $$ BEGIN PERFORM 1; END $$',
    'ALTER TABLE "User" DROP COLUMN "name"',
    'DROP TABLE "User"',
    'CREATE TABLE t AS SELECT 1',
    'COPY "User" FROM STDIN',
    'REFRESH MATERIALIZED VIEW v',
    'SELECT * INTO t FROM "User"',
    'EXECUTE prepared(1)',
    'LOCK TABLE "User"',
    'WITH gone AS (DELETE FROM "User" RETURNING *) SELECT * FROM gone',
    'with moved as (update "User" set "id" = 2 returning *) table moved',
    'WITH t AS (SELECT * FROM "User" FOR UPDATE) UPDATE "User" SET "name" = 1',
    'WITH t AS (SELECT * FROM "User" FOR UPDATE), u AS (UPDATE "User" SET "name" = 1) SELECT * FROM t',
    'WITH t AS MATERIALIZED(\nINSERT INTO x SELECT 1 RETURNING 1) SELECT 1',
    'EXPLAIN ANALYZE DELETE FROM "User"',
    'explain (analyze) update "User" set "name" = 1',
    'EXPLAIN ANALYZE EXECUTE prepared',
    'SELECT 1; DELETE FROM "User"',
    'SELECT 1;delete from "User"',
    'SELECT 1/**/;/**/UPDATE/**/"User" SET "name" = 1',
    'select 1;\nupdate"User"set"name"=1',
    'WITH moved AS ( -- the ones we look for\n  UPDATE "User" SET "name" = 1 RETURNING *) SELECT * FROM moved',
    'BEGIN',
    'COMMIT',
    'PREPARE x AS SELECT 1',
    'DECLARE c CURSOR FOR SELECT 1',
    'SET search_path = x',
    'VACUUM "User"',
    '',
    ';',
    'nonsense',
  ])('%s', text => expect(isPlainRead(text)).toBe(false))
})

describe('text that may do either counts as a write: dropping more is only slower', () => {
  it.each([
    'SELECT "update" FROM t',
    `SELECT E'\\'' ; UPDATE t SET a = 1 --'`,
    '/* nested /* comment */ update */ SELECT 1',
    `SELECT 'no end ; update t`,
    '(SELECT 1) UNION (SELECT 2)',
    'FETCH ALL FROM c',
    'selected',
    'SELECT_1',
  ])('%s', text => expect(isPlainRead(text)).toBe(false))
})

CREATE TABLE "Account" (
  "id" SERIAL PRIMARY KEY,
  "email" TEXT NOT NULL UNIQUE,
  "name" TEXT NOT NULL,
  "active" BOOLEAN NOT NULL DEFAULT true,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TYPE "Status" AS ENUM ('DRAFT', 'LIVE', 'SOLD');
CREATE TABLE "Item" (
  "id" SERIAL PRIMARY KEY,
  "sku" TEXT NOT NULL UNIQUE,
  "name" TEXT NOT NULL,
  "stock" INTEGER NOT NULL,
  "weight" DOUBLE PRECISION NOT NULL,
  "price" DECIMAL(65, 30) NOT NULL,
  "views" BIGINT NOT NULL,
  "live" BOOLEAN NOT NULL,
  "status" "Status" NOT NULL,
  "tags" TEXT[],
  "details" JSONB NOT NULL,
  "digest" BYTEA NOT NULL,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "soldAt" TIMESTAMP(3)
);
CREATE TABLE "Article" (
  "id" SERIAL PRIMARY KEY,
  "slug" TEXT NOT NULL UNIQUE,
  "title" TEXT NOT NULL,
  "body" TEXT NOT NULL,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE "Author" (
  "id" SERIAL PRIMARY KEY,
  "handle" TEXT NOT NULL UNIQUE,
  "name" TEXT NOT NULL
);
CREATE TABLE "Post" (
  "id" SERIAL PRIMARY KEY,
  "authorId" INTEGER NOT NULL REFERENCES "Author" ("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  "title" TEXT NOT NULL,
  "likes" INTEGER NOT NULL,
  "published" BOOLEAN NOT NULL,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" TIMESTAMP(3) NOT NULL
);
CREATE INDEX ON "Post" ("authorId");

-- The same every time: so many of each, and 50 posts of each author.
INSERT INTO "Account" ("email", "name", "createdAt")
SELECT 'account' || n || '@example.com', 'Account number ' || n, TIMESTAMP '2026-01-01' + n * INTERVAL '1 minute'
FROM generate_series(1, 100000) n;
INSERT INTO "Item" ("sku", "name", "stock", "weight", "price", "views", "live", "status", "tags", "details", "digest", "createdAt", "soldAt")
SELECT
  'SKU-' || lpad(n::text, 8, '0'), 'Item number ' || n, n % 100, n / 7.0, n * 0.99, 9007199254740993 + n, n % 2 = 0,
  (ARRAY['DRAFT', 'LIVE', 'SOLD']::"Status"[])[n % 3 + 1], ARRAY['new', 'tag' || n % 10],
  jsonb_build_object('color', 'blue', 'size', n % 50, 'dims', jsonb_build_array(n % 3, n % 5, n % 7)),
  decode(md5(n::text), 'hex'), TIMESTAMP '2026-01-01' + n * INTERVAL '1 minute',
  CASE WHEN n % 3 = 2 THEN TIMESTAMP '2026-02-01' + n * INTERVAL '1 minute' END
FROM generate_series(1, 1000) n;
INSERT INTO "Article" ("slug", "title", "body", "createdAt")
SELECT 'article-' || n, 'Article number ' || n, left(repeat(md5(n::text) || ' ', 60), 1940), TIMESTAMP '2026-01-01' + n * INTERVAL '1 minute'
FROM generate_series(1, 1000) n;
INSERT INTO "Author" ("handle", "name") SELECT 'author' || n, 'Author number ' || n FROM generate_series(1, 200) n;
INSERT INTO "Post" ("authorId", "title", "likes", "published", "createdAt", "updatedAt")
SELECT (n - 1) / 50 + 1, 'Post number ' || n || ', on something', n % 977, n % 3 > 0,
  TIMESTAMP '2026-01-01' + n * INTERVAL '1 minute', TIMESTAMP '2026-02-01' + n * INTERVAL '1 minute'
FROM generate_series(1, 10000) n;
ANALYZE;

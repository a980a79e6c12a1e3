-- Written by hand: `prisma migrate` needs an engine that its CLI downloads from a host of its own.
-- Names, defaults and referential actions are those that Prisma would give; test/schema/migration.test.ts checks.

CREATE EXTENSION IF NOT EXISTS citext;

CREATE COLLATION "case_insensitive" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

-- ---------------------------------------------------------------------------------------------------------------------
-- Enums
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TYPE "Role" AS ENUM ('READER', 'AUTHOR', 'EDITOR', 'ADMIN');
CREATE TYPE "Condition" AS ENUM ('NEW', 'USED', 'REFURBISHED');
CREATE TYPE "Badge" AS ENUM ('BESTSELLER', 'SIGNED', 'LAST_COPIES');
CREATE TYPE "order_status" AS ENUM ('pending', 'paid', 'shipped', 'cancelled');
CREATE TYPE "shade" AS ENUM ('light shade', 'dark:shade');

-- ---------------------------------------------------------------------------------------------------------------------
-- Publishing
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE "User" (
  "id" SERIAL NOT NULL,
  "email" TEXT NOT NULL,
  "name" TEXT,
  "role" "Role" NOT NULL DEFAULT 'READER',
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" TIMESTAMP(3) NOT NULL,
  CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "User_email_key" ON "User" ("email");

CREATE TABLE "Profile" (
  "id" SERIAL NOT NULL,
  "userId" INTEGER NOT NULL,
  "avatarId" INTEGER,
  "handle" TEXT,
  "bio" TEXT,
  CONSTRAINT "Profile_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "Profile_userId_key" ON "Profile" ("userId");
CREATE UNIQUE INDEX "Profile_avatarId_key" ON "Profile" ("avatarId");
CREATE UNIQUE INDEX "Profile_handle_key" ON "Profile" ("handle");

CREATE TABLE "Asset" (
  "id" SERIAL NOT NULL,
  "mimeType" TEXT NOT NULL,
  "content" BYTEA NOT NULL,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "tenantId" UUID,
  CONSTRAINT "Asset_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "Post" (
  "id" SERIAL NOT NULL,
  "title" TEXT NOT NULL,
  "slug" TEXT,
  "body" TEXT,
  "published" BOOLEAN NOT NULL DEFAULT false,
  "views" INTEGER NOT NULL DEFAULT 0,
  "authorId" INTEGER NOT NULL,
  "categoryId" INTEGER,
  "publishedAt" TIMESTAMP(3),
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" TIMESTAMP(3) NOT NULL,
  CONSTRAINT "Post_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "Post_authorId_slug_key" ON "Post" ("authorId", "slug");
CREATE INDEX "Post_categoryId_idx" ON "Post" ("categoryId");

CREATE TABLE "Category" (
  "id" SERIAL NOT NULL,
  "parentId" INTEGER,
  "name" TEXT NOT NULL,
  CONSTRAINT "Category_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "Category_parentId_name_key" ON "Category" ("parentId", "name");

CREATE TABLE "Tag" (
  "id" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  CONSTRAINT "Tag_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "Tag_name_key" ON "Tag" ("name");

CREATE TABLE "Comment" (
  "id" TEXT NOT NULL,
  "postId" INTEGER NOT NULL,
  "authorId" INTEGER,
  "parentId" TEXT,
  "text" TEXT NOT NULL,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "Comment_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "Comment_postId_idx" ON "Comment" ("postId");

CREATE TABLE "Bookmark" (
  "userId" INTEGER NOT NULL,
  "postId" INTEGER NOT NULL,
  "note" TEXT,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "Bookmark_pkey" PRIMARY KEY ("userId", "postId")
);

CREATE TABLE "_Follows" (
  "A" INTEGER NOT NULL,
  "B" INTEGER NOT NULL,
  CONSTRAINT "_Follows_AB_pkey" PRIMARY KEY ("A", "B")
);
CREATE INDEX "_Follows_B_index" ON "_Follows" ("B");

CREATE TABLE "_PostToTag" (
  "A" INTEGER NOT NULL,
  "B" TEXT NOT NULL,
  CONSTRAINT "_PostToTag_AB_pkey" PRIMARY KEY ("A", "B")
);
CREATE INDEX "_PostToTag_B_index" ON "_PostToTag" ("B");

-- ---------------------------------------------------------------------------------------------------------------------
-- Tenants
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE "Tenant" (
  "id" UUID NOT NULL DEFAULT gen_random_uuid(),
  "slug" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "Tenant_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "Tenant_slug_key" ON "Tenant" ("slug");

CREATE TABLE "Membership" (
  "userId" INTEGER NOT NULL,
  "tenantId" UUID NOT NULL,
  "role" "Role" NOT NULL DEFAULT 'READER',
  "joinedAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "Membership_pkey" PRIMARY KEY ("userId", "tenantId")
);

CREATE TABLE "Project" (
  "tenantId" UUID NOT NULL,
  "number" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  CONSTRAINT "Project_pkey" PRIMARY KEY ("tenantId", "number")
);

CREATE TABLE "Task" (
  "id" BIGSERIAL NOT NULL,
  "tenantId" UUID NOT NULL,
  "projectNumber" INTEGER,
  "title" TEXT NOT NULL,
  "done" BOOLEAN NOT NULL DEFAULT false,
  CONSTRAINT "Task_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "TenantImport" (
  "tenantId" UUID NOT NULL,
  "line" TEXT NOT NULL,
  "importedAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- ---------------------------------------------------------------------------------------------------------------------
-- Shop
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE "Brand" (
  "slug" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  CONSTRAINT "Brand_pkey" PRIMARY KEY ("slug")
);
-- The default of "Product"."brandSlug".
INSERT INTO "Brand" ("slug", "name") VALUES ('unbranded', 'Unbranded');

CREATE TABLE "Product" (
  "id" UUID NOT NULL DEFAULT gen_random_uuid(),
  "sku" VARCHAR(32) NOT NULL,
  "brandSlug" TEXT NOT NULL DEFAULT 'unbranded',
  "model" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "description" TEXT,
  "price" DECIMAL(10,2) NOT NULL,
  "weight" DECIMAL(65,30),
  "rating" DOUBLE PRECISION,
  "vatRate" REAL NOT NULL DEFAULT 0.19,
  "stock" INTEGER NOT NULL DEFAULT 0,
  "shelf" SMALLINT,
  "unitsSold" BIGINT NOT NULL DEFAULT 0,
  "active" BOOLEAN NOT NULL DEFAULT true,
  "condition" "Condition" NOT NULL DEFAULT 'NEW',
  "attributes" JSONB NOT NULL DEFAULT '{}',
  "datasheet" JSON,
  "thumbnail" BYTEA,
  "keywords" TEXT[] DEFAULT ARRAY[]::TEXT[],
  "sizes" INTEGER[],
  "badges" "Badge"[],
  "releasedOn" DATE,
  "availableFrom" TIMESTAMPTZ(3),
  "syncedAt" TIMESTAMP(6),
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" TIMESTAMP(3) NOT NULL,
  "legacyCode" TEXT,
  "searchVector" tsvector,
  CONSTRAINT "Product_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "Product_sku_key" ON "Product" ("sku");
CREATE UNIQUE INDEX "Product_brandSlug_model_key" ON "Product" ("brandSlug", "model");

CREATE TABLE "orders" (
  "id" BIGSERIAL NOT NULL,
  "number" TEXT NOT NULL,
  "status" "order_status" NOT NULL DEFAULT 'pending',
  "total" DECIMAL(12,2) NOT NULL DEFAULT 0,
  "customer_id" INTEGER NOT NULL,
  "placed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "orders_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "orders_number_key" ON "orders" ("number");
CREATE INDEX "orders_customer_id_idx" ON "orders" ("customer_id");

CREATE TABLE "order_lines" (
  "order_id" BIGINT NOT NULL,
  "position" INTEGER NOT NULL,
  "sku" VARCHAR(32) NOT NULL,
  "quantity" INTEGER NOT NULL,
  "unit_price" DECIMAL(10,2) NOT NULL,
  CONSTRAINT "order_lines_pkey" PRIMARY KEY ("order_id", "position")
);
CREATE UNIQUE INDEX "order_lines_order_id_sku_key" ON "order_lines" ("order_id", "sku");

CREATE TABLE "Shipment" (
  "id" BIGSERIAL NOT NULL,
  "orderId" BIGINT NOT NULL,
  "carrier" TEXT NOT NULL,
  "shippedAt" TIMESTAMP(3),
  CONSTRAINT "Shipment_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "Parcel" (
  "id" BIGSERIAL NOT NULL,
  "shipmentId" BIGINT NOT NULL,
  "weight" DOUBLE PRECISION NOT NULL,
  CONSTRAINT "Parcel_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "audit_log" (
  "id" BIGSERIAL NOT NULL,
  "at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "action" TEXT NOT NULL,
  "details" JSONB,
  CONSTRAINT "audit_log_pkey" PRIMARY KEY ("id")
);

-- ---------------------------------------------------------------------------------------------------------------------
-- Types of ids
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE "alias_int" (
  "id" INTEGER NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_int_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_small_int" (
  "id" SMALLINT NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_small_int_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_big_int" (
  "id" BIGINT NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_big_int_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_boolean" (
  "id" BOOLEAN NOT NULL,
  "part" INTEGER NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_boolean_pkey" PRIMARY KEY ("id", "part")
);
CREATE TABLE "alias_uuid" (
  "id" UUID NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_uuid_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_text" (
  "id" TEXT NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_text_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_var_char" (
  "id" VARCHAR(40) NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_var_char_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_char" (
  "id" CHAR(5) NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_char_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_citext" (
  "id" CITEXT NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_citext_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_collated" (
  "id" TEXT COLLATE "case_insensitive" NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_collated_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_decimal" (
  "id" DECIMAL(10,2) NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_decimal_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_decimal_default" (
  "id" DECIMAL(65,30) NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_decimal_default_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_decimal_free" (
  "id" DECIMAL NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_decimal_free_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_float" (
  "id" DOUBLE PRECISION NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_float_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_real" (
  "id" REAL NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_real_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_timestamp_0" (
  "id" TIMESTAMP(0) NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_timestamp_0_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_timestamp_3" (
  "id" TIMESTAMP(3) NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_timestamp_3_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_timestamp_6" (
  "id" TIMESTAMP(6) NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_timestamp_6_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_timestamptz_3" (
  "id" TIMESTAMPTZ(3) NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_timestamptz_3_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_date" (
  "id" DATE NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_date_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_time_3" (
  "id" TIME(3) NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_time_3_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_bytes" (
  "id" BYTEA NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_bytes_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_enum" (
  "id" "shade" NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_enum_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_inet" (
  "id" INET NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_inet_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_bit" (
  "id" BIT(4) NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_bit_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "alias_var_bit" (
  "id" VARBIT(8) NOT NULL,
  "v" INTEGER NOT NULL,
  CONSTRAINT "alias_var_bit_pkey" PRIMARY KEY ("id")
);

-- ---------------------------------------------------------------------------------------------------------------------
-- Foreign keys. Where the schema gives no action: ON DELETE RESTRICT if a column of the key is required, else SET NULL;
-- ON UPDATE CASCADE.
-- ---------------------------------------------------------------------------------------------------------------------

ALTER TABLE "Profile" ADD CONSTRAINT "Profile_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Profile" ADD CONSTRAINT "Profile_avatarId_fkey" FOREIGN KEY ("avatarId") REFERENCES "Asset" ("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "Asset" ADD CONSTRAINT "Asset_tenantId_fkey" FOREIGN KEY ("tenantId") REFERENCES "Tenant" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Post" ADD CONSTRAINT "Post_categoryId_fkey" FOREIGN KEY ("categoryId") REFERENCES "Category" ("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "Category" ADD CONSTRAINT "Category_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES "Category" ("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "Comment" ADD CONSTRAINT "Comment_postId_fkey" FOREIGN KEY ("postId") REFERENCES "Post" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Comment" ADD CONSTRAINT "Comment_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User" ("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "Comment" ADD CONSTRAINT "Comment_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES "Comment" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Bookmark" ADD CONSTRAINT "Bookmark_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Bookmark" ADD CONSTRAINT "Bookmark_postId_fkey" FOREIGN KEY ("postId") REFERENCES "Post" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "_Follows" ADD CONSTRAINT "_Follows_A_fkey" FOREIGN KEY ("A") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "_Follows" ADD CONSTRAINT "_Follows_B_fkey" FOREIGN KEY ("B") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "_PostToTag" ADD CONSTRAINT "_PostToTag_A_fkey" FOREIGN KEY ("A") REFERENCES "Post" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "_PostToTag" ADD CONSTRAINT "_PostToTag_B_fkey" FOREIGN KEY ("B") REFERENCES "Tag" ("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "Membership" ADD CONSTRAINT "Membership_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Membership" ADD CONSTRAINT "Membership_tenantId_fkey" FOREIGN KEY ("tenantId") REFERENCES "Tenant" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
-- Tasks before projects: Postgres runs the actions of a row in the order in which they were made, and the last of these
-- would else forbid to delete a tenant.
ALTER TABLE "Task" ADD CONSTRAINT "Task_tenantId_fkey" FOREIGN KEY ("tenantId") REFERENCES "Tenant" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Project" ADD CONSTRAINT "Project_tenantId_fkey" FOREIGN KEY ("tenantId") REFERENCES "Tenant" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Task" ADD CONSTRAINT "Task_tenantId_projectNumber_fkey" FOREIGN KEY ("tenantId", "projectNumber") REFERENCES "Project" ("tenantId", "number") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "TenantImport" ADD CONSTRAINT "TenantImport_tenantId_fkey" FOREIGN KEY ("tenantId") REFERENCES "Tenant" ("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "Product" ADD CONSTRAINT "Product_brandSlug_fkey" FOREIGN KEY ("brandSlug") REFERENCES "Brand" ("slug") ON DELETE SET DEFAULT ON UPDATE CASCADE;
ALTER TABLE "orders" ADD CONSTRAINT "orders_customer_id_fkey" FOREIGN KEY ("customer_id") REFERENCES "User" ("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "order_lines" ADD CONSTRAINT "order_lines_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "orders" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "order_lines" ADD CONSTRAINT "order_lines_sku_fkey" FOREIGN KEY ("sku") REFERENCES "Product" ("sku") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "Shipment" ADD CONSTRAINT "Shipment_orderId_fkey" FOREIGN KEY ("orderId") REFERENCES "orders" ("id") ON DELETE NO ACTION ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE "Parcel" ADD CONSTRAINT "Parcel_shipmentId_fkey" FOREIGN KEY ("shipmentId") REFERENCES "Shipment" ("id") ON DELETE CASCADE ON UPDATE CASCADE;

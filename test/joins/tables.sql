CREATE TYPE "Mood" AS ENUM ('good mood', 'BAD');
CREATE TABLE "Plain" ("id" INT PRIMARY KEY, "text" TEXT, "int" INT, "bool" BOOLEAN, "mood" "Mood", "uuid" UUID);
CREATE TABLE "Kid" (
  "id" INT PRIMARY KEY, "parentId" INT, "dec" DECIMAL(65, 30), "dec2" DECIMAL(30, 10), "money" MONEY,
  "float" DOUBLE PRECISION, "real" REAL, "big" BIGINT, "bytes" BYTEA, "json" JSONB, "jsonText" JSON,
  "date" DATE, "time" TIME(3), "timetz" TIMETZ(3), "stamp" TIMESTAMP(3), "stamp6" TIMESTAMP(6),
  "stamptz" TIMESTAMPTZ(3), "stamptz6" TIMESTAMPTZ(6), "int" INT, "small" SMALLINT, "oid" OID, "bool" BOOLEAN,
  "text" TEXT, "varchar" VARCHAR(40), "char" CHAR(5), "uuid" UUID, "bit" BIT(4), "varbit" VARBIT(8), "inet" INET,
  "xml" XML, "mood" "Mood", "ints" INT[], "texts" TEXT[], "bigs" BIGINT[], "decs" DECIMAL(65, 30)[], "moods" "Mood"[],
  "stamps" TIMESTAMP(3)[]
);
CREATE TABLE "Parent" (
  "id" INT PRIMARY KEY, "kidId" INT UNIQUE REFERENCES "Kid" ("id"), "plainId" INT REFERENCES "Plain" ("id")
);
ALTER TABLE "Kid" ADD FOREIGN KEY ("parentId") REFERENCES "Parent" ("id");

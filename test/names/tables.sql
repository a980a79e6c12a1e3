CREATE COLLATION "no_case" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION "no_punctuation" (provider = icu, locale = 'und-u-ka-shifted-ks-level1', deterministic = false);

CREATE TABLE "Ci" ("id" TEXT COLLATE "no_case" PRIMARY KEY, "v" INT NOT NULL DEFAULT 0, "name" TEXT COLLATE "no_case");
CREATE TABLE "CiKid" (
  "id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0,
  "ciId" TEXT COLLATE "no_case" NOT NULL REFERENCES "Ci" ("id") ON UPDATE CASCADE
);
CREATE TABLE "Punct" ("id" TEXT COLLATE "no_punctuation" PRIMARY KEY, "v" INT NOT NULL DEFAULT 0);
CREATE TABLE "PunctKid" (
  "id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0,
  "punctId" TEXT COLLATE "no_punctuation" NOT NULL REFERENCES "Punct" ("id")
);
CREATE TABLE "Plain" ("id" TEXT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0);
CREATE TABLE "PlainKid" (
  "id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0, "plainId" TEXT NOT NULL REFERENCES "Plain" ("id")
);
CREATE TABLE "Sku" ("sku" VARCHAR(4) PRIMARY KEY, "v" INT NOT NULL DEFAULT 0);
CREATE TABLE "Line" (
  "id" VARCHAR(4) PRIMARY KEY, "v" INT NOT NULL DEFAULT 0, "sku" VARCHAR(4) NOT NULL REFERENCES "Sku" ("sku")
);
CREATE TABLE "Pad" ("id" CHAR(4) PRIMARY KEY, "v" INT NOT NULL DEFAULT 0);
CREATE TABLE "PadKid" (
  "id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0, "padId" CHAR(4) NOT NULL REFERENCES "Pad" ("id")
);
CREATE TABLE "Dec" ("id" DECIMAL(10, 2) PRIMARY KEY, "v" INT NOT NULL DEFAULT 0);
CREATE TABLE "DecKid" (
  "id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0, "decId" DECIMAL(10, 2) NOT NULL REFERENCES "Dec" ("id")
);
CREATE TABLE "Stamp" ("id" TIMESTAMP(0) PRIMARY KEY, "v" INT NOT NULL DEFAULT 0);
CREATE TABLE "StampKid" (
  "id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0, "stampId" TIMESTAMP(0) NOT NULL REFERENCES "Stamp" ("id")
);
CREATE TABLE "A" ("id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0);
CREATE TABLE "B" ("id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0);
CREATE TABLE "Shared" (
  "id" SERIAL PRIMARY KEY, "v" INT NOT NULL DEFAULT 0, "x" INT REFERENCES "A" ("id") REFERENCES "B" ("id")
);
CREATE TABLE "Mailbox" ("id" INT PRIMARY KEY, "email" TEXT NOT NULL UNIQUE, "v" INT NOT NULL DEFAULT 0);
CREATE TABLE "Mail" (
  "id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0, "email" TEXT NOT NULL REFERENCES "Mailbox" ("email")
);
CREATE TABLE "Owner" ("id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0, "is" INT, "isNot" INT);
CREATE TABLE "Word" (
  "id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0, "AND" INT, "OR" INT, "NOT" INT UNIQUE, "equals" INT UNIQUE,
  "not" INT, "in" INT, "set" INT, "increment" INT, "push" INT, "data" INT, "where" INT, "create" INT, "connect" INT,
  "select" INT, "include" INT, "update" INT, "delete" INT, "mode" INT, "some" INT, "every" INT, "none" INT, "is" INT,
  "isNot" INT, "ownerId" INT REFERENCES "Owner" ("id"), UNIQUE ("data", "where"), UNIQUE ("in", "not")
);
CREATE TABLE "Every" (
  "id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0, "wordId" INT REFERENCES "Word" ("id"),
  "ownerId" INT UNIQUE REFERENCES "Owner" ("id")
);
CREATE TABLE "OddGroup" ("id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0);
CREATE TABLE "Odd" (
  "id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0, "constructor" INT, "note" TEXT, "at" TIMESTAMP(3),
  "price" DECIMAL(65, 30), "json" JSONB, "list" JSONB[], "groupId" INT REFERENCES "OddGroup" ("id")
);
CREATE TABLE "OddBox" ("id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0);
CREATE TABLE "Doc" (
  "id" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0, "json" JSONB, "list" JSONB[], "boxId" INT REFERENCES "OddBox" ("id")
);
CREATE TABLE "NamedId" ("a" INT PRIMARY KEY, "v" INT NOT NULL DEFAULT 0);
CREATE TABLE "NamedUnique" (
  "id" INT PRIMARY KEY, "b" INT NOT NULL UNIQUE, "c" INT UNIQUE, "v" INT NOT NULL DEFAULT 0
);

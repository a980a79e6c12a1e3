/**
 * From an empty folder, with the README alone: its install command, its first TypeScript snippet, letter by letter, and around them
 * what a project with Prisma has already. Compiled under `strict` and run as an ES module, and as CommonJS.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { type Block, blocksOf } from '../../test/docs/pages.js'
import { TABLES, writeBareProject } from './bare.js'
import type { Lab } from './lab.js'
import { NAME, type Project } from './package.js'
import { run, type Where } from './process.js'

const LONGEST_SECONDS = 300

/** @param manager - the command of the package manager: `['npm']` */
export async function firstHour(cwd: string, tarball: string, manager: readonly string[]): Promise<Project> {
  const since = performance.now()
  const install = firstOf('sh', ({ code }) => /^npm install .*$/m.exec(code)?.[0])
  const snippet = firstOf('ts', ({ code }) => code)
  const packages = install.split(' ').slice(2)
  assert.ok(packages.includes(NAME), `the README installs ${install}`)

  await writeBareProject(cwd, { name: 'first-hour', private: true, type: 'module' })
  return {
    scripts: {},
    migrations: [TABLES],
    async install(where) {
      const add = manager.includes('npm') ? 'install' : 'add'
      const quiet = ['--prefer-offline', ...(add === 'install' ? ['--no-audit', '--no-fund'] : [])]
      const tool = (...args: string[]) => run(where, 300_000, manager[0] as string, ...manager.slice(1), ...args)
      // What a project with Prisma and TypeScript has.
      await tool(add, '-D', ...quiet, 'prisma', 'typescript', '@types/node@20')
      await tool(add, ...quiet, ...packages.map(name => (name === NAME ? tarball : name)))
    },
    async check(lab) {
      for (const [type, program] of [
        ['module', snippet],
        ['commonjs', inMain(snippet)],
      ] as const) {
        await compile(lab.where, type, program)
        await lab.claim(
          `${type === 'module' ? 'ESM' : 'CommonJS'}: the snippet has its first hit, and ends by itself`,
          () => firstHit(lab),
        )
      }
      const seconds = (performance.now() - since) / 1000
      await lab.claim(`all that in less than ${LONGEST_SECONDS / 60} minutes`, async () => {
        assert.ok(seconds < LONGEST_SECONDS, `it took ${seconds.toFixed(0)} s`)
      })
    },
  }
}

/** The first block of the README in a language of which `take` makes something. */
function firstOf(language: string, take: (block: Block) => string | undefined): string {
  for (const block of blocksOf('README.md')) {
    const taken = block.language === language ? take(block) : undefined
    if (taken !== undefined) return taken
  }
  throw new Error(`the README has no such block of ${language}`)
}

/** CommonJS has no `await` outside of functions. Nothing else is changed. */
function inMain(snippet: string): string {
  const lines = snippet.split('\n')
  const last = lines.findLastIndex(line => line.startsWith('import '))
  const [imports, body] = [lines.slice(0, last + 1), lines.slice(last + 1)]
  return [...imports, 'async function main() {', ...body, '}', 'void main()', ''].join('\n')
}

async function compile(where: Where, type: 'module' | 'commonjs', program: string): Promise<void> {
  const manifest = JSON.parse(await readFile(join(where.cwd, 'package.json'), 'utf8')) as object
  await writeFile(join(where.cwd, 'package.json'), JSON.stringify({ ...manifest, type }))
  await writeFile(join(where.cwd, 'index.ts'), program)
  await run(where, 60_000, 'npx', 'prisma', 'generate')
  await run(where, 60_000, 'npx', 'tsc')
}

async function firstHit({ where, redis }: Lab): Promise<void> {
  const client = new Redis(redis.url)
  try {
    // Again, where the first queries have waited longer for Redis than 50 ms, on a busy machine.
    for (let attempt = 0; ; attempt++) {
      await client.flushdb()
      const printed = await run(where, 20_000, process.execPath, 'out/index.js')
      if (/\bhits: 1\b/.test(printed) && /\bmisses: 2\b/.test(printed)) break
      assert.ok(attempt < 5, printed)
    }
    assert.ok(await client.exists('User:42'))
  } finally {
    client.disconnect()
  }
}

/** `docs/migrating.md`, tried: the code before and after, with the packages that it is about, in one project on one Redis. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { type Block, blocksOf } from '../../test/docs/pages.js'
import { TABLES, writeBareProject } from './bare.js'
import type { Lab } from './lab.js'
import { NAME, type Project } from './package.js'
import { run } from './process.js'

const PAGE = 'docs/migrating.md'

const DEPENDENCIES = {
  '@prisma/adapter-pg': '7.10.1',
  '@prisma/client': '7.10.0',
  '@prisma/extension-accelerate': '3.0.1',
  '@types/node': '^20.19.43',
  ioredis: '6.0.0',
  prisma: '7.10.1',
  'prisma-extension-redis': '5.0.0',
  typescript: '7.0.2',
}

interface Step {
  readonly name: string
  readonly isBefore: boolean
  readonly runs: boolean
  readonly code: string
}

export async function migrating(cwd: string, tarball: string): Promise<Project> {
  const scripts = { generate: 'prisma generate', build: 'tsc' }
  const dependencies = { ...DEPENDENCIES, [NAME]: `file:${tarball}` }
  await writeBareProject(cwd, { name: 'migrating', private: true, type: 'module', scripts, dependencies })
  const steps = blocksOf(PAGE)
    .filter(({ language }) => language === 'ts')
    .map(stepOf)
  await Promise.all(steps.map(({ name, code }) => writeFile(join(cwd, `${name}.ts`), code)))
  return {
    scripts,
    migrations: [TABLES],
    async install(where) {
      const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel', 'error']
      await run(where, 300_000, 'npm', 'install', ...quiet)
    },
    check: lab => check(lab, steps),
  }
}

const stepOf = ({ mark, code, line }: Block): Step => {
  const isBefore = mark.startsWith('before')
  return { name: `${isBefore ? 'before' : 'after'}-${line}`, isBefore, runs: !mark.includes('no-run'), code }
}

async function check(lab: Lab, steps: readonly Step[]): Promise<void> {
  const redis = new Redis(lab.redis.url)
  const runStep = ({ name }: Step) => run(lab.where, 30_000, process.execPath, `out/${name}.js`)
  const runnable = steps.filter(({ runs }) => runs)
  const isOldOnly = ({ isBefore, code }: Step) => isBefore && !code.includes(NAME)
  const first = (what: string) => {
    const step = runnable.find(({ code }) => code.includes(what))
    assert.ok(step, `no code of ${PAGE} has ${what}`)
    return step
  }
  try {
    await lab.claim(`all ${steps.length} programs of ${PAGE} compile under strict`, async () => {
      assert.ok(
        steps.filter(({ isBefore }) => isBefore).length >= 4 && steps.filter(({ isBefore }) => !isBefore).length >= 4,
      )
    })
    await lab.claim('a client of Prisma 7 has no $use', async () => {
      const text = `import { PrismaPg } from '@prisma/adapter-pg'
        import { PrismaClient } from './out/generated/prisma/client.js'
        console.log('$use' in new PrismaClient({ adapter: new PrismaPg({}) }))`
      await writeFile(join(lab.where.cwd, 'use.mjs'), text)
      assert.equal((await run(lab.where, 30_000, process.execPath, 'use.mjs')).trim(), 'false')
    })
    await lab.claim('each program runs, before and after, and ends by itself', async () => {
      for (const step of runnable) await runStep(step)
    })
    await lab.claim('on one Redis the old keys and the new ones do not meet, and each has a TTL', async () => {
      await redis.flushdb()
      for (const step of runnable.filter(isOldOnly)) await runStep(step)
      const old = await contents(redis)
      assert.ok(old.size > 0)
      await redis.flushdb()
      for (const step of runnable.filter(({ isBefore }) => !isBefore)) await runStep(step)
      const ours = await contents(redis)
      assert.ok(ours.size > 0)
      assert.deepEqual(
        [...old.keys()].filter(key => ours.has(key)),
        [],
      )
      for (const [key, ttl] of [...old, ...ours]) assert.ok(ttl > 0, `${key} has no TTL`)
    })
    const fill = first('withCache(')
    for (const [text, what] of [
      ['first', 'enabled: false'],
      ['second', 'excludedOperations:'],
    ] as const) {
      await lab.claim(`switching over, ${text} step: its write invalidates in both caches`, async () => {
        await redis.flushdb()
        await runStep(fill)
        await redis.set('prisma:user:op:of-the-old-cache', '{}')
        await lab.database.query(`UPDATE "User" SET "name" = 'stale' WHERE "id" = 42`)
        await runStep(first(what))
        assert.equal(await redis.exists('User:42'), 0)
        assert.equal(await redis.exists('prisma:user:op:of-the-old-cache'), 0)
      })
    }
  } finally {
    redis.disconnect()
  }
}

/** Each key with its TTL in ms. */
async function contents(redis: Redis): Promise<Map<string, number>> {
  const keys = await redis.keys('*')
  return new Map(await Promise.all(keys.map(async key => [key, await redis.pttl(key)] as const)))
}

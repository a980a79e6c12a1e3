/**
 * `npm run examples`: packs the package once, and installs and runs each folder of `examples/` with it, as its users would: in an
 * empty folder, from the registry, against a real Postgres and a real Redis. `--only fastify`: some of them.
 * `--tarball file`: another package than that of this clone.
 */
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { randomBytes } from 'node:crypto'
import { messageOf } from '../../test/support/commands.js'
import { createDatabase, dropDatabase } from '../../test/support/database.js'
import { watch } from '../../test/support/lifeline.js'
import { startRedis } from '../../test/support/redis-server.js'
import { startServers } from '../../test/support/servers.js'
import { openLab } from './lab.js'
import { root } from './package.js'
import { run, type Where } from './process.js'
import { folders, projects } from './project.js'

interface Outcome {
  readonly name: string
  readonly claims: readonly string[]
  readonly seconds: Record<string, number>
  readonly failure: unknown
}

const { values } = parseArgs({ options: { only: { type: 'string', multiple: true }, tarball: { type: 'string' } } })
const names = Object.keys(projects).filter(name => values.only?.some(part => name.includes(part)) ?? true)
const unknown = [...(values.only ?? []), ...(await folders())].filter(
  part => !Object.keys(projects).some(name => name.includes(part)),
)
if (unknown.length > 0) {
  throw new Error(`there is no check for ${unknown.join(', ')}. There are: ${Object.keys(projects).join(', ')}.`)
}

const temporary = await realpath(await mkdtemp(join(tmpdir(), 'prisma-cache-aside-examples-')))
const lifeline = watch({ remove: temporary })
const servers = await startServers()
// Of our own: the examples have no prefix.
const redis = await startRedis()
const env: NodeJS.ProcessEnv = {
  ...process.env,
  // As in scripts/generate.mjs: generate asks for the schema engine and never runs it.
  PRISMA_SCHEMA_ENGINE_BINARY: process.env['PRISMA_SCHEMA_ENGINE_BINARY'] || process.execPath,
  PRISMA_HIDE_UPDATE_MESSAGE: '1',
  CHECKPOINT_DISABLE: '1',
  NEXT_TELEMETRY_DISABLED: '1',
  npm_config_update_notifier: 'false',
  // What tools print is read by checks, and printed where one fails.
  NO_COLOR: '1',
  FORCE_COLOR: '0',
}
const outcomes: Outcome[] = []
try {
  const tarball = values.tarball === undefined ? await pack() : resolve(values.tarball)
  const waiting = names.map((name, index) => ({ name, index }))
  const next = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const outcome = await outcomeOf(job.name, job.index, tarball)
      outcomes.push(outcome)
      report(outcome)
    }
  }
  // Two cores: one installs while the other runs.
  await Promise.all([next(), next()])
} finally {
  await Promise.all([servers.stop(), redis.stop()])
  await rm(temporary, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  await lifeline.release()
}
const failed = outcomes.filter(({ failure }) => failure !== undefined).map(({ name }) => name)
console.log(failed.length === 0 ? `all ${outcomes.length} run` : `failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

async function pack(): Promise<string> {
  const here = { cwd: root, env }
  const ignored = ['--silent', '--ignore-scripts', '--offline']
  await run(here, 60_000, process.execPath, 'scripts/build.mjs')
  const printed = await run(here, 60_000, 'npm', 'pack', ...ignored, '--pack-destination', temporary)
  return join(temporary, printed.trim())
}

async function outcomeOf(name: string, index: number, tarball: string): Promise<Outcome> {
  const seconds: Record<string, number> = {}
  const claims: string[] = []
  const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const since = performance.now()
    try {
      return await work()
    } finally {
      seconds[what] = (performance.now() - since) / 1000
    }
  }
  const cwd = join(temporary, name.replace(/\W/g, '-'))
  const database = `cache_aside_example_${randomBytes(4).toString('hex')}`
  const where: Where = { cwd, env }
  try {
    await mkdir(cwd)
    const project = await (projects[name] as (typeof projects)[string])(cwd, tarball)
    await timed('install', () => project.install(where))
    await timed('build', async () => {
      const nowhere = { DATABASE_URL: 'postgresql://127.0.0.1:1/none', REDIS_URL: 'redis://127.0.0.1:1' }
      // The machine that builds has no servers. Next.js runs the module with the client there, too.
      const building = { cwd, env: { ...env, ...nowhere } }
      for (const script of ['generate', 'build']) {
        if (script in project.scripts) await run(building, 180_000, 'npm', 'run', script)
      }
    })
    const databaseUrl = await createDatabase(servers.databaseUrl, database)
    const lab = await openLab(where, databaseUrl, `${redis.url}/${index}`, project.scripts)
    try {
      for (const sql of project.migrations) await lab.database.query(sql)
      await timed('check', () => project.check(lab))
    } finally {
      claims.push(...lab.claims)
      await lab.close()
    }
    if (claims.length === 0) throw new Error('the check claims nothing')
    return { name, claims, seconds, failure: undefined }
  } catch (failure) {
    return { name, claims, seconds, failure }
  } finally {
    await dropDatabase(servers.databaseUrl, database)
    await rm(cwd, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }
}

function report({ name, claims, seconds, failure }: Outcome): void {
  const total = Object.values(seconds).reduce((sum, one) => sum + one, 0)
  const parts = Object.entries(seconds).map(([what, one]) => `${what} ${one.toFixed(0)}`)
  console.log(`${failure === undefined ? 'ok    ' : 'FAILED'} ${name}, ${total.toFixed(0)} s (${parts.join(', ')})`)
  for (const claim of claims) console.log(`       - ${claim}`)
  if (failure === undefined) return
  for (let error: unknown = failure; error !== undefined; error = (error as { cause?: unknown }).cause) {
    console.log(messageOf(error).replace(/^/gm, '       '))
  }
}

/**
 * `npm run matrix`: every version that package.json claims, installed from the registry together with the packed package.
 *
 * `--only PATTERN`: rows whose name or versions contain it; more than one, comma-separated. `--quick`: without promise tests and
 * fuzz. `--bounds`: only rows that a full run takes in full. `--keep`: leaves the folders. `--tests FILE`: only these files of
 * test/promises, comma-separated; nothing is written down. `--promises`: only the promise tests; the other cells of the row stay.
 *
 * A full run takes the promise tests and 60 s of fuzz in the rows that bound the ranges, and the checks in all of them; with `--only`
 * it takes all in each row that is named.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { stampOf } from '../scripts/runs.js'
import { applyMigrations, createDatabase, dropDatabase } from '../test/support/database.js'
import { type RedisServer, startRedis, valkeyFromPackages } from '../test/support/redis-server.js'
import { startServers } from '../test/support/servers.js'
import { checkFormat, checkRefusal, checkTypes, runFuzz, runPromises, type Urls } from './check.js'
import { type Part, type Result, Results } from './page.js'
import { addTests, install, type Installed, type Project, root } from './project.js'
import { REFUSALS, type Refusal, type Row, ROWS } from './rows.js'
import { run } from './run.js'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    bounds: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    tests: { type: 'string', default: '' },
    promises: { type: 'boolean', default: false },
  },
})
const patterns = values.only.split(',').filter(Boolean)
const isMeant = (of: Row | Refusal) =>
  patterns.length === 0 || patterns.some(pattern => JSON.stringify([of.name, { ...of, why: '' }]).includes(pattern))
const rows = ROWS.filter(row => isMeant(row) && (!values.bounds || row.full))
const refusals = values.bounds ? [] : REFUSALS.filter(isMeant)
if (rows.length + refusals.length === 0) throw new Error(`There is no row ${values.only}.`)

const temporary = await mkdtemp(join(tmpdir(), 'prisma-cache-aside-matrix-tarball-'))
await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', temporary], {
  cwd: root,
  withinMs: 120_000,
})
const tarball = join(temporary, (await readdir(temporary))[0] as string)
const place: Installed = { tarball, keep: values.keep }
const servers = await startServers()
console.log(servers.chosen.join('\n'))
const database = `cache_aside_matrix_${process.pid}`
const urls: Urls = { database: await createDatabase(servers.databaseUrl, database), redis: servers.redisUrl }
let valkey: RedisServer | undefined
const results = new Results()
let red = 0
try {
  await applyMigrations(urls.database)
  if (rows.some(({ server }) => server === 'Valkey')) valkey = await startRedis({ binary: await valkeyFromPackages() })
  for (const row of rows) await inRow(row, row.full || patterns.length > 0 ? !values.quick : false)
  for (const refusal of refusals) await refuse(refusal)
} finally {
  await dropDatabase(servers.databaseUrl, database)
  await servers.stop()
  await valkey?.stop()
  await rm(temporary, { recursive: true, force: true })
}
console.log(results.table())
process.exitCode = red === 0 ? 0 : 1

async function inRow(row: Row, full: boolean): Promise<void> {
  const told = (line: string) => console.log(`${new Date().toISOString().slice(11, 19)} ${row.name}: ${line}`)
  const result: Result = { name: row.name, versions: versionsOf(row), why: row.why }
  let project: Project | undefined
  const part = async (cell: string, command: string, does: () => Promise<string>): Promise<Part> => {
    const began = performance.now()
    try {
      const text = await does()
      told(`${cell}: ${text} (${Math.round((performance.now() - began) / 1000)} s)`)
      return { ok: true, text, ...stampOf() }
    } catch (error) {
      red++
      const message = error instanceof Error ? error.message : String(error)
      told(`${cell}: RED, repeat with: ${command}\n${message}`)
      return { ok: false, text: firstLine(message), command, ...stampOf() }
    }
  }
  const command = (more = '') => `npm run matrix -- --only ${row.name}${more}`
  try {
    result.install = await part('install', command(' --quick'), async () => {
      project = await install(row, place, { full })
      return 'installed, peers as claimed'
    })
    const made = project
    if (made === undefined) return
    if (values.tests !== '') {
      await part('tests', '', async () => {
        await addTests(made, row.prisma, row.suite)
        return runPromises(made, told, values.tests.split(','))
      })
      return
    }
    if (values.promises) {
      await addTests(made, row.prisma, row.suite)
      result.promises = await part('promises', command(), () => runPromises(made, told))
      return
    }
    const own = row.server === 'Valkey' ? { ...urls, redis: (valkey as RedisServer).url } : urls
    result.types = await part('types', command(' --quick'), () => checkTypes(made, row, own))
    result.esm = await part('ESM', command(' --quick'), () => checkFormat(made, row, 'esm', own))
    result.cjs = await part('CJS', command(' --quick'), () => checkFormat(made, row, 'cjs', own))
    if (full) {
      const prepared = await part('tests', command(), async () => {
        await addTests(made, row.prisma, row.suite)
        return 'copied, clients generated'
      })
      result.promises = prepared.ok ? await part('promises', command(), () => runPromises(made, told)) : prepared
      result.fuzz = prepared.ok ? await part('fuzz', command(), () => runFuzz(made)) : prepared
    }
  } finally {
    if (values.tests === '') await results.add(result)
    await project?.close()
  }
}

async function refuse(refusal: Refusal): Promise<void> {
  const { name, prisma, why } = refusal
  const command = `npm run matrix -- --only ${name}`
  let project: Project | undefined
  const result: Result = { name, versions: { prisma }, why }
  try {
    // The peers refuse it, too: this is for those who are not held to them.
    project = await install({ prisma }, place, { force: true })
    result.refused = { ok: true, text: await checkRefusal(project, refusal), ...stampOf() }
    console.log(`${name}: ${result.refused.text}`)
  } catch (error) {
    red++
    const message = error instanceof Error ? error.message : String(error)
    console.log(`${name}: RED, repeat with: ${command}\n${message}`)
    result.refused = { ok: false, text: firstLine(message), command, ...stampOf() }
  } finally {
    await results.add(result)
    await project?.close()
  }
}

function versionsOf({ prisma, node, ioredis, typescript, suite, server }: Row): Result['versions'] {
  return { prisma, node, ioredis, typescript, suite, server }
}

function firstLine(message: string): string {
  const lines = message
    .split('\n')
    .map(line => line.trim())
    .filter(Boolean)
  return (lines.find(line => /error/i.test(line)) ?? lines[0] ?? 'no message').slice(0, 200)
}

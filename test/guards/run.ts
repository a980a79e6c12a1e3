/**
 * `npm run guards`, with `-- --only <text>` for some and `-- --missing` for those whose test the page does not name: takes
 * each guard out of a copy of the sources, runs its tests until the first goes red, and fails if none does. Writes
 * docs/guards.md.
 */
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { recordRun, stampOf } from '../../scripts/runs.js'
import { startServers } from '../support/servers.js'
import { type Guard, GUARDS } from './guards.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PAGE = join(ROOT, 'docs/guards.md')
const COPIED = [
  'src',
  'test',
  'chaos',
  'scripts',
  'prisma',
  'generated',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
]
/** A test that waits for what never comes is red as well; a run that does not end is ended. */
const LONGEST_MS = 240_000
const ATTEMPTS = 3

interface Outcome {
  readonly guard: Guard
  readonly red: readonly string[]
  /** How many passed before it. */
  readonly green: number
  readonly seconds: number
}

const { values } = parseArgs({ options: { only: { type: 'string' }, missing: { type: 'boolean', default: false } } })
const page = existsSync(PAGE) ? readFileSync(PAGE, 'utf8').split('\n') : []
const guards = GUARDS.filter(
  ({ name }) =>
    (values.only === undefined || name.includes(values.only)) &&
    !(values.missing && page.some(line => nameIn(line) === name && !line.includes('**none**'))),
)
const began = performance.now()
const copy = mkdtempSync(join(tmpdir(), 'prisma-cache-aside-guards-'))
const servers = await startServers()
try {
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  const outcomes: Outcome[] = []
  for (const guard of guards) {
    const outcome = await withoutGuard(guard)
    outcomes.push(outcome)
    writeFileSync(PAGE, pageOf(outcomes))
    const { red, green, seconds } = outcome
    const found = red.length > 0 ? `red   ${guard.name}: ${red.join(', ')}` : `GREEN ${guard.name}: ${green} tests`
    console.log(`${found} (${seconds.toFixed(0)} s)`)
  }
  const unnoticed = outcomes.filter(({ red }) => red.length === 0).map(({ guard }) => guard.name)
  if (unnoticed.length > 0) process.exitCode = 1
  await recordRun({
    command: ['npm run guards --', ...process.argv.slice(2)].join(' '),
    seconds: (performance.now() - began) / 1000,
    result: `${outcomes.length} guards, each taken out; not noticed: ${unnoticed.join(', ') || 'none'}`,
  })
} finally {
  await servers.stop()
  rmSync(copy, { recursive: true, force: true })
}

async function withoutGuard(guard: Guard): Promise<Outcome> {
  const { file, find, instead, tests } = guard
  const path = join(copy, 'src', file)
  const text = readFileSync(path, 'utf8')
  if (text.split(find).length !== 2) throw new Error(`${guard.name}: its text is not in src/${file}, or more than once`)
  writeFileSync(
    path,
    text.replace(find, () => instead),
  )
  const start = performance.now()
  try {
    const found = await missed(tests)
    return { guard, ...found, seconds: (performance.now() - start) / 1000 }
  } finally {
    writeFileSync(path, text)
  }
}

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly status: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

type Found = Pick<Outcome, 'red' | 'green'>

/** A test that is red by chance is not red again alone. */
async function missed(tests: readonly string[]): Promise<Found> {
  let green = 0
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const found = await tested(tests)
    if (found.red.length === 0 || !found.ended) return found
    green = found.green
    const [name] = found.red as [string]
    const again = await tested(tests, ['-t', `^${name.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&')}$`])
    if (again.red.length > 0) return { red: [name], green }
    console.log(`      not red again alone: ${name}`)
  }
  return { red: [], green }
}

/** @param only - what of these files, as arguments of vitest */
async function tested(tests: readonly string[], only: readonly string[] = []): Promise<Found & { ended: boolean }> {
  const report = join(copy, 'report.json')
  rmSync(report, { force: true })
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const files = tests.map(name => `test/${name}`)
  const args = [
    'run',
    ...files,
    '--project=front',
    '--typecheck.enabled=false',
    '--reporter=json',
    `--outputFile=${report}`,
    '--testTimeout=15000',
    '--maxWorkers=1',
    '--bail=1',
    ...only,
  ]
  const child = spawn(process.execPath, [vitest, ...args], {
    cwd: copy,
    stdio: 'ignore',
    env: { ...process.env, DATABASE_URL: servers.databaseUrl, REDIS_URL: servers.redisUrl },
  })
  const late = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS)
  await new Promise(resolve => child.once('exit', resolve))
  clearTimeout(late)
  if (!existsSync(report)) return { red: [`(the run of ${tests.join(', ')} did not end)`], green: 0, ended: false }
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report
  const all = testResults.flatMap(({ assertionResults }) => assertionResults)
  if (all.length === 0) throw new Error(`no test has run: ${testResults.map(({ message }) => message).join(' ')}`)
  return {
    red: all.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
    green: all.filter(({ status }) => status === 'passed').length,
    ended: true,
  }
}

function nameIn(row: string): string | undefined {
  return row.split('|')[1]?.trim()
}

/** Rows of guards that were not taken out in this run stay as they are. */
function pageOf(outcomes: readonly Outcome[]): string {
  const { date, commit } = stampOf()
  const rows = GUARDS.flatMap(guard => {
    const outcome = outcomes.find(each => each.guard === guard)
    if (outcome === undefined) return page.find(line => nameIn(line) === guard.name) ?? []
    const { red, green } = outcome
    const tests = red.length === 0 ? `**none** of ${green}` : red.map(name => `“${name}”`).join(', ')
    const cells = [guard.name, `\`${guard.file}\``, guard.without, tests]
    return `| ${[...cells, `${date}, ${commit}`].map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return `# Guards, and the tests that miss them

\`npm run guards\` writes this page. It takes one guard at a time out of a copy of the sources ([the list](../test/guards/guards.ts)), runs
the tests named for it until the first goes red, and fails if none does.

| guard | in \`src/\` | without it | a test that goes red | run |
| ----- | --------- | ---------- | -------------------- | --- |
${rows.join('\n')}
`
}

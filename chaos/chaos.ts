/**
 * `npm run chaos -- --minutes 10 --seed 1` (and `--on cluster` or `--on sentinels`): processes under mixed load on a real Postgres and a real Redis, while one thing
 * after the other goes wrong; prints one table, and fails if an answer was wrong, a query was rejected that Prisma alone
 * would have answered, or an entry was left stale without a cause.
 */
import { parseArgs } from 'node:util'
import { recordRun } from '../scripts/runs.js'
import { startServers } from '../test/support/servers.js'
import { FAULT_NAMES, type FaultName } from './nemesis.js'
import { PLACES, type PlaceName } from './place.js'
import { type Outcome, run } from './run.js'
import { type Guard, WITHOUT } from './without.js'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    processes: { type: 'string', default: '3' },
    /** How many of the operations on shared rows are writes, as a fraction. */
    writes: { type: 'string', default: '0.07' },
    /** Where the keys are: `single`, `cluster` (3 + 3), `sentinels` (1 + 2 and three Sentinels). */
    on: { type: 'string', default: 'single' },
    /** For instance `--fault "network: partition"`; more than once for several. */
    fault: { type: 'string', multiple: true },
    /** All processes write in strict mode, and through. Otherwise one of three does. */
    strict: { type: 'boolean', default: false },
    /** A guard to be turned off: `journal`, `run_id`, `hold`, `token`, `near`, `intent`. */
    without: { type: 'string' },
  },
})
const seed = Number(values.seed ?? Date.now() % 2 ** 31)
const seconds = Number(values.minutes) * 60
const on = values.on as PlaceName
const names: readonly string[] = FAULT_NAMES[on] ?? []
const wrong = [
  ...[values.on].filter(name => !(PLACES as readonly string[]).includes(name)),
  ...(values.fault ?? []).filter(name => !names.includes(name)),
  ...[values.without ?? 'token'].filter(name => !(name in WITHOUT)),
]
if (wrong.length > 0 || !(seconds > 0)) {
  console.error(
    `Not known: ${wrong.join(', ')}. Places: ${PLACES.join(' | ')}. Faults: ${names.join(' | ')}. Guards: ${Object.keys(WITHOUT).join(' | ')}`,
  )
  process.exit(2)
}

if (values.strict) process.env['CONSISTENCY'] = 'strict'
const servers = await startServers()
console.log(`${servers.chosen[0]}\nseed ${seed}, ${seconds} s, ${values.processes} processes`)
try {
  const outcome = await run({
    adminUrl: servers.databaseUrl,
    seed,
    seconds,
    on,
    processes: Number(values.processes),
    writes: Number(values.writes),
    ...(values.fault && { faults: values.fault as FaultName[] }),
    ...(values.without && { without: values.without as Guard }),
  })
  console.table(tableOf(outcome))
  const { red } = outcome
  for (const { redisKey, cause } of outcome.explained) console.log(`stale, and permitted: ${redisKey}: ${cause}`)
  for (const why of red) console.log(`RED: ${why}`)
  if (red.length > 0) process.exitCode = 1
  const { verdict, compared, faults, heaps } = outcome
  const growth = heaps.map(({ early, late }) => (late / early).toFixed(2)).join(', ')
  await recordRun({
    command: ['npm run chaos --', ...process.argv.slice(2)].join(' '),
    seed,
    seconds,
    result: `${red.length === 0 ? 'green' : `RED (${red.length})`}: ${verdict.reads} reads, ${verdict.hits} hits, ${verdict.writes} writes, ${verdict.wrong.length} wrong, ${[...faults.values()].reduce((sum, count) => sum + count, 0)} faults of ${faults.size} kinds, ${compared.served} of ${compared.entries} entries compared, ${outcome.unexplained.length} stale without a cause, heap × ${growth}`,
  })
} finally {
  await servers.stop()
}

function tableOf({
  verdict,
  excused,
  unexcused,
  compared,
  explained,
  unexplained,
  faults,
  killed,
  left,
  heaps,
}: Outcome) {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
  const mb = (bytes: number) => (bytes / 1_048_576).toFixed(1)
  const rows: [string, string | number][] = [
    ['reads', verdict.reads],
    ['  of them hits', verdict.hits],
    ['writes', verdict.writes],
    ['  queued', verdict.queued],
    ['faults injected', sum([...faults.values()])],
    ...[...faults].map(([name, count]): [string, number] => [`  ${name}`, count]),
    ['processes killed', killed],
    ['wrong answers', verdict.wrong.length],
    ['user-visible errors', verdict.rejections.length],
    ['  that plain Prisma has too', excused.length],
    ['  of ours', unexcused.length],
    ['entries in Redis at the end', compared.entries],
    ['  served and compared', compared.served],
    ['  stale, with a cause', explained.length],
    ['  stale, without', unexplained.length],
    ...(['hit', 'miss', 'plain'] as const).map((kind): [string, string] => [
      `latency of ${kind === 'plain' ? 'plain Prisma' : kind === 'hit' ? 'hits' : 'other reads'}, ms (p50, p99, max)`,
      spread(verdict.latencies[kind]),
    ]),
    ['latency added to a read, ms (p50, p99)', added(verdict.latencies)],
    ['heap at 20 %, at the end, MiB', heaps.map(({ early, late }) => `${mb(early)}, ${mb(late)}`).join(' | ')],
    ['  ratio', heaps.map(({ early, late }) => (late / early).toFixed(3)).join(' | ')],
    ['timers left', sum(left.map(one => one.left.timers.length))],
    ['queued commands left', sum(left.map(one => one.left.queuedCommands))],
    ['invalidations pending', sum(left.map(one => one.left.pendingInvalidations))],
  ]
  return Object.fromEntries(rows.map(([name, value]) => [name, { value }]))
}

function at(sorted: readonly number[], part: number): number {
  return (sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0) / 1000
}

function spread(micros: readonly number[]): string {
  const sorted = micros.toSorted((a, b) => a - b)
  return [0.5, 0.99, 1].map(part => at(sorted, part).toFixed(1)).join(', ')
}

/** Against plain Prisma, in the same run and under the same load: negative where the cache was faster. */
function added({ hit, miss, plain }: Outcome['verdict']['latencies']): string {
  const [cached, without] = [[...hit, ...miss].toSorted((a, b) => a - b), plain.toSorted((a, b) => a - b)]
  return [0.5, 0.99].map(part => (at(cached, part) - at(without, part)).toFixed(1)).join(', ')
}

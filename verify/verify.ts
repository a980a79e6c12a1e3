/**
 * `npm run verify -- --minutes 3 --seed 1`: four processes read and write hot rows and the lists on them, while one fault after the other
 * comes; what they saw is judged against what each mode promises. Prints one table, and fails where an answer is wrong outside of
 * the documented windows, or an entry is stale without a cause.
 */
import { parseArgs } from 'node:util'
import { type Guard, WITHOUT } from '../chaos/without.js'
import { recordRun } from '../scripts/runs.js'
import { startServers } from '../test/support/servers.js'
import { ALL_FAULTS, type FaultName } from './faults.js'
import { MODES, type ModeName } from './modes.js'
import { record } from './recorded.js'
import { run } from './run.js'
import { tableOf } from './table.js'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    processes: { type: 'string', default: '4' },
    /** More than once for several. */
    mode: { type: 'string', multiple: true },
    fault: { type: 'string', multiple: true },
    /** Keeps what was measured for `docs/guarantees.md`. */
    record: { type: 'boolean', default: false },
    add: { type: 'boolean', default: false },
    /** A guard to be turned off, as in chaos: `token` goes red. */
    without: { type: 'string' },
  },
})
const seed = Number(values.seed ?? Date.now() % 2 ** 31)
const seconds = Number(values.minutes) * 60
const [modes, faults, guards] = [Object.keys(MODES), ALL_FAULTS as readonly string[], Object.keys(WITHOUT)]
const wrong = [
  ...(values.mode ?? []).filter(name => !modes.includes(name)),
  ...(values.fault ?? []).filter(name => !faults.includes(name)),
  ...[values.without ?? 'token'].filter(name => !guards.includes(name)),
]
if (wrong.length > 0 || !(seconds > 0)) {
  const known = `Modes: ${modes.join(' | ')}. Faults: ${faults.join(' | ')}. Guards: ${guards.join(' | ')}`
  console.error(`Not known: ${wrong.join(', ')}. ${known}`)
  process.exit(2)
}

const servers = await startServers()
console.log(`${servers.chosen[0]}\nseed ${seed}, ${seconds} s, ${values.processes} processes`)
try {
  const rounds = await run({
    adminUrl: servers.databaseUrl,
    seed,
    seconds,
    processes: Number(values.processes),
    ...(values.mode && { modes: values.mode as ModeName[] }),
    ...(values.fault && { faults: values.fault as FaultName[] }),
    ...(values.without && { without: values.without as Guard }),
  })
  console.table(tableOf(rounds))
  const red = rounds.flatMap(({ mode, fault, red: why }) => why.map(text => `${mode}, ${fault}: ${text}`))
  for (const why of red) console.log(`RED: ${why}`)
  if (red.length > 0) process.exitCode = 1
  const command = ['npm run verify --', ...process.argv.slice(2)].join(' ')
  if (values.record && red.length === 0) await record(rounds, command, values.add)
  const sum = (of: (round: (typeof rounds)[number]) => number) => rounds.reduce((total, one) => total + of(one), 0)
  const below = rounds.flatMap(({ judged }) => judged.below)
  const outside = below.filter(({ window }) => window === undefined).length
  const causeless = sum(({ stale }) => stale.filter(({ cause }) => cause === undefined).length)
  await recordRun({
    command,
    seed,
    seconds,
    result: `${red.length === 0 ? 'green' : `RED (${red.length})`}: ${rounds.length} rounds, ${sum(({ judged }) => judged.reads)} reads, ${sum(({ judged }) => judged.hits)} hits, ${sum(({ judged }) => judged.writes)} writes, ${below.length - outside} answers inside a window, ${outside} outside, ${sum(({ stale }) => stale.length)} entries stale at rest, ${causeless} without a cause`,
  })
} finally {
  await servers.stop()
}

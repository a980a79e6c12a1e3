/**
 * `npm run model`: an explicit-state model of the protocol. It goes through every order of the steps of two writers, two readers and the
 * faults, and prints which anomalies can occur: *permanently stale* (until the TTL or the next write), *older than an acknowledged
 * write*, *reads go back*.
 *
 *   npm run model                                       every mode, no fault and one fault
 *   npm run model -- --pairs                            two faults as well
 *   npm run model -- --all                              two faults, and more loads: takes hours
 *   npm run model -- --mode strict --faults "crash, intent expiry" --trace
 *   npm run model -- --controls                         each rule taken out, which has to be seen
 *   npm run model -- --mode standard --without token --trace
 */
import { parseArgs } from 'node:util'
import { CONTROLS, type ControlRun, runControl } from './controls.js'
import type { Verdict } from './explore.js'
import { type Anomaly, ANOMALIES } from './questions.js'
import { type Cell, faultSets, LARGE, runCell, USUAL } from './scenarios.js'
import { type Fault, FAULTS, MODES, type Rule, RULES } from './state.js'

const LIMITS = `What was looked at: two rows and one result that lists both; two writers (of a row, or of both rows without their names), one write each;
two readers that share loads or begin their own, a load or two each; each fault of a line once. Beyond that, nothing is shown.
What is left out: time (a TTL ends, a fill or a duplicate arrives at any moment; a hold or an intent outlives a write that is open, unless
"intent expiry" is the fault); creates, deletes, tags, rows by another unique; transactions that resolve and were rolled back; Clusters.
Redis and Postgres are each atomic: a command, a script, a commit is one step, and all see them in the same order.
A near cache is one more process, over writes in standard mode; it may hear of a change at any time (the product: within \`maxStaleMs\`).
Its lines have one writer and one reader that loads; with --all, two writers.

  never    in no order of steps
  passing  only between a COMMIT and the invalidation that is sure to follow it (or, in a near cache, until Redis has told of it)
  yes      also beyond that`

const { values } = parseArgs({
  options: {
    mode: { type: 'string' },
    faults: { type: 'string' },
    without: { type: 'string' },
    controls: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    pairs: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
  },
})
const { trace, all } = values
const most = all || values.pairs ? 2 : 1
const modes = values.mode === undefined ? MODES : [known('mode', values.mode, MODES)]
const without =
  values.without === undefined ? undefined : known('without', values.without, Object.keys(RULES) as Rule[])
const faults =
  values.faults === undefined
    ? undefined
    : values.faults
        .split(/[,+]/)
        .filter(name => name !== '' && name !== 'none')
        .map(name => known('faults', name.trim(), FAULTS))

console.log(`${LIMITS}\n`)
if (values.controls) runControls()
else runTable()

function runTable(): void {
  if (without !== undefined) console.log(`Without the rule "${without}": ${RULES[without]}.\n`)
  console.log(line(['mode', 'faults', ...ANOMALIES, 'states', 'seconds']))
  const bounds = all ? LARGE : USUAL
  for (const mode of modes) {
    for (const set of faults === undefined ? faultSets(mode, most) : [faults]) {
      show(runCell(mode, set, bounds[mode], { without, trace }))
    }
  }
}

function show(cell: Cell): void {
  const { mode, faults: set, verdicts, states, seconds, isCut, traces, servesRow, servesResult } = cell
  const isStopped = isCut && !ANOMALIES.every(anomaly => verdicts[anomaly] === 'yes')
  const note = isStopped
    ? '  not all states were seen'
    : isCut || (servesRow && servesResult)
      ? ''
      : '  never serves what was written'
  console.log(line([mode, faultText(set), ...cells(verdicts), String(states), seconds.toFixed(1)]) + note)
  if (trace) for (const [anomaly, steps] of traces) showTrace(anomaly, steps)
}

function runControls(): void {
  console.log(
    `${'rule taken out'.padEnd(22)}${'mode'.padEnd(15)}${'faults'.padEnd(18)}${'can occur'.padEnd(34)}with      without`,
  )
  let green = 0
  for (const control of CONTROLS) {
    if (without !== undefined && control.without !== without) continue
    const run = runControl(control, trace)
    if (!run.isRed) green++
    console.log(controlLine(run))
    if (trace) showTrace(control.breaks, run.withoutRule.traces.get(control.breaks) ?? [])
  }
  if (green > 0) {
    console.log(
      `\n${green} rules can be taken out and nothing more goes wrong: the model does not see what they are for.`,
    )
    process.exitCode = 1
  }
}

function controlLine({ control, withRule, withoutRule, isRed }: ControlRun): string {
  const { without: rule, mode, faults: set, breaks } = control
  const [before, after] = [withRule.verdicts[breaks], withoutRule.verdicts[breaks]]
  const what = [
    rule.padEnd(22),
    mode.padEnd(15),
    faultText(set).padEnd(18),
    breaks.padEnd(34),
    before.padEnd(10),
    after,
  ]
  return what.join('') + (isRed ? '' : '   GREEN')
}

function showTrace(anomaly: Anomaly, steps: readonly string[]): void {
  console.log(`\n  ${anomaly}:`)
  for (const [at, step] of steps.entries()) console.log(`  ${String(at).padStart(3)}. ${step}`)
  console.log('')
}

function cells(verdicts: Record<Anomaly, Verdict>): string[] {
  return ANOMALIES.map(anomaly => verdicts[anomaly])
}

function faultText(set: readonly Fault[]): string {
  return set.length === 0 ? 'none' : set.join(' + ')
}

function line(parts: readonly string[]): string {
  const widths = [15, 34, 19, 34, 15, 10, 8]
  return parts
    .map((part, at) => part.padEnd(widths[at] ?? 0))
    .join('')
    .trimEnd()
}

function known<Name extends string>(option: string, name: string, names: readonly Name[]): Name {
  const found = names.find(one => one === name)
  if (found === undefined) throw new Error(`--${option} ${name}: it has to be one of ${names.join(', ')}`)
  return found
}

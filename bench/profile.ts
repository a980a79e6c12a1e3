/**
 * `npm run bench:profile`: where the CPU time of a hit goes, and with `--functions` which functions take most of it.
 * `--work unique`: some of the works. `npm run bench -- --only profile` writes the same to docs/benchmarks.md.
 */
import { parseArgs } from 'node:util'
import { OURS, works } from './contenders.js'
import { IN_FLIGHT, parallel } from './measure.js'
import { profileOf, type Share } from './profiler.js'
import { warmUp } from './proof.js'
import { openStage } from './stage.js'

const { values } = parseArgs({
  options: {
    functions: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '5' },
    work: { type: 'string', default: '' },
    who: { type: 'string', default: OURS },
  },
})

const stage = await openStage()
const who = stage.contenders.find(each => each.name === values.who)
if (who === undefined) throw new Error(`There are: ${stage.contenders.map(each => each.name).join(', ')}.`)

for (const work of works.filter(({ name }) => name.includes(values.work))) {
  await warmUp(stage, [who], work)
  const run = (i: number) => who.read(work, i)
  await parallel(run, 1500)
  const { perSecond, cpuMicros, owners, functions } = await profileOf(run, Number(values.seconds) * 1000)
  console.log(
    `\n${work.name}: ${Math.round(perSecond)} hits/s at ${IN_FLIGHT} in flight, ${cpuMicros.toFixed(1)} µs CPU per hit`,
  )
  print(owners, cpuMicros)
  if (values.functions) print(functions.slice(0, 70), cpuMicros)
}
await stage.close()
process.exit()

function print(rows: readonly Share[], all: number): void {
  for (const { name, micros } of rows) {
    const share = micros / all
    if (share < 0.002) continue
    console.log(`  ${(share * 100).toFixed(1).padStart(5)} %  ${micros.toFixed(2).padStart(6)} µs  ${name}`)
  }
}

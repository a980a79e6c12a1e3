/** `npm run mutate -- --count 1000000 --seed 1`: mutates entries and prints what readers would have made of them. */
import { parseArgs } from 'node:util'
import { recordRun } from '../../scripts/runs.js'
import { mutate } from './mutation.js'

const { values } = parseArgs({
  options: { count: { type: 'string', default: '1000000' }, seed: { type: 'string' } },
})
const seed = Number(values.seed ?? Date.now() % 2 ** 32)
const started = performance.now()
const { examples, served, ...numbers } = mutate(Number(values.count), seed)
console.table({
  seed,
  ...numbers,
  subjectsServed: served.length,
  seconds: Math.round((performance.now() - started) / 1000),
})
await recordRun({
  command: ['npm run mutate --', ...process.argv.slice(2)].join(' '),
  seed,
  seconds: (performance.now() - started) / 1000,
  result: Object.entries(numbers)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
    .join(', '),
})
for (const example of examples) console.log(example)
if (numbers.wrong + numbers.crashes + numbers.forgedOfWrongType > 0) process.exitCode = 1

import { BENTO, FLOOR, FLOOR_PER_TICK, HOOK, OURS, PLAIN, RIVAL, works } from './contenders.js'
import { compare } from './measure.js'
import { warmUp } from './proof.js'
import { openStage } from './stage.js'
const stage = await openStage()
const names = (process.env['WHO'] ?? [FLOOR, OURS, HOOK, BENTO].join('|')).split('|')
const some = stage.contenders.filter(c => names.includes(c.name))
for (const work of works.filter((w, i) => (process.env['WORKS'] ?? '0,1,2,3,4,5').split(',').includes(String(i)))) {
  await warmUp(stage, some, work)
  const m = await compare(some.map(c => ({ name: c.name, run: (i: number) => c.read(work, i) })), { rounds: Number(process.env['ROUNDS'] ?? 7), serialMs: 60, parallelMs: 150 })
  console.log(work.name)
  const floor = m[0]!
  for (const x of m) console.log(`  ${x.name.slice(0, 42).padEnd(44)} p50 ${x.p50.toFixed(0)} (${(x.p50/floor.p50).toFixed(2)}x)  rate ${Math.round(x.rate)} (${(x.rate/floor.rate).toFixed(2)}x)  cpu ${x.cpu.toFixed(1)}`)
}
await stage.close()
process.exit()

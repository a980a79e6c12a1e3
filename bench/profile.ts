/**
 * `npm run bench:profile`: where the CPU time of a hit goes, by the inspector's profiler: whose code ran, and with `--functions`
 * which of it most. `--work unique`: some of the works.
 */
import { Session } from 'node:inspector/promises'
import type { Profiler } from 'node:inspector'
import { parseArgs } from 'node:util'
import { OURS, works } from './contenders.js'
import { IN_FLIGHT, parallel } from './measure.js'
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
  for (let i = 0; i < work.rows; i++) await who.read(work, i)
  const run = (i: number) => who.read(work, i)
  await parallel(run, 1500)
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
  const { perSecond, cpuMicros } = await parallel(run, Number(values.seconds) * 1000)
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  console.log(
    `\n${work.name}: ${Math.round(perSecond)} hits/s at ${IN_FLIGHT} in flight, ${cpuMicros.toFixed(1)} µs CPU per hit`,
  )
  print(shares(profile, ownerOf), cpuMicros)
  if (values.functions) print(shares(profile, nameOf).slice(0, 70), cpuMicros)
}
await stage.close()
process.exit()

type Share = readonly [name: string, share: number]

/** Of all samples in which something ran. */
function shares({ nodes, samples = [] }: Profiler.Profile, keyOf: (node: Profiler.ProfileNode) => string): Share[] {
  const byId = new Map(nodes.map(node => [node.id, node]))
  const counts = new Map<string, number>()
  let all = 0
  for (const id of samples) {
    const node = byId.get(id) as Profiler.ProfileNode
    if (node.callFrame.functionName === '(idle)') continue
    all++
    const key = keyOf(node)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return [...counts].map(([name, count]): Share => [name, count / all]).toSorted((a, b) => b[1] - a[1])
}

function ownerOf({ callFrame: { functionName, url } }: Profiler.ProfileNode): string {
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (functionName === '(program)') return 'the runtime itself, system calls'
  if (url.includes('/dist/esm/')) return 'this package'
  if (url.includes('/generated/') || url.includes('@prisma')) return 'Prisma'
  if (url.includes('ioredis') || url.includes('redis-parser')) return 'ioredis'
  if (url.includes('msgpackr')) return 'msgpackr'
  if (url.includes('/bench/')) return 'the bench'
  if (url.startsWith('node:') || url === '') return 'Node'
  return /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? 'other'
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: Profiler.ProfileNode): string {
  return `${functionName || '(anonymous)'} ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`
}

function print(rows: readonly Share[], cpuMicros: number): void {
  for (const [name, share] of rows) {
    if (share < 0.002) continue
    console.log(
      `  ${(share * 100).toFixed(1).padStart(5)} %  ${(share * cpuMicros).toFixed(2).padStart(6)} µs  ${name}`,
    )
  }
}

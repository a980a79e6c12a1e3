/** Where the CPU time of one call goes, by the profiler of Node's inspector: whose code ran, and which of its functions. */
import { Session } from 'node:inspector/promises'
import type { Profiler } from 'node:inspector'
import { parallel } from './measure.js'

/** A share of the CPU time, in µs per call. */
export interface Share {
  readonly name: string
  readonly micros: number
}

export interface Profiled {
  readonly perSecond: number
  /** CPU time of the process per call, in µs. */
  readonly cpuMicros: number
  /** The largest first. */
  readonly owners: readonly Share[]
  readonly functions: readonly Share[]
}

export async function profileOf(run: (i: number) => PromiseLike<unknown>, ms: number): Promise<Profiled> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
  const { perSecond, cpuMicros } = await parallel(run, ms)
  const { profile } = await session.post('Profiler.stop')
  session.disconnect()
  const [owners, functions] = [ownerOf, functionOf].map(nameOf => shares(profile, nameOf, cpuMicros))
  return { perSecond, cpuMicros, owners: owners as Share[], functions: functions as Share[] }
}

/** Of all samples in which something ran. */
function shares(
  { nodes, samples = [] }: Profiler.Profile,
  nameOf: (node: Profiler.ProfileNode) => string,
  cpuMicros: number,
): Share[] {
  const byId = new Map(nodes.map(node => [node.id, node]))
  const counts = new Map<string, number>()
  let all = 0
  for (const id of samples) {
    const node = byId.get(id) as Profiler.ProfileNode
    if (node.callFrame.functionName === '(idle)') continue
    all++
    const name = nameOf(node)
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts]
    .map(([name, count]) => ({ name, micros: (count / all) * cpuMicros }))
    .toSorted((a, b) => b.micros - a.micros)
}

export const US = 'this package'

function ownerOf({ callFrame: { functionName, url } }: Profiler.ProfileNode): string {
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (functionName === '(program)') return 'the runtime itself, system calls'
  if (url.includes('/dist/esm/')) return US
  if (url.includes('/generated/') || url.includes('@prisma')) return 'Prisma'
  if (url.includes('ioredis') || url.includes('redis-parser')) return 'ioredis'
  if (url.includes('msgpackr')) return 'msgpackr'
  if (url.includes('/bench/')) return 'the bench'
  if (url.startsWith('node:') || url === '') return 'Node'
  return /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? 'other'
}

function functionOf({ callFrame: { functionName, url, lineNumber } }: Profiler.ProfileNode): string {
  return `${functionName || '(anonymous)'} ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`
}

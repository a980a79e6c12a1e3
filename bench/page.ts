/** Writes docs/benchmarks.md between its markers, and the plots beside it. What stands around the markers is written by hand. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { bars, lines } from './charts.js'
import { FLOOR, FLOOR_PER_TICK, OURS, PLAIN, RIVAL } from './contenders.js'
import type { Held } from './heap.js'
import { IN_FLIGHT, type Measured } from './measure.js'

export interface Bytes {
  readonly work: string
  readonly name: string
  /** Of each value in Redis. */
  readonly bytes: readonly number[]
  /** Of `JSON.stringify` of the answer. */
  readonly json: number
}

export interface WriteCost {
  readonly name: string
  /** Entries in Redis. */
  readonly size: number
  /** Redis commands per update. */
  readonly commands: number
  readonly p50: number
  readonly p99: number
  /** Beside plain Prisma's, which was measured in turns with it. */
  readonly ratio: number
}

export interface Results {
  readonly date: string
  readonly commit: string
  readonly machine: string
  readonly versions: Readonly<Record<string, string>>
  readonly reads: readonly { readonly work: string; readonly measured: readonly Measured[] }[]
  readonly misses: readonly Measured[]
  readonly writes: readonly WriteCost[]
  readonly bytes: readonly Bytes[]
  readonly stillWarm: readonly { readonly name: string; readonly warm: number; readonly of: number }[]
  readonly advice: readonly Advice[]
  /** Of a full run. */
  readonly heap: readonly Held[] | undefined
}

/** What one setting does, beside another. */
export interface Advice {
  readonly what: string
  readonly measured: readonly Measured[]
}

const DOCS = new URL('../docs/', import.meta.url)
const PAGE = new URL('benchmarks.md', DOCS)
const BEGIN = '<!-- bench -->'
const END = '<!-- /bench -->'

/** Behind the name of a contender: its commits do not wait for the disk. */
export const HASTY = ', `synchronous_commit = off`'

export async function writePage(results: Results): Promise<void> {
  const plots = plotsOf(results)
  await mkdir(new URL('plots/', DOCS), { recursive: true })
  for (const [name, svg] of Object.entries(plots)) await writeFile(new URL(`plots/${name}.svg`, DOCS), svg)
  const page = await readFile(PAGE, 'utf8')
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (before < 0 || after < before) throw new Error(`docs/benchmarks.md needs ${BEGIN} and, behind it, ${END}.`)
  await writeFile(PAGE, `${page.slice(0, before)}${BEGIN}\n\n${pageOf(results)}\n\n${page.slice(after)}`)
}

export function pageOf(results: Results): string {
  const { date, commit, machine, versions, reads, misses, writes, bytes, stillWarm, advice, heap } = results
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [
    `Measured on ${date} at commit ${commit}: ${machine}; ${named.join(', ')}. Postgres and Redis on the same machine.`,
    '## The goals',
    table(
      ['measure', 'goal', 'measured', ''],
      goalsOf(results).map(goal => [...goal.texts, goal.met ? 'met' : '**missed**']),
    ),
    '## Hits',
    `Serial latency in µs (median, in brackets the quartiles of the rounds' medians), rate and CPU time of the process per hit at ${IN_FLIGHT} in flight.`,
    '![Hits per second](plots/rate.svg)',
    '![Latency of a hit](plots/latency.svg)',
    ...reads.flatMap(({ work, measured }) => [`### ${work}`, readsTable(measured)]),
    '## Misses',
    'Rows that nobody has read before: look, load, store.',
    table(
      ['', 'p50, µs', 'p99, µs', '× plain Prisma'],
      misses.map(each => [
        strong(each.name),
        spread(each.p50, each.spread),
        round(each.p99),
        ratio(each.p50, of(misses, PLAIN).p50),
      ]),
    ),
    '## Writes',
    'One `update` by key, with so many entries in the cache, in turns with plain Prisma. (The last lines: a database that answers before the commit is on its disk, which few have.)',
    '![An update, by entries in the cache](plots/writes.svg)',
    table(
      ['', 'entries', 'Redis commands', 'p50, µs', 'p99, µs', '× plain Prisma'],
      writes.map(each => [
        strong(each.name),
        each.size.toLocaleString('en'),
        String(each.commands),
        round(each.p50),
        round(each.p99),
        each.ratio.toFixed(2),
      ]),
    ),
    'Of the other rows of the model, after one update, still answered from the cache:',
    table(
      ['', 'rows'],
      stillWarm.map(each => [strong(each.name), `${each.warm} of ${each.of}`]),
    ),
    '## Bytes in Redis',
    'Of the values of one answer, beside `JSON.stringify` of the same.',
    table(
      ['', '', 'values', 'bytes', '× JSON'],
      bytes.map(each => [
        each.work,
        strong(each.name),
        String(each.bytes.length),
        String(sum(each.bytes)),
        ratio(sum(each.bytes), each.json),
      ]),
    ),
    '## What settings do',
    ...advice.flatMap(each => [`### ${each.what}`, adviceTable(each.measured)]),
    ...(heap === undefined
      ? []
      : [
          '## What the process holds',
          `Heap after a forced garbage collection, over ${heap.at(-1)?.reads.toLocaleString('en')} reads.`,
          table(
            ['reads', 'MB'],
            heap.map(each => [each.reads.toLocaleString('en'), each.heap.toFixed(1)]),
          ),
        ]),
  ].join('\n\n')
}

function readsTable(measured: readonly Measured[]): string {
  const floor = of(measured, FLOOR)
  return table(
    ['', 'p50, µs', 'p99, µs', '× bare `GET`', 'per second', '× bare `GET`', 'CPU, µs'],
    measured.map(each => [
      strong(each.name),
      spread(each.p50, each.spread),
      round(each.p99),
      ratio(each.p50, floor.p50),
      spread(each.rate, each.rateSpread),
      ratio(each.rate, floor.rate),
      each.cpu.toFixed(1),
    ]),
  )
}

function adviceTable(measured: readonly Measured[]): string {
  const first = measured[0] as Measured
  return table(
    ['', 'p50, µs', '× first line', 'per second', '× first line', 'CPU, µs'],
    measured.map(each => [
      each.name,
      spread(each.p50, each.spread),
      ratio(each.p50, first.p50),
      spread(each.rate, each.rateSpread),
      ratio(each.rate, first.rate),
      each.cpu.toFixed(1),
    ]),
  )
}

// ---- goals

interface Goal {
  readonly texts: readonly [measure: string, goal: string, measured: string]
  readonly met: boolean
}

export function goalsOf({ reads, misses, writes, bytes, stillWarm }: Results): Goal[] {
  const hits = (reads[0] as Results['reads'][number]).measured
  const related = (reads.at(-1) as Results['reads'][number]).measured
  const most = (measure: string, value: number, limit: number): Goal => ({
    texts: [measure, `≤ ${limit}×`, `${value.toFixed(2)}×`],
    met: value <= limit,
  })
  const least = (measure: string, value: number, limit: number): Goal => ({
    texts: [measure, `≥ ${limit}×`, `${value.toFixed(2)}×`],
    met: value >= limit,
  })
  const share = (work: string) => {
    const own = bytes.find(each => each.name === OURS && each.work.startsWith(work)) as Bytes
    return sum(own.bytes) / own.json
  }
  const updates = writes.filter(each => each.name === OURS)
  const ratios = updates.map(each => each.ratio)
  const sizes = updates.map(each => each.size.toLocaleString('en'))
  const warm = stillWarm.find(each => each.name === OURS) as Results['stillWarm'][number]
  const rate = (who: string, all = hits) => of(all, who).rate
  const p50 = (who: string, all = hits) => of(all, who).p50
  return [
    most('serial hit, p50, against bare `GET` + decode', p50(OURS) / p50(FLOOR), 1.35),
    least('serial hit, times faster than plain `findUnique`', p50(PLAIN) / p50(OURS), 3),
    least(`hits/s at ${IN_FLIGHT} in flight against a bare \`GET\` per row`, rate(OURS) / rate(FLOOR), 0.8),
    least(`hits/s at ${IN_FLIGHT} in flight against ${RIVAL}`, rate(OURS) / rate(RIVAL), 2.7),
    least('50 related rows, warm, times faster than plain Prisma, serial', p50(PLAIN, related) / p50(OURS, related), 5),
    least('50 related rows, warm, against plain Prisma, throughput', rate(OURS, related) / rate(PLAIN, related), 4),
    most('miss, p50, against plain Prisma', p50(OURS, misses) / p50(PLAIN, misses), 1.6),
    most(`write, p50, against plain Prisma, the worst of ${sizes.join(', ')} entries`, Math.max(...ratios), 1.25),
    most('bytes in Redis of a 14-column row, against JSON', share('14 columns'), 0.6),
    most('bytes in Redis of a row with 50 related rows, against JSON', share('with 50'), 0.4),
    {
      texts: ['other rows still warm after one update', 'all', `${warm.warm} of ${warm.of}`],
      met: warm.warm === warm.of,
    },
  ]
}

// ---- plots

function plotsOf({ reads, writes }: Results): Record<string, string> {
  const [{ measured }] = reads as [Results['reads'][number]]
  const shown = measured.filter(each => each.name !== FLOOR_PER_TICK || each.rate > 0)
  const bar = (value: (each: Measured) => number, unit: string) =>
    shown
      .toSorted((a, b) => value(b) - value(a))
      .map(each => ({
        name: each.name,
        value: value(each),
        label: `${round(value(each))}${unit}`,
        ours: each.name === OURS,
      }))
  const names = [...new Set(writes.map(each => each.name))].filter(name => !name.endsWith(HASTY))
  return {
    rate: bars(
      `Hits per second, a 5-column row, ${IN_FLIGHT} in flight`,
      bar(each => each.rate, '/s'),
    ),
    latency: bars(
      'Latency of one hit at a time, a 5-column row, median',
      bar(each => each.p50, ' µs'),
    ),
    writes: lines(
      'One update, by entries in the cache',
      'entries in the cache',
      '× plain Prisma',
      names.map(name => ({
        name,
        ours: name === OURS,
        points: writes.filter(each => each.name === name).map(each => [each.size, each.ratio] as const),
      })),
    ),
  }
}

// ---- text

function of(measured: readonly Measured[], name: string): Measured {
  return measured.find(each => each.name === name) as Measured
}

function strong(name: string): string {
  return name === OURS ? `**${name}**` : name
}

function spread(value: number, [low, high]: readonly [number, number]): string {
  return `${round(value)} (${round(low)}–${round(high)})`
}

function round(value: number): string {
  return value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en')
}

function ratio(value: number, beside: number): string {
  return (value / beside).toFixed(2)
}

function sum(all: readonly number[]): number {
  return all.reduce((total, each) => total + each, 0)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

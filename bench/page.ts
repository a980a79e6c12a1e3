/** Writes docs/benchmarks.md between its markers, and the plots beside it. What stands around the markers is written by hand. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { bars, lines } from './charts.js'
import { FLOOR, FLOOR_PER_TICK, OURS, PLAIN } from './contenders.js'
import type { Held } from './heap.js'
import { IN_FLIGHT, type Measured } from './measure.js'
import type { Profiled, Share } from './profiler.js'

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

export type Hits = NonNullable<Parts['reads']>['measured'][number]

export interface StillWarm {
  readonly name: string
  readonly warm: number
  readonly of: number
}

/** What a client did in one situation of `npm run bench:limit`. */
export interface Limit {
  readonly name: string
  /** Reads per second that were answered. */
  readonly rate: number
  /** Of all reads. */
  readonly hitRatio: number
  readonly failedReads: number
  /** Writes per second that were done. */
  readonly writes: number
  readonly failedWrites: number
  /** Of a read, also of one that failed, in ms. */
  readonly p50: number
  readonly p99: number
}

/** Whose code runs in a hit of one work, in µs of CPU per hit. */
export interface ProfiledWork {
  readonly work: string
  readonly ours: Pick<Profiled, 'cpuMicros' | 'owners'>
  /** A bare `GET` and decode of the same. */
  readonly floor: Pick<Profiled, 'cpuMicros' | 'owners'>
  /** Of ours, the largest first. */
  readonly functions: readonly Share[]
}

/** What was measured, when, of what and on what. */
interface Part<Measure> {
  readonly date: string
  readonly commit: string
  readonly machine: string
  readonly versions: Readonly<Record<string, string>>
  readonly measured: Measure
}

/** The parts of the page. Some may be older than others. */
export interface Parts {
  readonly bytes?: Part<readonly Bytes[]>
  readonly reads?: Part<readonly { readonly work: string; readonly measured: readonly Measured[] }[]>
  readonly profile?: Part<readonly ProfiledWork[]>
  readonly misses?: Part<readonly Measured[]>
  readonly stillWarm?: Part<readonly StillWarm[]>
  readonly writes?: Part<readonly WriteCost[]>
  readonly advice?: Part<readonly Advice[]>
  /** Of a full run. */
  readonly heap?: Part<readonly Held[]>
  /** Of `npm run bench:limit`. */
  readonly limit?: Part<readonly Limit[]>
  /** Of `npm run bench:cluster`. */
  readonly cluster?: Part<readonly OnCluster[]>
  /** Of `npm run bench:feed`. */
  readonly feed?: Part<FeedMeasured>
  readonly strict?: Part<readonly ModeCost[]>
  /** Of `npm run bench:near`. */
  readonly near?: Part<NearMeasured>
}

/** An update of one row by its key, and an update with a read of the row behind it. Times in µs. */
export interface ModeCost {
  readonly name: string
  /** That Redis is sent for the update, one after the other. */
  readonly commands: string
  /** That the database gets for the update and the read. */
  readonly statements: number
  readonly p50: number
  readonly p99: number
  readonly pairP50: number
  readonly pairP99: number
}

/** What the near cache does. */
export interface NearMeasured {
  readonly hits: readonly {
    readonly work: string
    readonly measured: readonly Measured[]
    /** Look-ups in Redis for a thousand hits. */
    readonly asked: number
  }[]
  /** Writes of another process, one after the other: from when each had resolved until this process reads it, in ms. */
  readonly seen: {
    readonly writes: number
    /** Rows that were kept when they were written. */
    readonly kept: number
    /** Reads that began after a write had resolved elsewhere, and did not see it. */
    readonly stale: number
    /** Seen later than `maxStaleMs`. */
    readonly late: number
    readonly p50: number
    readonly p99: number
    readonly most: number
  }
  /** Keys that Redis tells all processes of, together. */
  readonly messages: {
    readonly processes: number
    readonly write: Told
    readonly fill: Told
  }
}

/** With `CLIENT TRACKING` of what was read, and with `BCAST` of the prefix. */
interface Told {
  readonly tracked: number
  readonly broadcast: number
}

/** What the change feed does under load. */
export interface FeedMeasured {
  /** Changes by another program, one after the other: from COMMIT until a cached reader in another process answers the new row. */
  readonly lag: { readonly changes: number; readonly missed: number; readonly p50: number; readonly p99: number }
  /** One transaction of many rows. */
  readonly large: { readonly rows: number; readonly ms: number; readonly beforeMB: number; readonly mostMB: number }
  /** Many small transactions. */
  readonly many: {
    readonly seconds: number
    readonly transactions: number
    readonly p50: number
    readonly mostMs: number
    readonly recoveredMs: number
    readonly beforeMB: number
    readonly mostMB: number
    readonly invalidations: number
  }
}

/** A Redis Cluster of some masters. */
export interface OnCluster {
  readonly masters: number
  readonly hits: readonly Measured[]
  readonly load: readonly ClusterLoad[]
}

/** What each node is sent for one read or write. */
export interface ClusterLoad {
  readonly what: string
  readonly nodes: readonly {
    readonly commands: number
    readonly bytesIn: number
    readonly bytesOut: number
    /** CPU time of the commands, in µs. */
    readonly micros: number
  }[]
}

/** What one setting does, beside another. */
export interface Advice {
  readonly what: string
  readonly measured: readonly Measured[]
}

export interface Goal {
  readonly texts: readonly [measure: string, goal: string, measured: string]
  readonly met: boolean
}

export const CLUSTER_GET = 'bare `cluster.get` + decode'
export const CLUSTER_OWN_HOOK = '`cluster.get` + decode in a query hook, nothing else'
export const CLUSTER_MGETS = '12 `MGET`s for the reads of a turn, by ioredis alone'
export const CLUSTER_HOOK = 'prisma-extension-cache-aside, `front: false`'
export const CLUSTER_FRONT = 'prisma-extension-cache-aside'
export const ROOMY = 'with the cache, a pool of 40'
export const AT_LIMIT = 'with the cache, a pool of 5'
export const PLAIN_AT_LIMIT = 'plain Prisma, a pool of 5'

const DOCS = new URL('../docs/', import.meta.url)
const PAGE = new URL('benchmarks.md', DOCS)
const NUMBERS = new URL('benchmarks.json', DOCS)
const BEGIN = '<!-- bench -->'
const END = '<!-- /bench -->'

/** Behind the name of a contender: its commits do not wait for the disk. */
export const HASTY = ', `synchronous_commit = off`'

/** What was measured last of each part. */
export async function readParts(): Promise<Parts> {
  try {
    return JSON.parse(await readFile(NUMBERS, 'utf8')) as Parts
  } catch {
    return {}
  }
}

export async function writePage(parts: Parts, goals: readonly Goal[]): Promise<void> {
  const plots = plotsOf(parts)
  await mkdir(new URL('plots/', DOCS), { recursive: true })
  for (const [name, svg] of Object.entries(plots)) await writeFile(new URL(`plots/${name}.svg`, DOCS), svg)
  await writeFile(NUMBERS, `${JSON.stringify(parts, (_, value: unknown) => rounded(value))}\n`)
  const page = await readFile(PAGE, 'utf8')
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (before < 0 || after < before) throw new Error(`docs/benchmarks.md needs ${BEGIN} and, behind it, ${END}.`)
  await writeFile(PAGE, `${page.slice(0, before)}${BEGIN}\n\n${pageOf(parts, goals)}\n\n${page.slice(after)}`)
}

function pageOf(parts: Parts, goals: readonly Goal[]): string {
  const { reads, profile, misses, writes, bytes, stillWarm, advice, heap, limit, cluster, feed, near, strict } = parts
  return [
    ...(goals.length === 0
      ? []
      : [
          '## The goals',
          `${goals.filter(({ met }) => met).length} of ${goals.length} goals are met.`,
          table(
            ['measure', 'goal', 'measured', ''],
            goals.map(goal => [...goal.texts, goal.met ? 'met' : '**missed**']),
          ),
        ]),
    ...section('Hits', reads, measured => [
      `Serial latency in µs (median, in brackets the quartiles of the rounds' medians), rate and CPU time of the process per hit at ${IN_FLIGHT} in flight. No statement reached Postgres but those of plain Prisma.`,
      '![Hits per second](plots/rate.svg)',
      '![Latency of a hit](plots/latency.svg)',
      ...measured.flatMap(each => [`### ${each.work}`, readsTable(each.measured)]),
    ]),
    ...section('Where the time of a hit goes', profile, measured => [
      `CPU time of the process per hit in µs, by whose code ran, at ${IN_FLIGHT} in flight; behind the stroke that of a bare \`GET\` and decode of the same. The profiler itself costs a tenth to a fifth.`,
      profileTable(measured),
      'The functions of a hit that take most, in µs:',
      ...measured.map(
        ({ work, functions }) =>
          `- **${work}**: ${functions.map(({ name, micros }) => `${functionName(name)} ${micros.toFixed(2)}`).join(', ')}`,
      ),
    ]),
    ...section('Misses', misses, measured => [
      'Rows that nobody has read before: look, load, store. Read again, they were hits.',
      table(
        ['', 'p50, µs', 'p99, µs', '× plain Prisma'],
        measured.map(each => [
          strong(each.name),
          spread(each.p50, each.spread),
          round(each.p99),
          ratio(each.p50, of(measured, PLAIN).p50),
        ]),
      ),
    ]),
    ...section('Writes', writes, measured => [
      'One `update` by key, with so many entries in the cache, in turns with plain Prisma. (The last lines: a database that answers before the commit is on its disk, which few have.)',
      '![An update, by entries in the cache](plots/writes.svg)',
      table(
        ['', 'entries', 'Redis commands', 'p50, µs', 'p99, µs', '× plain Prisma'],
        measured.map(each => [
          strong(each.name),
          each.size.toLocaleString('en'),
          String(each.commands),
          round(each.p50),
          round(each.p99),
          each.ratio.toFixed(2),
        ]),
      ),
    ]),
    ...section('What an update leaves', stillWarm, measured => [
      'Of the other rows of the model, after one update, still answered from the cache:',
      table(
        ['', 'rows'],
        measured.map(each => [strong(each.name), `${each.warm} of ${each.of}`]),
      ),
    ]),
    ...section('Bytes in Redis', bytes, measured => [
      'Of the values of one answer, beside `JSON.stringify` of the same.',
      table(
        ['', '', 'values', 'bytes', '× JSON'],
        measured.map(each => [
          each.work,
          strong(each.name),
          String(each.bytes.length),
          String(sum(each.bytes)),
          ratio(sum(each.bytes), each.json),
        ]),
      ),
    ]),
    ...section('What settings do', advice, measured =>
      measured.flatMap(each => [`### ${each.what}`, adviceTable(each.measured)]),
    ),
    ...section('A database at its limit', limit, measured => [
      '`npm run bench:limit`: 200 readers and 20 writers at once, of 1,000 rows, in turns. An UPDATE takes the database 50 ms; a connection that is not there within 100 ms is given up. A write that gets none was never sent, and invalidates nothing. Fewer writes are done at the limit, so that fewer rows have to be loaded again; those that have to may get no connection, and fail as they would without the cache.',
      table(
        ['', 'reads/s', 'hits', 'failed reads', 'writes/s', 'failed writes', 'p50, ms', 'p99, ms'],
        measured.map(each => [
          each.name,
          round(each.rate),
          percent(each.hitRatio),
          percent(each.failedReads),
          round(each.writes),
          percent(each.failedWrites),
          round(each.p50),
          round(each.p99),
        ]),
      ),
    ]),
    ...section('On a Redis Cluster', cluster, measured => [
      '`npm run bench:cluster`: rows of 5 columns by key, uniformly, in turns. All servers are on the same machine as the process, so more masters do not make it faster here.',
      ...measured.flatMap(({ masters, hits, load }) => [
        `### ${masters === 1 ? 'One master' : `${masters} masters`}`,
        table(
          ['', 'p50, µs', 'per second, 64 in flight', '× bare `cluster.get`', 'CPU, µs'],
          hits.map(each => [
            each.name,
            round(each.p50),
            round(each.rate),
            (each.rate / (hits[0] as Measured).rate).toFixed(2),
            each.cpu.toFixed(1),
          ]),
        ),
        table(
          ['each node, per read or write', 'commands', 'bytes in', 'bytes out', 'CPU of the commands, µs'],
          load.map(({ what, nodes }) => [
            what,
            nodes.map(({ commands }) => commands.toFixed(2)).join(' · '),
            nodes.map(({ bytesIn }) => bytesIn.toFixed(0)).join(' · '),
            nodes.map(({ bytesOut }) => bytesOut.toFixed(0)).join(' · '),
            nodes.map(({ micros }) => micros.toFixed(1)).join(' · '),
          ]),
        ),
      ]),
    ]),
    ...section('Strict mode', strict, measured => {
      const [plain] = measured
      const ms = (us: number) => (us / 1000).toFixed(2)
      const times = (us: number, beside = us) => `${ms(us)} (${ratio(us, beside)})`
      return [
        '`npm run bench -- --only strict`: an update of one row by its key, then an update with a read of that row behind it, in turns. In milliseconds, and as so many times plain Prisma. With `writeThrough` that read is a hit.',
        table(
          [
            '',
            'sent to Redis for the update',
            'update, p50',
            'p99',
            'update and read, p50',
            'p99',
            'statements of both',
          ],
          measured.map(cost => [
            cost.name,
            cost.commands === ''
              ? ''
              : cost.commands
                  .split(', ')
                  .map(name => `\`${name}\``)
                  .join(', '),
            times(cost.p50, plain?.p50),
            ms(cost.p99),
            times(cost.pairP50, plain?.pairP50),
            ms(cost.pairP99),
            String(cost.statements),
          ]),
        ),
      ]
    }),
    ...section('The near cache', near, ({ hits, seen, messages }) => [
      '`npm run bench:near`: hits in the memory of the process, beside those in Redis and those of another in-memory cache.',
      ...hits.flatMap(({ work, measured: all, asked }) => [
        `### ${work}`,
        table(
          ['', 'p50, µs', 'per second, 64 in flight', 'CPU, µs'],
          all.map(each => [each.name, each.p50.toFixed(1), round(each.rate), each.cpu.toFixed(1)]),
        ),
        `Look-ups in Redis for a thousand hits of the near cache: ${asked}.`,
      ]),
      '### What others write',
      table(
        ['', ''],
        [
          [
            `${seen.writes.toLocaleString('en')} writes of another process, one after the other, to a row that is kept`,
            `from when the write had resolved until it is read here: p50 ${seen.p50.toFixed(2)} ms, p99 ${seen.p99.toFixed(2)} ms, at most ${seen.most.toFixed(1)} ms; ${seen.late} later than \`maxStaleMs\``,
          ],
          [
            `keys that Redis tells of for one write, to ${messages.processes} processes together`,
            `${messages.write.tracked.toFixed(1)}; by \`BCAST\` ${messages.write.broadcast.toFixed(1)}`,
          ],
          ['for one fill', `${messages.fill.tracked.toFixed(1)}; by \`BCAST\` ${messages.fill.broadcast.toFixed(1)}`],
        ],
      ),
    ]),
    ...section('The change feed', feed, ({ lag, large, many }) => [
      '`npm run bench:feed`: the feed in a process of its own. The memory is what the operating system counts for it (RSS).',
      table(
        ['', ''],
        [
          [
            `${lag.changes.toLocaleString('en')} changes by another program, one after the other`,
            `from COMMIT until a cached reader answers the new row: p50 ${lag.p50.toFixed(1)} ms, p99 ${lag.p99.toFixed(1)} ms; ${lag.missed} missed`,
          ],
          [
            `${large.rows.toLocaleString('en')} rows in one transaction`,
            `all invalidated ${round(large.ms)} ms after COMMIT; memory ${round(large.beforeMB)} MB before, ${round(large.mostMB)} MB at most`,
          ],
          [
            `${round(many.transactions / many.seconds)} transactions a second for ${many.seconds.toFixed(0)} s`,
            `lag p50 ${round(many.p50)} ms, at most ${round(many.mostMs)} ms, ${round(many.recoveredMs)} ms after the last of them all was done; ` +
              `${round(many.invalidations)} rounds of invalidations; memory ${round(many.beforeMB)} MB before, ${round(many.mostMB)} MB at most`,
          ],
        ],
      ),
    ]),
    ...section('What the process holds', heap, measured => [
      `Heap after a forced garbage collection, over ${measured.at(-1)?.reads.toLocaleString('en')} reads.`,
      table(
        ['reads', 'MB'],
        measured.map(each => [each.reads.toLocaleString('en'), each.heap.toFixed(1)]),
      ),
    ]),
  ].join('\n\n')
}

/** With what it was measured on: not all parts need be of one run. */
function section<Measure>(title: string, part: Part<Measure> | undefined, body: (of: Measure) => string[]): string[] {
  if (part === undefined) return []
  const { date, commit, machine, versions, measured } = part
  const software = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const note = `Measured on ${date} at commit ${commit}: ${machine}; ${software.join(', ')}. Postgres and Redis on the same machine.`
  return [`## ${title}`, note, ...body(measured)]
}

function rounded(value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value
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

function profileTable(measured: readonly ProfiledWork[]): string {
  const owners = [...new Set(measured.flatMap(({ ours }) => ours.owners.map(({ name }) => name)))]
  const microsOf = (shares: readonly Share[], owner: string) => shares.find(({ name }) => name === owner)?.micros ?? 0
  const rows = owners.map(owner => [
    owner,
    ...measured.map(
      ({ ours, floor }) => `${microsOf(ours.owners, owner).toFixed(1)} / ${microsOf(floor.owners, owner).toFixed(1)}`,
    ),
  ])
  const all = measured.map(({ ours, floor }) => `${ours.cpuMicros.toFixed(1)} / ${floor.cpuMicros.toFixed(1)}`)
  return table(['', ...measured.map(({ work }) => work)], [...rows, ['all', ...all]])
}

/** `decode wire/rows.js:55` → `decode` of `wire/rows.js`. The parts of the runtime have no file. */
function functionName(name: string): string {
  const [what = '', where = ''] = name.split(' ').length > 2 ? [name.replace(/ :0$/, '')] : name.split(' ')
  const file = where.replace(/:\d+$/, '')
  return file === '' ? what : `\`${what}\` of \`${file}\``
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

// ---- plots

function plotsOf({ reads, writes }: Parts): Record<string, string> {
  return {
    ...(reads !== undefined && readPlots((reads.measured[0] as Hits).measured)),
    ...(writes !== undefined && { writes: writePlot(writes.measured) }),
  }
}

function readPlots(measured: readonly Measured[]): Record<string, string> {
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
  return {
    rate: bars(
      `Hits per second, a 5-column row, ${IN_FLIGHT} in flight`,
      bar(each => each.rate, '/s'),
    ),
    latency: bars(
      'Latency of one hit at a time, a 5-column row, median',
      bar(each => each.p50, ' µs'),
    ),
  }
}

function writePlot(measured: readonly WriteCost[]): string {
  const names = [...new Set(measured.map(each => each.name))].filter(name => !name.endsWith(HASTY))
  return lines(
    'One update, by entries in the cache',
    'entries in the cache',
    '× plain Prisma',
    names.map(name => ({
      name,
      ours: name === OURS,
      points: measured.filter(each => each.name === name).map(each => [each.size, each.ratio] as const),
    })),
  )
}

// ---- text

export function of(measured: readonly Measured[], name: string): Measured {
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

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function ratio(value: number, beside: number): string {
  return (value / beside).toFixed(2)
}

export function sum(all: readonly number[]): number {
  return all.reduce((total, each) => total + each, 0)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

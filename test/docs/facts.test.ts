/** What the pages say is what the sources have. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { GAUGES, INSTRUMENTS } from '../../src/observe/metrics.js'
import { RULES } from '../../src/plan/effects.js'
import { type Measured, readHistories, withTables } from '../../verify/recorded.js'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const sources = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' }).filter(name =>
  name.endsWith('.ts'),
)

it('every code of an error event is explained in docs/operations.md', () => {
  const page = read('docs/operations.md')
  const codes = new Set(
    sources.flatMap(name => [...read(`src/${name}`).matchAll(/code: '([A-Z_]+)'/g)].map(([, code]) => code as string)),
  )
  expect(codes.size).toBeGreaterThan(5)
  expect([...codes].filter(code => !page.includes(`| \`${code}\``))).toEqual([])
})

it('every option is in docs/options.md', () => {
  const page = read('docs/options.md')
  const checked = read('src/options.ts').replaceAll(/export interface (?:Query|Probe|Near|Strict)Config \{[^}]*\}/g, '')
  const options = [...checked.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name as string)
  expect(options.length).toBeGreaterThan(10)
  const internal = [
    'policies',
    'ttlMs',
    'negativeTtlMs',
    'queriesTtlMs',
    'maxStaleMs',
    'swrMs',
    'staleIfErrorMs',
    'strict',
    'strictByDefault',
    'rejectsWithoutIntent',
  ]
  expect(
    options.filter(name => !internal.includes(name) && !new RegExp(`\\| \`(models\\.X\\.)?${name}\``).test(page)),
  ).toEqual([])
})

it('every event, every counter and every outcome of a fill is in docs/api.md', () => {
  const page = read('docs/api.md')
  const events = read('src/event-types.ts')
  const [, union = ''] = /export type CacheEvent =([\s\S]*?)\n\n/.exec(events) ?? []
  const types = [...union.matchAll(/type: '(\w+)'/g)].map(([, type]) => type as string)
  expect(types.length).toBeGreaterThan(9)
  expect(types.filter(type => !page.includes(`| \`${type}\``))).toEqual([])
  const [, counters = ''] = /export interface Stats \{([\s\S]*?)\n\}/.exec(events) ?? []
  const names = [...counters.matchAll(/(\w+): number/g)].map(([, name]) => name as string)
  expect(names.length).toBeGreaterThan(8)
  expect([...names, 'pendingInvalidations', 'otherVersions'].filter(name => !page.includes(`\`${name}\``))).toEqual([])
  const [, outcomes = ''] = /export type FillOutcome = (.*)/.exec(events) ?? []
  const fills = [...outcomes.matchAll(/'([\w-]+)'/g)].map(([, name]) => name as string)
  expect(fills.length).toBeGreaterThan(4)
  expect(fills.filter(name => !page.includes(`- \`${name}\``))).toEqual([])
})

it('every metric is in docs/observing.md, by both of its names', () => {
  const page = read('docs/observing.md')
  for (const [name, { kind }] of Object.entries(INSTRUMENTS)) {
    expect(page).toContain(`| \`${name}\` `)
    expect(page).toContain(`| \`${name}_${kind === 'count' ? 'total' : 'seconds'}\``)
  }
  for (const name of Object.keys(GAUGES)) expect(page).toMatch(new RegExp(`^\\| \`${name}\`.* \\| \`${name}\` `, 'm'))
})

it('every method of $cache is in docs/api.md', () => {
  const page = read('docs/api.md')
  const [, api = ''] = /interface CacheOf<[^>]*> \{([\s\S]*?)\n\}/.exec(read('src/cache-api.ts')) ?? []
  const methods = [...api.matchAll(/^ {2}(\w+)[<(]/gm)].map(([, name]) => name as string)
  expect(methods.length).toBeGreaterThan(9)
  expect(methods.filter(name => !new RegExp(`\`${name}\\(`).test(page))).toEqual([])
})

it('every rule of what a write invalidates is in docs/invalidation.md', () => {
  const page = read('docs/invalidation.md')
  expect(Object.keys(RULES).filter(rule => !page.includes(`| \`${rule}\``))).toEqual([])
})

it('how soon a write of another process is seen, in docs/guarantees.md, is what docs/benchmarks.json has', () => {
  const { near } = JSON.parse(read('docs/benchmarks.json')) as {
    near: { measured: { seen: { writes: number; late: number; p50: number; p99: number } } }
  }
  const { writes, late, p50, p99 } = near.measured.seen
  expect(late).toBe(0)
  const page = read('docs/guarantees.md').replaceAll(/\s+/g, ' ')
  expect(page).toContain(`Of ${writes.toLocaleString('en')} writes, the median was read`)
  expect(page).toContain(`${p50.toFixed(2)} ms after it had resolved, 99 in a hundred within ${p99.toFixed(2)} ms`)
})

it('what can happen by mode and fault, in docs/guarantees.md, is what the model has to find and what histories have shown', async () => {
  const page = read('docs/guarantees.md')
  expect(page).toBe(withTables(page, await readHistories()))
})

it('in strict mode, over a million reads of real histories, nothing was stale and nothing went back', async () => {
  const { strict, 'write-through': through, standard } = await readHistories()
  const [one, other] = [strict as Measured, through as Measured]
  expect(one.reads + other.reads).toBeGreaterThanOrEqual(1_000_000)
  for (const { older, wentBack, stale } of [one, other])
    expect({ older, wentBack, stale }).toEqual({ older: 0, wentBack: 0, stale: 0 })
  expect((standard as Measured).wentBack).toBeGreaterThan(0)
})

it('the times in the README are those of docs/benchmarks.json', () => {
  interface Timed {
    readonly name: string
    readonly p50: number
    readonly spread: readonly [number, number]
  }
  const { reads, misses, writes } = JSON.parse(read('docs/benchmarks.json')) as {
    reads: { measured: { work: string; measured: Timed[] }[] }
    misses: { measured: Timed[] }
    writes: { measured: { name: string; size: number; p50: number; ratio: number }[] }
  }
  const ms = (us: number) => (us / 1000).toFixed(2)
  const cells = (measured: readonly Timed[]) =>
    ['plain Prisma', 'prisma-extension-cache-aside'].map(name => {
      const found = measured.find(timed => timed.name === name)
      return found === undefined ? '?' : `${ms(found.p50)} (${found.spread.map(ms).join('–')})`
    })
  const of = (work: string) => cells(reads.measured.find(read1 => read1.work === work)?.measured ?? [])
  const write = writes.measured.find(({ name, size }) => name === 'prisma-extension-cache-aside' && size === 1000)
  const rows = [
    ['hit, a row of 14 columns', ...of('14 columns, by key')],
    ['hit, with 50 related rows', ...of('with 50 related rows')],
    ['miss', ...cells(misses.measured)],
    ['update of one row', ms((write?.p50 ?? 0) / (write?.ratio ?? 1)), ms(write?.p50 ?? 0)],
  ]
  const table = read('README.md')
    .split('\n')
    .filter(line => /^\| (hit|miss|update)/.test(line))
    .map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    )
  expect(table).toEqual(rows)
})

it('every reason in docs/troubleshooting.md is one that the sources give', () => {
  const all = sources.map(name => read(`src/${name}`)).join('\n')
  const table = /\| `why`[^\n]*\n([\s\S]*?)\n\n/.exec(read('docs/troubleshooting.md'))?.[1] ?? ''
  const reasons = [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, reason = '']) => reason)
  expect(reasons.length).toBeGreaterThan(10)
  // What is filled in is written as `…`; names of operations stand for any.
  const fragments = reasons.flatMap(reason => reason.split(/…|findMany|where\./)).map(fragment => fragment.trim())
  expect(fragments.filter(fragment => fragment.length > 2 && !all.includes(fragment))).toEqual([])
})

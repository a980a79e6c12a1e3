/**
 * `--record`: what a run has measured, by mode, is kept in `docs/histories.json` and shown in `docs/guarantees.md`; with `--add`, together with what
 * is there.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { type Stamp, stampOf } from '../scripts/runs.js'
import { ANOMALIES } from '../test/model/questions.js'
import { EXPECTED } from '../test/model/expected.js'
import type { Round } from './run.js'

const NUMBERS = new URL('../docs/histories.json', import.meta.url)
const PAGE = new URL('../docs/guarantees.md', import.meta.url)

export interface Measured extends Stamp {
  readonly command: string
  readonly reads: number
  readonly writes: number
  /** Reads that began after a newer version was acknowledged. */
  readonly older: number
  /** Reads that began after another one had returned a newer version. */
  readonly wentBack: number
  /** How long the newer version was known, at most. */
  readonly worstMs: number
  /** Entries that were stale when all processes had come to rest: each with its cause, and gone after the TTL. */
  readonly stale: number
  /** From COMMIT until Redis has acknowledged the invalidation. */
  readonly windowMs: { readonly p50: number; readonly p99: number; readonly most: number }
}

export type Histories = Readonly<Record<string, Measured>>

export async function record(rounds: readonly Round[], command: string, isAdded: boolean): Promise<void> {
  const histories: Record<string, Measured> = { ...(await readHistories()) }
  for (const mode of new Set(rounds.map(round => round.mode))) {
    const measured = measuredOf(
      rounds.filter(round => round.mode === mode),
      command,
    )
    const before = histories[mode]
    histories[mode] = isAdded && before !== undefined ? both(before, measured) : measured
  }
  await writeFile(NUMBERS, `${JSON.stringify(histories, undefined, 2)}\n`)
  await writeFile(PAGE, withTables(await readFile(PAGE, 'utf8'), histories))
}

export async function readHistories(): Promise<Histories> {
  return JSON.parse(await readFile(NUMBERS, 'utf8').catch(() => '{}')) as Histories
}

function measuredOf(rounds: readonly Round[], command: string): Measured {
  const below = rounds.flatMap(({ judged }) => judged.below)
  const windows = rounds.flatMap(({ judged }) => judged.deleteMs).toSorted((a, b) => a - b)
  const at = (part: number) => tenths(windows[Math.min(windows.length - 1, Math.floor(part * windows.length))] ?? 0)
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0)
  return {
    ...stampOf(),
    command,
    reads: sum(({ judged }) => judged.reads),
    writes: sum(({ judged }) => judged.writes),
    older: below.filter(({ kind }) => kind === 'older than acknowledged').length,
    wentBack: below.filter(({ kind }) => kind === 'went back').length,
    worstMs: tenths(below.reduce((most, { ms }) => Math.max(most, ms), 0)),
    stale: sum(({ stale }) => stale.length),
    windowMs: { p50: at(0.5), p99: at(0.99), most: at(1) },
  }
}

/** Of windows, the wider ones. */
function both(one: Measured, other: Measured): Measured {
  const most = (of: keyof Measured['windowMs']) => Math.max(one.windowMs[of], other.windowMs[of])
  return {
    ...other,
    command: `${one.command}; ${other.command}`,
    reads: one.reads + other.reads,
    writes: one.writes + other.writes,
    older: one.older + other.older,
    wentBack: one.wentBack + other.wentBack,
    worstMs: Math.max(one.worstMs, other.worstMs),
    stale: one.stale + other.stale,
    windowMs: { p50: most('p50'), p99: most('p99'), most: most('most') },
  }
}

function tenths(ms: number): number {
  return Math.round(10 * ms) / 10
}

/** The page with both of its tables: what the model finds, and what real histories have shown. */
export function withTables(page: string, histories: Histories): string {
  return withTable(withTable(page, 'model', modelTable()), 'histories', historiesTable(histories))
}

function withTable(page: string, name: string, rows: readonly (readonly (string | number)[])[]): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/guarantees.md needs ${begin} and, behind it, ${end}.`)
  return `${page.slice(0, from)}${begin}\n\n${tableOf(rows)}\n\n${page.slice(to)}`
}

function modelTable(): string[][] {
  const lines = Object.entries(EXPECTED).flatMap(([mode, faults]) =>
    Object.entries(faults).map(([fault, verdicts]) => [mode, fault, ...verdicts]),
  )
  return [['mode', 'fault', ...ANOMALIES], ...lines]
}

function historiesTable(histories: Histories): (string | number)[][] {
  const head = [
    'mode',
    'reads',
    'writes',
    'older than acknowledged',
    'went back',
    'known since at most',
    'stale at rest',
  ]
  const lines = Object.entries(histories).map(
    ([mode, { reads, writes, older, wentBack, worstMs, stale, windowMs }]) => [
      mode,
      reads,
      writes,
      older,
      wentBack,
      older + wentBack === 0 ? '' : `${worstMs} ms`,
      stale,
      `${windowMs.p50}, ${windowMs.p99}, ${windowMs.most} ms`,
    ],
  )
  return [[...head, 'COMMIT to invalidation: p50, p99, most'], ...lines]
}

/** As the formatter of the repository writes it. */
function tableOf(rows: readonly (readonly (string | number)[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map(row => String(row[column]).length)))
  const line = (row: readonly (string | number)[]) =>
    `| ${row.map((cell, column) => String(cell).padEnd(widths[column] as number)).join(' | ')} |`
  const [head = [], ...body] = rows
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...body.map(line)].join('\n')
}

/** The table of a run: one row for each mode and fault, over all of its rounds. */
import { push, type Below } from './judge.js'
import type { Round } from './run.js'

export function tableOf(rounds: readonly Round[]): Record<string, Record<string, string | number>> {
  const groups = groupBy(rounds, ({ mode, fault }) => `${mode}, ${fault}`)
  return Object.fromEntries([...groups].map(([name, of]) => [name, rowOf(of)]))
}

function rowOf(rounds: readonly Round[]): Record<string, string | number> {
  const below = rounds.flatMap(({ judged }) => judged.below)
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0)
  const stale = rounds.flatMap(round => round.stale)
  const windows = groupBy(below, ({ window }) => window)
  const red = sum(round => round.red.length)
  const inside = [...windows].flatMap(([window, of]) => (window === undefined ? [] : [`${window} ${worst(of)} ms`]))
  return {
    reads: sum(({ judged }) => judged.reads),
    writes: sum(({ judged }) => judged.writes),
    'older than acknowledged': counted(below.filter(({ kind }) => kind === 'older than acknowledged')),
    'went back': counted(below.filter(({ kind }) => kind === 'went back')),
    'above invoked': sum(({ judged }) => judged.above.length),
    'COMMIT to DEL': spread(rounds.flatMap(({ judged }) => judged.deleteMs)),
    'entries compared': sum(({ compared }) => compared.served),
    'stale at rest': staleText(stale, rounds),
    verdict: red > 0 ? `RED (${red})` : inside.length > 0 ? `green; inside: ${inside.join(', ')}` : 'green',
  }
}

function staleText(stale: Round['stale'], rounds: readonly Round[]): string | number {
  if (stale.length === 0) return 0
  const causes = groupBy(stale, ({ cause }) => cause ?? 'NO CAUSE')
  const after = rounds.reduce((sum, { staleAfterTtl = [] }) => sum + staleAfterTtl.length, 0)
  return `${[...causes].map(([cause, of]) => `${of.length}: ${cause}`).join('; ')}; after the TTL ${after}`
}

function counted(below: readonly Below[]): string | number {
  return below.length === 0 ? 0 : `${below.length}, worst ${worst(below)} ms`
}

function worst(below: readonly Below[]): string {
  return below.reduce((most, { ms }) => Math.max(most, ms), 0).toFixed(1)
}

/** In ms. */
function spread(numbers: readonly number[]): string {
  const sorted = numbers.toSorted((a, b) => a - b)
  const at = (part: number) => (sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0).toFixed(1)
  return `p50 ${at(0.5)}, most ${at(1)} ms`
}

function groupBy<T, K>(of: readonly T[], keyOf: (one: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const one of of) push(groups, keyOf(one), one)
  return groups
}

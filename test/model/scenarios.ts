/** What is run: bounds. Whatever is beyond them was not looked at. */
import { ANOMALIES } from './questions.js'
import { explore, type Outcome, type Search, type Verdict } from './explore.js'
import { type Fault, FAULTS, type Mode, type Rule, type WriteKind } from './state.js'

export interface Bounds {
  /** Pairs of writers (or one). Rows A and B are alike, so pairs that mirror another are left out. */
  readonly writes: readonly (readonly WriteKind[])[]
  /** Loads that each reader may begin; hits are not counted, they are looked at in every state. */
  readonly loads: readonly number[]
}

/** In the suite. */
export const SHORT: Record<Mode, Bounds> = {
  standard: { writes: [['A', 'both']], loads: [1, 1] },
  strict: { writes: [['A', 'both']], loads: [1, 1] },
  'write-through': { writes: [['A', 'A']], loads: [1, 1] },
  near: { writes: [['A']], loads: [1] },
}

const PAIRS = [
  ['A', 'A'],
  ['A', 'B'],
  ['A', 'both'],
  ['both', 'both'],
] as const

/** Without an option. */
export const USUAL: Record<Mode, Bounds> = {
  standard: { writes: PAIRS, loads: [1, 1] },
  strict: { writes: PAIRS, loads: [1, 1] },
  'write-through': { writes: PAIRS, loads: [1, 1] },
  near: { writes: [['A'], ['both']], loads: [1] },
}

/** With `--all`. */
export const LARGE: Record<Mode, Bounds> = {
  standard: { writes: PAIRS, loads: [2, 1] },
  strict: { writes: PAIRS, loads: [2, 1] },
  'write-through': { writes: PAIRS, loads: [2, 1] },
  near: {
    writes: [
      ['A', 'A'],
      ['A', 'both'],
    ],
    loads: [1],
  },
}

/** Faults that have something to hit: an intent that ends too early needs an intent, or a hold. */
export function faultSets(mode: Mode, most: number): Fault[][] {
  const sets: Fault[][] = [[]]
  for (const [at, one] of FAULTS.entries()) {
    sets.push([one])
    if (most > 1) for (const other of FAULTS.slice(at)) sets.push([one, other])
  }
  const hasGuard = (faults: readonly Fault[]) =>
    mode === 'strict' || mode === 'write-through' || faults.includes('unknown outcome')
  return sets
    .filter(faults => !faults.includes('intent expiry') || hasGuard(faults))
    .toSorted((a, b) => a.length - b.length)
}

export interface Cell extends Outcome {
  readonly mode: Mode
  readonly faults: readonly Fault[]
  readonly seconds: number
}

/** One line of the table: what can occur in any of the scenarios. */
export function runCell(
  mode: Mode,
  faults: readonly Fault[],
  { writes, loads }: Bounds,
  { without, ...search }: Search & { without?: Rule | undefined } = {},
): Cell {
  const began = performance.now()
  let cell: Outcome | undefined
  for (const kinds of writes) {
    const outcome = explore({ mode, writes: kinds, loads, faults, without }, search)
    cell = cell === undefined ? outcome : merge(cell, outcome)
  }
  if (cell === undefined) throw new Error('no writes')
  return { ...cell, mode, faults, seconds: (performance.now() - began) / 1000 }
}

function merge(one: Outcome, other: Outcome): Outcome {
  const traces = new Map(one.traces)
  const verdicts = { ...one.verdicts }
  for (const anomaly of ANOMALIES) {
    if (!isWorse(other.verdicts[anomaly], one.verdicts[anomaly])) continue
    verdicts[anomaly] = other.verdicts[anomaly]
    const trace = other.traces.get(anomaly)
    if (trace !== undefined) traces.set(anomaly, trace)
  }
  return {
    verdicts,
    traces,
    states: one.states + other.states,
    servesRow: one.servesRow && other.servesRow,
    servesResult: one.servesResult && other.servesResult,
    isCut: one.isCut || other.isCut,
  }
}

const ORDER: readonly Verdict[] = ['never', 'passing', 'yes']

export function isWorse(one: Verdict, other: Verdict): boolean {
  return ORDER.indexOf(one) > ORDER.indexOf(other)
}

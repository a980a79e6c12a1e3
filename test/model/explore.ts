/** The search: every state that any order of steps can lead to, breadth first, so that the first trace to an anomaly is a shortest one. */
import { redisFaults } from './faults.js'
import { nearSteps, tell } from './near.js'
import { type Anomaly, ANOMALIES, ask, type Finding, servedFresh } from './questions.js'
import { readerSteps } from './readers.js'
import { standardSteps } from './standard.js'
import { beginnings, canonical, clone, RESULT, type Scenario, type State, TARGET_NAMES, versionText } from './state.js'
import { strictSteps } from './strict.js'
import type { Turn } from './turn.js'

/** `passing`: only until a step that is sure to come. */
export type Verdict = 'never' | 'passing' | 'yes'

export interface Outcome {
  readonly verdicts: Record<Anomaly, Verdict>
  /** A shortest way to each anomaly that can occur, step by step. */
  readonly traces: ReadonlyMap<Anomaly, readonly string[]>
  readonly states: number
  /** Whether what was written can be served from the cache afterwards, as a row and in the result. */
  readonly servesRow: boolean
  readonly servesResult: boolean
  /** Whether it ended before every state was seen. */
  readonly isCut: boolean
}

export interface Search {
  readonly trace?: boolean
  /** Ends once this can occur, and not only in passing. */
  readonly until?: Anomaly
  readonly maxStates?: number
}

const MAX_STATES = 8_000_000

export function explore(scenario: Scenario, { trace = false, until, maxStates = MAX_STATES }: Search = {}): Outcome {
  const verdicts: Record<Anomaly, Verdict> = {
    'permanently stale': 'never',
    'older than an acknowledged write': 'never',
    'reads go back': 'never',
  }
  let served = 0
  const traces = new Map<Anomaly, readonly string[]>()
  const known = new Set<string>()
  const parents: number[] = []
  const labels: string[] = []
  let level: State[] = []
  let nextLevel: State[] = []

  const wayTo = (from: number, label: string): string[] => {
    const way = [label]
    for (let at = from; at >= 0; at = parents[at] ?? -1) way.unshift(labels[at] ?? '')
    return way
  }
  const record = (findings: readonly Finding[], from: number, label: () => string) => {
    for (const { anomaly, isPassing, target, value } of findings) {
      const verdict = isPassing ? 'passing' : 'yes'
      if (verdicts[anomaly] === 'yes' || verdicts[anomaly] === verdict) continue
      verdicts[anomaly] = verdict
      if (!trace) continue
      const answer = `A read of ${TARGET_NAMES[target]} gets version ${versionText(value, target)}.`
      traces.set(anomaly, [...wayTo(from, label()), answer])
    }
  }
  const add = (state: State, from: number, label: () => string) => {
    const text = canonical(state, scenario)
    if (known.has(text)) return
    known.add(text)
    if (trace) {
      parents.push(from)
      labels.push(label())
    }
    nextLevel.push(state)
    record(ask(state, scenario), from, label)
    served |= servedFresh(state)
  }

  for (const { state, label } of beginnings(scenario)) add(state, -1, () => label)
  let first = 0
  while (nextLevel.length > 0 && known.size <= maxStates && !isDone()) {
    level = nextLevel
    nextLevel = []
    for (let at = 0; at < level.length; at++) {
      const state = level[at]
      if (state === undefined) continue
      const id = first + at
      const turn: Turn = {
        state,
        scenario,
        go: (label, change) => {
          const next = clone(state)
          const findings = change(next)
          tell(state, next)
          if (findings !== undefined && findings.length > 0) record(findings, id, label)
          add(next, id, label)
        },
      }
      stepsOf(turn)
    }
    first += level.length
  }
  const [servesRow, servesResult] = [(served & 1) > 0, (served & (1 << RESULT)) > 0]
  return { verdicts, traces, states: known.size, servesRow, servesResult, isCut: nextLevel.length > 0 }

  function isDone(): boolean {
    return until === undefined ? ANOMALIES.every(anomaly => verdicts[anomaly] === 'yes') : verdicts[until] === 'yes'
  }
}

function stepsOf(turn: Turn): void {
  readerSteps(turn)
  const { mode } = turn.scenario
  if (mode === 'standard' || mode === 'near') standardSteps(turn)
  else strictSteps(turn)
  nearSteps(turn)
  redisFaults(turn)
}

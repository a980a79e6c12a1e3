/** What step rules are given: the state, and `go`, which makes one step of it. */
import type { Fault, Row, Scenario, State } from './state.js'
import type { Finding } from './questions.js'

export interface Turn {
  readonly state: State
  readonly scenario: Scenario
  /** A step: its sentence, and what it changes. What it answers is wrong with an answer that was given in it. */
  readonly go: (label: () => string, change: (next: State) => readonly Finding[] | void) => void
}

/** A step that is a fault, if it may still happen. */
export function fault(turn: Turn, kind: Fault, label: () => string, change: (next: State) => void): void {
  const at = turn.scenario.faults.findIndex((name, i) => name === kind && (turn.state.faults & (1 << i)) !== 0)
  if (at < 0) return
  turn.go(
    () => `FAULT (${kind}): ${label()}`,
    next => {
      next.faults &= ~(1 << at)
      change(next)
    },
  )
}

/** The rows that a write changes. */
export function rowsOf(scenario: Scenario, writer: number): readonly Row[] {
  const kind = scenario.writes[writer]
  return kind === 'both' ? [0, 1] : kind === 'A' ? [0] : [1]
}

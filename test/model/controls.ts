/**
 * Negative controls: the same search without one rule has to find more than with it. A model in which nothing can go wrong shows nothing.
 */
import { explore, type Outcome } from './explore.js'
import type { Anomaly } from './questions.js'
import { isWorse } from './scenarios.js'
import type { Rule, Scenario } from './state.js'

export interface Control extends Scenario {
  readonly without: Rule
  /** What can occur without the rule, and can't, or only in passing, with it. */
  readonly breaks: Anomaly
}

const [STALE, OLDER, BACK] = ['permanently stale', 'older than an acknowledged write', 'reads go back'] as const
const STANDARD = { mode: 'standard', writes: ['A'], loads: [1, 1], faults: [] } as const
const STRICT = { ...STANDARD, mode: 'strict' } as const

export const CONTROLS: readonly Control[] = [
  { ...STANDARD, without: 'token', breaks: STALE },
  { ...STANDARD, without: 'every-write-epoch', breaks: STALE },
  { ...STANDARD, without: 'delete-after-commit', breaks: STALE },
  { ...STANDARD, without: 'random-tokens', faults: ['eviction'], breaks: STALE },
  { ...STANDARD, without: 'join-before-query', breaks: OLDER },
  { ...STANDARD, without: 'hold', faults: ['unknown outcome'], breaks: STALE },
  // Not for good: the DEL is repeated at the end of the hold.
  { ...STANDARD, without: 'hold-read-again', faults: ['unknown outcome'], breaks: BACK },
  { ...STANDARD, without: 'journal', faults: ['lost DEL'], breaks: STALE },
  { ...STRICT, without: 'intent', breaks: BACK },
  { ...STRICT, without: 'intent', faults: ['crash'], breaks: STALE },
  { ...STRICT, without: 'compare', writes: ['A', 'A'], breaks: BACK },
  { ...STRICT, without: 'compare', writes: ['A', 'A'], faults: ['crash'], breaks: STALE },
  { ...STRICT, without: 'release-del', faults: ['intent expiry'], breaks: STALE },
  // The intent came between the look-up and the token.
  { ...STRICT, without: 'hold-read-again', faults: ['crash'], breaks: STALE },
  { ...STANDARD, without: 'ticket', mode: 'write-through', writes: ['A', 'A'], breaks: STALE },
  { ...STANDARD, without: 'alone', mode: 'write-through', writes: ['A', 'A'], faults: ['crash'], breaks: STALE },
  { ...STANDARD, without: 'marks', mode: 'near', loads: [1], breaks: STALE },
]

export interface ControlRun {
  readonly control: Control
  readonly withRule: Outcome
  readonly withoutRule: Outcome
  readonly isRed: boolean
}

export function runControl(control: Control, trace = false): ControlRun {
  const { breaks } = control
  const withRule = explore({ ...control, without: undefined })
  const withoutRule = explore(control, { until: breaks, trace })
  return { control, withRule, withoutRule, isRed: isWorse(withoutRule.verdicts[breaks], withRule.verdicts[breaks]) }
}

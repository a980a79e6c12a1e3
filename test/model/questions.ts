/**
 * The three questions, asked of every state. A hit is one atomic look-up and changes nothing, so no reader is needed for it: whatever a
 * look-up would serve in a state, some read does return. The database is what a read past the cache returns (in a transaction, or while
 * an intent or a hold is there), so it is what other reads may have seen.
 */
import { kept, serve } from './redis.js'
import {
  BEGINS,
  DONE,
  ENDED,
  type Floors,
  OPEN,
  type Row,
  type Scenario,
  type State,
  type Target,
  TARGETS,
  valueOf,
  versionsIn,
} from './state.js'
import { nearServes } from './near.js'

export const ANOMALIES = ['permanently stale', 'older than an acknowledged write', 'reads go back'] as const
export type Anomaly = (typeof ANOMALIES)[number]

/** `isPassing`: it ends by a step that is sure to come, such as the `DEL` behind a COMMIT. */
export interface Finding {
  readonly anomaly: Anomaly
  readonly isPassing: boolean
  /** The answer that is wrong. */
  readonly target: Target
  readonly value: number
}

export function floorsOf(state: State): Floors {
  const { acknowledged, database } = state
  return [...acknowledged, lastInvalidated(state, 0), lastInvalidated(state, 1), ...database]
}

/** The newest version whose writer has invalidated it, or never will. */
function lastInvalidated({ database, writers }: State, row: Row): number {
  let version = database[row]
  while (writers.some(({ made, isWindowOpen }) => isWindowOpen > 0 && version > 0 && made[row] === version)) version--
  return version
}

/** What is wrong with an answer of a read that began when the floors were taken. */
export function judge(value: number, target: Target, floors: Floors, isPassing = false): Finding[] {
  const findings: Finding[] = []
  const versions = versionsIn(value, target)
  for (const row of [0, 1] as const) {
    const version = versions[row]
    if (version === undefined) continue
    if (version < floors[row]) findings.push({ anomaly: 'older than an acknowledged write', isPassing, target, value })
    const isInWindow = version >= floors[(2 + row) as 2 | 3]
    const isBehind = version < floors[(4 + row) as 4 | 5]
    if (isBehind) findings.push({ anomaly: 'reads go back', isPassing: isPassing || isInWindow, target, value })
  }
  return findings
}

/** What is wrong with a state. */
export function ask(state: State, scenario: Scenario): Finding[] {
  const findings: Finding[] = []
  const floors = floorsOf(state)
  const isAtRest = state.writers.every(isQuiet) && !state.near?.told
  for (const target of TARGETS) {
    const value = serve(state, target)
    if (value !== undefined) findings.push(...judge(value, target, floors))
    const stays = kept(state, target)
    if (isAtRest && stays !== undefined && isOlder(stays, target, state)) findings.push(permanent(stays, target))
    if (scenario.mode !== 'near' || target === 1) continue
    const near = nearServes(state, target)
    if (near === undefined) continue
    // Until it is told, and never longer than `maxStaleMs`.
    findings.push(...judge(near.value, target, floors, near.willBeTold))
    if (isAtRest && isOlder(near.value, target, state)) findings.push(permanent(near.value, target))
  }
  return findings
}

/** What is served as the database has it once all writes are done: a bit for A, for B, for the result. A cache that stores nothing is never wrong. */
export function servedFresh(state: State): number {
  if (state.writers.some(({ step, server }) => step !== ENDED || server !== DONE)) return 0
  let served = 0
  for (const target of TARGETS) {
    const now = valueOf(state.database, target)
    const answer = state.near === undefined ? serve(state, target) : nearServes(state, target)?.value
    if (now > 0 && answer === now) served |= 1 << target
  }
  return served
}

function permanent(value: number, target: Target): Finding {
  return { anomaly: 'permanently stale', isPassing: false, target, value }
}

/** No step of this writer is to come that would invalidate anything: it has ended, or it never began. */
function isQuiet({ step, server, journal, again }: State['writers'][number]): boolean {
  return step === BEGINS || (step === ENDED && server !== OPEN && journal === 0 && again === 0)
}

function isOlder(value: number, target: Target, { database }: State): boolean {
  return versionsIn(value, target).some((version, row) => version !== undefined && version < (database[row] ?? 0))
}

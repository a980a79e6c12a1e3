/** What writers have in common, in every mode: keys, the commit, the acknowledgement, the crash. */
import {
  A,
  ANY,
  B,
  BEGINS,
  COMMITTED,
  DONE,
  ENDED,
  KEY_NAMES,
  KEYS,
  OPEN,
  ROLLED_BACK,
  ROW_NAMES,
  ROWS,
  type Scenario,
  type State,
  type Writer,
} from './state.js'
import { fault, rowsOf, type Turn } from './turn.js'

export const EPOCHS = (1 << ROWS) | (1 << ANY)

/** The keys that a write invalidates: a bit for each. */
export function keysOf(scenario: Scenario, writer: number): number {
  const kind = scenario.writes[writer]
  const any = scenario.without === 'every-write-epoch' ? 0 : 1 << ANY
  return any | (1 << (kind === 'both' ? ROWS : kind === 'A' ? A : B))
}

export function keyText(keys: number): string {
  return KEYS.filter(key => (keys & (1 << key)) !== 0)
    .map(key => KEY_NAMES[key])
    .join(', ')
}

export function writerOf(state: State, at: number): Writer {
  const writer = state.writers[at]
  if (writer === undefined) throw new Error(`no writer ${at}`)
  return writer
}

export function nameOf({ scenario }: Turn, at: number): string {
  const rows = rowsOf(scenario, at).map(row => ROW_NAMES[row])
  return `Writer ${at + 1} (of ${rows.join(' and ')})`
}

export function commit(next: State, scenario: Scenario, at: number): void {
  const writer = writerOf(next, at)
  for (const row of rowsOf(scenario, at)) writer.made[row] = ++next.database[row]
  writer.server = DONE
  writer.isWindowOpen = 1
}

/** The database has it, and the writer knows. */
export function commits(turn: Turn, at: number): void {
  turn.go(
    () => `${nameOf(turn, at)} commits.`,
    next => {
      commit(next, turn.scenario, at)
      writerOf(next, at).step = COMMITTED
    },
  )
}

/** The caller's promise resolves; `isAcknowledged`: Redis has answered. */
export function end(next: State, at: number, isAcknowledged: boolean): void {
  const writer = writerOf(next, at)
  writer.step = ENDED
  if (isAcknowledged)
    for (const row of [A, B] as const) next.acknowledged[row] = Math.max(next.acknowledged[row], writer.made[row])
}

/** It does nothing any more, and its journal is gone. The server may still commit what it has got. */
export function crash(turn: Turn, at: number): void {
  const { step, journal, again } = writerOf(turn.state, at)
  const hasMoreToDo = (step !== BEGINS && step !== ENDED) || journal > 0 || again > 0
  if (!hasMoreToDo) return
  fault(
    turn,
    'crash',
    () => `${nameOf(turn, at)} dies.`,
    next => {
      Object.assign(writerOf(next, at), { step: ENDED, journal: 0, again: 0, isWindowOpen: 0, stamp: 0 })
    },
  )
}

/** The server ends a write that its client does not wait for any more. */
export function serverSteps(turn: Turn, at: number): void {
  const { step, server } = writerOf(turn.state, at)
  if (server !== OPEN || step === BEGINS) return
  turn.go(
    () => `The server commits the write of ${nameOf(turn, at)}.`,
    next => {
      commit(next, turn.scenario, at)
      // What it had to invalidate it has, but for what is in the journal: from here on, only the hold or the intent is in the way.
      const { step: now, journal } = writerOf(next, at)
      if (now === ENDED && journal === 0) writerOf(next, at).isWindowOpen = 0
    },
  )
  turn.go(
    () => `The server rolls back the write of ${nameOf(turn, at)}.`,
    next => {
      writerOf(next, at).server = ROLLED_BACK
    },
  )
}

/** A command may come a second time only where that is asked about. */
export function mayComeAgain(next: State, scenario: Scenario, at: number): void {
  if (scenario.faults.includes('late duplicate')) writerOf(next, at).sent = 1
}

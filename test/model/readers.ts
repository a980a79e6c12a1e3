/**
 * The load of a read, the same in every mode: look up, take tokens, query, fill. Both readers are in one process and may share a load; as
 * each may also begin its own, they stand for readers of two processes as well.
 *
 * The commands that take tokens have no late duplicate: ioredis sends a command again only while it has no answer, and the query waits for
 * the answer.
 */
import { floorsOf, type Finding, judge } from './questions.js'
import { epochOf, isIntended, serve, store, take } from './redis.js'
import {
  IDLE,
  idleReader,
  JOINED,
  LOADED,
  LOOKED,
  QUERYING,
  RESULT,
  type State,
  TAKEN,
  type Target,
  TARGET_NAMES,
  TARGETS,
  valueOf,
  versionText,
} from './state.js'
import { fault, type Turn } from './turn.js'

export function readerSteps(turn: Turn): void {
  for (let at = 0; at < turn.state.readers.length; at++) stepsOf(turn, at)
  fillSteps(turn)
}

function stepsOf(turn: Turn, at: number): void {
  const { state, scenario, go } = turn
  const { step, left, target } = readerOf(state, at)
  const name = `A reader`
  const sharesLate = scenario.without === 'join-before-query'
  if (step === IDLE && left > 0) {
    for (const wanted of TARGETS) {
      // A hit changes nothing, and under a hold or an intent nothing is filled.
      if (state.hold === 0 && !isIntended(state, wanted) && serve(state, wanted) === undefined) {
        go(
          () => `${name} looks up ${TARGET_NAMES[wanted]}: a miss.`,
          next => lookUp(next, at, wanted),
        )
      }
      const isJoinable = state.readers.some(
        other =>
          other.target === wanted &&
          (other.step === LOOKED ||
            other.step === TAKEN ||
            (sharesLate && other.step >= QUERYING && other.step !== JOINED)),
      )
      if (!isJoinable) continue
      go(
        () => `${name} wants ${TARGET_NAMES[wanted]} and joins the load.`,
        next => {
          next.readers[at] = { ...idleReader(), left: left - 1, step: JOINED, target: wanted, floors: floorsOf(next) }
        },
      )
    }
  } else if (step === LOOKED) {
    go(
      () => `The reader of ${TARGET_NAMES[target]} takes its tokens.`,
      next => acquire(next, at, turn),
    )
  } else if (step === TAKEN) {
    go(
      () => `The reader of ${TARGET_NAMES[target]} asks for holds and intents.`,
      next => askAgain(next, at, turn),
    )
  } else if (step === QUERYING) {
    go(
      () =>
        `The reader of ${TARGET_NAMES[target]} queries the database${sharesLate ? '' : ' and returns'}: ${state.database.join(', ')}.`,
      next => {
        const reader = readerOf(next, at)
        reader.value = valueOf(next.database, target)
        reader.step = LOADED
        return sharesLate ? [] : finish(next, at)
      },
    )
  } else if (step === LOADED) {
    go(
      () => `The reader of ${TARGET_NAMES[target]} returns.`,
      next => finish(next, at),
    )
  }
}

function lookUp(next: State, at: number, target: Target): void {
  const reader = readerOf(next, at)
  const stamp = next.tokens[epochOf(target)]
  const token = target === RESULT ? 0 : next.tokens[target]
  const missed = stamp === 0 || (target !== RESULT && token === 0) ? 1 : 0
  Object.assign(reader, { left: reader.left - 1, step: LOOKED, target, token, stamp, missed })
}

function acquire(next: State, at: number, turn: Turn): void {
  const { scenario } = turn
  const reader = readerOf(next, at)
  const { target } = reader
  if (target !== RESULT) reader.token ||= take(next, target, scenario)
  reader.stamp ||= take(next, epochOf(target), scenario)
  reader.step = TAKEN
  // Commands in one piece: only a script of a writer in strict mode matters in between.
  if (reader.missed === 0 || (scenario.mode !== 'strict' && scenario.mode !== 'write-through')) askAgain(next, at, turn)
}

function askAgain(next: State, at: number, { scenario }: Turn): void {
  const reader = readerOf(next, at)
  const { target } = reader
  // A hold or an intent that came later than the look-up has taken away what it saw: that proves that nothing more is to be read.
  const isThere = next.hold > 0 || isIntended(next, target)
  const isHeld = reader.missed === 1 && isThere && scenario.without !== 'hold-read-again'
  const fills = reader.stamp > 0 && (target === RESULT || reader.token > 0) && !isHeld
  if (!fills) reader.token = reader.stamp = 0
  reader.missed = 0
  reader.step = QUERYING
  // A load that fills nothing and that no reader shares is a read of the database.
  const isShared = next.readers.some(other => other.step === JOINED && other.target === target)
  if (!fills && !isShared && scenario.without !== 'join-before-query') rest(next, at)
}

/** The fill is sent, and the caller and all that have joined get the answer. */
function finish(next: State, at: number): Finding[] {
  const { target, token, stamp, value } = readerOf(next, at)
  if (stamp > 0) next.fills.push({ target, token, stamp, value })
  rest(next, at)
  const findings: Finding[] = []
  for (let other = 0; other < next.readers.length; other++) {
    const { step, target: wanted, floors } = readerOf(next, other)
    if (step !== JOINED || wanted !== target) continue
    findings.push(...judge(value, target, floors))
    rest(next, other)
  }
  return findings
}

function rest(next: State, at: number): void {
  next.readers[at] = { ...idleReader(), left: readerOf(next, at).left }
}

function fillSteps(turn: Turn): void {
  const { state, scenario, go } = turn
  for (let at = 0; at < state.fills.length; at++) {
    const fill = state.fills[at]
    if (fill === undefined) continue
    const what = () =>
      `The fill of ${TARGET_NAMES[fill.target]} with version ${versionText(fill.value, fill.target)} reaches Redis`
    go(
      () => `${what()}.`,
      next => {
        next.fills.splice(at, 1)
        store(next, fill, scenario)
      },
    )
    fault(
      turn,
      'late duplicate',
      () => `${what()}, and will come again.`,
      next => store(next, fill, scenario),
    )
  }
}

function readerOf(state: State, at: number): State['readers'][number] {
  const reader = state.readers[at]
  if (reader === undefined) throw new Error(`no reader ${at}`)
  return reader
}

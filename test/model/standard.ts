/**
 * A write in standard mode, which is what the product does: commit, then `DEL`, then the caller goes on. A write of unknown outcome puts
 * a hold first, and repeats its `DEL` at the end of it. A `DEL` without an answer is in the journal, and is replayed.
 */
import { del } from './redis.js'
import { BEGINS, COMMITTED, ENDED, GAVE_UP, HELD, INTENDED, OPEN, ROLLED_BACK } from './state.js'
import { fault, type Turn } from './turn.js'
import {
  commit,
  commits,
  crash,
  end,
  EPOCHS,
  keysOf,
  keyText,
  mayComeAgain,
  nameOf,
  serverSteps,
  writerOf,
} from './writers.js'

export function standardSteps(turn: Turn): void {
  for (let at = 0; at < turn.state.writers.length; at++) stepsOf(turn, at)
  holdSteps(turn)
}

function stepsOf(turn: Turn, at: number): void {
  const { state, scenario, go } = turn
  const writer = writerOf(state, at)
  const { step } = writer
  const [name, keys] = [nameOf(turn, at), keysOf(scenario, at)]

  if (step === BEGINS && scenario.without === 'delete-after-commit') {
    go(
      () => `${name}: DEL ${keyText(keys)}.`,
      next => {
        del(next, keys, scenario)
        writerOf(next, at).step = INTENDED
      },
    )
  } else if (step === INTENDED) {
    go(
      () => `${name} commits. It is acknowledged.`,
      next => {
        commit(next, scenario, at)
        end(next, at, true)
        writerOf(next, at).isWindowOpen = 0
      },
    )
  } else if (step === BEGINS) {
    commits(turn, at)
    fault(
      turn,
      'unknown outcome',
      () => `${name} waits for its COMMIT in vain.`,
      next => {
        writerOf(next, at).step = GAVE_UP
      },
    )
  } else if (step === COMMITTED) {
    go(
      () => `${name}: DEL ${keyText(keys)}. It is acknowledged.`,
      next => {
        del(next, keys, scenario)
        end(next, at, true)
        writerOf(next, at).isWindowOpen = 0
        mayComeAgain(next, scenario, at)
      },
    )
    fault(
      turn,
      'failover',
      () => `${name}: DEL ${keyText(keys)} is acknowledged by a master that is replaced, and lost.`,
      next => {
        end(next, at, true)
        writerOf(next, at).isWindowOpen = 0
      },
    )
    loseDel(turn, at)
  }
  afterward(turn, at)
  if (writer.sent > 0) {
    fault(
      turn,
      'late duplicate',
      () => `${name}: its DEL ${keyText(keys)} comes a second time.`,
      next => {
        del(next, keys, scenario)
        writerOf(next, at).sent = 0
      },
    )
  }
  if (step === GAVE_UP || step === HELD || step === ENDED) serverSteps(turn, at)
  crash(turn, at)
}

/** What a writer does that does not know how its write ended, and what is left to do once its promise has settled: the same in strict mode. */
export function afterward(turn: Turn, at: number): void {
  const { state, scenario, go } = turn
  const writer = writerOf(state, at)
  const { step, server } = writer
  const [name, keys] = [nameOf(turn, at), keysOf(scenario, at)]
  const all = keys | EPOCHS
  if (step === GAVE_UP && scenario.without !== 'hold') {
    go(
      () => `${name} sets a hold.`,
      next => {
        next.hold |= 1 << at
        writerOf(next, at).step = HELD
      },
    )
    loseDel(turn, at)
  } else if (step === GAVE_UP || step === HELD) {
    go(
      () => `${name}: DEL ${keyText(all)}. Its promise rejects.`,
      next => {
        del(next, all, scenario)
        end(next, at, false)
        Object.assign(writerOf(next, at), { again: step === HELD ? 1 : 0, isWindowOpen: 0 })
        mayComeAgain(next, scenario, at)
      },
    )
    loseDel(turn, at)
  }

  if (writer.journal > 0) {
    const isUnknown = server === OPEN || server === ROLLED_BACK || writer.again > 0
    go(
      () => `${name} replays its journal: ${isUnknown ? 'hold, ' : ''}DEL ${keyText(isUnknown ? all : keys)}.`,
      next => {
        if (isUnknown) next.hold |= 1 << at
        del(next, isUnknown ? all : keys, scenario)
        Object.assign(writerOf(next, at), { journal: 0, isWindowOpen: 0 })
      },
    )
  }
  if (writer.again > 0 && writer.journal === 0 && server !== OPEN && (state.hold & (1 << at)) === 0) {
    go(
      () => `${name} repeats DEL ${keyText(all)} at the end of its hold.`,
      next => {
        del(next, all, scenario)
        writerOf(next, at).again = 0
      },
    )
  }
}

/** No answer comes. The promise settles, and the keys are in the journal. */
function loseDel(turn: Turn, at: number): void {
  fault(
    turn,
    'lost DEL',
    () => `${nameOf(turn, at)}: its DEL is lost, without an answer.`,
    next => {
      const writer = writerOf(next, at)
      const isUnknown = writer.step !== COMMITTED
      end(next, at, false)
      if (turn.scenario.without === 'journal') writer.isWindowOpen = 0
      else Object.assign(writer, { journal: 1, again: isUnknown ? 1 : 0 })
    },
  )
}

/** A hold lives longer than a write can stay open on the server. */
export function holdSteps({ state, go }: Turn): void {
  if (state.hold === 0) return
  if (state.writers.some(({ server }, at) => (state.hold & (1 << at)) !== 0 && server === OPEN)) return
  go(
    () => 'The hold ends.',
    next => {
      next.hold = 0
    },
  )
}

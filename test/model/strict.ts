/**
 * A write in strict mode. Before the commit, the writer puts an intent on each key that it will invalidate, and deletes what is there. While it
 * stands, nothing fills under these keys; what another key has is served, because its stamp is current. After the commit, one script takes
 * the intent away and deletes the keys. After an unknown outcome there is a hold as in standard mode, and the intents stay until their
 * TTL, which is longer than a write can stay open.
 *
 * Write-through: the release stores the row that the write returned, if its writer's token is still at the row and no other writer goes
 * on. A write that names no rows stores nothing.
 */
import { expire, intend, release, take } from './redis.js'
import {
  BEGINS,
  COMMITTED,
  DONE,
  ENDED,
  GAVE_UP,
  HELD,
  INTENDED,
  KEYS,
  OPEN,
  type Row,
  ROWS,
  type State,
} from './state.js'
import { afterward, holdSteps } from './standard.js'
import { fault, rowsOf, type Turn } from './turn.js'
import { commits, crash, end, keysOf, keyText, mayComeAgain, nameOf, serverSteps, writerOf } from './writers.js'

export function strictSteps(turn: Turn): void {
  for (let at = 0; at < turn.state.writers.length; at++) stepsOf(turn, at)
  holdSteps(turn)
}

function stepsOf(turn: Turn, at: number): void {
  const { state, scenario, go } = turn
  const writer = writerOf(state, at)
  const { step, server } = writer
  const [name, keys] = [nameOf(turn, at), keysOf(scenario, at)]

  if (step === BEGINS) {
    go(
      () => `${name} puts its intent at ${keyText(keys)}.`,
      next => putIntents(turn, next, at),
    )
    fault(
      turn,
      'failover',
      () => `${name}: its intent is acknowledged by a master that is replaced, and lost.`,
      next => {
        writerOf(next, at).step = INTENDED
      },
    )
  } else if (step === INTENDED) {
    commits(turn, at)
    fault(
      turn,
      'unknown outcome',
      () => `${name} waits for its COMMIT in vain, and leaves its intent.`,
      next => {
        writerOf(next, at).step = GAVE_UP
      },
    )
  } else if (step === COMMITTED) {
    go(
      () => `${name} releases ${keyText(keys)}. It is acknowledged.`,
      next => {
        releaseAndStore(turn, next, at)
        end(next, at, true)
        writerOf(next, at).isWindowOpen = 0
        mayComeAgain(next, scenario, at)
      },
    )
    fault(
      turn,
      'failover',
      () => `${name}: its release is acknowledged by a master that is replaced, and lost.`,
      next => {
        end(next, at, true)
        writerOf(next, at).isWindowOpen = 0
      },
    )
    fault(
      turn,
      'lost DEL',
      () => `${name}: its release is lost, without an answer.`,
      next => {
        end(next, at, false)
        writerOf(next, at).journal = 1
      },
    )
  }

  afterward(turn, at)
  const hasIntents = KEYS.some(key => (state.intents[key] & (1 << at)) !== 0)
  if (step === ENDED && server !== OPEN && hasIntents) {
    go(
      () => `The intent of ${name} ends.`,
      next => expire(next, at),
    )
  }
  if (writer.sent > 0) {
    fault(
      turn,
      'late duplicate',
      () => `${name}: its intent at ${keyText(keys)} comes a second time.`,
      next => {
        intend(next, at, keys, scenario)
        writerOf(next, at).sent = 0
      },
    )
    if (server === DONE && step === ENDED) {
      fault(
        turn,
        'late duplicate',
        () => `${name}: its release of ${keyText(keys)} comes a second time.`,
        next => {
          release(next, at, keys, scenario)
          writerOf(next, at).sent = 0
        },
      )
    }
  }
  if (step === GAVE_UP || step === HELD || step === ENDED) serverSteps(turn, at)
  crash(turn, at)
}

function putIntents({ scenario }: Turn, next: State, at: number): void {
  const writer = writerOf(next, at)
  writer.step = INTENDED
  if (scenario.without === 'intent') return
  intend(next, at, keysOf(scenario, at), scenario)
  if (scenario.mode === 'write-through' && scenario.writes[at] !== 'both') writer.stamp = take(next, ROWS, scenario)
  mayComeAgain(next, scenario, at)
}

function releaseAndStore({ scenario }: Turn, next: State, at: number): void {
  const { stamp, made } = writerOf(next, at)
  const row = rowsOf(scenario, at)[0] as Row
  const hasTicket = scenario.without === 'ticket' || next.tickets[row] === at + 1
  release(next, at, keysOf(scenario, at), scenario)
  writerOf(next, at).stamp = 0
  if (!hasTicket || stamp === 0) return
  take(next, row, scenario)
  next.stamps[row] = stamp
  next.values[row] = made[row]
}

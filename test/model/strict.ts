/**
 * A write in strict mode, AS DESIGNED: the product does not have it yet. Before the commit, the writer puts an intent at each key that it
 * will invalidate: what is there is dropped, reads go to the database, nothing fills. After the commit, one script takes its own intent
 * away and deletes the key. After an unknown outcome the intents stay until their TTL, which is longer than a write can stay open.
 *
 * Write-through, as designed as well: the release stores the row that the write returned, if its writer had a ticket: it was alone
 * at the row from its intent to its release. A write that names no rows stores nothing.
 */
import { expire, intend, release, take } from './redis.js'
import { BEGINS, COMMITTED, DONE, ENDED, INTENDED, KEYS, OPEN, type Row, ROWS, type State } from './state.js'
import { fault, rowsOf, type Turn } from './turn.js'
import { commits, crash, end, keysOf, keyText, mayComeAgain, nameOf, serverSteps, writerOf } from './writers.js'

export function strictSteps(turn: Turn): void {
  for (let at = 0; at < turn.state.writers.length; at++) stepsOf(turn, at)
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
        end(next, at, false)
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

  if (writer.journal > 0) {
    go(
      () => `${name} replays its journal: it releases ${keyText(keys)}.`,
      next => {
        release(next, at, keys, scenario)
        Object.assign(writerOf(next, at), { journal: 0, isWindowOpen: 0 })
      },
    )
  }
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
  if (step === ENDED) serverSteps(turn, at)
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
  const isAlone = scenario.without === 'ticket' ? next.intents[row] === 1 << at : next.tickets[row] === at + 1
  release(next, at, keysOf(scenario, at), scenario)
  writerOf(next, at).stamp = 0
  if (!isAlone || stamp === 0 || take(next, row, scenario) === 0) return
  next.stamps[row] = stamp
  next.values[row] = made[row]
}

/** Faults of Redis itself: a key that is gone too early, by eviction, `FLUSHALL`, a restart or its TTL. Those of a writer are in its steps. */
import { epochOf } from './redis.js'
import { KEY_NAMES, KEYS, RESULT, type Row, type State } from './state.js'
import { fault, type Turn } from './turn.js'

export function redisFaults(turn: Turn): void {
  const { state } = turn
  for (const key of KEYS) {
    if (state.tokens[key] > 0)
      fault(
        turn,
        'eviction',
        () => `${KEY_NAMES[key]} is gone.`,
        next => evict(next, key),
      )
  }
  if (state.stamps[RESULT] > 0) {
    fault(
      turn,
      'eviction',
      () => 'The result is gone.',
      next => {
        next.stamps[RESULT] = next.values[RESULT] = 0
      },
    )
  }
  if (state.tokens.some(token => token > 0)) {
    fault(
      turn,
      'eviction',
      () => 'All entries and epochs are gone.',
      next => {
        for (const key of KEYS) evict(next, key)
        next.stamps[RESULT] = next.values[RESULT] = 0
      },
    )
  }
  for (const key of KEYS) {
    if (state.intents[key] === 0) continue
    fault(
      turn,
      'intent expiry',
      () => `The intents at ${KEY_NAMES[key]} are gone.`,
      next => {
        next.intents[key] = 0
        if (key <= 1) next.tickets[key as Row] = 0
      },
    )
  }
  if (state.hold > 0) {
    fault(
      turn,
      'intent expiry',
      () => 'The hold is gone.',
      next => {
        next.hold = 0
      },
    )
  }
}

function evict(next: State, key: (typeof KEYS)[number]): void {
  next.tokens[key] = 0
  if (key < epochOf(0)) next.stamps[key as Row] = next.values[key as Row] = 0
}

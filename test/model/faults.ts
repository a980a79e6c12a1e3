/**
 * Faults of Redis itself: what is gone too early, by eviction, a restart or its TTL. `FLUSHALL` counts as an eviction where no intent
 * and no hold is there, and else as an intent that ends too early. Faults of a writer are in its steps.
 */
import { isRow, KEY_NAMES, KEYS, RESULT, type State } from './state.js'
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
  if (state.hold > 0 || state.intents.some(intents => intents > 0)) {
    fault(
      turn,
      'intent expiry',
      () => 'All of Redis is gone, with intents and holds.',
      next => {
        for (const key of KEYS) {
          evict(next, key)
          endIntents(next, key)
        }
        next.hold = next.stamps[RESULT] = next.values[RESULT] = 0
      },
    )
  }
  for (const key of KEYS) {
    if (state.intents[key] === 0) continue
    fault(
      turn,
      'intent expiry',
      () => `The intents at ${KEY_NAMES[key]} are gone.`,
      next => endIntents(next, key),
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
  if (isRow(key)) next.stamps[key] = next.values[key] = 0
}

function endIntents(next: State, key: (typeof KEYS)[number]): void {
  next.intents[key] = 0
  if (isRow(key)) next.tickets[key] = 0
}

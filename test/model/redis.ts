/** What Redis does. Each function is one command or one script, so it is one step: nothing comes between. */
import {
  type Fill,
  isRow,
  type Key,
  KEYS,
  RESULT,
  type Row,
  ROWS,
  type Scenario,
  type State,
  type Target,
} from './state.js'

/** A token that no state has; each step takes at most one per key. */
const FRESH = 1_000

export function epochOf(target: Target): Key {
  return target === RESULT ? 3 : 2
}

/** Deletes keys: a bit for each. */
export function del(state: State, keys: number, scenario: Scenario): void {
  for (const key of KEYS) {
    if ((keys & (1 << key)) === 0) continue
    // Counters are not deleted but count on.
    const counts = scenario.without === 'random-tokens' && state.tokens[key] > 0
    state.tokens[key] = counts ? state.tokens[key] + 1 : 0
    if (isRow(key)) forget(state, key)
  }
}

function forget(state: State, row: Row): void {
  state.stamps[row] = state.values[row] = state.tickets[row] = 0
}

/** `SET … NX GET`. */
export function take(state: State, key: Key, scenario: Scenario): number {
  if (state.tokens[key] === 0) state.tokens[key] = scenario.without === 'random-tokens' ? 1 : FRESH + key
  return state.tokens[key]
}

/** The fill script of a row; a result needs none, its stamp proves it. */
export function store(state: State, { target, token, stamp, value }: Fill, scenario: Scenario): void {
  if (target !== RESULT) {
    const holdsToken = state.tokens[target] === token && token > 0
    if (scenario.without === 'token') take(state, target, scenario)
    else if (!holdsToken) return
  }
  state.stamps[target] = stamp
  state.values[target] = value
}

/**
 * Puts a writer's intents on keys, and drops what was there. At its row it leaves a token, which is its ticket to store it, if no other writer has
 * an intent there.
 */
export function intend(state: State, writer: number, keys: number, scenario: Scenario): void {
  const own = KEYS.filter(key => (keys & (1 << key)) !== 0)
  if (own.every(key => (state.intents[key] & (1 << writer)) !== 0)) return
  del(state, keys, scenario)
  for (const key of own) {
    const isAlone = state.intents[key] === 0 && state.intents[ROWS] === 0 && state.hold === 0
    if (isRow(key) && scenario.mode === 'write-through' && (isAlone || scenario.without === 'alone')) {
      take(state, key, scenario)
      state.tickets[key] = writer + 1
    }
    state.intents[key] |= 1 << writer
  }
}

/** Takes a writer's own intents away, and drops what is there. */
export function release(state: State, writer: number, keys: number, scenario: Scenario): void {
  const mine = scenario.without === 'compare' ? ~0 : 1 << writer
  for (const key of KEYS) if ((keys & (1 << key)) !== 0) state.intents[key] &= ~mine
  if (scenario.without !== 'release-del') del(state, keys, scenario)
}

/** Intents end at their TTL. */
export function expire(state: State, writer: number): void {
  for (const key of KEYS) state.intents[key] &= ~(1 << writer)
}

/** Whether a writer is about to delete what a target would be filled under. */
export function isIntended(state: State, target: Target): boolean {
  return state.intents[epochOf(target)] > 0 || (target !== RESULT && state.intents[target] > 0)
}

/** What a look-up would serve now; undefined: a miss. */
export function serve(state: State, target: Target): number | undefined {
  if (state.hold > 0) return undefined
  return kept(state, target)
}

/** The same once there is no hold. */
export function kept(state: State, target: Target): number | undefined {
  const stamp = state.stamps[target]
  if (stamp === 0 || stamp !== state.tokens[epochOf(target)]) return undefined
  return state.values[target]
}

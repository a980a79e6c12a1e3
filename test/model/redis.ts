/** What Redis does. Each function is one command or one script, so it is one step: nothing comes between. */
import { type Fill, isRow, type Key, KEYS, RESULT, type Row, type Scenario, type State, type Target } from './state.js'

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

/** `SET … NX GET`. 0: an intent is there. */
export function take(state: State, key: Key, scenario: Scenario): number {
  if (state.intents[key] > 0) return 0
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

/** Puts a writer's intents at keys, and drops what was there. A writer that is alone at its row gets a ticket to store it. */
export function intend(state: State, writer: number, keys: number, scenario: Scenario): void {
  del(state, keys, scenario)
  for (const key of KEYS) {
    if ((keys & (1 << key)) === 0) continue
    if (isRow(key)) state.tickets[key] = state.intents[key] === 0 ? writer + 1 : 0
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
  for (const row of [0, 1] as const) if (state.tickets[row] === writer + 1) state.tickets[row] = 0
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

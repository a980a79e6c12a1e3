/**
 * The near cache of a process that reads row A and the result (redis/near-cache.ts), over writes in standard mode: it reads on a tracked
 * connection, Redis tells it of each key that has changed since, and it keeps of a reply what still has its mark.
 */
import { A, ANY, type Copy, RESULT, ROWS, type State, type Target } from './state.js'
import type { Turn } from './turn.js'

/** Its keys, as bits. */
const [KEY_A, KEY_RESULT, KEY_ROWS, KEY_ANY, KEY_HOLD] = [1, 2, 4, 8, 16] as const
const ALL = [KEY_A, KEY_RESULT, KEY_ROWS, KEY_ANY, KEY_HOLD] as const
const NAMES = new Map<number, string>([
  [KEY_A, 'A'],
  [KEY_RESULT, 'the result'],
  [KEY_ROWS, '@rows'],
  [KEY_ANY, '@any'],
  [KEY_HOLD, 'the hold'],
])

function keysFor(target: Target): number {
  return KEY_HOLD | (target === RESULT ? KEY_RESULT | KEY_ANY : KEY_A | KEY_ROWS)
}

/** What it answers without asking Redis, and whether it will still be told of a change of that. */
export function nearServes({ near }: State, target: Target): { value: number; willBeTold: boolean } | undefined {
  const keys = keysFor(target)
  if (near === undefined || (near.kept & keys) !== keys) return undefined
  const at = target === RESULT ? 1 : 0
  if (near.copy.stamps[at] !== near.copy.epochs[at]) return undefined
  return { value: near.copy.values[at], willBeTold: (near.told & keys) !== 0 }
}

export function nearSteps({ state, scenario, go }: Turn): void {
  const { near } = state
  if (near === undefined) return
  if (near.asked === 0) {
    for (const target of [A, RESULT] as const) {
      if (nearServes(state, target) !== undefined) continue
      go(
        () => `The near cache looks up ${target === RESULT ? 'the result' : 'A'}, and the reply is on its way.`,
        next => {
          const after = next.near
          if (after === undefined) return
          after.asked = after.marks = keysFor(target)
          after.tracked |= after.asked
          after.reply = replyFor(next, after.asked)
        },
      )
    }
  } else {
    go(
      () => 'The reply is there, and the near cache keeps what still has its mark.',
      next => {
        if (next.near !== undefined) keep(next.near, scenario.without === 'marks' ? near.asked : near.marks)
      },
    )
  }
  for (const key of ALL) {
    if ((near.told & key) === 0) continue
    go(
      () => `The near cache hears that ${NAMES.get(key)} has changed.`,
      next => {
        const after = next.near
        if (after === undefined) return
        after.told &= ~key
        after.kept &= ~key
        after.marks &= ~key
        forgetUnkept(after)
      },
    )
  }
}

/** Redis tells of each key that was read and has changed, once. */
export function tell(before: State, next: State): void {
  const { near } = next
  if (near === undefined) return
  const same: Record<number, boolean> = {
    [KEY_A]: (['tokens', 'stamps', 'values'] as const).every(part => before[part][A] === next[part][A]),
    [KEY_RESULT]: (['stamps', 'values'] as const).every(part => before[part][RESULT] === next[part][RESULT]),
    [KEY_ROWS]: before.tokens[ROWS] === next.tokens[ROWS],
    [KEY_ANY]: before.tokens[ANY] === next.tokens[ANY],
    [KEY_HOLD]: before.hold === next.hold,
  }
  for (const key of ALL) {
    if (same[key] || (near.tracked & key) === 0) continue
    near.told |= key
    near.tracked &= ~key
  }
}

function replyFor(state: State, keys: number): Copy {
  const held = state.hold > 0 ? 1 : 0
  const isRow = (keys & KEY_A) !== 0
  const [row, result] = isRow ? [1, 0] : [0, 1]
  // Under a hold there is nothing to keep.
  const part = (value: number, isRead: number) => (isRead && !held ? value : 0)
  return {
    stamps: [part(state.stamps[A], row), part(state.stamps[RESULT], result)],
    values: [part(state.values[A], row), part(state.values[RESULT], result)],
    epochs: [part(state.tokens[ROWS], row), part(state.tokens[ANY], result)],
  }
}

/** Keeps of a reply what does not stand for a miss. */
function keep(near: NonNullable<State['near']>, marks: number): void {
  const { asked, reply, copy } = near
  const at = (asked & KEY_A) !== 0 ? 0 : 1
  const [entry, epoch] = at === 0 ? [KEY_A, KEY_ROWS] : [KEY_RESULT, KEY_ANY]
  const drop = (key: number) => (near.kept &= ~key)
  if ((marks & entry) !== 0) {
    if (reply.stamps[at] > 0) near.kept |= entry
    else drop(entry)
    copy.stamps[at] = reply.stamps[at]
    copy.values[at] = reply.values[at]
  }
  if ((marks & epoch) !== 0) {
    if (reply.epochs[at] > 0) near.kept |= epoch
    else drop(epoch)
    copy.epochs[at] = reply.epochs[at]
  }
  if ((marks & KEY_HOLD) !== 0) {
    if (reply.epochs[at] > 0) near.kept |= KEY_HOLD
    else drop(KEY_HOLD)
  }
  near.asked = near.marks = 0
  near.reply = { stamps: [0, 0], values: [0, 0], epochs: [0, 0] }
  forgetUnkept(near)
}

function forgetUnkept(near: NonNullable<State['near']>): void {
  const { kept, copy } = near
  if ((kept & KEY_A) === 0) copy.stamps[0] = copy.values[0] = 0
  if ((kept & KEY_RESULT) === 0) copy.stamps[1] = copy.values[1] = 0
  if ((kept & KEY_ROWS) === 0) copy.epochs[0] = 0
  if ((kept & KEY_ANY) === 0) copy.epochs[1] = 0
}

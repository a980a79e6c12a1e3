/**
 * One state of the model: a database with two rows, A and B, a Redis with their entries and one result that lists both, two writers, two
 * readers of one process, and what is on its way. Small integers only. And its canonical text: states that differ only in the names of
 * their tokens, or in which reader is which, are one.
 *
 * A version of a row is the number of writes that it has had. A token is a number that was never used before; 0 is none.
 */

/** Keys that hold a token: the rows' entries, the epoch of writes that name no rows, the epoch of every write. */
export type Key = 0 | 1 | 2 | 3
export type Row = 0 | 1
export const [A, B, ROWS, ANY] = [0, 1, 2, 3] as const
/** What is read: a row, or the result. */
export type Target = 0 | 1 | 2
export const RESULT = 2
export const KEYS = [A, B, ROWS, ANY] as const
export const TARGETS = [A, B, RESULT] as const
export const ROW_NAMES = ['A', 'B'] as const
export const KEY_NAMES = ['A', 'B', '@rows', '@any'] as const
export const TARGET_NAMES = ['A', 'B', 'the result'] as const

export function isRow(key: Key): key is Row {
  return key === A || key === B
}

/** A write of row A, of row B, or of both without their names (`updateMany`). */
export type WriteKind = 'A' | 'B' | 'both'
export type Mode = 'standard' | 'strict' | 'write-through' | 'near'
export const MODES: readonly Mode[] = ['standard', 'strict', 'write-through', 'near']

export const FAULTS = [
  'crash',
  'lost DEL',
  'failover',
  'eviction',
  'intent expiry',
  'late duplicate',
  'unknown outcome',
] as const
export type Fault = (typeof FAULTS)[number]

/** Rules of the protocol that can be taken out, each with what is done without it. */
export const RULES = {
  token: 'a fill is stored whether or not its token is still there',
  'every-write-epoch': 'a write invalidates its rows and no result',
  'delete-after-commit': 'the DEL is sent before the commit',
  'random-tokens': 'tokens are counters, which begin anew when their key is gone',
  'join-before-query': 'any load in progress may be joined',
  hold: 'a write of unknown outcome sends its DEL and sets no hold',
  'hold-read-again': 'holds and intents are not read again behind the tokens that are taken',
  journal: 'a DEL without an answer is forgotten',
  intent: 'a strict writer puts no intent',
  compare: 'the release takes away the intents of all writers',
  'release-del': 'the release does not delete what is at the key',
  ticket: 'a write-through is stored although another writer has come in between',
  alone: 'a write-through is stored although another writer was there first',
  marks: 'a near cache keeps a reply although a change of it was told meanwhile',
} as const
export type Rule = keyof typeof RULES

export interface Scenario {
  readonly mode: Mode
  readonly writes: readonly WriteKind[]
  /** Loads that each reader may begin. */
  readonly loads: readonly number[]
  /** Each may happen once. */
  readonly faults: readonly Fault[]
  readonly without?: Rule | undefined
}

/** Steps of a writer. `gave up`: it does not know how its write ended, and the server may still commit. */
export const [BEGINS, INTENDED, COMMITTED, GAVE_UP, HELD, ENDED] = [0, 1, 2, 3, 4, 5] as const
/** What the server does with a write. */
export const [OPEN, DONE, ROLLED_BACK] = [0, 1, 2] as const

export interface Writer {
  step: number
  server: number
  /** The versions that it made; 0: none. */
  made: [number, number]
  /** Whether it has committed, and its invalidation is sure to come: the window of standard mode. */
  isWindowOpen: number
  /** Whether it has to invalidate once more, from its journal. */
  journal: number
  /** Whether it has to invalidate once more, at the end of its hold. */
  again: number
  /** Whether its last invalidation may come a second time. */
  sent: number
  /** The epoch that it may store its row under. */
  stamp: number
}

/** What a read that begins now may not fall behind, row by row: acknowledged, invalidated, committed. */
export type Floors = readonly [number, number, number, number, number, number]
const NO_FLOORS: Floors = [0, 0, 0, 0, 0, 0]

/**
 * Steps of a reader. A reader that has joined gets the answer of the other one. One that has taken its tokens has not asked yet for holds and intents:
 * where there are none, both are one step.
 */
export const [IDLE, LOOKED, QUERYING, LOADED, JOINED, TAKEN] = [0, 1, 2, 3, 4, 5] as const

export interface Reader {
  left: number
  step: number
  target: Target
  /** The token of the entry, and the epoch. 0: it fills nothing. */
  token: number
  stamp: number
  /** Whether a token or the epoch was missing when it looked. */
  missed: number
  value: number
  /** What it may not fall behind: what was acknowledged, invalidated, committed when it joined. */
  readonly floors: Floors
}

export interface Fill {
  target: Target
  token: number
  stamp: number
  value: number
}

/** What a process keeps of Redis: of A, the result, `@rows`, `@any`, and that there is no hold. */
export interface Copy {
  stamps: [number, number]
  values: [number, number]
  epochs: [number, number]
}

/** A near cache: keys are bits, in the order A, the result, `@rows`, `@any`, hold. */
export interface Near {
  kept: number
  /** A look-up on its way: its keys, and those that still have their mark. */
  asked: number
  marks: number
  /** Keys of which Redis will tell, and keys of which it has told, but that was not heard yet. */
  tracked: number
  told: number
  copy: Copy
  reply: Copy
}

export interface State {
  database: [number, number]
  acknowledged: [number, number]
  tokens: [number, number, number, number]
  /** Of A, B, the result: 0 is no entry. */
  stamps: [number, number, number]
  values: [number, number, number]
  /** Of each key: a bit for each writer. */
  intents: [number, number, number, number]
  /** Of each row: the writer (1, 2) whose intent came last, while nothing has deleted what is at the key since. */
  tickets: [number, number]
  /** A bit for each writer. */
  hold: number
  /** Faults of the scenario that may still happen: bits. */
  faults: number
  writers: Writer[]
  readers: Reader[]
  fills: Fill[]
  near: Near | undefined
}

const emptyCopy = (): Copy => ({ stamps: [0, 0], values: [0, 0], epochs: [0, 0] })

/** The two beginnings: nothing in Redis, and everything in Redis. */
export function beginnings(scenario: Scenario): { label: string; state: State }[] {
  const cold: State = {
    database: [0, 0],
    acknowledged: [0, 0],
    tokens: [0, 0, 0, 0],
    stamps: [0, 0, 0],
    values: [0, 0, 0],
    intents: [0, 0, 0, 0],
    tickets: [0, 0],
    hold: 0,
    faults: (1 << scenario.faults.length) - 1,
    writers: scenario.writes.map(() => ({
      step: BEGINS,
      server: OPEN,
      made: [0, 0],
      isWindowOpen: 0,
      journal: 0,
      again: 0,
      sent: 0,
      stamp: 0,
    })),
    readers: scenario.loads.map(left => ({ ...idleReader(), left })),
    fills: [],
    near:
      scenario.mode === 'near'
        ? { kept: 0, asked: 0, marks: 0, tracked: 0, told: 0, copy: emptyCopy(), reply: emptyCopy() }
        : undefined,
  }
  const warm = clone(cold)
  warm.tokens = scenario.without === 'random-tokens' ? [1, 1, 1, 1] : [1, 2, 3, 4]
  warm.stamps = [warm.tokens[ROWS], warm.tokens[ROWS], warm.tokens[ANY]]
  return [
    { label: 'At first, Redis is empty.', state: cold },
    { label: 'At first, the rows and the result are in Redis.', state: warm },
  ]
}

export function idleReader(): Reader {
  return {
    left: 0,
    step: IDLE,
    target: A,
    token: 0,
    stamp: 0,
    missed: 0,
    value: 0,
    floors: NO_FLOORS,
  }
}

/** The value of a result is both versions; that of a row its own. */
export function valueOf(versions: readonly [number, number], target: Target): number {
  return target === RESULT ? versions[A] * RADIX + versions[B] : versions[target]
}

/** The versions that a value shows; undefined: of the other row. */
export function versionsIn(value: number, target: Target): [number | undefined, number | undefined] {
  if (target === RESULT) return [Math.floor(value / RADIX), value % RADIX]
  return target === A ? [value, undefined] : [undefined, value]
}
const RADIX = 8

export function versionText(value: number, target: Target): string {
  return versionsIn(value, target)
    .filter(version => version !== undefined)
    .join(', ')
}

export function clone(state: State): State {
  return {
    database: [...state.database],
    acknowledged: [...state.acknowledged],
    tokens: [...state.tokens],
    stamps: [...state.stamps],
    values: [...state.values],
    intents: [...state.intents],
    tickets: [...state.tickets],
    hold: state.hold,
    faults: state.faults,
    writers: state.writers.map(writer => ({ ...writer, made: [writer.made[A], writer.made[B]] })),
    // The floors of a reader are never changed, only replaced.
    readers: state.readers.map(reader => ({ ...reader })),
    fills: state.fills.map(fill => ({ ...fill })),
    near: state.near && { ...state.near, copy: cloneCopy(state.near.copy), reply: cloneCopy(state.near.reply) },
  }
}

function cloneCopy({ stamps, values, epochs }: Copy): Copy {
  return { stamps: [...stamps], values: [...values], epochs: [...epochs] }
}

/** The token of a key that is none of Redis' any more: as tokens are random, nothing ever equals it. */
const DEAD = 99
const FIRST_COPIED = 10

/** Renames tokens, leaves out what can't do anything any more, and answers one text for all states that are the same. */
export function canonical(state: State, scenario: Scenario): string {
  if (scenario.without !== 'random-tokens') renameTokens(state, scenario)
  if (state.fills.length > 1)
    state.fills.sort((a, b) => a.target - b.target || a.token - b.token || a.stamp - b.stamp || a.value - b.value)
  const [first, second] = state.readers
  if (first !== undefined && second !== undefined && isAfter(first, second)) state.readers = [second, first]
  return textOf(state)
}

function renameTokens(state: State, scenario: Scenario): void {
  const old: readonly number[] = state.tokens.slice()
  const copied: number[] = []
  const rename = (token: number, isCopy = false): number => {
    if (token === 0) return 0
    const key = old.indexOf(token)
    if (key >= 0) return key + 1
    // An epoch that a near cache keeps may prove an entry, although Redis has it no more.
    if (isCopy && !copied.includes(token)) copied.push(token)
    const at = copied.indexOf(token)
    return at >= 0 ? FIRST_COPIED + at : DEAD
  }
  const { near } = state
  if (near !== undefined) {
    const copies = [near.copy, near.reply]
    for (const { epochs } of copies) for (const at of [0, 1] as const) epochs[at] = rename(epochs[at], true)
    for (const copy of copies) {
      for (const at of [0, 1] as const) {
        copy.stamps[at] = rename(copy.stamps[at])
        if (copy.stamps[at] !== DEAD) continue
        copy.stamps[at] = copy.values[at] = 0
        if (copy === near.copy) near.kept &= ~(1 << at)
      }
    }
  }
  for (const target of TARGETS) {
    const stamp = rename(state.stamps[target])
    // An entry under an epoch that is gone is never valid again. Of a row, the token is left.
    state.stamps[target] = stamp === DEAD ? 0 : stamp
    if (state.stamps[target] === 0) state.values[target] = 0
  }
  for (const key of KEYS) state.tokens[key] = rename(state.tokens[key])
  for (const reader of state.readers) {
    reader.token = rename(reader.token)
    reader.stamp = rename(reader.stamp)
  }
  for (const writer of state.writers) writer.stamp = rename(writer.stamp)
  for (const fill of state.fills) {
    fill.token = rename(fill.token)
    fill.stamp = rename(fill.stamp)
  }
  // A fill without its token does nothing. One that is stale from the start at most removes an entry, as an eviction does.
  const canFill = ({ target, token, stamp }: Fill) =>
    (target === RESULT || scenario.without === 'token' || token !== DEAD) && stamp !== DEAD
  if (!state.fills.every(canFill)) state.fills = state.fills.filter(canFill)
}

/** As numbers, in an array that is used again and again: most of the time of a search goes into these texts. */
const numbers: number[] = []

function textOf(state: State): string {
  const { database, acknowledged, tokens, stamps, values, intents, tickets, near } = state
  numbers.length = 0
  numbers.push(state.hold, state.faults, database[A], database[B], acknowledged[A], acknowledged[B])
  numbers.push(tokens[A], tokens[B], tokens[ROWS], tokens[ANY], intents[A], intents[B], intents[ROWS], intents[ANY])
  numbers.push(stamps[A], stamps[B], stamps[RESULT], values[A], values[B], values[RESULT], tickets[A], tickets[B])
  for (const { step, server, made, isWindowOpen, journal, again, sent, stamp } of state.writers) {
    numbers.push(step, server, made[A], made[B], isWindowOpen, journal, again, sent, stamp)
  }
  for (const reader of state.readers) pushReader(reader)
  if (near !== undefined) {
    numbers.push(near.kept, near.asked, near.marks, near.tracked, near.told)
    for (const { stamps: s, values: v, epochs: e } of [near.copy, near.reply]) {
      numbers.push(s[0], s[1], v[0], v[1], e[0], e[1])
    }
  }
  for (const { target, token, stamp, value } of state.fills) numbers.push(target, token, stamp, value)
  return String.fromCharCode.apply(undefined, numbers)
}

function pushReader({ left, step, target, token, stamp, missed, value, floors }: Reader): void {
  numbers.push(left, step, target, token, stamp, missed, value)
  if (step === JOINED) for (const floor of floors) numbers.push(floor)
}

/** Any order will do, as long as it looks at everything. */
function isAfter(one: Reader, other: Reader): boolean {
  for (const part of ['step', 'left', 'target', 'token', 'stamp', 'missed', 'value'] as const) {
    if (one[part] !== other[part]) return one[part] > other[part]
  }
  for (let at = 0; at < one.floors.length; at++) {
    const [a, b] = [one.floors[at] ?? 0, other.floors[at] ?? 0]
    if (a !== b) return a > b
  }
  return false
}

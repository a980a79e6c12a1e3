/** What the run and its processes tell each other. */
import type { Ground } from './workload.js'
import type { Key } from './history.js'
import type { PlaceAddress } from './place.js'
import type { Guard } from './without.js'

/** All that a process needs to know, in its environment as `CHAOS`. */
export interface Orders {
  readonly slot: number
  readonly incarnation: number
  readonly seed: number
  readonly databaseUrl: string
  readonly redis: PlaceAddress
  readonly prefix: string
  readonly history: string
  readonly ground: Ground
  /** How many of the operations on shared rows are writes, as a fraction. */
  readonly writes: number
  readonly without: Guard | undefined
  /** How the cache is set up: `verify/modes.ts`. Chaos mixes them. */
  readonly mode?: string | undefined
}

export type ToProcess =
  /** Stop between operations, collect garbage, say how much is left, go on. */
  | { type: 'heap' }
  /** Registers of the others. */
  | { type: 'registers'; keys: readonly Key[] }
  | { type: 'finish' }
  /** Of `verify/`: read and write these rows from now on. */
  | { type: 'play'; ground: Ground; writes: number }
  /** Stop, wait until Redis is trusted and owed nothing, read each row once more. */
  | { type: 'rest' }
  /** From now on, what is invalidated does not reach Redis, or does again. */
  | { type: 'lose'; isLosing: boolean }
  /** Write one of these rows, and die between its COMMIT and its `DEL`. */
  | { type: 'die'; ground: Ground }

export type FromProcess =
  | { type: 'ready' }
  | { type: 'heap'; bytes: number }
  /** This process writes this register from now on, or gives it up: what state it is in is not known. */
  | { type: 'register'; key: Key }
  | { type: 'finished'; left: Leftovers; bytes: number }
  | { type: 'resting'; settled: boolean }

export interface Leftovers {
  /** Whether it trusts Redis again, with nothing owed, now that all faults are over. */
  readonly trusted: boolean
  /** Whether it has served a hit since then. */
  readonly isBack: boolean
  readonly pendingInvalidations: number
  readonly queuedCommands: number
  /** After everything was closed: the line that started each. */
  readonly timers: readonly string[]
  readonly hits: number
  readonly misses: number
}

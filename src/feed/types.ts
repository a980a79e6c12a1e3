/** What users see of a feed. */
import type { SetUp } from './set-up.js'

/** `waiting`: another feed has the slot. */
export type FeedPhase = 'stopped' | 'connecting' | 'waiting' | 'running'

export type FeedEvent =
  | { type: 'phase'; phase: FeedPhase }
  /** Everything was invalidated, because changes may have been missed. */
  | { type: 'resync'; why: string }
  /** A table has changed that is not in the Prisma schema: everything was invalidated, because it may be a part of one that is. */
  | { type: 'unknown-table'; table: string }
  /** Some transactions were invalidated; `lagMs`, how old the oldest change is that is not. */
  | { type: 'progress'; transactions: number; rows: number; lagMs: number | undefined }
  | { type: 'error'; message: string }

/** Counts since the feed was made; `lag…`, `retainedBytes` as of the last heartbeat. */
export interface FeedStatus {
  phase: FeedPhase
  /** How old the oldest change is that may not be invalidated, in ms; undefined: not known, as while it does not run. */
  lagMs: number | undefined
  /** How much of the WAL is not done, in bytes. */
  lagBytes: number
  /** How much of the WAL the server keeps for the slot, in bytes: it grows while no feed runs. */
  retainedBytes: number
  transactions: number
  rows: number
  /** Rounds of invalidations that Redis has acknowledged. */
  invalidations: number
  resyncs: number
  errors: number
}

export interface ChangeFeed {
  /** Makes slot and publication where they are missing. Answers what was done, and what is worth doing besides. */
  setup(): Promise<SetUp>
  /** Drops slot and publication: a slot that is not read makes the server keep its WAL, until its disk is full. */
  teardown(): Promise<readonly string[]>
  /** Starts it. Resolves when it runs, or waits for the slot; rejects where it can't run. Later it mends itself. */
  start(): Promise<void>
  /** Confirms what is done, and ends. */
  stop(): Promise<void>
  status(): FeedStatus
  /** @returns ends it */
  on(listener: (event: FeedEvent) => void): () => void
}

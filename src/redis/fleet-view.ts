/** What the use of Redis depends on beside Redis: the other processes that use the same keys. */

/** Which other processes use the keys (`fleet/fleet.ts`). */
export interface FleetView {
  /** Leaves a sign of life and reads those of the others. False: Redis did not answer. */
  checkIn(ms: number): Promise<boolean>
  /** Whether what is known of the others is recent enough to send invalidations. */
  readonly fresh: boolean
  /** Whether reads may use the keys. */
  readonly ours: boolean
  /** Whether another look could change that. */
  readonly unsettled: boolean
  readonly renewMs: number
  /** The keys are read or written: a process that is not used lets its sign of life run out. */
  touch(): void
  /** Whether they were since the last sign of life. */
  readonly isUsed: boolean
  /** How many other versions of the schema are alive. */
  readonly others: number
  /** All epochs of all versions. */
  everything(): readonly string[]
}

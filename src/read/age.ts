/**
 * How old an entry may be. Redis keeps an entry past its TTL (its expiry) for a grace, where the model has `swr` or `staleIfError`.
 * Here, and nowhere else, it is decided what that means for a read: the entry counts, or only its token does.
 *
 * When an entry is refreshed ahead of its expiry is decided by chance, as "Optimal Probabilistic Cache Stampede Prevention" has it
 * (Vattani, Chierichetti, Lowenstein; PVLDB 8(8), 2015: XFetch): the nearer the expiry and the longer the load, the more likely, so
 * that of many readers about one begins in time.
 *
 * Age alone is judged here. Whether a write has invalidated the entry is up to its stamp, as ever: an entry that is accepted here may
 * still be stale by that.
 */
import type { Context } from '../context.js'
import { isDatabaseAway } from '../prisma7/errors.js'
import type { AnyStore } from '../redis/cluster-store.js'
import type { Snapshot } from '../redis/batches.js'
import type { Deadline } from '../redis/deadline.js'
import { expiryOf, graceOf, hasTimes, loadMsOf, tokenOf } from '../wire/envelope.js'

/** What a model, or a call of `getOrSet`, says of the age of its entries; a part of `Policy`. */
export interface AgeLimits {
  /** How long past its TTL an entry is served while it is loaded anew. */
  readonly swrMs: number
  /** How long past its TTL an entry is served when the database can't answer. */
  readonly staleIfErrorMs: number
  /** The `beta` of XFetch; 0: no entry is refreshed ahead. */
  readonly refreshAhead: number
}

/** The clock of Redis, and chance. */
export interface AgeJudge {
  readonly store: Pick<AnyStore, 'redisNow'>
  readonly random: () => number
}

/**
 * What was looked up, as old as it may be: of an entry that is too old, only the token is left, under which the next load fills. What
 * is to be loaded anew, and what is served past its TTL, is noted in the deadline. Without `swr`, `staleIfError` and `refreshAhead`
 * no clock is looked at.
 */
export function aged(
  { store, random }: AgeJudge,
  key: string,
  snapshot: Snapshot,
  limits: AgeLimits,
  deadline: Deadline,
): Snapshot {
  const { entry } = snapshot
  if (entry === null || !hasTimes(entry)) return snapshot
  const { reloadsUntil } = deadline
  const graceMs = graceOf(entry)
  if (graceMs === 0 && limits.refreshAhead === 0 && reloadsUntil === undefined) return snapshot
  const expiresAt = expiryOf(entry)
  if (reloadsUntil !== undefined) return expiresAt > reloadsUntil ? snapshot : withoutEntry(snapshot, entry)
  const lateMs = store.redisNow(key) - expiresAt
  if (graceMs === 0 || lateMs < 0) {
    const earlyMs = -loadMsOf(entry) * limits.refreshAhead * Math.log(random())
    if (limits.refreshAhead > 0 && lateMs + earlyMs >= 0) deadline.isDue(key, expiresAt)
    return snapshot
  }
  const mayBeLate = deadline.isLenient ? Math.max(limits.swrMs, limits.staleIfErrorMs) : limits.swrMs
  // Of damaged bytes the expiry may be no number at all.
  if (!(lateMs < mayBeLate)) return withoutEntry(snapshot, entry)
  deadline.stale = [...(deadline.stale ?? []), key]
  if (!deadline.isLenient) deadline.isDue(key, expiresAt)
  return snapshot
}

function withoutEntry({ epochs, held }: Snapshot, entry: Buffer): Snapshot {
  return { entry: tokenOf(entry), epochs, held }
}

/**
 * Whether an entry past its TTL may answer in place of a load that has failed.
 *
 * @param models - that are read; what is no model's name does not matter
 */
export function mayAnswerStale(
  { catalog }: Pick<Context, 'catalog'>,
  models: readonly string[],
  error: unknown,
): boolean {
  const isPermitted = models.some(name => (catalog.get(name)?.cached?.policy.staleIfErrorMs ?? 0) > 0)
  return isPermitted && isDatabaseAway(error)
}

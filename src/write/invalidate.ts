/** The one way to invalidate: after a write, at the end of a transaction, by a call of `$cache`. */
import type { Context } from '../context.js'
import type { InvalidationSource } from '../events.js'
import type { Effects } from '../plan/effects.js'
import type { Standing } from './strict.js'

/**
 * Invalidates what is stale now, and names it in an event.
 *
 * @param options - `isOutcomeKnown: false`: the server may still commit, so the models are held until it is settled; `keys`: to
 *   invalidate besides; `standing`: the intent of the write, in strict mode, which is released; after an unknown outcome it stays
 * @returns `done` when Redis has acknowledged it
 */
export async function invalidate(
  { store, events, fleet, guesses }: Pick<Context, 'store' | 'events' | 'fleet' | 'guesses'>,
  effects: Effects,
  source: InvalidationSource,
  {
    isOutcomeKnown = true,
    keys: more = [],
    standing,
  }: { isOutcomeKnown?: boolean; keys?: readonly string[]; standing?: Standing | undefined } = {},
) {
  const { holds, keys } = isOutcomeKnown ? effects.invalidation() : effects.invalidationOfUnknownOutcome()
  const all = more.length === 0 ? keys : [...keys, ...more]
  const times = events.times()
  guesses.written(all)
  const alsoStale = (bucket: number) => fleet.alsoStale(effects, bucket)
  if (!isOutcomeKnown) standing?.leave()
  const release = isOutcomeKnown ? standing?.release() : undefined
  const outcome = await store.invalidate({ holds, keys: all, alsoStale }, release)
  times?.redis()
  // Holds go out before the keys are deleted.
  const roundTrips = (holds.length > 0 ? 1 : 0) + (all.length > 0 ? 1 : 0)
  events.invalidate(source, effects.models, outcome, times?.spent(roundTrips))
  return outcome
}

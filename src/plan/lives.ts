/** How long entries are kept. */
import type { Policy } from '../options.js'

/** Entries that were filled together do not expire together; none lives longer than its TTL. */
export function jittered(ttlMs: number, jitter: number): number {
  return Math.max(1, ttlMs * (1 - Math.random() * jitter))
}

/** How long Redis keeps an entry past its TTL. */
export function graceMsOf({ swrMs, staleIfErrorMs }: Pick<Policy, 'swrMs' | 'staleIfErrorMs'>): number {
  return Math.max(swrMs, staleIfErrorMs)
}

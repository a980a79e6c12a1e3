/** What all processes of a run agree on. */
import type { CacheAsideOptions } from '../src/options.js'

export const MODELS = {
  User: { ttl: '10m' },
  Post: { ttl: '10m', negativeTtl: '10m' },
  Tag: { ttl: '10m', negativeTtl: '10m' },
} as const

/** Instead of a minute: longer than any statement takes here (`statement_timeout`), and short beside a run. */
export const HOLD_MS = 3_000
export const STATEMENT_TIMEOUT_MS = 1_500

/** How old an answer of a process with a near cache may be. Short, or a run would not see one that is older. */
const NEAR_MS = 300

const isStrict = process.env['CONSISTENCY'] === 'strict'

/** Processes with a near cache: all but the first. What they have written themselves they see at once. */
export function nearOf(slot: number): { readonly maxStaleMs: number } | undefined {
  return slot === 0 || isStrict ? undefined : { maxStaleMs: NEAR_MS }
}

/** Processes in strict mode: the others. */
export function consistencyOf(slot: number): Pick<CacheAsideOptions, 'consistency' | 'writeThrough'> {
  return nearOf(slot) === undefined ? { consistency: 'strict', writeThrough: true } : {}
}

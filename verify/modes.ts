/** How the product can be set up, and what each mode promises of the age of an answer. A new mode is a row here. */
import type { CacheAsideOptions } from '../src/options.js'

export interface Mode {
  readonly options: Pick<CacheAsideOptions, 'near' | 'consistency' | 'onIntentFailure' | 'writeThrough'>
  /** So long after a write was acknowledged, another process may still answer what was so before. In ms. */
  readonly staleMs: number
  /** Whether there is no window at all, under faults that leave intents where they are. */
  readonly isStrict: boolean
}

/** Short, or a run would not see an answer that is older. */
const NEAR_MS = 300

export const MODES = {
  standard: { options: {}, staleMs: 0, isStrict: false },
  near: { options: { near: { maxStaleMs: NEAR_MS } }, staleMs: NEAR_MS, isStrict: false },
  strict: { options: { consistency: 'strict', onIntentFailure: 'reject' }, staleMs: 0, isStrict: true },
  'write-through': {
    options: { consistency: 'strict', onIntentFailure: 'reject', writeThrough: true },
    staleMs: 0,
    isStrict: true,
  },
} as const satisfies Record<string, Mode>

export type ModeName = keyof typeof MODES

/** Longer than a round, so that nothing stale expires before it is looked for; short enough to be waited for. */
export const TTL_MS = 6_000

/** Rows and lists of posts, results of `findMany` among them. */
export const MODELS = {
  User: { ttl: `${TTL_MS}ms` },
  Post: { ttl: `${TTL_MS}ms`, queries: true },
} as const

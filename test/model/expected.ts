/**
 * What can occur, by mode and fault. The model has to find exactly this (`model.test.ts`), real histories may show no more
 * (`verify/run.ts`), and `docs/guarantees.md` says it.
 */
import type { Verdict } from './explore.js'
import type { Fault, Mode } from './state.js'

/** Permanently stale, older than an acknowledged write, reads go back. */
export type Line = readonly [Verdict, Verdict, Verdict]
export const CLEAN: Line = ['never', 'never', 'never']
/** Between a COMMIT and its `DEL`, another read may still get the old row. */
export const WINDOW: Line = ['never', 'never', 'passing']
/** The same until the near cache has heard of the change. */
const UNTIL_TOLD: Line = ['never', 'passing', 'passing']
const BROKEN: Line = ['yes', 'yes', 'yes']
/** Of a write that was never acknowledged. */
export const NEVER_INVALIDATED: Line = ['yes', 'never', 'yes']

const STRICT = {
  none: CLEAN,
  crash: CLEAN,
  'lost DEL': CLEAN,
  // An intent that is lost leaves what standard mode has.
  failover: WINDOW,
  eviction: CLEAN,
  'intent expiry': WINDOW,
  'late duplicate': CLEAN,
  'unknown outcome': CLEAN,
}

export const EXPECTED: Readonly<Record<Mode, Partial<Record<Fault | 'none', Line>>>> = {
  standard: {
    none: WINDOW,
    crash: NEVER_INVALIDATED,
    'lost DEL': WINDOW,
    failover: BROKEN,
    eviction: WINDOW,
    'late duplicate': WINDOW,
    'unknown outcome': WINDOW,
  },
  strict: STRICT,
  'write-through': STRICT,
  // Evictions and unknown outcomes are left to `npm run model`: they have most states of all.
  near: {
    none: UNTIL_TOLD,
    crash: ['yes', 'passing', 'yes'],
    'lost DEL': UNTIL_TOLD,
    failover: BROKEN,
    'late duplicate': UNTIL_TOLD,
  },
}

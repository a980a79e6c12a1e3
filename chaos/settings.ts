/** What all processes of a run agree on. */

export const MODELS = {
  User: { ttl: '10m' },
  Post: { ttl: '10m', negativeTtl: '10m' },
  Tag: { ttl: '10m', negativeTtl: '10m' },
} as const

/** Instead of a minute: longer than any statement takes here (`statement_timeout`), and short beside a run. */
export const HOLD_MS = 3_000
export const STATEMENT_TIMEOUT_MS = 1_500

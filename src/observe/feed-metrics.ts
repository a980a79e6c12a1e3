/** The change feed as metrics: what its `status()` says. */

/** What is used of a feed. */
export interface ObservedFeed {
  status(): {
    readonly phase: string
    readonly lagMs: number | undefined
    readonly lagBytes: number
    readonly retainedBytes: number
    readonly transactions: number
    readonly rows: number
    readonly invalidations: number
    readonly resyncs: number
    readonly errors: number
  }
}

type Status = ReturnType<ObservedFeed['status']>

/** `count`: it only grows. */
export const FEED_METRICS: Readonly<
  Record<string, { readonly kind: 'gauge' | 'count'; readonly help: string; readonly of: (status: Status) => number }>
> = {
  feed_alive: {
    kind: 'gauge',
    help: 'Whether the change feed runs: 1 or 0',
    of: ({ phase }) => Number(phase === 'running'),
  },
  feed_lag_seconds: {
    kind: 'gauge',
    help: 'How old the oldest change is that may not be invalidated; NaN: not known',
    of: ({ lagMs }) => (lagMs ?? Number.NaN) / 1000,
  },
  feed_lag_bytes: { kind: 'gauge', help: 'WAL that the feed has not done', of: ({ lagBytes }) => lagBytes },
  feed_retained_bytes: {
    kind: 'gauge',
    help: 'WAL that the server keeps for the slot',
    of: ({ retainedBytes }) => retainedBytes,
  },
  feed_transactions_total: {
    kind: 'count',
    help: 'Transactions that were invalidated',
    of: ({ transactions }) => transactions,
  },
  feed_rows_total: { kind: 'count', help: 'Changed rows of these', of: ({ rows }) => rows },
  feed_invalidations_total: {
    kind: 'count',
    help: 'Rounds of invalidations that Redis has acknowledged',
    of: ({ invalidations }) => invalidations,
  },
  feed_resyncs_total: { kind: 'count', help: 'How often everything was invalidated', of: ({ resyncs }) => resyncs },
  feed_errors_total: { kind: 'count', help: 'Lost connections and the like', of: ({ errors }) => errors },
}

/** The metrics of the cache, which `otel` and `prometheus` have in common. By model and operation, never by key. */
import { CacheAsideError, shown } from '../errors.js'
import type { CacheEvent, Emit, Stats } from '../events.js'

/** What is observed: `prisma.$cache`. */
export interface Observed {
  on(listener: Emit): () => void
  stats(): Stats & {
    usable: boolean
    share: number
    pendingInvalidations: number
    otherVersions: number
    near:
      | { readonly answered: number; readonly entries: number; readonly bytes: number; readonly inUse: boolean }
      | undefined
  }
}

interface Instrument {
  readonly help: string
  /** `count`: goes up. `seconds`: a histogram. */
  readonly kind: 'count' | 'seconds'
  readonly labels: readonly string[]
}

const READ = ['model', 'operation'] as const

/** By name, without the prefix that a door puts before it. */
export const INSTRUMENTS = {
  hits: { kind: 'count', labels: [...READ, 'negative'], help: 'Reads that were answered from Redis' },
  misses: { kind: 'count', labels: [...READ, 'reason'], help: 'Reads that Redis had no valid entry for' },
  shared: { kind: 'count', labels: READ, help: 'Reads that were answered by a load in progress in this process' },
  bypasses: { kind: 'count', labels: [...READ, 'reason'], help: 'Reads that went to the database unchanged' },
  stale: {
    kind: 'count',
    labels: [...READ, 'reason'],
    help: 'Reads that an entry past its TTL has answered: while it is loaded anew (swr), or because the database could not (error)',
  },
  refreshes: {
    kind: 'count',
    labels: [...READ, 'outcome'],
    help: 'Loads in the background of entries that end or have ended',
  },
  fills: { kind: 'count', labels: ['model', 'outcome'], help: 'Loaded answers, by what became of them' },
  fill_bytes: { kind: 'count', labels: ['model'], help: 'Bytes of the answers that were sent to Redis' },
  invalidations: {
    kind: 'count',
    labels: ['model', 'source', 'outcome'],
    help: 'Invalidations of a model, by what caused them',
  },
  mismatches: { kind: 'count', labels: ['model'], help: 'Stale answers that the probe has found' },
  errors: { kind: 'count', labels: ['code'], help: 'Errors of the cache; no query fails because of one' },
  read_duration: {
    kind: 'seconds',
    labels: [...READ, 'outcome'],
    help: 'From the beginning of a read to its answer',
  },
  redis_duration: { kind: 'seconds', labels: READ, help: 'How long a read waited for Redis' },
  database_duration: { kind: 'seconds', labels: READ, help: 'How long a read waited for the database' },
  fill_duration: {
    kind: 'seconds',
    labels: ['model'],
    help: 'Until Redis has replied to a fill, which nothing waits for',
  },
  invalidation_duration: { kind: 'seconds', labels: ['source'], help: 'How long a write waited for its invalidation' },
} as const satisfies Record<string, Instrument>

export type InstrumentName = keyof typeof INSTRUMENTS

/** Numbers of the moment, from `stats()`. */
export const GAUGES = {
  usable: { help: 'Whether reads use Redis: 1 or 0', of: ({ usable }) => Number(usable) },
  share: {
    help: 'Which part of the keys reads use, from 0 to 1: on a Cluster a node may be gone',
    of: ({ share }) => share,
  },
  pending_invalidations: {
    help: 'Keys and holds that wait until Redis can be reached',
    of: ({ pendingInvalidations }) => pendingInvalidations,
  },
  other_versions: { help: 'Other versions of the schema under the prefix', of: ({ otherVersions }) => otherVersions },
  near_in_use: { help: 'Whether the near cache is in use: 1 or 0', of: ({ near }) => Number(near?.inUse ?? false) },
  near_answered: { help: 'Look-ups that the near cache has answered', of: ({ near }) => near?.answered ?? 0 },
  near_entries: { help: 'Keys that the near cache keeps', of: ({ near }) => near?.entries ?? 0 },
  near_bytes: { help: 'Memory of the near cache, about', of: ({ near }) => near?.bytes ?? 0 },
} as const satisfies Record<string, { help: string; of: (stats: ReturnType<Observed['stats']>) => number }>

/** In seconds: a hit on the same machine takes a quarter of a millisecond, a slow query a second. */
export const BUCKETS = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

export type Labels = Readonly<Record<string, string>>

/** @param record - adds to a counter, or to a histogram in seconds */
export function measure(
  event: CacheEvent,
  record: (instrument: InstrumentName, value: number, labels: Labels) => void,
): void {
  switch (event.type) {
    case 'hit':
    case 'miss':
    case 'shared':
    case 'bypass': {
      const { model, operation, ms, redisMs, databaseMs, roundTrips } = event
      const read = { model, operation }
      if (event.type === 'hit') record('hits', 1, { ...read, negative: String(event.negative) })
      else if (event.type === 'miss') record('misses', 1, { ...read, reason: event.why })
      else if (event.type === 'shared') record('shared', 1, read)
      else record('bypasses', 1, { ...read, reason: reasonOf(event.why) })
      if (event.type === 'hit' && event.stale === true) record('stale', 1, { ...read, reason: 'swr' })
      record('read_duration', ms / 1000, { ...read, outcome: event.type })
      if (roundTrips > 0) record('redis_duration', redisMs / 1000, read)
      if (databaseMs > 0) record('database_duration', databaseMs / 1000, read)
      return
    }
    case 'stale':
      record('stale', 1, { model: event.model, operation: event.operation, reason: 'error' })
      return
    case 'refresh':
      record('refreshes', 1, { model: event.model, operation: event.operation, outcome: event.outcome })
      return
    case 'fill': {
      const { model, outcome, bytes, ms } = event
      record('fills', 1, { model, outcome })
      if (outcome !== 'sent') return
      record('fill_bytes', bytes, { model })
      record('fill_duration', ms / 1000, { model })
      return
    }
    case 'invalidate': {
      const { models, source, outcome, ms } = event
      for (const model of models) record('invalidations', 1, { model, source, outcome })
      record('invalidation_duration', ms / 1000, { source })
      return
    }
    case 'mismatch':
      record('mismatches', 1, { model: event.model })
      return
    case 'error':
      record('errors', 1, { code: event.code })
      return
    default:
  }
}

/** Names of fields may come from a request: there would be no end of labels. */
function reasonOf(why: string): string {
  return why.replaceAll(/\b(where|select|include|omit|orderBy|cursor|having)\.\S+/g, '$1.…')
}

/** @throws CacheAsideError `INVALID_CALL` when it is something else than `prisma.$cache` */
export function checkObserved(door: string, cache: unknown): void {
  const isCache = typeof cache === 'object' && cache !== null && 'on' in cache && 'stats' in cache
  if (isCache) return
  throw new CacheAsideError(
    'INVALID_CALL',
    `${door} takes prisma.$cache, got ${shown(cache)}. Write ${door}(prisma.$cache).`,
  )
}

/** The door `prisma-extension-cache-aside/prometheus`: the cache as metrics of `prom-client`, which the application installs. */
import { Counter, Gauge, Histogram, register as defaultRegister, type Registry } from 'prom-client'
import { FEED_METRICS, type ObservedFeed } from './feed-metrics.js'
import { BUCKETS, checkObserved, GAUGES, INSTRUMENTS, type InstrumentName, measure, type Observed } from './metrics.js'

export type { ObservedFeed } from './feed-metrics.js'
export type { Observed } from './metrics.js'

export interface PrometheusOptions {
  /** Where the metrics are. Default: the global registry of `prom-client`. */
  register?: Registry | undefined
}

/** What is in one registry: several caches of a process count together. */
interface Metrics {
  readonly instruments: ReadonlyMap<InstrumentName, Counter | Histogram>
  readonly caches: Set<Observed>
}

const PREFIX = 'prisma_cache_'
const metricsOf = new WeakMap<Registry, Metrics>()

/**
 * Counts what a cache does: `prisma_cache_hits_total`, `prisma_cache_misses_total` by reason, durations in seconds, and so on, by
 * model and operation. docs/observing.md lists them, and has a dashboard.
 *
 * While it is on, each query reads the clock a few times. Redis: nothing.
 *
 * @param cache - `prisma.$cache`
 * @param options - see {@link PrometheusOptions}
 * @returns a function that ends it; what was counted stays in the registry
 * @throws CacheAsideError `INVALID_CALL` when `cache` is something else
 * @example
 * import { prometheus } from 'prisma-extension-cache-aside/prometheus'
 * prometheus(prisma.$cache)
 */
export function prometheus(cache: Observed, { register = defaultRegister }: PrometheusOptions = {}): () => void {
  checkObserved('prometheus', cache)
  let metrics = metricsOf.get(register)
  if (metrics === undefined) metricsOf.set(register, (metrics = metricsIn(register)))
  const { instruments, caches } = metrics
  caches.add(cache)
  const off = cache.on(event =>
    measure(event, (name, value, labels) => {
      const instrument = instruments.get(name)
      if (instrument instanceof Counter) instrument.inc(labels, value)
      else instrument?.observe(labels, value)
    }),
  )
  return () => {
    off()
    caches.delete(cache)
  }
}

/**
 * The same for a change feed of this process: `prisma_cache_feed_alive`, `prisma_cache_feed_lag_seconds`, and so on.
 *
 * @param feed - of `changeFeed`; one per registry
 * @param options - see {@link PrometheusOptions}
 * @returns a function that takes the metrics out of the registry
 * @example
 * import { prometheusOfFeed } from 'prisma-extension-cache-aside/prometheus'
 * prometheusOfFeed(feed)
 */
export function prometheusOfFeed(
  feed: ObservedFeed,
  { register = defaultRegister }: PrometheusOptions = {},
): () => void {
  const names = Object.entries(FEED_METRICS).map(([name, { kind, help, of }]) => {
    const options = { name: `${PREFIX}${name}`, help, registers: [] }
    const metric =
      kind === 'gauge'
        ? new Gauge({
            ...options,
            collect() {
              this.set(of(feed.status()))
            },
          })
        : new Counter({
            ...options,
            collect() {
              this.reset()
              this.inc(of(feed.status()))
            },
          })
    register.registerMetric(metric)
    return options.name
  })
  return () => {
    for (const name of names) register.removeSingleMetric(name)
  }
}

function metricsIn(register: Registry): Metrics {
  const registers = [register]
  const caches = new Set<Observed>()
  const instruments = new Map<InstrumentName, Counter | Histogram>()
  for (const name of Object.keys(INSTRUMENTS) as InstrumentName[]) {
    const { kind, help, labels } = INSTRUMENTS[name]
    const labelNames = [...labels]
    instruments.set(
      name,
      kind === 'count'
        ? new Counter({ name: `${PREFIX}${name}_total`, help, labelNames, registers })
        : new Histogram({ name: `${PREFIX}${name}_seconds`, help, labelNames, registers, buckets: BUCKETS }),
    )
  }
  for (const [name, { help, of }] of Object.entries(GAUGES)) {
    const gauge = new Gauge({
      name: `${PREFIX}${name}`,
      help,
      registers: [],
      collect() {
        const values = [...caches].map(cache => of(cache.stats()))
        // Of several caches, one that is not usable is what one has to know of.
        this.set(
          name === 'usable' || name === 'share'
            ? Math.min(1, ...values)
            : values.reduce((sum, value) => sum + value, 0),
        )
      },
    })
    register.registerMetric(gauge)
  }
  return { instruments, caches }
}

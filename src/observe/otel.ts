/** The door `prisma-extension-cache-aside/otel`: the cache as spans and metrics of OpenTelemetry, which the application installs. */
import { context, metrics, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Attributes, Meter, Tracer } from '@opentelemetry/api'
import type { CacheEvent } from '../events.js'
import { BUCKETS, checkObserved, GAUGES, INSTRUMENTS, type InstrumentName, type Labels, measure } from './metrics.js'
import type { Observed } from './metrics.js'

export type { Observed } from './metrics.js'

export interface OtelOptions {
  /** Makes the spans; `false` for none. Default: the global tracer. */
  tracer?: Tracer | false | undefined
  /** Makes the metrics; `false` for none. Default: the global meter. */
  meter?: Meter | false | undefined
}

const NAME = 'prisma-extension-cache-aside'
const PREFIX = 'prisma.cache.'

/**
 * Makes spans and metrics of what a cache does.
 *
 * Each query is a span, `cache.hit`, `cache.miss`, `cache.shared` or `cache.bypass`, below the span that is active where it was
 * awaited, beside Prisma's own. `cache.fill` and `cache.invalidate` are spans too. Attributes have the model and the operation, the
 * reason of a miss or a bypass, and how long Redis and the database were waited for; never a key.
 *
 * Metrics are `prisma.cache.hits`, `prisma.cache.misses` by reason, and so on, as docs/observing.md lists them.
 *
 * While it is on, each query reads the clock a few times. Redis: nothing.
 *
 * @param cache - `prisma.$cache`
 * @param options - see {@link OtelOptions}
 * @returns a function that ends it
 * @throws CacheAsideError `INVALID_CALL` when `cache` is something else
 * @example
 * import { otel } from 'prisma-extension-cache-aside/otel'
 * otel(prisma.$cache)
 */
export function otel(cache: Observed, { tracer, meter }: OtelOptions = {}): () => void {
  checkObserved('otel', cache)
  const ends: (() => void)[] = []
  if (tracer !== false) ends.push(spansOf(cache, tracer ?? trace.getTracer(NAME)))
  if (meter !== false) ends.push(metricsOf(cache, meter ?? metrics.getMeter(NAME)))
  return () => {
    for (const end of ends) end()
  }
}

// ---- spans

function spansOf(cache: Observed, tracer: Tracer): () => void {
  return cache.on(event => {
    if (!('ms' in event)) return
    const endTime = performance.timeOrigin + performance.now()
    const span = tracer.startSpan(
      `cache.${event.type}`,
      { kind: SpanKind.INTERNAL, startTime: endTime - event.ms, attributes: attributesOf(event) },
      context.active(),
    )
    if (event.type === 'invalidate' && event.outcome === 'queued') {
      span.setStatus({ code: SpanStatusCode.ERROR, message: 'Redis can not be reached: the invalidation waits' })
    }
    span.end(endTime)
  })
}

function attributesOf(event: Extract<CacheEvent, { ms: number }>): Attributes {
  const attributes: Attributes = {}
  for (const [name, value] of Object.entries(event)) {
    if (name !== 'type' && name !== 'key' && name !== 'ms' && name !== 'staleBy')
      attributes[PREFIX + snake(name)] = value
  }
  return attributes
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}

// ---- metrics

function metricsOf(cache: Observed, meter: Meter): () => void {
  const recorders = new Map<InstrumentName, (value: number, labels: Labels) => void>()
  for (const name of Object.keys(INSTRUMENTS) as InstrumentName[]) {
    const { kind, help: description } = INSTRUMENTS[name]
    if (kind === 'count') {
      const counter = meter.createCounter(PREFIX + name, { description })
      recorders.set(name, (value, labels) => counter.add(value, labels))
    } else {
      const advice = { explicitBucketBoundaries: BUCKETS }
      const histogram = meter.createHistogram(PREFIX + name, { description, unit: 's', advice })
      recorders.set(name, (value, labels) => histogram.record(value, labels))
    }
  }
  const ends = [cache.on(event => measure(event, (name, value, labels) => recorders.get(name)?.(value, labels)))]
  for (const [name, { help: description, of }] of Object.entries(GAUGES)) {
    const gauge = meter.createObservableGauge(PREFIX + name, { description })
    const observe = (result: { observe: (value: number) => void }) => result.observe(of(cache.stats()))
    gauge.addCallback(observe)
    ends.push(() => gauge.removeCallback(observe))
  }
  return () => {
    for (const end of ends) end()
  }
}

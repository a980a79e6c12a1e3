/** The cache as spans and metrics of OpenTelemetry: below the caller's span, and without anybody's data. */
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { otel } from '../../src/observe/otel.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
const spans = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
const tracer = provider.getTracer('test')
const manager = new AsyncLocalStorageContextManager()
beforeAll(() => {
  context.setGlobalContextManager(manager.enable())
})
afterAll(() => {
  context.disable()
})
beforeEach(async () => {
  await world.evict()
  await world.plain.user.deleteMany()
  await world.plain.user.create({ data: { id: 4711, email: 'odd-mail@x.org', name: 'Ada' } })
  spans.reset()
})

/** The spans of the cache that something made, below a span of its own. */
async function spansOf(run: () => Promise<unknown>): Promise<{ parent: string; found: ReadableSpan[] }> {
  spans.reset()
  const parent = tracer.startSpan('request')
  await context.with(trace.setSpan(context.active(), parent), run)
  parent.end()
  const found = spans.getFinishedSpans().filter(({ name }) => name.startsWith('cache.'))
  spans.reset()
  return { parent: parent.spanContext().spanId, found }
}

describe.each([true, false])('spans, with the front: %s', front => {
  let cached: CachedProcess
  beforeEach(() => {
    cached = world.process({ models: { User: true }, front, includeKeys: true })
    otel(cached.prisma.$cache, { tracer, meter: false })
  })

  it('each query is a span below the one that it was awaited in, however many run at once', async () => {
    const { prisma } = cached
    await prisma.user.findUnique({ where: { id: 4711 } })
    await cached.flushed()
    const requests = await Promise.all(
      [4711, 4712].map(async id => {
        const parent = tracer.startSpan('request')
        await context.with(trace.setSpan(context.active(), parent), async () => {
          await prisma.user.findUnique({ where: { id } })
          await prisma.user.count()
        })
        return parent.spanContext().spanId
      }),
    )
    const names = requests.map(parent =>
      spans
        .getFinishedSpans()
        .filter(span => span.parentSpanContext?.spanId === parent && span.name !== 'cache.fill')
        .map(({ name }) => name),
    )
    expect(names).toEqual([
      ['cache.hit', 'cache.bypass'],
      ['cache.miss', 'cache.bypass'],
    ])
  })

  it('a span has the model, the operation, the reason and the times, and no key and no value', async () => {
    const { prisma } = cached
    const { found, parent } = await spansOf(() =>
      prisma.$cache.trace(async () => {
        await prisma.user.findUnique({ where: { id: 4711 } })
        await prisma.user.updateMany({ data: { name: 'Bob' } })
        await prisma.user.findUnique({ where: { id: 4711 } })
        await prisma.$transaction(async tx => tx.user.updateMany({ data: { name: 'Eve' } }))
      }),
    )
    expect(found.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['cache.miss', 'cache.fill', 'cache.invalidate', 'cache.miss', 'cache.invalidate']),
    )
    for (const span of found) {
      expect(span.parentSpanContext?.spanId, span.name).toBe(parent)
      expect(JSON.stringify(span.attributes)).not.toMatch(/4711|odd|Ada|Eve/)
    }
    const stale = found.find(({ attributes }) => attributes['prisma.cache.why'] === 'stale')
    expect(stale?.attributes).toMatchObject({
      'prisma.cache.model': 'User',
      'prisma.cache.operation': 'findUnique',
      'prisma.cache.redis_ms': expect.any(Number) as number,
      'prisma.cache.database_ms': expect.any(Number) as number,
      'prisma.cache.round_trips': expect.any(Number) as number,
    })
  })

  it('a span begins when the query began, and ends with its answer', async () => {
    const { found } = await spansOf(async () => cached.prisma.user.findUnique({ where: { id: 4711 } }))
    const [miss] = found.filter(({ name }) => name === 'cache.miss')
    const ms = ([seconds, nanos]: [number, number]) => seconds * 1000 + nanos / 1e6
    const lasted = ms(miss?.endTime as [number, number]) - ms(miss?.startTime as [number, number])
    const { 'prisma.cache.redis_ms': redis, 'prisma.cache.database_ms': database } = miss?.attributes ?? {}
    // A time of the day in ms has a microsecond left.
    expect(lasted).toBeGreaterThanOrEqual((redis as number) + (database as number) - 0.01)
  })
})

it('an invalidation that waits for Redis is a span with an error', async () => {
  const cached = world.process({ models: { User: true } })
  const end = otel(cached.prisma.$cache, { tracer, meter: false })
  await cached.prisma.$cache.trace(() => cached.prisma.user.findUnique({ where: { id: 4711 } }))
  cached.redis.disconnect()
  const { found } = await spansOf(async () => cached.prisma.user.updateMany({ data: { name: 'Bob' } }))
  expect(found).toMatchObject([{ name: 'cache.invalidate', status: { code: 2 } }])
  end()
  const { found: none } = await spansOf(async () => cached.prisma.user.count())
  expect(none).toEqual([])
})

it('metrics are those of the events, and end with it', async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meter = new MeterProvider({ readers: [reader] }).getMeter('test')
  const cached = world.process({ models: { User: true } })
  const end = otel(cached.prisma.$cache, { tracer: false, meter })
  const work = async () => {
    await cached.prisma.$cache.trace(async () => {
      await cached.prisma.user.findUnique({ where: { id: 4711 } })
      await cached.prisma.user.findUnique({ where: { id: 4711 } })
      await cached.prisma.user.count()
    })
  }
  const read = async () => {
    await reader.forceFlush()
    const [latest] = exporter.getMetrics().slice(-1)
    return new Map(
      latest?.scopeMetrics[0]?.metrics.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints]) ?? [],
    )
  }
  await work()
  const metrics = await read()
  const hit = { model: 'User', operation: 'findUnique', negative: 'false' }
  expect(metrics.get('prisma.cache.hits')).toMatchObject([{ value: 1, attributes: hit }])
  expect(metrics.get('prisma.cache.misses')).toMatchObject([{ value: 1, attributes: { reason: 'absent' } }])
  expect(metrics.get('prisma.cache.bypasses')).toMatchObject([{ value: 1 }])
  expect(metrics.get('prisma.cache.read_duration')).toHaveLength(3)
  expect(metrics.get('prisma.cache.usable')).toMatchObject([{ value: 1 }])
  end()
  await work()
  expect((await read()).get('prisma.cache.hits')).toMatchObject([{ value: 1, attributes: hit }])
})

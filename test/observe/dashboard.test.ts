/** The dashboard: each of its queries, run in a real Prometheus that has scraped this process; and its numbers are true. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { prometheus } from '../../src/observe/prometheus.js'
import { watchRedis } from '../support/monitor.js'
import type { OwnServer } from '../support/own-process.js'
import { startPrometheus } from '../support/prometheus-server.js'
import { type CachedProcess, useWorld } from '../support/world.js'

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[]
}
const { panels } = JSON.parse(readFileSync(new URL('../../docs/dashboard.json', import.meta.url), 'utf8')) as Dashboard
const queries = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const))

const world = useWorld()
const register = new Registry()
let scraped: Server
let server: OwnServer | undefined
let why = ''
let cached: CachedProcess

beforeAll(async () => {
  scraped = createServer((_, response) => {
    void register.metrics().then(text => response.setHeader('content-type', register.contentType).end(text))
  }).listen(0, '127.0.0.1')
  await once(scraped, 'listening')
  const started = await startPrometheus((scraped.address() as AddressInfo).port)
  if (started.found) ({ server } = started)
  else ({ why } = started)
  if (why !== '') console.log(`no Prometheus, so the dashboard is not tried: ${why}`)
  cached = world.process(
    { models: { User: true, Post: { queries: true, maxBytes: 200 } }, ...PROBE },
    { parts: { probePauseMs: 10 } },
  )
  prometheus(cached.prisma.$cache, { register })
}, 200_000)
afterAll(async () => {
  await server?.stop()
  scraped.close()
})

/** One of everything that a panel shows. */
async function everything(n: number): Promise<void> {
  const { prisma } = cached
  const email = `dashboard-${n}@x.org`
  const { id } = await prisma.user.create({ data: { email } })
  await prisma.user.findUnique({ where: { id } })
  await prisma.user.findUnique({ where: { id } })
  await Promise.all([1, 2].map(() => prisma.user.findUnique({ where: { email } })))
  await prisma.user.findMany()
  // Something stale, for the probe.
  await world.plain.user.update({ where: { id }, data: { name: 'Eve' } })
  await prisma.user.findUnique({ where: { id } })
  await prisma.post.create({ data: { title: 't'.repeat(500), authorId: id } })
  await prisma.post.findMany({ where: { authorId: id } })
  await prisma.$transaction(async tx => tx.user.updateMany({ where: { id }, data: { name: 'Ada' } }))
}

const PROBE = { probe: { rate: 1, perSecond: 1_000 } }

async function ask(query: string): Promise<{ metric: Record<string, string>; value: number }[]> {
  const url = new URL('/api/v1/query', server?.url)
  url.searchParams.set('query', query)
  const answer = (await (await fetch(url)).json()) as {
    status: string
    error?: string
    data: { result: { metric: Record<string, string>; value: [number, string] }[] }
  }
  expect(answer.status, `${query}: ${answer.error}`).toBe('success')
  return answer.data.result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }))
}

it('each query of each panel has a number', async ({ skip }) => {
  if (server === undefined) skip(why)
  let n = 0
  // An error, of which there is none in a sound process.
  await cached.prisma.$cache
    .getOrSet('broken', () => 1, { serialize: value => value, deserialize: value => value as number })
    .then(() => world.redis.set(`${world.prefix}=broken`, 'rubbish'))
  await cached.prisma.$cache.getOrSet('wrong', () => 1, {
    serialize: () => {
      throw new Error('no')
    },
    deserialize: () => 1,
  })
  const empty = async () => {
    await everything(n++)
    const found: string[] = []
    for (const [title, expr] of queries) {
      const result = await ask(expr.replaceAll('$__rate_interval', '30s'))
      if (!result.some(({ value }) => Number.isFinite(value))) found.push(title)
    }
    return found
  }
  await expect.poll(empty, { timeout: 60_000, interval: 500 }).toEqual([])
}, 90_000)

it('its counts are those that were taken at Redis and at Postgres', async ({ skip }) => {
  if (server === undefined) skip(why)
  // Without the probe, whose statements are not those of reads.
  const counted = world.process({ models: { User: true } })
  prometheus(counted.prisma.$cache, { register })
  const { prisma } = counted
  await prisma.user.findUnique({ where: { id: -1 } })
  await counted.flushed()
  const ids: number[] = []
  for (let n = 0; n < 20; n++) {
    ids.push((await world.plain.user.create({ data: { email: `counted-${n}@x.org` } })).id)
  }
  const total = async (name: string) => {
    const text = await register.metrics()
    return [...text.matchAll(new RegExp(`^prisma_cache_${name}(?:\\{.*\\})? (.*)$`, 'gm'))].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    )
  }
  const names = ['hits_total', 'misses_total', 'bypasses_total', 'redis_duration_seconds_count', 'invalidations_total']
  const totals = async () => Object.fromEntries(await Promise.all(names.map(async name => [name, await total(name)])))
  const before = (await totals()) as Record<string, number>
  let statements = 0
  const { lines } = await watchRedis(world, async () => {
    statements = await counted.countSql(async () => {
      for (let round = 0; round < 3; round++) for (const id of ids) await prisma.user.findUnique({ where: { id } })
      for (const id of ids.slice(0, 5)) await prisma.user.update({ where: { id }, data: { name: 'Ada' } })
      await prisma.user.findMany({ take: 1 })
    })
    await counted.flushed()
  })
  const after = (await totals()) as Record<string, number>
  const more = Object.fromEntries(names.map(name => [name, (after[name] ?? 0) - (before[name] ?? 0)]))
  const commands = (name: string) => lines.filter(([command]) => command?.toLowerCase() === name).length
  expect(more).toEqual({
    hits_total: 40,
    misses_total: 20,
    bypasses_total: 1,
    redis_duration_seconds_count: 60,
    invalidations_total: 5,
  })
  // One MGET for each read that waited for Redis, one DEL for each write.
  expect(commands('mget')).toBe(more['redis_duration_seconds_count'])
  expect(commands('del')).toBe(more['invalidations_total'])
  // A statement for each miss and each bypass, and one for each write.
  expect(statements).toBe(20 + 1 + 5)
  await expect
    .poll(async () => (await ask('sum(prisma_cache_hits_total)'))[0]?.value, { timeout: 30_000 })
    .toBe(after['hits_total'])
}, 60_000)

it('under load, too, what Prometheus shows is what was asked, what Postgres was asked, and what Redis was given', async ({
  skip,
}) => {
  if (server === undefined) skip(why)
  const counted = world.process({ models: { Post: { ttl: 300, queries: true } } })
  prometheus(counted.prisma.$cache, { register })
  const { prisma } = counted
  const authors: number[] = []
  for (let n = 0; n < 12; n++) {
    authors.push((await world.plain.user.create({ data: { email: `busy-${n}@x.org` } })).id)
  }
  const authorId = () => authors[Math.floor(Math.random() * authors.length)] as number
  await prisma.post.findMany({ where: { authorId: -1 } })
  await counted.flushed()
  const NAMES = ['hits', 'misses', 'shared', 'fills', 'invalidations'] as const
  const shown = async () =>
    Promise.all(NAMES.map(async name => (await ask(`sum(prisma_cache_${name}_total{model="Post"})`))[0]?.value ?? 0))
  // Until what was before is scraped.
  await expect
    .poll(async () => (await ask('sum(prisma_cache_misses_total{model="Post"})'))[0]?.value)
    .toBeGreaterThan(0)
  await new Promise(resolve => setTimeout(resolve, 2500))
  const before = await shown()
  let [reads, writes] = [0, 0]
  const statements = counted.sql.length
  const { lines } = await watchRedis(world, async () => {
    const worker = async () => {
      for (let n = 0; n < 150; n++) {
        if (n % 15 === 7) {
          writes++
          await prisma.post.create({ data: { title: `post ${n}`, authorId: authorId() } })
        } else {
          reads++
          await prisma.post.findMany({ where: { authorId: authorId() } })
        }
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    await counted.flushed()
  })
  const selects = counted.sql.slice(statements).filter(sql => sql.startsWith('SELECT')).length
  const stored = lines.filter(([command, key]) => command === 'set' && key?.startsWith(`${world.prefix}Post?`)).length
  const more = async () => (await shown()).map((value, i) => value - (before[i] as number))
  await expect.poll(async () => (await more())[4], { timeout: 30_000 }).toBe(writes)
  const [hits = 0, misses = 0, shared = 0, fills = 0] = await more()
  expect(hits + misses + shared).toBe(reads)
  expect(misses).toBe(selects)
  expect(fills).toBe(stored)
  // A load in which all kinds occur.
  expect(Math.min(hits, misses, writes)).toBeGreaterThan(20)
}, 90_000)

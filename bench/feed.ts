/**
 * `npm run bench:feed`: the change feed. How soon a cached reader in another process sees what another program commits; one transaction
 * of 50,000 rows; 2,000 small transactions a second for a minute. Writes its part of docs/benchmarks.md; `-- --quick` is a look that
 * writes nothing.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { PrismaPg } from '@prisma/adapter-pg'
import { Client } from 'pg'
import { PrismaClient } from '../generated/prisma/client.js'
import { recordRun, stampOf } from '../scripts/runs.js'
import { cacheAside } from '../src/index.js'
import { applyMigrations, createDatabase, dropDatabase } from '../test/support/database.js'
import { startServers } from '../test/support/servers.js'
import type { FeedSays } from './feed-process.js'
import { goalsOf } from './goals.js'
import { quantile } from './measure.js'
import { type FeedMeasured, readParts, writePage } from './page.js'

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
const { quick } = values
const CHANGES = quick ? 100 : 1_000
const ROWS = 50_000
const [PER_SECOND, SECONDS, WRITERS] = [2_000, quick ? 5 : 60, 4]

const began = performance.now()
const servers = await startServers({ durable: true })
console.log(servers.chosen.join('\n'))
const name = `cache_aside_bench_feed_${process.pid}`
const databaseUrl = await createDatabase(servers.databaseUrl, name)
await applyMigrations(databaseUrl)
const prefix = `${name}:`
const child = fork('bench/feed-process.ts', {
  execArgv: ['--import', 'tsx'],
  env: { ...process.env, DATABASE_URL: databaseUrl, REDIS_URL: servers.redisUrl, PREFIX: prefix },
})

async function feedSays(): Promise<FeedSays> {
  child.send('say')
  const [says] = (await once(child, 'message')) as [FeedSays]
  return says
}

/** Until everything that was committed before is invalidated; calls back with each look. */
async function caughtUp(look?: (says: FeedSays) => void): Promise<void> {
  const since = performance.now()
  for (;;) {
    const asked = performance.now()
    const says = await feedSays()
    look?.(says)
    if (says.lagMs !== undefined && says.lagMs < asked - since) return
    await sleep(5)
  }
}

async function session(): Promise<Client> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  return client
}

try {
  while ((await feedSays()).phase !== 'running') await sleep(100)
  const psql = await session()
  await psql.query(
    `INSERT INTO "User" (email, name, "updatedAt") SELECT i || '@x.org', 'v0', now() FROM generate_series(1, ${ROWS}) i`,
  )
  await caughtUp()
  const measured: FeedMeasured = { lag: await lagOf(psql), large: await largeOf(psql), many: await manyOf() }
  console.log(measured)
  await psql.end()
  const parts = await readParts()
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`
  const feed = { ...stampOf(), machine, versions: { node: process.version }, measured }
  if (!quick) await writePage({ ...parts, feed }, goalsOf({ ...parts, feed }))
  const { lag, large, many } = measured
  await recordRun({
    command: ['npm run bench:feed', ...(quick ? ['-- --quick'] : [])].join(' '),
    seconds: (performance.now() - began) / 1000,
    result:
      `${lag.changes} changes: ${lag.missed} missed, p50 ${lag.p50.toFixed(1)} ms, p99 ${lag.p99.toFixed(1)} ms; ` +
      `${large.rows} rows in ${large.ms.toFixed(0)} ms, ${large.beforeMB.toFixed(0)} to ${large.mostMB.toFixed(0)} MB; ` +
      `${(many.transactions / many.seconds).toFixed(0)} transactions/s: lag p50 ${many.p50.toFixed(0)} ms, most ${many.mostMs.toFixed(0)} ms, ` +
      `${many.beforeMB.toFixed(0)} to ${many.mostMB.toFixed(0)} MB`,
    keep: !quick,
  })
} finally {
  child.send('end')
  await once(child, 'exit')
  await dropDatabase(servers.databaseUrl, name)
  await servers.stop()
}
process.exit()

async function lagOf(psql: Client): Promise<FeedMeasured['lag']> {
  const base = new PrismaClient({ adapter: new PrismaPg({ connectionString: databaseUrl }) })
  const prisma = base.$extends(
    cacheAside({ redis: servers.redisUrl, prefix, models: { User: '1h' }, deadlineMs: 1_000 }),
  )
  const times: number[] = []
  let missed = 0
  for (let i = 1; i <= CHANGES; i++) {
    const read = async () => (await prisma.user.findUnique({ where: { id: i } }))?.name
    await read()
    await read()
    await psql.query(`UPDATE "User" SET name = 'lag' WHERE id = ${i}`)
    const committed = performance.now()
    while ((await read()) !== 'lag' && performance.now() - committed < 5_000) await sleep(0)
    const ms = performance.now() - committed
    if (ms >= 5_000) missed++
    times.push(ms)
  }
  await prisma.$disconnect()
  return { changes: CHANGES, missed, p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
}

async function largeOf(psql: Client): Promise<FeedMeasured['large']> {
  const { rssMB: beforeMB } = await feedSays()
  let mostMB = beforeMB
  await psql.query(`UPDATE "User" SET name = 'large'`)
  const committed = performance.now()
  await caughtUp(({ rssMB }) => (mostMB = Math.max(mostMB, rssMB)))
  return { rows: ROWS, ms: performance.now() - committed, beforeMB, mostMB }
}

async function manyOf(): Promise<FeedMeasured['many']> {
  const before = await feedSays()
  let mostMB = before.rssMB
  const lags: number[] = []
  const look = ({ rssMB, lagMs }: FeedSays) => {
    mostMB = Math.max(mostMB, rssMB)
    if (lagMs !== undefined) lags.push(lagMs)
  }
  const from = performance.now()
  const end = from + SECONDS * 1000
  let transactions = 0
  const writer = async () => {
    const client = await session()
    // What is measured is the feed, not how many commits the disk can take.
    await client.query('SET synchronous_commit = off')
    while (performance.now() < end) {
      if (transactions >= ((performance.now() - from) / 1000) * PER_SECOND) {
        await sleep(1)
        continue
      }
      transactions++
      await client.query(`UPDATE "User" SET name = 'many' WHERE id = ${1 + Math.floor(Math.random() * ROWS)}`)
    }
    await client.end()
  }
  const writing = Promise.all(Array.from({ length: WRITERS }, writer))
  while (performance.now() < end) {
    look(await feedSays())
    await sleep(100)
  }
  await writing
  const seconds = (performance.now() - from) / 1000
  const last = performance.now()
  await caughtUp(look)
  return {
    seconds,
    transactions,
    p50: quantile(lags, 0.5),
    mostMs: Math.max(...lags),
    recoveredMs: performance.now() - last,
    beforeMB: before.rssMB,
    mostMB,
    invalidations: (await feedSays()).invalidations - before.invalidations,
  }
}

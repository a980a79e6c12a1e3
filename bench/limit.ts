/**
 * `npm run bench:limit`: a database at its limit. 200 readers and 20 writers at once; every UPDATE takes the database 50 ms, and a
 * connection that is not there within 100 ms is given up. With a roomy pool that is easy; with a pool of 5 most writes get no
 * connection. What the cache serves should stay what it is. Three clients take short turns: the cache with the roomy pool, the
 * cache at the limit, plain Prisma at the limit. Writes its part of docs/benchmarks.md; `-- --seconds 5` is a quick look that
 * writes nothing.
 */
import { readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { Client, Pool } from 'pg'
import { PrismaClient } from '../generated/bench/client.js'
import { recordRun, stampOf } from '../scripts/runs.js'
import { createDatabase, dropDatabase } from '../test/support/database.js'
import { startServers } from '../test/support/servers.js'
import { cacheAside } from './contenders.js'
import { goalsOf } from './goals.js'
import { quantile } from './measure.js'
import { AT_LIMIT, type Limit, PLAIN_AT_LIMIT, readParts, ROOMY, writePage } from './page.js'

const READERS = 200
const WRITERS = 20
const ROWS = 1000
const STATEMENT_MS = 50
const CONNECTION_MS = 100
const TURN_SECONDS = 6

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } })
const seconds = Number(values.seconds)
const rounds = Math.max(1, Math.round(seconds / TURN_SECONDS))
const turnMs = (seconds / rounds) * 1000

/** A client, and what was counted of it. */
interface Side {
  readonly name: string
  readonly prisma: Pick<PrismaClient, 'account' | '$transaction' | '$executeRaw'>
  /** Reads that were answered from the cache, and that were not. */
  readonly counted: () => { hits: number; misses: number }
  readonly stats: () => object
  readonly end: () => Promise<void>
  readonly times: number[]
  reads: number
  hits: number
  failedReads: number
  writes: number
  failedWrites: number
  readonly errors: Map<string, number>
  ms: number
}

const began = performance.now()
const servers = await startServers({ durable: true })
console.log(servers.chosen.join('\n'))
const database = `cache_aside_limit_${process.pid}`
const databaseUrl = await createDatabase(servers.databaseUrl, database)
const redis = new Redis(servers.redisUrl)
const prefix = `${database}:`
const sides: Side[] = []
try {
  const versions = await setUp()
  sides.push(side(ROOMY, 40, true), side(AT_LIMIT, 5, true), side(PLAIN_AT_LIMIT, 5, false))
  for (const each of sides.slice(0, 2)) await warm(each)
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < sides.length; n++) await turnOf(sides[(n + round) % sides.length] as Side)
  }
  const measured = sides.map(limitOf)
  console.table(measured)
  for (const { name, errors, stats } of sides) console.log(name, Object.fromEntries(errors), stats())
  const parts = await readParts()
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`
  const limit = { ...stampOf(), machine, versions: { node: process.version, ...versions }, measured }
  const mine = goalsOf({ limit })
  for (const { texts, met } of mine) console.log(`${met ? 'met   ' : 'missed'} ${texts.join('  ')}`)
  const keep = seconds >= 60
  if (keep) await writePage({ ...parts, limit }, goalsOf({ ...parts, limit }))
  const [roomy, atLimit] = measured as [Limit, Limit]
  await recordRun({
    command: ['npm run bench:limit', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
    seconds: (performance.now() - began) / 1000,
    result:
      `${percent(atLimit.hitRatio)} hits and ${Math.round(atLimit.rate).toLocaleString('en')} reads/s with a pool of 5, ` +
      `${percent(roomy.hitRatio)} and ${Math.round(roomy.rate).toLocaleString('en')} with a roomy one; ` +
      `${mine.filter(({ met }) => !met).length} of ${mine.length} goals missed`,
    keep,
  })
} finally {
  for (const each of sides) await each.end()
  await redis.ping()
  const left = await redis.keys(`${prefix}*`)
  for (let from = 0; from < left.length; from += 10_000) await redis.unlink(left.slice(from, from + 10_000))
  redis.disconnect()
  await dropDatabase(servers.databaseUrl, database)
  await servers.stop()
}
process.exit()

async function setUp(): Promise<Record<string, string>> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query(await readFile(new URL('schema.sql', import.meta.url), 'utf8'))
  await client.query(`
    CREATE FUNCTION slow() RETURNS trigger AS $$ BEGIN PERFORM pg_sleep(${STATEMENT_MS / 1000}); RETURN NULL; END $$ LANGUAGE plpgsql;
    CREATE TRIGGER slow BEFORE UPDATE ON "Account" FOR EACH STATEMENT EXECUTE FUNCTION slow()`)
  const { rows } = await client.query<{ version: string }>("SELECT current_setting('server_version') AS version")
  await client.end()
  const redisVersion = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? '?'
  return { Postgres: rows[0]?.version ?? '?', Redis: redisVersion }
}

function side(name: string, max: number, cached: boolean): Side {
  // What the roomy one waits for is only that connections are opened.
  const connectionTimeoutMillis = name === ROOMY ? 0 : CONNECTION_MS
  const pool = new Pool({ connectionString: databaseUrl, max, connectionTimeoutMillis, idleTimeoutMillis: 0 })
  const base = new PrismaClient({ adapter: new PrismaPg(pool), errorFormat: 'minimal' })
  const own = new Redis(servers.redisUrl)
  const extended = base.$extends(
    cacheAside({ redis: own, prefix: `${prefix}${max}:`, deadlineMs: 5000, models: { Account: { ttl: '1h' } } }),
  )
  return {
    name,
    prisma: cached ? (extended as unknown as PrismaClient) : base,
    counted: () => (cached ? extended.$cache.stats() : { hits: 0, misses: 0 }),
    stats: () => ({ ...extended.$cache.stats() }),
    async end() {
      await extended.$cache.close()
      await base.$disconnect()
      await pool.end()
      own.disconnect()
    },
    times: [],
    reads: 0,
    hits: 0,
    failedReads: 0,
    writes: 0,
    failedWrites: 0,
    errors: new Map(),
    ms: 0,
  }
}

/** Until all of its rows are hits. The first connections may take longer than a read waits for one. */
async function warm(each: Side): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const before = each.counted().misses
    for (let id = 1; id <= ROWS; id += 5) {
      await Promise.allSettled(Array.from({ length: 5 }, (_, n) => read(each, id + n)))
    }
    if (each.counted().misses === before) return
  }
  throw new Error(`${each.name}: the cache does not get warm`)
}

/** By key, and one in five by its unique. */
function read({ prisma }: Side, id: number): PromiseLike<unknown> {
  return id % 5 === 0
    ? prisma.account.findUnique({ where: { email: `account${id}@example.com` } })
    : prisma.account.findUnique({ where: { id } })
}

/** Most update a row by key; some a batch, a transaction, or raw SQL. */
function write({ prisma }: Side, n: number): PromiseLike<unknown> {
  const update = (client: Pick<PrismaClient, 'account'>) =>
    client.account.update({ where: { id: anyId() }, data: { name: `name ${n}` } })
  if (n % 10 === 0) return prisma.$transaction([update(prisma), update(prisma)], { maxWait: CONNECTION_MS })
  if (n % 10 === 1) return prisma.$transaction(tx => update(tx), { maxWait: CONNECTION_MS })
  return update(prisma)
}

function anyId(): number {
  return 1 + Math.floor(Math.random() * ROWS)
}

async function turnOf(each: Side): Promise<void> {
  const before = { ...each.counted() }
  const start = performance.now()
  const isOver = () => performance.now() - start >= turnMs
  const failed = (error: unknown) => {
    const { name, code, message } = error as { name?: string; code?: string; message?: string }
    const text = `${code ?? name}: ${String(message).trim().split('\n').at(-1)}`
    each.errors.set(text, (each.errors.get(text) ?? 0) + 1)
  }
  const reader = async () => {
    while (!isOver()) {
      const from = performance.now()
      try {
        await read(each, anyId())
        each.reads++
      } catch (error) {
        failed(error)
        each.failedReads++
      }
      each.times.push(performance.now() - from)
      await nextTurn()
    }
  }
  const writer = async () => {
    while (!isOver()) {
      try {
        await write(each, each.writes + each.failedWrites)
        each.writes++
      } catch (error) {
        failed(error)
        each.failedWrites++
      }
    }
  }
  await Promise.all([...Array.from({ length: READERS }, reader), ...Array.from({ length: WRITERS }, writer)])
  each.ms += performance.now() - start
  each.hits += each.counted().hits - before.hits
}

function limitOf(each: Side): Limit {
  const perSecond = (count: number) => count / (each.ms / 1000)
  return {
    name: each.name,
    rate: perSecond(each.reads),
    hitRatio: each.hits / (each.reads + each.failedReads),
    failedReads: each.failedReads / (each.reads + each.failedReads),
    writes: perSecond(each.writes),
    failedWrites: each.failedWrites / (each.writes + each.failedWrites),
    p50: quantile(each.times, 0.5),
    p99: quantile(each.times, 0.99),
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

/**
 * `npm run bench:near`: the near cache. Hits beside those of Redis and of another in-memory cache; how soon a write of another process is
 * seen; how many messages Redis sends for a write, in both modes of its tracking. Writes its part of docs/benchmarks.md; `-- --quick` is a
 * look that writes nothing.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { recordRun, stampOf } from '../scripts/runs.js'
import { createExtension } from '../src/extension.js'
import { TrackedPair } from '../src/redis/tracked-pair.js'
import {
  BENTO,
  BENTO_MEMORY,
  bentoInMemory,
  cacheAside,
  type Contender,
  FLOOR,
  models,
  NEAR,
  OURS,
  type Reads,
  type Work,
  works,
} from './contenders.js'
import { goalsOf } from './goals.js'
import { compare, type Plan, quantile } from './measure.js'
import { type NearMeasured, readParts, writePage } from './page.js'
import { onlyHits, Unproven, warmUp } from './proof.js'
import { openStage } from './stage.js'

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
const { quick } = values
const READS: Plan = quick ? { rounds: 3, serialMs: 60, parallelMs: 100 } : { rounds: 9, serialMs: 80, parallelMs: 200 }
const WRITES = quick ? 300 : 10_000
const MAX_STALE_MS = 1_000
const PROCESSES = 4
const OF_ONE = quick ? 100 : 500

const began = performance.now()
const stage = await openStage()
const { base, redis } = stage
try {
  const measured: NearMeasured = { hits: await hits(), seen: await seen(), messages: await messages() }
  console.dir(measured, { depth: null })
  const parts = await readParts()
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`
  const near = { ...stampOf(), machine, versions: { node: process.version, ...stage.versions }, measured }
  const goals = goalsOf(quick ? { near } : { ...parts, near })
  for (const { texts, met } of goals) console.log(`${met ? 'met   ' : 'missed'} ${texts.join('  ')}`)
  if (!quick) await writePage({ ...parts, near }, goals)
  await recordRun({
    command: ['npm run bench:near', ...(quick ? ['-- --quick'] : [])].join(' '),
    seconds: (performance.now() - began) / 1000,
    result:
      `${measured.seen.writes} writes of another process: ${measured.seen.late} seen later than ${MAX_STALE_MS} ms, ` +
      `p50 ${measured.seen.p50.toFixed(2)} ms, p99 ${measured.seen.p99.toFixed(2)} ms`,
    keep: !quick,
  })
} catch (error) {
  process.exitCode = 1
  console.error(error instanceof Unproven ? `No number is taken: ${error.message}.` : error)
} finally {
  await stage.close()
}
process.exit()

async function hits(): Promise<NearMeasured['hits']> {
  const own = (name: string, near: boolean): Contender & { readonly answered: () => number } => {
    const prefix = `${stage.prefix}${near ? 'near' : 'far'}:`
    const prisma = base.prisma.$extends(cacheAside({ redis, prefix, deadlineMs: 5000, models, near }))
    const reads = prisma as unknown as Reads
    const answered = () => prisma.$cache.stats().near?.answered ?? 0
    return { name, prefix, prisma: reads, answered, read: (what: Work, i: number) => what.read(reads, i) }
  }
  const near = own(NEAR, true)
  const others = stage.contenders.filter(({ name }) => name === BENTO || name === FLOOR)
  const all = [near, own(OURS, false), ...others, await bentoInMemory(base.prisma, `${stage.prefix}bento-memory`)]
  const measured: NearMeasured['hits'][number][] = []
  for (const work of works.filter(({ name }) => !name.startsWith('2 KB'))) {
    await warmUp(
      stage,
      all.filter(({ name }) => name !== BENTO_MEMORY),
      work,
    )
    // What was filled a moment ago is looked up in Redis once more.
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < work.rows; i++) for (const contender of all) await contender.read(work, i)
      await sleep(50)
    }
    const before = await lookUps()
    const results = await compare(
      all.map(contender => ({
        name: contender.name,
        run: i => contender.read(work, i),
        turn: onlyHits(base, contender, work),
      })),
      READS,
    )
    const asked = (await lookUps()) - before
    measured.push({ work: work.name, measured: results, asked: await askedBy(near, work) })
    console.log(work.name, asked)
  }
  return measured
}

/** Look-ups that Redis answers. */
async function lookUps(): Promise<number> {
  return Number(/cmdstat_mget:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0)
}

/** How often Redis is asked in a thousand hits. */
async function askedBy(near: Contender, work: Work): Promise<number> {
  const before = await lookUps()
  for (let i = 0; i < 1_000; i++) await near.read(work, i)
  return (await lookUps()) - before
}

/** From when a write of another process has resolved, until this one reads it. */
async function seen(): Promise<NearMeasured['seen']> {
  const prefix = `${stage.prefix}seen:`
  const prisma = base.prisma.$extends(
    cacheAside({ redis, prefix, deadlineMs: 5000, models: { Account: '1h' }, near: { maxStaleMs: MAX_STALE_MS } }),
  )
  const writer = fork('bench/near-writer.ts', {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, DATABASE_URL: stage.databaseUrl, REDIS_URL: stage.redisUrl, PREFIX: prefix },
  })
  await once(writer, 'message')
  const times: number[] = []
  let [answered, stale] = [0, 0]
  for (let i = 1; i <= WRITES; i++) {
    const id = 1 + (i % 100)
    const name = `seen ${i}`
    const read = async () => (await prisma.account.findUnique({ where: { id } }))?.name
    for (let k = 0; k < 3; k++) {
      await read()
      await redis.ping()
    }
    const before = prisma.$cache.stats().near?.answered ?? 0
    await read()
    answered += (prisma.$cache.stats().near?.answered ?? 0) - before
    let resolved: bigint | undefined
    writer.once('message', at => {
      resolved = BigInt(at as string)
    })
    writer.send({ id, name })
    while ((await read()) !== name) {
      if (resolved !== undefined) stale++
      await nextTurn()
    }
    const now = process.hrtime.bigint()
    while (resolved === undefined) await nextTurn()
    times.push(Math.max(0, Number(now - resolved) / 1e6))
  }
  writer.disconnect()
  writer.kill()
  await prisma.$cache.close()
  return {
    writes: WRITES,
    kept: answered,
    stale,
    late: times.filter(ms => ms > MAX_STALE_MS).length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    most: Math.max(...times),
  }
}

/** Keys that Redis tells of, for one write, with `PROCESSES` near caches; and what they would be told by `BCAST`. */
async function messages(): Promise<NearMeasured['messages']> {
  let told = 0
  class Counting extends TrackedPair {
    override connection(role: 'reading' | 'telling') {
      const connection = super.connection(role)
      connection.on('messageBuffer', (_: Buffer, keys: unknown) => (told += Array.isArray(keys) ? keys.length : 1))
      return connection
    }
  }
  const prefix = `${stage.prefix}messages:`
  const clients = Array.from({ length: PROCESSES }, () => {
    const options = { redis, prefix, deadlineMs: 5000, models: { Account: '1h' }, near: true } as const
    return base.prisma.$extends(createExtension(options as never, { nearParts: { TrackedPair: Counting } }))
  }) as unknown as Reads[]
  let byBroadcast = 0
  const broadcast = redis.duplicate({ protocol: 2, autoResubscribe: false })
  await once(broadcast, 'ready')
  broadcast.on('messageBuffer', (_: Buffer, keys: unknown) => (byBroadcast += Array.isArray(keys) ? keys.length : 1))
  const id = await broadcast.client('ID')
  await broadcast.client('TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', prefix)
  await broadcast.subscribe('__redis__:invalidate')

  /** Each process reads as many rows, and all of them are kept when that is done. */
  const readAll = async (rows: number, from: number) => {
    for (let i = 0; i < rows; i++) {
      for (const client of clients) await client.account.findUnique({ where: { id: 1 + ((from + i) % 100) } })
    }
    await redis.ping()
  }
  for (let round = 0; round < 5; round++) {
    await readAll(100, 0)
    await sleep(50)
  }
  const measure = async (run: (i: number) => Promise<unknown>) => {
    await sleep(100)
    ;[told, byBroadcast] = [0, 0]
    for (let i = 0; i < OF_ONE; i++) await run(i)
    await sleep(100)
    return { tracked: told / OF_ONE, broadcast: (byBroadcast * PROCESSES) / OF_ONE }
  }
  const [first] = clients as [Reads]
  const write = await measure(async i => {
    await first.account.update({ where: { id: 1 + (i % 100) }, data: { name: `m${i}` } })
    // As a process that reads some rows between two writes of others.
    await readAll(5, i)
  })
  const fill = await measure(i => first.account.findUnique({ where: { id: 1_000 + i } }))
  broadcast.disconnect()
  return { processes: PROCESSES, write, fill }
}

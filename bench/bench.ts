/**
 * `npm run bench`: what a hit, a miss and a write cost, beside what one would use instead and beside the floor, which no cache
 * can go below. All of it in one run, the contenders taking turns, told as ratios: absolute numbers are this machine's.
 * Writes docs/benchmarks.md. `-- --full` adds a million entries and ten million reads.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../generated/bench/client.js'
import {
  type Contender,
  contenders,
  FLOOR,
  FLOOR_EXTENSION,
  FLOOR_PER_TICK,
  OURS,
  PLAIN,
  RIVAL,
  type Work,
  works,
  manyRows,
} from './contenders.js'
import { measureAdvice } from './advice.js'
import { heldHeap } from './heap.js'
import { compare, type Measured, type Plan } from './measure.js'
import { type Bytes, goalsOf, HASTY, type Results, type WriteCost, writePage } from './page.js'
import { openStage } from './stage.js'

const { values } = parseArgs({
  options: { full: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
})
const { full, quick } = values
const READS: Plan = quick ? { rounds: 3, serialMs: 40, parallelMs: 60 } : { rounds: 11, serialMs: 80, parallelMs: 200 }
const MISSES: Plan = { rounds: quick ? 3 : 15, serialMs: 100, parallelMs: 0 }
const WRITES: Plan = { rounds: quick ? 3 : 9, serialMs: 150, parallelMs: 0 }
const SETTINGS: Plan = quick ? READS : { rounds: 7, serialMs: 60, parallelMs: 150 }
const SIZES = [1000, 10_000, ...(quick ? [] : [100_000]), ...(full ? [1_000_000] : [])]

const stage = await openStage()
const { base, redis, prefix, removeKeys, contenders: all } = stage

const began = performance.now()
const step = (what: string) => console.log(`${((performance.now() - began) / 1000).toFixed(0)} s: ${what}`)

const bytes = await bytesOfEach()
const reads: { work: string; measured: Measured[] }[] = []
for (const work of works) {
  step(work.name)
  await warmUp(work)
  const measured = await compare(
    all.map(contender => ({ name: contender.name, run: i => contender.read(work, i) })),
    READS,
  )
  reads.push({ work: work.name, measured })
}
step('misses')
const misses = await missesOfEach()
step('other rows after an update')
const warm = await stillWarm()
step('writes')
const writes = await writesOfEach()
step('settings')
const advice = await measureAdvice(stage, SETTINGS)
let heap: Results['heap']
if (full) {
  step('heap over ten million reads')
  const ours = named(all, OURS)
  heap = await heldHeap(i => ours.read(works[0] as Work, i), 10_000_000)
}
const results: Results = {
  date: new Date().toISOString().slice(0, 10),
  commit: commit(),
  machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
  versions: {
    node: process.version,
    Prisma: versionOf('@prisma/client'),
    ioredis: versionOf('ioredis'),
    msgpackr: versionOf('msgpackr'),
    ...stage.versions,
    [RIVAL]: versionOf(`../bench/node_modules/${RIVAL}`),
    bentocache: versionOf('../bench/node_modules/bentocache'),
  },
  reads,
  misses,
  writes,
  bytes,
  stillWarm: warm,
  advice,
  heap,
}
for (const { texts, met } of goalsOf(results)) console.log(`${met ? 'met   ' : 'missed'} ${texts.join('  ')}`)
if (!quick) await writePage(results)
step('done')

await stage.close()
// The peers keep timers.
process.exit()

// ---- what is measured

/** Every contender has every row, and has it from its cache. */
async function warmUp(work: Work): Promise<void> {
  for (const contender of all) {
    for (let from = 0; from < work.rows; from += 50) {
      const some = Array.from({ length: Math.min(50, work.rows - from) }, (_, i) => from + i)
      await Promise.all(some.map(async i => contender.read(work, i)))
      await redis.ping()
    }
  }
}

/** Bytes of the values in Redis after one read, against the JSON of what it answers. */
async function bytesOfEach(): Promise<Bytes[]> {
  const found: Bytes[] = []
  for (const work of works.filter(({ name: what }) => !what.includes('unique'))) {
    const row = await work.read(base, work.rows - 1)
    const json = JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)).length
    for (const contender of all.filter(each => ![FLOOR_PER_TICK, FLOOR_EXTENSION, PLAIN].includes(each.name))) {
      const before = new Set(await redis.keys(`${contender.prefix}*`))
      await contender.read(work, work.rows - 1)
      await sleep(20)
      const keys = (await redis.keys(`${contender.prefix}*`)).filter(key => !before.has(key))
      const lengths = await Promise.all(keys.map(key => redis.strlen(key)))
      found.push({ work: work.name, name: contender.name, bytes: lengths.filter(each => each > 20), json })
    }
  }
  return found
}

/** Rows that nobody has read before: look, load, store. The fill is not waited for by those who don't. */
async function missesOfEach(): Promise<Measured[]> {
  return compare(
    all
      .filter(({ name: who }) => who !== FLOOR && who !== FLOOR_PER_TICK)
      .map(contender => {
        let next = 2000
        return { name: contender.name, run: () => contender.read(manyRows, next++) }
      }),
    MISSES,
  )
}

/** One row is updated: how many of 999 others are still answered from the cache. */
async function stillWarm(): Promise<Results['stillWarm']> {
  const left: { name: string; warm: number; of: number }[] = []
  const logged = new PrismaClient({
    adapter: new PrismaPg({ connectionString: stage.databaseUrl }),
    log: [{ level: 'query', emit: 'event' }],
  })
  let statements = 0
  logged.$on('query', () => statements++)
  const own = await contenders(logged, redis, `${prefix}warm:`)
  const work = works[0] as Work
  for (const contender of own.filter(({ name: who }) => who === OURS || who === RIVAL)) {
    const readAll = async () => {
      for (let i = 1; i < work.rows; i++) await contender.read(work, i)
      await redis.ping()
    }
    await readAll()
    await readAll()
    await contender.prisma?.account.update({ where: { id: 1 }, data: { name: 'updated' } })
    statements = 0
    await readAll()
    left.push({ name: contender.name, warm: work.rows - 1 - statements, of: work.rows - 1 })
  }
  await logged.$disconnect()
  return left
}

/** One update with so many entries in the cache, beside plain Prisma. Only the entries of that contender are there. */
async function writesOfEach(): Promise<WriteCost[]> {
  // The rival drops all of them with each update, and a million take too long to be given back.
  const most: Record<string, number> = { [FLOOR_EXTENSION]: 1000, [RIVAL]: 100_000 }
  const costs = await updatesOf(all, [FLOOR_EXTENSION, OURS, RIVAL], who => most[who] ?? Number.POSITIVE_INFINITY)
  // The same where a commit does not wait for the disk: the database is then as fast as it gets.
  const options = encodeURIComponent('-c synchronous_commit=off')
  const hasty = new PrismaClient({
    adapter: new PrismaPg({ connectionString: `${stage.databaseUrl}?options=${options}` }),
    errorFormat: 'minimal',
  })
  const some = await contenders(hasty, redis, `${prefix}hasty:`)
  const hastily = await updatesOf(some, [FLOOR_EXTENSION, OURS], () => 1000)
  await hasty.$disconnect()
  return [...costs, ...hastily.map(each => ({ ...each, name: `${each.name}${HASTY}` }))]
}

async function updatesOf(
  among: readonly Contender[],
  names: readonly string[],
  most: (who: string) => number,
): Promise<WriteCost[]> {
  const costs: WriteCost[] = []
  const plain = named(among, PLAIN)
  for (const contender of names.map(name => named(among, name))) {
    for (const size of SIZES.filter(each => each <= most(contender.name))) {
      await removeKeys(prefix)
      await multiply(contender, size)
      const update = (prisma: Contender['prisma']) => async (i: number) => {
        await prisma?.account.update({ where: { id: (i % 1000) + 1 }, data: { name: `name ${i}` } })
      }
      // The rival drops what it finds, so it is given back before each update; that time does not count.
      const timed = async (i: number) => {
        if (contender.name === RIVAL && (await redis.dbsize()) < size) await multiply(contender, size)
        const start = performance.now()
        await update(contender.prisma)(i)
        return performance.now() - start
      }
      const before = await commands()
      await update(contender.prisma)(1)
      const sent = (await commands()) - before
      const runs = [
        { name: PLAIN, run: update(plain.prisma) },
        { name: contender.name, run: timed },
      ]
      // Not measured: it takes a second until the paths of a write are compiled.
      if (costs.every(each => each.name !== contender.name)) await compare(runs, { ...WRITES, rounds: 4 })
      const measured = await compare(runs, contender.name === RIVAL ? { ...WRITES, rounds: 3 } : WRITES)
      const [theirs, own] = measured as [Measured, Measured]
      costs.push({
        name: contender.name,
        size,
        commands: sent,
        p50: own.p50,
        p99: own.p99,
        ratio: own.p50 / theirs.p50,
      })
    }
  }
  await removeKeys(prefix)
  return costs
}

/** Copies of one entry under other keys of the same kind, until there are so many. */
async function multiply(contender: Contender, size: number): Promise<void> {
  await contender.read(works[0] as Work, 0)
  await sleep(20)
  const key = (await redis.keys(`${contender.prefix}*`)).find(each => each.includes('ccount')) as string
  const value = (await redis.getBuffer(key)) as Buffer
  for (let from = await redis.dbsize(); from < size; from += 5000) {
    const count = Math.min(5000, size - from)
    await redis.mset(Array.from({ length: count }, (_, i) => [`${key}${from + i + 200_000}`, value]).flat())
  }
}

/** Commands that Redis has run so far. */
async function commands(): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]) - 1
}

function named(some: readonly Contender[], who: string): Contender {
  return some.find(each => each.name === who) as Contender
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

function versionOf(module: string): string {
  const path = new URL(`../node_modules/${module}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

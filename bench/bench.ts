/**
 * `npm run bench`: what a hit, a miss and a write cost, beside what one would use instead and beside the floor, which no cache
 * can go below. All of it in one run, the contenders taking turns, told as ratios: absolute numbers are this machine's.
 * Writes docs/benchmarks.md; `-- --only writes,bytes` measures some parts again and leaves the others with their date and commit.
 * `-- --full` adds a million entries and ten million reads. A contender that was not filled, or is not hit, ends the run.
 */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { recordRun, stampOf } from '../scripts/runs.js'
import { measureAdvice } from './advice.js'
import {
  type Contender,
  FLOOR,
  FLOOR_EXTENSION,
  FLOOR_OF_FOUR,
  FLOOR_PER_TICK,
  HOOK,
  manyRows,
  OURS,
  PLAIN,
  RIVAL,
  type Work,
  works,
} from './contenders.js'
import { heldHeap } from './heap.js'
import { compare, type Measured, parallel, type Plan } from './measure.js'
import { goalsOf } from './goals.js'
import { type Bytes, type Parts, type ProfiledWork, readParts, writePage } from './page.js'
import { profileOf } from './profiler.js'
import { keptWhatItMissed, onlyHits, Unproven, warmUp } from './proof.js'
import { openStage, type Stage } from './stage.js'
import { costsOfModes } from './strict.js'
import { stillWarm, writesOfEach } from './writes.js'

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
})
const { full, quick, only } = values
const READS: Plan = quick ? { rounds: 3, serialMs: 40, parallelMs: 60 } : { rounds: 11, serialMs: 80, parallelMs: 200 }
const MISSES: Plan = { rounds: quick ? 3 : 15, serialMs: 100, parallelMs: 0 }
const WRITES: Plan = { rounds: quick ? 3 : 9, serialMs: 150, parallelMs: 0 }
const SETTINGS: Plan = quick ? READS : { rounds: 7, serialMs: 60, parallelMs: 150 }
const SIZES = [1000, 10_000, ...(quick ? [] : [100_000]), ...(full ? [1_000_000] : [])]

const began = performance.now()
const step = (what: string) => console.log(`${((performance.now() - began) / 1000).toFixed(0)} s: ${what}`)

const stage = await openStage()
const { base, redis, contenders: all } = stage

/** `limit` and `cluster` are measured by `npm run bench:limit` and `npm run bench:cluster`. */
const MEASURES: {
  readonly [Part in Exclude<keyof Parts, 'limit' | 'cluster' | 'feed' | 'near'>]-?: () => Promise<
    NonNullable<Parts[Part]>['measured']
  >
} = {
  bytes: bytesOfEach,
  reads: readsOfEach,
  profile: profilesOfEach,
  misses: missesOfEach,
  stillWarm: () => stillWarm(stage),
  strict: () => costsOfModes(stage, WRITES),
  writes: () => writesOfEach(stage, SIZES, WRITES),
  advice: () => measureAdvice(stage, SETTINGS),
  heap: () => heldHeap(i => named(OURS).read(works[0] as Work, i), 10_000_000),
}
const names = (only?.split(',') ??
  Object.keys(MEASURES).filter(name => full || name !== 'heap')) as (keyof typeof MEASURES)[]
try {
  const strangers = names.filter(name => !(name in MEASURES))
  if (strangers.length > 0) throw new Error(`${strangers.join(', ')}: there are ${Object.keys(MEASURES).join(', ')}`)
  const parts: Parts = quick ? {} : await readParts()
  const stamp = { ...stampOf(), machine: machine(), versions: versions(stage) }
  for (const name of names) {
    step(name)
    Object.assign(parts, { [name]: { ...stamp, measured: await MEASURES[name]() } })
  }
  const goals = goalsOf(parts)
  for (const { texts, met } of goals) console.log(`${met ? 'met   ' : 'missed'} ${texts.join('  ')}`)
  if (!quick) await writePage(parts, goals)
  const missed = goals.filter(({ met }) => !met).length
  await recordRun({
    command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
    seconds: (performance.now() - began) / 1000,
    result: `${names.join(', ')}: every contender filled and hit; ${missed} of ${goals.length} goals missed`,
    keep: !quick,
  })
  step('done')
} catch (error) {
  process.exitCode = 1
  console.error(error instanceof Unproven ? `No number is taken: ${error.message}.` : error)
} finally {
  await stage.close()
}
// The peers keep timers.
process.exit()

// ---- what is measured

async function readsOfEach() {
  const reads: { work: string; measured: Measured[] }[] = []
  for (const work of works) {
    step(work.name)
    await warmUp(stage, all, work)
    const measured = await compare(
      all.map(contender => ({
        name: contender.name,
        run: i => contender.read(work, i),
        turn: onlyHits(base, contender, work),
      })),
      READS,
    )
    reads.push({ work: work.name, measured })
  }
  return reads
}

/** Whose code runs in a hit: ours, and that of the bare `GET` that it is measured against. */
async function profilesOfEach(): Promise<ProfiledWork[]> {
  const found: ProfiledWork[] = []
  for (const work of works) {
    step(`profile: ${work.name}`)
    const both = []
    for (const contender of [named(OURS), named(FLOOR)]) {
      await warmUp(stage, [contender], work)
      const run = (i: number) => contender.read(work, i)
      await parallel(run, 1500)
      both.push(await profileOf(run, quick ? 500 : 6000))
    }
    const [ours, floor] = both as [(typeof both)[0], (typeof both)[0]]
    found.push({
      work: work.name,
      ours: { cpuMicros: ours.cpuMicros, owners: ours.owners },
      floor: { cpuMicros: floor.cpuMicros, owners: floor.owners },
      functions: ours.functions.slice(0, 12),
    })
  }
  return found
}

/** Bytes of the values in Redis after one read, against the JSON of what it answers. */
async function bytesOfEach(): Promise<Bytes[]> {
  const found: Bytes[] = []
  for (const work of works.filter(({ name: what }) => !what.includes('unique'))) {
    const row = await work.read(base.prisma, work.rows - 1)
    const json = JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)).length
    for (const contender of all.filter(
      each => ![FLOOR_OF_FOUR, FLOOR_PER_TICK, FLOOR_EXTENSION, HOOK, PLAIN].includes(each.name),
    )) {
      const before = new Set(await stage.keysOf(contender.prefix))
      await contender.read(work, work.rows - 1)
      await sleep(20)
      const keys = (await stage.keysOf(contender.prefix)).filter(key => !before.has(key))
      const lengths = (await Promise.all(keys.map(key => redis.strlen(key)))).filter(each => each > 20)
      if (lengths.length === 0) throw new Unproven(`${contender.name}, ${work.name}: nothing was stored`)
      found.push({ work: work.name, name: contender.name, bytes: lengths, json })
    }
  }
  return found
}

/** Rows that nobody has read before: look, load, store. The fill is not waited for by those who don't. */
async function missesOfEach(): Promise<Measured[]> {
  const some = all.filter(({ name: who }) => ![FLOOR, FLOOR_OF_FOUR, FLOOR_PER_TICK].includes(who))
  const reached = new Map<Contender, number>()
  const before = base.statements()
  const measured = await compare(
    some.map(contender => ({
      name: contender.name,
      run() {
        const next = (reached.get(contender) ?? 1999) + 1
        reached.set(contender, next)
        return contender.read(manyRows, next)
      },
    })),
    MISSES,
  )
  const asked = base.statements() - before
  const reads = [...reached.values()].reduce((sum, last) => sum + last - 1999, 0)
  if (asked !== reads) throw new Unproven(`misses: ${reads} reads of rows that nobody had, and ${asked} statements`)
  for (const [contender, last] of reached) {
    await keptWhatItMissed(
      stage,
      contender,
      manyRows,
      Array.from({ length: 20 }, (_, i) => last - i),
    )
  }
  return measured
}

function named(who: string): Contender {
  return all.find(each => each.name === who) as Contender
}

function machine(): string {
  return `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`
}

function versions({ versions: servers }: Stage): Record<string, string> {
  return {
    node: process.version,
    Prisma: versionOf('@prisma/client'),
    ioredis: versionOf('ioredis'),
    msgpackr: versionOf('msgpackr'),
    ...servers,
    [RIVAL]: versionOf(`../bench/node_modules/${RIVAL}`),
    bentocache: versionOf('../bench/node_modules/bentocache'),
  }
}

function versionOf(module: string): string {
  const path = new URL(`../node_modules/${module}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

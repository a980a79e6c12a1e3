/** A run: in each mode, rounds of one fault each, every round on rows of its own; judged when all have come to rest. */
import { fileURLToPath } from 'node:url'
import { takeHistory } from '../chaos/history.js'
import { type Compared, compare, type Question } from '../chaos/leftovers.js'
import { STATEMENT_TIMEOUT_MS } from '../chaos/settings.js'
import { addAuthors, Stage } from '../chaos/stage.js'
import { setTimeout as sleep } from 'node:timers/promises'
import { counter, type Ground } from '../chaos/workload.js'
import type { Guard } from '../chaos/without.js'
import { Random } from '../test/support/random.js'
import { CLEAN, EXPECTED } from '../test/model/expected.js'
import { type FaultName, faultsOf, inject, KILLED, killWriter, modelFaultOf } from './faults.js'
import { type Judged, judge, type Owed } from './judge.js'
import { MODELS, MODES, type ModeName, TTL_MS } from './modes.js'

const SCRIPT = fileURLToPath(new URL('./process.ts', import.meta.url))
/** Of more rounds than an entry lives. */
const NEWEST_LISTS = 16
const NOTHING: Ground = { authors: [], posts: [] }

export interface Plan {
  readonly adminUrl: string
  readonly seed: number
  readonly seconds: number
  readonly modes?: readonly ModeName[]
  readonly faults?: readonly FaultName[]
  readonly processes?: number
  /** How many of the operations are writes, as a fraction. */
  readonly writes?: number
  /** A guard that is turned off, to see that the run goes red. */
  readonly without?: Guard
}

/** An entry that Redis would have served, although the database says otherwise. */
export interface Stale {
  readonly redisKey: string
  /** Undefined: nothing explains it. */
  readonly cause: Owed['cause'] | undefined
}

/** A round of one fault in one mode. */
export interface Round {
  readonly mode: ModeName
  readonly fault: FaultName
  readonly judged: Judged
  readonly compared: Pick<Compared, 'entries' | 'served' | 'unasked'>
  readonly stale: readonly Stale[]
  /** Entries that are still stale after the longest life of an entry; undefined: nothing was stale. */
  readonly staleAfterTtl: readonly Stale[] | undefined
  /** In words: what no window and no cause explains. */
  readonly red: readonly string[]
}

/** A round ends before what it stored: an entry that expires is not compared. */
const ROUND_SECONDS = { least: 1.5, most: 3.5 }
/** To come to rest and to be judged. */
const REST_SECONDS = 2
const WARM_UP_SECONDS = 1

export async function run({ modes = Object.keys(MODES) as ModeName[], ...plan }: Plan): Promise<Round[]> {
  const rounds: Round[] = []
  for (const [index, mode] of modes.entries()) {
    const [part, left] = [plan.seconds / modes.length, plan.seed + 1000 * index]
    const { faults = faultsOf(MODES[mode].isStrict) } = plan
    rounds.push(...(await runMode(mode, { ...plan, faults, seconds: part, seed: left })))
  }
  return rounds
}

async function runMode(mode: ModeName, plan: Plan & { readonly faults: readonly FaultName[] }): Promise<Round[]> {
  const { adminUrl, seed, seconds, faults, processes = 4, writes = 0.12, without } = plan
  const until = performance.now() + 1000 * seconds
  const each = Math.min(ROUND_SECONDS.most, Math.max(ROUND_SECONDS.least, seconds / faults.length - REST_SECONDS))
  const stage = await Stage.open(adminUrl, 'single', SCRIPT)
  try {
    const random = new Random(seed)
    await stage.cast(processes, seed, { writes, without, mode, ground: NOTHING })
    const lists = await warmUp(stage, writes)
    const rounds: Round[] = []
    for (let isEnough = false; !isEnough; ) {
      for (const fault of faults) {
        isEnough = rounds.length >= faults.length && performance.now() > until
        if (isEnough) break
        rounds.push(
          await playRound({ stage, random, mode, fault, writes, seconds: each, serial: rounds.length, lists }),
        )
      }
    }
    return rounds
  } finally {
    await stage.close()
  }
}

interface RoundPlan {
  readonly stage: Stage
  readonly random: Random
  readonly mode: ModeName
  readonly fault: FaultName
  readonly writes: number
  readonly seconds: number
  readonly serial: number
  /** Whose lists may be in Redis, the newest last: also those of the rounds before, until they expire. */
  readonly lists: number[]
}

async function playRound({ stage, random, mode, fault, writes, seconds, serial, lists }: RoundPlan): Promise<Round> {
  const ground = await addAuthors(stage.plain, [`${serial}-a`, `${serial}-b`])
  lists.push(...ground.authors)
  const scene = { stage, random, ground }
  const red: string[] = []
  const look = () => compare(stage, { models: MODELS, hashed: lists.slice(-NEWEST_LISTS).map(listOf) })

  play(stage, ground, writes)
  await inject(fault, scene, seconds)
  red.push(...(await rest(stage)))
  // Once more where all others rest, so that no process writes the row again.
  const revive = fault === KILLED ? await killWriter(scene) : undefined
  // A statement may still be running that its process has given up.
  if (fault.startsWith('database')) await sleep(STATEMENT_TIMEOUT_MS)
  const compared = await look()
  // Not before: while another process starts, what is stale may expire.
  await revive?.()
  let after: Compared | undefined
  if (compared.stale.length > 0) {
    play(stage, ground, 0)
    await sleep(TTL_MS + 500)
    red.push(...(await rest(stage)))
    after = await look()
  }

  const judged = judge(
    stage.incarnations.map(({ name, history, killedAt }) => ({ process: name, lines: takeHistory(history), killedAt })),
    { staleMs: MODES[mode].staleMs, ttlMs: TTL_MS },
  )
  const causes = ({ stale }: Compared) =>
    stale.map(({ redisKey, key }) => ({ redisKey, cause: causeOf(keysOf(key, ground), judged) }))
  const stale = causes(compared)
  const staleAfterTtl = after && causes(after)
  // What the model says can never occur, no window and no cause explains.
  const isClean = EXPECTED[mode][modelFaultOf(fault)] === CLEAN
  red.push(...redOf({ judged, compared, stale, staleAfterTtl }), ...(isClean ? redWhereClean(judged, stale) : []))
  return { mode, fault, judged, compared, stale, staleAfterTtl, red }
}

/** Connections are opened and code is compiled, on rows that are not judged: a short round would see little else. */
async function warmUp(stage: Stage, writes: number): Promise<number[]> {
  const ground = await addAuthors(stage.plain, ['warm-up'])
  play(stage, ground, writes)
  await sleep(1000 * WARM_UP_SECONDS)
  await rest(stage)
  for (const { history } of stage.incarnations) takeHistory(history)
  return [...ground.authors]
}

function play(stage: Stage, ground: Ground, writes: number): void {
  stage.change({ ground, writes })
  for (const { process: one } of stage.slots) one.tell({ type: 'play', ground, writes })
}

/** Answers which processes do not trust Redis again, although all is well. */
async function rest(stage: Stage): Promise<string[]> {
  stage.change({ ground: NOTHING })
  const answers = await Promise.all(
    stage.slots.map(async ({ process: one }) => ({ name: one.name, ...(await one.ask({ type: 'rest' }, 'resting')) })),
  )
  return answers.flatMap(({ name, settled }) => (settled ? [] : [`process ${name} does not use Redis again`]))
}

function listOf(authorId: number): Question {
  return {
    key: `list:${authorId}`,
    ask: async db => (await db.post.findMany({ where: { authorId } })).toSorted((a, b) => a.id - b.id),
  }
}

/** The rows that an entry tells of. */
function keysOf(key: string, { posts }: Ground): string[] {
  const [, author] = /^list:(\d+)$/.exec(key) ?? []
  const [, of, slug] = /^by unique (\d+):(.*)$/.exec(key) ?? []
  if (author !== undefined) return posts.filter(post => post.authorId === Number(author)).map(({ id }) => counter(id))
  if (of !== undefined)
    return posts.filter(post => post.authorId === Number(of) && post.slug === slug).map(({ id }) => counter(id))
  return [key]
}

/** A `DEL` that was never sent, of a row that was not written since. */
function causeOf(keys: readonly string[], { owed, boundAt }: Judged): Owed['cause'] | undefined {
  return owed.find(({ key, at }) => keys.includes(key) && (boundAt.get(key) ?? 0) < at)?.cause
}

function redOf({
  judged,
  compared,
  stale,
  staleAfterTtl,
}: Pick<Round, 'judged' | 'compared' | 'stale' | 'staleAfterTtl'>): string[] {
  const outside = judged.below.filter(({ window }) => window === undefined)
  const unexplained = stale.filter(({ cause }) => cause === undefined)
  return [
    ...(outside.length > 0
      ? [`${outside.length} answers outside every window, such as ${JSON.stringify(outside[0])}`]
      : []),
    ...(judged.above.length > 0
      ? [`${judged.above.length} answers that were never written, such as ${judged.above[0]}`]
      : []),
    ...(unexplained.length > 0
      ? [`stale without a cause: ${unexplained.map(({ redisKey }) => redisKey).join(', ')}`]
      : []),
    ...(compared.unasked.length > 0 ? [`nothing was compared with ${compared.unasked.join(', ')}`] : []),
    ...(staleAfterTtl ?? []).map(({ redisKey }) => `stale for longer than its TTL: ${redisKey}`),
  ]
}

function redWhereClean({ below }: Judged, stale: readonly Stale[]): string[] {
  return [
    ...(below.length > 0
      ? [`${below.length} answers in a window that is none, such as ${JSON.stringify(below[0])}`]
      : []),
    ...stale.map(({ redisKey, cause }) => `stale, which the model excludes: ${redisKey} (${cause ?? 'no cause'})`),
  ]
}

/** One run, from an empty stage to a verdict. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../test/support/random.js'
import { check, type Loose, type Rejection, type Verdict } from './check.js'
import { readHistory } from './history.js'
import { type Compared, compare } from './leftovers.js'
import type { Leftovers } from './messages.js'
import { FAULT_NAMES, type FaultName, Nemesis } from './nemesis.js'
import type { PlaceName } from './place.js'
import { Stage } from './stage.js'
import { nearOf } from './settings.js'
import type { Guard } from './without.js'

export interface Plan {
  readonly adminUrl: string
  readonly seed: number
  readonly seconds: number
  /** It goes on until so many kinds of faults have been met, however slow the machine is. Default: 0. */
  readonly kinds?: number
  readonly processes?: number
  /** Where the keys are. Default: one Redis. */
  readonly on?: PlaceName
  /** All by default. */
  readonly faults?: readonly FaultName[]
  /** How many of the operations on shared rows are writes, as a fraction. Default: 0.07, which leaves a cache to be tested. */
  readonly writes?: number
  /** A guard that is turned off, to see that the run goes red. */
  readonly without?: Guard
}

export interface Outcome {
  readonly verdict: Verdict
  /** Rejections that plain Prisma would have given too. */
  readonly excused: readonly Rejection[]
  readonly unexcused: readonly Rejection[]
  readonly compared: Compared
  readonly explained: readonly { readonly redisKey: string; readonly cause: string }[]
  readonly unexplained: Compared['stale']
  readonly faults: ReadonlyMap<FaultName, number>
  readonly killed: number
  readonly left: readonly { readonly process: string; readonly left: Leftovers }[]
  /** Of processes that lived from a fifth of the run to its end. */
  readonly heaps: readonly { readonly process: string; readonly early: number; readonly late: number }[]
  /** What speaks against a green run, in words. */
  readonly red: readonly string[]
}

/** For so many tenths of a second it goes on beyond its time. */
const MOST_LOOKS = 900

export async function run({
  adminUrl,
  seed,
  seconds,
  kinds = 0,
  processes = 3,
  on = 'single',
  faults = FAULT_NAMES[on],
  writes = 0.07,
  without,
}: Plan): Promise<Outcome> {
  const stage = await Stage.open(adminUrl, on)
  try {
    const random = new Random(seed)
    await stage.cast(processes, seed, { writes, without })
    const nemesis = new Nemesis({ stage, random }, faults)
    const chaos = nemesis.run()
    const failed = chaos.then(
      () => undefined,
      (error: unknown) => error,
    )
    await Promise.race([sleep(seconds * 200), failed])
    const early = await Promise.all(
      stage.slots.map(async ({ process: one }) => [one, await one.heap().catch(() => undefined)] as const),
    )
    await Promise.race([sleep(seconds * 800), failed])
    const met = () => new Set(nemesis.injected.map(({ name }) => name)).size
    for (let i = 0; i < MOST_LOOKS && met() < kinds; i++) await Promise.race([sleep(100), failed])
    nemesis.end()
    await chaos

    const ends = await Promise.all(stage.slots.map(async ({ process: one }) => [one, await one.finish()] as const))
    const compared = await compare(stage)
    const verdict = check(
      stage.incarnations.map(({ name, history }) => ({
        process: name,
        lines: readHistory(history),
        staleMs: nearOf(slotOf(name))?.maxStaleMs,
      })),
    )
    const excused = verdict.rejections.filter(({ process, from, to }) => nemesis.excuses(slotOf(process), from, to))
    const unexcused = verdict.rejections.filter(rejection => !excused.includes(rejection))
    const dead = new Map(stage.incarnations.map(({ name, killedAt }) => [name, killedAt]))
    const causes = compared.stale.map(entry => ({ entry, cause: causeOf(entry.key, verdict, dead) }))
    const counts = new Map<FaultName, number>()
    for (const { name } of nemesis.injected) counts.set(name, (counts.get(name) ?? 0) + 1)
    const outcome = {
      verdict,
      excused,
      unexcused,
      compared,
      explained: causes.flatMap(({ entry, cause }) =>
        cause === undefined ? [] : [{ redisKey: entry.redisKey, cause }],
      ),
      unexplained: causes.flatMap(({ entry, cause }) => (cause === undefined ? [entry] : [])),
      faults: counts,
      killed: [...dead.values()].filter(at => at !== undefined).length,
      left: ends.map(([one, { left }]) => ({ process: one.name, left })),
      heaps: ends.flatMap(([one, { bytes }]) => {
        const before = early.find(([other]) => other === one)?.[1]
        return before === undefined ? [] : [{ process: one.name, early: before, late: bytes }]
      }),
    }
    return { ...outcome, red: [...redOf(outcome), ...redOfHeaps(outcome.heaps, seconds)] }
  } finally {
    await stage.close()
  }
}

const slotOf = (process: string) => Number(process.split('.')[0])

/** Why an entry may be stale: a dead process owed its `DEL`, and nobody has written the key since. */
function causeOf(
  key: string,
  { loose, acknowledgedAt }: Verdict,
  dead: ReadonlyMap<string, number | undefined>,
): string | undefined {
  const of = (cause: Loose['cause']) =>
    loose.find(
      one =>
        one.key === key &&
        one.cause === cause &&
        dead.get(one.process) !== undefined &&
        (acknowledgedAt.get(key) ?? 0) < (dead.get(one.process) as number),
    )
  const unanswered = of('no answer')
  if (unanswered !== undefined) return `process ${unanswered.process} was killed between COMMIT and DEL`
  const owed = of('in the journal')
  return owed && `its DEL was in the journal of process ${owed.process}, which was killed`
}

/** In a short run the heap is still warming up at a fifth of it. */
const HEAP_GROWTH = { short: 1.6, long: 1.1 }
const LONG_FROM_SECONDS = 300

export function redOfHeaps(heaps: Outcome['heaps'], seconds: number): string[] {
  const most = seconds >= LONG_FROM_SECONDS ? HEAP_GROWTH.long : HEAP_GROWTH.short
  return heaps
    .filter(({ early, late }) => late > most * early)
    .map(({ process, early, late }) => `the heap of process ${process} has grown to ${(late / early).toFixed(2)} times`)
}

function redOf(outcome: Omit<Outcome, 'red'>): string[] {
  const { verdict, unexcused, unexplained, left } = outcome
  const red: string[] = []
  const some = (list: readonly unknown[]) =>
    list
      .slice(0, 5)
      .map(one => `\n    ${JSON.stringify(one)}`)
      .join('')
  if (verdict.wrong.length > 0) red.push(`${verdict.wrong.length} wrong answers:${some(verdict.wrong)}`)
  if (unexcused.length > 0) red.push(`${unexcused.length} rejected queries:${some(unexcused)}`)
  if (unexplained.length > 0) red.push(`${unexplained.length} stale entries without a cause:${some(unexplained)}`)
  for (const { process, left: rest } of left) {
    const { trusted, isBack, pendingInvalidations, queuedCommands, timers } = rest
    const clean = trusted && isBack && pendingInvalidations === 0 && queuedCommands === 0 && timers.length === 0
    if (!clean) red.push(`process ${process} has left ${JSON.stringify(rest)}`)
  }
  return red
}

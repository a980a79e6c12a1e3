/**
 * The first look-up of a read, which the front makes before Prisma knows of the query: what is looked up, and what the answer is
 * if it is there. Where it is not, the query hook goes on from here, so that a miss costs no second look-up.
 */
import type { Context } from '../context.js'
import type { CachedPlan } from '../plan/read.js'
import type { RowsRead } from '../plan/rows.js'
import type { Snapshot } from '../redis/batches.js'
import type { Deadline } from '../redis/deadline.js'
import type { Times } from '../times.js'
import type { Probed } from '../local/probe.js'
import type { Answer } from './read.js'
import { answerOfResult, lookUpResult } from './result.js'
import { answerOfEntry, lookUpSelected } from './row.js'
import type { Entries, LookedUp } from './row-entry.js'
import { answerOfFound, type FoundRow, lookUpEach } from './rows.js'
import { answerOfTree } from './tree.js'
import { lookUpTree, type TreeSnapshot } from './tree-lookup.js'

export interface FirstLook {
  readonly plan: CachedPlan
  /** What `lookUp` of the plan has found. */
  readonly found: unknown
  readonly deadline: Deadline
  /** Undefined while nobody listens. */
  readonly times: Times | undefined
}

/** Looks up what a plan needs, in as few round trips as its keys allow. */
export function lookUp(entries: Entries, plan: CachedPlan, deadline: Deadline): Promise<unknown> {
  if (plan.kind === 'rows') return lookUpEach(entries, plan, deadline)
  if (plan.kind === 'result') return lookUpResult(entries, plan, deadline)
  return plan.tree === undefined
    ? lookUpSelected(entries, plan, deadline)
    : lookUpTree(entries, plan.tree, plan, deadline)
}

/** What follows from what `lookUp` found. A hit is counted. */
export function answerOf({ events }: Context, operation: string, { plan, found, deadline, times }: FirstLook): Answer {
  times?.redis()
  const answer = answerIn(plan, operation, found)
  if (answer.kind !== 'hit') return answer
  const spent = times?.spent(deadline.roundTrips)
  const { name } = plan.model
  if (plan.kind !== 'rows') {
    events.hit({ model: name, operation, key: plan.key }, answer.value === null, spent, deadline.isStale())
    return answer
  }
  const rows = answer.value as readonly unknown[]
  for (const [i, { key }] of plan.rows.entries()) {
    events.hit({ model: name, operation, key }, rows[i] === null, spent, deadline.isStale(key))
  }
  return { kind: 'hit', value: withoutAbsent(rows) }
}

/** The answer as it is in Redis now, uncounted; undefined: no hit. */
export async function lookAgain(
  context: Context,
  plan: CachedPlan,
  operation: string,
): Promise<{ readonly value: unknown } | undefined> {
  const answer = answerIn(plan, operation, await lookUp(context, plan, context.store.deadline()))
  if (answer.kind !== 'hit') return undefined
  return plan.kind === 'rows' ? { value: withoutAbsent(answer.value as readonly unknown[]) } : answer
}

/** A read of this process, as the probe repeats it. */
export function probed(
  context: Context,
  plan: CachedPlan,
  { operation, args }: Pick<Probed, 'operation' | 'args'>,
  query: () => Promise<unknown>,
): Probed {
  const key = plan.kind === 'rows' ? (plan.rows[0]?.key ?? '') : plan.key
  const fromCache = () => lookAgain(context, plan, operation)
  return { model: plan.model, operation, args, key, fromCache, fromDatabase: query }
}

/** The answer as it was found: of several rows, each of them, or null. */
function answerIn(plan: CachedPlan, operation: string, found: unknown): Answer {
  if (plan.kind === 'rows') return eachOf(plan, operation, found as readonly FoundRow[])
  if (plan.kind === 'result') return answerOfResult(plan, operation, found as Snapshot | undefined, WHOLE)
  return plan.tree === undefined
    ? answerOfEntry(plan, operation, found as LookedUp)
    : answerOfTree(plan, plan.tree, operation, found as TreeSnapshot, WHOLE)
}

/** Not a part of the answer, as in a fluent call. */
const WHOLE: readonly string[] = []

/** A list of rows is there only if each of them is. */
function eachOf(plan: RowsRead, operation: string, found: readonly FoundRow[]): Answer {
  const rows: unknown[] = []
  for (const row of found) {
    const answer = answerOfFound(plan, operation, row)
    if (answer.kind !== 'hit') return answer
    rows.push(answer.value)
  }
  return { kind: 'hit', value: rows }
}

function withoutAbsent(rows: readonly unknown[]): unknown[] {
  return rows.filter(row => row !== null)
}

/** Looks that are on their way from the front to the hook, by the object that the query's args are in: it is of the front's making. */
const handedOver = new WeakMap<object, FirstLook>()

export function handOver(args: object, look: FirstLook): void {
  handedOver.set(args, look)
}

/** Queries that have to reach the database, by the object that their args are in. */
const ofProbe = new WeakSet<object>()

/** Has a query of the front reach the database. */
export function handToDatabase(args: object): void {
  ofProbe.add(args)
}

export function isOfProbe(args: unknown): boolean {
  return typeof args === 'object' && args !== null && ofProbe.has(args)
}

/** Queries that load anew what ends by then, by the object that their args are in. */
const ofRefresh = new WeakMap<object, number>()

/** Has a query of the front load anew, through the cache. It answers nothing. */
export function handToRefresh(args: object, until: number): void {
  ofRefresh.set(args, until)
}

/** What was handed over for these args, once: another cache behind this one has to answer the query. Undefined: it is no refresh. */
export function takeRefresh(args: unknown): number | undefined {
  if (typeof args !== 'object' || args === null) return undefined
  const until = ofRefresh.get(args)
  if (until !== undefined) ofRefresh.delete(args)
  return until
}

/** The look that was made for these args, once. */
export function takeLook(args: unknown): FirstLook | undefined {
  if (typeof args !== 'object' || args === null) return undefined
  const look = handedOver.get(args)
  if (look !== undefined) handedOver.delete(args)
  return look
}

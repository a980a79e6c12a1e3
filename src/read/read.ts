/**
 * The read, told once: look up in Redis; on a miss take tokens, query the database, and fill if no write came between.
 * Rows, rows with relations, results and values of `getOrSet` only say what differs (`Reading`). Whatever Redis does, the caller
 * gets an answer of the database or an error of Prisma, never one of ours.
 *
 * `redis/store.ts` explains how tokens, stamps, epochs and holds keep a fill from outliving a write.
 */
import type { Events, WhyMissed } from '../events.js'
import type { Flight, Flights } from '../local/flights.js'
import type { LoadWaits } from '../local/load-waits.js'
import type { Refreshes } from '../local/refreshes.js'
import type { QueryConfig } from '../options.js'
import type { Deadline } from '../redis/deadline.js'
import type { AnyStore } from '../redis/cluster-store.js'
import type { Times } from '../times.js'
import { type Elsewhere, loadElsewhere } from './elsewhere.js'
import { refreshLater } from './refresh.js'

/** What follows from an entry, or from the load of another reader. */
export type Answer =
  | { readonly kind: 'hit'; readonly value: unknown }
  | { readonly kind: 'miss' }
  /** Only the database can answer: an error that is Prisma's to raise, or a filter that the database has to judge. */
  | { readonly kind: 'bypass' }

export const MISS = { kind: 'miss' } as const
export const BYPASS = { kind: 'bypass' } as const

/** What is read. `Found`: what Redis says. `Tokens`: taken before the load. `Loaded`: what the database says. */
export interface Reading<Found, Tokens, Loaded, Shared> {
  readonly model: string
  readonly operation: string
  /** The key in Redis, for events. */
  readonly key: string
  /** Readings with the same key may share a load. */
  readonly flightKey: string
  /** How long the load of another is waited for; undefined: as long as its `Flights` say. */
  readonly longestWaitMs?: number | undefined
  /** Looks up all entries, in as few round trips as their keys allow. */
  lookUp(deadline: Deadline): Promise<Found>
  answer(found: Found): Answer
  /** What was found as if nothing of it were valid, so that it is loaded and filled anew. */
  unseen(found: Found): Found
  /** Why there is no answer, for the event. */
  whyMissed(found: Found, deadline: Deadline): WhyMissed
  /** Takes the tokens under which `fillAndShare` fills. */
  acquire(found: Found, deadline: Deadline, flight: Flight<Shared>): Promise<Tokens> | Tokens
  query(flight: Flight<Shared>): Promise<Loaded>
  /** Of what another process may be loading: its token, if it is at the key, and how to take its place. */
  readonly elsewhere?: Elsewhere<Tokens> | undefined
  /** Fills what was not found; answers what others may share, undefined where it can't be copied. */
  fillAndShare(found: Found, tokens: Tokens, loaded: Loaded, loadMs: number): Shared | undefined
  /** The caller's answer; rejects with Prisma's error where there is no row for `…OrThrow`. */
  answerLoaded(loaded: Loaded): unknown
  answerShared(shared: Shared): Answer
  /** Whether an entry past its TTL may answer in place of a load that has failed with this error. */
  mayAnswerStale(error: unknown): boolean
  /** Answers in place of a load that has failed, or throws its error. */
  recover(error: unknown): Promise<unknown>
  /** The caller's own query, without the cache. */
  callerQuery(): Promise<unknown>
}

/** What a read needs besides: a context, with the flights of its kind. */
interface ReadContext<Shared> {
  readonly store: AnyStore
  readonly events: Events
  readonly flights: Flights<Shared>
  readonly loadWaits: LoadWaits
  readonly refreshes: Refreshes
  readonly query?: QueryConfig | undefined
}

/** What was looked up before, and when. */
export interface Look<Found> {
  readonly found: Found
  /** When the read began, by `Flights.now`. */
  readonly began: number
  readonly deadline: Deadline
  /** Undefined while nobody listens. */
  readonly times: Times | undefined
}

/** @param look - the first look-up, if it was made already */
export async function cacheAside<Found, Tokens, Loaded, Shared>(
  context: ReadContext<Shared>,
  reading: Reading<Found, Tokens, Loaded, Shared>,
  look?: Look<Found>,
): Promise<unknown> {
  const { store, events, flights } = context
  const isFresh = context.query?.fresh === true
  const times = look === undefined ? events.times() : look.times
  const began = look?.began ?? flights.now()
  if (!store.usable) await store.started()
  let deadline = look?.deadline ?? store.deadline()
  let looked = look
  /** The answer of a load that timed out. It is not waited for any more, but taken if it comes before that of the next load. */
  let lateAnswer: Promise<Shared> | undefined

  for (;;) {
    const stored = looked === undefined ? await reading.lookUp(deadline) : looked.found
    const found = isFresh ? reading.unseen(stored) : stored
    looked = undefined
    times?.redis()
    const answer = reading.answer(found)
    if (answer.kind === 'bypass') return bypass(events, reading, times, deadline)
    if (answer.kind === 'hit') {
      refreshLater(context, reading, deadline)
      return hit(events, reading, answer.value, times, deadline)
    }

    const flight = flights.inProgress(reading.flightKey)
    const missed = times && (isFresh ? FRESH : reading.whyMissed(found, deadline))
    if (flight === undefined) return load(context, reading, { found, deadline, times, missed })
    // Of a nested `getOrSet` alone: to wait for it would never end.
    if (flight.waitsForUs) {
      events.miss(reading, missed, times?.spent(deadline.roundTrips))
      return reading.callerQuery()
    }
    const mayJoin = flight.mayJoin(began)
    const before = store.redisTime()
    const outcome = await flight.wait(reading.longestWaitMs, lateAnswer)
    // Redis' time is counted for all reads together. What others used while this one waited for the database does not count here.
    deadline = deadline.laterBy(store.redisTime() - before)
    times?.other()
    if (outcome.kind === 'timeout') {
      if (mayJoin) lateAnswer = lateAnswer === undefined ? flight.found : Promise.race([lateAnswer, flight.found])
      continue
    }
    // It queried the database before this reader began: look up again, then load, or share the next load.
    if (!mayJoin || outcome.kind === 'stored') continue
    // A reader never gets the error of another's load.
    if (outcome.kind === 'failed') return queryOrStale(context, reading, times)
    const theirs = reading.answerShared(outcome.shared)
    if (theirs.kind !== 'hit') return bypass(events, reading, times, deadline)
    events.shared(reading, times?.spent(deadline.roundTrips))
    return theirs.value
  }
}

/** The caller's own query; where the database can't answer it, an entry past its TTL may. */
async function queryOrStale<Found, Tokens, Loaded, Shared>(
  context: ReadContext<Shared>,
  reading: Reading<Found, Tokens, Loaded, Shared>,
  times: Times | undefined,
): Promise<unknown> {
  try {
    return await reading.callerQuery()
  } catch (error) {
    const stale = await staleAnswer(context, reading, error, times)
    if (stale === undefined) throw error
    return stale.value
  }
}

const FRESH = { why: 'fresh' } as const

interface Miss<Found> {
  readonly found: Found
  readonly deadline: Deadline
  readonly times: Times | undefined
  /** Undefined while nobody listens. */
  readonly missed: WhyMissed | undefined
}

/** Tokens are taken before the query. A write that commits after the query deletes them, so that the fill stores nothing. */
async function load<Found, Tokens, Loaded, Shared>(
  context: ReadContext<Shared>,
  reading: Reading<Found, Tokens, Loaded, Shared>,
  { found: looked, deadline, times, missed }: Miss<Found>,
): Promise<unknown> {
  const { events, flights, loadWaits } = context
  const flight = flights.begin(reading.flightKey)
  let found = looked
  let shared: Shared | undefined
  let stored = false
  let loaded: Loaded
  try {
    let tokens: Tokens = await reading.acquire(found, deadline, flight)
    times?.redis()
    flight.close() // readers that begin after the query may not share its answer
    const theirs = await loadElsewhere(context, reading, tokens, flight)
    if (theirs?.answer !== undefined) {
      stored = true
      return hit(events, reading, theirs.answer.value, times, deadline)
    }
    if (theirs !== undefined) ({ found = found, tokens } = theirs)
    const began = performance.now()
    let loadMs: number
    try {
      loaded = await reading.query(flight)
      loadMs = performance.now() - began
      loadWaits.took(reading.model, loadMs)
    } finally {
      times?.database()
      events.miss(reading, missed, times?.spent(deadline.roundTrips))
    }
    shared = reading.fillAndShare(found, tokens, loaded, loadMs)
  } catch (error) {
    const stale = await staleAnswer(context, reading, error, times)
    return stale === undefined ? reading.recover(error) : stale.value
  } finally {
    loadWaits.over(reading.key)
    flight.end(shared, stored)
  }
  return reading.answerLoaded(loaded)
}

function hit(
  events: Events,
  reading: Pick<Reading<unknown, unknown, unknown, unknown>, 'model' | 'operation' | 'key'>,
  value: unknown,
  times: Times | undefined,
  deadline: Deadline,
): unknown {
  events.hit(reading, value === null, times?.spent(deadline.roundTrips), deadline.isStale())
  return value
}

/** The answer of an entry past its TTL, where the database can't answer and the model permits that (`staleIfError`). */
async function staleAnswer<Found, Tokens, Loaded, Shared>(
  { store, events }: ReadContext<Shared>,
  reading: Reading<Found, Tokens, Loaded, Shared>,
  error: unknown,
  times: Times | undefined,
): Promise<{ readonly value: unknown } | undefined> {
  if (!reading.mayAnswerStale(error)) return undefined
  // Looked up again, because a write may have invalidated it while the database was waited for.
  const deadline = lenientDeadline(store)
  const answer = reading.answer(await reading.lookUp(deadline))
  if (answer.kind !== 'hit') return undefined
  times?.redis()
  events.staleIfError(reading, error, times?.spent(deadline.roundTrips))
  return answer
}

/** Of a look-up that takes entries as old as `staleIfError` permits. */
export function lenientDeadline(store: Pick<AnyStore, 'deadline'>): Deadline {
  const deadline = store.deadline()
  deadline.isLenient = true
  return deadline
}

function bypass<Found, Tokens, Loaded, Shared>(
  events: Events,
  reading: Reading<Found, Tokens, Loaded, Shared>,
  times: Times | undefined,
  { roundTrips }: Deadline,
): Promise<unknown> {
  return events.bypass(reading, CANT_ANSWER, () => reading.callerQuery(), times, roundTrips)
}

const CANT_ANSWER = 'the entry can not answer this query'

/**
 * The story of every read. Look into Redis; on a miss take tokens, ask the database, and store what it said if no write came
 * between. Whatever Redis does, the caller gets an answer of the database or an error of Prisma, never one of ours.
 */
import type { Events } from '../events.js'
import type { Store } from '../redis/store.js'
import { type Flight, type Flights, STUCK } from '../local/flights.js'

/** Only the database can answer. */
export const ASK = Symbol('ask the database')

/** What is read: a row, a result, a value of the caller's. */
export interface Reading<Looked, Shared> {
  readonly model: string
  readonly operation: string
  /** The key in Redis, for events. */
  readonly key: string
  /** Readings under one name may share a load. */
  readonly flight: string
  /** How long the load of another is waited for, if it is not as long as its `Flights` say. */
  readonly longestWaitMs?: number | undefined
  /** What Redis says, in as few round trips as the keys allow. */
  look(deadline: number): Promise<Looked>
  /** The answer that follows from it; undefined: none. */
  answerOf(looked: Looked): unknown
  /** Takes tokens, says that the database is `asked`, asks it, stores the answer and shares it. */
  load(looked: Looked, deadline: number, flight: Flight<Shared>): Promise<unknown>
  /** The answer that follows from another's load. */
  answerFrom(shared: Shared): unknown
  /** The caller's own query, without the cache. */
  ask(): Promise<unknown>
}

export async function cacheAside<Looked, Shared>(
  { store, events }: { readonly store: Store; readonly events: Events },
  flights: Flights<Shared>,
  reading: Reading<Looked, Shared>,
): Promise<unknown> {
  const { model, operation, key } = reading
  const began = flights.now()
  if (!store.usable) await store.started()
  let deadline = store.deadline()
  /** What a load says that took too long, and that we may share: it may still be sooner than its successor. */
  let sooner: Promise<Shared> | undefined

  for (;;) {
    const looked = await reading.look(deadline)
    const answer = reading.answerOf(looked)
    if (answer === ASK) return askInstead(events, reading)
    if (answer !== undefined) {
      events.hit(model, operation, answer === null, key)
      return answer
    }

    const flight = flights.inProgress(reading.flight)
    if (flight === undefined) {
      events.miss(model, operation, key)
      return reading.load(looked, deadline, flights.begin(reading.flight))
    }
    if (flight.waitsForUs) {
      events.miss(model, operation, key)
      return reading.ask()
    }
    const mayShare = flight.mayJoin(began)
    const waiting = store.now()
    const shared = await flight.wait(reading.longestWaitMs, sooner)
    deadline += store.now() - waiting // the database's time, not that of Redis
    if (shared === STUCK) {
      if (mayShare) sooner = sooner === undefined ? flight.answered : Promise.race([sooner, flight.answered])
      continue
    }
    if (!mayShare) continue // It asked the database before we came: look again, then load, or join the next load.
    if (shared === undefined) return reading.ask() // It failed, or can't be copied. Nobody gets another's error.
    const theirs = reading.answerFrom(shared)
    if (theirs === ASK || theirs === undefined) return askInstead(events, reading)
    events.shared(model, operation, key)
    return theirs
  }
}

function askInstead<Looked, Shared>(events: Events, reading: Reading<Looked, Shared>): Promise<unknown> {
  events.bypass(reading.model, reading.operation, 'only the database can answer')
  return reading.ask()
}

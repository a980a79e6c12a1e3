/** A result as it is read: a list, a first match, a number; as a whole, valid only while all that it depends on is unchanged. */
import type { Context } from '../context.js'
import type { FillOutcome, WhyMissed } from '../events.js'
import type { Flight, SharedRow } from '../local/flights.js'
import { type ResultRead, throwsWhenAbsent } from '../plan/read.js'
import { fluentPath, type Operation, queryWhole } from '../prisma7/operation.js'
import type { Snapshot } from '../redis/batches.js'
import type { Deadline } from '../redis/deadline.js'
import type { Ticket } from '../redis/ticket.js'
import { combinedStamp, hasStamp, Kind, newToken, PAYLOAD_AT, seal, verifiedKind } from '../wire/envelope.js'
import { graceMsOf, jittered } from '../plan/lives.js'
import { aged, mayAnswerStale } from './age.js'
import { callerQuery } from './row-load.js'
import { type Answer, BYPASS, MISS, type Reading } from './read.js'
import type { Entries } from './row-entry.js'
import { whyMissed } from './why-missed.js'

export class ResultReading implements Reading<Snapshot | undefined, Ticket | undefined, unknown, SharedRow> {
  readonly model: string
  readonly operation: string
  readonly key: string
  readonly flightKey: string
  readonly #context: Context
  readonly #plan: ResultRead
  readonly #operation: Operation

  constructor(context: Context, operation: Operation, plan: ResultRead) {
    this.model = plan.model.name
    this.operation = operation.operation
    this.key = this.flightKey = plan.key
    this.#context = context
    this.#plan = plan
    this.#operation = operation
  }

  lookUp(deadline: Deadline): Promise<Snapshot | undefined> {
    return lookUpResult(this.#context, this.#plan, deadline)
  }

  answer(snapshot: Snapshot | undefined): Answer {
    return answerOfResult(this.#plan, this.operation, snapshot, fluentPath(this.#operation))
  }

  unseen(snapshot: Snapshot | undefined): Snapshot | undefined {
    return snapshot && { ...snapshot, entry: null }
  }

  whyMissed(snapshot: Snapshot | undefined, deadline: Deadline): WhyMissed {
    const { cached, dependsOn } = this.#plan
    return whyMissed(snapshot, deadline, cached.codec.fingerprint, dependsOn.epochs)
  }

  acquire(snapshot: Snapshot | undefined, deadline: Deadline, flight: Flight<SharedRow>) {
    return (
      snapshot && this.#context.store.acquire(undefined, this.#plan.dependsOn, snapshot, deadline, flight, this.key)
    )
  }

  /** The caller's own query, with the whole result of a fluent call. */
  query(): Promise<unknown> {
    if (this.operation.startsWith('findUnique')) this.#context.batches.join(this.model)
    return queryWhole(this.#operation, this.#operation.args, this.#context)
  }

  fillAndShare(
    _: Snapshot | undefined,
    ticket: Ticket | undefined,
    result: unknown,
    loadMs: number,
  ): SharedRow | undefined {
    const payload = this.#plan.codec.encode(result)
    if (ticket !== undefined) {
      const { events, store } = this.#context
      const outcome = this.#fill(ticket, payload, result === null, loadMs)
      events.fill(this.model, outcome, this.key, payload, store)
    }
    return payload
  }

  answerLoaded(result: unknown): unknown {
    return partOf(fluentPath(this.#operation), result)
  }

  answerShared(shared: SharedRow): Answer {
    const decoded = shared === 'absent' ? undefined : this.#plan.codec.decode(shared, 0)
    return decoded === undefined ? BYPASS : answerOf(decoded.result, this.operation, fluentPath(this.#operation))
  }

  mayAnswerStale(error: unknown): boolean {
    return mayAnswerStale(this.#context, this.#plan.models, error)
  }

  recover(error: unknown): Promise<unknown> {
    throw error
  }

  callerQuery(): Promise<unknown> {
    return callerQuery(this.#context, this.#operation)
  }

  #fill({ epochs }: Ticket, payload: Buffer | undefined, isNull: boolean, loadMs: number): FillOutcome {
    const { cached, dependsOn, isNullUnproven } = this.#plan
    const { policy, codec } = cached
    const ttlMs = this.#context.query?.ttlMs ?? this.#plan.ttlMs
    if (isNull && isNullUnproven === true) return 'unproven'
    if (payload === undefined) return 'inexact'
    if (PAYLOAD_AT + payload.length > policy.maxBytes) return 'too-large'
    const storedMs = isNull ? Math.min(policy.negativeTtlMs, ttlMs) : ttlMs
    if (storedMs === 0) return 'off'
    const stamp = combinedStamp(epochs)
    if (stamp === undefined) return 'inexact'
    // Its stamp proves it: whatever it replaces, it is valid only under the epochs from before the load.
    const entry = seal(Kind.result, payload, newToken(), stamp, codec.fingerprint)
    const jitteredMs = jittered(storedMs, policy.jitter)
    const graceMs = isNull ? 0 : graceMsOf(policy)
    this.#context.store.fill(this.key, entry, { dependsOn, ttlMs: jitteredMs, loadMs, graceMs, guard: 'none' })
    return 'sent'
  }
}

export function lookUpResult(
  entries: Pick<Entries, 'store' | 'random'>,
  { key, dependsOn, cached }: ResultRead,
  deadline: Deadline,
): Promise<Snapshot | undefined> {
  return entries.store.lookUp(
    key,
    dependsOn,
    deadline,
    stored => stored && aged(entries, key, stored, cached.policy, deadline),
  )
}

/**
 * What follows from what `lookUpResult` found.
 *
 * @param path - of a fluent call: the part of the result that it answers
 */
export function answerOfResult(
  { cached, codec }: ResultRead,
  operation: string,
  snapshot: Snapshot | undefined,
  path: readonly string[],
): Answer {
  if (snapshot === undefined || snapshot.entry === null || snapshot.held) return MISS
  const { entry, epochs } = snapshot
  if (verifiedKind(entry, cached.codec.fingerprint) !== Kind.result) return MISS
  const stamp = combinedStamp(epochs)
  if (stamp === undefined || !hasStamp(entry, stamp)) return MISS
  const decoded = codec.decode(entry, PAYLOAD_AT)
  return decoded === undefined ? MISS : answerOf(decoded.result, operation, path)
}

function answerOf(result: unknown, operation: string, path: readonly string[]): Answer {
  if (result === null && throwsWhenAbsent(operation)) return BYPASS
  return { kind: 'hit', value: partOf(path, result) }
}

/** The part of a result that a fluent call selects: null where a row on the way is missing. */
export function partOf(path: readonly string[], result: unknown): unknown {
  let part = result
  for (const name of path) part = (part as Record<string, unknown> | null)?.[name] ?? null
  return part
}

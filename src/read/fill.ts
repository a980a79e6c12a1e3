/** What is kept of a loaded row, and under which guard. */
import type { Row } from '../wire/rows.js'
import { Kind, newToken, NOTHING, PAYLOAD_AT, seal, textPayload, type Token } from '../wire/envelope.js'
import type { FillOutcome } from '../events.js'
import { EVERY_WRITE, UNNAMED_WRITES } from '../wire/keys.js'
import type { Lookup } from '../plan/read.js'
import type { Store, Ticket } from '../redis/store.js'

export interface Loaded {
  readonly row: Row | null
  /** The row's bytes; undefined when it can't be given back exactly. */
  readonly payload: Buffer | undefined
  /** Whether it was loaded in a batch with others: Prisma then answers null for a row that is spelled differently. */
  readonly alone: boolean
}

/**
 * Sends what was loaded; nobody waits for it.
 *
 * @param rowKey - the row's key as far as it was known before the load: the ticket's entry token is of that key
 */
export function fillRow(
  store: Store,
  lookup: Lookup,
  ticket: Ticket,
  rowKey: string | undefined,
  { row, payload, alone }: Loaded,
): FillOutcome {
  const { by, cached, identity, key } = lookup
  const { keys } = lookup.model
  const { policy, codec } = cached
  const any = ticket.epochs[EVERY_WRITE] as Token
  const sealed = (kind: number, bytes: Buffer, token: Token, stamp: Token) =>
    seal(kind, bytes, token, stamp, codec.fingerprint)

  if (row === null) {
    if (policy.negativeTtlMs === 0) return 'off'
    if (by.equality === 'text' && !alone) return 'unproven'
    const negativeTtlMs = jittered(policy.negativeTtlMs, policy.jitter)
    // At a row's key others may be loading; at a pointer's key it is enough that the entry proves itself.
    const token = by === identity ? (ticket.entry as Token) : newToken()
    store.fill(key, sealed(Kind.absent, NOTHING, token, any), keys, negativeTtlMs, by === identity ? token : 'none')
    return 'sent'
  }

  if (payload === undefined) return 'inexact'
  if (PAYLOAD_AT + payload.length > policy.maxBytes) {
    store.rememberTooLarge(key)
    return 'too-large'
  }
  // A row proves itself: it is kept only under its own id, and found only by its own values, as the database spells them.
  const id = identity.idOf(row)
  if (id === undefined || by.idOf(row) !== lookup.id) return 'other-id'

  const ttlMs = jittered(policy.ttlMs, policy.jitter)
  const ownKey = keys.row(id)
  if (ownKey === rowKey && ticket.entry !== undefined) {
    store.fill(
      ownKey,
      sealed(Kind.row, payload, ticket.entry, ticket.epochs[UNNAMED_WRITES] as Token),
      keys,
      ttlMs,
      ticket.entry,
    )
  } else {
    // Its token could not be taken before the load: valid until the next write to the model. What is there already stays.
    store.fill(ownKey, sealed(Kind.rowUnderAny, payload, newToken(), any), keys, ttlMs, 'if-absent')
  }
  if (by === identity) return 'sent'
  store.ledTo.set(key, id)
  store.fill(key, sealed(Kind.pointer, textPayload(id), newToken(), any), keys, ttlMs, 'none')
  return 'sent'
}

/** Entries that were filled together do not expire together; none lives longer than its TTL. */
export function jittered(ttlMs: number, jitter: number): number {
  return Math.max(1, ttlMs * (1 - Math.random() * jitter))
}

/** The entries of one row: how they are looked up, by the row's key or through a pointer, and how they are filled. */
import type { FillOutcome } from '../events.js'
import type { Guesses } from '../local/guesses.js'
import type { QueryConfig } from '../options.js'
import type { Cached } from '../plan/catalog.js'
import type { Lookup, RowsRead } from '../plan/rows.js'
import type { Snapshot } from '../redis/batches.js'
import type { Deadline } from '../redis/deadline.js'
import type { AnyStore } from '../redis/cluster-store.js'
import { epochsAt, type Ticket } from '../redis/ticket.js'
import {
  hasStamp,
  Kind,
  newToken,
  NOTHING,
  PAYLOAD_AT,
  seal,
  textOf,
  textPayload,
  type Token,
  verifiedKind,
} from '../wire/envelope.js'
import { graceMsOf, jittered } from '../plan/lives.js'
import { aged } from './age.js'
import { EVERY_WRITE, UNNAMED_WRITES } from '../wire/keys.js'
import type { Row } from '../wire/rows.js'

/**
 * What Redis said about a row. A class, because it holds rows: where the objects of a literal outlive a collection of young ones,
 * V8 makes the next ones old (allocation-site pretenuring), with all that they hold. A hit with 50 related rows then cost two to
 * three times as much, for the life of the process.
 */
export class LookedUp {
  /** The row, or that there is none; undefined: no valid entry. */
  readonly found: Row | 'absent' | undefined
  /** What is stored at the row's key; undefined: Redis is out of reach. */
  readonly snapshot: Snapshot | undefined
  /** The row's key, as far as it is known before a load. */
  readonly rowKey: string | undefined
  /** What is stored at the key of a pointer that leads nowhere. */
  readonly pointer: Snapshot | undefined
  /** The key that was looked up last. */
  readonly at: string | undefined

  constructor(
    found: LookedUp['found'],
    snapshot: Snapshot | undefined,
    rowKey: string | undefined,
    at = rowKey,
    pointer?: Snapshot,
  ) {
    this.found = found
    this.snapshot = snapshot
    this.rowKey = rowKey
    this.at = at
    this.pointer = pointer
  }
}

/** Where entries are looked up and filled. */
export interface Entries {
  readonly store: Pick<AnyStore, 'lookUp' | 'lookUpAll' | 'fill' | 'redisNow'>
  /** From 0 to 1. */
  readonly random: () => number
  readonly guesses: Guesses
  /** What `$cached` says of the query. */
  readonly query?: Pick<QueryConfig, 'ttlMs'> | undefined
}

const OUT_OF_REACH = new LookedUp(undefined, undefined, undefined)

// ---- look up

/**
 * One round trip by primary key, and by another unique that led this process to a row before; otherwise two.
 *
 * @param fieldIndexes - of the fields that are needed; undefined for all
 * @param atRow - called as soon as the row's key is known, in the tick in which the row is looked up
 */
export function lookUpRow(
  entries: Entries,
  lookup: Lookup,
  deadline: Deadline,
  fieldIndexes?: readonly number[],
  atRow?: (rowKey: string) => void,
): Promise<LookedUp> {
  const { store, guesses } = entries
  const { model, cached, by, identity, id, key } = lookup
  const lookUpById = (rowId: string): Promise<LookedUp> => {
    const rowKey = by === identity ? key : model.keys.row(rowId)
    atRow?.(rowKey)
    const read = (stored: Snapshot | undefined) => {
      if (stored === undefined) return OUT_OF_REACH
      const snapshot = aged(entries, rowKey, stored, cached.policy, deadline)
      const found = rowIn(cached, snapshot, fieldIndexes)
      if (by === identity) return new LookedUp(found, snapshot, rowKey)
      // The id came from a pointer or a guess: the row counts only if it has exactly the value in the query.
      const proven = found !== undefined && found !== 'absent' && isPinnedBy(lookup, found)
      if (!proven) guesses.target.delete(key)
      else if (guessed !== rowId) guesses.target.set(key, rowId)
      return new LookedUp(proven ? found : undefined, snapshot, rowKey)
    }
    return store.lookUp(rowKey, model.keys, deadline, read, { mayTakeToken: true })
  }
  const guessed = by === identity ? undefined : guesses.target.get(key)
  const rowId = by === identity ? id : guessed
  return rowId === undefined ? lookUpByPointer(entries, lookup, deadline, lookUpById) : lookUpById(rowId)
}

/** Whether a row has the pinned values. Those that are the very same need not be encoded to be compared. */
function isPinnedBy({ by, id, values }: Lookup, row: Row): boolean {
  const isSame = values !== undefined && by.names.every(name => row[name] === values[name])
  return isSame || by.idOf(row) === id
}

/** Many rows by primary key, in one round trip. */
export function lookUpRows(
  entries: Pick<Entries, 'store' | 'random'>,
  { model, cached, rows }: RowsRead,
  deadline: Deadline,
  fieldIndexes?: readonly number[],
): Promise<LookedUp[]> {
  const keys = rows.map(({ key }) => key)
  return entries.store.lookUpAll(keys, model.keys, deadline, (stored, i) => {
    if (stored === undefined) return OUT_OF_REACH
    const snapshot = aged(entries, keys[i] as string, stored, cached.policy, deadline)
    return new LookedUp(rowIn(cached, snapshot, fieldIndexes), snapshot, keys[i])
  })
}

async function lookUpByPointer(
  entries: Entries,
  lookup: Lookup,
  deadline: Deadline,
  lookUpById: (rowId: string) => Promise<LookedUp>,
): Promise<LookedUp> {
  const { model, cached, key } = lookup
  const stored = await entries.store.lookUp(key, model.keys, deadline, seen => seen)
  if (stored === undefined) return OUT_OF_REACH
  const snapshot = aged(entries, key, stored, cached.policy, deadline)
  const pointed = pointerIn(lookup, snapshot)
  if (pointed === 'absent') return new LookedUp(pointed, snapshot, undefined, key)
  if (pointed === undefined) return new LookedUp(undefined, { ...snapshot, entry: null }, undefined, key, snapshot)
  return lookUpById(pointed)
}

function rowIn(
  { codec }: Cached,
  { entry, epochs, held }: Snapshot,
  fieldIndexes?: readonly number[],
): Row | 'absent' | undefined {
  if (entry === null || held) return undefined
  const kind = verifiedKind(entry, codec.fingerprint)
  if (kind === undefined) return undefined
  const epoch = kind === Kind.row ? epochs[UNNAMED_WRITES] : epochs[EVERY_WRITE]
  if (epoch === null || epoch === undefined || !hasStamp(entry, epoch)) return undefined
  if (kind === Kind.absent) return 'absent'
  if (kind !== Kind.row && kind !== Kind.rowUnderAny) return undefined
  return codec.decode(entry, PAYLOAD_AT, fieldIndexes)
}

function pointerIn({ cached }: Lookup, { entry, epochs, held }: Snapshot): string | undefined {
  if (entry === null || held) return undefined
  const kind = verifiedKind(entry, cached.codec.fingerprint)
  if (kind === Kind.pointer) return textOf(entry)
  const everyWrite = epochs[EVERY_WRITE]
  const isAbsent =
    kind === Kind.absent && everyWrite !== null && everyWrite !== undefined && hasStamp(entry, everyWrite)
  return isAbsent ? 'absent' : undefined
}

/** What was found as if the entry were not valid. The token of the entry that is there still counts. */
export function unseenRow({ found, snapshot, rowKey, at }: LookedUp): LookedUp {
  if (found === 'absent' && rowKey === undefined) {
    return new LookedUp(undefined, snapshot && { ...snapshot, entry: null }, rowKey, at)
  }
  return new LookedUp(undefined, snapshot, rowKey, at)
}

// ---- fill

export interface LoadedRow {
  readonly row: Row | null
  /** The row's bytes; undefined when it can't be given back exactly. */
  readonly payload: Buffer | undefined
  /** Whether it was loaded in a statement of its own: in a batch, Prisma answers null for a row that is spelled differently. */
  readonly unbatched: boolean
  readonly loadMs: number
}

/**
 * Sends what was loaded; the fill is not awaited.
 *
 * @param rowKey - the row's key as far as it was known before the load: the ticket's entry token is of that key
 */
export function fillRow(
  { store, guesses, query }: Entries,
  lookup: Lookup,
  ticket: Ticket,
  rowKey: string | undefined,
  { row, payload, unbatched, loadMs }: LoadedRow,
): FillOutcome {
  const { by, cached, identity, key } = lookup
  const { keys } = lookup.model
  const { policy, codec } = cached
  const sealed = (kind: number, bytes: Buffer, token: Token, stamp: Token) =>
    seal(kind, bytes, token, stamp, codec.fingerprint)

  if (row === null) {
    if (policy.negativeTtlMs === 0) return 'off'
    if (by.equality === 'text' && !unbatched) return 'unproven'
    const ttlMs = jittered(Math.min(policy.negativeTtlMs, query?.ttlMs ?? policy.negativeTtlMs), policy.jitter)
    // At a row's key others may be loading. An entry at a pointer's key is checked when it is read, so it needs no token there.
    const token = by === identity ? (ticket.entry as Token) : newToken()
    const guard = by === identity ? token : 'none'
    const epochs = epochsAt(ticket, key, keys.epochs)
    if (epochs === undefined) return 'unproven'
    const absent = sealed(Kind.absent, NOTHING, token, epochs[EVERY_WRITE] as Token)
    store.fill(key, absent, { dependsOn: keys, ttlMs, loadMs, guard })
    return 'sent'
  }

  if (payload === undefined) return 'inexact'
  if (PAYLOAD_AT + payload.length > policy.maxBytes) {
    guesses.rememberTooLarge(key)
    return 'too-large'
  }
  // A row proves itself: it is stored only under its own id, and found only by its own values, as the database spells them.
  const id = identity.idOf(row)
  if (id === undefined || by.idOf(row) !== lookup.id) return 'other-id'

  const ttlMs = jittered(query?.ttlMs ?? policy.ttlMs, policy.jitter)
  const graceMs = graceMsOf(policy)
  const ownKey = keys.row(id)
  if (ownKey === rowKey && ticket.entry !== undefined) {
    const entry = sealed(Kind.row, payload, ticket.entry, ticket.epochs[UNNAMED_WRITES] as Token)
    store.fill(ownKey, entry, { dependsOn: keys, ttlMs, loadMs, graceMs, guard: ticket.entry })
  } else {
    // Its token could not be taken before the load: valid until the next write to the model. An entry that is there stays.
    const epochs = epochsAt(ticket, ownKey, keys.epochs)
    const entry = epochs && sealed(Kind.rowUnderAny, payload, newToken(), epochs[EVERY_WRITE] as Token)
    if (entry !== undefined) store.fill(ownKey, entry, { dependsOn: keys, ttlMs, loadMs, graceMs, guard: 'if-absent' })
  }
  if (by === identity) return 'sent'
  guesses.target.set(key, id)
  // It has no stamp: the row that it leads to has to have the value.
  const pointer = sealed(Kind.pointer, textPayload(id), newToken(), ticket.epochs[EVERY_WRITE] ?? newToken())
  store.fill(key, pointer, { dependsOn: keys, ttlMs, loadMs, graceMs, guard: 'none' })
  return 'sent'
}

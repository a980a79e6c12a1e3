/** Takes tokens for the entries of a tree that were not found, and fills them with what one load of all of it has found. */
import type { Context } from '../context.js'
import type { FillOutcome } from '../events.js'
import type { Flight, SharedRow } from '../local/flights.js'
import type { Lookup } from '../plan/rows.js'
import { type RelatedEntry, relatedKeysAt, type RowNode } from '../plan/tree.js'
import type { Snapshot } from '../redis/batches.js'
import type { Deadline } from '../redis/deadline.js'
import type { AnyStore } from '../redis/cluster-store.js'
import { epochsAt, type Ticket } from '../redis/ticket.js'
import { combinedStamp, Kind, newToken, PAYLOAD_AT, seal } from '../wire/envelope.js'
import type { Dependencies } from '../wire/keys.js'
import type { Row } from '../wire/rows.js'
import { graceMsOf, jittered } from '../plan/lives.js'
import { fillRow } from './row-entry.js'
import { lookupOf, rememberTarget, type TreeSnapshot } from './tree-lookup.js'

/** Tokens, all taken before the load. */
export type Tickets = ReadonlyMap<RowNode | RelatedEntry, Ticket>

const NOT_LOOKED_UP: Snapshot = { entry: null, epochs: [], held: false }

export async function acquireTree(
  store: AnyStore,
  tree: RowNode,
  { rows, related }: TreeSnapshot,
  deadline: Deadline,
  flight: Flight<SharedRow>,
): Promise<Tickets> {
  const tickets = new Map<RowNode | RelatedEntry, Ticket>()
  const waiting: Promise<void>[] = []
  const acquire = async (
    of: RowNode | RelatedEntry,
    key: string | undefined,
    dependsOn: Dependencies,
    found: Snapshot,
    near = key,
  ) => {
    const snapshot = found === NOT_LOOKED_UP ? { ...found, epochs: dependsOn.epochs.map(() => null) } : found
    const ticket = await store.acquire(key, dependsOn, snapshot, deadline, flight, near)
    if (ticket !== undefined) tickets.set(of, ticket)
  }
  // While the row above is not known, what was found is that of a guess, and the load may find something else.
  const visit = (node: RowNode, isGuess: boolean) => {
    const row = rows.get(node)
    if (row === undefined) waiting.push(acquire(node, undefined, node.model.keys, NOT_LOOKED_UP))
    else if (row.snapshot !== undefined && (row.found === undefined || isGuess)) {
      // This row may be the wrong guess: a token at its key would make other loads of it fail to fill.
      const key = isGuess && row.snapshot.entry === null ? undefined : row.rowKey
      waiting.push(acquire(node, key, node.model.keys, row.snapshot, row.at))
    }
    const isNextGuess = isGuess || row?.found === undefined
    for (const entry of node.relatedEntries) {
      const found = related.get(entry)
      if (found === undefined) {
        waiting.push(acquire(entry, undefined, relatedKeysAt(entry, '', undefined).dependsOn, NOT_LOOKED_UP))
      } else if (found.snapshot !== undefined && (found.found === undefined || isNextGuess)) {
        waiting.push(acquire(entry, undefined, found.keys.dependsOn, found.snapshot, found.keys.key))
      }
    }
    for (const { node: next } of node.toOne) visit(next, isNextGuess)
  }
  visit(tree, false)
  await Promise.all(waiting)
  return tickets
}

export class TreeFill {
  readonly #context: Context
  readonly #snapshot: TreeSnapshot
  readonly #tickets: Tickets
  readonly #loadMs: number

  constructor(context: Context, snapshot: TreeSnapshot, tickets: Tickets, loadMs: number) {
    this.#context = context
    this.#snapshot = snapshot
    this.#tickets = tickets
    this.#loadMs = loadMs
  }

  /** @param row - as loaded, with its related rows */
  row(node: RowNode, lookup: Lookup, row: Row | null, unbatched: boolean): void {
    const ticket = this.#tickets.get(node)
    const lookedUp = this.#snapshot.rows.get(node)
    const id = row === null ? undefined : node.identity.idOf(row)
    const rowKey = id === undefined ? undefined : node.model.keys.row(id)
    const isCached = typeof lookedUp?.found === 'object' && lookedUp.rowKey === rowKey
    const hasGuard = row !== null || lookup.by !== node.identity || ticket?.entry !== undefined
    if (ticket !== undefined && hasGuard && !isCached) {
      const payload = row === null ? undefined : node.cached.codec.encode(row)
      const outcome = fillRow(this.#context, lookup, ticket, lookedUp?.rowKey, {
        row,
        payload,
        unbatched,
        loadMs: this.#loadMs,
      })
      this.#filled(node, outcome, lookup.key, payload)
    }
    if (row === null || rowKey === undefined) return
    for (const related of node.relatedEntries) this.#related(node, related, rowKey, row[related.name])
    for (const one of node.toOne) {
      const oneId = one.idOf(row)
      if (!one.byId) rememberTarget(this.#context, rowKey, one, oneId)
      if (oneId === null || oneId === undefined) continue
      const relatedRow = row[one.name] as Row | null
      if (relatedRow === null && !one.mayBeMissing) continue
      this.row(one.node, lookupOf(one, oneId), relatedRow, false)
    }
  }

  #related(node: RowNode, related: RelatedEntry, rowKey: string, value: unknown): void {
    const ticket = this.#tickets.get(related)
    if (ticket === undefined) return
    const untagged = relatedKeysAt(related, rowKey, undefined)
    const { key } = untagged
    const { keys: lookedUp, found } = this.#snapshot.related.get(related) ?? {}
    const isSameRow = lookedUp?.key === key
    if (found !== undefined && isSameRow) return
    // If a pointer was stale, the tags that were looked up belong to another row: then only the every-write epochs count.
    const tagged = isSameRow ? lookedUp.tagged : 0
    const { everyWriteEpochs } = related
    const epochs =
      tagged > 0
        ? ticket.epochs.slice(0, tagged)
        : epochsAt(ticket, key, everyWriteEpochs, ticket.epochs.slice(-everyWriteEpochs.length))
    const stamp = epochs && combinedStamp(epochs)
    const payload = related.codec.encode(value)
    const { policy, codec } = related.cached
    if (payload === undefined || stamp === undefined) return this.#filled(node, 'inexact', key, payload)
    if (PAYLOAD_AT + payload.length > policy.maxBytes) return this.#filled(node, 'too-large', key, payload)
    const kind = tagged > 0 ? Kind.related : Kind.relatedUnderAny
    const entry = seal(kind, payload, newToken(), stamp, codec.fingerprint)
    const { dependsOn } = tagged > 0 && lookedUp !== undefined ? lookedUp : untagged
    // Its stamp proves it: whatever it replaces, it is valid only under the epochs from before the load.
    const ttlMs = jittered(this.#context.query?.ttlMs ?? related.ttlMs, policy.jitter)
    this.#context.store.fill(key, entry, {
      dependsOn,
      ttlMs,
      loadMs: this.#loadMs,
      graceMs: graceMsOf(policy),
      guard: 'none',
    })
    this.#filled(node, 'sent', key, payload)
  }

  #filled({ model }: RowNode, outcome: FillOutcome, key: string, payload: Buffer | undefined): void {
    const { events, store } = this.#context
    events.fill(model.name, outcome, key, payload, store)
  }
}

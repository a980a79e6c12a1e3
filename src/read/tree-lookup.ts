/**
 * Looks up the entries of a row with its related rows, one round trip per level. What follows from ids that are known goes out
 * in the same trip, and so does what follows from where a relation led before: a guess, which the row has to confirm.
 */
import { keyOf } from '../plan/identities.js'
import type { Lookup } from '../plan/rows.js'
import { type RelatedEntry, type RelatedKeys, relatedKeysAt, type RowNode, tagIdsOf, type ToOne } from '../plan/tree.js'
import type { Snapshot } from '../redis/batches.js'
import type { Deadline } from '../redis/deadline.js'
import { combinedStamp, hasStamp, Kind, PAYLOAD_AT, verifiedKind } from '../wire/envelope.js'
import { relationKey } from '../wire/keys.js'
import { setMember } from '../wire/row-maker.js'
import type { Row } from '../wire/rows.js'
import { aged } from './age.js'
import { type Entries, type LookedUp, lookUpRow, unseenRow } from './row-entry.js'

/** What Redis said about the entries of a tree, as far as their keys were known. */
export class TreeSnapshot {
  readonly rows = new Map<RowNode, LookedUp>()
  readonly related = new Map<RelatedEntry, RelatedFound>()
  /** The row with all its fields and its related rows; undefined: something is missing. */
  found: Row | 'absent' | undefined
}

/** A class for the reason of `LookedUp`. */
export class RelatedFound {
  readonly keys: RelatedKeys
  readonly snapshot: Snapshot | undefined
  /** Undefined: no valid entry. */
  readonly found: { readonly result: unknown } | undefined

  constructor(keys: RelatedKeys, snapshot: Snapshot | undefined, found: RelatedFound['found']) {
    this.keys = keys
    this.snapshot = snapshot
    this.found = found
  }
}

/** What was found as if no entry were valid. */
export function unseenTree({ rows, related }: TreeSnapshot): TreeSnapshot {
  const unseen = new TreeSnapshot()
  for (const [node, row] of rows) unseen.rows.set(node, unseenRow(row))
  for (const [entry, { keys, snapshot }] of related) {
    unseen.related.set(entry, new RelatedFound(keys, snapshot, undefined))
  }
  return unseen
}

export async function lookUpTree(
  entries: Entries,
  tree: RowNode,
  lookup: Lookup,
  deadline: Deadline,
): Promise<TreeSnapshot> {
  const walk = new TreeLookup(entries, deadline)
  walk.snapshot.found = await walk.row(tree, lookup)
  return walk.snapshot
}

class TreeLookup {
  readonly snapshot = new TreeSnapshot()
  readonly #entries: Entries
  readonly #deadline: Deadline

  constructor(entries: Entries, deadline: Deadline) {
    this.#entries = entries
    this.#deadline = deadline
  }

  /** The row with its related rows; undefined when something is missing. */
  async row(node: RowNode, lookup: Lookup): Promise<Row | 'absent' | undefined> {
    const { toOne, relatedEntries } = node
    const below = new Map<string, Promise<unknown>>()
    const guessed = new Map<ToOne, string>()
    const atRow = (rowKey: string) => {
      const id = node.model.keys.idIn(rowKey)
      for (const related of relatedEntries) {
        if (!related.byId) continue
        const tagIds = related.lists.map(() => id)
        below.set(related.name, this.#related(related, relatedKeysAt(related, rowKey, tagIds)))
      }
      for (const one of toOne) {
        const oneId = one.byId ? id : this.#entries.guesses.target.get(relationKey(rowKey, one.name))
        if (oneId === undefined) continue
        if (!one.byId) guessed.set(one, oneId)
        below.set(one.name, this.#toOne(one, oneId))
      }
    }
    const lookedUp = await lookUpRow(this.#entries, lookup, this.#deadline, undefined, atRow)
    this.snapshot.rows.set(node, lookedUp)
    const { found, rowKey } = lookedUp
    if (found !== undefined && found !== 'absent' && rowKey !== undefined) {
      for (const one of toOne) {
        if (one.byId) continue
        const id = one.idOf(found)
        const guess = guessed.get(one)
        if (typeof id === 'string' && guess === id) continue
        rememberTarget(this.#entries, rowKey, one, id)
        const lookUpRight = () => this.#toOne(one, id)
        // The wrong guess has to finish first: its late result would overwrite that of the right id.
        const wrong = below.get(one.name)
        below.set(one.name, guess === undefined || wrong === undefined ? lookUpRight() : wrong.then(lookUpRight))
      }
      for (const related of relatedEntries) {
        if (below.has(related.name)) continue
        const keys = relatedKeysAt(related, rowKey, tagIdsOf(related, found))
        below.set(related.name, this.#related(related, keys))
      }
    }
    const values = await Promise.all(below.values())
    if (found === undefined || found === 'absent') return found
    if (values.includes(undefined)) return undefined
    let i = 0
    for (const name of below.keys()) setMember(found, name, values[i++])
    return found
  }

  /** The related row, null, or undefined when only the database can tell. */
  async #toOne(one: ToOne, id: string | null | undefined): Promise<unknown> {
    if (id === undefined || id === null) return id
    const found = await this.row(one.node, lookupOf(one, id))
    // A foreign key without its row: the row was just deleted, or the database does not check foreign keys.
    if (found === 'absent') return one.mayBeMissing ? null : undefined
    return found
  }

  /** The related rows or counts; undefined when there is no valid entry. */
  #related(related: RelatedEntry, keys: RelatedKeys): Promise<unknown> {
    const [entries, deadline] = [this.#entries, this.#deadline]
    const { policy } = related.cached
    return entries.store.lookUp(keys.key, keys.dependsOn, deadline, stored => {
      const snapshot = stored && aged(entries, keys.key, stored, policy, deadline)
      const found = snapshot && relatedIn(related, keys, snapshot)
      this.snapshot.related.set(related, new RelatedFound(keys, snapshot, found))
      return found?.result
    })
  }
}

function relatedIn(
  related: RelatedEntry,
  { tagged }: RelatedKeys,
  { entry, epochs, held }: Snapshot,
): RelatedFound['found'] {
  if (entry === null || held) return undefined
  const kind = verifiedKind(entry, related.cached.codec.fingerprint)
  if (kind !== Kind.relatedUnderAny && (kind !== Kind.related || tagged === 0)) return undefined
  const stamp = combinedStamp(kind === Kind.related ? epochs.slice(0, tagged) : epochs.slice(tagged))
  if (stamp === undefined || !hasStamp(entry, stamp)) return undefined
  return related.codec.decode(entry, PAYLOAD_AT)
}

/** Remembers where a relation led, so that the next look-up can go there in the same trip as the row itself. */
export function rememberTarget({ guesses }: Entries, rowKey: string, one: ToOne, id: string | null | undefined): void {
  const key = relationKey(rowKey, one.name)
  if (typeof id === 'string') guesses.target.set(key, id)
  else guesses.target.delete(key)
}

export function lookupOf({ node, by }: ToOne, id: string): Lookup {
  const { model, cached, identity } = node
  const key = keyOf(model, by, id)
  return { model, cached, identity, by, id, key }
}

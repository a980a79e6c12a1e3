/**
 * A row with its related rows as it is read: entry by entry, one round trip per level. What follows from ids that are known
 * is asked in the same trip, and so is what follows from where a relation led before: a guess, which the row has to bear
 * out. If anything is missing, the database is asked once for all of it, and what was missing is filled.
 */
import type { Row } from '../wire/rows.js'
import { combinedStamp, Kind, verifiedKind, newToken, PAYLOAD_AT, seal, hasStamp } from '../wire/envelope.js'
import type { Events, FillOutcome } from '../events.js'
import { rowOrNullCodec } from '../wire/results.js'
import { relationKey } from '../wire/keys.js'
import { type Lookup, type RowRead } from '../plan/read.js'
import { type RowNode, type ToOne, type RelatedEntry, type RelatedKeys, relatedKeysAt, tagIdsOf } from '../plan/tree.js'
import type { Snapshot } from '../redis/batches.js'
import type { Store, Ticket } from '../redis/store.js'
import { fillRow, jittered } from './fill.js'
import type { Flight } from '../local/flights.js'
import { type Looked, lookUp } from './row-entry.js'
import { ASK, type Reading } from './read.js'
import { unpacked } from './result.js'
import { rowAnswer, type Shared, type Source } from './row.js'

interface LookedPart {
  readonly at: RelatedKeys
  readonly seen: Snapshot | undefined
  readonly found: { readonly result: unknown } | undefined
}

/** What Redis said about the entries of a tree, as far as their keys were known. */
class Gathered {
  readonly rows = new Map<RowNode, Looked>()
  readonly parts = new Map<RelatedEntry, LookedPart>()
  /** The root row: with all its fields, and in place of its relations what hangs on it. */
  found: Row | 'absent' | undefined
}

/** Tokens, all from before the load. */
type Tickets = ReadonlyMap<RowNode | RelatedEntry, Ticket>

const UNSEEN: Snapshot = { entry: null, epochs: [], held: false }

export class TreeReading implements Reading<Gathered, Shared> {
  readonly model: string
  readonly operation: string
  readonly key: string
  readonly #store: Store
  readonly #events: Events
  readonly #read: RowRead
  readonly #tree: RowNode
  readonly #sourceOf: () => Source<Row | null>
  readonly #path: readonly string[]

  /** @param path - to the part of the result that a fluent call asks for */
  constructor(
    store: Store,
    events: Events,
    read: RowRead,
    tree: RowNode,
    operation: string,
    path: readonly string[],
    sourceOf: () => Source<Row | null>,
  ) {
    this.model = read.model.definition.name
    this.operation = operation
    this.key = read.key
    this.#store = store
    this.#events = events
    this.#read = read
    this.#tree = tree
    this.#path = path
    this.#sourceOf = sourceOf
  }

  get flight(): string {
    const filters = this.#read.filters.map(({ field, text }) => [field.name, text])
    return `${this.key}?${this.#tree.selection.text}${JSON.stringify(filters)}`
  }

  // ---- look

  async look(deadline: number): Promise<Gathered> {
    const gathered = new Gathered()
    gathered.found = await this.#gather(gathered, this.#tree, this.#read, deadline)
    return gathered
  }

  /** The row with what hangs on it; undefined when something is missing. */
  async #gather(
    gathered: Gathered,
    node: RowNode,
    lookup: Lookup,
    deadline: number,
  ): Promise<Row | 'absent' | undefined> {
    const { toOne, relatedEntries } = node
    const hanging = new Map<string, Promise<unknown>>()
    const guesses = new Map<ToOne, string>()
    const atRow = (rowKey: string) => {
      const id = rowKey.slice(node.model.keys.row('').length)
      for (const part of relatedEntries) {
        if (!part.byId) continue
        const tagIds = part.lists.map(() => id)
        hanging.set(part.name, this.#part(gathered, part, relatedKeysAt(part, rowKey, tagIds), deadline))
      }
      for (const one of toOne) {
        const oneId = one.byId ? id : this.#store.ledTo.get(relationKey(rowKey, one.name))
        if (oneId === undefined) continue
        if (!one.byId) guesses.set(one, oneId)
        hanging.set(one.name, this.#one(gathered, one, oneId, deadline))
      }
    }
    const looked = await lookUp(this.#store, lookup, deadline, undefined, atRow)
    gathered.rows.set(node, looked)
    const { found, rowKey } = looked
    if (found !== undefined && found !== 'absent' && rowKey !== undefined) {
      for (const one of toOne) {
        if (one.byId) continue
        const oneId = one.idOf(found)
        const guess = guesses.get(one)
        if (typeof oneId === 'string' && guess === oneId) continue
        this.#remember(rowKey, one, oneId)
        const goOn = () => this.#one(gathered, one, oneId, deadline)
        // What a wrong guess gathers is not to come behind.
        hanging.set(one.name, guess === undefined ? goOn() : (hanging.get(one.name) as Promise<unknown>).then(goOn))
      }
      for (const part of relatedEntries) {
        if (hanging.has(part.name)) continue
        hanging.set(part.name, this.#part(gathered, part, relatedKeysAt(part, rowKey, tagIdsOf(part, found)), deadline))
      }
    }
    const values = await Promise.all(hanging.values())
    if (found === undefined || found === 'absent') return found
    if (values.includes(undefined)) return undefined
    return Object.assign(found, Object.fromEntries([...hanging.keys()].map((name, i) => [name, values[i]])))
  }

  /** Where a relation leads, so that the next look can go there in the trip of the row itself. */
  #remember(rowKey: string, one: ToOne, id: string | null | undefined): void {
    const key = relationKey(rowKey, one.name)
    if (typeof id === 'string') this.#store.ledTo.set(key, id)
    else this.#store.ledTo.delete(key)
  }

  /** The related row, null, or undefined when only the database can tell. */
  async #one(gathered: Gathered, one: ToOne, id: string | null | undefined, deadline: number): Promise<unknown> {
    if (id === undefined || id === null) return id
    const found = await this.#gather(gathered, one.node, lookupOf(one, id), deadline)
    // A foreign key without its row: the row has just gone, or the database does not check foreign keys.
    if (found === 'absent') return one.mayBeMissing ? null : undefined
    return found
  }

  /** The related rows or counts; undefined when there is no valid entry. */
  #part(gathered: Gathered, part: RelatedEntry, at: RelatedKeys, deadline: number): Promise<unknown> {
    return this.#store.lookUp(at.key, at.dependsOn, deadline, seen => {
      const found = seen && validPart(part, at, seen)
      gathered.parts.set(part, { at, seen, found })
      return found?.result
    })
  }

  answerOf({ found }: Gathered): unknown {
    return found === undefined ? undefined : this.#answer(found)
  }

  // ---- load

  async load(gathered: Gathered, deadline: number, flight: Flight<Shared>): Promise<unknown> {
    const source = this.#sourceOf()
    let shared: Shared | undefined
    let tickets: Tickets = new Map()
    const keep = (row: Row | null) => {
      // What Prisma answered for several rows at once is not what it answers for one.
      if (this.#read.hasCursor && !source.alone()) return
      this.#fill(gathered, tickets, this.#tree, this.#read, row, source.alone())
    }
    let row: Row | null
    let answer: unknown
    try {
      tickets = await this.#acquire(gathered, deadline, flight)
      flight.close()
      row = await source.load()
      keep(row)
      if (row === null) shared = 'absent'
      else {
        const whole = shaped(this.#tree, row)
        if (rowAnswer(this.#read, this.operation, row) !== ASK)
          shared = rowOrNullCodec(this.#tree.selection).encode(whole)
      }
      answer = this.#answer(row ?? 'absent')
    } catch (error) {
      if (!source.saysAbsent(error)) return source.insteadOf(error)
      keep(null)
      shared = 'absent'
      throw error
    } finally {
      flight.end(shared)
    }
    return answer === ASK ? source.original() : answer
  }

  answerFrom(shared: Shared): unknown {
    if (shared === 'absent') return this.#answer('absent')
    const decoded = rowOrNullCodec(this.#tree.selection).decode(shared, 0)
    return decoded === undefined ? ASK : unpacked(this.#path, decoded.result)
  }

  ask(): Promise<unknown> {
    return this.#sourceOf().original()
  }

  #answer(row: Row | 'absent'): unknown {
    const answer = rowAnswer(this.#read, this.operation, row)
    return answer === ASK ? ASK : unpacked(this.#path, answer && shaped(this.#tree, answer))
  }

  // ---- tokens and fills, of all entries that were not found

  async #acquire(gathered: Gathered, deadline: number, flight: Flight<Shared>): Promise<Tickets> {
    const tickets = new Map<RowNode | RelatedEntry, Ticket>()
    const waiting: Promise<void>[] = []
    const acquire = async (
      of: RowNode | RelatedEntry,
      ...[key, on, seen]: [string | undefined, RelatedKeys['dependsOn'], Snapshot]
    ) => {
      const known = seen === UNSEEN ? { ...UNSEEN, epochs: on.epochs.map(() => null) } : seen
      const ticket = await this.#store.acquire(key, on, known, deadline, flight)
      if (ticket !== undefined) tickets.set(of, ticket)
    }
    // Where the row before it is not known, what was found is that of a guess, and the load may bring something else.
    const visit = (node: RowNode, isGuess: boolean) => {
      const looked = gathered.rows.get(node)
      if (looked === undefined) waiting.push(acquire(node, undefined, node.model.keys, UNSEEN))
      else if (looked.seen !== undefined && (looked.found === undefined || isGuess)) {
        // No token for a row that is perhaps not the one: it would keep others from filling it.
        const key = isGuess && looked.seen.entry === null ? undefined : looked.rowKey
        waiting.push(acquire(node, key, node.model.keys, looked.seen))
      }
      const isNextGuess = isGuess || looked?.found === undefined
      for (const part of node.relatedEntries) {
        const lookedPart = gathered.parts.get(part)
        if (lookedPart === undefined)
          waiting.push(acquire(part, undefined, relatedKeysAt(part, '', undefined).dependsOn, UNSEEN))
        else if (lookedPart.seen !== undefined && (lookedPart.found === undefined || isNextGuess)) {
          waiting.push(acquire(part, undefined, lookedPart.at.dependsOn, lookedPart.seen))
        }
      }
      for (const { node: next } of node.toOne) visit(next, isNextGuess)
    }
    visit(this.#tree, false)
    await Promise.all(waiting)
    return tickets
  }

  #fill(gathered: Gathered, tickets: Tickets, node: RowNode, lookup: Lookup, row: Row | null, alone: boolean): void {
    const ticket = tickets.get(node)
    const looked = gathered.rows.get(node)
    const id = row === null ? undefined : node.identity.idOf(row)
    const rowKey = id === undefined ? undefined : node.model.keys.row(id)
    const isThere = typeof looked?.found === 'object' && looked.rowKey === rowKey
    const isForRow = row !== null || lookup.by !== node.identity || ticket?.entry !== undefined
    if (ticket !== undefined && isForRow && !isThere) {
      const payload = row === null ? undefined : node.cached.codec.encode(row)
      this.#filled(node, fillRow(this.#store, lookup, ticket, looked?.rowKey, { row, payload, alone }), lookup.key)
    }
    if (row === null || rowKey === undefined) return
    for (const part of node.relatedEntries) this.#fillPart(gathered, tickets, node, part, rowKey, row[part.name])
    for (const one of node.toOne) {
      const oneId = one.idOf(row)
      if (!one.byId) this.#remember(rowKey, one, oneId)
      if (oneId === null || oneId === undefined) continue
      const related = row[one.name] as Row | null
      if (related === null && !one.mayBeMissing) continue
      this.#fill(gathered, tickets, one.node, lookupOf(one, oneId), related, false)
    }
  }

  #fillPart(
    gathered: Gathered,
    tickets: Tickets,
    node: RowNode,
    part: RelatedEntry,
    rowKey: string,
    value: unknown,
  ): void {
    const ticket = tickets.get(part)
    if (ticket === undefined) return
    const untagged = relatedKeysAt(part, rowKey, undefined)
    const { at: lookedAt, found } = gathered.parts.get(part) ?? {}
    if (found !== undefined && lookedAt?.key === untagged.key) return
    // The tags that were asked for are those of this row, unless a pointer led elsewhere.
    const tagged = lookedAt?.key === untagged.key ? lookedAt.tagged : 0
    const stamp = combinedStamp(
      tagged > 0 ? ticket.epochs.slice(0, tagged) : ticket.epochs.slice(-part.everyWriteEpochs.length),
    )
    const payload = part.codec.encode(value)
    const { policy, codec } = part.cached
    if (payload === undefined || stamp === undefined) return this.#filled(node, 'inexact', untagged.key)
    if (PAYLOAD_AT + payload.length > policy.maxBytes) return this.#filled(node, 'too-large', untagged.key)
    const entry = seal(tagged > 0 ? Kind.related : Kind.relatedUnderAny, payload, newToken(), stamp, codec.fingerprint)
    const { dependsOn } = tagged > 0 && lookedAt !== undefined ? lookedAt : untagged
    this.#store.fill(untagged.key, entry, dependsOn, jittered(part.ttlMs, policy.jitter), 'none')
    this.#filled(node, 'sent', untagged.key)
  }

  #filled({ model }: RowNode, outcome: FillOutcome, key: string): void {
    this.#events.fill(model.definition.name, outcome, key)
  }
}

function lookupOf({ node, by }: ToOne, id: string): Lookup {
  const { model, cached, identity } = node
  const key = by === identity ? model.keys.row(id) : model.keys.pointer(by.columns, id)
  return { model, cached, identity, by, id, key }
}

function validPart(
  part: RelatedEntry,
  { tagged }: RelatedKeys,
  { entry, epochs, held }: Snapshot,
): LookedPart['found'] {
  if (entry === null || held) return undefined
  const kind = verifiedKind(entry, part.cached.codec.fingerprint)
  if (kind !== Kind.relatedUnderAny && (kind !== Kind.related || tagged === 0)) return undefined
  const stamp = combinedStamp(kind === Kind.related ? epochs.slice(0, tagged) : epochs.slice(tagged))
  if (stamp === undefined || !hasStamp(entry, stamp)) return undefined
  return part.codec.decode(entry, PAYLOAD_AT)
}

/** A whole row of the tree in the caller's shape. */
function shaped({ selection, toOne }: RowNode, row: Row): Row {
  const { fieldIndex, fieldNames } = selection.cached
  const valueOf = (name: string) => {
    const value = row[name]
    const one = fieldIndex.has(name) || value === null ? undefined : toOne.find(other => other.name === name)
    return one === undefined ? value : shaped(one.node, value as Row)
  }
  const order = selection.order ?? selection.fieldIndexes?.map(place => fieldNames[place] as string) ?? fieldNames
  return Object.fromEntries(order.map(name => [name, valueOf(name)]))
}

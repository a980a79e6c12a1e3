/**
 * A row with its related rows as it is read: entry by entry. If any entry is missing, the database is queried once for all of
 * it, and what was missing is filled.
 */
import type { Context } from '../context.js'
import type { WhyMissed } from '../events.js'
import type { Flight, SharedRow } from '../local/flights.js'
import type { RowRead, WholeRow } from '../plan/rows.js'
import type { RowNode, ToOne } from '../plan/tree.js'
import { fluentPath, type Operation } from '../prisma7/operation.js'
import type { Deadline } from '../redis/deadline.js'
import { rowOrNullCodec } from '../wire/results.js'
import { picker } from '../wire/row-maker.js'
import type { Row } from '../wire/rows.js'
import { mayAnswerStale } from './age.js'
import type { Loaded, RowSource } from './row-load.js'
import { type Answer, BYPASS, MISS, type Reading } from './read.js'
import { partOf } from './result.js'
import { answerOfRow, whyRowMissed } from './row.js'
import { acquireTree, TreeFill, type Tickets } from './tree-fill.js'
import { lookUpTree, type TreeSnapshot, unseenTree } from './tree-lookup.js'
import { whyMissed } from './why-missed.js'

export class TreeReading implements Reading<TreeSnapshot, Tickets, Loaded, SharedRow> {
  readonly model: string
  readonly operation: string
  readonly key: string
  readonly #context: Context
  readonly #plan: RowRead
  readonly #tree: RowNode
  readonly #operation: Operation
  readonly #load: RowSource

  constructor(context: Context, operation: Operation, plan: RowRead, load: RowSource, tree: RowNode) {
    this.model = plan.model.name
    this.operation = operation.operation
    this.key = plan.key
    this.#context = context
    this.#plan = plan
    this.#tree = tree
    this.#operation = operation
    this.#load = load
  }

  get flightKey(): string {
    const filters = this.#plan.filters.map(({ field, text }) => [field.name, text])
    return `${this.key}?${this.#tree.selection.text}${JSON.stringify(filters)}`
  }

  lookUp(deadline: Deadline): Promise<TreeSnapshot> {
    return lookUpTree(this.#context, this.#tree, this.#plan, deadline)
  }

  answer(snapshot: TreeSnapshot): Answer {
    return answerOfTree(this.#plan, this.#tree, this.operation, snapshot, fluentPath(this.#operation))
  }

  unseen(snapshot: TreeSnapshot): TreeSnapshot {
    return unseenTree(snapshot)
  }

  whyMissed({ rows, related }: TreeSnapshot, deadline: Deadline): WhyMissed {
    const own = rows.get(this.#tree)
    if (own !== undefined && own.found === undefined) return whyRowMissed(this.#plan, own, deadline)
    for (const [node, looked] of rows) if (looked.found === undefined) return whyRowMissed(node, looked, deadline)
    for (const [entry, { found, snapshot, keys }] of related) {
      if (found !== undefined) continue
      const { fingerprint } = entry.cached.codec
      return whyMissed(snapshot, deadline, fingerprint, keys.dependsOn.epochs, keys.tagged)
    }
    return { why: 'absent' }
  }

  acquire(snapshot: TreeSnapshot, deadline: Deadline, flight: Flight<SharedRow>): Promise<Tickets> {
    this.#load.begin()
    return acquireTree(this.#context.store, this.#tree, snapshot, deadline, flight)
  }

  query(): Promise<Loaded> {
    return this.#load.query()
  }

  fillAndShare(snapshot: TreeSnapshot, tickets: Tickets, { row }: Loaded, loadMs: number): SharedRow | undefined {
    const { unbatched } = this.#load
    // With a cursor, Prisma answers several lookups in one statement otherwise than each by itself.
    if (unbatched || !this.#plan.hasCursor) {
      new TreeFill(this.#context, snapshot, tickets, loadMs).row(this.#tree, this.#plan, row, unbatched)
    }
    if (row === null) return 'absent'
    const answer = answerOfRow(this.#plan, this.operation, row)
    if (answer.kind === 'bypass') return undefined
    return answer.value === null
      ? 'absent'
      : rowOrNullCodec(this.#tree.selection).encode(selected(this.#tree, answer.value))
  }

  answerLoaded({ row, notFound }: Loaded): unknown {
    if (notFound !== undefined) throw notFound
    const answer = this.#answerOf(row ?? 'absent')
    return answer.kind === 'hit' ? answer.value : this.callerQuery()
  }

  answerShared(shared: SharedRow): Answer {
    if (shared === 'absent') return this.#answerOf('absent')
    const decoded = rowOrNullCodec(this.#tree.selection).decode(shared, 0)
    return decoded === undefined ? BYPASS : { kind: 'hit', value: this.#part(decoded.result) }
  }

  mayAnswerStale(error: unknown): boolean {
    return mayAnswerStale(this.#context, this.#plan.models, error)
  }

  recover(error: unknown): Promise<unknown> {
    return this.#load.recover(error)
  }

  callerQuery(): Promise<unknown> {
    return this.#load.callerQuery()
  }

  #answerOf(row: Row | 'absent'): Answer {
    return selectedAnswer(this.#plan, this.#tree, this.operation, row, fluentPath(this.#operation))
  }

  #part(result: unknown): unknown {
    return partOf(fluentPath(this.#operation), result)
  }
}

/**
 * What follows from what `lookUpTree` found.
 *
 * @param path - of a fluent call: the part of the row that it answers
 */
export function answerOfTree(
  plan: WholeRow,
  tree: RowNode,
  operation: string,
  { found }: TreeSnapshot,
  path: readonly string[],
): Answer {
  return found === undefined ? MISS : selectedAnswer(plan, tree, operation, found, path)
}

function selectedAnswer(
  plan: WholeRow,
  tree: RowNode,
  operation: string,
  row: Row | 'absent',
  path: readonly string[],
): Answer {
  const answer = answerOfRow(plan, operation, row)
  if (answer.kind !== 'hit') return answer
  const { value: whole } = answer
  return { kind: 'hit', value: partOf(path, whole && selected(tree, whole)) }
}

/** What the caller selected of a whole row of the tree. */
function selected(node: RowNode, row: Row): Row {
  let pick = pickers.get(node)
  if (pick === undefined) pickers.set(node, (pick = pickerOf(node)))
  return pick(row)
}

const pickers = new WeakMap<RowNode, (row: Row) => Row>()

function pickerOf({ selection, toOne }: RowNode): (row: Row) => Row {
  const { fieldIndex, fieldNames } = selection.cached
  const order = selection.order ?? selection.fieldIndexes?.map(index => fieldNames[index] as string) ?? fieldNames
  const members = order.map(name => {
    const one = fieldIndex.has(name) ? undefined : toOne.find(other => other.name === name)
    const of = (value: unknown) => (value === null ? null : selected((one as ToOne).node, value as Row))
    return one === undefined ? { name } : { name, of }
  })
  return picker(members)
}

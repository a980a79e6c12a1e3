/**
 * A row with its related rows, as entries in Redis: each to-one row is an entry of its own, shared by all queries; each list
 * and count is an entry under its parent, one per shape.
 */
import type { Row } from '../wire/rows.js'
import { type Dependencies, relationKey, shapeName } from '../wire/keys.js'
import { Met } from './args.js'
import type { Cached, CatalogModel, Identity, ListOf } from './catalog.js'
import { countCodec, relatedCodec, type ResultCodec } from '../wire/results.js'
import {
  type ClientShape,
  COUNT,
  type Counted,
  type Related,
  type Shape,
  textOfCounted,
  textOfRelated,
  ttlMsOf,
} from './selection.js'

/** A row that is an entry of its own, with what hangs on it. */
export interface Node {
  readonly model: CatalogModel
  readonly cached: Cached
  readonly identity: Identity
  readonly shape: Shape
  readonly ones: readonly One[]
  readonly parts: readonly Part[]
}

/** A to-one relation, followed from row to row. */
export interface One {
  readonly name: string
  readonly node: Node
  /** The identity of the target that the relation pins. */
  readonly by: Identity
  /** Whether the foreign key is in the target: then there may be no such row. */
  readonly mayBeMissing: boolean
  /** Whether it follows from the id of the parent alone, so that both rows can be looked up at once. */
  readonly byId: boolean
  /** The id by which to look it up: null when the foreign key is null, undefined when it is not canonical. */
  idOf(parent: Row): string | null | undefined
}

/** A list of related rows, a count, or a to-one relation with a `where`, or with values that a join changes. */
export interface Part {
  readonly name: string
  /** As the caller wrote it. */
  readonly args: unknown
  readonly codec: ResultCodec
  /** Of the model whose rows are inside. */
  readonly cached: Cached
  readonly ttlMs: number
  /** Name of the shape in keys. */
  readonly shape: string
  /** The relation tags that it hangs on. */
  readonly lists: readonly ListOf[]
  /** Whether the tags follow from the id of the parent alone. */
  readonly byId: boolean
  /** Epochs beside the tags; none, and no tags: only every-write epochs tell whether it is valid. */
  readonly besideTags: readonly string[]
  /** Epochs that do without tags. */
  readonly underAny: readonly string[]
  readonly holds: readonly string[]
}

/** What a row is with all that a query asks of it. */
export interface Selected {
  /** Undefined: scalars alone, or rows of the model can't be named. */
  readonly tree: Node | undefined
  /** Whether a list anywhere in it begins at a cursor. */
  readonly hasCursor: boolean
  /** All that is met in it. */
  readonly met: Met
}

const selected = new WeakMap<Shape, Selected>()

export function selectedIn(shape: Shape): Selected {
  let known = selected.get(shape)
  if (known === undefined) {
    const met = new Met()
    metIn(shape, met)
    known = { tree: shape.order === undefined ? undefined : nodeOf(shape), hasCursor: isPaged(shape), met }
    selected.set(shape, known)
  }
  return known
}

function isPaged({ related }: Shape): boolean {
  return related.some(({ hasCursor: own, shape }) => own || isPaged(shape))
}

/** Undefined when rows of the model can't be named. */
function nodeOf(shape: Shape): Node | undefined {
  const { model, cached } = shape
  const { identity } = model
  if (identity === undefined) return undefined
  const ones: One[] = []
  const parts: Part[] = []
  for (const related of shape.related) {
    const one = oneOf(shape, identity, related)
    if (one === undefined) parts.push(relatedPart(model, identity, related))
    else ones.push(one)
  }
  if (shape.counted.length > 0) parts.push(countPart(shape, model, identity, shape.counted))
  return { model, cached, identity, shape, ones, parts }
}

function oneOf({ cached }: Shape, identity: Identity, related: Related): One | undefined {
  const { field, target } = related.relation
  if (field.list || related.text !== '') return undefined
  // A row's own entry is for the values that the row has by itself.
  if (related.joined && target.cached?.exactInJson !== true) return undefined
  const mayBeMissing = field.fields.length === 0
  const [own, theirs] = mayBeMissing
    ? [field.opposite.references, field.opposite.fields]
    : [field.fields, field.references]
  const by = target.cached?.pins.find(
    ({ names }) => names.length === theirs.length && names.every(n => theirs.includes(n)),
  )
  const node = nodeOf(related.shape)
  if (by === undefined || node === undefined || own.some(name => !cached.places.has(name))) return undefined
  const byId = mayBeMissing && own.length === 1 && identity.names.length === 1 && own[0] === identity.names[0]
  return {
    name: related.name,
    node,
    by,
    mayBeMissing,
    byId,
    idOf(parent) {
      const values: Record<string, unknown> = {}
      for (const [i, name] of own.entries()) {
        const value = parent[name]
        if (value === null) return null
        values[theirs[i] as string] = value
      }
      return by.idOf(values)
    },
  }
}

function relatedPart(model: CatalogModel, identity: Identity, related: Related): Part {
  const { name, relation, args, met, hasCursor, shape } = related
  const all = new Met()
  all.relation(relation, model)
  all.add(met)
  metIn(shape, all)
  // A to-one relation with a `where` depends on the foreign key of the parent too.
  if (!relation.field.list) all.model(model)
  // The row that a cursor names may be in another list.
  const list = met.nothing && !hasCursor && shape.order === undefined ? relation.list : undefined
  const { cached } = shape
  return {
    name,
    args,
    codec: relatedCodec(related),
    cached,
    ttlMs: ttlMsOf(shape, cached.policy.ttlMs),
    shape: shapeName(textOfRelated(related)),
    lists: list === undefined ? [] : [list],
    byId: list === undefined || list.by === identity,
    besideTags: list === undefined ? [] : epochsOfList(list),
    ...epochsOf(all),
  }
}

function countPart({ cached }: Shape, model: CatalogModel, identity: Identity, counted: readonly Counted[]): Part {
  const all = new Met()
  const lists: ListOf[] = []
  const beside = new Set<string>()
  for (const { relation, met, text } of counted) {
    const own = new Met()
    own.relation(relation, model)
    own.add(met)
    all.add(own)
    const { link, list } = relation
    if (list !== undefined && met.nothing) {
      lists.push(list)
      for (const epoch of epochsOfList(list)) beside.add(epoch)
    } else if (link !== undefined && text === '') beside.add(link)
    else for (const epoch of epochsOf(own).underAny) beside.add(epoch)
  }
  return {
    name: COUNT,
    args: { select: Object.fromEntries(counted.map(({ name, args }) => [name, args])) },
    codec: countCodec(counted),
    cached,
    ttlMs: cached.policy.ttlMs,
    shape: shapeName(counted.map(textOfCounted).toSorted().join('')),
    lists,
    byId: lists.every(({ by }) => by === identity),
    besideTags: [...beside].toSorted(),
    ...epochsOf(all),
  }
}

/** What a list under a relation tag depends on besides. */
function epochsOfList({ child: { keys } }: ListOf): readonly string[] {
  return [keys.rows, keys.lists]
}

/** The epochs that cover every write to the models, and their holds. */
export function epochsOf(met: Met): { underAny: readonly string[]; holds: readonly string[] } {
  const models = [...met.models]
  const held = new Set([...models, ...met.held])
  return {
    underAny: [...models.map(({ keys }) => keys.any), ...met.links].toSorted(),
    holds: [...held].map(({ keys }) => keys.hold).toSorted(),
  }
}

/** Adds all that is met inside a shape: the relations in it, and those in their args. */
function metIn(shape: Shape, met: Met): void {
  for (const { relation, met: own, shape: inner } of shape.related) {
    met.relation(relation, shape.model)
    met.add(own)
    metIn(inner, met)
  }
  for (const { relation, met: own } of shape.counted) {
    met.relation(relation, shape.model)
    met.add(own)
  }
}

// ---- where a part is

export interface PartAt {
  readonly key: string
  /** Tags first, then what is beside them, then what does without tags. */
  readonly on: Dependencies
  /** How many of the epochs are the stamp of an entry under its tags: the first so many. 0: there are no tags. */
  readonly tagged: number
}

/**
 * @param rowKey - key of the parent's row
 * @param tagIds - for each list, the id in the name of its tag; undefined: not known, or not canonical
 */
export function partAt(part: Part, rowKey: string, tagIds: readonly string[] | undefined): PartAt {
  const { lists, besideTags, underAny, holds, name, shape } = part
  const key = relationKey(rowKey, name, shape)
  // Asked here and not when the shape is made: what is known of collations grows.
  const hasNames = tagIds !== undefined && besideTags.length > 0 && lists.every(list => list.isNamed())
  if (!hasNames) return { key, on: { epochs: underAny, holds }, tagged: 0 }
  const tags = lists.map((list, i) => list.tagAt(tagIds[i] as string))
  const tagged = tags.length + besideTags.length
  return { key, on: { epochs: [...tags, ...besideTags, ...underAny], holds }, tagged }
}

/** The tag ids of a parent's row: undefined when one of them has no canonical text. */
export function tagIdsOf(part: Part, parent: Row): string[] | undefined {
  const ids: string[] = []
  for (const { by } of part.lists) {
    const id = by.idOf(parent)
    if (id === undefined) return undefined
    ids.push(id)
  }
  return ids
}

// ---- the load

/** Args that load the whole of each row of the tree, and its parts as the caller wants them. */
export function loadArgs(node: Omit<Node, 'shape'>, client: ClientShape): Record<string, unknown> {
  const { model, cached, ones, parts } = node
  const omit = {
    ...Object.fromEntries(Object.keys(client.globalOmit(model.model.name) ?? {}).map(name => [name, false])),
    ...Object.fromEntries([...cached.policy.exclude].map(name => [name, true])),
  }
  const include: Record<string, unknown> = {}
  for (const one of ones) {
    const args = loadArgs(one.node, client)
    include[one.name] = Object.keys(args).length === 0 ? true : args
  }
  for (const { name, args } of parts) include[name] = args
  return {
    ...(Object.keys(omit).length > 0 && { omit }),
    ...(Object.keys(include).length > 0 && { include }),
  }
}

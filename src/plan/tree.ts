/**
 * A row with its related rows, as entries in Redis: each to-one row is an entry of its own, shared by all queries; each list
 * and count is an entry under its parent, one per selection.
 */
import type { Row } from '../wire/rows.js'
import { type Dependencies, relationKey, hashName } from '../wire/keys.js'
import { ModelsRead } from './args.js'
import type { Cached, CatalogModel, Identity, ParentList } from './catalog.js'
import { countCodec, relatedCodec, type ResultCodec } from '../wire/results.js'
import {
  type ClientTraits,
  COUNT,
  type Counted,
  type Related,
  type Selection,
  textOfCounted,
  textOfRelated,
  ttlMsOf,
} from './selection.js'

/** A row that is an entry of its own, with what hangs on it. */
export interface RowNode {
  readonly model: CatalogModel
  readonly cached: Cached
  readonly identity: Identity
  readonly selection: Selection
  readonly toOne: readonly ToOne[]
  readonly relatedEntries: readonly RelatedEntry[]
}

/** A to-one relation, followed from row to row. */
export interface ToOne {
  readonly name: string
  readonly node: RowNode
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
export interface RelatedEntry {
  readonly name: string
  /** As the caller wrote it. */
  readonly args: unknown
  readonly codec: ResultCodec
  /** Of the model whose rows are inside. */
  readonly cached: Cached
  readonly ttlMs: number
  /** Name of the selection in keys. */
  readonly hashedName: string
  /** The relation tags that it hangs on. */
  readonly lists: readonly ParentList[]
  /** Whether the tags follow from the id of the parent alone. */
  readonly byId: boolean
  /** Epochs beside the tags; none, and no tags: only every-write epochs tell whether it is valid. */
  readonly epochsBesideTags: readonly string[]
  /** Epochs that are used when the tags are not known. */
  readonly everyWriteEpochs: readonly string[]
  readonly holds: readonly string[]
}

/** A row with all that a query selects. */
export interface Selected {
  /** Undefined: scalars alone, or rows of the model can't be named. */
  readonly tree: RowNode | undefined
  /** Whether a list anywhere in it begins at a cursor. */
  readonly hasCursor: boolean
  /** All models and links that it reads. */
  readonly modelsRead: ModelsRead
}

const selected = new WeakMap<Selection, Selected>()

export function selectedIn(selection: Selection): Selected {
  let known = selected.get(selection)
  if (known === undefined) {
    const modelsRead = new ModelsRead()
    addModelsRead(selection, modelsRead)
    known = {
      tree: selection.order === undefined ? undefined : nodeOf(selection),
      hasCursor: isPaged(selection),
      modelsRead,
    }
    selected.set(selection, known)
  }
  return known
}

function isPaged({ related }: Selection): boolean {
  return related.some(({ hasCursor: own, selection }) => own || isPaged(selection))
}

/** Undefined when rows of the model can't be named. */
function nodeOf(selection: Selection): RowNode | undefined {
  const { model, cached } = selection
  const { identity } = model
  if (identity === undefined) return undefined
  const toOne: ToOne[] = []
  const relatedEntries: RelatedEntry[] = []
  for (const related of selection.related) {
    const one = toOneOf(selection, identity, related)
    if (one === undefined) relatedEntries.push(relatedEntryOf(model, identity, related))
    else toOne.push(one)
  }
  if (selection.counted.length > 0) relatedEntries.push(countEntryOf(selection, model, identity, selection.counted))
  return { model, cached, identity, selection: selection, toOne, relatedEntries }
}

function toOneOf({ cached }: Selection, identity: Identity, related: Related): ToOne | undefined {
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
  const node = nodeOf(related.selection)
  if (by === undefined || node === undefined || own.some(name => !cached.fieldIndex.has(name))) return undefined
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

function relatedEntryOf(model: CatalogModel, identity: Identity, related: Related): RelatedEntry {
  const { name, relation, args, modelsRead, hasCursor, selection } = related
  const all = new ModelsRead()
  all.relation(relation, model)
  all.add(modelsRead)
  addModelsRead(selection, all)
  // A to-one relation with a `where` depends on the foreign key of the parent too.
  if (!relation.field.list) all.model(model)
  // The row that a cursor names may be in another list.
  const list = modelsRead.isEmpty && !hasCursor && selection.order === undefined ? relation.list : undefined
  const { cached } = selection
  return {
    name,
    args,
    codec: relatedCodec(related),
    cached,
    ttlMs: ttlMsOf(selection, cached.policy.ttlMs),
    hashedName: hashName(textOfRelated(related)),
    lists: list === undefined ? [] : [list],
    byId: list === undefined || list.by === identity,
    epochsBesideTags: list === undefined ? [] : epochsOfList(list),
    ...epochsOf(all),
  }
}

function countEntryOf(
  { cached }: Selection,
  model: CatalogModel,
  identity: Identity,
  counted: readonly Counted[],
): RelatedEntry {
  const all = new ModelsRead()
  const lists: ParentList[] = []
  const beside = new Set<string>()
  for (const { relation, modelsRead, text } of counted) {
    const own = new ModelsRead()
    own.relation(relation, model)
    own.add(modelsRead)
    all.add(own)
    const { link, list } = relation
    if (list !== undefined && modelsRead.isEmpty) {
      lists.push(list)
      for (const epoch of epochsOfList(list)) beside.add(epoch)
    } else if (link !== undefined && text === '') beside.add(link)
    else for (const epoch of epochsOf(own).everyWriteEpochs) beside.add(epoch)
  }
  return {
    name: COUNT,
    args: { select: Object.fromEntries(counted.map(({ name, args }) => [name, args])) },
    codec: countCodec(counted),
    cached,
    ttlMs: cached.policy.ttlMs,
    hashedName: hashName(counted.map(textOfCounted).toSorted().join('')),
    lists,
    byId: lists.every(({ by }) => by === identity),
    epochsBesideTags: [...beside].toSorted(),
    ...epochsOf(all),
  }
}

/** What a list under a relation tag depends on besides. */
function epochsOfList({ child: { keys } }: ParentList): readonly string[] {
  return [keys.unnamedWrites, keys.lists]
}

/** The epochs that cover every write to the models, and their holds. */
export function epochsOf(modelsRead: ModelsRead): { everyWriteEpochs: readonly string[]; holds: readonly string[] } {
  const models = [...modelsRead.models]
  const held = new Set([...models, ...modelsRead.held])
  return {
    everyWriteEpochs: [...models.map(({ keys }) => keys.everyWrite), ...modelsRead.links].toSorted(),
    holds: [...held].map(({ keys }) => keys.hold).toSorted(),
  }
}

/** Adds all that a selection reads: the relations in it, and those in their args. */
function addModelsRead(selection: Selection, modelsRead: ModelsRead): void {
  for (const { relation, modelsRead: own, selection: inner } of selection.related) {
    modelsRead.relation(relation, selection.model)
    modelsRead.add(own)
    addModelsRead(inner, modelsRead)
  }
  for (const { relation, modelsRead: own } of selection.counted) {
    modelsRead.relation(relation, selection.model)
    modelsRead.add(own)
  }
}

// ---- where a part is

export interface RelatedKeys {
  readonly key: string
  /** Tags first, then what is beside them, then what does without tags. */
  readonly dependsOn: Dependencies
  /** How many of the epochs are the stamp of an entry under its tags: the first so many. 0: there are no tags. */
  readonly tagged: number
}

/**
 * @param rowKey - key of the parent's row
 * @param tagIds - for each list, the id in the name of its tag; undefined: not known, or not canonical
 */
export function relatedKeysAt(part: RelatedEntry, rowKey: string, tagIds: readonly string[] | undefined): RelatedKeys {
  const { lists, epochsBesideTags, everyWriteEpochs, holds, name, hashedName } = part
  const key = relationKey(rowKey, name, hashedName)
  // Here and not when the selection is made: collations become known later.
  const hasNames = tagIds !== undefined && epochsBesideTags.length > 0 && lists.every(list => list.hasUsableTag())
  if (!hasNames) return { key, dependsOn: { epochs: everyWriteEpochs, holds }, tagged: 0 }
  const tags = lists.map((list, i) => list.tagAt(tagIds[i] as string))
  const tagged = tags.length + epochsBesideTags.length
  return { key, dependsOn: { epochs: [...tags, ...epochsBesideTags, ...everyWriteEpochs], holds }, tagged }
}

/** The tag ids of a parent's row: undefined when one of them has no canonical text. */
export function tagIdsOf(part: RelatedEntry, parent: Row): string[] | undefined {
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
export function loadArgs(node: Omit<RowNode, 'selection'>, client: ClientTraits): Record<string, unknown> {
  const { model, cached, toOne, relatedEntries } = node
  const omit = {
    ...Object.fromEntries(Object.keys(client.globalOmit(model.name) ?? {}).map(name => [name, false])),
    ...Object.fromEntries([...cached.policy.exclude].map(name => [name, true])),
  }
  const include: Record<string, unknown> = {}
  for (const one of toOne) {
    const args = loadArgs(one.node, client)
    include[one.name] = Object.keys(args).length === 0 ? true : args
  }
  for (const { name, args } of relatedEntries) include[name] = args
  return {
    ...(Object.keys(omit).length > 0 && { omit }),
    ...(Object.keys(include).length > 0 && { include }),
  }
}

/**
 * What one version of a schema knows of its writes, so that another one can tell where the two differ: for each table, under
 * which names it invalidates rows and lists, and what it believes to become stale with them. All in names of the database.
 */
import { hash } from 'node:crypto'
import type { Catalog, CatalogModel } from '../plan/catalog.js'
import type { WriteTrace } from '../plan/effects.js'
import { planWrite } from '../plan/write.js'

/** Keys are without the prefix. */
interface TableKnowledge {
  /** The same in two versions only if both name the table's rows and lists alike. */
  readonly names: string
  /** The same in two versions only if they know the same of the table. */
  readonly mark: string
  /** Stale after any change of its rows. */
  readonly changed: readonly string[]
  /** Stale after rows were deleted: what referential actions reach, too. */
  readonly deleted: readonly string[]
  /** Stale besides after one of these columns changed. */
  readonly columns: ReadonlyMap<string, readonly string[]>
}

export interface Version {
  readonly digest: string
  /** The knowledge, to be sent. */
  readonly text: string
  readonly tables: ReadonlyMap<string, TableKnowledge>
  readonly epochs: readonly string[]
}

/** The version of this process, which knows its models. */
export interface OwnVersion extends Version {
  /** All models and links, as read plans name them. */
  readonly names: readonly string[]
  /** The epochs of a model or a link. */
  epochsOf(name: string): readonly string[]
  /** The model or link that an epoch belongs to. */
  nameOf(epoch: string): string | undefined
}

/** @param prefix - of the catalog's keys */
export function ownVersion(catalog: Catalog, prefix: string): OwnVersion {
  const tables = new Map<string, TableKnowledge>()
  const epochs = new Map<string, string>()
  const own = new Map<string, string[]>()
  const add = (name: string, keys: readonly string[]) => {
    const bare = keys.map(key => key.slice(prefix.length))
    own.set(name, bare)
    for (const key of bare) epochs.set(key, name)
  }
  for (const model of catalog.values()) {
    const { keys } = model
    add(model.name, [keys.unnamedWrites, keys.everyWrite, keys.lists])
    for (const { link } of model.relations.values()) if (link !== undefined) add(link, [link])
    tables.set(keys.tableName, knowledgeOf(catalog, model, prefix))
  }
  const names = [...epochs.keys()].toSorted()
  const text = JSON.stringify([names, [...tables].map(([name, known]) => [name, ...indexed(known, names)])])
  return {
    digest: hash('sha256', text, 'base64url').slice(0, 16),
    text,
    tables,
    epochs: names,
    names: [...own.keys()],
    epochsOf: name => own.get(name) ?? [],
    nameOf: epoch => epochs.get(epoch),
  }
}

function knowledgeOf(catalog: Catalog, own: CatalogModel, prefix: string): TableKnowledge {
  const { definition, identity, lists, relations } = own
  const stale = (operation: string, args: object) => {
    const { keys } = planWrite(catalog, own, operation, args).effects.invalidation()
    return [...new Set(keys)].map(key => key.slice(prefix.length)).toSorted()
  }
  const changed = stale('updateMany', { where: {}, data: {} })
  const deleted = stale('deleteMany', {})
  const referenced = new Set(definition.relations.flatMap(({ opposite }) => opposite.references))
  const columns = new Map(
    definition.scalars
      .filter(({ name }) => referenced.has(name))
      .map(({ name, column }): [string, string[]] => {
        const keys = stale('updateMany', { where: {}, data: { [name]: 0 } })
        return [column, keys.filter(key => !changed.includes(key))]
      }),
  )
  const names = {
    model: definition.name,
    id: identity?.key.fields.map(({ column, type, native, members, stored }) => [
      column,
      type,
      native,
      members,
      stored,
    ]),
    tags: lists.map(list => list.tagAt('').slice(prefix.length)).toSorted(),
    // An id is written with the names of enum values, which another version may have renamed.
    members: lists.map(({ by }) => by.key.fields.map(({ members, stored }) => [members, stored])),
    links: [...relations.values()].flatMap(({ link }) => link?.slice(prefix.length) ?? []).toSorted(),
  }
  return {
    names: digestOf([names, changed]),
    mark: digestOf([names, changed, deleted, Object.fromEntries(columns)]),
    changed,
    deleted,
    columns,
  }
}

function digestOf(value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'base64url').slice(0, 16)
}

function indexed({ names, mark, changed, deleted, columns }: TableKnowledge, epochs: readonly string[]): unknown[] {
  const indexes = new Map(epochs.map((name, index) => [name, index]))
  const of = (keys: readonly string[]) => keys.map(key => indexes.get(key))
  return [
    names,
    mark,
    of(changed),
    of(deleted),
    Object.fromEntries(Array.from(columns, ([name, keys]) => [name, of(keys)])),
  ]
}

type Stored = [
  names: string[],
  tables: [
    name: string,
    names: string,
    mark: string,
    changed: number[],
    deleted: number[],
    columns: Record<string, number[]>,
  ][],
]

/** Undefined when the text is not one that this version can read. */
export function readVersion(digest: string, text: string): Version | undefined {
  try {
    const [names, stored] = JSON.parse(text) as Stored
    const of = (indexes: readonly number[]) => indexes.map(index => names[index] as string)
    const tables = stored.map(([name, naming, mark, changed, deleted, columns]): [string, TableKnowledge] => [
      name,
      {
        names: naming,
        mark,
        changed: of(changed),
        deleted: of(deleted),
        columns: new Map(Object.entries(columns).map(([column, indexes]) => [column, of(indexes)])),
      },
    ])
    return { digest, text, tables: new Map(tables), epochs: names }
  } catch {
    return undefined
  }
}

/** The keys that another version believes to be stale after such a write, where it differs from what we believe. */
export function staleByOthers(write: WriteTrace, own: Version, other: Version, prefix: string): string[] {
  if (write.isAnything) return other.epochs.map(epoch => prefix + epoch)
  const stale: string[] = []
  for (const model of write.changedModels) {
    const { tableName } = model.keys
    const theirs = other.tables.get(tableName)
    const ours = own.tables.get(tableName)
    if (theirs === undefined || theirs.mark === ours?.mark) continue
    if (theirs.names !== ours?.names) stale.push(...theirs.changed)
    if (write.deletedModels.has(model)) stale.push(...theirs.deleted)
    for (const column of write.columnsOf.get(model) ?? []) stale.push(...(theirs.columns.get(column) ?? []))
  }
  return stale.map(key => prefix + key)
}

/** Models and links whose entries a write of the other version may leave stale, as long as it does not know of this one. */
export function differingNames(own: OwnVersion, other: Version): ReadonlySet<string> {
  const names = new Set<string>()
  const add = (keys: readonly string[]) => {
    for (const key of keys) {
      const name = own.nameOf(key)
      if (name !== undefined) names.add(name)
    }
  }
  for (const [table, ours] of own.tables) {
    const theirs = other.tables.get(table)
    if (theirs === undefined || theirs.mark === ours.mark) continue
    if (theirs.names !== ours.names) add(ours.changed)
    add(apart(ours.deleted, theirs.deleted))
    for (const column of new Set([...ours.columns.keys(), ...theirs.columns.keys()])) {
      add(apart(ours.columns.get(column) ?? [], theirs.columns.get(column) ?? []))
    }
  }
  return names
}

/** What is in one of the two alone. */
function apart(a: readonly string[], b: readonly string[]): string[] {
  return [...a.filter(key => !b.includes(key)), ...b.filter(key => !a.includes(key))]
}

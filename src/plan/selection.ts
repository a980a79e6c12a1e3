/** What a caller gets of a row: which scalars, which related rows, which counts. Made in `make-selection.ts`. */
import type { Args, ArgsReader, ModelsRead } from './args.js'
import type { Cached, CatalogModel, Relation } from './catalog.js'

export const COUNT = '_count'

export interface Selection {
  readonly model: CatalogModel
  readonly cached: Cached
  /** Indexes of the scalars, in the order of the result; undefined for all. */
  readonly fieldIndexes: readonly number[] | undefined
  readonly related: readonly Related[]
  readonly counted: readonly Counted[]
  /** Names of all fields in the order of the result, where there is more than scalars. */
  readonly order: readonly string[] | undefined
  /** One text for all args that give this selection. */
  readonly text: string
}

/** A relation field of the result. */
export interface Related {
  readonly name: string
  readonly relation: Relation
  /** As the caller wrote it. */
  readonly args: true | Args
  /** The canonical text of its `where`, `orderBy` and the like; empty when there are none. */
  readonly text: string
  /** Relations in those, and whether it begins at a row that may be in another list. */
  readonly modelsRead: ModelsRead
  readonly hasCursor: boolean
  /** Whether Prisma loads it by a join in SQL, which some values do not survive. */
  readonly joined: boolean
  readonly selection: Selection
}

/** A relation in `_count`. */
export interface Counted {
  readonly name: string
  readonly relation: Relation
  /** As the caller wrote it. */
  readonly args: true | Args
  readonly text: string
  readonly modelsRead: ModelsRead
}

/** What depends on the client and not on the schema. */
export interface ClientTraits {
  /** Fields that the client leaves out of every result of the model unless a query says otherwise. */
  globalOmit(model: string): Readonly<Record<string, unknown>> | undefined
  readonly computed: Computed
  readonly reader: ArgsReader
  /** Whether `relationLoadStrategy` is an argument that Prisma knows. */
  readonly joins: boolean
  /** Why no read of this client reaches the cache, if that is so. */
  readonly unseen: string | undefined
  /** Of this client; its computed fields change them. */
  readonly selections: Selections
}

/** Computed fields, of result extensions. */
export interface Computed {
  readonly isEmpty: boolean
  /** Whether the model has a computed field of this name; it may hide a column. */
  has(model: string, name: string): boolean
  /** Whether a computed field of the model needs this field: Prisma then loads it although it is omitted. */
  needs(model: string, field: string): boolean
  /** Adds those of a client that was extended further; answers whether there are any that were not known. */
  addThoseOf(client: object): boolean
}

/** Selections that were made before, by how their args are written. */
export interface Selections {
  /** @throws Bypass */
  of(model: CatalogModel, args: Args, joined: boolean, client: ClientTraits): Selection
  forget(): void
}

export function textOfRelated({ name, relation, text, modelsRead, joined, selection }: Related): string {
  const how = joined ? '!' : ''
  return `.${name}=${relation.edge}${how}(${text}${relation.target.meaning}${meaningsOf(modelsRead)}${selection.text})`
}

export function textOfCounted({ name, relation, text, modelsRead }: Counted): string {
  return `._count.${name}=${relation.edge}(${text}${relation.target.meaning}${meaningsOf(modelsRead)})`
}

/** What the names in a text mean: the columns and relations of the models that it looks at. */
export function meaningsOf({ models }: ModelsRead): string {
  return [...models]
    .map(({ meaning }) => meaning)
    .toSorted()
    .join()
}

/** The shortest TTL of the models whose rows are in a result. */
export function ttlMsOf({ related }: Selection, ttlMs: number): number {
  return related.reduce(
    (least, { selection }) => Math.min(least, ttlMsOf(selection, selection.cached.policy.ttlMs)),
    ttlMs,
  )
}

/** What the plan knows of a schema: its models with their keys in Redis, and how they are cached. Made in `build-catalog.ts`. */
import type { Policy } from '../options.js'
import type { Canonicalize, Equality } from '../schema/canonical.js'
import type { Key, Model, RelationField, ScalarField } from '../schema/schema.js'
import type { ModelKeys } from '../wire/keys.js'
import type { ResultCodec } from '../wire/results.js'
import type { RowCodec } from '../wire/rows.js'

export interface CatalogModel {
  /** In the schema. */
  readonly name: string
  readonly definition: Model
  readonly keys: ModelKeys
  /** The same in two versions of a schema only if all names of its fields mean the same. */
  readonly meaning: string
  /** Undefined when the model has no primary key, or one whose values have no exact text. */
  readonly identity: Identity | undefined
  /** The primary key and the other uniques whose values have exact texts. */
  readonly identities: readonly Identity[]
  /** Its relations by name, hidden ones too. */
  readonly relations: ReadonlyMap<string, Relation>
  /** The lists of other models that a row of this one is in, by its foreign keys. */
  readonly lists: readonly ParentList[]
  /** Models that any write to this one changes too: views of it, and what triggers touch. */
  readonly triggers: readonly CatalogModel[]
  /** Undefined when the model's rows are not cached. */
  readonly cached: Cached | undefined
}

/** How the model's rows are cached. */
export interface Cached {
  readonly policy: Policy
  readonly codec: RowCodec
  /** Index of each cached field, in schema order: all but the excluded ones. */
  readonly fieldIndex: ReadonlyMap<string, number>
  /** The same, the other way round. */
  readonly fieldNames: readonly string[]
  /** Every scalar field, the excluded ones too. */
  readonly scalarNames: readonly string[]
  readonly fields: ReadonlyMap<string, CachedField>
  /** The identities that may stand in Redis. */
  readonly pins: readonly Identity[]
  /** For results that are no rows. */
  readonly numbers: ResultCodec
  /** Whether a row that comes by a join in SQL has just the values that the row has by itself. */
  readonly exactInJson: boolean
  /** A field with which Prisma can't read the whole row, if there is one. */
  readonly undecoded: string | undefined
}

/**
 * Whether Prisma can't read a row that has this field. It takes a row for an instance of a class when `row.constructor.name` is not
 * `Object`; and a column `__proto__` becomes the prototype of the row, so that Prisma finds neither its value nor, by a foreign key
 * in it, the related row.
 */
export function isUndecoded({ name, column }: Pick<ScalarField, 'name' | 'column'>): boolean {
  return name === 'constructor' || column === '__proto__'
}

export interface CachedField {
  readonly field: ScalarField
  readonly canonicalize: Canonicalize
  readonly equality: Equality
}

/** A primary key or a unique, as far as it can name rows. */
export interface Identity {
  readonly key: Key
  readonly names: readonly string[]
  readonly columns: readonly string[]
  readonly equality: Equality
  /** The values of the key fields, encoded for a key; undefined when one of them is not canonical. */
  idOf(values: Readonly<Record<string, unknown>>): string | undefined
  /**
   * Whether equal is the same in JavaScript and in the database, so that a value in args names the row that it finds. Of
   * texts that is known when the database has answered: it is to be called with each plan.
   */
  isExact(): boolean
}

/** A relation field, with what the plan needs to know of it. */
export interface Relation {
  readonly field: RelationField
  readonly target: CatalogModel
  /** The same in two versions of a schema only if it is the same relation, seen from the same end. */
  readonly edge: string
  /** The epoch of an implicit many-to-many relation, the same seen from both ends. */
  readonly link: string | undefined
  /** On the side without the foreign key, of a list: how it hangs on the tag of its parent. */
  readonly list: ParentList | undefined
}

/** "The posts of user 42": a list of rows by their foreign key, and the relation tag that it hangs on. */
export interface ParentList {
  /** The relation field of the rows in the list, and their model. */
  readonly field: RelationField
  readonly child: CatalogModel
  readonly parent: CatalogModel
  /** What the foreign key references. */
  readonly by: Identity
  /** Name of a field that is referenced → name of the field of the foreign key. */
  readonly foreign: ReadonlyMap<string, string>
  /**
   * Whether what is read may depend on its tag. That needs equal values to have one text, because every writer names the tag by
   * the text of the value:
   * - Not a text: always.
   * - A text: only where both columns are known to have a deterministic collation. A reader that does not know that depends on the
   *   every-write epoch instead. A writer that does not know it invalidates the list epoch as well, because a reader may know more.
   * - Never where one of the fields is excluded: its values are in no key. Writes invalidate the list epoch instead, which covers
   *   readers with other options.
   */
  hasUsableTag(): boolean
  /** The tag of a parent, by the id that the foreign key references. */
  tagAt(id: string): string
  /**
   * The tag of the parent that a row of the list names: null when it has none, undefined when it can't be named.
   *
   * @param row - with the fields of the foreign key
   */
  tagOf(row: Readonly<Record<string, unknown>>): string | null | undefined
}

export type Catalog = ReadonlyMap<string, CatalogModel>

/** What the database says of its columns, as far as it has answered. */
export interface Collations {
  /** Whether equal texts of the column are the same text. Undefined: not known (yet). */
  deterministic(model: Model, field: ScalarField): boolean | undefined
}

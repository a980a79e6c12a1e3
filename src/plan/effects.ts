/**
 * What a write makes wrong. Names of rows come from exactly two places: args that pin a primary key, and what the write
 * itself returns; never from a read before the write, which is a race. What has no name is an unnamed write: it bumps the
 * epoch that every entry of the model was made under. Every model of the schema is covered, whatever is configured,
 * because another process may cache what this one only writes.
 */
import type { Catalog, CatalogModel } from './catalog.js'
import type { RelationField } from './schema.js'
import type { Drops } from '../redis/store.js'

/** What one write, or one transaction, has changed so far. */
export class Effects {
  readonly #rows = new Map<CatalogModel, Set<string>>()
  readonly #changed = new Set<CatalogModel>()
  readonly #unnamed = new Set<CatalogModel>()

  /** Some rows of the model were created or changed, each of them named, or too new to be cached. */
  changed(model: CatalogModel): this {
    this.#changed.add(model)
    return this
  }

  /** This row was changed or deleted. */
  row(model: CatalogModel, id: string): this {
    const ids = this.#rows.get(model)
    if (ids === undefined) this.#rows.set(model, new Set([id]))
    else ids.add(id)
    return this.changed(model)
  }

  /** Rows of the model were changed that nobody can name. Answers whether that is news. */
  unnamed(model: CatalogModel): boolean {
    if (this.#unnamed.has(model)) return false
    this.#unnamed.add(model)
    this.changed(model)
    return true
  }

  /** Keeps only what has a name. */
  forgetUnnamed(): void {
    this.#unnamed.clear()
  }

  add(other: Effects): void {
    for (const model of other.#changed) this.#changed.add(model)
    for (const model of other.#unnamed) this.#unnamed.add(model)
    for (const [model, ids] of other.#rows) for (const id of ids) this.row(model, id)
  }

  get none(): boolean {
    return this.#changed.size === 0
  }

  get models(): string[] {
    return [...this.#changed].map(({ model }) => model.name)
  }

  get unnamedModels(): string[] {
    return [...this.#unnamed].map(({ model }) => model.name)
  }

  /** The keys to drop. */
  drops(): Drops {
    const keys: string[] = []
    for (const [model, ids] of this.#rows) for (const id of ids) keys.push(model.keys.row(id))
    for (const model of this.#changed) keys.push(model.keys.any)
    for (const model of this.#unnamed) keys.push(model.keys.rows)
    return { holds: [], keys }
  }

  /** The same for a write of unknown outcome, which may be committed later: an unnamed write, with a hold on each model. */
  dropsOfUnknownOutcome(): Drops {
    const models = [...this.#changed]
    const { keys } = this.drops()
    return {
      holds: models.map(model => model.keys.hold),
      keys: [...new Set([...keys, ...models.map(model => model.keys.rows)])],
    }
  }
}

export interface WritePlan {
  /** What the args tell. */
  readonly effects: Effects
  /** The model whose row the result will name, if the operation is on a single row. */
  readonly target: CatalogModel | undefined
  /** Whether the args alone name all that the write changes. */
  readonly named: boolean
}

/** Plans what a model operation makes wrong. Pure: runs nothing. */
export function planWrite(catalog: Catalog, model: CatalogModel, operation: string, args: unknown): WritePlan {
  const walk = new Walk(catalog)
  const { where, data, create, update } = (args ?? {}) as Record<string, unknown>
  switch (operation) {
    case 'create':
      walk.created(model, data)
      // The result tells an id that foreign keys give it; one that the database makes was never there before.
      return hasForeignId(model) ? { effects: walk.effects, target: model, named: isNamed(model, data) } : many(walk)
    case 'createMany':
    case 'createManyAndReturn':
      walk.created(model, data)
      return many(walk)
    case 'update':
      return single(walk, model, where, walk.updated(model, data))
    case 'upsert':
      walk.created(model, create)
      return single(walk, model, where, walk.updated(model, update))
    case 'delete':
      walk.deleted(model)
      return single(walk, model, where, false)
    case 'updateMany':
    case 'updateManyAndReturn':
      walk.effects.unnamed(model)
      walk.updated(model, data)
      return many(walk)
    case 'deleteMany':
      walk.effects.unnamed(model)
      walk.deleted(model)
      return many(walk)
    default:
      // An operation that this version does not know.
      return writeOfAnything(catalog)
  }
}

/** The plan of a write that may do anything. */
export function writeOfAnything(catalog: Catalog): WritePlan {
  return { effects: everything(catalog), target: undefined, named: true }
}

/** A write whose result names nothing more. */
function many({ effects }: Walk): WritePlan {
  return { effects, target: undefined, named: true }
}

/** A write that could be any. */
export function everything(catalog: Catalog): Effects {
  const effects = new Effects()
  for (const model of catalog.values()) effects.unnamed(model)
  return effects
}

/** Any write to this model, and what the referential actions make of it. */
export function anythingTo(catalog: Catalog, model: CatalogModel): Effects {
  const walk = new Walk(catalog)
  walk.effects.unnamed(model)
  walk.deleted(model)
  walk.updated(model, Object.fromEntries(model.model.scalars.map(field => [field.name, null])))
  return walk.effects
}

function single(walk: Walk, model: CatalogModel, where: unknown, keyChanges: boolean): WritePlan {
  const pinned = pinnedId(model, where)
  if (pinned !== undefined) walk.effects.row(model, pinned)
  else walk.effects.changed(model)
  // With a non-deterministic collation the row may be kept under another spelling than the args have.
  const exact = pinned !== undefined && model.identity?.spelling === 'exact'
  // The result has only the new key: the entry under the old one has no name.
  if (keyChanges && !exact) walk.effects.unnamed(model)
  const named = exact && !keyChanges
  return { effects: walk.effects, target: model, named }
}

/** The id that a `where` pins, whatever else it filters by. */
export function pinnedId({ identity }: CatalogModel, where: unknown): string | undefined {
  if (identity === undefined || typeof where !== 'object' || where === null) return undefined
  const { key } = identity
  const parts = key.fields.length === 1 ? where : (where as Record<string, unknown>)[key.name]
  return typeof parts === 'object' && parts !== null ? identity.idOf(parts as Record<string, unknown>) : undefined
}

/** Adds what the result of the write names, or, without a result, what it would have named. */
export function addResult(plan: WritePlan, result: unknown): void {
  const { target, effects } = plan
  if (target === undefined) return
  const id =
    typeof result === 'object' && result !== null ? target.identity?.idOf(result as Record<string, unknown>) : undefined
  if (id !== undefined) effects.row(target, id)
  else if (!plan.named) effects.unnamed(target)
}

/** Walks the data of a write over the relation tree and the referential actions of the schema. */
class Walk {
  readonly effects = new Effects()
  readonly #catalog: Catalog
  readonly #deleted = new Set<CatalogModel>()
  readonly #moved = new Set<RelationField>()

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  /**
   * Rows of the model were created with this data (or a list of it). A row that had the same id before may still be cached,
   * if its delete was not seen.
   */
  created(model: CatalogModel, data: unknown): void {
    this.effects.changed(model)
    for (const item of listOf(data)) {
      const id = model.identity?.idOf(item as Record<string, unknown>)
      if (id !== undefined) this.effects.row(model, id)
      this.#relations(model, item, true)
    }
  }

  /** The same for rows created inside another write: the result does not tell the ids that foreign keys give them. */
  #createdInside(model: CatalogModel, data: unknown): void {
    this.created(model, data)
    if (hasForeignId(model) && !isNamed(model, data)) this.effects.unnamed(model)
  }

  /** Rows of the model get this data. Answers whether the primary key changes. */
  updated(model: CatalogModel, data: unknown): boolean {
    this.effects.changed(model)
    const touched = new Set<string>(model.model.scalars.filter(field => field.updatedAt).map(field => field.name))
    for (const item of listOf(data)) {
      for (const [name, value] of Object.entries(item)) {
        if (value === undefined) continue
        const relation = model.model.relations.find(field => field.name === name)
        for (const field of relation?.fields ?? [name]) touched.add(field)
      }
      this.#relations(model, item, false)
    }
    this.#columnsChanged(model, touched)
    return model.model.primaryKey?.fields.some(field => touched.has(field.name)) ?? false
  }

  /** Rows of the model were deleted: the database changes what references them. */
  deleted(model: CatalogModel): void {
    this.effects.changed(model)
    if (this.#deleted.has(model)) return
    this.#deleted.add(model)
    for (const reference of this.#referencesTo(model)) {
      const { onDelete } = reference
      const child = this.#of(reference.model.name)
      if (isManyToMany(reference)) this.effects.changed(child)
      else if (onDelete === 'Cascade') {
        this.effects.unnamed(child)
        this.deleted(child)
      } else if (onDelete === 'SetNull' || onDelete === 'SetDefault') this.#foreignKeyMoved(reference)
    }
  }

  /** Columns of some rows changed: what references them may follow. */
  #columnsChanged(model: CatalogModel, columns: ReadonlySet<string>): void {
    for (const reference of this.#referencesTo(model)) {
      const { onUpdate, references } = reference
      if (isManyToMany(reference) && model.model.primaryKey?.fields.some(field => columns.has(field.name))) {
        this.effects.changed(this.#of(reference.model.name))
      }
      if (onUpdate === 'Restrict' || onUpdate === 'NoAction' || !references.some(field => columns.has(field))) continue
      this.#foreignKeyMoved(reference)
    }
  }

  /** The foreign key of rows that nobody can name changed. */
  #foreignKeyMoved(reference: RelationField): void {
    const child = this.#of(reference.model.name)
    this.effects.unnamed(child)
    if (this.#moved.has(reference)) return
    this.#moved.add(reference)
    this.#columnsChanged(child, new Set(reference.fields))
  }

  // ---- nested writes

  #relations(model: CatalogModel, data: object, created: boolean): void {
    for (const relation of model.model.relations) {
      const nested = (data as Record<string, unknown>)[relation.name]
      if (typeof nested === 'object' && nested !== null) this.#nested(model, relation, nested, created)
    }
  }

  #nested(model: CatalogModel, relation: RelationField, nested: object, parentIsNew: boolean): void {
    const target = this.#of(relation.target.name)
    if (isManyToMany(relation)) this.effects.changed(model).changed(target)
    for (const [operation, value] of Object.entries(nested)) {
      if (value === undefined) continue
      if (movesForeignKeys(relation, operation, parentIsNew)) {
        this.#foreignKeyMoved(relation.fields.length > 0 ? relation : relation.opposite)
      }
      for (const item of listOf(value)) this.#nestedItem(target, operation, item as Record<string, unknown>)
      if (operation === 'delete' || operation === 'deleteMany') {
        this.effects.unnamed(target)
        this.deleted(target)
      }
    }
  }

  #nestedItem(target: CatalogModel, operation: string, item: Record<string, unknown>): void {
    if (operation === 'create') this.#createdInside(target, item)
    if (operation === 'createMany') this.#createdInside(target, item.data)
    if (operation === 'connectOrCreate' || operation === 'upsert') this.#createdInside(target, item.create)
    if (operation !== 'update' && operation !== 'updateMany' && operation !== 'upsert') return
    this.effects.unnamed(target)
    if (operation === 'upsert') this.updated(target, item.update)
    else {
      // To-one relations may take the data itself, and a field of the model may be named `data`: walk both.
      this.updated(target, item.data)
      this.updated(target, item)
    }
  }

  /** Relation fields, of any model, that lead to this one: those with the foreign key, and both ends of many-to-many. */
  #referencesTo({ model }: CatalogModel): RelationField[] {
    return model.relations
      .map(relation => relation.opposite)
      .filter(reference => reference.fields.length > 0 || isManyToMany(reference))
  }

  #of(name: string): CatalogModel {
    return this.#catalog.get(name) as CatalogModel
  }
}

/** Whether a nested operation changes foreign keys of rows other than the one that is written here, or created below it. */
function movesForeignKeys(relation: RelationField, operation: string, parentIsNew: boolean): boolean {
  if (isManyToMany(relation) || operation === 'update' || operation === 'updateMany') return false
  const toOne = !relation.list && !relation.opposite.list
  // From the side with the foreign key only a 1-1 relation reaches further: it pushes out the row that was there.
  if (relation.fields.length > 0) return toOne && operation !== 'create'
  if (operation === 'create' || operation === 'createMany') return toOne && !parentIsNew
  return true
}

/** Whether data (or each of a list of it) holds the whole primary key. */
function isNamed({ identity }: CatalogModel, data: unknown): boolean {
  return listOf(data).every(item => identity?.idOf(item as Record<string, unknown>) !== undefined)
}

/** Whether a foreign key is part of the primary key. */
function hasForeignId({ model: { primaryKey, relations } }: CatalogModel): boolean {
  return primaryKey?.fields.some(({ name }) => relations.some(({ fields }) => fields.includes(name))) ?? false
}

function isManyToMany(relation: RelationField): boolean {
  return relation.list && relation.opposite.list
}

function listOf(value: unknown): object[] {
  return (Array.isArray(value) ? value : [value]).filter(item => typeof item === 'object' && item !== null)
}

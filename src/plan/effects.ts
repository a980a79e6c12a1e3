/**
 * What a write makes stale, and the keys to invalidate. Every model of the schema is covered, whatever is configured,
 * because another process may cache what this one only writes.
 */
import type { Catalog, CatalogModel } from './catalog.js'
import type { Invalidation } from '../wire/keys.js'

/** Why something is stale. `npm run fuzz -- --without <rule>` shows what goes wrong without the rule. */
export const RULES = {
  'every-write':
    'each write invalidates the every-write epoch of its model: absences, results, rows found by another unique',
  row: 'the row that is written, by an id in the args or in the result',
  parent: 'the relation tag of each parent that the written row names by a foreign key',
  moved: 'the list epoch, when a foreign key changes or is not known: the old parent has no name',
  key: 'a new primary key, and no args that pin the old one: all rows of the model',
  bulk: 'rows of a bulk write that its `where` does not pin: all rows of the model',
  child: 'a row written inside another write: by its id where the args pin it, else all rows of its model',
  'pushed-out': 'the row that a one-to-one relation leaves behind when another takes its place: all rows of its model',
  cascade: 'rows that the database deletes or changes with the row they reference: all rows of their model',
  link: 'the epoch of an implicit many-to-many relation',
  raw: 'rows that raw SQL updates or deletes: all rows of the models whose tables it names',
  touched: 'models that triggers change, and views: all their rows',
  anything: 'a write that can not be planned: all models that it may concern',
} as const

export type Rule = keyof typeof RULES

/** What a write did, as far as its plan knows. */
export interface WriteTrace {
  readonly changedModels: Iterable<CatalogModel>
  readonly deletedModels: ReadonlySet<CatalogModel>
  /** Columns that got values. */
  readonly columnsOf: ReadonlyMap<CatalogModel, ReadonlySet<string>>
  /** Whether it may have done anything else. */
  readonly isAnything: boolean
}

/** What one write, or one transaction, has changed so far. */
export class Effects implements WriteTrace {
  readonly #rows = new Map<CatalogModel, Set<string>>()
  readonly #changed = new Set<CatalogModel>()
  readonly #moved = new Set<CatalogModel>()
  readonly #unnamed = new Set<CatalogModel>()
  readonly #tags = new Set<string>()
  readonly #links = new Map<string, readonly CatalogModel[]>()
  readonly #deleted = new Set<CatalogModel>()
  readonly #columns = new Map<CatalogModel, Set<string>>()
  #anything = false

  /** Some rows of the model were created or changed. */
  changed(model: CatalogModel): this {
    if (this.#changed.has(model)) return this
    this.#changed.add(model)
    for (const touched of model.triggers) this.unnamed(touched, 'touched')
    return this
  }

  /**
   * This row was changed or deleted.
   *
   * @param _rule - why; the fuzzer replaces this method by one that leaves a rule out
   */
  row(model: CatalogModel, id: string, _rule: Rule): this {
    this.changed(model)
    const ids = this.#rows.get(model)
    if (ids === undefined) this.#rows.set(model, new Set([id]))
    else ids.add(id)
    return this
  }

  /** Lists under this relation tag changed. */
  tag(tag: string): this {
    this.#tags.add(tag)
    return this
  }

  /** Rows of the model left or joined lists that have no name here. */
  lists(model: CatalogModel): this {
    if (model.lists.length > 0) this.#moved.add(model)
    return this
  }

  /** Rows of the model were changed that have no name here. Answers whether that is news. */
  unnamed(model: CatalogModel, _rule: Rule): boolean {
    if (this.#unnamed.has(model)) return false
    this.#unnamed.add(model)
    this.changed(model)
    return true
  }

  /** Rows of the model were deleted. */
  deleted(model: CatalogModel): this {
    this.#deleted.add(model)
    return this.changed(model)
  }

  /** These columns of rows of the model got values. */
  columns(model: CatalogModel, columns: Iterable<string>): this {
    const known = this.#columns.get(model) ?? new Set()
    for (const column of columns) known.add(column)
    this.#columns.set(model, known)
    return this
  }

  /** It may have done anything else. */
  anything(): this {
    this.#anything = true
    return this
  }

  /** Links of an implicit many-to-many relation between these models were set or cut. */
  links(link: string, ends: readonly CatalogModel[]): this {
    this.#links.set(link, ends)
    return this
  }

  /** Keeps only what has a name. */
  keepNamedOnly(): void {
    this.#unnamed.clear()
    this.#moved.clear()
  }

  add(other: Effects): void {
    for (const model of other.#changed) this.#changed.add(model)
    for (const model of other.#moved) this.#moved.add(model)
    for (const model of other.#unnamed) this.#unnamed.add(model)
    for (const tag of other.#tags) this.#tags.add(tag)
    for (const [link, ends] of other.#links) this.#links.set(link, ends)
    for (const model of other.#deleted) this.#deleted.add(model)
    for (const [model, columns] of other.#columns) this.columns(model, columns)
    this.#anything ||= other.#anything
    for (const [model, ids] of other.#rows) {
      const own = this.#rows.get(model)
      if (own === undefined) this.#rows.set(model, new Set(ids))
      else for (const id of ids) own.add(id)
    }
  }

  get isEmpty(): boolean {
    return this.#changed.size + this.#links.size === 0
  }

  get changedModels(): Iterable<CatalogModel> {
    return this.#changed
  }

  get deletedModels(): ReadonlySet<CatalogModel> {
    return this.#deleted
  }

  get columnsOf(): ReadonlyMap<CatalogModel, ReadonlySet<string>> {
    return this.#columns
  }

  get isAnything(): boolean {
    return this.#anything
  }

  get models(): string[] {
    return [...this.#changed].map(({ definition }) => definition.name)
  }

  get unnamedModels(): string[] {
    return [...this.#unnamed].map(({ definition }) => definition.name)
  }

  /** The keys to invalidate. */
  invalidation(): Invalidation {
    const keys: string[] = []
    for (const [model, ids] of this.#rows) for (const id of ids) keys.push(model.keys.row(id))
    keys.push(...this.#tags, ...this.#links.keys())
    for (const model of this.#changed) keys.push(model.keys.everyWrite)
    for (const model of this.#moved) keys.push(model.keys.lists)
    for (const model of this.#unnamed) keys.push(model.keys.unnamedWrites)
    return { holds: [], keys }
  }

  /** What strict mode says before the write: the same keys, and the holds of all models that they are of. */
  intent(): Invalidation {
    return { holds: this.#models().map(model => model.keys.hold), keys: this.invalidation().keys }
  }

  /** The models whose rows or links are written. */
  get concernedModels(): string[] {
    return this.#models().map(({ name }) => name)
  }

  /** Whether nothing but rows of this model is written. */
  isOnlyOf(model: CatalogModel): boolean {
    return this.#changed.size === 1 && this.#changed.has(model) && this.#links.size === 0 && !this.#deleted.has(model)
  }

  /** The key of the only row of the model, if it has a name and no other row of the model is written. */
  onlyRowOf(model: CatalogModel): string | undefined {
    const ids = this.#rows.get(model)
    const [id] = ids ?? []
    return id === undefined || ids?.size !== 1 || this.#unnamed.has(model) ? undefined : model.keys.row(id)
  }

  #models(): CatalogModel[] {
    return [...new Set([...this.#changed, ...[...this.#links.values()].flat()])]
  }

  /** The same for a write of unknown outcome, which may be committed later: an unnamed write, with a hold on each model. */
  invalidationOfUnknownOutcome(): Invalidation {
    const models = this.#models()
    const { keys } = this.invalidation()
    return {
      holds: models.map(model => model.keys.hold),
      keys: [...new Set([...keys, ...models.flatMap(model => [model.keys.unnamedWrites, model.keys.everyWrite])])],
    }
  }
}

/** A write that could be any. */
export function anyWrite(catalog: Catalog, effects: Effects = new Effects()): Effects {
  effects.anything()
  for (const model of catalog.values()) {
    effects.unnamed(model, 'anything')
    for (const { link, target } of model.relations.values())
      if (link !== undefined) effects.links(link, [model, target])
  }
  return effects
}

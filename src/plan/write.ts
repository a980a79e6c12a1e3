/**
 * What a write operation makes wrong. Names come from exactly two places: args that pin a primary key, and what the write
 * itself returns; never from a read before the write, which is a race. What has no name is an unnamed write: it bumps the
 * epoch that every entry of the model was made under.
 */
import type { Catalog, CatalogModel, ListOf, Relation } from './catalog.js'
import { Effects, everything, type Rule } from './effects.js'
import type { RelationField } from './schema.js'
import { type TableWrite, tablesWritten } from './sql.js'

export interface WritePlan {
  /** What the args tell. */
  readonly effects: Effects
  /** What the result will tell; undefined: nothing. */
  readonly expected: Expected | undefined
}

/** What the rows in the result of a write have to name. */
export interface Expected {
  readonly model: CatalogModel
  /** Fields that the result has to have for that. */
  readonly fields: ReadonlySet<string>
  /** Adds what one row names, or, without one, what it would have named. */
  readonly add: (row: Values | undefined) => void
}

type Values = Readonly<Record<string, unknown>>

/** Plans what a model operation makes wrong. Pure: runs nothing. */
export function planWrite(
  catalog: Catalog,
  model: CatalogModel,
  operation: string,
  args: unknown,
  without?: string,
): WritePlan {
  const walk = new Walk(catalog, new Effects(without))
  const { where, data, create, update, select, include } = (args ?? {}) as Values
  switch (operation) {
    case 'create':
      walk.create(model, data, true)
      return walk.plan(model)
    case 'createMany':
      for (const item of listOf(data)) walk.create(model, item, false)
      return walk.plan(undefined)
    case 'createManyAndReturn':
      walk.createAndReturn(model, data)
      return walk.plan(model)
    case 'update':
      walk.update(model, where, data)
      return walk.plan(model)
    case 'upsert':
      walk.create(model, create, true)
      walk.update(model, where, update)
      return walk.plan(model)
    case 'delete':
      walk.delete(model, where, !asksForRelations(model, select ?? include))
      return walk.plan(model)
    case 'updateMany':
      walk.updateMany(model, where, data)
      return walk.plan(undefined)
    case 'updateManyAndReturn':
      walk.updateAndReturn(model, where, data)
      return walk.plan(model)
    case 'deleteMany':
      walk.bulk(model, where)
      walk.deleted(model)
      return walk.plan(undefined)
    default:
      // An operation that this version does not know.
      return writeOfAnything(catalog, without)
  }
}

/** The plan of a write that may do anything. */
export function writeOfAnything(catalog: Catalog, without?: string): WritePlan {
  return { effects: everything(catalog, without), expected: undefined }
}

/** A row that was written elsewhere; without an id any of the model's. */
export function writeOf(catalog: Catalog, model: CatalogModel, id: string | undefined): Effects {
  const walk = new Walk(catalog, new Effects())
  if (id === undefined) walk.effects.unnamed(model, 'anything')
  else walk.effects.row(model, id, 'row').moved(model)
  return walk.plan(undefined).effects
}

/** Any write to these models, and what the referential actions make of it. */
export function anythingTo(catalog: Catalog, models: readonly CatalogModel[], without?: string): Effects {
  const walk = new Walk(catalog, new Effects(without))
  for (const model of models) walk.anything(model, 'anything')
  return walk.plan(undefined).effects
}

/** The plan of raw SQL: what it does to the tables that it names, or anything. */
export function planRaw(catalog: Catalog, text: string | undefined, without?: string): WritePlan {
  const written = text === undefined ? undefined : tablesWritten(text)
  if (written === undefined) return writeOfAnything(catalog, without)
  const walk = new Walk(catalog, new Effects(without))
  for (const write of written) if (!walk.table(write)) return writeOfAnything(catalog, without)
  return walk.plan(undefined)
}

/** The id that a `where` pins, whatever else it filters by. */
export function pinnedId(model: CatalogModel, where: unknown): string | undefined {
  return pinned(model, where)?.id
}

interface Pinned {
  readonly id: string
  /** Of the primary key. */
  readonly values: Values
}

function pinned({ identity }: CatalogModel, where: unknown): Pinned | undefined {
  if (identity === undefined || !isObject(where)) return undefined
  const { key } = identity
  const values = key.fields.length === 1 ? { [key.name]: equalsOf(where[key.name]) } : where[key.name]
  const id = isObject(values) ? identity.idOf(values) : undefined
  return id === undefined ? undefined : { id, values: values as Values }
}

/** The ids that a `where` of many pins: `id: 1`, `id: { in: [1, 2] }`, `userId_postId: {…}` or both parts by equality. */
function pinnedIds(model: CatalogModel, where: unknown): string[] | undefined {
  const { identity } = model
  if (identity === undefined || !isObject(where)) return undefined
  const [name] = identity.names
  const one = name === undefined ? undefined : where[name]
  if (identity.names.length === 1 && name !== undefined && isObject(one) && Array.isArray(one['in'])) {
    const ids = one['in'].map(value => identity.idOf({ [name]: value }))
    return ids.includes(undefined) ? undefined : (ids as string[])
  }
  const id = identity.idOf(Object.fromEntries(identity.names.map(part => [part, equalsOf(where[part])])))
  return id === undefined ? undefined : [id]
}

/** What is known of a row: values of fields, some of them as `Returned`. */
type Known = Values

const NOTHING: Known = Object.freeze({})

/** Adds what the result of the write names; without a result, what it would have named. */
export function addResult({ expected }: WritePlan, result: unknown): void {
  for (const row of listOf(result)) expected?.add(isObject(row) ? row : undefined)
}

/** Walks the data of a write over the relation tree and the referential actions of the schema. */
class Walk {
  readonly effects: Effects
  readonly #catalog: Catalog
  readonly #deleted = new Set<CatalogModel>()
  readonly #moved = new Set<RelationField>()
  /** Fields of the result that are needed, and what to do with them. */
  readonly #wanted = new Set<string>()
  readonly #whenReturned: ((row: Values | undefined) => void)[] = []

  constructor(catalog: Catalog, effects: Effects) {
    this.#catalog = catalog
    this.effects = effects
  }

  /** @param model - of the rows in the result */
  plan(model: CatalogModel | undefined): WritePlan {
    const { effects } = this
    // It grows while it is walked: what is touched may touch others.
    for (const { touches } of effects.changedModels) for (const touched of touches) this.anything(touched, 'touched')
    if (model === undefined || this.#whenReturned.length === 0) return { effects, expected: undefined }
    const add = (row: Values | undefined) => {
      for (const returned of this.#whenReturned) returned(row)
    }
    return { effects, expected: { model, fields: this.#wanted, add } }
  }

  // ---- the operations

  /**
   * A row of the model is created with this data. A row that had the same id before may still be cached, if its delete was
   * not seen.
   *
   * @param returned - whether the result has the values that the database makes
   * @param given - values of foreign keys that follow from where it is created
   */
  create(model: CatalogModel, data: unknown, returned: boolean, given: Known = NOTHING): void {
    this.effects.changed(model)
    if (!isObject(data)) return
    const known = this.#valuesOfNew(model, data, returned, given)
    const id = model.identity?.idOf(known)
    if (id !== undefined) this.effects.row(model, id, 'row')
    // An id that the database makes was never there before; one that foreign keys make may have been.
    else if (hasForeignId(model)) {
      if (returned) this.#rowOfResult(model, 'row')
      else this.effects.unnamed(model, 'child')
    }
    for (const list of model.lists) this.#joined(model, list, known)
    this.#relations(model, data, known, true)
  }

  createAndReturn(model: CatalogModel, data: unknown): void {
    this.effects.changed(model)
    for (const item of listOf(data)) {
      const id = isObject(item) ? model.identity?.idOf(item) : undefined
      if (id !== undefined) this.effects.row(model, id, 'row')
    }
    if (hasForeignId(model)) this.#rowOfResult(model, 'row')
    for (const list of model.lists) this.#joined(model, list, foreignKeysOfResult(model))
  }

  update(model: CatalogModel, where: unknown, data: unknown): void {
    const named = pinned(model, where)
    if (named !== undefined) this.effects.row(model, named.id, 'row')
    this.effects.changed(model)
    const keyChanges = this.updateData(model, data, { ...keysOfResult(model), ...named?.values })
    // With a non-deterministic collation the row may be kept under another spelling than the args have.
    const exact = named !== undefined && model.identity?.spelling === 'exact'
    // The result has only the new key: the entry under the old one has no name.
    if (keyChanges && !exact) this.effects.unnamed(model, 'key')
    if (keyChanges || !exact) this.#rowOfResult(model, 'row')
  }

  updateAndReturn(model: CatalogModel, where: unknown, data: unknown): void {
    this.effects.changed(model)
    const keyChanges = this.updateData(model, data, foreignKeysOfResult(model))
    if (keyChanges) this.bulk(model, where)
    this.#rowOfResult(model, 'row')
  }

  updateMany(model: CatalogModel, where: unknown, data: unknown, rule: Rule = 'bulk'): void {
    this.bulk(model, where, rule)
    if (this.updateData(model, data, NOTHING)) this.effects.unnamed(model, 'key')
  }

  /** @param returning - whether the statement that deletes is the one that answers; else Prisma reads the row before it */
  delete(model: CatalogModel, where: unknown, returning: boolean): void {
    const id = pinnedId(model, where)
    if (id !== undefined) this.effects.row(model, id, 'row')
    if (id === undefined || model.identity?.spelling !== 'exact') {
      if (returning) this.#rowOfResult(model, 'row')
      else this.effects.unnamed(model, 'row')
    }
    const known = returning ? foreignKeysOfResult(model) : NOTHING
    for (const list of model.lists) this.#joined(model, list, known)
    this.deleted(model)
  }

  /** Rows that a `where` pins, or all. */
  bulk(model: CatalogModel, where: unknown, rule: Rule = 'bulk'): void {
    this.effects.changed(model)
    const ids = pinnedIds(model, where)
    if (ids === undefined) this.effects.unnamed(model, rule)
    else for (const id of ids) this.effects.row(model, id, rule)
    this.effects.moved(model)
  }

  /**
   * Rows of the model get this data. Answers whether the primary key changes.
   *
   * @param known - what is known of the row before it gets the data
   */
  updateData(model: CatalogModel, data: unknown, known: Known): boolean {
    if (!isObject(data)) return false
    const touched = new Set(updatedByItself(model))
    let nests = false
    for (const [name, value] of Object.entries(data)) {
      if (value === undefined) continue
      const relation = model.relations.get(name)?.field
      if (relation === undefined) touched.add(name)
      else {
        nests = true
        if (!onlyUpdates(value)) for (const field of relation.fields) touched.add(field)
      }
    }
    for (const list of model.lists) {
      if ([...list.foreign.values()].some(name => touched.has(name))) this.effects.moved(model)
      else this.#joined(model, list, known)
    }
    const keyChanges = model.model.primaryKey?.fields.some(field => touched.has(field.name)) ?? false
    if (nests) this.#relations(model, data, leaveOut(known, touched), false)
    this.columnsChanged(model, touched)
    return keyChanges
  }

  /** Raw SQL to one table. Answers whether that is one of the schema. */
  table({ verb, table, schema, columns }: TableWrite): boolean {
    // A name without a schema is looked for in all of them.
    const isNamed = ({ model }: CatalogModel) =>
      model.table === table && !model.view && (schema === undefined || schema === (model.databaseSchema ?? 'public'))
    const models = [...this.#catalog.values()].filter(isNamed)
    for (const model of models) {
      this.effects.changed(model).moved(model)
      if (verb === 'insert') continue
      this.effects.unnamed(model, 'raw')
      this.columnsChanged(model, fieldsOf(model, columns))
      if (verb === 'delete') this.deleted(model)
    }
    if (models.length > 0) return true
    const links = [...this.#catalog.values()].flatMap(model => {
      const found = [...model.relations.values()].find(
        ({ field, link }) => link !== undefined && field.joinTable === table,
      )
      return found?.link === undefined ? [] : [[found.link, [model, found.target]] as const]
    })
    for (const [link, ends] of links) this.effects.linked(link, ends)
    return links.length > 0
  }

  /** Any rows of the model changed or went, and with them what references them. */
  anything(model: CatalogModel, rule: Rule): void {
    this.effects.unnamed(model, rule)
    this.deleted(model)
    this.columnsChanged(model, fieldsOf(model, undefined))
  }

  // ---- what the result names

  #rowOfResult(model: CatalogModel, rule: Rule): void {
    for (const name of model.identity?.names ?? []) this.#wanted.add(name)
    this.#whenReturned.push(row => {
      const id = row && model.identity?.idOf(row)
      if (id === undefined) this.effects.unnamed(model, rule)
      else this.effects.row(model, id, rule)
    })
  }

  /** The list of the parent that a row names, by what is known of the row. */
  #joined(model: CatalogModel, list: ListOf, known: Known): void {
    const names = [...list.foreign.values()]
    if (names.some(name => known[name] === null)) return
    this.#withValues(names, known, values => this.#inList(model, list, values))
  }

  /** Goes on with the values of these fields, at once or when they have been returned. */
  #withValues(names: readonly string[], known: Known, goOn: (values: Values) => void): void {
    const missing = names.filter(name => known[name] instanceof Returned)
    if (missing.length === 0) return goOn(known)
    for (const name of missing) this.#wanted.add((known[name] as Returned).field)
    this.#whenReturned.push(row => {
      const returned = missing.map(name => [name, row?.[(known[name] as Returned).field]] as const)
      goOn({ ...known, ...Object.fromEntries(returned) })
    })
  }

  #inList(model: CatalogModel, list: ListOf, row: Values): void {
    const tag = list.tagOf(row)
    if (tag === undefined) this.effects.moved(model)
    else if (tag !== null) this.effects.tag(tag)
  }

  // ---- referential actions

  /** Rows of the model were deleted: the database changes what references them. */
  deleted(model: CatalogModel): void {
    this.effects.deleted(model)
    if (this.#deleted.has(model)) return
    this.#deleted.add(model)
    this.#linked(model)
    for (const reference of referencesTo(model)) {
      const child = this.#of(reference.model.name)
      if (reference.onDelete === 'Cascade') {
        this.effects.unnamed(child, 'cascade')
        this.deleted(child)
      } else if (reference.onDelete === 'SetNull' || reference.onDelete === 'SetDefault') {
        this.#foreignKeyMoved(reference, 'cascade')
      }
    }
  }

  /** All links of implicit many-to-many relations that the model's rows may have. */
  #linked(model: CatalogModel): void {
    for (const { link, target } of model.relations.values()) {
      if (link !== undefined) this.effects.linked(link, [model, target])
    }
  }

  /** Columns of some rows changed: what references them may follow. */
  columnsChanged(model: CatalogModel, columns: ReadonlySet<string>): void {
    this.effects.columns(model, columnNames(model, columns))
    if (model.model.primaryKey?.fields.some(field => columns.has(field.name))) this.#linked(model)
    for (const reference of referencesTo(model)) {
      const { onUpdate, references } = reference
      if (onUpdate === 'Restrict' || onUpdate === 'NoAction' || !references.some(field => columns.has(field))) continue
      this.#foreignKeyMoved(reference, 'cascade')
    }
  }

  /** The foreign key of rows that nobody can name changed. */
  #foreignKeyMoved(reference: RelationField, rule: Rule): void {
    const child = this.#of(reference.model.name)
    this.effects.unnamed(child, rule)
    if (this.#moved.has(reference)) return
    this.#moved.add(reference)
    this.columnsChanged(child, new Set(reference.fields))
  }

  // ---- nested writes

  #relations(model: CatalogModel, data: Values, known: Known, created: boolean): void {
    for (const relation of model.relations.values()) {
      const nested = data[relation.field.name]
      if (!isObject(nested)) continue
      for (const [operation, value] of Object.entries(nested)) {
        if (value === undefined) continue
        if (relation.link !== undefined) this.effects.linked(relation.link, [model, relation.target])
        if (pushesOut(relation.field, operation, created)) {
          this.#foreignKeyMoved(
            relation.field.fields.length > 0 ? relation.field : relation.field.opposite,
            'pushed-out',
          )
        }
        for (const item of Array.isArray(value) ? value : [value]) this.#nested(relation, operation, item, known)
      }
    }
  }

  #nested({ field, target }: Relation, operation: string, item: unknown, parent: Known): void {
    // On the side without the foreign key the child's is that of this row.
    const given = field.opposite.fields.length > 0 ? foreignKeyTo(field.opposite, parent) : {}
    const inItem = isObject(item) ? item : {}
    switch (operation) {
      case 'create':
        return this.create(target, item, false, given)
      case 'createMany':
        for (const each of listOf(inItem['data'])) this.create(target, each, false, given)
        return
      case 'connectOrCreate':
        this.create(target, inItem['create'], false, given)
        return this.#relinked(field, target, inItem['where'])
      case 'connect':
      case 'disconnect':
      case 'set':
        return this.#relinked(field, target, item)
      case 'upsert':
        this.create(target, inItem['create'], false, given)
        return this.#child(target, inItem['where'], inItem['update'])
      case 'update':
        if (field.list) return this.#child(target, inItem['where'], inItem['data'])
        return this.#updateOne(target, inItem)
      case 'updateMany':
        return this.updateMany(target, inItem['where'], inItem['data'], 'child')
      case 'delete': {
        this.#pinnedChild(target, item)
        for (const list of target.lists) this.#joined(target, list, pinned(target, item)?.values ?? NOTHING)
        return this.deleted(target)
      }
      case 'deleteMany':
        this.bulk(target, item, 'child')
        return this.deleted(target)
      default:
        this.#pinnedChild(target, undefined)
        return this.deleted(target)
    }
  }

  /**
   * A row inside another write is updated. That it is under that parent was read before, and it may have been moved since:
   * its foreign keys are not known.
   */
  #child(model: CatalogModel, where: unknown, data: unknown): void {
    const known = pinned(model, where)?.values ?? NOTHING
    this.#pinnedChild(model, where)
    if (this.updateData(model, data, known) && model.identity?.spelling !== 'exact') {
      this.effects.unnamed(model, 'key')
    }
  }

  /** The row at the other end of a to-one relation: which one that is was read before. */
  #updateOne(target: CatalogModel, item: Values): void {
    this.#pinnedChild(target, undefined)
    // It may take the data itself, and a field of the model may be named `data`: walk both.
    for (const data of [item['data'], item])
      if (this.updateData(target, data, NOTHING)) this.effects.unnamed(target, 'key')
  }

  #pinnedChild(model: CatalogModel, where: unknown): void {
    const id = pinnedId(model, where)
    if (id === undefined) this.effects.unnamed(model, 'child')
    else this.effects.row(model, id, 'child')
  }

  /** Rows that are connected or disconnected: where they have the foreign key, it changes. */
  #relinked(field: RelationField, target: CatalogModel, where: unknown): void {
    const { opposite } = field
    if (opposite.fields.length === 0) return
    this.#pinnedChild(target, where)
    this.effects.moved(target)
    const columns = new Set(opposite.fields)
    if (target.model.primaryKey?.fields.some(({ name }) => columns.has(name))) this.effects.unnamed(target, 'key')
    this.columnsChanged(target, columns)
  }

  // ---- what is known of a new row

  /** Values of the foreign keys and the primary key of a row that is created with this data. */
  #valuesOfNew(model: CatalogModel, data: Values, returned: boolean, given: Known): Known {
    const known: Record<string, unknown> = { ...given }
    for (const { field } of model.relations.values()) {
      const nested = data[field.name]
      if (!isObject(nested)) continue
      for (const [i, name] of field.fields.entries()) {
        const connected = isObject(nested['connect']) ? nested['connect'][field.references[i] as string] : undefined
        known[name] = connected ?? (returned ? new Returned(name) : undefined)
      }
    }
    for (const { name, type, optional, hasDefault } of model.model.scalars) {
      if (name in known) continue
      const value = data[name]
      const made = returned ? new Returned(name) : undefined
      // These are rounded to the column.
      if (value !== undefined) known[name] = type === 'Decimal' || type === 'DateTime' ? made : value
      else known[name] = optional && !hasDefault ? null : made
    }
    return known
  }

  #of(name: string): CatalogModel {
    return this.#catalog.get(name) as CatalogModel
  }
}

/** A value that is in the result of the write, under this name. */
class Returned {
  readonly field: string

  constructor(field: string) {
    this.field = field
  }
}

/** The foreign key of a row under a parent. */
function foreignKeyTo({ fields, references }: RelationField, parent: Known): Known {
  return Object.fromEntries(fields.map((field, i) => [field, parent[references[i] as string] ?? undefined]))
}

/** What follows from the model alone, and is asked of it with each write. */
function ofModel<Fact>(factOf: (model: CatalogModel) => Fact): (model: CatalogModel) => Fact {
  const known = new WeakMap<CatalogModel, Fact>()
  return model => {
    let fact = known.get(model)
    if (fact === undefined) known.set(model, (fact = factOf(model)))
    return fact
  }
}

/** The keys of the written row, which its result has: its own, those that others reference, and its foreign keys. */
const keysOfResult = ofModel((model): Known => {
  const referenced = referencesTo(model).flatMap(({ references }) => references)
  const own = model.identity?.names ?? []
  return { ...foreignKeysOfResult(model), ...inResult([...own, ...referenced]) }
})

const foreignKeysOfResult = ofModel(({ model }): Known => inResult(model.relations.flatMap(({ fields }) => fields)))

function inResult(names: readonly string[]): Known {
  return Object.fromEntries(names.map(name => [name, new Returned(name)]))
}

function leaveOut(known: Known, touched: ReadonlySet<string>): Known {
  return Object.fromEntries(Object.entries(known).filter(([name]) => !touched.has(name)))
}

/** Relation fields, of any model, that lead to this one by a foreign key. */
const referencesTo = ofModel(({ model }): readonly RelationField[] =>
  model.relations.map(relation => relation.opposite).filter(reference => reference.fields.length > 0),
)

/** Fields that change with each update. */
const updatedByItself = ofModel(({ model }): readonly string[] =>
  model.scalars.filter(field => field.updatedAt).map(field => field.name),
)

/** Whether a nested write changes the row at the other end and no foreign key. */
function onlyUpdates(nested: unknown): boolean {
  return isObject(nested) && Object.keys(nested).every(operation => operation === 'update')
}

/** Whether a nested operation takes the foreign key of a row that it does not name: the one whose place is taken. */
function pushesOut(relation: RelationField, operation: string, parentIsNew: boolean): boolean {
  if (relation.list || operation === 'update') return operation === 'set' && relation.opposite.fields.length > 0
  // From the side with the foreign key only a 1-1 relation reaches further.
  if (relation.fields.length > 0) return !relation.opposite.list && operation !== 'create'
  return !parentIsNew
}

/** Whether a foreign key is part of the primary key. */
function hasForeignId({ model: { primaryKey, relations } }: CatalogModel): boolean {
  return primaryKey?.fields.some(({ name }) => relations.some(({ fields }) => fields.includes(name))) ?? false
}

function columnNames({ model }: CatalogModel, fields: ReadonlySet<string>): string[] {
  return model.scalars.filter(({ name }) => fields.has(name)).map(({ column }) => column)
}

/** Fields of these columns; all that anything could reference where they can't be told. */
function fieldsOf({ model }: CatalogModel, columns: ReadonlySet<string> | undefined): ReadonlySet<string> {
  const fields = model.scalars.filter(field => columns?.has(field.column)).map(field => field.name)
  if (columns !== undefined && fields.length === columns.size) return new Set(fields)
  const referenced = model.relations.flatMap(relation => relation.opposite.references)
  return new Set([...model.scalars.map(field => field.name), ...referenced])
}

function asksForRelations({ relations }: CatalogModel, selection: unknown): boolean {
  return isObject(selection) && Object.keys(selection).some(name => name === '_count' || relations.has(name))
}

/** `{ equals: 1 }` as 1. */
function equalsOf(value: unknown): unknown {
  return isObject(value) && Object.keys(value).length === 1 && 'equals' in value ? value['equals'] : value
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value]
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null
}

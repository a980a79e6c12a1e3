/** The walk over the data of a write: which rows and lists it names, over nested writes and referential actions. */
import { Cascade } from './cascade.js'
import type { CatalogModel, ParentList, Relation } from './catalog.js'
import type { Effects, Rule } from './effects.js'
import {
  foreignKeysOfResult,
  foreignKeyTo,
  isGiven,
  type Known,
  keysOfResult,
  leaveOut,
  NOTHING,
  ofModel,
  Returned,
  valuesOfNew,
} from './written-values.js'
import { isObject, listOf, pinned, pinnedIds, type Values } from './pins.js'
import type { RelationField } from '../schema/schema.js'

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

/** Walks the data of a write over the relation tree and the referential actions of the schema. */
export class WriteWalker extends Cascade {
  /** Fields of the result that are needed, and what to do with them. */
  readonly #wanted = new Set<string>()
  readonly #whenReturned: ((row: Values | undefined) => void)[] = []

  /** @param model - of the rows in the result */
  plan(model: CatalogModel | undefined): WritePlan {
    const { effects } = this
    // It grows while it is walked: what is touched may touch others.
    for (const { triggers } of effects.changedModels) for (const touched of triggers) this.anything(touched, 'touched')
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
    const known = valuesOfNew(model, data, returned, given)
    const { identity } = model
    const id = identity?.idOf(known)
    if (id !== undefined) this.effects.row(model, id, 'row')
    // An id that the database makes was never there before; one that the data makes may have been.
    else if (identity !== undefined && isGiven(model, identity.names, data, given)) {
      if (returned) this.#rowOfResult(model, 'row')
      else this.effects.unnamed(model, 'child')
    }
    for (const list of model.lists) this.#joined(model, list, known)
    this.#relations(model, data, known, true)
  }

  createAndReturn(model: CatalogModel, data: unknown): void {
    let isToBeNamed = false
    this.effects.changed(model)
    for (const item of listOf(data)) {
      if (!isObject(item)) continue
      const id = model.identity?.idOf(valuesOfNew(model, item, false, NOTHING))
      if (id !== undefined) this.effects.row(model, id, 'row')
      else if (isGiven(model, model.identity?.names ?? [], item, NOTHING)) isToBeNamed = true
    }
    if (isToBeNamed) this.#rowOfResult(model, 'row')
    for (const list of model.lists) this.#joined(model, list, foreignKeysOfResult(model))
  }

  update(model: CatalogModel, where: unknown, data: unknown): void {
    const named = pinned(model, where)
    if (named !== undefined) this.effects.row(model, named.id, 'row')
    this.effects.changed(model)
    const keyChanges = this.updateData(model, data, { ...keysOfResult(model), ...named?.values })
    // With a non-deterministic collation the row may be kept under another spelling than the args have.
    const exact = named?.exact === true
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
    const named = pinned(model, where)
    if (named !== undefined) this.effects.row(model, named.id, 'row')
    if (named?.exact !== true) {
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
    this.effects.lists(model)
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
      if ([...list.foreign.values()].some(name => touched.has(name))) this.effects.lists(model)
      else this.#joined(model, list, known)
    }
    const keyChanges = model.definition.primaryKey?.fields.some(field => touched.has(field.name)) ?? false
    if (nests) this.#relations(model, data, leaveOut(known, touched), false)
    this.columnsChanged(model, touched)
    return keyChanges
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
  #joined(model: CatalogModel, list: ParentList, known: Known): void {
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

  #inList(model: CatalogModel, list: ParentList, row: Values): void {
    const tag = list.tagOf(row)
    if (tag === null) return
    if (tag !== undefined) this.effects.tag(tag)
    if (tag === undefined || !list.hasUsableTag()) this.effects.lists(model)
  }

  // ---- nested writes

  #relations(model: CatalogModel, data: Values, known: Known, created: boolean): void {
    for (const relation of model.relations.values()) {
      const nested = data[relation.field.name]
      if (!isObject(nested)) continue
      for (const [operation, value] of Object.entries(nested)) {
        if (value === undefined) continue
        if (relation.link !== undefined) this.effects.links(relation.link, [model, relation.target])
        if (pushesOut(relation.field, operation, created)) {
          this.foreignKeyMoved(
            relation.field.fields.length > 0 ? relation.field : relation.field.opposite,
            'pushed-out',
          )
        }
        for (const item of Array.isArray(value) ? value : [value]) this.#nested(relation, operation, item, known)
      }
    }
  }

  #nested({ field, target }: Relation, operation: string, item: unknown, parent: Known): void {
    // On the side without the foreign key, the child's foreign key takes its value from this row.
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
   * A row inside another write is updated. Prisma checked its parent earlier, and it may have been moved since:
   * its foreign keys are not known.
   */
  #child(model: CatalogModel, where: unknown, data: unknown): void {
    const known = pinned(model, where)?.values ?? NOTHING
    this.#pinnedChild(model, where)
    if (this.updateData(model, data, known) && model.identity?.isExact() !== true) this.effects.unnamed(model, 'key')
  }

  /** The row at the other end of a to-one relation: which one that is was read before. */
  #updateOne(target: CatalogModel, item: Values): void {
    this.#pinnedChild(target, undefined)
    // It may take the data itself, and a field of the model may be named `data`: walk both.
    for (const data of [item['data'], item])
      if (this.updateData(target, data, NOTHING)) this.effects.unnamed(target, 'key')
  }

  #pinnedChild(model: CatalogModel, where: unknown): void {
    const named = pinned(model, where)
    if (named !== undefined) this.effects.row(model, named.id, 'child')
    if (named?.exact !== true) this.effects.unnamed(model, 'child')
  }

  /** Rows that are connected or disconnected: where they have the foreign key, it changes. */
  #relinked(field: RelationField, target: CatalogModel, where: unknown): void {
    const { opposite } = field
    if (opposite.fields.length === 0) return
    this.#pinnedChild(target, where)
    this.effects.lists(target)
    const columns = new Set(opposite.fields)
    if (target.definition.primaryKey?.fields.some(({ name }) => columns.has(name))) this.effects.unnamed(target, 'key')
    this.columnsChanged(target, columns)
  }
}

/** Fields that change with each update. */
const updatedByItself = ofModel(({ definition }): readonly string[] =>
  definition.scalars.filter(field => field.updatedAt).map(field => field.name),
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

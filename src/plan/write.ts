/**
 * What a write operation makes stale. Names come from exactly two places: args that pin a primary key, and what the write itself
 * returns; never from a read before the write, which is a race. What has no name is an unnamed write: it invalidates
 * `@rows` beside `@any`, and with them all rows of the model.
 */
import type { Catalog, CatalogModel } from './catalog.js'
import { anyWrite, Effects } from './effects.js'
import { isObject, listOf, pinned, type Values } from './pins.js'
import { tablesWritten } from './sql.js'
import { type WritePlan, WriteWalker } from './write-rows.js'

export type { Expected, WritePlan } from './write-rows.js'

/**
 * Plans what a model operation makes stale. Pure: runs nothing.
 *
 * @param effects - to add it to
 */
export function planWrite(
  catalog: Catalog,
  model: CatalogModel,
  operation: string,
  args: unknown,
  effects = new Effects(),
): WritePlan {
  const walker = new WriteWalker(catalog, effects)
  const { where, data, create, update, select, include } = (args ?? {}) as Values
  switch (operation) {
    case 'create':
      walker.create(model, data, true)
      return walker.plan(model)
    case 'createMany':
      for (const item of listOf(data)) walker.create(model, item, false)
      return walker.plan(undefined)
    case 'createManyAndReturn':
      walker.createAndReturn(model, data)
      return walker.plan(model)
    case 'update':
      walker.update(model, where, data)
      return walker.plan(model)
    case 'upsert':
      walker.create(model, create, true)
      walker.update(model, where, update)
      return walker.plan(model)
    case 'delete':
      walker.delete(model, where, !asksForRelations(model, select ?? include))
      return walker.plan(model)
    case 'updateMany':
      walker.updateMany(model, where, data)
      return walker.plan(undefined)
    case 'updateManyAndReturn':
      walker.updateAndReturn(model, where, data)
      return walker.plan(model)
    case 'deleteMany':
      walker.bulk(model, where)
      walker.deleted(model)
      return walker.plan(undefined)
    default:
      // An operation that this version does not know.
      return unknownWrite(catalog, effects)
  }
}

/** The plan of a write that may do anything. */
export function unknownWrite(catalog: Catalog, effects = new Effects()): WritePlan {
  return { effects: anyWrite(catalog, effects), expected: undefined }
}

/** The row that a unique `where` pins was written elsewhere; if that names none, any of the model's. */
export function outsideWrite(catalog: Catalog, model: CatalogModel, where: unknown): Effects {
  const walker = new WriteWalker(catalog, new Effects())
  const named = pinned(model, where)
  if (named !== undefined) walker.effects.row(model, named.id, 'row').lists(model)
  if (named?.exact !== true) walker.effects.unnamed(model, 'anything')
  return walker.plan(undefined).effects
}

/** Any write to these models, and what the referential actions make of it. */
export function anyWriteTo(catalog: Catalog, models: readonly CatalogModel[], effects = new Effects()): Effects {
  const walker = new WriteWalker(catalog, effects)
  for (const model of models) walker.anything(model, 'anything')
  return walker.plan(undefined).effects
}

/** The plan of raw SQL: what it does to the tables that it names, or anything. */
export function planRaw(catalog: Catalog, text: string | undefined, effects = new Effects()): WritePlan {
  const written = text === undefined ? undefined : tablesWritten(text)
  if (written === undefined) return unknownWrite(catalog, effects)
  const walker = new WriteWalker(catalog, effects)
  for (const write of written) if (!walker.table(write)) return unknownWrite(catalog, effects)
  return walker.plan(undefined)
}

/** Adds what the result of the write names; without a result, what it would have named. */
export function addResult({ expected }: WritePlan, result: unknown): void {
  for (const row of listOf(result)) expected?.add(isObject(row) ? row : undefined)
}

function asksForRelations({ relations }: CatalogModel, selection: unknown): boolean {
  return isObject(selection) && Object.keys(selection).some(name => name === '_count' || relations.has(name))
}

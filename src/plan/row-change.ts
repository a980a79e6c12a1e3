/**
 * What a change of one row makes stale, as the database tells it: with the values that the row has after it, and, as far as its
 * `REPLICA IDENTITY` goes, those before it. What cascades and triggers change comes as changes of its own.
 */
import type { CatalogModel } from './catalog.js'
import type { Effects } from './effects.js'
import type { Values } from './pins.js'
import { ofModel } from './written-values.js'

export interface RowChange {
  readonly kind: 'insert' | 'update' | 'delete'
  /** Undefined: none of the fields that would be told has changed. Always told of a delete. */
  readonly before: Values | undefined
  /** Undefined for a delete. */
  readonly after: Values | undefined
  /** Whether `before` has all fields. */
  readonly isWhole: boolean
  /** Whether a field is part of what identifies the row in the stream: if it changes, its value before is told. */
  readonly isTold: (field: string) => boolean
}

/** The fields whose values name what is stale: the primary key, and the foreign keys that lists go by. */
export const namingFields = ofModel((model): ReadonlySet<string> => {
  const foreign = model.lists.flatMap(list => [...list.foreign.values()])
  return new Set([...(model.identity?.names ?? []), ...foreign])
})

/** Adds what the change makes stale. */
export function addRowChange(effects: Effects, model: CatalogModel, change: RowChange): void {
  const { kind, before, after, isWhole, isTold } = change
  effects.changed(model)
  if (kind === 'delete') effects.deleted(model)
  if (kind === 'update') effects.columns(model, changedColumns(model, change))
  for (const row of [before, after]) {
    if (row === undefined) continue
    const id = model.identity?.idOf(row)
    if (id === undefined) effects.unnamed(model, 'row')
    else effects.row(model, id, 'row')
  }
  // The row may have had another id.
  if (kind === 'update' && !isWhole && model.identity?.names.every(isTold) !== true) effects.unnamed(model, 'key')
  for (const list of model.lists) {
    const names = [...list.foreign.values()]
    // The parent that the row had is known if its foreign key would be told.
    const isKnown = kind === 'insert' || isWhole || names.every(isTold)
    if (!isKnown) effects.lists(model)
    for (const row of isKnown ? [before, after] : [after]) {
      const tag = row && list.tagOf(row)
      if (row === undefined || tag === null) continue
      if (tag !== undefined) effects.tag(tag)
      if (tag === undefined || !list.hasUsableTag()) effects.lists(model)
    }
  }
}

/** The columns that may have got another value. */
function changedColumns({ definition }: CatalogModel, { before, after, isWhole }: RowChange): string[] {
  const isSame = (name: string) => isWhole && before?.[name] !== undefined && before[name] === after?.[name]
  return definition.scalars.filter(({ name }) => !isSame(name)).map(({ column }) => column)
}

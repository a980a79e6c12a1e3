/**
 * What is known of a row that is written. The database has the last word on values: a column cuts, pads and rounds, and
 * where two parts of the data write one column, Prisma decides. So a value from args counts only where it is the one that
 * the column will hold; else it is taken from the result of the write, or it is not known.
 */
import { isStoredAsGiven } from '../schema/canonical.js'
import type { CatalogModel } from './catalog.js'
import { isObject, type Values } from './pins.js'
import type { RelationField, ScalarField } from '../schema/schema.js'

/** What is known of a row: values of fields, some of them as `Returned`. */
export type Known = Values

export const NOTHING: Known = Object.freeze({})

/** A value that is in the result of the write, under this name. */
export class Returned {
  readonly field: string

  constructor(field: string) {
    this.field = field
  }
}

/**
 * Values of a row that is created with this data.
 *
 * @param returned - whether the result has them
 * @param given - values of foreign keys that follow from where it is created
 */
export function valuesOfNew(model: CatalogModel, data: Values, returned: boolean, given: Known): Known {
  const known: Record<string, unknown> = {}
  for (const field of tracked(model)) {
    const { name, optional, hasDefault } = field
    const made = returned ? new Returned(name) : undefined
    const sources = sourcesOf(model, field, data, given)
    if (sources.length === 0) known[name] = optional && !hasDefault ? null : made
    else known[name] = agreed(field, sources) ? sources[0] : made
  }
  return known
}

/** The fields that something may be named by. */
const tracked = ofModel(model => model.definition.scalars.filter(({ name }) => name in keysOfResult(model)))

/** Whether one of the fields gets its value from the data, and not from the database. */
export function isGiven(model: CatalogModel, names: readonly string[], data: Values, given: Known): boolean {
  return model.definition.scalars.some(
    field => names.includes(field.name) && sourcesOf(model, field, data, given).length > 0,
  )
}

/** All that the data says of a column: undefined where the value can't be known before the write. */
function sourcesOf(model: CatalogModel, { name }: ScalarField, data: Values, given: Known): unknown[] {
  const sources: unknown[] = []
  if (name in given) sources.push(given[name])
  if (data[name] !== undefined) sources.push(data[name])
  for (const { field, references } of relationsOver(model).get(name) ?? []) {
    if (data[field] !== undefined) sources.push(connectedTo(data[field], references))
  }
  return sources
}

/** The value that `{ connect: { id: 1 } }` has for the field that is referenced, if that is all there is. */
function connectedTo(nested: unknown, references: string): unknown {
  if (!isObject(nested)) return undefined
  const operations = Object.keys(nested).filter(operation => nested[operation] !== undefined)
  const { connect } = nested
  return operations.length === 1 && isObject(connect) ? connect[references] : undefined
}

/** Whether all say the same, and the column keeps it. (Two that differ: Prisma takes one, and it depends on which is which.) */
function agreed(field: ScalarField, sources: readonly unknown[]): boolean {
  const [first] = sources
  if (!sources.every(source => source === first)) return false
  return first instanceof Returned || (first !== undefined && isStoredAsGiven(field, first))
}

/** By the name of a foreign key's field, the relations that have it, and what it references there. */
const relationsOver = ofModel(({ definition }) => {
  const over = new Map<string, { field: string; references: string }[]>()
  for (const { name: field, fields, references } of definition.relations) {
    for (const [i, name] of fields.entries()) {
      over.set(name, [...(over.get(name) ?? []), { field, references: references[i] as string }])
    }
  }
  return over
})

/** The foreign key of a row under a parent. */
export function foreignKeyTo({ fields, references }: RelationField, parent: Known): Known {
  return Object.fromEntries(fields.map((field, i) => [field, parent[references[i] as string] ?? undefined]))
}

/** What follows from the model alone, worked out once. */
export function ofModel<Fact>(factOf: (model: CatalogModel) => Fact): (model: CatalogModel) => Fact {
  const known = new WeakMap<CatalogModel, Fact>()
  return model => {
    let fact = known.get(model)
    if (fact === undefined) known.set(model, (fact = factOf(model)))
    return fact
  }
}

/** The keys of the written row, which its result has: its own, those that others reference, and its foreign keys. */
export const keysOfResult = ofModel((model): Known => {
  const referenced = referencesTo(model).flatMap(({ references }) => references)
  const own = model.identity?.names ?? []
  return { ...foreignKeysOfResult(model), ...inResult([...own, ...referenced]) }
})

export const foreignKeysOfResult = ofModel(
  ({ definition }): Known => inResult(definition.relations.flatMap(({ fields }) => fields)),
)

function inResult(names: readonly string[]): Known {
  return Object.fromEntries(names.map(name => [name, new Returned(name)]))
}

export function leaveOut(known: Known, touched: ReadonlySet<string>): Known {
  return Object.fromEntries(Object.entries(known).filter(([name]) => !touched.has(name)))
}

/** Relation fields, of any model, that lead to this one by a foreign key. */
export const referencesTo = ofModel(({ definition }): readonly RelationField[] =>
  definition.relations.map(relation => relation.opposite).filter(reference => reference.fields.length > 0),
)

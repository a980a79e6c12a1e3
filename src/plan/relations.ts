/** The relations of a model: what they are called in Redis, and the lists of rows that hang on a parent. */
import type { Model, RelationField, ScalarField } from '../schema/schema.js'
import { linkKey, type ModelKeys, relationTag } from '../wire/keys.js'
import type { Catalog, CatalogModel, Collations, ParentList, Relation } from './catalog.js'
import { exactnessOf, parentOf, OPERATORS } from './identities.js'

export function relationOf(
  catalog: Catalog,
  field: RelationField,
  prefix: string,
  listBy: (field: RelationField) => ParentList | undefined,
): Relation {
  const list = field.list && !field.opposite.list ? listBy(field.opposite) : undefined
  return {
    field,
    target: modelOf(catalog, field.target),
    edge: edgeOf(catalog, field),
    link: linkOf(catalog, field, prefix),
    list,
  }
}

/** What the field means in the database, whatever it is called: which columns lead where, and from which end it is seen. */
function edgeOf(catalog: Catalog, field: RelationField): string {
  const { opposite } = field
  const end = ({ model, fields }: RelationField) =>
    `${modelOf(catalog, model).keys.tableName}(${fields.map(name => fieldOf(model, name)?.column ?? name).join()})`
  const references = ({ target, references: names }: RelationField) =>
    names.map(name => fieldOf(target, name)?.column ?? name).join()
  if (field.fields.length > 0) return `${end(field)}>${end(opposite)}${references(field)}`
  if (opposite.fields.length > 0) return `${end(field)}<${end(opposite)}${references(opposite)}`
  const isFirst = [field.model.name, field.name].join('.') < [opposite.model.name, opposite.name].join('.')
  return `${end(field)}-${end(opposite)}${field.joinTable}${isFirst ? 'A' : 'B'}`
}

function linkOf(catalog: Catalog, field: RelationField, prefix: string): string | undefined {
  const { opposite } = field
  if (!field.list || !opposite.list) return undefined
  const ends = [field.model, opposite.model].map(model => modelOf(catalog, model).keys)
  const [first] = ends.toSorted((a, b) => (a.tableName < b.tableName ? -1 : 1)) as [ModelKeys]
  return linkKey(prefix, first, field.joinTable)
}

/** @param field - a relation field with a foreign key */
export function parentListOf(catalog: Catalog, field: RelationField, collations: Collations): ParentList | undefined {
  const { fields, references, opposite } = field
  if (fields.length === 0 || !opposite.list) return undefined
  const parent = modelOf(catalog, field.target)
  const by = parent.identities.find(({ names }) => sameNames(names, references))
  const known = [...fields.entries()].every(([i, name]) =>
    sameValues(fieldOf(field.model, name), fieldOf(field.target, references[i])),
  )
  if (by === undefined || !known || fields.some(name => OPERATORS.has(name))) return undefined
  const child = modelOf(catalog, field.model)
  const foreignKey = fields.map(name => fieldOf(field.model, name)).filter(found => found !== undefined)
  const isExact = exactnessOf(field.model, foreignKey, collations)
  const isExcluded =
    fields.some(name => child.cached?.policy.exclude.has(name)) ||
    references.some(name => parent.cached?.policy.exclude.has(name))
  const foreign = new Map(references.map((name, i) => [name, fields[i] as string]))
  const columns = fields.map(name => fieldOf(field.model, name)?.column ?? name)
  const tagAt = (id: string) => {
    return relationTag(parentOf(parent, by, id), child.keys, columns)
  }
  return {
    field,
    child,
    parent,
    by,
    foreign,
    hasUsableTag: () => !isExcluded && by.isExact() && isExact(),
    tagAt,
    tagOf(row) {
      const values: Record<string, unknown> = {}
      for (const [name, own] of foreign) values[name] = row[own]
      // One part that is null is enough to have no parent.
      if (Object.values(values).includes(null)) return null
      const id = isExcluded ? undefined : by.idOf(values)
      return id === undefined ? undefined : tagAt(id)
    },
  }
}

function fieldOf({ scalars }: Model, name: string | undefined): ScalarField | undefined {
  return scalars.find(field => field.name === name)
}

/** Whether equal values of two columns are spelled alike. */
function sameValues(a: ScalarField | undefined, b: ScalarField | undefined): boolean {
  if (a === undefined || b === undefined || a.type !== b.type) return false
  const plain = (native = 'Text') => (a.type === 'String' ? native.replace(/^VarChar.*/, 'Text') : '')
  return plain(a.native) === plain(b.native)
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every(name => b.includes(name))
}

function modelOf(catalog: Catalog, { name }: Model): CatalogModel {
  return catalog.get(name) as CatalogModel
}

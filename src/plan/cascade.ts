/** How a write changes other rows than its own: the referential actions of the schema, and raw SQL table by table. */
import type { Catalog, CatalogModel } from './catalog.js'
import type { Effects, Rule } from './effects.js'
import { referencesTo } from './known.js'
import type { RelationField } from '../schema/schema.js'
import type { TableWrite } from './sql.js'

export class Cascade {
  readonly effects: Effects
  protected readonly catalog: Catalog
  readonly #deleted = new Set<CatalogModel>()
  readonly #moved = new Set<RelationField>()

  constructor(catalog: Catalog, effects: Effects) {
    this.catalog = catalog
    this.effects = effects
  }

  /** Raw SQL to one table. Answers whether that is one of the schema. */
  table({ verb, table, schema, columns }: TableWrite): boolean {
    // A name without a schema is looked for in all of them.
    const isNamed = ({ definition }: CatalogModel) =>
      definition.table === table &&
      !definition.view &&
      (schema === undefined || schema === (definition.databaseSchema ?? 'public'))
    const models = [...this.catalog.values()].filter(isNamed)
    for (const model of models) {
      this.effects.changed(model).lists(model)
      if (verb === 'insert') continue
      this.effects.unnamed(model, 'raw')
      this.columnsChanged(model, fieldsOf(model, columns))
      if (verb === 'delete') this.deleted(model)
    }
    if (models.length > 0) return true
    const links = [...this.catalog.values()].flatMap(model => {
      const found = [...model.relations.values()].find(
        ({ field, link }) => link !== undefined && field.joinTable === table,
      )
      return found?.link === undefined ? [] : [[found.link, [model, found.target]] as const]
    })
    for (const [link, ends] of links) this.effects.links(link, ends)
    return links.length > 0
  }

  /** Any rows of the model changed or went, and with them what references them. */
  anything(model: CatalogModel, rule: Rule): void {
    this.effects.unnamed(model, rule)
    this.deleted(model)
    this.columnsChanged(model, fieldsOf(model, undefined))
  }

  /** Rows of the model were deleted: the database changes what references them. */
  deleted(model: CatalogModel): void {
    this.effects.deleted(model)
    if (this.#deleted.has(model)) return
    this.#deleted.add(model)
    this.#linked(model)
    for (const reference of referencesTo(model)) {
      const child = this.of(reference.model.name)
      if (reference.onDelete === 'Cascade') {
        this.effects.unnamed(child, 'cascade')
        this.deleted(child)
      } else if (reference.onDelete === 'SetNull' || reference.onDelete === 'SetDefault') {
        this.foreignKeyMoved(reference, 'cascade')
      }
    }
  }

  /** All links of implicit many-to-many relations that the model's rows may have. */
  #linked(model: CatalogModel): void {
    for (const { link, target } of model.relations.values()) {
      if (link !== undefined) this.effects.links(link, [model, target])
    }
  }

  /** Columns of some rows changed: what references them may follow. */
  columnsChanged(model: CatalogModel, columns: ReadonlySet<string>): void {
    this.effects.columns(model, columnNames(model, columns))
    if (model.definition.primaryKey?.fields.some(field => columns.has(field.name))) this.#linked(model)
    for (const reference of referencesTo(model)) {
      const { onUpdate, references } = reference
      if (onUpdate === 'Restrict' || onUpdate === 'NoAction' || !references.some(field => columns.has(field))) continue
      this.foreignKeyMoved(reference, 'cascade')
    }
  }

  /** The foreign key changed of rows that have no name here. */
  protected foreignKeyMoved(reference: RelationField, rule: Rule): void {
    const child = this.of(reference.model.name)
    this.effects.unnamed(child, rule)
    if (this.#moved.has(reference)) return
    this.#moved.add(reference)
    this.columnsChanged(child, new Set(reference.fields))
  }

  protected of(name: string): CatalogModel {
    return this.catalog.get(name) as CatalogModel
  }
}

/** Fields of these columns; all that anything could reference where the columns are not known. */
function fieldsOf({ definition }: CatalogModel, columns: ReadonlySet<string> | undefined): ReadonlySet<string> {
  const fields = definition.scalars.filter(field => columns?.has(field.column)).map(field => field.name)
  if (columns !== undefined && fields.length === columns.size) return new Set(fields)
  const referenced = definition.relations.flatMap(relation => relation.opposite.references)
  return new Set([...definition.scalars.map(field => field.name), ...referenced])
}

function columnNames({ definition }: CatalogModel, fields: ReadonlySet<string>): string[] {
  return definition.scalars.filter(({ name }) => fields.has(name)).map(({ column }) => column)
}

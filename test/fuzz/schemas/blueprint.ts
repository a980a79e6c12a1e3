/** A schema before it is text. */
import type { ColumnType, EnumType } from './types.js'

export interface Field {
  readonly name: string
  readonly column: string
  readonly type: ColumnType
  optional: boolean
  readonly list: boolean
  /** Prisma's attributes beside `@map`, `@id`, `@unique` and the native type. */
  readonly attributes: string[]
  /** What stands behind `DEFAULT`. */
  default?: string
  /** The value may come from somewhere else than the args. */
  generated: boolean
  /** The client does not know it. */
  readonly hidden: boolean
  /** The key that it is a part of a reference to. */
  foreign: boolean
  readonly values: readonly unknown[]
}

export interface Key {
  readonly fields: readonly Field[]
  /** Of a compound one, in a unique `where`. */
  readonly name: string | undefined
}

export interface Model {
  readonly name: string
  readonly delegate: string
  readonly table: string
  readonly schema: string | undefined
  readonly fields: Field[]
  id: Key | undefined
  readonly uniques: Key[]
  /** Names that are taken, of fields and relations. */
  readonly names: Set<string>
  readonly features: Set<string>
  /** A view shows all rows of this model. */
  readonly viewOf: Model | undefined
  /** `@@ignore` */
  readonly hidden: boolean
  readonly cached: boolean
}

export type Action = 'Cascade' | 'Restrict' | 'NoAction' | 'SetNull' | 'SetDefault'

export interface Relation {
  readonly name: string | undefined
  readonly from: Model
  readonly field: string
  readonly fields: readonly Field[]
  readonly to: Model
  readonly references: readonly Field[]
  readonly back: string
  /** One to one. */
  readonly one: boolean
  readonly optional: boolean
  readonly onDelete: Action | undefined
  readonly onUpdate: Action | undefined
}

/** An implicit many-to-many relation. */
export interface Links {
  readonly name: string | undefined
  readonly a: Model
  readonly aField: string
  readonly b: Model
  readonly bField: string
}

export interface Blueprint {
  readonly seed: number
  readonly models: Model[]
  readonly relations: Relation[]
  readonly links: Links[]
  readonly enums: EnumType[]
  readonly schemas: boolean
  readonly preview: readonly string[]
  /** Of the whole schema, beside those of its models. */
  readonly features: Set<string>
}

/** A relation as one model sees it. */
export interface End {
  readonly field: string
  readonly target: Model
  readonly list: boolean
  readonly optional: boolean
  readonly how: 'owner' | 'back' | 'links'
  readonly relation: Relation | undefined
}

export function endsOf({ relations, links }: Blueprint, model: Model): End[] {
  const visible = relations.filter(({ from, to }) => !from.hidden && !to.hidden)
  return [
    ...visible
      .filter(({ from }) => from === model)
      .map(relation => {
        const { field, to: target, optional } = relation
        return { field, target, list: false, optional, how: 'owner' as const, relation }
      }),
    ...visible
      .filter(({ to }) => to === model)
      .map(relation => {
        const { back: field, from: target, one } = relation
        return { field, target, list: !one, optional: true, how: 'back' as const, relation }
      }),
    ...links.flatMap(({ a, aField, b, bField }) => {
      const end = { list: true, optional: true, how: 'links' as const, relation: undefined }
      return [
        ...(a === model ? [{ ...end, field: aField, target: b }] : []),
        ...(b === model ? [{ ...end, field: bField, target: a }] : []),
      ]
    }),
  ]
}

export const keysOf = ({ id, uniques }: Model): Key[] => [...(id === undefined ? [] : [id]), ...uniques]

/** A key that each row has. */
export const firstKey = (model: Model): Key | undefined =>
  keysOf(model).find(({ fields }) => fields.every(({ optional }) => !optional))

export const featuresOf = ({ models, features }: Blueprint): Set<string> =>
  new Set([...features, ...models.flatMap(model => [...model.features])])

/** The name of a key in a unique `where`. */
export const nameOf = ({ fields, name }: Key): string => name ?? fields.map(field => field.name).join('_')

/** Where a table is, in SQL. */
export const tableOf = ({ schema, table }: Model): string => `"${schema ?? 'public'}"."${table}"`

/** Prisma looks for it in the schema of the first of the two models by name, whichever is declared first. */
export function joinTableOf({ name, a, b }: Links): string {
  const [first, second] = a.name < b.name ? [a, b] : [b, a]
  return `"${first.schema ?? 'public'}"."_${name ?? `${first.name}To${second.name}`}"`
}

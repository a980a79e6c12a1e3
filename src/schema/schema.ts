/**
 * The Prisma schema as the cache needs it: models, keys, uniques, foreign keys and referential actions, read from the
 * schema text that every generated client carries. Pure; knows nothing of Prisma at run time.
 *
 * The text is the canonically formatted schema, so a small reader is enough; `test/schema` holds it to Prisma's own DMMF.
 */

import {
  type Attribute,
  type Block,
  closing,
  listArgument,
  parseBlocks,
  readAttributes,
  type Token,
  textArgument,
  tokenize,
  wordArgument,
} from './text.js'

export type ScalarType =
  | 'Int'
  | 'BigInt'
  | 'Float'
  | 'Decimal'
  | 'Boolean'
  | 'String'
  | 'DateTime'
  | 'Bytes'
  | 'Json'
  | 'Enum'

export type ReferentialAction = 'Cascade' | 'Restrict' | 'NoAction' | 'SetNull' | 'SetDefault'

export interface ScalarField {
  readonly name: string
  readonly type: ScalarType
  readonly list: boolean
  readonly optional: boolean
  /** Column name in the database. */
  readonly column: string
  /** Native type without `@db.`, such as `VarChar(40)`. */
  readonly native: string | undefined
  /** Prisma sets it at each update. */
  readonly updatedAt: boolean
  /** A row that is created without it may have a value all the same. */
  readonly hasDefault: boolean
  /** Members of the enum, in schema order; empty for other types. */
  readonly members: readonly string[]
  /** What the database stores for each member; undefined where it stores their names. */
  readonly stored: readonly string[] | undefined
}

export interface RelationField {
  readonly name: string
  readonly model: Model
  readonly target: Model
  readonly list: boolean
  readonly optional: boolean
  /** The client does not show it (`@ignore`); the database cascades through it all the same. */
  readonly hidden: boolean
  /** Table of an implicit many-to-many relation. */
  readonly joinTable: string
  /** Foreign key fields of `model`; empty on the side without the foreign key. */
  readonly fields: readonly string[]
  /** Fields of `target` that the foreign key references; empty on the side without the foreign key. */
  readonly references: readonly string[]
  /** With Prisma's defaults filled in. Meaningful on the side with the foreign key. */
  readonly onDelete: ReferentialAction
  readonly onUpdate: ReferentialAction
  /** The same relation, seen from `target`. */
  readonly opposite: RelationField
}

/** A primary key or a unique: `name` is what a `where` calls it (`id`, `tenantId_slug`, or a name of the schema's). */
export interface Key {
  readonly name: string
  readonly fields: readonly ScalarField[]
  /** Prisma 7.10 takes no `where` by it: it knows a key of one field neither by a name of the schema's nor by its field. */
  readonly unusable?: true
}

export interface Model {
  readonly name: string
  readonly view: boolean
  /** Table name in the database, and its database schema where one is declared. */
  readonly table: string
  readonly databaseSchema: string | undefined
  /** Scalar fields in schema order: what a query without `select` returns. */
  readonly scalars: readonly ScalarField[]
  readonly relations: readonly RelationField[]
  /** Undefined when the model has no `@id`. */
  readonly primaryKey: Key | undefined
  readonly uniques: readonly Key[]
}

export interface Schema {
  readonly provider: string
  readonly previewFeatures: ReadonlySet<string>
  readonly models: ReadonlyMap<string, Model>
}

/**
 * Reads a schema.
 *
 * @param text - the schema text (`inlineSchema` of a generated client)
 * @param known - names of the fields that the client knows, by model. What it does not know (`@ignore`, `@@ignore`,
 *   `Unsupported`) is no scalar of its model, because no query returns or takes it; hidden models and relations are
 *   there all the same, because the database cascades through them
 */
export function readSchema(text: string, known: (model: string) => ReadonlySet<string>): Schema {
  const blocks = parseBlocks(tokenize(text))
  const enums = new Map(blocks.filter(b => b.kind === 'enum').map(b => [b.name, b.lines.flatMap(memberOf)]))
  const declared = blocks.filter(b => b.kind === 'model' || b.kind === 'view')
  const names = new Set(declared.map(b => b.name))
  const datasource = blocks.find(b => b.kind === 'datasource')?.name ?? 'db'
  const models = new Map<string, Model>()
  const drafts: RelationDraft[] = []

  for (const block of declared) {
    const { model, relations } = readModel(block, { names, enums, known: known(block.name), datasource })
    models.set(model.name, model)
    drafts.push(...relations)
  }
  linkRelations(drafts, models)
  return { provider: datasourceProvider(blocks), previewFeatures: previewFeatures(blocks), models }
}

// ---- models

interface RelationDraft {
  name: string
  owner: string
  ownerRequires: ReadonlySet<string>
  target: string
  list: boolean
  optional: boolean
  hidden: boolean
  relationName: string | undefined
  fields: string[]
  references: string[]
  onDelete: string | undefined
  onUpdate: string | undefined
}

type Writable<T> = { -readonly [P in keyof T]: T[P] }

interface Declared {
  names: ReadonlySet<string>
  enums: ReadonlyMap<string, readonly EnumMember[]>
  known: ReadonlySet<string>
  /** Native types are written with its name: `@db.Uuid`. */
  datasource: string
}

const SCALARS = new Set(['Int', 'BigInt', 'Float', 'Decimal', 'Boolean', 'String', 'DateTime', 'Bytes', 'Json'])

function readModel(block: Block, declared: Declared): { model: Model; relations: RelationDraft[] } {
  const scalars: ScalarField[] = []
  const relations: RelationDraft[] = []
  const ownerRequires = new Set<string>()
  const idFields: string[] = []
  const uniqueFields: string[] = []

  for (const line of block.lines) {
    const [name, typeName] = line
    if (name?.kind !== 'word' || typeName?.kind !== 'word') continue
    const attributes = readAttributes(line.slice(2))
    const shape = {
      name: name.text,
      list: line[2]?.text === '[',
      optional: line[typeEnd(line)]?.text === '?',
    }
    if (declared.names.has(typeName.text)) {
      relations.push({
        ...shape,
        owner: block.name,
        ownerRequires,
        target: typeName.text,
        hidden: !declared.known.has(shape.name),
        ...relationArguments(attributes),
      })
      continue
    }
    if (!shape.optional) ownerRequires.add(shape.name)
    if (!declared.known.has(shape.name)) continue
    const members = declared.enums.get(typeName.text)
    if (members === undefined && !SCALARS.has(typeName.text)) continue
    scalars.push({
      ...shape,
      type: members === undefined ? (typeName.text as ScalarType) : 'Enum',
      column: textArgument(attributes.get('map')) ?? shape.name,
      native: nativeType(attributes, declared.datasource),
      updatedAt: attributes.has('updatedAt'),
      hasDefault: attributes.has('default'),
      members: members?.map(({ name: member }) => member) ?? [],
      stored: members?.some(member => member.stored !== member.name) ? members.map(({ stored }) => stored) : undefined,
    })
    if (attributes.has('id')) idFields.push(shape.name)
    if (attributes.has('unique') && !isPartial(attributes.get('unique'))) uniqueFields.push(shape.name)
  }

  const byName = new Map(scalars.map(field => [field.name, field]))
  const key = (fields: readonly string[], name?: string): Key | undefined => {
    const resolved = fields.map(field => byName.get(field))
    return resolved.some(field => field === undefined)
      ? undefined
      : {
          name: fields.length === 1 ? (fields[0] as string) : (name ?? fields.join('_')),
          fields: resolved as ScalarField[],
          ...(fields.length === 1 && name !== undefined && { unusable: true }),
        }
  }
  const blockKeys = (attribute: string) =>
    block.attributes
      .filter(a => a.name === attribute && !isPartial(a))
      .map(a => key(listArgument(a, 'fields'), textArgument(a, 'name', false)))
      .filter(k => k !== undefined)

  const mapping = (attribute: string) => textArgument(block.attributes.find(a => a.name === attribute))
  const model: Model = {
    name: block.name,
    view: block.kind === 'view',
    table: mapping('map') ?? block.name,
    databaseSchema: mapping('schema'),
    scalars,
    relations: [],
    primaryKey: idFields.length > 0 ? key(idFields) : blockKeys('id')[0],
    uniques: [...uniqueFields.map(field => key([field])).filter(k => k !== undefined), ...blockKeys('unique')],
  }
  return { model, relations }
}

/** The place behind the type: `Unsupported("…")` has an argument. */
function typeEnd(line: readonly Token[]): number {
  return line[2]?.text === '(' ? closing(line, 2) + 1 : 2
}

/** A unique index with a `where` is no unique: several rows may have the value. */
function isPartial(attribute: Attribute | undefined): boolean {
  return attribute?.named.has('where') ?? false
}

function relationArguments(attributes: ReadonlyMap<string, Attribute>) {
  const relation = attributes.get('relation')
  return {
    relationName: textArgument(relation, 'name'),
    fields: listArgument(relation, 'fields', false),
    references: listArgument(relation, 'references', false),
    onDelete: wordArgument(relation, 'onDelete'),
    onUpdate: wordArgument(relation, 'onUpdate'),
  }
}

function nativeType(attributes: ReadonlyMap<string, Attribute>, datasource: string): string | undefined {
  for (const attribute of attributes.values()) {
    if (!attribute.name.startsWith(`${datasource}.`)) continue
    const args = attribute.positional.map(value => (value.kind === 'list' ? '' : value.text)).join(',')
    return attribute.name.slice(datasource.length + 1) + (args === '' ? '' : `(${args})`)
  }
  return undefined
}

function linkRelations(drafts: readonly RelationDraft[], models: ReadonlyMap<string, Model>): void {
  const linked = new Map<RelationDraft, Writable<RelationField>>()
  for (const draft of drafts) {
    const model = models.get(draft.owner)
    const target = models.get(draft.target)
    if (model === undefined || target === undefined) continue
    // As Prisma counts it: one required column of the foreign key makes the relation required.
    const required = !draft.optional || draft.fields.some(field => draft.ownerRequires.has(field))
    const field: Partial<Writable<RelationField>> = {
      name: draft.name,
      model,
      target,
      list: draft.list,
      optional: draft.optional,
      hidden: draft.hidden,
      joinTable: `_${draft.relationName ?? [draft.owner, draft.target].toSorted().join('To')}`,
      fields: draft.fields,
      references: draft.references,
      onDelete: (draft.onDelete ?? (required ? 'Restrict' : 'SetNull')) as ReferentialAction,
      onUpdate: (draft.onUpdate ?? 'Cascade') as ReferentialAction,
    }
    // `opposite` follows below, once both ends are there.
    linked.set(draft, field as Writable<RelationField>)
    ;(model.relations as RelationField[]).push(field as RelationField)
  }
  for (const [draft, field] of linked) {
    const other = drafts.find(
      d => d !== draft && d.owner === draft.target && d.target === draft.owner && d.relationName === draft.relationName,
    )
    const opposite = other && linked.get(other)
    if (opposite === undefined) throw new Error(`The schema has no opposite of ${draft.owner}.${draft.name}.`)
    field.opposite = opposite
  }
}

function datasourceProvider(blocks: readonly Block[]): string {
  const line = blocks.find(b => b.kind === 'datasource')?.lines.find(l => l[0]?.text === 'provider')
  return line?.find(token => token.kind === 'string')?.text ?? ''
}

function previewFeatures(blocks: readonly Block[]): ReadonlySet<string> {
  const lines = blocks.filter(b => b.kind === 'generator').flatMap(b => b.lines)
  const line = lines.find(l => l[0]?.text === 'previewFeatures') ?? []
  return new Set(line.filter(token => token.kind === 'string').map(token => token.text))
}

interface EnumMember {
  readonly name: string
  readonly stored: string
}

function memberOf([word, ...rest]: readonly Token[]): EnumMember[] {
  if (word?.kind !== 'word') return []
  return [{ name: word.text, stored: textArgument(readAttributes(rest).get('map')) ?? word.text }]
}

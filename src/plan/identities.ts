/** The keys of a model as far as they can name rows: how their values are encoded, and whether equal means the same row. */
import { type Canonicalize, canonicalFormOf } from '../schema/canonical.js'
import type { Key, Model, ScalarField } from '../schema/schema.js'
import { encodeId } from '../wire/keys.js'
import type { CatalogModel, Collations, Identity } from './catalog.js'

/** In a `where`, fields of these names can't be distinguished from Prisma's operators: they are part of no key. */
export const OPERATORS: ReadonlySet<string> = new Set(['AND', 'OR', 'NOT'])

export function identityOf(model: Model, key: Key, collations: Collations): Identity | undefined {
  const parts = key.fields.map(field => ({ name: field.name, ...canonicalFormOf(field) }))
  if (parts.some(part => part.equality === 'never')) return undefined
  if ([key.name, ...parts.map(part => part.name)].some(name => OPERATORS.has(name))) return undefined
  return {
    key,
    names: key.fields.map(field => field.name),
    columns: key.fields.map(field => field.column),
    equality: parts.every(part => part.equality === 'exact') ? 'exact' : 'text',
    idOf: encoderOf(parts),
    isExact: exactnessOf(model, key.fields, collations),
  }
}

/** Whether equal is the same in JavaScript and in the database: it is called with each plan, because collations come later. */
export function exactnessOf(model: Model, fields: readonly ScalarField[], collations: Collations): () => boolean {
  const texts = fields.filter(field => canonicalFormOf(field).equality === 'text')
  return texts.length === 0 ? () => true : () => texts.every(field => collations.deterministic(model, field) === true)
}

interface KeyPart {
  readonly name: string
  readonly canonicalize: Canonicalize
}

function encoderOf(parts: readonly KeyPart[]): Identity['idOf'] {
  const [first] = parts
  return parts.length === 1 && first !== undefined ? singleId(first) : compoundId(parts)
}

function singleId({ name, canonicalize }: KeyPart): Identity['idOf'] {
  return values => {
    const text = canonicalize(values[name])
    return text === undefined ? undefined : encodeId([text])
  }
}

function compoundId(parts: readonly KeyPart[]): Identity['idOf'] {
  return values => {
    const texts: string[] = []
    for (const { name, canonicalize } of parts) {
      const text = canonicalize(values[name])
      if (text === undefined) return undefined
      texts.push(text)
    }
    return encodeId(texts)
  }
}

/** What the tags of lists under a row are named for: its key, or another unique of it. */
export function parentOf({ identity, keys }: CatalogModel, by: Identity, id: string): string {
  return by === identity ? keys.row(id) : keys.parentBy(by.columns, id)
}

/** The key in Redis of a row that an identity names: its own key, or that of a pointer to it. */
export function keyOf({ identity, keys }: CatalogModel, by: Identity, id: string): string {
  return by === identity ? keys.row(id) : keys.pointer(by.columns, id)
}

/** What a key in Redis stands for (`wire/keys.ts` makes them). */
import type { Buckets } from '../wire/buckets.js'
import type { Catalog, CatalogModel, Relation } from '../plan/catalog.js'

export type KeyName =
  | { readonly kind: 'row'; readonly model: CatalogModel; readonly id: string }
  | { readonly kind: 'pointer'; readonly model: CatalogModel; readonly by: readonly string[]; readonly id: string }
  | { readonly kind: 'result'; readonly model: CatalogModel }
  /** Related rows, or their counts, below a row. */
  | { readonly kind: 'related'; readonly model: CatalogModel; readonly relation: Relation | '_count' }
  | { readonly kind: 'value' | 'tag' | 'epoch' | 'internal' | 'other' }

export type KeyKind = KeyName['kind']

/** @param key - with the prefix */
export function keyNameOf(catalog: Catalog, buckets: Buckets, key: string): KeyName {
  const name = buckets.bare(key)
  if (name.startsWith('=')) return { kind: 'value' }
  if (name.startsWith('#')) return { kind: 'tag' }
  if (/^@(?:fleet|seen|report)\b|@refresh$/.test(name)) return { kind: 'internal' }
  if (/^\{[^}]*\}|^@values$/.test(name)) return { kind: 'epoch' }
  const [, modelName = '', mark, rest = ''] = /^(\w+)([:.?])(.*)$/s.exec(name) ?? []
  const model = catalog.get(modelName)
  if (model === undefined) return { kind: 'other' }
  if (mark === '?') return { kind: 'result', model }
  if (mark === '.') {
    const [by = '', ...id] = rest.split(':')
    return { kind: 'pointer', model, by: by.split(','), id: id.join(':') }
  }
  return belowRow(model, rest)
}

/** `42`, `42:posts?…`, `42:Post.authorId`, or `1:2` where the key has two columns. */
function belowRow(model: CatalogModel, rest: string): KeyName {
  const parts = rest.split(':')
  const length = rest.startsWith('*') ? 1 : (model.identity?.names.length ?? 1)
  const id = parts.slice(0, length).join(':')
  if (parts.length === length) return { kind: 'row', model, id }
  const below = parts.slice(length).join(':')
  const field = /^\w+(?=\?)/.exec(below)?.[0]
  if (field === undefined) return { kind: 'tag' }
  const relation = field === '_count' ? field : model.relations.get(field)
  return relation === undefined ? { kind: 'other' } : { kind: 'related', model, relation }
}

/**
 * Makes objects of known fields. An object literal is several times faster than one field after another, and only a function
 * that is made for these names can have one. Where code may not be made from text, the slow way does the same.
 */
import type { Row } from './codec.js'

export type RowsMaker = (columns: readonly (readonly unknown[])[], length: number) => Row[]

const makers = new Map<string, RowsMaker>()
/** More shapes than an application has. */
const MOST_MAKERS = 1_000

/** @param names - fields of the schema, in the order that the rows shall have them */
export function rowsMaker(names: readonly string[]): RowsMaker {
  const key = names.join()
  let maker = makers.get(key)
  if (maker === undefined) {
    if (makers.size >= MOST_MAKERS) makers.clear()
    makers.set(key, (maker = compiled(names)))
  }
  return maker
}

function compiled(names: readonly string[]): RowsMaker {
  const fields = names.map((name, i) => `${JSON.stringify(name)}: columns[${i}][i]`).join(', ')
  const body = `const rows = []; for (let i = 0; i < length; i++) rows.push({ ${fields} }); return rows`
  try {
    // oxlint-disable-next-line eslint/no-new-func, typescript/no-implied-eval -- of names in the schema, quoted
    return new Function('columns', 'length', body) as RowsMaker
  } catch {
    return (columns, length) =>
      Array.from({ length }, (_, i) => Object.fromEntries(names.map((name, c) => [name, columns[c]?.[i]])))
  }
}

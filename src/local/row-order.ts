/** Rows that a query asks for in no order come in another one after each `UPDATE`. The order of such rows says nothing. */
import { inspect } from 'node:util'
import type { CatalogModel } from '../plan/catalog.js'

type Row = Readonly<Record<string, unknown>>

/** An answer in which such rows, also those of relations, are in an order that depends only on what is in them. */
export function inOneOrder(model: CatalogModel, args: unknown, answer: unknown): unknown {
  if (!Array.isArray(answer)) return isRow(answer) ? withRelations(model, args, answer) : answer
  const rows = (answer as unknown[]).map(row => inOneOrder(model, args, row))
  if ((args as Row | undefined)?.orderBy !== undefined) return rows
  const printed = rows.map(row => ({ row, text: inspect(row, WHOLE) }))
  return printed.toSorted((a, b) => (a.text < b.text ? -1 : 1)).map(({ row }) => row)
}

const WHOLE = { depth: null, maxArrayLength: null, maxStringLength: null } as const

function withRelations(model: CatalogModel, args: unknown, row: Row): Row {
  const { include, select } = (args ?? {}) as { readonly include?: Row; readonly select?: Row }
  const own = { ...row }
  for (const [name, { target }] of model.relations) {
    if (name in row) own[name] = inOneOrder(target, (select ?? include)?.[name], row[name])
  }
  return own
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null
}

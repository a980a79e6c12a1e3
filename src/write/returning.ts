/**
 * Keys in the result of a write, whatever the caller selected: the write itself names the row that it changed, and the
 * parents of that row, at the price of a few columns in a statement that is run anyway. What was added is taken off the
 * result again.
 */
import { type CatalogModel, isUndecoded } from '../plan/catalog.js'
import type { Expected } from '../plan/write.js'
import type { ClientTraits } from '../plan/selection.js'

export interface WithKeys {
  readonly args: unknown
  readonly removeKeys: (result: unknown) => unknown
}

type Selection = Record<string, unknown>

/** @param expected - what the result has to tell; undefined: nothing */
export function withKeys(expected: Expected | undefined, args: unknown, client: ClientTraits): WithKeys {
  const untouched = { args, removeKeys: (result: unknown) => result }
  if (expected === undefined || !isObject(args)) return untouched
  const target = expected.model
  // Only what the client knows: Prisma refuses the rest.
  const keyFields = [...expected.fields].filter(name => target.definition.scalars.some(field => field.name === name))
  // Under `omit` a computed field may need what we would strip; the write then counts as one without a name.
  if (keyFields.some(field => client.computed.needs(target.name, field))) return untouched

  // Prisma would fail on the result although the write was done.
  const isUndecodedKey = (name: string) =>
    target.definition.scalars.some(field => field.name === name && isUndecoded(field))

  const { select, omit, include } = args
  if (isGiven(select)) {
    if (isGiven(omit) || isGiven(include) || !isPlainSelection(target, select, client)) return untouched
    const added = keyFields.filter(field => select[field] !== true)
    if (added.some(isUndecodedKey)) return untouched
    const wide = Object.fromEntries(added.map(field => [field, true]))
    return { args: { ...args, select: { ...select, ...wide } }, removeKeys: without(added) }
  }
  const omitted: Selection = { ...client.globalOmit(target.name), ...(isObject(omit) ? omit : {}) }
  // A field may have the name of what every object inherits.
  const isOmitted = (field: string) => Object.hasOwn(omitted, field) && Boolean(omitted[field])
  const added = keyFields.filter(isOmitted)
  // Where nothing is left, Prisma has an error to raise.
  if (added.some(isUndecodedKey)) return untouched
  if (added.length === 0 || target.definition.scalars.every(field => isOmitted(field.name))) return untouched
  const wide = Object.fromEntries(added.map(field => [field, false]))
  return { args: { ...args, omit: { ...(isObject(omit) ? omit : {}), ...wide } }, removeKeys: without(added) }
}

/** A selection that Prisma takes, of nothing but fields of the schema: no computed ones, which would see what we add. */
function isPlainSelection({ definition }: CatalogModel, select: unknown, client: ClientTraits): select is Selection {
  if (!isObject(select)) return false
  const known = (name: string) =>
    name === '_count' ||
    (!client.computed.has(definition.name, name) &&
      [...definition.scalars, ...definition.relations].some(field => field.name === name))
  const values = Object.entries(select).filter(([, value]) => value !== undefined && value !== false)
  return values.length > 0 && values.every(([name, value]) => known(name) && (value === true || isObject(value)))
}

function without(fields: readonly string[]): (result: unknown) => unknown {
  const strip = (result: unknown): unknown => {
    if (Array.isArray(result)) return result.map(strip)
    if (!isObject(result)) return result
    return Object.fromEntries(Object.entries(result).filter(([name]) => !fields.includes(name)))
  }
  return fields.length === 0 ? result => result : strip
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

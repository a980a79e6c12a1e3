/** A copy of a query's args, as they are when the query begins: the application may change its objects while the query runs. */
import { type Args, isPlain } from '../plan/args.js'
import { setMember } from '../wire/row-maker.js'

export function copyOf(args: Args): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(args)) setMember(copy, name, copyOfValue(args[name]))
  return copy
}

/** Values of a class stay what they are: none but these can be changed. */
function copyOfValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (isPlain(value)) return copyOf(value)
  if (Array.isArray(value)) return value.map(copyOfValue)
  if (value instanceof Date) return new Date(value)
  if (value instanceof Uint8Array) return value.slice()
  return value
}

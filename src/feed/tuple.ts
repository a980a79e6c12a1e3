/** Values of a row as Postgres writes them, and as Prisma answers them: as far as they can be in a key. */
import type { Values } from '../plan/pins.js'
import type { Model, ScalarField } from '../schema/schema.js'

/** The texts of a row, by column; undefined: not told. */
export type Tuple = Readonly<Record<string, string | null | undefined>>

/**
 * @param fields - names of those that are needed
 * @returns their values; a field that was not told is left out, and one that has no exact value in a key is undefined
 */
export function valuesOf(model: Model, tuple: Tuple, fields: ReadonlySet<string>): Values {
  const values: Record<string, unknown> = {}
  for (const field of model.scalars) {
    if (!fields.has(field.name)) continue
    const text = tuple[field.column]
    if (text !== undefined) values[field.name] = text === null ? null : valueOf(field, text)
  }
  return values
}

function valueOf({ type, list, native, members, stored }: ScalarField, text: string): unknown {
  if (list) return undefined
  switch (type) {
    case 'Int':
      return Number(text)
    case 'BigInt':
      return BigInt(text)
    case 'Boolean':
      return text === 't'
    case 'String':
      return text
    case 'Decimal':
      return native === 'Money' ? undefined : withoutZeros(text)
    case 'Enum':
      return stored === undefined ? text : members[stored.indexOf(text)]
    case 'Bytes':
      return text.startsWith('\\x') ? Buffer.from(text.slice(2), 'hex') : undefined
    case 'DateTime':
      return dateOf(text)
    default:
      return undefined
  }
}

/** `1.50` is the number `1.5`. */
function withoutZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

/** A timestamp in the style ISO: without a time zone it is in UTC, as Prisma takes it. */
function dateOf(text: string): Date | undefined {
  const [, day, time, zone = '+00'] =
    /^(\d{4,6}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d(?::\d\d)?)?$/.exec(text) ?? []
  if (day === undefined) return undefined
  const date = new Date(`${day}T${time}${zone.length === 3 ? `${zone}:00` : zone}`)
  return Number.isNaN(date.getTime()) ? undefined : date
}

/** Values of `getOrSet` to bytes and back: whatever of JavaScript comes back as it was; nothing else is stored. */
import { isDeepStrictEqual, types } from 'node:util'
import { Packr } from 'msgpackr'
import { isDocument, TYPES_OF_VALUES } from './guard.js'

const packr = new Packr({ useRecords: false, moreTypes: true, copyBuffers: true })

/**
 * Undefined when it would come back as something else: a Map as an object, -0 as 0, a getter as what it gave.
 *
 * @throws what the value itself throws
 */
export function packValue(value: unknown): Buffer | undefined {
  const payload = packr.pack(value)
  return isDeepStrictEqual(unpackValue(payload, 0), value) && !holdsHidden(value) ? payload : undefined
}

/** @throws when the bytes are not such a payload */
export function unpackValue(bytes: Buffer, start: number): unknown {
  // Small ones too: the result becomes the answer as it is, and msgpackr can make errors, cycles and functions.
  if (!isDocument(bytes, start, TYPES_OF_VALUES)) throw new TypeError('not a value of getOrSet')
  return packr.unpack(bytes, { start, end: bytes.length })
}

/** What a comparison does not see: the stack of an error, accessors, fields that are not enumerable. */
function holdsHidden(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false
  if (types.isNativeError(value)) return true
  const fields = Object.entries(Object.getOwnPropertyDescriptors(value))
  return (
    (value instanceof Set && [...value].some(holdsHidden)) ||
    fields.some(([name, field]) => {
      if (!('value' in field)) return true
      if (field.enumerable === true) return holdsHidden(field.value)
      return !(name === 'length' && Array.isArray(value)) && !(name === 'lastIndex' && types.isRegExp(value))
    })
  )
}

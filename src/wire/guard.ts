/**
 * What a reader of msgpack is given. It knows extensions that we never write: one of them reads two texts from anywhere, so
 * that 100 kB of them take minutes; others make code, errors and regular expressions. And what a few bytes may become: a
 * value that is said once and stands in each of a million rows.
 */

/** Below this, whatever the reader makes of it is cheap. */
const SMALL = 4096

/** Types that have only scalars, texts, bytes and arrays in it: all that rows and results are written in. */
const NONE: ReadonlySet<number> = new Set()

/** What values of `getOrSet` may hold besides: undefined, large integers, sets, typed arrays, regular expressions, dates. */
export const TYPES_OF_VALUES: ReadonlySet<number> = new Set([0x00, 0x42, 0x73, 0x74, 0x78, 0xff])

/** Extensions that are followed by one more value. */
const FOLLOWED: ReadonlySet<number> = new Set([0x73, 0x78])

/** Bytes that follow a head of fixed width, by its first byte from 0xc0; undefined: a type that is never written here. */
const FIXED: readonly (number | undefined)[] = [0, undefined, 0, 0]

/** Whether bytes can be given to the reader of msgpack, when each value of what it makes is checked. */
export function isReadable(bytes: Buffer, start: number): boolean {
  return bytes.length - start <= SMALL || isDocument(bytes, start)
}

/**
 * Whether bytes are one document of types that are known.
 *
 * @param extensions - without them neither extensions nor maps
 */
export function isDocument(bytes: Buffer, start: number, extensions: ReadonlySet<number> = NONE): boolean {
  const maps = extensions !== NONE
  const end = bytes.length
  let at = start
  /** Values that are still to come. */
  let open = 1
  while (open > 0) {
    // Each takes a byte at least.
    if (open > end - at) return false
    open--
    const token = bytes[at++] as number
    if (token < 0x80 || token >= 0xe0) continue
    if (token < 0x90) {
      if (!maps) return false
      open += 2 * (token - 0x80)
    } else if (token < 0xa0) open += token - 0x90
    else if (token < 0xc0) at += token - 0xa0
    else if (token < 0xc4) {
      if (FIXED[token - 0xc0] === undefined) return false
    } else if (token >= 0xca && token <= 0xd3) at += SIZES[token - 0xca] as number
    else {
      const width = WIDTHS[token - 0xc4] ?? 0
      if (at + width > end) return false
      const size = width === 0 ? 1 << (token - 0xd4) : bytes.readUIntBE(at, width)
      at += width
      if (token >= 0xde) {
        if (!maps) return false
        open += 2 * size
      } else if (token >= 0xdc) open += size
      else if (token <= 0xc6 || token >= 0xd9) at += size
      else {
        const type = bytes[at] as number
        if (!extensions.has(type)) return false
        if (FOLLOWED.has(type)) open++
        at += 1 + size
      }
    }
  }
  return at === end
}

/** Of floats and integers, from 0xca. */
const SIZES = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8]
/** Of the lengths of bytes, extensions (those of fixed size have none), texts, arrays and maps, from 0xc4. */
const WIDTHS = [1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4]

/** What values that are said once may become in all rows of a result, in bytes. */
const MOST_REPEATED = 16 * 1_048_576

/** How much may yet be said once. Encoder and decoder spend alike, so that what was written can be read. */
export class Budget {
  #left: number

  constructor(bytes = MOST_REPEATED) {
    this.#left = bytes
  }

  /** Whether it was enough. */
  spend(times: number, bytes: number): boolean {
    if (times * bytes > this.#left) return false
    this.#left -= times * bytes
    return true
  }
}

/** How much a row takes besides its values. */
export const ROW_BYTES = 32

/** What one value takes in each row. A text that needs no decoding is there once, whatever its length. */
export function bytesOf(value: unknown, decoded: boolean): number {
  if (!decoded) return 8
  return typeof value === 'string' ? 64 + 8 * value.length : 64
}

/** A number of rows. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

// ---- one value

export type Decode = (value: unknown) => unknown

/** What makes a value of what is stored, or of what type it is where that is the value. Whatever we would not have written throws. */
export type Decoder =
  | { readonly decode: Decode; readonly type: undefined }
  | { readonly decode: undefined; readonly type: 'number' | 'boolean' | 'string' }

/** Thrown and caught in here: a value can't be given back exactly, or bytes are not what they should be. */
export const INEXACT = new Error('inexact')

export function refuse(): never {
  throw INEXACT
}

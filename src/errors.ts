/** Wrong configuration or wrong use of `$cache`. Compare by `code`: two copies of the package have two classes. */
export class CacheAsideError extends Error {
  override readonly name = 'CacheAsideError'
  readonly code: CacheAsideErrorCode

  constructor(code: CacheAsideErrorCode, message: string) {
    super(`[prisma-extension-cache-aside] ${message}`)
    this.code = code
  }
}

export type CacheAsideErrorCode =
  /** An option has a wrong value, or is not known. */
  | 'INVALID_OPTION'
  /** A configured model is not in the schema, or can't be cached. */
  | 'INVALID_MODEL'
  /** The client is not one that this version can extend. */
  | 'UNSUPPORTED_CLIENT'
  /** A call of `$cache` that makes no sense. */
  | 'INVALID_CALL'
  /** A write in strict mode was not run, because Redis has not acknowledged its intent and `onIntentFailure` is `'reject'`. */
  | 'INTENT_REFUSED'

/** A value as an error message shows it: short, and never a whole object. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return String(value)
}

/** What kind of error it is, and no more: messages, of decoders for one, may hold data of rows. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}

/** Checks of single values that callers give. Each error says the rule, what was got, and the fix. */
import { CacheAsideError, shown } from './errors.js'

export const DAY_MS = 24 * 3_600_000
const LONGEST_TTL_MS = 365 * DAY_MS
const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw wrong(`${name} must be true or false, got ${shown(value)}.`)
}

export function checkRange(name: string, value: unknown, least: number, most: number, of: string): number {
  if (typeof value === 'number' && value >= least && value <= most) return value
  throw wrong(`${name} must be a number (of ${of}) from ${least} to ${most}, got ${shown(value)}.`)
}

/**
 * Whole milliseconds of a duration.
 *
 * @param refusal - the error for a value that is none
 */
export function duration(
  name: string,
  value: unknown,
  leastMs = 1,
  refusal = wrong,
  longestMs = LONGEST_TTL_MS,
): number {
  let ms = Number.NaN
  if (typeof value === 'number') ms = value * 1000
  if (typeof value === 'string') {
    const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) ?? []
    if (amount !== undefined && unit !== undefined) ms = Number(amount) * (UNITS[unit] as number)
  }
  if (ms >= leastMs && ms <= longestMs) return Math.floor(ms)
  throw refusal(
    `${name} must be a number of seconds or a duration such as '250ms', '30s', '5m', '2h' or '1d', ` +
      `${leastMs === 0 ? 'at least 0' : 'at least 1 ms'} and at most ${longestMs / DAY_MS} days, got ${shown(value)}.`,
  )
}

export function refuseUnknown(given: object, known: readonly string[], what: string): void {
  const unknown = Object.keys(given).find(name => !known.includes(name))
  if (unknown !== undefined) throw wrong(`there is no ${what} named ${shown(unknown)}. There are: ${known.join(', ')}.`)
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

export function wrong(message: string): CacheAsideError {
  return new CacheAsideError('INVALID_OPTION', message)
}

export function wrongCall(message: string): CacheAsideError {
  return new CacheAsideError('INVALID_CALL', message)
}

/** What errors of Prisma, its driver adapters and the database say. */

/**
 * What an error says of the write that failed.
 * - `refused`: the database undid it, or never saw it
 * - `failed`: the database answered, and what remains is not certain
 * - `unknown`: the connection or the time was lost; the server may commit it after we have given up
 */
export type WriteOutcome = 'refused' | 'failed' | 'unknown'

const REFUSED = /^P(?:1000|1001|1003|1010|2000|2002|2003|2004|2011|2014|2024|2025|2028|2034)$/
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/
/** Connection exceptions, shutdowns, system and internal errors: not certain that they came before the commit. */
const UNCERTAIN = /^(?:08|40003|57P|58|F0|XX)/

/**
 * What pg, pg-pool and Neon's pool of the same make say before a statement goes out: of waiting for a connection, of opening one,
 * and of a pool that was ended. "Connection terminated" alone may come in the middle of a statement.
 */
const NEVER_SENT =
  /^(?:timeout exceeded when trying to connect|timeout expired|Connection terminated due to connection timeout|Cannot use a pool after calling end on the pool)$/
const NOT_CONNECTED = /^(?:connect|getaddrinfo)$/

/** Whether an error is from before a statement was sent: of a pool, or of a system call that opens a connection. */
function wasNeverSent(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { message, syscall, errors } = error as Record<string, unknown>
  // Node tries each address of a host.
  if (Array.isArray(errors) && errors.length > 0) return errors.every(wasNeverSent)
  return NOT_CONNECTED.test(String(syscall)) || (error instanceof Error && NEVER_SENT.test(String(message)))
}

export function outcomeOf(error: unknown): WriteOutcome {
  if (typeof error !== 'object' || error === null) return 'unknown'
  if (wasNeverSent(error)) return 'refused'
  const { name, code, meta, cause } = error as Record<string, unknown>
  if (name === 'PrismaClientValidationError') return 'refused'
  // Prisma failed on args before the query, or on a result after it.
  if (error instanceof TypeError) return 'failed'
  const driver = (meta as { driverAdapterError?: { cause?: unknown } } | undefined)?.driverAdapterError?.cause ?? cause
  const state = (driver as { originalCode?: unknown } | undefined)?.originalCode
  if (typeof state === 'string' && SQLSTATE.test(state)) return UNCERTAIN.test(state) ? 'unknown' : 'refused'
  if (typeof code !== 'string') return 'unknown'
  if (REFUSED.test(code)) return 'refused'
  // Raw SQL has one code for all: without an SQLSTATE it is the connection that failed, not the statement.
  if (code === 'P2010') return 'unknown'
  return code.startsWith('P2') && name === 'PrismaClientKnownRequestError' ? 'failed' : 'unknown'
}

/** Whether an error says that the transaction had ended before the operation came: it did nothing. */
export function isTransactionClosed(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'P2028'
}

/**
 * Whether an error may be about columns that the caller did not ask for: one that is not there yet or any more, an enum
 * value that the client does not know, a column without a grant; or a value that Prisma can't read, as which type it has
 * the column. That is then no error of Prisma's own, but one of JavaScript or of decimal.js.
 */
export function concernsOtherColumns(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (typeof code === 'string') return /^P2(?!024|025|028)/.test(code)
  const isOfJavaScript = error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError
  return isOfJavaScript || String(message).startsWith('[DecimalError]')
}

/** Whether an error says that the database user may not read some column of the query. */
export function isPermissionDenied(error: unknown): boolean {
  const meta = (error as { meta?: { driverAdapterError?: { cause?: { originalCode?: unknown } } } } | null)?.meta
  return meta?.driverAdapterError?.cause?.originalCode === '42501'
}

/** Whether an error of `…OrThrow` says that there is no such row. */
export function isNotFound(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'P2025'
}

/** What the errors of Prisma 7 say, and those of the drivers that it passes on: pg, Neon's over WebSocket and HTTP, Prisma Postgres'. */

/**
 * What an error says of the write that failed.
 * - `unsent`: it never got to the database
 * - `refused`: the database undid it
 * - `failed`: the database answered, and what remains is not certain
 * - `unknown`: the connection or the time was lost; the server may commit it after we have given up
 */
export type WriteOutcome = 'unsent' | 'refused' | 'failed' | 'unknown'

/** The server is not reached, speaks no TLS, or has no connection left. */
const UNSENT = /^P(?:1001|1011|2037)$/
const REFUSED = /^P(?:1000|1003|1010|2000|2002|2003|2004|2011|2014|2024|2025|2034)$/
/** Prisma's own codes begin with P1 to P6. */
const SQLSTATE = /^(?!P[1-9])(?=.*\d)[0-9A-Z]{5}$/
/** Connection exceptions, shutdowns, system and internal errors: not certain that they came before the commit. */
const UNCERTAIN = /^(?:08|40003|57P|58|F0|XX)/

export function outcomeOf(error: unknown): WriteOutcome {
  if (typeof error !== 'object' || error === null) return 'unknown'
  const { name, code, cause } = error as Record<string, unknown>
  if (wasNeverSent(error) || UNSENT.test(String(code)) || isTransactionNotBegun(error)) return 'unsent'
  if (name === 'PrismaClientValidationError' || isOfCompiler(error)) return 'refused'
  const state = sqlStateOf(error)
  if (state !== undefined) return UNCERTAIN.test(state) ? 'unknown' : 'refused'
  if (isOfDataMapper(error)) return 'failed'
  if (error instanceof TypeError) return cause === undefined && !OF_FETCH.test(error.message) ? 'failed' : 'unknown'
  if (typeof code !== 'string') return 'unknown'
  if (REFUSED.test(code) || isTransactionClosed(error)) return 'refused'
  // Raw SQL has one code for all, and transactions too: without an SQLSTATE it is the connection that failed, not the statement.
  if (code === 'P2010' || code === 'P2028') return 'unknown'
  return code.startsWith('P2') && name === 'PrismaClientKnownRequestError' ? 'failed' : 'unknown'
}

/**
 * A `TypeError` of Prisma's stumbling over args, before it asked, or over a result, after it was answered, has no cause. One of
 * `fetch` has, or says what it is of: its connection may have been lost in the middle of a statement.
 */
const OF_FETCH = /fetch|network|connection|request|terminated/i

/** The code that Postgres gave the error. */
function sqlStateOf(error: object): string | undefined {
  const { code, originalCode, meta, cause } = error as Record<string, unknown>
  const driver = (meta as { driverAdapterError?: { cause?: unknown } } | undefined)?.driverAdapterError?.cause ?? cause
  // The adapter of Prisma Postgres throws what others put into the error; Neon's over HTTP leaves Postgres' own.
  for (const state of [(driver as { originalCode?: unknown } | undefined)?.originalCode, originalCode, code]) {
    if (typeof state === 'string' && SQLSTATE.test(state)) return state
  }
  return undefined
}

// ---- errors from before a statement was sent

/**
 * What pg, pg-pool and Neon's pool of the same make say of waiting for a connection, of opening one, and of a pool that was
 * ended; and what WebSockets say of a handshake that failed (`ws`, Node). "Connection terminated" alone may come in the middle
 * of a statement. "WebSocket is not connected" may be about the second of two COMMITs, which the adapter of Prisma Postgres
 * sends.
 */
const NEVER_SENT = new RegExp(
  `^(?:${[
    'timeout exceeded when trying to connect',
    'timeout expired',
    'Connection terminated due to connection timeout',
    'Cannot use a pool after calling end on the pool',
    'Unexpected server response: \\d+',
    'Received network error or non-101 status code\\.',
    'Transactions are not supported in HTTP mode',
  ].join('|')})$`,
)
/** A system call that opens a connection. */
const NOT_CONNECTED = /^(?:connect|getaddrinfo)$/
/** The same in a message alone, as the driver of Prisma Postgres leaves it. */
const NOT_OPENED = /^(?:connect|getaddrinfo) E[A-Z_]+\b/
/** Of these statuses HTTP says that the request was not carried out: no or wrong credentials, and too many requests. */
const NOT_CARRIED_OUT = /^(?:401|403|429)$/
const STATUS_OF_NEON = /^Server error \(HTTP status (\d+)\)/

function wasNeverSent(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { name, message, syscall, code, status, errors, cause, error: event, sourceError } = error as Reported
  // Node tries each address of a host.
  if (Array.isArray(errors) && errors.length > 0) return errors.every(wasNeverSent)
  if (NOT_CONNECTED.test(String(syscall)) || code === 'UND_ERR_CONNECT_TIMEOUT') return true
  const text = typeof message === 'string' ? message : ''
  if (NEVER_SENT.test(text)) return true
  if (name === 'WebSocketError') return NOT_OPENED.test(text)
  if (name === 'HttpResponseError') return NOT_CARRIED_OUT.test(String(status))
  if (name === 'NeonDbError')
    return wasNeverSent(sourceError) || NOT_CARRIED_OUT.test(STATUS_OF_NEON.exec(text)?.[1] ?? '')
  // An error of `fetch`, or the event that a WebSocket has in its place.
  return error instanceof TypeError ? wasNeverSent(cause) : wasNeverSent(event)
}

interface Reported {
  readonly name?: unknown
  readonly message?: unknown
  readonly syscall?: unknown
  readonly code?: unknown
  readonly status?: unknown
  readonly errors?: unknown
  readonly cause?: unknown
  readonly error?: unknown
  readonly sourceError?: unknown
}

/** Before 7.4, of args that hold a lone surrogate: Prisma's own compiler can't read the query. */
const NOT_COMPILED = /(?:^|\n)JSON Error: .*$/

function isOfCompiler({ name, message }: Reported): boolean {
  return name === 'PrismaClientUnknownRequestError' && NOT_COMPILED.test(String(message))
}

/** Of a value in a result that Prisma can't read: some versions pass it on as it is, others as P2023. */
function isOfDataMapper(error: object): boolean {
  return (error as Reported).name === 'DataMapperError'
}

// ---- errors of transactions

const NOT_BEGUN = /^Transaction API error: Unable to start a transaction in the given time/
/**
 * What Prisma says of a transaction that was not begun, or had ended before the operation came. None of them has sent a COMMIT.
 * "Internal Consistency Error", and what newer versions may add, says nothing certain.
 */
const CLOSED = new RegExp(
  `^Transaction API error: (?:${[
    'Unable to start a transaction in the given time',
    'Transaction not found',
    'Transaction already closed',
    'A \\w+ cannot be executed on an expired transaction',
    'Nested transactions are not supported by adapter',
    '(?:timeout|maxWait) is required',
    'Invalid isolation level',
  ].join('|')})`,
)

/** Whether an error says that the transaction had ended before the operation came, or never began: it did nothing. */
export function isTransactionClosed(error: unknown): boolean {
  return CLOSED.test(textOfTransaction(error))
}

/** Whether an error says that no connection came free for the transaction. */
function isTransactionNotBegun(error: unknown): boolean {
  return NOT_BEGUN.test(textOfTransaction(error))
}

function textOfTransaction(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (code !== 'P2028' || typeof message !== 'string') return ''
  // Before it Prisma may show the line of the caller.
  return message.slice(Math.max(0, message.lastIndexOf('Transaction API error: ')))
}

// ---- errors of reads

/** Data exceptions, and names and rights that are not there. */
const OF_VALUES_OR_NAMES = /^(?:22|42)/

/**
 * Whether an error may be about columns that the caller did not ask for: one that is not there yet or any more, an enum
 * value that the client does not know, a column without a grant; or a value that Prisma can't decode as the type of the
 * column. That is then no error of Prisma's own, but one of JavaScript or of decimal.js.
 */
export function concernsOtherColumns(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (OF_VALUES_OR_NAMES.test(sqlStateOf(error) ?? '') || isOfDataMapper(error)) return true
  if (typeof code === 'string') return /^P2(?!024|025|028)/.test(code)
  const isOfJavaScript = error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError
  return isOfJavaScript || String(message).startsWith('[DecimalError]')
}

/** The server is not reached in time, has closed or lost the connection, or has none left; or none came free in the pool. */
const AWAY = /^P(?:1001|1002|1008|1011|1017|2024|2037)$/
/** Connection exceptions, a server that shuts down, has crashed or begins to run, and too many connections. */
const STATE_OF_AWAY = /^(?:08|57P0[1-3]$|53300$)/
/** What drivers say, and the system calls of Node, of a connection that was there. */
const LOST =
  /^(?:Connection terminated|Client has encountered a connection error|read ECONNRESET|write EPIPE|socket hang up|fetch failed)/
const LOST_CODE =
  /^(?:ECONNRESET|ECONNREFUSED|ECONNABORTED|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/

/** Whether an error says that the database could not be reached, and nothing of the query. */
export function isDatabaseAway(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { code, message, cause } = error as Reported
  if (AWAY.test(String(code)) || LOST_CODE.test(String(code)) || wasNeverSent(error)) return true
  if (STATE_OF_AWAY.test(sqlStateOf(error) ?? '')) return true
  if (typeof message === 'string' && LOST.test(message)) return true
  return error instanceof TypeError && isDatabaseAway(cause)
}

/** Whether an error says that the database user may not see some column that was asked for. */
export function isPermissionDenied(error: unknown): boolean {
  return typeof error === 'object' && error !== null && sqlStateOf(error) === '42501'
}

/** Whether an error of `…OrThrow` says that there is no such row. */
export function isNotFound(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'P2025'
}

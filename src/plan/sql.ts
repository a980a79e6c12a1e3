/** What raw SQL is to the cache: a read for certain, a write of tables that it names, or a write of anything. */

const READ = /^\s*(?:select|show|explain|with|values|table)\b/i
const WRITES = /\b(?:insert|update|delete|merge|truncate|call|do|alter|create|drop|copy|refresh|into|execute|lock)\b/i
const ROW_LOCK = /\bfor\s+(?:no\s+key\s+)?update\b/gi

/**
 * Strings, quoted names, comments, dollar quotes: the first of them at each place, as Postgres reads from left to right. A
 * comment that holds another one is none of them, and a `$` inside a name opens nothing.
 */
const QUOTED =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\r\n]*|\/\*(?:(?!\/\*)[\s\S])*?\*\/|(?<![\w$\u0080-\uffff])\$((?!\d)\w*)\$[\s\S]*?\$\1\$/g
/** What is left of them when they were read wrongly: nested comments, escapes, quotes without an end. */
const UNCLEAR = /['\\]|\$\D|\/\*|\*\/|--/

/**
 * Whether the text only reads. A function that it calls may write all the same: that is for `$cache.invalidateModel`.
 * Where the text is not certain, a word for writing anywhere in it makes it a write: invalidating more is only
 * slower.
 */
export function isPlainRead(text: string): boolean {
  const bare = text.replace(QUOTED, quoted => (quoted.startsWith('"') ? quoted : ' '))
  if (text.includes('\\') || UNCLEAR.test(bare)) return READ.test(text) && !WRITES.test(text)
  return READ.test(bare) && !WRITES.test(bare.replace(ROW_LOCK, ''))
}

/** One table that a statement writes. */
export interface TableWrite {
  readonly verb: 'insert' | 'update' | 'delete'
  readonly table: string
  readonly schema: string | undefined
  /** Columns that get a value in rows that were there before; undefined: perhaps all. */
  readonly columns: ReadonlySet<string> | undefined
}

/** Statements of which all that they write is named behind these words. */
const TELLING = /^(?:insert|update|delete|merge|with|select|values|truncate)$/
/** Words that change what no target names, wherever they stand. */
const UNCERTAIN = /^(?:call|do|alter|create|drop|copy|refresh|execute|cascade|prepare|import|reindex|cluster|rule)$/
/** Before `update` and `delete` where these name no table: `FOR UPDATE`, `DO UPDATE SET`, `WHEN MATCHED THEN DELETE`. */
const NO_TARGET = /^(?:for|key|do|then)$/

/**
 * The tables that a raw statement writes, also those in its CTEs; undefined when that is not certain. A function that it calls
 * may write more: that is for `alsoTouches` and `$cache.invalidateModel`.
 */
export function tablesWritten(text: string): TableWrite[] | undefined {
  const tokens = tokensOf(text)
  if (tokens === undefined || !TELLING.test(tokens[0] ?? '')) return undefined
  const written: TableWrite[] = []
  for (const [at, token] of tokens.entries()) {
    const [before = '', next = ''] = [tokens[at - 1], tokens[at + 1]]
    if (UNCERTAIN.test(token) && !(token === 'do' && /^(?:update|nothing)$/.test(next))) return undefined
    // A new statement has to be certain too.
    if (token === ';' && next !== '' && !TELLING.test(next)) return undefined
    const target = targetAt(tokens, at, before)
    if (target === null) return undefined
    if (target !== undefined) written.push(target)
  }
  return written.length === 0 ? undefined : written
}

/** The target that a word names: undefined when it names none, null when that is not certain. */
function targetAt(tokens: readonly string[], at: number, before: string): TableWrite | undefined | null {
  const after = (...words: readonly string[]) => words.every((word, i) => tokens[at + 1 + i] === word)
  switch (tokens[at]) {
    case 'insert':
    case 'merge': {
      if (before === 'then') return undefined
      if (!after('into')) return null
      const target = named(tokens, at + 2)
      if (target === undefined) return null
      if (tokens[at] === 'merge') return { verb: 'delete', ...target.name, columns: undefined }
      const conflict = tokens.findIndex((word, i) => i > at && word === 'do' && tokens[i + 1] === 'update')
      return conflict < 0
        ? { verb: 'insert', ...target.name, columns: new Set() }
        : { verb: 'update', ...target.name, columns: assigned(tokens, conflict) }
    }
    case 'update': {
      if (NO_TARGET.test(before)) return undefined
      const target = named(tokens, at + 1)
      return target === undefined ? null : { verb: 'update', ...target.name, columns: assigned(tokens, target.end) }
    }
    case 'delete': {
      if (NO_TARGET.test(before)) return undefined
      const target = after('from') ? named(tokens, at + 2) : undefined
      return target === undefined ? null : { verb: 'delete', ...target.name, columns: new Set() }
    }
    case 'truncate': {
      const target = named(tokens, tokens[at + 1] === 'table' ? at + 2 : at + 1)
      // One table only: a list has commas.
      if (target === undefined || tokens[target.end] === ',') return null
      return { verb: 'delete', ...target.name, columns: new Set() }
    }
    case 'into':
      return before === 'insert' || before === 'merge' ? undefined : null
    default:
      return undefined
  }
}

interface Named {
  readonly name: { readonly table: string; readonly schema: string | undefined }
  readonly end: number
}

/** `table`, `schema.table`, after an `ONLY` or not. */
function named(tokens: readonly string[], from: number): Named | undefined {
  const at = tokens[from] === 'only' ? from + 1 : from
  const first = identifier(tokens[at])
  if (first === undefined) return undefined
  if (tokens[at + 1] !== '.') return { name: { table: first, schema: undefined }, end: at + 1 }
  const second = identifier(tokens[at + 2])
  return second === undefined || tokens[at + 3] === '.'
    ? undefined
    : { name: { table: second, schema: first }, end: at + 3 }
}

/** The columns in the `SET` that follows; undefined: perhaps all. */
function assigned(tokens: readonly string[], from: number): ReadonlySet<string> | undefined {
  const set = tokens.indexOf('set', from)
  if (set < 0) return undefined
  const columns = new Set<string>()
  let depth = 0
  let expects = true
  for (const [i, token] of tokens.slice(set + 1).entries()) {
    const at = set + 1 + i
    // `IS DISTINCT FROM` ends nothing.
    if (depth === 0 && /^(?:where|from|returning|;)$/.test(token) && tokens[at - 1] !== 'distinct') break
    if (token === '(') depth++
    else if (token === ')') depth--
    if (depth < 0) break
    if (depth === 0 && token === ',') expects = true
    else if (expects) {
      const column = identifier(token)
      // `(a, b) = …`, `a[1] = …` and what else there is.
      if (column === undefined || tokens[at + 1] !== '=') return undefined
      columns.add(column)
      expects = false
    }
  }
  return columns
}

function identifier(token: string | undefined): string | undefined {
  if (token === undefined) return undefined
  if (token.startsWith('"')) return token.slice(1, -1).replaceAll('""', '"')
  return /^[a-z_][a-z0-9_$]*$/.test(token) ? token : undefined
}

/** Words in lower case, quoted names, marks; without comments, and with `'` for each string. */
function tokensOf(text: string): string[] | undefined {
  if (text.includes('\\')) return undefined
  const bare = text.replace(QUOTED, quoted => {
    if (quoted.startsWith('"')) return quoted
    return quoted.startsWith('--') || quoted.startsWith('/*') ? ' ' : ' ? '
  })
  // An escape in a quoted name (`U&"…"`) hides what it spells.
  if (UNCLEAR.test(bare) || /\bu&/i.test(bare)) return undefined
  const found = bare.match(/"(?:[^"]|"")*"|[\p{L}_][\p{L}\p{N}_$]*|\d[\w.]*|\$\d+|[^\s]/gu) ?? []
  return found.map(token => (token.startsWith('"') ? token : token.toLowerCase()))
}

/** What raw SQL is to the cache: a read for certain, or a write of anything. */

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
 * Where the text can't be told apart for certain, a word for writing anywhere in it makes it a write: dropping more is only
 * slower.
 */
export function isPlainRead(text: string): boolean {
  const bare = text.replace(QUOTED, quoted => (quoted.startsWith('"') ? quoted : ' '))
  if (text.includes('\\') || UNCLEAR.test(bare)) return READ.test(text) && !WRITES.test(text)
  return READ.test(bare) && !WRITES.test(bare.replace(ROW_LOCK, ''))
}

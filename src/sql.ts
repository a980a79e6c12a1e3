/** What raw SQL is to the cache: a read for certain, or a write of anything. */

const READ = /^\s*(?:select|show|explain|with|values|table)\b/i
const WRITES = /\b(?:insert|update|delete|merge|truncate|call|do|alter|create|drop|copy|refresh|into|execute|lock)\b/i
const ROW_LOCK = /\bfor\s+(?:no\s+key\s+)?update\b/gi

/**
 * Whether the text only reads. A function that it calls may write all the same: that is for `$cache.invalidateModel`.
 * A word for writing anywhere in the text, be it in a string, makes it a write: dropping more is only slower.
 */
export function isPlainRead(text: string): boolean {
  return READ.test(text) && !WRITES.test(text.replace(ROW_LOCK, ''))
}

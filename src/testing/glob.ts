/** The patterns of `KEYS`: `*`, `?`, `[abc]`, `[^a-z]`, and `\` before a character that stands for itself. */

const SPECIAL = /[$()*+.?[\\\]^{|}]/

/** Whether a key matches, byte by byte. */
export function matcherOf(pattern: Buffer): (key: Buffer) => boolean {
  const text = pattern.toString('latin1')
  const source = text.replace(/\\(.)|\[(\^?)((?:\\.|[^\]])*)\]|([\s\S])/g, (_, escaped, not, set, one) => {
    if (set !== undefined) return `[${not}${String(set).replace(/[[\]^]/g, '\\$&')}]`
    if (one === '*') return '.*'
    if (one === '?') return '.'
    const literal = String(escaped ?? one)
    return SPECIAL.test(literal) ? `\\${literal}` : literal
  })
  const regex = new RegExp(`^${source}$`, 's')
  return key => regex.test(key.toString('latin1'))
}

/** The text of a Prisma schema as blocks of lines and attributes; what they mean is for `schema`. */

export interface Token {
  readonly kind: 'word' | 'string' | 'number' | 'mark' | 'newline'
  readonly text: string
}

export interface Block {
  kind: string
  name: string
  lines: Token[][]
  attributes: Attribute[]
}

type Value = Token | { kind: 'list'; items: Token[] }

export interface Attribute {
  name: string
  positional: Value[]
  named: Map<string, Value>
}

const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"((?:\\.|[^"\\])*)"|([\p{L}_][\p{L}\p{N}_-]*(?:\.[\p{L}\p{N}_]+)*)|(-?\d[\d.]*)|(@@|[@{}()[\],:=?!.])|(\n)|[^\S\n]+/guy

export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(text)
    if (match === null) throw new Error(`The schema text can't be read at offset ${at}: "${text.slice(at, at + 20)}".`)
    const [, string, word, number, mark, newline] = match
    if (string !== undefined) tokens.push({ kind: 'string', text: unescape(string) })
    else if (word !== undefined) tokens.push({ kind: 'word', text: word })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number })
    else if (mark !== undefined) tokens.push({ kind: 'mark', text: mark })
    else if (newline !== undefined) tokens.push({ kind: 'newline', text: newline })
  }
  return tokens
}

function unescape(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, unicode: string | undefined, plain: string) => {
    if (unicode !== undefined) return String.fromCharCode(Number.parseInt(unicode, 16))
    return { n: '\n', r: '\r', t: '\t' }[plain] ?? plain
  })
}

export function parseBlocks(tokens: readonly Token[]): Block[] {
  const blocks: Block[] = []
  let at = 0
  while (at < tokens.length) {
    const [kind, name, brace] = tokens.slice(at, at + 3)
    if (kind?.kind !== 'word' || name?.kind !== 'word' || brace?.text !== '{') {
      at++
      continue
    }
    const block: Block = { kind: kind.text, name: name.text, lines: [], attributes: [] }
    let line: Token[] = []
    let depth = 0
    for (at += 3; at < tokens.length; at++) {
      const token = tokens[at] as Token
      if (depth === 0 && (token.kind === 'newline' || token.text === '}') && token.kind !== 'string') {
        if (line[0]?.text === '@@') block.attributes.push(...readAttributes(line).values())
        else if (line.length > 0) block.lines.push(line)
        line = []
        if (token.text === '}') break
        continue
      }
      if (token.kind === 'newline') continue
      if (token.kind === 'mark' && '([{'.includes(token.text)) depth++
      if (token.kind === 'mark' && ')]}'.includes(token.text)) depth--
      line.push(token)
    }
    blocks.push(block)
  }
  return blocks
}

export function readAttributes(line: readonly Token[]): Map<string, Attribute> {
  const attributes = new Map<string, Attribute>()
  for (let at = 0; at < line.length; at++) {
    const name = line[at + 1]
    if (line[at]?.kind !== 'mark' || !line[at]?.text.startsWith('@') || name === undefined) continue
    const attribute: Attribute = { name: name.text, positional: [], named: new Map() }
    attributes.set(name.text, attribute)
    if (line[at + 2]?.text === '(') at = readArguments(line, at + 3, attribute)
  }
  return attributes
}

/** Reads arguments up to the closing parenthesis, answers its place. Calls inside arguments are skipped over. */
function readArguments(line: readonly Token[], start: number, attribute: Attribute): number {
  let at = start
  let label: string | undefined
  for (; at < line.length; at++) {
    const token = line[at] as Token
    if (token.kind === 'mark' && token.text === ')') return at
    if (token.kind === 'mark' && token.text === ',') label = undefined
    else if (token.kind === 'mark' && token.text === '(') at = closing(line, at)
    else if (line[at + 1]?.text === ':' && token.kind === 'word') {
      label = token.text
      at++
    } else {
      let value: Value = token
      if (token.kind === 'mark' && token.text === '[') {
        const end = closing(line, at)
        value = { kind: 'list', items: listItems(line.slice(at + 1, end)) }
        at = end
      }
      if (label === undefined) attribute.positional.push(value)
      else attribute.named.set(label, value)
    }
  }
  return at
}

/** The words of a list, without what stands in parentheses behind them (`sort: Desc`, `ops: raw("…")`). */
function listItems(tokens: readonly Token[]): Token[] {
  const items: Token[] = []
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] as Token
    if (token.text === '(') at = closing(tokens, at)
    else if (token.kind === 'word') items.push(token)
  }
  return items
}

export function closing(tokens: readonly Token[], open: number): number {
  let depth = 0
  for (let at = open; at < tokens.length; at++) {
    const token = tokens[at] as Token
    if (token.kind !== 'mark') continue
    if ('(['.includes(token.text)) depth++
    if (')]'.includes(token.text) && --depth === 0) return at
  }
  return tokens.length
}

function argument(attribute: Attribute | undefined, name: string, position: number | false): Value | undefined {
  return attribute?.named.get(name) ?? (position === false ? undefined : attribute?.positional[position])
}

export function textArgument(attribute: Attribute | undefined, name = 'name', position: number | false = 0) {
  const value = argument(attribute, name, position)
  return value?.kind === 'string' ? value.text : undefined
}

export function wordArgument(attribute: Attribute | undefined, name: string): string | undefined {
  const value = argument(attribute, name, false)
  return value?.kind === 'word' ? value.text : undefined
}

export function listArgument(attribute: Attribute | undefined, name: string, position: number | false = 0): string[] {
  const value = argument(attribute, name, position)
  return value?.kind === 'list' ? value.items.map(item => item.text) : []
}

/** What the command line prints: text for people, as wide as the terminal, or JSON for programs. */
import { stripVTControlCharacters, styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red'

export interface Terminal {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/** Narrower than this nothing can be read. */
const NARROWEST = 20

export class Printer {
  readonly isJson: boolean
  readonly isTerminal: boolean
  readonly #terminal: Terminal
  readonly #isColoured: boolean

  /** Colour only on a terminal, and not where NO_COLOR (no-color.org) or TERM=dumb say so. */
  constructor(terminal: Terminal, { json, env }: { json: boolean; env: NodeJS.ProcessEnv }) {
    this.isJson = json
    this.isTerminal = terminal.isTTY === true
    this.#terminal = terminal
    const isRefused = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb'
    this.#isColoured = this.isTerminal && !isRefused
  }

  /** In columns. In a pipe lines are as long as they are. */
  get width(): number {
    return this.isTerminal ? Math.max(this.#terminal.columns ?? 80, NARROWEST) : Number.POSITIVE_INFINITY
  }

  get height(): number {
    return this.#terminal.rows ?? 24
  }

  /** Moves the cursor and the like. */
  control(sequence: string): void {
    this.#terminal.write(sequence)
  }

  style(style: Style, text: string): string {
    return this.#isColoured ? styleText(style, text, { validateStream: false }) : text
  }

  line(text = ''): void {
    this.#terminal.write(`${text}\n`)
  }

  /**
   * Wraps at spaces.
   *
   * @param first - stands before the first line
   * @param indent - stands before the others
   */
  paragraph(first: string, text: string, indent: string, style?: Style): void {
    const width = this.width - Math.max(lengthOf(first), indent.length)
    for (const [i, line] of wrapped(text, width).entries()) {
      this.line((i === 0 ? first : indent) + (style === undefined ? line : this.style(style, line)))
    }
  }

  json(value: unknown): void {
    this.#terminal.write(`${JSON.stringify(value, plain, 2)}\n`)
  }

  table(rows: readonly (readonly string[])[], rightFrom = Number.POSITIVE_INFINITY): void {
    for (const line of this.tableLines(rows, rightFrom)) this.line(line)
  }

  /**
   * Columns two spaces apart. Where they don't fit, the widest is cut.
   *
   * @param rightFrom - columns from this one on are numbers
   */
  tableLines(rows: readonly (readonly string[])[], rightFrom = Number.POSITIVE_INFINITY): string[] {
    const count = Math.max(0, ...rows.map(row => row.length))
    const widths = Array.from({ length: count }, (_, i) => Math.max(0, ...rows.map(row => lengthOf(row[i] ?? ''))))
    let over = widths.reduce((sum, width) => sum + width, 2 * (count - 1)) - this.width
    while (over > 0) {
      const widest = widths.indexOf(Math.max(...widths))
      if ((widths[widest] as number) <= 3) break
      widths[widest] = (widths[widest] as number) - 1
      over--
    }
    return rows.map(row =>
      row
        .map((cell, i) => {
          const text = cut(cell, widths[i] as number)
          const padding = ' '.repeat(Math.max(0, (widths[i] as number) - lengthOf(text)))
          return i >= rightFrom ? padding + text : text + padding
        })
        .join('  ')
        .trimEnd(),
    )
  }
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) as string
    if (last === '') lines[lines.length - 1] = word
    else if (lengthOf(last) + 1 + lengthOf(word) <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

function lengthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length
}

/** A text that is too long loses its colour with its end. */
function cut(text: string, width: number): string {
  return lengthOf(text) <= width ? text : `${[...stripVTControlCharacters(text)].slice(0, width - 1).join('')}…`
}

/** JSON has no bigints and no bytes. */
function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}

// ---- numbers for people

export function duration(ms: number): string {
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) {
    const rest = Math.round(seconds) % 60
    return `${Math.floor(Math.round(seconds) / 60)} min${rest === 0 ? '' : ` ${rest} s`}`
  }
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

export function bytes(count: number): string {
  if (count < 10_000) return `${count} B`
  return count < 10_000_000 ? `${Math.round(count / 1000)} kB` : `${Math.round(count / 1_000_000)} MB`
}

export function percent(share: number): string {
  return Number.isNaN(share) ? '–' : `${(share * 100).toFixed(1)} %`
}

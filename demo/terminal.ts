/** What the demo prints with: 80 columns; colours and a moving bar only where somebody watches. */
import { styleText } from 'node:util'
import { SingleBar } from 'cli-progress'

const { NO_COLOR, CI, TERM } = process.env
const isWatched = process.stdout.isTTY && !NO_COLOR && !CI && TERM !== 'dumb'
export const WIDTH = 80

export type Style = Parameters<typeof styleText>[0]

export function styled(style: Style, text: string): string {
  return isWatched ? styleText(style, text) : text
}

let isBelowGap = true

export function print(line: string): void {
  console.log(line)
  isBelowGap = line === ''
}

/** An empty line, if there is none yet. */
export function gap(): void {
  if (!isBelowGap) print('')
}

export function heading(text: string): void {
  gap()
  print(styled('bold', text))
  gap()
}

/** A paragraph. */
export function say(text: string): void {
  gap()
  print(wrapped(text, 2))
  gap()
}

/** A text in lines of 80 columns, all of them indented. */
export function wrapped(text: string, indent: number): string {
  const lines = text.match(new RegExp(`\\S.{0,${WIDTH - indent - 1}}(?=\\s|$)|\\S+`, 'g')) ?? []
  return lines.map(line => ' '.repeat(indent) + line).join('\n')
}

/** Labels, each with its texts below each other to the right of it. */
export function labelled(facts: readonly (readonly [label: string, texts: string | readonly string[]])[]): void {
  const width = Math.max(...facts.map(([label]) => label.length)) + 6
  for (const [label, texts] of facts) {
    const lines = [texts].flat().map(text => wrapped(text, width))
    print(`    ${styled('dim', label)}${lines.join('\n').slice(4 + label.length)}`)
  }
  gap()
}

/** Rows of cells below their headings; the columns are as wide as their cells. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = headings.map((_, i) => Math.max(...[headings, ...rows].map(row => row[i]?.length ?? 0)))
  const lineOf = (row: readonly string[]) =>
    `    ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd()
  print(styled('dim', lineOf(headings)))
  for (const row of rows) print(lineOf(row))
  gap()
}

/** A bar that grows to the total, and is gone at the end. */
export function progress(what: string, total: number): { at(value: number): void; end(): void } {
  if (!isWatched) return { at() {}, end() {} }
  const bar = new SingleBar({
    format: `  ${what.padEnd(22)} {bar} {percentage}%`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 40,
    clearOnComplete: true,
    stream: process.stdout,
  })
  bar.start(total, 0)
  return { at: value => bar.update(Math.min(value, total)), end: () => bar.stop() }
}

export const count = (value: number): string => value.toLocaleString('en-US')
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** README, CONTRIBUTING, SECURITY and the pages of `docs/`, taken apart. */
import { readdirSync, readFileSync } from 'node:fs'

const root = new URL('../../', import.meta.url)

/** Names of all pages, relative to the root of the repository. */
export const PAGES: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...readdirSync(new URL('docs/', root))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
  ...readdirSync(new URL('.github/', root), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => `.github/${name}`),
]

export function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8')
}

export interface Block {
  readonly page: string
  /** Of the first line of code, in the page. */
  readonly line: number
  /** `ts`, `text`, `sh` … */
  readonly language: string
  /** What stands behind the language. */
  readonly mark: string
  readonly code: string
}

/** The fenced blocks of a page. */
export function blocksOf(page: string): Block[] {
  const text = read(page)
  return [...text.matchAll(/^( *)```(\w+)(?: ([^\n]*))?\n([\s\S]*?)^ *```$/gm)].map(match => {
    const [, , language = '', mark = '', code = ''] = match
    const line = text.slice(0, match.index).split('\n').length + 1
    return { page, line, language, mark, code }
  })
}

/** The anchors that GitHub makes of the headings of a page. */
export function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutCode(read(page)).matchAll(/^#+ (.*)$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    const anchor = text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-')
    let unique = anchor
    for (let n = 1; anchors.has(unique); n++) unique = `${anchor}-${n}`
    anchors.add(unique)
  }
  return anchors
}

/** The targets of links and images in a page. */
export function linksOf(page: string): string[] {
  return [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string)
}

export function exists(path: string): boolean {
  try {
    readFileSync(new URL(path, root))
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'EISDIR'
  }
}

function withoutCode(text: string): string {
  return text.replace(/^ *```[\s\S]*?^ *```$/gm, '').replace(/`[^`\n]*`/g, '')
}

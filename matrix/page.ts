/** What was found, in docs/matrix.json, and as a table in docs/matrix.md. A run replaces what it has run, and no more. */
import { readFile, writeFile } from 'node:fs/promises'
import { REFUSALS, ROWS } from './rows.js'

/** One cell. */
export interface Part {
  readonly ok: boolean
  /** In a few words; of an error its first line. */
  readonly text: string
  /** Repeats it. */
  readonly command?: string
  readonly date: string
  readonly commit: string
}

export const PARTS = ['install', 'types', 'esm', 'cjs', 'promises', 'fuzz', 'refused'] as const

export type Result = {
  readonly name: string
  readonly versions: {
    readonly prisma: string
    readonly node?: string
    readonly ioredis?: string
    readonly typescript?: readonly string[]
    readonly suite?: string
    readonly server?: string | undefined
  }
  readonly why: string
} & { -readonly [Each in (typeof PARTS)[number]]?: Part }

const JSON_FILE = new URL('../docs/matrix.json', import.meta.url)
const PAGE = new URL('../docs/matrix.md', import.meta.url)
const [BEGIN, END] = ['<!-- matrix -->', '<!-- /matrix -->']

export class Results {
  #all = new Map<string, Result>()

  async #read(): Promise<void> {
    const text = await readFile(JSON_FILE, 'utf8').catch(() => '[]')
    this.#all = new Map((JSON.parse(text) as Result[]).map(result => [result.name, result]))
  }

  async add(result: Result): Promise<void> {
    // Another run may have written, too.
    await this.#read()
    const before = this.#all.get(result.name)
    const isSame = JSON.stringify(before?.versions) === JSON.stringify(result.versions)
    this.#all.set(result.name, isSame ? { ...before, ...result } : result)
    // A row that is no longer there is not kept.
    const known = [...ROWS, ...REFUSALS].flatMap(({ name }) => this.#all.get(name) ?? [])
    this.#all = new Map(known.map(each => [each.name, each]))
    await writeFile(JSON_FILE, `${JSON.stringify(known, null, 2)}\n`)
    const page = await readFile(PAGE, 'utf8')
    if (!page.includes(BEGIN) || !page.includes(END)) throw new Error(`docs/matrix.md needs ${BEGIN} and ${END}.`)
    const [head, tail] = [page.slice(0, page.indexOf(BEGIN)), page.slice(page.indexOf(END))]
    await writeFile(PAGE, `${head}${BEGIN}\n\n${this.table()}\n\n${tail}`)
  }

  table(): string {
    const all = [...this.#all.values()]
    const supported = all
      .filter(({ refused }) => refused === undefined)
      .map(result => {
        const { versions } = result
        return [
          versions.prisma,
          versions.node,
          versions.ioredis,
          versions.server ?? 'Redis',
          cell(result.types, versions.typescript?.join(', ')),
          cell(result.esm),
          cell(result.cjs),
          result.promises === undefined ? '–' : `${cell(result.promises)} (${versions.suite})`,
          cell(result.fuzz),
          stamps(result),
          result.why,
        ]
      })
    const refused = all
      .filter(result => result.refused !== undefined)
      .map(result => [result.versions.prisma, result.why, cell(result.refused), stamps(result)])
    return [
      table(
        [
          'Prisma',
          'Node',
          'ioredis',
          'server',
          'compiles with TypeScript',
          'checks, ESM',
          'checks, CJS',
          'promise tests',
          '60 s of fuzz',
          'run on',
          'why this row',
        ],
        supported,
      ),
      table(['Prisma', 'refused', 'what the error says, in ESM and in CJS', 'run on'], refused),
      ...failures(all),
    ].join('\n\n')
  }
}

function cell(part: Part | undefined, text = part?.text): string {
  if (part === undefined) return '–'
  return part.ok ? (text ?? '') : `**RED**: ${part.text}`
}

/** When, and of which commit: not all parts of a row are run at once. */
function stamps(result: Result): string {
  const all = PARTS.flatMap(name => result[name] ?? []).map(({ date, commit }) => `${date} \`${commit}\``)
  return [...new Set(all)].join(', ')
}

function failures(all: readonly Result[]): string[] {
  const red = all.flatMap(result =>
    PARTS.flatMap(name => (result[name]?.ok === false ? [{ name, of: result.name, ...result[name] }] : [])),
  )
  if (red.length === 0) return []
  return ['Red:', red.map(({ of, name, text, command }) => `- ${of}, ${name}: ${text}\n  \`${command}\``).join('\n')]
}

function table(head: readonly string[], lines: readonly (readonly (string | undefined)[])[]): string {
  const text = (cells: readonly (string | undefined)[]) =>
    `| ${cells.map(each => (each ?? '').replaceAll('|', '\\|')).join(' | ')} |`
  return [text(head), text(head.map(() => '---')), ...lines.map(text)].join('\n')
}

/** Long runs are written down: docs/runs.md, a row for each, with the commit that they ran on. */
import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'

const PAGE = new URL('../docs/runs.md', import.meta.url)
const END = '<!-- /runs -->'

/** A run that is shorter says too little to be written down. */
const LEAST_SECONDS = 60

export interface Run {
  readonly command: string
  readonly seed?: number
  readonly seconds: number
  /** In a few words, with the numbers that matter. */
  readonly result: string
  /** Whether to write it down. By default, if it was long enough. */
  readonly keep?: boolean
}

export interface Stamp {
  readonly date: string
  readonly commit: string
}

/** Now, and the commit that is checked out; `+` where the sources differ from it. */
export function stampOf(): Stamp {
  return { date: new Date().toISOString().slice(0, 10), commit: commit() }
}

function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
  try {
    const changed =
      git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'test', 'bench', 'chaos', 'verify') !== ''
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`
  } catch {
    return 'unknown'
  }
}

/** Prints the row, and writes it to the page, green or red. */
export async function recordRun({ command, seed, seconds, result, keep }: Run): Promise<void> {
  const { date, commit: of } = stampOf()
  const cells = [date, of, `\`${command}\``, seed ?? '', `${Math.round(seconds)} s`, result.replaceAll('|', '\\|')]
  const row = `| ${cells.join(' | ')} |`
  console.log(row)
  if (!(keep ?? seconds >= LEAST_SECONDS)) return
  const page = await readFile(PAGE, 'utf8')
  if (!page.includes(END)) throw new Error(`docs/runs.md needs ${END} below its table.`)
  await writeFile(PAGE, page.replace(`\n${END}`, `${row}\n\n${END}`))
}

/** Runs a script of this folder in a process with a small heap and a deadline; with a guard taken out, from a copy of the sources. */
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const COPIED = ['src', 'test/mutation', 'test/support/catalog.ts', 'test/support/random.ts', 'prisma', 'package.json']
const HEAP_MB = 64

/** A guard that is taken out: in this file, this text for that one. */
export type Edit = readonly [file: string, text: string, instead: string]

export interface Run {
  /** Null when it had to be ended. */
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** With its place in the sources itself, when no guard is taken out. */
export function run(script: string, args: readonly string[], deadlineMs: number, root = ROOT): Promise<Run> {
  const options = ['--no-warnings', `--max-old-space-size=${HEAP_MB}`, '--import', 'tsx']
  const child = spawn(process.execPath, [...options, join(root, 'test/mutation', script), ...args], {
    cwd: root,
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', status => resolve({ status, stdout, stderr }))
  })
}

/** The same without some guards. */
export async function runWithout(
  edits: readonly Edit[],
  script: string,
  args: readonly string[],
  deadlineMs: number,
): Promise<Run> {
  const copy = mkdtempSync(join(tmpdir(), 'prisma-cache-aside-mutation-'))
  try {
    for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    for (const [file, text, instead] of edits) {
      const source = readFileSync(join(copy, file), 'utf8')
      if (!source.includes(text)) throw new Error(`${file} has no ${text}`)
      writeFileSync(join(copy, file), source.replaceAll(text, instead))
    }
    return await run(script, args, deadlineMs, copy)
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

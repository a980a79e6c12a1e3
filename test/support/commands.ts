import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** The environment for the system's own tools, which call each other (dpkg needs tar, ...) whatever PATH we were given. */
export const systemEnv: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: [process.env['PATH'], '/usr/sbin', '/usr/bin', '/sbin', '/bin'].filter(Boolean).join(delimiter),
  LC_ALL: 'C',
}

/** Runs a command to its end and answers what it printed; throws with its last words. */
export async function run(
  command: string,
  args: string[],
  options: { withinMs: number; env?: NodeJS.ProcessEnv; cwd?: string; user?: { uid: number; gid: number } },
): Promise<string> {
  const { withinMs, env = systemEnv, cwd, user } = options
  const limits = { timeout: withinMs, killSignal: 'SIGKILL', maxBuffer: 2 ** 24 } as const
  try {
    const { stdout } = await exec(command, args, { env, cwd, ...limits, ...user })
    return stdout
  } catch (error) {
    throw new Error(`${command} ${args[0]}: ${lastWords(error)}`, { cause: error })
  }
}

function lastWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { killed, code, stderr } = error as Error & { killed?: boolean; code?: unknown; stderr?: string }
  if (killed) return 'no answer in time'
  if (code === 'ENOENT') return 'not found'
  return stderr?.trim().split('\n').at(-1) || error.message
}

/** The full name of a program in a search path, or undefined. */
export function findProgram(name: string, searchPath = process.env['PATH'] ?? ''): string | undefined {
  return searchPath
    .split(delimiter)
    .filter(Boolean)
    .map(folder => join(folder, name))
    .find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Runs a program and answers what it printed; an error has the end of it. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

interface Options {
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
  readonly withinMs: number
}

export class Failed extends Error {
  override readonly name = 'Failed'
  /** All that it printed, on both. */
  readonly output: string

  constructor(what: string, output: string) {
    super(`${what}\n${output.trim().split('\n').slice(-60).join('\n')}`)
    this.output = output
  }
}

export async function run(program: string, args: readonly string[], options: Options): Promise<string> {
  const { cwd, env = process.env, withinMs } = options
  try {
    const { stdout } = await promisify(execFile)(program, args, {
      cwd,
      env,
      timeout: withinMs,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 28,
    })
    return stdout
  } catch (error) {
    const {
      stdout = '',
      stderr = '',
      message,
      killed,
    } = error as Error & {
      stdout?: string
      stderr?: string
      killed?: boolean
    }
    const why = killed === true ? `not done within ${withinMs / 1000} s` : (message.split('\n')[0] ?? '')
    throw new Failed(why, `${stdout}\n${stderr}`)
  }
}

/** Commands and applications in the folder of an example. None of them outlives the run, however it ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { watch } from '../../test/support/lifeline.js'

export interface Where {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

export interface App {
  /** What it has printed. */
  output: () => string
  /** Waits until it has printed something that matches. */
  printed: (pattern: RegExp, withinMs: number) => Promise<RegExpExecArray>
  /** Asks it to end, and answers how it ended. Throws if it does not end by itself. */
  end: (withinMs: number) => Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Ends it the hard way, with what it started. */
  kill: () => Promise<void>
}

/** Runs a command to its end. Throws with what it printed when it fails, or does not end by itself. */
export async function run(where: Where, withinMs: number, command: string, ...args: string[]): Promise<string> {
  const app = start(where, command, ...args)
  try {
    const end = await app.ended(withinMs)
    const line = [command, ...args].join(' ')
    if (end === undefined) throw new Error(`\`${line}\` has not ended after ${withinMs / 1000} s\n${app.output()}`)
    if (end.code !== 0) throw new Error(`\`${line}\` ended with ${end.code ?? end.signal}\n${app.output()}`)
    return app.output()
  } finally {
    await app.kill()
  }
}

export function start({ cwd, env }: Where, command: string, ...args: string[]) {
  // A group of its own, so that what it starts (npm starts others) ends with it.
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const lifeline = watch(child.pid === undefined ? {} : { pid: -child.pid, signal: 'SIGKILL' })
  let text = ''
  child.on('error', error => (text += error.message)) // no such command: there is no exit then
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const closed = once(child, 'close').catch(() => undefined)

  const hasEnded = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined
  const ended = async (withinMs: number) => {
    const timer = new AbortController()
    await Promise.race([closed, sleep(withinMs, undefined, { signal: timer.signal }).catch(() => undefined)])
    timer.abort()
    return hasEnded() ? { code: child.exitCode, signal: child.signalCode } : undefined
  }
  return {
    output: () => text,
    ended,
    async printed(pattern: RegExp, withinMs: number) {
      for (const until = Date.now() + withinMs; ; await sleep(20)) {
        const match = pattern.exec(text)
        if (match !== null) return match
        if (hasEnded()) throw new Error(`it ended before it printed ${pattern}\n${text}`)
        if (Date.now() > until) throw new Error(`it has not printed ${pattern} after ${withinMs / 1000} s\n${text}`)
      }
    },
    async end(withinMs: number) {
      child.kill('SIGTERM')
      const end = await ended(withinMs)
      if (end === undefined) throw new Error(`it has not ended ${withinMs / 1000} s after SIGTERM\n${text}`)
      return end
    },
    async kill() {
      killGroup(child)
      await closed
      await lifeline.release()
    },
  } satisfies App & { ended: typeof ended }
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // The group has ended by itself.
    if ((error as { code?: string }).code !== 'ESRCH') throw error
  }
}

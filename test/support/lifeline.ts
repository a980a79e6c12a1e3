import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

/** What must not be left behind: a process, a folder, something a command takes down. */
export interface Leftover {
  pid?: number
  /** How the process is asked to end; it gets five seconds, then SIGKILL. */
  signal?: NodeJS.Signals
  /** A folder to remove when the process is gone. */
  remove?: string
  run?: { command: string; args: string[] }
}

/**
 * One small process watches this one through a pipe and clears up when the pipe closes. That covers every way to die
 * (return, process.exit, Ctrl-C, an uncaught error, SIGKILL) without a single exit or signal handler in here, which
 * would change how the program under test, or the test runner, ends.
 */
let watcher: ChildProcess | undefined
const watched = new Set<number>()
let lastId = 0

/**
 * Registers something to clear up. `update` replaces what is known about it, `release` says that it is gone.
 */
export function watch(leftover: Leftover): { update(leftover: Leftover): void; release(): Promise<void> } {
  const id = ++lastId
  watched.add(id)
  tell(id, leftover)
  return {
    update(next) {
      if (watched.has(id)) tell(id, next)
    },
    async release() {
      if (!watched.delete(id)) return
      tell(id, null)
      if (watched.size === 0) await dismiss()
    },
  }
}

function tell(id: number, leftover: Leftover | null): void {
  watcher ??= startWatcher()
  watcher.stdin?.write(`${JSON.stringify([id, leftover])}\n`)
}

function startWatcher(): ChildProcess {
  // detached: Ctrl-C in a terminal goes to the whole process group, and the watcher has work to do after it.
  // NODE_OPTIONS may hold the test runner's loaders, which would be loaded into the watcher as well.
  const child = spawn(process.execPath, [fileURLToPath(new URL('./lifeline-watcher.mjs', import.meta.url))], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  // Nobody has to wait for the watcher in order to exit, and nobody fails because it was killed.
  child.unref()
  if (child.stdin instanceof Socket) child.stdin.unref()
  child.stdin?.on('error', () => {})
  return child
}

async function dismiss(): Promise<void> {
  const child = watcher
  watcher = undefined
  if (!child || child.exitCode !== null) return
  child.ref()
  const gone = once(child, 'exit')
  child.stdin?.end()
  await gone
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { watch } from './lifeline.js'

type EndOrPause = 'SIGINT' | 'SIGTERM' | 'SIGQUIT' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'

/** A server of our own: one process on 127.0.0.1 with a private folder. It never outlives this process. */
export interface OwnServer {
  readonly url: string
  readonly port: number
  /** Changes with every restart. */
  readonly pid: number
  /** Private folder with the data and `server.log`; removed by `stop`. */
  readonly dir: string
  readonly version: string
  /** Ends the process and removes the folder. Safe to call twice. */
  stop: () => Promise<void>
  /** Sends a signal; waits until the process is gone, unless the signal only pauses (SIGSTOP) or resumes it (SIGCONT). */
  kill: (signal: EndOrPause) => Promise<void>
  /** Starts it again on the same port and folder, after ending it if it still runs. */
  restart: () => Promise<void>
}

/** How to run one kind of server. */
export interface Program {
  version: string
  command: string
  args: (port: number) => string[]
  env: NodeJS.ProcessEnv
  /** Run as this user (only root can). */
  user?: { uid: number; gid: number }
  dir: string
  /** What the server writes to its log when it takes connections. */
  readyLine: string
  /** The signal that ends it quickly and without leftovers. */
  stopSignal: EndOrPause
  url: (port: number) => string
  /** A free port is found when none is given. */
  port?: number
}

const startWithinMs = 30_000
const stopWithinMs = 10_000

export async function startOwnServer(program: Program): Promise<OwnServer> {
  const { dir, stopSignal } = program
  const lifeline = watch({ remove: dir })
  const log = join(dir, 'server.log')
  let child: ChildProcess | undefined
  let stopped: Promise<void> | undefined

  async function start(port: number): Promise<void> {
    const logStart = existsSync(log) ? readFileSync(log).length : 0
    // The log is a file, not a pipe: the server never depends on this process reading.
    const logFile = openSync(log, 'a')
    const started = spawn(program.command, program.args(port), {
      cwd: dir, // ours may be closed to the server's user
      env: program.env,
      stdio: ['ignore', logFile, logFile],
      detached: true, // Ctrl-C is for us; the server is ended after us, by the watcher
      ...program.user,
    })
    closeSync(logFile)
    let failure = ''
    started.on('error', error => (failure = error.message)) // no such file, not executable: there is no exit then
    started.once('exit', () => {
      if (child === started) lifeline.update({ remove: dir }) // the pid may be another process's soon
    })
    child = started
    if (started.pid) lifeline.update({ pid: started.pid, signal: stopSignal, remove: dir })
    const written = (): string => readFileSync(log).subarray(logStart).toString()
    for (const deadline = Date.now() + startWithinMs; !written().includes(program.readyLine); await sleep(10)) {
      if (failure) throw new Error(`${program.command} cannot be started: ${failure}`)
      if (hasEnded(started)) throw new Error(`${program.command} ended at start:\n${tail(written())}`)
      if (Date.now() > deadline) throw new Error(`${program.command} was not ready in time:\n${tail(written())}`)
    }
    started.unref() // a forgotten stop() must not keep this process alive
  }

  async function kill(signal: EndOrPause): Promise<void> {
    if (!child?.pid || hasEnded(child)) return
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') {
      child.kill(signal)
      return
    }
    child.ref() // or Node might find nothing left to wait for, and exit
    const gone = once(child, 'exit')
    child.kill(signal)
    child.kill('SIGCONT') // a paused process would not act on it
    const tooSlow = setTimeout(() => child?.kill('SIGKILL'), stopWithinMs)
    await gone
    clearTimeout(tooSlow)
  }

  const stop = (): Promise<void> => (stopped ??= end())

  async function end(): Promise<void> {
    await kill(stopSignal)
    rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    await lifeline.release()
  }

  // Between finding a free port and the server taking it, somebody else may take it.
  let port = program.port ?? (await freePort())
  for (let attempt = 1; ; attempt++) {
    try {
      await start(port)
      break
    } catch (error) {
      if (program.port === undefined && attempt < 5 && String(error).includes('already in use')) {
        port = await freePort()
        continue
      }
      await stop()
      throw error
    }
  }

  return {
    url: program.url(port),
    port,
    get pid() {
      return child?.pid ?? 0
    },
    dir,
    version: program.version,
    stop,
    kill,
    async restart() {
      if (stopped) throw new Error(`${program.command} cannot be restarted: it was stopped and its folder is gone.`)
      await kill(stopSignal)
      await start(port)
    },
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

function tail(log: string): string {
  return log.trim().split('\n').slice(-15).join('\n')
}

/**
 * A free port on 127.0.0.1, below the range from which systems take the ports of outgoing connections: otherwise, while
 * a test keeps a server down, a connection could get that port, or even connect to itself.
 * `port + 10000` is free as well: Redis Cluster listens there.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 10_000)
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

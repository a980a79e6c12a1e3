// The other end of the lifeline (see lifeline.ts): waits until its parent is gone, then clears up what the parent left.
// It must outlive the parent, so it is plain Node: no loader, no imports from the project.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

/** @typedef {{ pid?: number, signal?: string, remove?: string, run?: { command: string, args: string[] } }} Leftover */

/** @type {Map<number, Leftover>} */
const leftovers = new Map()

// A line is `[id, leftover]`, or `[id, null]` once the parent has cleared it up itself.
for await (const line of createInterface({ input: process.stdin })) {
  const [id, leftover] = JSON.parse(line)
  if (leftover) leftovers.set(id, leftover)
  else leftovers.delete(id)
}

// Standard input has ended: the parent exited, was killed, or needs no watching any more.
await Promise.all([...leftovers.values()].map(clear))

/** @param {Leftover} leftover */
async function clear({ pid, signal, remove, run }) {
  if (pid) {
    send(pid, signal)
    send(pid, 'SIGCONT') // a test may have paused it
    for (const deadline = Date.now() + 5_000; isRunning(pid) && Date.now() < deadline; ) await sleep(20)
    send(pid, 'SIGKILL')
  }
  if (run) spawnSync(run.command, run.args, { stdio: 'ignore' })
  if (remove) rmSync(remove, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}

/** @param {number} pid */
function isRunning(pid) {
  if (!send(pid, 0)) return false
  try {
    // Z: it has ended, but process 1 has not collected it yet; in some containers it never will.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return true // no /proc here
  }
}

/** @param {number} pid @param {string | 0 | undefined} signal */
function send(pid, signal) {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

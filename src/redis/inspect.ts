/** `INFO` of a server. One at a time for each: while it hangs, commands that are never answered would pile up in the caller's client. */
import type { Redis } from 'ioredis'
import { LATE, within } from '../waiting.js'

const inProgress = new WeakMap<Redis, Promise<unknown>>()

/** The text, empty where it is not permitted; an error of Redis; or undefined when there is no answer in time. */
export async function inspect(node: Redis, ms: number): Promise<string | Error | undefined> {
  const until = performance.now() + ms
  // What others are told was perhaps said before this connection was made: it is waited for, and the server is inspected again.
  for (let before = inProgress.get(node); before !== undefined; before = inProgress.get(node)) {
    if ((await within(before, until - performance.now())) === LATE) return undefined
  }
  const info = node.info().catch((error: unknown) => {
    if (/NOPERM|unknown command/i.test(String(error))) return ''
    return error instanceof Error ? error : new Error(String(error))
  })
  inProgress.set(
    node,
    info.finally(() => inProgress.delete(node)),
  )
  const answer = await within(info, until - performance.now())
  return answer === LATE ? undefined : answer
}

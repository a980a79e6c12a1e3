/** `INFO` of a server. One at a time for each: while it hangs, commands that are never answered would pile up in the caller's client. */
import type { Redis } from 'ioredis'
import { LATE, within } from '../waiting.js'

interface InProgress {
  readonly info: Promise<string | Error>
  /** Until it is sent. What is asked for later would be told what was so before. */
  mayJoin: boolean
}

const inProgress = new WeakMap<Redis, InProgress>()

/** The text, empty where it is not permitted; an error of Redis; or undefined: there is no answer in time, or an earlier one is waited for. */
export async function inspect(node: Redis, ms: number): Promise<string | Error | undefined> {
  let asked = inProgress.get(node)
  if (asked === undefined) {
    const made: InProgress = { info: infoOf(node), mayJoin: true }
    asked = made
    inProgress.set(node, made)
    process.nextTick(() => {
      made.mayJoin = false
    })
    void made.info.finally(() => inProgress.delete(node))
  } else if (!asked.mayJoin) return undefined
  const answer = await within(asked.info, ms)
  return answer === LATE ? undefined : answer
}

async function infoOf(node: Redis): Promise<string | Error> {
  try {
    return await node.info()
  } catch (error) {
    if (/NOPERM|unknown command/i.test(String(error))) return ''
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** What Redis gives to a script. */
import { createHash } from 'node:crypto'
import { Refusal, type Reply } from './resp.js'
import type { Session } from './server.js'

/** What a script may use. */
export interface Lua {
  readonly keys: readonly (Buffer | undefined)[]
  readonly argv: readonly (Buffer | undefined)[]
  /** `redis.call`: an error ends the script. */
  readonly call: (name: string, ...words: readonly (Buffer | string | undefined)[]) => Reply
}

/** Runs a command that a script calls. */
export type Run = (session: Session, command: readonly Buffer[], mayUseMemory: boolean) => Reply

export function luaOf(
  script: string,
  keys: readonly Buffer[],
  argv: readonly Buffer[],
  session: Session,
  run: Run,
): Lua {
  const mayUseMemory = /^#!lua .*\ballow-oom\b/.test(script)
  return {
    keys,
    argv,
    call(name, ...words) {
      const known = words.filter(word => word !== undefined)
      const reply =
        known.length < words.length
          ? new Refusal('ERR Lua redis lib command arguments must be strings or integers')
          : run(
              session,
              [name, ...known].map(word => Buffer.from(word)),
              mayUseMemory,
            )
      if (reply instanceof Refusal) throw new Refusal(`${reply.message} ${placeOf(script, name)}`)
      return reply
    },
  }
}

/** Where in the script the error was, as Redis says it. */
function placeOf(script: string, command: string): string {
  const line = script.split('\n').findIndex(code => code.includes(`call('${command}'`)) + 1
  return `script: ${createHash('sha1').update(script).digest('hex')}, on @user_script:${line}.`
}

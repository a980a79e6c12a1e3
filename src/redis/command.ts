/** The commands that are sent to Redis, and how a client of ioredis sends them. */

export type Command = [name: keyof typeof METHODS, ...args: (string | Buffer | number)[]]

type Method = (...args: readonly (string | Buffer | number)[]) => Promise<unknown>

/** Written out: a name that is put together for each command is looked up the slow way. */
const METHODS = {
  mget: 'mgetBuffer',
  get: 'getBuffer',
  set: 'setBuffer',
  del: 'delBuffer',
  eval: 'evalBuffer',
  pexpire: 'pexpireBuffer',
} as const

/** The method that answers buffers. By name, not by `call`: ioredis loses the name of a call that it pipelines by itself. */
export function methodOf(client: object, name: keyof typeof METHODS): Method {
  return (client as Record<string, Method>)[METHODS[name]] as Method
}

export function scriptOf([name, script]: Command | [] = []): string | undefined {
  return name === 'eval' ? String(script) : undefined
}

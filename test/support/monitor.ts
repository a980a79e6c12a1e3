/** What Redis was asked, as `MONITOR` tells it. */
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { World } from './world.js'

export interface Seen {
  /** Name and arguments of each command that names a key of this world, in order. */
  readonly lines: readonly (readonly string[])[]
  /** Signs of life: one is due when it is due, whatever runs meanwhile. */
  readonly signsOfLife: number
  /** The names alone. */
  commands: () => string[]
}

/**
 * Runs something and answers which commands on keys of this world reached Redis meanwhile. On a socket of its own: ioredis
 * fails when commands of others (tests run side by side on one server) come in one packet with the answer to `MONITOR`.
 */
export async function watchRedis(world: World, run: () => Promise<unknown>): Promise<Seen> {
  const lines: string[][] = []
  let signsOfLife = 0
  const end = `${world.prefix}end-of-watch`
  const socket = open(world.redisUrl)
  let answersLeft = new URL(world.redisUrl).password === '' ? 1 : 2 // of AUTH and of MONITOR
  let begin = () => {}
  const begun = new Promise<void>(resolve => {
    begin = resolve
  })
  const ended = new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    createInterface({ input: socket }).on('line', line => {
      const seen = LINE.exec(line)
      if (seen === null) {
        if (line.startsWith('-')) reject(new Error(line))
        else if (--answersLeft === 0) begin()
        return
      }
      const args = [...(seen[2] as string).matchAll(ARGUMENT)].map(([, text]) => unescaped(text as string))
      if (args[1] === end) return resolve()
      // What a script does inside Redis is reported too: not a command of a client.
      if (seen[1] === 'lua') return
      if (args.includes(`${world.prefix}@fleet`)) signsOfLife++
      else if (args.some(arg => arg.startsWith(world.prefix)))
        lines.push([String(args[0]).toLowerCase(), ...args.slice(1)])
    })
  })
  try {
    await Promise.race([begun, ended])
    await run()
    await world.redis.get(end)
    await ended
  } finally {
    socket.destroy()
  }
  return { lines, signsOfLife, commands: () => lines.map(([name]) => name as string) }
}

/** `+1700000000.123456 [0 127.0.0.1:1234] "get" "key"`, or `[0 lua]`. */
const LINE = /^\+\d+\.\d+ \[\d+ (\S+)\] (.*)$/
const ARGUMENT = /"((?:\\.|[^"\\])*)"/g

function open(redisUrl: string): Socket {
  const { hostname, port, username, password } = new URL(redisUrl)
  const socket = connect({ host: hostname, port: Number(port || 6379) })
  const auth = [username, password].filter(Boolean).map(decodeURIComponent)
  if (password !== '') socket.write(`AUTH ${auth.join(' ')}\r\n`)
  socket.write('MONITOR\r\n')
  return socket
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', a: '\u0007', b: '\b' }

function unescaped(text: string): string {
  return text.replaceAll(/\\(x[0-9a-f]{2}|.)/g, (_, escape: string) =>
    escape.length === 3 ? String.fromCharCode(Number.parseInt(escape.slice(1), 16)) : (ESCAPES[escape] ?? escape),
  )
}

/** What Redis was asked, as `MONITOR` tells it. */
import { Redis } from 'ioredis'
import type { World } from './world.js'

export interface Seen {
  /** Name and arguments of each command that names a key of this world, in order. */
  readonly lines: readonly (readonly string[])[]
  /** The names alone. */
  commands: () => string[]
}

/** Runs something and answers which commands on keys of this world reached Redis meanwhile. */
export async function watchRedis(world: World, run: () => Promise<unknown>): Promise<Seen> {
  const connection = new Redis(world.redisUrl)
  const monitor = await connection.monitor()
  const lines: string[][] = []
  const end = `${world.prefix}end-of-watch`
  const ended = new Promise<void>(resolve => {
    monitor.on('monitor', (_time: string, args: string[], source: string) => {
      if (args[1] === end) return resolve()
      // What a script does inside Redis is reported too: not a command of a client.
      if (source === 'lua') return
      if (args.some(arg => arg.startsWith(world.prefix))) lines.push([String(args[0]).toLowerCase(), ...args.slice(1)])
    })
  })
  try {
    await run()
    await world.redis.get(end)
    await ended
  } finally {
    monitor.disconnect()
    connection.disconnect()
  }
  return { lines, commands: () => lines.map(([name]) => name as string) }
}

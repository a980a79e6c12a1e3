/** A client of ioredis whose connections lead to a server in this process. All but the commands is ioredis' own. */
import type { Redis, RedisOptions } from 'ioredis'
import type { Faults } from './faults.js'
import type { MemoryServer } from './server.js'
import { MemorySocket } from './socket.js'

/** What a client of a memory has besides all that a `Redis` of ioredis has. */
export interface MemoryClient {
  /** What is wrong with the memory, for all clients that share it. Nothing, to begin with. */
  readonly faults: Faults

  /**
   * Another client of the same memory, as of another process: it sees the same keys, and has the same faults.
   *
   * @param override - options of ioredis that differ
   * @example const other = redis.duplicate()
   */
  duplicate(override?: Partial<RedisOptions>): MemoryRedis
}

/** A client of ioredis with a memory instead of a server. */
export type MemoryRedis = MemoryClient & Redis

/** The class `Redis` of an ioredis: its overloads are not the same in 5 and 6. */
export type ClientClass = new (options: RedisOptions) => Redis

export function connectedTo(server: MemoryServer, Client: ClientClass, options: RedisOptions): MemoryRedis {
  /** What ioredis asks for a socket at each (re)connect. */
  class Connector {
    #socket: MemorySocket | undefined

    async connect(): Promise<MemorySocket> {
      this.#socket = new MemorySocket(server)
      return this.#socket
    }

    disconnect(): void {
      this.#socket?.end()
    }

    /** Whether a server with this `INFO` will do. */
    check(): boolean {
      return true
    }
  }

  // Where a server would be, and how to get there.
  const { tls: _tls, sentinels: _sentinels, path: _path, ...others } = options
  const client = new Client({ ...others, Connector: Connector as unknown as NonNullable<RedisOptions['Connector']> })
  return Object.assign(client, {
    faults: server.faults,
    duplicate: (override: Partial<RedisOptions> = {}) =>
      connectedTo(server, Client, { ...client.options, ...override }),
  })
}

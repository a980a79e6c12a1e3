/**
 * The client's end of a connection: what ioredis takes for a socket. It leads to a server in this process. As on a network, a reply
 * never comes in the tick of its command: ioredis counts on that.
 */
import { Duplex } from 'node:stream'
import { run } from './commands.js'
import { CommandReader, written } from './resp.js'
import type { MemoryServer, Peer, Session } from './server.js'

/** Kept from before: fake timers of a test would keep back all replies. */
const nextTurn = setImmediate

interface Waiting {
  readonly command: readonly Buffer[]
  readonly since: number
}

export class MemorySocket extends Duplex implements Peer {
  readonly #server: MemoryServer
  readonly #session: Session
  readonly #reader = new CommandReader()
  readonly #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined
  #replies: Buffer[] = []
  /** ioredis looks at it, and waits for the event `connect`. */
  connecting = true

  constructor(server: MemoryServer) {
    super()
    this.#server = server
    this.#session = { server, db: 0, protocol: 2, isOver: false }
    server.peers.add(this)
    nextTurn(() => this.#connect())
  }

  #connect(): void {
    if (this.destroyed) return
    if (this.#server.faults.isDown) this.destroy(refused())
    else {
      this.connecting = false
      this.emit('connect')
    }
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const since = performance.now()
    for (const command of this.#reader.read(chunk)) this.#waiting.push({ command, since })
    this.#serve()
    done()
  }

  /** The client has ended its side: it gets the replies that are ready, as from a server that is told so. */
  override _final(done: (error?: Error | null) => void): void {
    done()
    nextTurn(() => this.destroy())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    this.#waiting.length = 0
    this.#server.peers.delete(this)
    done(error)
  }

  faultsChanged(): void {
    if (this.#server.faults.isDown) {
      if (!this.connecting) this.destroy()
    } else this.#serve()
  }

  /** Runs the commands that have waited long enough, in their order. */
  #serve(): void {
    clearTimeout(this.#timer)
    const { faults } = this.#server
    for (let next = this.#waiting[0]; next !== undefined && !this.#session.isOver; next = this.#waiting[0]) {
      const left = next.since + faults.delayMs - performance.now()
      if (left > 0) {
        // It keeps the process alive: the application waits for it. A server that hangs does not.
        if (Number.isFinite(left)) this.#timer = setTimeout(() => this.#serve(), Math.ceil(left))
        return
      }
      this.#waiting.shift()
      const reply = run(this.#session, next.command)
      this.#reply(written(reply, this.#session.protocol))
    }
  }

  #reply(bytes: Buffer): void {
    if (this.#replies.push(bytes) > 1) return
    nextTurn(() => {
      const replies = Buffer.concat(this.#replies)
      this.#replies = []
      if (this.destroyed) return
      this.push(replies)
      if (this.#session.isOver) this.destroy()
    })
  }

  // Options of a socket that ioredis sets. There is no network to set them for.
  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  /** ioredis gives up a connect after some time. Ours never takes any. */
  setTimeout(): this {
    return this
  }
}

/** What Node says of a port where nobody listens. */
const REFUSED = 'ECONNREFUSED'

function refused(): Error {
  return Object.assign(new Error(`connect ${REFUSED}: memoryRedis is down`), { code: REFUSED, syscall: 'connect' })
}

/**
 * A TCP proxy that can do what a network does: delay, lose, cut in the middle, forget one side, let only one direction
 * pass, refuse. It knows nothing of what goes through, so it stands before Redis and before Postgres alike.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** `requests` go to the server, `replies` to the client. */
export type Direction = 'requests' | 'replies'

/** What happens to bytes that come in. */
type Fate =
  | { kind: 'pass' }
  /** Each chunk comes so much later, in order. */
  | { kind: 'delay'; ms: number }
  /** Kept back, in order, until `mend`. */
  | { kind: 'keep' }
  /** Lost; the connection looks alive, until `mend` cuts it, because what follows would not be understood. */
  | { kind: 'lose' }

const PASS: Fate = { kind: 'pass' }
const BOTH: readonly Direction[] = ['requests', 'replies']

export interface Proxy {
  readonly port: number
  /** The server's URL with the proxy in the place of its host and port. */
  readonly url: string
  /** Open connections of clients. */
  readonly connections: number
  /** Every chunk comes later, in both directions. */
  delay: (ms: number) => void
  /** Keeps bytes back until `mend`: a server that hangs, or a network that does. */
  keep: (...directions: Direction[]) => void
  /** Loses bytes. With both directions it is a partition, with one a network that works one way. */
  lose: (...directions: Direction[]) => void
  /** Cuts each connection after so many bytes of replies from now on: in the middle of a reply. */
  cutAfter: (bytes: number) => void
  /** Ends all connections by a reset, on both sides; new ones are accepted. */
  cut: () => void
  /** The server's side of all connections is ended and the client is not told: half-open, as after a crash of a machine. */
  abandon: () => void
  /** Ends all connections and refuses new ones until `mend`. */
  refuse: () => Promise<void>
  /** Replaces one text by another of the same length in all replies: a server that says something else of itself. */
  rewrite: (from: string, to: string) => void
  /** Resolves when bytes of that direction have come in since now, whatever became of them. */
  arrival: (direction: Direction) => Promise<void>
  /** Ends all faults. What was kept back goes on its way; connections that lost bytes are cut. */
  mend: () => Promise<void>
  stop: () => Promise<void>
}

/** @example const proxy = await startProxy(server.url); new Redis(proxy.url); proxy.keep('replies') */
export async function startProxy(serverUrl: string): Promise<Proxy> {
  const target = new URL(serverUrl)
  const fates: Record<Direction, Fate> = { requests: PASS, replies: PASS }
  const waiting: Record<Direction, (() => void)[]> = { requests: [], replies: [] }
  const links = new Set<Link>()
  let rewriting: { from: Buffer; to: Buffer } | undefined

  const server = createServer(client => {
    const upstream = connect({ host: target.hostname, port: Number(target.port) })
    const link = new Link(client, upstream, fates, (direction, bytes) => {
      for (const arrived of waiting[direction].splice(0)) arrived()
      if (direction === 'replies' && rewriting !== undefined) replaceIn(bytes, rewriting)
    })
    links.add(link)
    client.on('close', () => links.delete(link))
  })
  await listen(server, 0)
  const { port } = server.address() as { port: number }
  const url = new URL(serverUrl)
  url.host = `127.0.0.1:${port}`

  const set = (directions: readonly Direction[], fate: Fate) => {
    for (const direction of directions.length === 0 ? BOTH : directions) fates[direction] = fate
  }
  const cut = () => {
    for (const link of links) link.cut()
  }
  return {
    port,
    url: url.href,
    get connections() {
      return links.size
    },
    delay: ms => set(BOTH, { kind: 'delay', ms }),
    keep: (...directions) => set(directions, { kind: 'keep' }),
    lose: (...directions) => set(directions, { kind: 'lose' }),
    cutAfter(bytes) {
      for (const link of links) link.cutAfter(bytes)
    },
    cut,
    abandon() {
      for (const link of links) link.abandon()
    },
    async refuse() {
      const closed = server.listening ? once(server, 'close') : Promise.resolve()
      server.close()
      cut()
      await closed
    },
    rewrite(from, to) {
      if (Buffer.byteLength(from) !== Buffer.byteLength(to)) throw new Error('rewrite takes texts of the same length')
      rewriting = { from: Buffer.from(from), to: Buffer.from(to) }
    },
    arrival: direction => new Promise(resolve => waiting[direction].push(resolve)),
    async mend() {
      set(BOTH, PASS)
      rewriting = undefined
      for (const link of links) link.mend()
      if (!server.listening) await listen(server, port)
    },
    async stop() {
      const closed = server.listening ? once(server, 'close') : Promise.resolve()
      server.close()
      cut()
      await closed
    },
  }
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
}

function replaceIn(bytes: Buffer, { from, to }: { from: Buffer; to: Buffer }): void {
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + to.length)) to.copy(bytes, at)
}

/** One client's connection and the one to the server behind it. */
class Link {
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #lanes: Record<Direction, Lane>
  /** Bytes were lost, or the server's side is gone. */
  #broken = false
  #abandoned = false

  constructor(
    client: Socket,
    upstream: Socket,
    fates: Record<Direction, Fate>,
    onBytes: (direction: Direction, bytes: Buffer) => void,
  ) {
    this.#client = client
    this.#upstream = upstream
    const lane = (direction: Direction, from: Socket, to: Socket) => {
      const made = new Lane(to, () => this.cut())
      from.on('data', (bytes: Buffer) => {
        onBytes(direction, bytes)
        const fate = fates[direction]
        if (this.#broken || fate.kind === 'lose') this.#broken = true
        else made.take(bytes, fate)
      })
      return made
    }
    this.#lanes = { requests: lane('requests', client, upstream), replies: lane('replies', upstream, client) }
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      socket.on('error', () => {})
    }
    client.on('close', () => {
      upstream.destroy()
      for (const { clear } of Object.values(this.#lanes)) clear()
    })
    upstream.on('close', () => {
      // A server that goes while its last replies are on their way: they come first.
      if (!this.#abandoned) this.#lanes.replies.last(() => this.cut())
    })
  }

  cutAfter(bytes: number): void {
    this.#lanes.replies.cutAfter = bytes
  }

  cut(): void {
    this.#client.resetAndDestroy()
    this.#upstream.resetAndDestroy()
  }

  abandon(): void {
    this.#abandoned = this.#broken = true
    this.#upstream.destroy()
  }

  mend(): void {
    if (this.#broken) return this.cut()
    this.#lanes.replies.cutAfter = undefined
    for (const lane of Object.values(this.#lanes)) lane.release()
  }
}

/** One direction of a connection: a queue, so that nothing overtakes what came before it. */
class Lane {
  readonly #to: Socket
  readonly #cut: () => void
  #queue: { at: number; run: () => void }[] = []
  #timer: NodeJS.Timeout | undefined
  cutAfter: number | undefined

  constructor(to: Socket, cut: () => void) {
    this.#to = to
    this.#cut = cut
  }

  take(bytes: Buffer, fate: Fate): void {
    const ms = fate.kind === 'delay' ? fate.ms : fate.kind === 'keep' ? Number.POSITIVE_INFINITY : 0
    this.#enqueue(performance.now() + ms, () => this.#pass(bytes))
  }

  /** Runs after everything that is on its way. */
  last(run: () => void): void {
    this.#enqueue(0, run)
  }

  release(): void {
    for (const waiting of this.#queue) waiting.at = 0
    this.#drain()
  }

  readonly clear = (): void => {
    this.#queue = []
    clearTimeout(this.#timer)
  }

  #enqueue(at: number, run: () => void): void {
    this.#queue.push({ at, run })
    this.#drain()
  }

  #drain(): void {
    clearTimeout(this.#timer)
    for (;;) {
      const [head] = this.#queue
      if (head === undefined || head.at === Number.POSITIVE_INFINITY) return
      const ms = head.at - performance.now()
      if (ms > 0) {
        this.#timer = setTimeout(() => this.#drain(), Math.ceil(ms))
        return
      }
      this.#queue.shift()
      head.run()
    }
  }

  #pass(bytes: Buffer): void {
    if (this.cutAfter === undefined) {
      this.#to.write(bytes)
      return
    }
    const rest = bytes.subarray(0, this.cutAfter)
    this.cutAfter -= rest.length
    if (rest.length > 0 && this.#to.writable) this.#to.write(rest)
    // A FIN and not a reset: the reset would overtake the bytes.
    if (this.cutAfter === 0) this.#to.end(() => this.#cut())
  }
}

/** What an application sends to its servers, read off the wire: nothing in an example has to count. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface Tap {
  /** The server's URL with the tap in the place of its host and port. */
  readonly url: string
  /** Statements, or commands with their arguments, in order. */
  readonly seen: readonly (readonly string[])[]
  /** Connections that are open, that were ever opened, and that the client has closed by a message that says so. */
  readonly connections: number
  readonly opened: number
  readonly farewells: number
  stop: () => Promise<void>
}

/** Takes bytes as they come, and calls `see` with each whole message. */
type Reader = (chunk: Buffer) => void
type See = (words: string[]) => void

/** Each statement that is executed, as its text. */
export const tapPostgres = (url: string): Promise<Tap> => startTap(url, 5432, postgresReader)

/** Each command, as its name in lower case and its arguments. */
export const tapRedis = (url: string): Promise<Tap> => startTap(url, 6379, redisReader)

async function startTap(
  serverUrl: string,
  usualPort: number,
  readerOf: (see: See, farewell: () => void) => Reader,
): Promise<Tap> {
  const target = new URL(serverUrl)
  const seen: string[][] = []
  const clients = new Set<Socket>()
  let opened = 0
  let farewells = 0
  const server = createServer(client => {
    const upstream = connect({ host: target.hostname, port: Number(target.port || usualPort) })
    const read = readerOf(
      words => seen.push(words),
      () => farewells++,
    )
    clients.add(client)
    opened++
    client.on('data', read)
    client.pipe(upstream)
    upstream.pipe(client)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => other.destroy())
      socket.on('close', () => other.destroy())
    }
    client.on('close', () => clients.delete(client))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(serverUrl)
  url.host = `127.0.0.1:${(server.address() as { port: number }).port}`
  return {
    url: url.href,
    seen,
    get connections() {
      return clients.size
    },
    get opened() {
      return opened
    },
    get farewells() {
      return farewells
    },
    async stop() {
      for (const client of clients) client.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/**
 * `Q` is a statement in one message. Otherwise `P` has the text, `B` binds a statement by its name, `E` executes it,
 * and `X` takes leave.
 */
function postgresReader(see: See, farewell: () => void): Reader {
  const texts = new Map<string, string>()
  let bound = ''
  let rest = Buffer.alloc(0)
  let isStarted = false
  return chunk => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      // The first message has no type, and neither has the question for TLS before it.
      const head = isStarted ? 1 : 0
      if (rest.length < head + 4) return
      const end = head + rest.readInt32BE(head)
      if (rest.length < end) return
      const body = rest.subarray(head + 4, end)
      const type = isStarted ? String.fromCharCode(rest[0] as number) : ''
      if (type === '' && body.readInt32BE(0) === 196_608) isStarted = true // version 3.0
      const [first = '', second = ''] = body.toString('latin1').split('\0', 2)
      if (type === 'Q') see([first])
      if (type === 'P') texts.set(first, second)
      if (type === 'B') bound = second
      if (type === 'E') see([texts.get(bound) ?? ''])
      if (type === 'X') farewell()
      rest = rest.subarray(end)
    }
  }
}

/** `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n` */
function redisReader(see: See, farewell: () => void): Reader {
  let rest = ''
  return chunk => {
    rest += chunk.toString('latin1')
    for (;;) {
      const [head, count] = /^\*(\d+)\r\n/.exec(rest) ?? []
      if (head === undefined) return
      const words: string[] = []
      let at = head.length
      while (words.length < Number(count)) {
        const [length, bytes] = /^\$(\d+)\r\n/.exec(rest.slice(at, at + 20)) ?? []
        if (length === undefined || rest.length < at + length.length + Number(bytes) + 2) return
        words.push(rest.slice(at + length.length, at + length.length + Number(bytes)))
        at += length.length + Number(bytes) + 2
      }
      const [name = '', ...args] = words
      see([name.toLowerCase(), ...args])
      if (name.toLowerCase() === 'quit') farewell()
      rest = rest.slice(at)
    }
  }
}

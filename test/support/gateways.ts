/**
 * What stands before Postgres for drivers that don't speak its protocol over TCP: Neon's WebSocket proxy and its SQL over HTTP,
 * and the service of Prisma Postgres. No more of each than the drivers need, in front of a real Postgres.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Client, DatabaseError, type QueryArrayResult } from 'pg'
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws'

export interface Gateway {
  readonly port: number
  /** Answers everything that is new by this status from now on. */
  refuse: (status: number) => void
  /** Ends what `refuse` began. */
  accept: () => void
  /** Ends all connections, in the middle of what they do. */
  cut: () => void
  stop: () => Promise<void>
}

interface Asked {
  readonly text: string
  readonly values: (string | null)[]
}

/** Neon's: bytes in WebSocket messages go to Postgres as they are; `POST /sql` runs one statement. */
export function startNeonGateway(databaseUrl: string): Promise<Gateway> {
  const { hostname, port } = new URL(databaseUrl)
  return startGateway({
    session(socket) {
      const upstream = connect(Number(port), hostname)
      const stream = createWebSocketStream(socket)
      stream.on('error', () => upstream.destroy()).on('close', () => upstream.destroy())
      upstream.on('error', () => socket.terminate()).on('close', () => socket.terminate())
      stream.pipe(upstream).pipe(stream)
    },
    async statement(body) {
      const { query: text, params: values } = JSON.parse(body) as { query: string; params: string[] }
      try {
        const { fields, rows, rowCount, command } = await runOnce(databaseUrl, { text, values })
        return { status: 200, body: JSON.stringify({ fields, rows, rowCount, command }) }
      } catch (error) {
        if (!(error instanceof DatabaseError)) throw error
        return { status: 400, body: JSON.stringify({ ...error, message: error.message }) }
      }
    },
  })
}

/** That of Prisma Postgres: `POST /v0/statement` runs one statement; a WebSocket has a session. */
export function startPrismaPostgres(databaseUrl: string): Promise<Gateway> {
  return startGateway({
    session(socket) {
      const client = new Client({ connectionString: databaseUrl })
      client.on('error', () => socket.terminate())
      const connected = client.connect()
      let turn: Promise<unknown> = connected
      let texts = 0
      socket.on('message', data => {
        // The first one is the user and the password; then each statement is a name and a descriptor.
        if (texts++ === 0 || texts % 2 === 0) return
        const text = String(data as Buffer)
        turn = turn.then(async () => {
          for (const [name, frame] of await framesOf(client, text)) {
            socket.send(name)
            socket.send(JSON.stringify(frame))
          }
        })
        turn.catch(() => socket.terminate())
      })
      socket.on('close', () => void client.end().catch(() => {}))
    },
    async statement(body) {
      const descriptor = /^\{.*\}(?=\r$)/m.exec(body)?.[0] ?? ''
      const client = new Client({ connectionString: databaseUrl })
      await client.connect()
      try {
        const frames = await framesOf(client, descriptor)
        return { status: 200, body: frames.map(([, frame]) => `${JSON.stringify(frame)}\n`).join('') }
      } finally {
        await client.end()
      }
    },
  })
}

const RESULT = 'urn:prisma:query:result'

async function framesOf(client: Client, descriptor: string): Promise<[name: string, frame: object][]> {
  const { query, exec, parameters } = JSON.parse(descriptor) as {
    query?: string
    exec?: string
    parameters?: { value: string | null }[]
  }
  try {
    const asked = { text: query ?? exec ?? '', values: (parameters ?? []).map(({ value }) => value) }
    const { fields, rows, rowCount } = await inText(client, asked)
    const columns =
      exec === undefined
        ? fields.map(({ name, dataTypeID }) => ({ name, typeOid: dataTypeID }))
        : [{ name: 'rowsAffected', typeOid: 20 }]
    const values = exec === undefined ? rows : [[String(rowCount ?? 0)]]
    return [
      [`${RESULT}:description`, { columns }],
      ...values.map((row): [string, object] => [`${RESULT}:datarow`, { values: row }]),
      [`${RESULT}:complete`, { complete: true }],
    ]
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    return [[`${RESULT}:error`, { error: { ...error, message: error.message } }]]
  }
}

async function runOnce(databaseUrl: string, asked: Asked): Promise<QueryArrayResult<(string | null)[]>> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    return await inText(client, asked)
  } finally {
    await client.end()
  }
}

/** Values come as Postgres writes them. */
function inText(client: Client, { text, values }: Asked): Promise<QueryArrayResult<(string | null)[]>> {
  const types = { getTypeParser: () => (value: string | Buffer) => String(value) }
  return client.query<(string | null)[]>({ text, values, rowMode: 'array', types })
}

interface Service {
  readonly session: (socket: WebSocket) => void
  readonly statement: (body: string) => Promise<{ status: number; body: string }>
}

async function startGateway({ session, statement }: Service): Promise<Gateway> {
  let refused: number | undefined
  const sockets = new Set<Socket>()
  const server: Server = createServer((request, response) => void answer(request, response))
  const webSockets = new WebSocketServer({ noServer: true })
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('upgrade', (request, socket, head) => {
    if (refused === undefined) webSockets.handleUpgrade(request, socket, head, session)
    else socket.end(`HTTP/1.1 ${refused} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
  })
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    try {
      for await (const chunk of request) body += String(chunk)
      const answered = refused === undefined ? await statement(body) : { status: refused, body: 'refused' }
      response.writeHead(answered.status).end(answered.body)
    } catch {
      response.destroy()
    }
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    refuse: status => void (refused = status),
    accept: () => void (refused = undefined),
    cut() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      webSockets.close()
      server.close()
      await once(server, 'close')
    },
  }
}

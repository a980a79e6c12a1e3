/**
 * What an error says of a write, through each driver adapter for Postgres: the real packages, against a real Postgres. Neon's drivers
 * and that of Prisma Postgres get to it through a gateway of the test.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { neonConfig } from '@neondatabase/serverless'
import { PrismaNeon, PrismaNeonHttp } from '@prisma/adapter-neon'
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaPostgresAdapter } from '@prisma/adapter-ppg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { PrismaClient } from '../../generated/prisma/client.js'
import { isPermissionDenied, outcomeOf, isTransactionClosed } from '../../src/prisma7/errors.js'
import { type Gateway, startNeonGateway, startPrismaPostgres } from '../support/gateways.js'
import { useWorld } from '../support/world.js'

type Adapter = NonNullable<ConstructorParameters<typeof PrismaClient>[0]['adapter']>

const world = useWorld()
let neon: Gateway
let prismaPostgres: Gateway
/** Nothing listens there. */
let closedPort: number
/** Accepts connections, and says nothing on them. */
const silent = createServer(() => {})
const clients: PrismaClient[] = []

beforeAll(async () => {
  neon = await startNeonGateway(world.databaseUrl)
  prismaPostgres = await startPrismaPostgres(world.databaseUrl)
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  closedPort = (listener.address() as AddressInfo).port
  listener.close()
  await once(listener, 'close')
  neonConfig.useSecureWebSocket = false
  neonConfig.pipelineConnect = false
  neonConfig.webSocketConstructor = WebSocket
  // The port is in the URL of the database.
  neonConfig.wsProxy = (_, port) => `127.0.0.1:${port}`
  neonConfig.fetchEndpoint = (_, port) => `http://127.0.0.1:${port}/sql`
  // Node 20 has none, and the driver of Prisma Postgres wants one in a transaction.
  globalThis.WebSocket ??= WebSocket as never
})
afterEach(async () => {
  for (const each of clients.splice(0)) await each.$disconnect()
  neon.accept()
  prismaPostgres.accept()
})
afterAll(async () => {
  silent.close()
  await neon.stop()
  await prismaPostgres.stop()
})

function newClient(adapter: Adapter, options: object = {}): PrismaClient {
  const client = new PrismaClient({ adapter, ...options })
  clients.push(client)
  return client
}

function urlAt(port: number, hostname = '127.0.0.1'): string {
  const url = new URL(world.databaseUrl)
  url.hostname = hostname
  url.port = String(port)
  return url.href
}

function prismaPostgresAt(endpoint: string): Adapter {
  // As the tests of the driver itself do it: an endpoint in the place of the name of a host.
  const transportConfig = { endpoint, username: 'u', password: 'p' }
  return new PrismaPostgresAdapter({ transportConfig } as never)
}

interface Kind {
  readonly adapterAt: (port: number, pool?: object) => Adapter
  /** Where its database is. */
  readonly port: () => number
  readonly gateway: () => Gateway
}

const PG: Kind = {
  adapterAt: (port, pool) => new PrismaPg({ connectionString: urlAt(port), ...pool }),
  port: () => Number(new URL(world.databaseUrl).port),
  gateway: () => neon,
}
const NEON: Kind = {
  adapterAt: (port, pool) => new PrismaNeon({ connectionString: urlAt(port), ...pool }),
  port: () => neon.port,
  gateway: () => neon,
}
const NEON_HTTP: Kind = {
  adapterAt: port => new PrismaNeonHttp(urlAt(port, 'a.neon.example'), {}),
  port: () => neon.port,
  gateway: () => neon,
}
const PPG: Kind = {
  adapterAt: port => prismaPostgresAt(`http://127.0.0.1:${port}`),
  port: () => prismaPostgres.port,
  gateway: () => prismaPostgres,
}

async function errorOf(run: () => PromiseLike<unknown>): Promise<unknown> {
  try {
    await run()
  } catch (error) {
    return error
  }
  throw new Error('It did not fail.')
}

const newUser = (client: Pick<PrismaClient, 'user'>, email = `${Math.random()}@x.org`) =>
  client.user.create({ data: { email } })

/** Runs while a transaction has the only connection of the pool. */
const whilePoolIsTaken = (client: PrismaClient, run: () => Promise<unknown>) =>
  client.$transaction(async tx => {
    await tx.$queryRaw`SELECT 1`
    await run()
  })

/** Resolves when a `pg_sleep` is under way. */
async function sleeping(): Promise<void> {
  const query = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
    AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()`
  await expect.poll(async () => (await world.plain.$queryRawUnsafe<unknown[]>(query)).length).toBe(1)
}
const wakeUp = () =>
  world.plain.$executeRaw`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
    AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()`

describe.each([
  ['pg', PG],
  ['Neon over WebSockets', NEON],
  ['Neon over HTTP', NEON_HTTP],
  ['Prisma Postgres', PPG],
])('%s:', (_, kind) => {
  it('a write that Postgres refuses is refused, and holds nothing', async () => {
    const base = newClient(kind.adapterAt(kind.port()))
    const own = world.process({}, { base })
    const email = `${Math.random()}@x.org`
    const create = async () => own.prisma.user.create({ data: { email } })
    await create()
    expect(outcomeOf(await errorOf(create))).toBe('refused')
    const raw = () => own.prisma.$executeRaw`INSERT INTO "User" ("email") VALUES ('x')`
    expect(outcomeOf(await errorOf(raw))).toBe('refused')
    expect((await world.keys()).filter(key => key.endsWith('@hold'))).toEqual([])
    await own.prisma.$cache.close()
  })

  it('a column that may not be read is distinguished from other errors', async () => {
    const base = newClient(kind.adapterAt(kind.port()))
    await world.plain.$executeRawUnsafe(`DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'blind') THEN
      CREATE ROLE blind; END IF; END $$`)
    const denied = await errorOf(() =>
      base.$queryRawUnsafe(`DO $$ BEGIN SET ROLE blind; PERFORM 1 FROM "User"; END $$`),
    )
    expect(isPermissionDenied(denied)).toBe(true)
    expect(isPermissionDenied(await errorOf(() => base.$queryRawUnsafe('SELECT nothing')))).toBe(false)
  })

  it('a write to a port where nothing listens is not sent', async () => {
    const base = newClient(kind.adapterAt(closedPort))
    expect(outcomeOf(await errorOf(() => newUser(base)))).toBe('unsent')
  })

  it('a batch that begins no transaction is not sent', async () => {
    const base = newClient(kind.adapterAt(closedPort))
    const outcome = outcomeOf(await errorOf(() => base.$transaction([newUser(base), newUser(base)])))
    expect(outcome).toBe(kind === PPG ? await outcomeWithoutSession() : 'unsent')
  })
})

/**
 * Of a WebSocket that was never opened. That of newer versions of Node (24.21, not 24.0) has no message for it: then it may have been
 * lost in the middle of a statement.
 */
async function outcomeWithoutSession(): Promise<'unsent' | 'unknown'> {
  const { WebSocket: OfNode } = globalThis
  // Before Node 22, the driver takes that of the package ws.
  if (OfNode === undefined) return 'unsent'
  const socket = new OfNode(`ws://127.0.0.1:${closedPort}`)
  const [event] = (await once(socket, 'error')) as [{ readonly message?: string }]
  return event.message === '' ? 'unknown' : 'unsent'
}

describe.each([
  ['Neon over WebSockets', NEON],
  ['Neon over HTTP', NEON_HTTP],
  ['Prisma Postgres', PPG],
])('%s:', (_, kind) => {
  it('a write whose connection is cut in the middle is unknown', async () => {
    const base = newClient(kind.adapterAt(kind.port()))
    const error = errorOf(() => base.$executeRaw`SELECT pg_sleep(60)`)
    await sleeping()
    kind.gateway().cut()
    expect(outcomeOf(await error)).toBe('unknown')
    await wakeUp()
  })
})

describe.each([
  ['pg', PG],
  ['Neon over WebSockets', NEON],
])('%s:', (_, kind) => {
  it('a write, and a batch, that get no connection of an exhausted pool are not sent', async () => {
    const base = newClient(kind.adapterAt(kind.port(), { max: 1, connectionTimeoutMillis: 3000 }))
    await whilePoolIsTaken(base, async () => {
      const [write, batch] = [
        errorOf(() => newUser(base)),
        errorOf(() => base.$transaction([newUser(base), newUser(base)])),
      ]
      expect([outcomeOf(await write), outcomeOf(await batch)]).toEqual(['unsent', 'unsent'])
    })
  })

  it('a batch, and a transaction, that wait for their connection longer than maxWait are not sent', async () => {
    const base = newClient(kind.adapterAt(kind.port(), { max: 1 }))
    await whilePoolIsTaken(base, async () => {
      for (const run of [
        // Prisma makes no transaction of a single one.
        () => base.$transaction([newUser(base), newUser(base)], { maxWait: 100 }),
        () => base.$transaction(tx => newUser(tx), { maxWait: 100 }),
      ]) {
        const error = await errorOf(run)
        expect(error).toMatchObject({ code: 'P2028', message: expect.stringContaining('Unable to start') as string })
        expect(outcomeOf(error)).toBe('unsent')
      }
    })
  })

  it('a write of a transaction that has ended is refused, and so is the COMMIT of one that is expired', async () => {
    const base = newClient(kind.adapterAt(kind.port()))
    let left: Pick<PrismaClient, 'user'> | undefined
    await base.$transaction(async tx => void (left = tx))
    const committed = await errorOf(() => newUser(left as PrismaClient))
    await errorOf(() =>
      base.$transaction(async tx => {
        left = tx
        throw new Error('rolled back')
      }),
    )
    const rolledBack = await errorOf(() => newUser(left as PrismaClient))
    let inside: unknown
    const commit = await errorOf(() =>
      base.$transaction(
        async tx => {
          await expect
            .poll(async () => (inside = await newUser(tx).catch((error: unknown) => error)))
            .toHaveProperty('code')
        },
        { timeout: 100 },
      ),
    )
    for (const [error, text] of [
      [committed, 'on a committed transaction'],
      [rolledBack, 'on a transaction that was rolled back'],
      [inside, 'on an expired transaction'],
      [commit, 'A commit cannot be executed on an expired transaction'],
    ] as const) {
      expect(error).toMatchObject({ code: 'P2028', message: expect.stringContaining(text) as string })
      expect([outcomeOf(error), isTransactionClosed(error)]).toEqual(['refused', true])
    }
  })
})

describe('Neon over WebSockets:', () => {
  it.each([503, 401])('a write that the proxy answers by %d, in place of a WebSocket, is not sent', async status => {
    neon.refuse(status)
    expect(outcomeOf(await errorOf(() => newUser(newClient(NEON.adapterAt(neon.port)))))).toBe('unsent')
  })

  it('a write to a proxy that accepts and is silent is not sent', async () => {
    const { port } = silent.address() as AddressInfo
    const base = newClient(NEON.adapterAt(port, { connectionTimeoutMillis: 200 }))
    expect(outcomeOf(await errorOf(() => newUser(base)))).toBe('unsent')
  })
})

describe.each([
  ['Neon over HTTP', NEON_HTTP],
  ['Prisma Postgres', PPG],
])('%s:', (_, kind) => {
  it.each([
    [401, 'unsent'],
    [403, 'unsent'],
    [429, 'unsent'],
    [500, 'unknown'],
    [503, 'unknown'],
    [504, 'unknown'],
  ])('a write that is answered by %d is %s', async (status, outcome) => {
    kind.gateway().refuse(status)
    expect(outcomeOf(await errorOf(() => newUser(newClient(kind.adapterAt(kind.port())))))).toBe(outcome)
  })
})

describe('Neon over HTTP:', () => {
  it('a batch, of which it has none, is not sent', async () => {
    const base = newClient(NEON_HTTP.adapterAt(neon.port))
    expect(outcomeOf(await errorOf(() => base.$transaction([newUser(base), newUser(base)])))).toBe('unsent')
  })
})

describe('Prisma Postgres:', () => {
  it('a write that waits for TLS until the time of fetch is over is not sent', { timeout: 30_000 }, async () => {
    const { port } = silent.address() as AddressInfo
    const base = newClient(prismaPostgresAt(`https://127.0.0.1:${port}`))
    expect(outcomeOf(await errorOf(() => newUser(base)))).toBe('unsent')
  })

  it('a nested write that gets no session is not sent', async () => {
    prismaPostgres.refuse(503)
    const base = newClient(PPG.adapterAt(prismaPostgres.port))
    const nested = () => base.user.create({ data: { email: 'n@x.org', posts: { create: { title: 'n' } } } })
    expect(outcomeOf(await errorOf(nested))).toBe(await outcomeWithoutSession())
  })

  it('a nested write whose session is cut in the middle is unknown', async () => {
    const base = newClient(PPG.adapterAt(prismaPostgres.port))
    await world.plain.$executeRawUnsafe(`CREATE FUNCTION slow() RETURNS trigger AS
      $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$ LANGUAGE plpgsql`)
    await world.plain.$executeRawUnsafe(
      `CREATE TRIGGER slow BEFORE INSERT ON "Post" FOR EACH ROW EXECUTE FUNCTION slow()`,
    )
    try {
      const error = errorOf(() => base.user.create({ data: { email: 's@x.org', posts: { create: { title: 's' } } } }))
      const active = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`
      await expect.poll(async () => (await world.plain.$queryRawUnsafe<unknown[]>(active)).length).toBe(1)
      prismaPostgres.cut()
      expect(outcomeOf(await error)).toBe('unknown')
      await world.plain.$executeRaw`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'
        AND datname = current_database()`
    } finally {
      await world.plain.$executeRawUnsafe('DROP FUNCTION slow() CASCADE')
    }
  })
})

describe('pg:', () => {
  it('a write to a server without TLS, where the client wants it, is not sent', async () => {
    const base = newClient(new PrismaPg({ connectionString: world.databaseUrl, ssl: true }))
    const error = await errorOf(() => newUser(base))
    expect(error).toMatchObject({ code: 'P1011' })
    expect(outcomeOf(error)).toBe('unsent')
  })

  it('a write of a role that has no connection left is not sent', async () => {
    const role = `full_${process.pid}`
    await world.plain.$executeRawUnsafe(`CREATE ROLE ${role} LOGIN PASSWORD 'x' CONNECTION LIMIT 0`)
    const url = new URL(world.databaseUrl)
    url.username = role
    url.password = 'x'
    const base = newClient(new PrismaPg({ connectionString: url.href }))
    const error = await errorOf(() => newUser(base))
    expect(error).toMatchObject({ code: 'P2037' })
    expect(outcomeOf(error)).toBe('unsent')
    await world.plain.$executeRawUnsafe(`DROP ROLE ${role}`)
  })

  it('a transaction that waits for the pool when the client is disconnected is not sent', async () => {
    const base = newClient(PG.adapterAt(PG.port(), { max: 1 }), { transactionOptions: { maxWait: 60_000 } })
    let waiting: Promise<unknown> | undefined
    const taken = errorOf(() =>
      whilePoolIsTaken(base, async () => {
        waiting = errorOf(() => base.$transaction(tx => newUser(tx)))
        // It is in the queue of the pool after this tick.
        await new Promise(resolve => setImmediate(resolve))
        void base.$disconnect()
        const error = await waiting
        // From 7.5 to 7.9, Prisma begins the transaction all the same, and has forgotten it when the write comes.
        const isForgotten = String((error as Error).message).includes('Transaction not found')
        const why = isForgotten ? 'Transaction not found' : 'Unable to start'
        expect(error).toMatchObject({ code: 'P2028', message: expect.stringContaining(why) as string })
        expect(outcomeOf(error)).toBe(isForgotten ? 'refused' : 'unsent')
        throw new Error('enough')
      }),
    )
    expect(await taken).toMatchObject({ message: 'enough' })
  })
})

describe('a hook behind the cache that fails when the write is done', () => {
  it.each([
    ['connecting to something else', () => fetch(`http://127.0.0.1:${closedPort}`)],
    ['a write to another database, which is not reached', () => newUser(newClient(PG.adapterAt(closedPort)))],
    [
      'a write that another database refuses',
      async () => {
        await newUser(world.plain, 'twice@x.org')
        return newUser(world.plain, 'twice@x.org')
      },
    ],
  ])('a hook that fails after the write by %s says nothing of it: what is stale is invalidated', async (_, fail) => {
    const { id } = await newUser(world.plain)
    await world.evict()
    const [reader, writer] = [world.process(), world.process()]
    const following = writer.prisma.$extends({
      query: {
        user: {
          async updateMany({ args, query }) {
            await query(args)
            return (await fail()) as never
          },
        },
      },
    })
    const name = async () => (await reader.prisma.user.findUnique({ where: { id } }))?.name
    expect(await name()).toBe(null)
    await reader.flushed()
    await errorOf(() => following.user.updateMany({ data: { name: 'v1' } }))
    expect(await name()).toBe('v1')
  })
})

describe('what Prisma says of a transaction in words that are not known', () => {
  it.each(['Internal Consistency Error: Missing savepoint', 'something newer'])(
    'an unknown message of Prisma about a transaction (%s) is an unknown outcome',
    text => {
      const error = { name: 'PrismaClientKnownRequestError', code: 'P2028', message: `Transaction API error: ${text}` }
      expect([outcomeOf(error), isTransactionClosed(error)]).toEqual(['unknown', false])
    },
  )
})

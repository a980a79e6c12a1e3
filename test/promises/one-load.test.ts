/** One load per key in the fleet: a miss that meets the token of another process waits for its fill, and not for ever. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Client } from 'pg'
import { expect, it } from 'vitest'
import { Gates } from '../support/gates.js'
import { watchRedis } from '../support/monitor.js'
import { newUser } from '../support/users.js'
import { type CachedProcess, useWorld } from '../support/world.js'

const world = useWorld()
const PROCESSES = 4
const READS = 50

/** Processes whose queries a gate may hold. */
function fleet(waitForLoadMs: number | undefined, options = {}) {
  return Array.from({ length: PROCESSES }, () => {
    const gates = new Gates()
    const cached = world.process({ hooksBehind: 'same-for-all', deadlineMs: 5_000, waitForLoadMs, ...options })
    return { gates, cached, db: cached.prisma.$extends(gates.extension) as unknown as CachedProcess['prisma'] }
  })
}

type Fleet = ReturnType<typeof fleet>

async function sqlOf(processes: Fleet, run: () => Promise<unknown>): Promise<number> {
  const before = processes.map(({ cached }) => cached.sql.length)
  await run()
  return processes.reduce((sum, { cached }, i) => sum + cached.sql.length - (before[i] as number), 0)
}

/** Begins: a promise of Prisma does so only when it is waited for. */
const read = ({ db }: Fleet[0], id: number) => db.user.findUnique({ where: { id } }).then(user => user)

const readAll = (processes: Fleet, id: number) =>
  processes.flatMap(each => Array.from({ length: READS }, () => read(each, id)))

/** Until the others have looked up several times. */
async function waiting(): Promise<void> {
  const lookUps = async () => Number(/cmdstat_mget:calls=(\d+)/.exec(await world.redis.info('commandstats'))?.[1])
  const before = await lookUps()
  await expect.poll(async () => (await lookUps()) - before).toBeGreaterThan(8)
}

async function warmUp(processes: Fleet): Promise<void> {
  const id = await newUser(world)
  for (const { db, cached } of processes) {
    await db.user.findUnique({ where: { id } })
    await cached.flushed()
  }
}

it('4 processes with 50 misses each send one statement', async () => {
  const processes = fleet(10_000)
  await warmUp(processes)
  const id = await newUser(world)
  const [first] = processes as [Fleet[0]]
  const gate = first.gates.hold('findUnique', 'before')
  const statements = await sqlOf(processes, async () => {
    const leading = read(first, id)
    await gate.arrived
    const reads = readAll(processes, id)
    await waiting()
    gate.open()
    const answers = await Promise.all([leading, ...reads])
    expect(new Set(answers.map(user => user?.name))).toEqual(new Set(['v0']))
  })
  expect(statements).toBe(1)
})

it('(with waitForLoadMs: 0 each process sends its own)', async () => {
  const processes = fleet(0)
  await warmUp(processes)
  const id = await newUser(world)
  const held = processes.map(({ gates }) => gates.hold('findUnique', 'before'))
  const statements = await sqlOf(processes, async () => {
    const reads = readAll(processes, id)
    await Promise.all(held.map(({ arrived }) => arrived))
    for (const { open } of held) open()
    await Promise.all(reads)
  })
  expect(statements).toBe(PROCESSES)
})

it('a loader that never ends is waited for once: one of the others takes over', async () => {
  const processes = fleet(300)
  await warmUp(processes)
  const id = await newUser(world)
  const [dead, ...others] = processes as [Fleet[0], ...Fleet]
  const gate = dead.gates.hold('findUnique', 'before')
  const hanging = read(dead, id)
  await gate.arrived
  const statements = await sqlOf(others, async () => {
    const answers = await Promise.all(readAll(others, id))
    expect(new Set(answers.map(user => user?.name))).toEqual(new Set(['v0']))
  })
  expect(statements).toBe(1)
  gate.open()
  await hanging
})

it('where the process that loads is killed, one of the others sends one statement more', async () => {
  const processes = fleet(300)
  await warmUp(processes)
  const id = await newUser(world)
  const lock = new Client({ connectionString: world.databaseUrl })
  await lock.connect()
  const loader = fork('test/support/scripts/dying-loader.ts', {
    execArgv: ['--import', 'tsx'],
    env: {
      ...process.env,
      DATABASE_URL: world.databaseUrl,
      REDIS_URL: world.redisUrl,
      PREFIX: world.prefix,
      ID: String(id),
    },
  })
  const exited = once(loader, 'exit')
  await once(loader, 'message')
  await lock.query('BEGIN')
  await lock.query('LOCK TABLE "User" IN ACCESS EXCLUSIVE MODE')
  loader.send('go')
  await expect.poll(() => world.redis.strlen(`${world.prefix}User:${id}`)).toBe(20)
  const waits = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
  await expect.poll(async () => (await lock.query<{ n: number }>(waits)).rows[0]?.n).toBeGreaterThan(0)
  loader.kill('SIGKILL')
  await exited
  await lock.query('ROLLBACK')
  await lock.end()
  const statements = await sqlOf(processes, async () => {
    const answers = await Promise.all(readAll(processes, id))
    expect(new Set(answers.map(user => user?.name))).toEqual(new Set(['v0']))
  })
  expect(statements).toBe(1)
})

it('a write while it is waited: what is answered is what it wrote', async () => {
  const processes = fleet(10_000)
  await warmUp(processes)
  const id = await newUser(world)
  const [first, second, writer] = processes as [Fleet[0], Fleet[0], Fleet[0]]
  const gate = first.gates.hold('findUnique', 'after')
  const leading = read(first, id)
  await gate.arrived
  const waited = read(second, id)
  await waiting()
  await writer.db.user.update({ where: { id }, data: { name: 'v1' } })
  const after = read(second, id)
  gate.open()
  expect([(await leading)?.name, (await after)?.name]).toEqual(['v0', 'v1'])
  expect(['v0', 'v1']).toContain((await waited)?.name)
})

it('readers that begin after the wait has begun get nothing older than what was acknowledged before', async () => {
  const processes = fleet(10_000)
  await warmUp(processes)
  const id = await newUser(world)
  const [first, second, writer] = processes as [Fleet[0], Fleet[0], Fleet[0]]
  for (let round = 0; round < 20; round++) {
    const gate = first.gates.hold('findUnique', 'before')
    await writer.db.user.update({ where: { id }, data: { name: `a${round}` } })
    const leading = read(first, id)
    await gate.arrived
    const waited = read(second, id)
    gate.open()
    await writer.db.user.update({ where: { id }, data: { name: `b${round}` } })
    expect((await read(second, id))?.name).toBe(`b${round}`)
    await Promise.all([leading, waited])
  }
})

it('values of getOrSet, too', async () => {
  const processes = fleet(10_000)
  await warmUp(processes)
  let fetched = 0
  let release: (value: string) => void = () => undefined
  const value = new Promise<string>(resolve => (release = resolve))
  const get = ({ cached }: Fleet[0]) =>
    cached.prisma.$cache.getOrSet('slow', () => {
      fetched++
      return value
    })
  const [first, ...others] = processes as [Fleet[0], ...Fleet]
  const leading = get(first)
  await expect.poll(() => fetched).toBe(1)
  const rest = others.flatMap(other => Array.from({ length: READS }, () => get(other)))
  await waiting()
  release('x')
  expect(new Set(await Promise.all([leading, ...rest]))).toEqual(new Set(['x']))
  expect(fetched).toBe(1)
})

it('a row that is not stored is waited for no second time', async () => {
  const processes = fleet(300, { models: { User: { maxBytes: 60 } } })
  const id = await newUser(world)
  const [first, second] = processes as [Fleet[0], Fleet[0]]
  await read(first, id)
  await first.cached.flushed()
  await read(second, id)
  const seen = await watchRedis(world, () => read(second, id))
  expect(seen.commands().filter(name => name === 'mget').length).toBeLessThanOrEqual(1)
})

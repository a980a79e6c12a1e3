/** One process of the application: runs operations side by side and writes down what came of them. */
import { liveTimers } from './timers.js' // first: it counts what the others start
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../generated/prisma/client.js'
import { consistencyOf, HOLD_MS, MODELS, nearOf } from './settings.js'
import { createExtension } from '../src/extension.js'
import { Random } from '../test/support/random.js'
import { type Key, Recorder } from './history.js'
import type { FromProcess, Leftovers, Orders, ToProcess } from './messages.js'
import { Operations } from './operations.js'
import { clientOf, mastersOf, type Settings } from './place.js'
import { type Read, type Register, postRegister, readOf, readOfRegister, tagRegister, writeOf } from './workload.js'
import { WITHOUT } from './without.js'

const LOOPS = 4
const THINK_MS = 30
/** How long each rests between two writes: a cascade drops every post, a tag only itself. */
const REGISTERS = [
  { make: tagRegister, restMs: 400 },
  { make: tagRegister, restMs: 400 },
  { make: postRegister, restMs: 3000 },
] as const
const TRANSACTION = { maxWait: 30_000, timeout: 30_000 }

/** The settings of the caller's client that are said to be bad for a cache: one of them per process. */
const REDIS_SETTINGS: readonly Settings[] = [
  {},
  { maxRetriesPerRequest: null, enableOfflineQueue: true },
  { enableOfflineQueue: false, maxRetriesPerRequest: 0, enableReadyCheck: false },
]

const orders = JSON.parse(process.env['CHAOS'] as string) as Orders
const { slot, incarnation, ground } = orders
const random = new Random(orders.seed)
const recorder = new Recorder(orders.history)
const operations = new Operations(recorder)
const say = (message: FromProcess) => process.send?.(message)

const redis = clientOf(orders.redis, REDIS_SETTINGS[slot % REDIS_SETTINGS.length])
redis.on('error', () => {})
const base = new PrismaClient({
  adapter: new PrismaPg({ connectionString: orders.databaseUrl, max: 6, application_name: `chaos-${slot}` }),
  transactionOptions: TRANSACTION,
  errorFormat: 'minimal',
})
const db = base.$extends(
  createExtension<PrismaClient>(
    {
      redis,
      models: MODELS,
      prefix: orders.prefix,
      front: slot % 2 === 0,
      near: nearOf(slot),
      ...(orders.without === undefined && consistencyOf(slot)),
    },
    { holdMs: HOLD_MS, ...(orders.without && WITHOUT[orders.without]) },
  ),
)
type Db = Parameters<typeof readOf>[0]
const client = db as unknown as Db

operations.listen(db.$cache)
const here = { stopped: false, running: 0 }

// ---- operations

let paused: Promise<void> | undefined
const known = new Map<Key, string>()
let others: readonly Key[] = []
let lastRegister = 0

function newRegister(make: (db: Db, id: number) => Register): Register {
  const register = make(client, 1_000_000 * (slot + 1) + 10_000 * incarnation + ++lastRegister)
  say({ type: 'register', key: register.key })
  return register
}

async function read(what: Read): Promise<void> {
  const answer = await operations.read(what)
  for (const [key, value] of answer?.found ?? []) if (typeof value === 'string') known.set(key, value)
}

async function operate(): Promise<void> {
  if (random.chance(orders.writes)) await operations.write(writeOf(client, ground, random))
  else if (random.chance(0.3) && others.length > 0) {
    await read(readOfRegister(client, random.pick(others), known, random))
  } else await read(readOf(client, ground, random))
}

async function paced(step: () => Promise<void>, restMs = THINK_MS): Promise<void> {
  while (!here.stopped) {
    await sleep(random.next() * 2 * restMs)
    await paused
    if (here.stopped) return
    here.running++
    await step().finally(() => here.running--)
  }
}

/** One register from beginning to end: when the outcome of a write is not known, neither is its state, and another begins. */
async function keepRegister({ make, restMs }: (typeof REGISTERS)[number]): Promise<void> {
  let register = newRegister(make)
  let number = 0
  await paced(async () => {
    const { value, kind, run } = register.next(random)
    number++
    const state = { number, value: value as string | null }
    const { key } = register
    const made = number
    const result = async () => (await run(), [[key, made] as const])
    const resolved = await operations.write({ kind, keys: [key], run: result }, state)
    if (resolved && number < 200) return
    register = newRegister(make)
    number = 0
  }, restMs)
}

// ---- orders

async function quiet<T>(run: () => Promise<T>): Promise<T> {
  let resume = () => {}
  paused = new Promise(resolve => {
    resume = resolve
  })
  while (here.running > 0) await sleep(5)
  try {
    return await run()
  } finally {
    paused = undefined
    resume()
  }
}

async function heapInUse(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    await sleep(20) // what waits for timers and finalizers of the round before
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

const queued = () =>
  mastersOf(redis).reduce((sum, node) => {
    const { commandQueue, offlineQueue } = node as unknown as Record<string, { length: number }>
    return sum + (commandQueue?.length ?? 0) + (offlineQueue?.length ?? 0)
  }, 0)

/** A client of several servers that was told to disconnect waits two seconds for the sockets that it has left. */
const ownTimers = () =>
  liveTimers().filter(line => orders.redis.kind === 'single' || !line.includes('Connector.disconnect'))

async function finish(): Promise<void> {
  here.stopped = true
  await Promise.all(loops)
  // All faults are over: a process that does not get well by itself within this time never will.
  for (let i = 0; i < 300 && !operations.isSettled; i++) await sleep(100)
  const settledWith = db.$cache.stats().hits
  const isBack = () => db.$cache.stats().hits > settledWith
  for (let i = 0; i < 300 && !isBack(); i++) await read(readOf(client, ground, random))
  for (let i = 0; i < 20 && queued() > 0; i++) await sleep(50)
  const { hits, misses, pendingInvalidations } = db.$cache.stats()
  const queuedCommands = queued()
  const bytes = await heapInUse()
  const { trusted } = operations // closing ends it
  await db.$cache.close()
  await base.$disconnect()
  const ended = once(redis, 'end')
  redis.disconnect()
  await ended
  // What was sent to a node that has gone is not answered: its deadline ends it.
  for (let i = 0; i < 60 && ownTimers().length > 0; i++) await sleep(100)
  const left: Leftovers = {
    trusted,
    isBack: isBack(),
    pendingInvalidations,
    queuedCommands,
    timers: ownTimers(),
    hits,
    misses,
  }
  recorder.close()
  process.send?.({ type: 'finished', left, bytes } satisfies FromProcess, () => process.disconnect())
}

process.on('message', (message: ToProcess) => {
  if (message.type === 'registers') others = message.keys
  if (message.type === 'finish') void finish()
  if (message.type === 'heap') void quiet(heapInUse).then(bytes => say({ type: 'heap', bytes }))
})
process.on('disconnect', () => {
  if (!here.stopped) process.exit()
})

await client.post.findFirst()
say({ type: 'ready' })
const loops = [...Array.from({ length: LOOPS }, () => paced(operate)), ...REGISTERS.map(keepRegister)]

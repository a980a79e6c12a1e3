/** One of the four processes: reads and writes hot rows and the lists on them, and writes down what came of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import { now, Recorder } from '../chaos/history.js'
import type { FromProcess, Orders, ToProcess } from '../chaos/messages.js'
import { Operations } from '../chaos/operations.js'
import { clientOf } from '../chaos/place.js'
import { HOLD_MS } from '../chaos/settings.js'
import { WITHOUT } from '../chaos/without.js'
import { counter, type Ground, type Read, readOf, writeOf } from '../chaos/workload.js'
import { PrismaClient } from '../generated/prisma/client.js'
import { createExtension } from '../src/extension.js'
import { Store } from '../src/redis/store.js'
import { Random } from '../test/support/random.js'
import { dyingStore } from './dying-store.js'
import { MODELS, MODES, type ModeName } from './modes.js'

const LOOPS = 4
const THINK_MS = 12
/** Looks until an entry is there that its death leaves behind. */
const MOST_LOOKS = 100

const orders = JSON.parse(process.env['CHAOS'] as string) as Orders
const mode = MODES[orders.mode as ModeName]
const random = new Random(orders.seed)
const recorder = new Recorder(orders.history)
const operations = new Operations(recorder)
const say = (message: FromProcess) => process.send?.(message)

const here: { ground: Ground; writes: number; running: number; isDying: boolean; isLosing: boolean } = {
  ground: orders.ground,
  writes: orders.writes,
  running: 0,
  isDying: false,
  isLosing: false,
}

function moment() {
  const [op, from] = [operations.writing, now()]
  return {
    isLost: here.isLosing,
    begins() {
      if (op === undefined || !here.isDying) return
      recorder.write(['dies', op, from])
      process.kill(process.pid, 'SIGKILL')
    },
    ends() {
      if (op !== undefined) recorder.write(['invalidated', op, from, now()])
    },
  }
}

const redis = clientOf(orders.redis)
redis.on('error', () => {})
const base = new PrismaClient({
  adapter: new PrismaPg({ connectionString: orders.databaseUrl, max: 6, application_name: `chaos-${orders.slot}` }),
  transactionOptions: { maxWait: 30_000, timeout: 30_000 },
  errorFormat: 'minimal',
})
const without = orders.without && WITHOUT[orders.without]
const db = base.$extends(
  createExtension<PrismaClient>(
    { redis, models: MODELS, prefix: orders.prefix, front: orders.slot % 2 === 0, log: false, ...mode.options },
    { holdMs: HOLD_MS, ...without, Store: dyingStore(without?.Store ?? Store, moment) },
  ),
)
operations.listen(db.$cache)
const client = db as unknown as Parameters<typeof readOf>[0]

async function operate(): Promise<void> {
  const { ground, writes } = here
  await (random.chance(writes)
    ? operations.write(writeOf(client, ground, random))
    : operations.read(readOf(client, ground, random)))
}

/** Without rows, it rests. */
async function play(): Promise<void> {
  for (;;) {
    await sleep(random.next() * 2 * THINK_MS)
    if (here.ground.posts.length === 0) continue
    here.running++
    await operate().finally(() => here.running--)
  }
}

const NOTHING: Ground = { authors: [], posts: [] }

async function stop(): Promise<Ground> {
  const { ground } = here
  here.ground = NOTHING
  while (here.running > 0) await sleep(5)
  return ground
}

function byKey(id: number): Read {
  return {
    kind: 'by key',
    run: async () => [[counter(id), (await client.post.findUnique({ where: { id } }))?.views ?? null]],
  }
}

function listOf(authorId: number): Read {
  return {
    kind: 'a list',
    run: async () =>
      (await client.post.findMany({ where: { authorId } })).map(({ id, views }) => [counter(id), views] as const),
  }
}

/** What this process believes when nothing happens any more, and all that it may be late with is over. */
async function rest(): Promise<void> {
  const { posts, authors } = await stop()
  for (let i = 0; i < 300 && !operations.isSettled; i++) await sleep(50)
  // Later it may doubt Redis again for a moment, on a machine that stalls.
  const settled = operations.isSettled
  await sleep(mode.staleMs)
  for (const { id } of posts) await operations.read(byKey(id))
  for (const author of authors) await operations.read(listOf(author))
  say({ type: 'resting', settled })
}

/** A write of a row that is in the cache. All else in this process has come to an end. */
async function die({ posts }: Ground): Promise<void> {
  await stop()
  const { id } = random.pick(posts)
  for (let i = 0; i < MOST_LOOKS && !(await operations.read(byKey(id)))?.hit; i++) await sleep(20)
  here.isDying = true
  const where = { id }
  await operations.write({
    kind: 'the last',
    keys: [counter(id)],
    run: async () => [
      [counter(id), (await client.post.update({ where, data: { views: { increment: 1 } } })).views] as const,
    ],
  })
  // The write was rejected before its COMMIT: it dies all the same.
  process.kill(process.pid, 'SIGKILL')
}

process.on('message', (message: ToProcess) => {
  if (message.type === 'play') Object.assign(here, { ground: message.ground, writes: message.writes })
  if (message.type === 'rest') void rest()
  if (message.type === 'lose') here.isLosing = message.isLosing
  if (message.type === 'die') void die(message.ground)
})
process.on('disconnect', () => process.exit())

// The first query, before the clock counts; there is no such row.
await client.user.findUnique({ where: { id: 0 } })
say({ type: 'ready' })
await Promise.all(Array.from({ length: LOOPS }, play))

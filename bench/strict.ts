/** What strict mode costs: an update, and the read that follows it, in each mode and by plain Prisma, in turns. */
import { cacheAside, models, type Reads } from './contenders.js'
import { compare, type Measured, type Plan } from './measure.js'
import type { ModeCost } from './page.js'
import { Unproven } from './proof.js'
import type { Stage } from './stage.js'

const MODES = {
  'plain Prisma': undefined,
  'standard mode': {},
  'strict mode': { consistency: 'strict' },
  'strict mode, `writeThrough: true`': { consistency: 'strict', writeThrough: true },
} as const

const ROWS = 1000

export async function costsOfModes({ base, redis, prefix }: Stage, plan: Plan): Promise<ModeCost[]> {
  const all = Object.entries(MODES).map(([name, options], i) => {
    const prisma = (options === undefined
      ? base.prisma
      : base.prisma.$extends(
          cacheAside({ redis, prefix: `${prefix}mode${i}:`, deadlineMs: 5000, models, ...options }),
        )) as unknown as Reads
    const update = async (n: number) => {
      await prisma.account.update({ where: { id: (n % ROWS) + 1 }, data: { name: `name ${n}` } })
    }
    const read = async (n: number) => {
      const row = await prisma.account.findUnique({ where: { id: (n % ROWS) + 1 } })
      if (row?.name !== `name ${n}`) throw new Unproven(`${name}: a read after its write was answered by ${row?.name}`)
    }
    return { name, update, both: async (n: number) => (await update(n), await read(n)) }
  })
  // The first reads wait until the database has said what may be cached.
  for (const { both } of all) for (let n = 0; n < 20; n++) await both(n)
  const updates = await compare(
    all.map(({ name, update }) => ({ name, run: update })),
    plan,
  )
  const pairs = await compare(
    all.map(({ name, both }) => ({ name, run: both })),
    plan,
  )
  const costs: ModeCost[] = []
  for (const [i, { name, update, both }] of all.entries()) {
    const [commands, statements] = [await commandsOf(redis, () => update(7)), await statementsOf(base, () => both(8))]
    const [one, pair] = [updates[i] as Measured, pairs[i] as Measured]
    costs.push({ name, commands, statements, p50: one.p50, p99: one.p99, pairP50: pair.p50, pairP99: pair.p99 })
  }
  const of = (name: keyof typeof MODES) => costs.find(cost => cost.name === name) as ModeCost
  if (of('strict mode, `writeThrough: true`').statements !== of('plain Prisma').statements - 1) {
    throw new Unproven('the read after a write-through was no hit')
  }
  return costs
}

/** Commands that Redis is sent, by name: those that a script calls are not. */
async function commandsOf(redis: Stage['redis'], run: () => Promise<void>): Promise<string> {
  const copy = redis.duplicate()
  const monitor = await copy.monitor()
  const sent: string[] = []
  monitor.on('monitor', (_time: string, [name = '']: readonly string[], source: string) => {
    if (source !== 'lua') sent.push(name.toUpperCase())
  })
  await run()
  // Behind all that was sent.
  const seen = new Promise<void>(resolve => {
    monitor.on('monitor', (_time: string, words: readonly string[]) => words[1] === 'the last' && resolve())
  })
  await redis.echo('the last')
  await seen
  monitor.disconnect()
  copy.disconnect()
  return sent.filter(name => name !== 'ECHO').join(', ')
}

async function statementsOf(base: Stage['base'], run: () => Promise<void>): Promise<number> {
  const before = base.statements()
  await run()
  return base.statements() - before
}

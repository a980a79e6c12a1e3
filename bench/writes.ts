/** One update, with so many entries in the cache, and what it leaves of them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Contender, contenders, FLOOR_EXTENSION, OURS, PLAIN, RIVAL, type Work, works } from './contenders.js'
import { compare, type Measured, type Plan } from './measure.js'
import { HASTY, type StillWarm, type WriteCost } from './page.js'
import { Unproven, warmUp } from './proof.js'
import { counted, type Stage } from './stage.js'

const ROWS = works[0] as Work

/** One row is updated: how many of 999 others are still answered from the cache. */
export async function stillWarm(stage: Stage): Promise<StillWarm[]> {
  const { redis, prefix, databaseUrl } = stage
  const base = counted(databaseUrl)
  const own = await contenders(base.prisma, redis, `${prefix}warm_`)
  const left: StillWarm[] = []
  for (const contender of own.filter(({ name }) => name === OURS || name === RIVAL)) {
    await warmUp({ ...stage, base }, [contender], ROWS)
    await contender.prisma?.account.update({ where: { id: 1 }, data: { name: 'updated' } })
    const before = base.statements()
    for (let i = 1; i < ROWS.rows; i++) await contender.read(ROWS, i)
    await redis.ping()
    left.push({ name: contender.name, warm: ROWS.rows - 1 - (base.statements() - before), of: ROWS.rows - 1 })
  }
  await base.end()
  return left
}

/** One update with so many entries in the cache, beside plain Prisma. Only the entries of that contender are there. */
export async function writesOfEach(stage: Stage, sizes: readonly number[], plan: Plan): Promise<WriteCost[]> {
  // The rival drops all of them with each update, and a million take too long to be given back.
  const most: Record<string, number> = { [FLOOR_EXTENSION]: 1000, [RIVAL]: 100_000 }
  const costs: WriteCost[] = []
  for (const name of [FLOOR_EXTENSION, OURS, RIVAL]) {
    const some = sizes.filter(size => size <= (most[name] ?? Number.POSITIVE_INFINITY))
    costs.push(...(await updatesOf(stage, stage.contenders, name, some, plan)))
  }
  // The same where a commit does not wait for the disk: the database is then as fast as it gets.
  const options = encodeURIComponent('-c synchronous_commit=off')
  const hasty = counted(`${stage.databaseUrl}?options=${options}`)
  const hastily = await contenders(hasty.prisma, stage.redis, `${stage.prefix}hasty_`)
  for (const name of [FLOOR_EXTENSION, OURS]) {
    const more = await updatesOf({ ...stage, base: hasty }, hastily, name, [1000], plan)
    costs.push(...more.map(each => ({ ...each, name: `${each.name}${HASTY}` })))
  }
  await hasty.end()
  return costs
}

async function updatesOf(
  stage: Stage,
  among: readonly Contender[],
  who: string,
  sizes: readonly number[],
  plan: Plan,
): Promise<WriteCost[]> {
  const { redis, keysOf, removeKeys, prefix } = stage
  const costs: WriteCost[] = []
  const named = (name: string) => among.find(each => each.name === name) as Contender
  const [plain, contender] = [named(PLAIN), named(who)]
  const update = (prisma: Contender['prisma']) => async (i: number) => {
    await prisma?.account.update({ where: { id: (i % 1000) + 1 }, data: { name: `name ${i}` } })
  }
  for (const size of sizes) {
    await removeKeys(prefix)
    await warmUp(stage, [contender], ROWS)
    const copies = await Copies.of(stage, contender, size)
    await copies.give()
    const filled = (await keysOf(contender.prefix)).length
    if (filled < size) throw new Unproven(`${who}: ${filled} entries before an update that is to meet ${size}`)
    const before = await commands(redis)
    await update(contender.prisma)(1)
    const sent = (await commands(redis)) - before
    const left = (await keysOf(contender.prefix)).length
    // Who drops by a pattern has to meet what it is said to drop.
    if (who === RIVAL ? left > size / 10 : left < size - 10) {
      throw new Unproven(`${who}: of ${filled} entries an update has left ${left}`)
    }
    // The rival drops what it finds, so it is given back before each update; that time does not count.
    const timed = async (i: number) => {
      if (who === RIVAL) await copies.give()
      const start = performance.now()
      await update(contender.prisma)(i)
      return performance.now() - start
    }
    const runs = [
      { name: PLAIN, run: update(plain.prisma) },
      { name: who, run: timed },
    ]
    // Not measured: it takes a second until the paths of a write are compiled.
    if (costs.length === 0) await compare(runs, { ...plan, rounds: Math.min(4, plan.rounds) })
    const rounds = who === RIVAL ? Math.min(3, plan.rounds) : plan.rounds
    const [theirs, own] = (await compare(runs, { ...plan, rounds })) as [Measured, Measured]
    costs.push({ name: who, size, commands: sent, p50: own.p50, p99: own.p99, ratio: own.p50 / theirs.p50 })
  }
  await removeKeys(prefix)
  return costs
}

/** Copies of one entry under other keys of the same kind. */
class Copies {
  readonly #entries: readonly string[]
  readonly #value: Buffer
  readonly #redis: Stage['redis']

  private constructor(redis: Stage['redis'], entries: readonly string[], value: Buffer) {
    this.#redis = redis
    this.#entries = entries
    this.#value = value
  }

  static async of({ redis, keysOf }: Stage, contender: Contender, size: number): Promise<Copies> {
    await sleep(20)
    const there = await keysOf(contender.prefix)
    const key = there.find(each => each.includes('ccount')) as string
    const value = (await redis.getBuffer(key)) as Buffer
    const count = contender.name === RIVAL ? size : Math.max(0, size - there.length)
    const entries = Array.from({ length: count }, (_, i) => `${key}${i + 200_000}`)
    return new Copies(redis, entries, value)
  }

  /** They are gone in an hour, whatever becomes of the bench. */
  async give(): Promise<void> {
    for (let from = 0; from < this.#entries.length; from += 5000) {
      const pipeline = this.#redis.pipeline()
      for (const key of this.#entries.slice(from, from + 5000)) pipeline.set(key, this.#value, 'EX', 3600)
      await pipeline.exec()
    }
  }
}

/** Commands that Redis has run so far. */
async function commands(redis: Stage['redis']): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]) - 1
}

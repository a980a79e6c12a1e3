/** A number is taken only of what it says: a cache that has every row, and answers from it. Else the bench ends. */
import { type Contender, PLAIN, type Work } from './contenders.js'
import type { Counted, Stage } from './stage.js'

type Ground = Pick<Stage, 'base' | 'redis' | 'keysOf'>

export class Unproven extends Error {}

/** Every contender has every row, and has it from its cache: read once more, none of them sends a statement. */
export async function warmUp({ base, redis, keysOf }: Ground, all: readonly Contender[], work: Work): Promise<void> {
  for (const contender of all) {
    const readAll = async () => {
      const before = base.statements()
      for (let from = 0; from < work.rows; from += 50) {
        const some = Array.from({ length: Math.min(50, work.rows - from) }, (_, i) => from + i)
        await Promise.all(some.map(async i => contender.read(work, i)))
        await redis.ping()
      }
      return base.statements() - before
    }
    await readAll()
    const statements = await readAll()
    if (contender.name === PLAIN) continue
    const keys = await keysOf(contender.prefix)
    if (keys.length < work.rows) {
      throw new Unproven(`${contender.name}, ${work.name}: ${keys.length} keys for ${work.rows} rows`)
    }
    if (statements > 0)
      throw new Unproven(`${contender.name}, ${work.name}: ${statements} statements where all is warm`)
    const forGood = await withoutTtl(redis, keys)
    if (forGood.length > 0) throw new Unproven(`${contender.name}: ${forGood[0]} would stay for good`)
  }
}

/** For `compare`: in none of its turns a statement reaches the database. */
export function onlyHits(base: Counted, { name }: Contender, work: Work): () => () => void {
  return () => {
    const before = base.statements()
    return () => {
      const statements = base.statements() - before
      if (statements === 0 || name === PLAIN) return
      throw new Unproven(`${name}, ${work.name}: ${statements} statements where all should have been hits`)
    }
  }
}

/** What was a miss a moment ago is a hit now: a contender that keeps nothing would have cheap misses. */
export async function keptWhatItMissed(
  { base, redis }: Ground,
  contender: Contender,
  work: Work,
  rows: readonly number[],
) {
  await redis.ping()
  const before = base.statements()
  for (const i of rows) await contender.read(work, i)
  const statements = base.statements() - before
  if (statements > 0 && contender.name !== PLAIN) {
    throw new Unproven(
      `${contender.name}: of ${rows.length} rows that it had just loaded it asked for ${statements} again`,
    )
  }
}

/** The keys that would never expire. A few are looked at, of each beginning. */
async function withoutTtl(redis: Stage['redis'], keys: readonly string[]): Promise<string[]> {
  const some = keys.filter((_, i) => i % Math.ceil(keys.length / 200) === 0)
  const ttls = await Promise.all(some.map(key => redis.ttl(key)))
  return some.filter((_, i) => ttls[i] === -1)
}

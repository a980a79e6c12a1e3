/** Whatever two processes write, in whatever order and way: each read that starts later answers what Prisma answers. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Store } from '../../src/redis/store.js'
import type { Parts } from '../../src/core.js'
import { createWorld, type World } from '../support/world.js'
import { differential, type Report, type Stage } from './differential.js'

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000)
const seconds = Number(process.env['DIFFERENTIAL_SECONDS'] ?? 30)

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

function stage(parts: Partial<Parts> = {}): Stage {
  return {
    plain: world.plain,
    clients: [world.process({}, { parts }).prisma, world.process({}, { parts }).prisma],
    async clear() {
      const keys = await world.redis.keys(`${world.prefix}*`)
      if (keys.length > 0) await world.redis.del(keys)
    },
  }
}

function summary({ coverage, failure, ...numbers }: Report): string {
  const counts = [...coverage].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([label, count]) => `${label}: ${count}`)
  const failed = failure && `\nSEED=${failure.seed} fails: ${failure.message}\n${failure.program}`
  return `${JSON.stringify(numbers)}\n${counts.join(', ')}${failed ?? ''}`
}

it(
  'random programs: reads through two cached clients answer what the plain client answers',
  async () => {
    const report = await differential(stage(), { seed, seconds, secondsToCover: 60 })
    console.log(summary(report))
    expect(report.failure, summary(report)).toBeUndefined()
    expect(report.missing).toEqual([])
    expect(report.hits / report.reads).toBeGreaterThan(0.3)
  },
  (seconds + 120) * 1000,
)

/** Drops nothing. */
class NoDrop extends Store {
  override async drop(): ReturnType<Store['drop']> {
    return 'done'
  }
}

it('(with writes that drop nothing they would not)', async () => {
  const report = await differential(stage({ Store: NoDrop }), { seed, seconds: 10, secondsToShrink: 0 })
  expect(report.failure?.message).toMatch(/client [01] (?:answers|has)/)
}, 60_000)

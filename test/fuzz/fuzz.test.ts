/** Whatever two processes write, in whatever order and way: each read that starts later answers what Prisma answers. */
import { expect, inject, it } from 'vitest'
import { randomBytes } from 'node:crypto'
import type { Parts } from '../../src/core.js'
import { Store } from '../../src/redis/store.js'
import { createDatabase, dropDatabase } from '../support/database.js'
import { fuzz, type Options, type Report } from './fuzzer.js'
import { openStage } from './stage.js'

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000)
const seconds = Number(process.env['FUZZ_SECONDS'] ?? 60)

async function fuzzed(options: Options, parts: Partial<Parts> = {}): Promise<Report> {
  const name = `cache_aside_${process.pid}_${randomBytes(4).toString('hex')}`
  const databaseUrl = await createDatabase(inject('databaseUrl'), name, { template: inject('templateDatabase') })
  try {
    const stage = await openStage({ databaseUrl, redisUrl: inject('redisUrl'), prefix: `${name}:` }, parts)
    try {
      return await fuzz(stage, options)
    } finally {
      await stage.close()
    }
  } finally {
    await dropDatabase(inject('databaseUrl'), name)
  }
}

it(
  'random programs: reads through two cached clients answer what the plain client answers',
  async () => {
    const { coverage: _, failure, ...numbers } = await fuzzed({ seed, seconds })
    console.log(JSON.stringify(numbers))
    const failed = failure && `--seed ${failure.seed} fails: ${failure.message}\n${failure.program}`
    expect(failed).toBeUndefined()
    expect(numbers.hits / numbers.reads).toBeGreaterThan(0.3)
  },
  (seconds + 90) * 1000,
)

/** Drops nothing. */
class NoDrop extends Store {
  override async drop(): ReturnType<Store['drop']> {
    return 'done'
  }
}

it('(with writes that drop nothing they would not)', async () => {
  const { failure } = await fuzzed({ seed, seconds: 20, secondsToShrink: 0 }, { Store: NoDrop })
  expect(failure?.message).toMatch(/client [01] answers/)
}, 90_000)

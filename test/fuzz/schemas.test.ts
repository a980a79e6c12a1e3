/** Whatever the schema: two processes that write and read answer what Prisma answers, and fail where it fails. */
import { expect, inject, it } from 'vitest'
import { randomBytes } from 'node:crypto'
import type { Overrides } from '../../src/assemble.js'
import { Store } from '../../src/redis/store.js'
import { createDatabase, dropDatabase } from '../support/database.js'
import { KNOWN_BROKEN } from './schemas/features.js'
import { coveringSeeds } from './schemas/generate.js'
import { fuzzSchemas, type SchemaOptions, type SchemaReport } from './schemas/schema-fuzzer.js'

/** The same ones each time, as long as the generator is the same. */
const seeds = coveringSeeds(2, KNOWN_BROKEN)

async function fuzzed(options: Partial<SchemaOptions>, parts: Partial<Overrides> = {}): Promise<SchemaReport> {
  const name = `cache_aside_${process.pid}_${randomBytes(4).toString('hex')}`
  const databaseUrl = await createDatabase(inject('databaseUrl'), name)
  try {
    const place = { databaseUrl, redisUrl: inject('redisUrl'), prefix: `${name}:` }
    return await fuzzSchemas(place, { seed: 0, seconds: 0, seeds, steps: 12, without: KNOWN_BROKEN, ...options }, parts)
  } finally {
    await dropDatabase(inject('databaseUrl'), name)
  }
}

it('random schemas with every feature: cached clients answer what the plain client answers', async () => {
  const { coverage, failures, refused, ...numbers } = await fuzzed({})
  console.log(JSON.stringify({ ...numbers, seeds: seeds.join() }))
  expect(failures.map(({ seed, message, text }) => `--schemas --seed ${seed}: ${message}\n${text}`)).toEqual([])
  // Each schema is one that Prisma accepts, and each feature was read and written.
  expect(refused).toEqual([])
  expect(coverage.missing(KNOWN_BROKEN)).toEqual([])
  expect(numbers.hits / numbers.reads).toBeGreaterThan(0.3)
}, 240_000)

it('links whose models are in two Postgres schemas, the second by name declared first', async () => {
  const { failures, refused, hits } = await fuzzed({ seeds: [20_059], without: [], steps: 20 })
  expect(failures.map(({ message, text }) => `${message}\n${text}`)).toEqual([])
  expect(refused).toEqual([])
  expect(hits).toBeGreaterThan(0)
}, 60_000)

/** Drops nothing. */
class NoDrop extends Store {
  override async invalidate(): ReturnType<Store['invalidate']> {
    return 'done'
  }
}

it('(with writes that drop nothing they would not)', async () => {
  const { failures } = await fuzzed({ seeds: seeds.slice(0, 3), secondsToShrink: 0 }, { Store: NoDrop })
  expect(failures[0]?.message).toMatch(/client [01] answers/)
}, 90_000)

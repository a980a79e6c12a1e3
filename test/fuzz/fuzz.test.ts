/** Whatever two processes write, in whatever order and way: each read that starts later answers what Prisma answers. */
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { randomBytes } from 'node:crypto'
import type { Overrides } from '../../src/assemble.js'
import { NearCache } from '../../src/redis/near-cache.js'
import { Store } from '../../src/redis/store.js'
import { startCluster } from '../support/cluster.js'
import { startWatched } from '../support/sentinels.js'
import { useShared } from '../support/hooks.js'
import { startPostgres } from '../support/postgres-server.js'
import { applyMigrations, createDatabase, dropDatabase } from '../support/database.js'
import { Coverage, others } from './coverage.js'
import { fuzz, type Options, type Report } from './fuzzer.js'
import { readShapes } from './reads.js'
import { feedOf, openStage } from './stage.js'
import { kinds } from './writes/kinds.js'

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000)
const seconds = Number(process.env['FUZZ_SECONDS'] ?? 60)

const newName = () => `cache_aside_${process.pid}_${randomBytes(4).toString('hex')}`

async function fuzzed(
  options: Options,
  parts: Partial<Overrides> = {},
  redisUrl = inject('redisUrl'),
): Promise<Report> {
  const name = newName()
  const databaseUrl = await createDatabase(inject('databaseUrl'), name, { template: inject('templateDatabase') })
  try {
    const stage = await openStage({ databaseUrl, redisUrl, prefix: `${name}:` }, parts)
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
    const { coverage, failure, ...numbers } = await fuzzed({ seed, seconds })
    console.log(JSON.stringify(numbers))
    const failed = failure && `--seed ${failure.seed} fails: ${failure.message}\n${failure.program}`
    expect(failed).toBeUndefined()
    expect(numbers.hits / numbers.reads).toBeGreaterThan(0.3)
    // In `npm run matrix` it is about what is answered, on however slow a machine.
    if (process.env['FUZZ_COVERAGE'] === 'any') return
    expect(coverage.missing(1), 'kinds of writes and shapes of reads that never met').toEqual([])
  },
  (seconds + 90) * 1000,
)

it('(a kind of write, a shape of read, or anything else that never comes up is missed)', () => {
  const all = () => {
    const coverage = new Coverage()
    for (const { name } of kinds) for (const shape of readShapes) coverage.met(name, shape, true)
    for (const what of others) coverage.also(what)
    return coverage
  }
  expect(all().missing(1)).toEqual([])
  expect(all().missing(2)).toHaveLength(kinds.length * readShapes.length)

  const [kind, shape] = [kinds[3]?.name as string, readShapes[3] as string]
  const without = (skip: (kind: string, shape: string) => boolean) => {
    const coverage = new Coverage()
    for (const { name } of kinds) for (const of of readShapes) if (!skip(name, of)) coverage.met(name, of, true)
    return coverage.missing(1)
  }
  expect(without(name => name === kind)).toEqual(
    expect.arrayContaining([expect.stringContaining(`${kind} × ${shape}`)]),
  )
  expect(without((_, of) => of === shape)).toEqual(expect.arrayContaining([expect.stringContaining(`× ${shape}: 0`)]))
  expect(without(() => false)).toEqual(others.map(what => `${what}: never`))
})

/** Drops nothing. */
class NoDrop extends Store {
  override async invalidate(): ReturnType<Store['invalidate']> {
    return 'done'
  }
}

describe('programs over processes with near caches', () => {
  beforeEach(() => void vi.stubEnv('NEAR', 'on'))
  afterEach(() => void vi.unstubAllEnvs())

  it('random programs', async () => {
    const { failure, coverage: _met, ...numbers } = await fuzzed({ seed, seconds: 15 })
    console.log(JSON.stringify(numbers))
    expect(failure && `--near --seed ${failure.seed} fails: ${failure.message}\n${failure.program}`).toBeUndefined()
    expect(numbers.near / numbers.reads).toBeGreaterThan(0.1)
  }, 120_000)

  it('(near caches that are told nothing are noticed)', async () => {
    class Deaf extends NearCache {
      override drop() {}
      override isMarked() {
        return true
      }
      override changed() {}
    }
    const { failure } = await fuzzed(
      { seed, seconds: 60, secondsToShrink: 0 },
      { nearParts: { NearCache: Deaf, isAlone: true } },
    )
    expect(failure?.message).toContain('answers')
  }, 120_000)
})

describe('programs in strict mode', () => {
  beforeEach(() => void vi.stubEnv('CONSISTENCY', 'strict'))
  afterEach(() => void vi.unstubAllEnvs())

  it('random programs, of which every writer dies after its COMMIT', async () => {
    const parts = { Store: NoDrop, holdMs: 20 }
    const { failure, coverage: _met, ...numbers } = await fuzzed({ seed, seconds: 15 }, parts)
    console.log(JSON.stringify(numbers))
    expect(failure && `--strict --seed ${failure.seed} fails: ${failure.message}\n${failure.program}`).toBeUndefined()
    expect(numbers.hits / numbers.reads).toBeGreaterThan(0.1)
  }, 120_000)
})

const PLACES = {
  async 'on a Redis Cluster'() {
    const cluster = await startCluster()
    return { scheme: 'cluster', address: cluster.addresses[0], stop: () => cluster.stop() }
  },
  async 'behind Sentinels'() {
    const { sentinels, stop } = await startWatched()
    return { scheme: 'sentinels', address: sentinels[0], stop }
  },
}

it.each(Object.entries(PLACES))(
  'random programs %s',
  async (_, open) => {
    const { scheme, address, stop } = await open()
    try {
      const redisUrl = `${scheme}://${address?.host}:${address?.port}`
      const { failure, coverage: _met, ...numbers } = await fuzzed({ seed, seconds: 15 }, {}, redisUrl)
      console.log(JSON.stringify(numbers))
      expect(failure && `--seed ${failure.seed} fails: ${failure.message}\n${failure.program}`).toBeUndefined()
      expect(numbers.hits / numbers.reads).toBeGreaterThan(0.3)
    } finally {
      await stop()
    }
  },
  180_000,
)

describe('programs in which a client without the cache writes, too', () => {
  const postgres = useShared(
    () => startPostgres(),
    server => server.stop(),
  )

  async function fuzzedWithFeed(follow: typeof feedOf, options: Options): Promise<Report> {
    const name = newName()
    const databaseUrl = await createDatabase(postgres.url, name)
    await applyMigrations(databaseUrl)
    const stage = await openStage({ databaseUrl, redisUrl: inject('redisUrl'), prefix: `${name}:` }, {}, follow)
    try {
      return await fuzz(stage, options)
    } finally {
      await stage.close()
    }
  }

  it('with a change feed', async () => {
    const { failure, coverage: _met, ...numbers } = await fuzzedWithFeed(feedOf, { seed, seconds: 15 })
    console.log(JSON.stringify(numbers))
    expect(failure && `--feed --seed ${failure.seed} fails: ${failure.message}\n${failure.program}`).toBeUndefined()
    expect(numbers.hits / numbers.reads).toBeGreaterThan(0.3)
  }, 180_000)

  it('(with one that is stopped)', async () => {
    const stopped: typeof feedOf = async place => {
      const feed = await feedOf(place)
      await feed.stop()
      return feed
    }
    const { failure } = await fuzzedWithFeed(stopped, { seed, seconds: 20, secondsToShrink: 0 })
    expect(failure?.message).toMatch(/client [01] answers/)
  }, 90_000)
})

it('(with writes that drop nothing they would not)', async () => {
  const { failure } = await fuzzed({ seed, seconds: 20, secondsToShrink: 0 }, { Store: NoDrop })
  expect(failure?.message).toMatch(/client [01] answers/)
}, 90_000)

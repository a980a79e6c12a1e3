/** Whatever changes between two versions of whatever schema: at a deploy each reads what its own plain client reads. */
import { expect, inject, it } from 'vitest'
import { randomBytes } from 'node:crypto'
import type { Overrides } from '../../src/assemble.js'
import { createDatabase, dropDatabase } from '../support/database.js'
import { KINDS } from './versions/changes.js'
import { VersionsFuzzer, type VersionsOptions } from './versions/versions-fuzzer.js'

async function fuzzed(options: Partial<VersionsOptions>, parts: Partial<Overrides> = {}): Promise<VersionsFuzzer> {
  const name = `cache_aside_${process.pid}_${randomBytes(4).toString('hex')}`
  const databaseUrl = await createDatabase(inject('databaseUrl'), name)
  try {
    const place = { databaseUrl, redisUrl: inject('redisUrl'), prefix: `${name}:` }
    return await new VersionsFuzzer(place, { seed: 0, seconds: 0, ...options }, parts).run()
  } finally {
    await dropDatabase(inject('databaseUrl'), name)
  }
}

it('every kind of change, every way to deploy: each version reads what its plain client reads', async () => {
  // A kind comes with each seed, in turns.
  const seeds = KINDS.map((_, n) => n + 1)
  const { coverage, failures, hits, reads } = await fuzzed({ seeds, steps: 6, keepGoing: true })
  console.log(coverage.table())
  expect(failures.map(({ seed, message, text }) => `--versions --seed ${seed}: ${message}\n${text}`)).toEqual([])
  expect(coverage.missing()).toEqual([])
  expect(hits / reads).toBeGreaterThan(0.2)
}, 240_000)

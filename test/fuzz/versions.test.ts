/** Whatever changes between two versions of whatever schema: at a deploy each reads what its own plain client reads. */
import { randomBytes } from 'node:crypto'
import { expect, inject, it } from 'vitest'
import { createDatabase, dropDatabase } from '../support/database.js'
import type { Blueprint, Field, Model } from './schemas/blueprint.js'
import { sqlOf } from './schemas/text.js'
import { type ColumnType, TYPES } from './schemas/types.js'
import { Mismatch, type Place } from './schemas/world.js'
import { KINDS } from './versions/changes.js'
import type { Pair } from './versions/pair.js'
import { VersionsFuzzer, type VersionsOptions } from './versions/versions-fuzzer.js'
import { WITHOUT, type Without } from './versions/without.js'
import { VersionsWorld } from './versions/world.js'

/** Databases of their own, so many pairs run at once. */
async function inPlaces<T>(count: number, run: (places: Place[]) => Promise<T>): Promise<T> {
  const [admin, redisUrl] = [inject('databaseUrl'), inject('redisUrl')]
  const names = Array.from({ length: count }, () => `versions_${process.pid}_${randomBytes(4).toString('hex')}`)
  try {
    const places: Place[] = []
    for (const name of names)
      places.push({ databaseUrl: await createDatabase(admin, name), redisUrl, prefix: `${name}:` })
    return await run(places)
  } finally {
    for (const name of names) await dropDatabase(admin, name)
  }
}

const fuzzed = (options: Partial<VersionsOptions>) =>
  inPlaces(4, places => new VersionsFuzzer(places, { seed: 0, seconds: 0, ...options }).run())

const seedsFrom = (first: number, count: number) => Array.from({ length: count }, (_, n) => first + n)

it('every kind of change, every way to deploy: each version reads what its plain client reads', async () => {
  // A kind comes with each seed, in turns. Seed 7 has no write that is done: the next of its kind has.
  const seeds = seedsFrom(1, KINDS.length).map(seed => (seed === 7 ? seed + KINDS.length : seed))
  const { coverage, failures, hits, reads } = await fuzzed({ seeds, steps: 4, keepGoing: true })
  console.log(coverage.table())
  expect(failures.map(({ seed, message, text }) => `--versions --seed ${seed}: ${message}\n${text}`)).toEqual([])
  expect(coverage.missing()).toEqual([])
  expect(hits / reads).toBeGreaterThan(0.3)
}, 600_000)

/** How many pairs it may take to find that a part is missing: in twice as many as it took. */
const PAIRS = 24

it.each(WITHOUT)(
  'without %s, a version is found that does not',
  async without => {
    const { failures } = await fuzzed({ seeds: seedsFrom(1, PAIRS), without, secondsToShrink: 0 })
    console.log(failures.map(({ pairs, seconds, changes }) => `pair ${pairs}, ${seconds.toFixed(1)} s: ${changes}`))
    expect(failures.length).toBeGreaterThan(0)
  },
  240_000,
)

function oneTable(name: string): Blueprint {
  const field = (called: string): Field => ({
    name: called,
    column: called,
    type: TYPES[0] as ColumnType,
    optional: false,
    list: false,
    attributes: [],
    generated: false,
    hidden: false,
    foreign: false,
    values: [1, 2],
  })
  const id = field('id')
  const model: Model = {
    name,
    delegate: name.toLowerCase(),
    table: 'User',
    schema: undefined,
    fields: [id, field('rank')],
    id: { fields: [id], name: undefined },
    uniques: [],
    names: new Set(),
    features: new Set(),
    viewOf: undefined,
    hidden: false,
    cached: true,
  }
  return {
    seed: 0,
    models: [model],
    relations: [],
    links: [],
    enums: [],
    schemas: false,
    preview: [],
    features: new Set(),
  }
}

/** By hand: a model is renamed, its table stays; the new version changes a row that the old one has kept. */
async function renamed(place: Place, without?: Without): Promise<void> {
  const [old, renewed] = [oneTable('User'), oneTable('Person')]
  const pair: Pair = { seed: 0, old, new: renewed, sql: sqlOf(old), changes: [], deploy: 'side by side' }
  const world = await VersionsWorld.open(pair, place, without)
  const read = (delegate: string) => ({ shape: 'row', delegate, operation: 'findUnique', models: [] })
  const where = { id: 1 }
  const hits: boolean[] = []
  const compare = async (at: string) => {
    for (const [version, delegate] of [['old', 'user'] as const, ['new', 'person'] as const]) {
      await world.compare(version, [{ ...read(delegate), args: { where } }], { first: 0, at }, (_, { hit }) =>
        hits.push(hit),
      )
    }
  }
  try {
    world.start('old')
    world.start('new')
    await world.seed('old', { delegate: 'user', operation: 'create', args: { data: { id: 1, rank: 1 } } })
    await world.acquainted()
    await compare('before')
    expect(hits.filter(Boolean).length).toBeGreaterThan(0)
    const statement = { delegate: 'person', operation: 'update', args: { where, data: { rank: 2 } } }
    const write = { kind: 'update', models: [], write: { how: 'alone' as const, statement } }
    expect(await world.write(write, { version: 'new', n: 0, uncached: false })).toBe(false)
    await world.acknowledged()
    await compare('after')
  } finally {
    await world.close()
  }
}

it('what runs two versions sees a row that is stale, in a case by hand', async () => {
  await inPlaces(1, async ([place]) => {
    await renamed(place as Place)
    for (const without of WITHOUT) await expect(renamed(place as Place, without)).rejects.toThrow(Mismatch)
  })
})

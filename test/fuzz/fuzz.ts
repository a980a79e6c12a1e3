/**
 * `npm run fuzz -- --seconds N --seed S [--without RULE]`: random programs until the time is up or a cached client answers
 * what Prisma does not; `npm run fuzz -- --rules`: how long each rule of the plan of writes can be left out unnoticed.
 *
 * `--near`: with a near cache in each process. `--strict`: in strict mode, with write-through. `--feed`: with a change feed, and a client without the cache that writes, too.
 *
 * `--versions`: two versions of a random schema at once on one database and one Redis, pair after pair, as at a deploy;
 * `--without knowledge` and `--without naming` go red.
 *
 * `--schemas`: the same over random schemas, one after the other, `--rules` too; `--no FEATURE` (more than once): schemas without it,
 * `--keep-going`: goes on after a mismatch, `--features`: what they may have.
 */
import { parseArgs } from 'node:util'
import type { Overrides } from '../../src/assemble.js'
import { recordRun } from '../../scripts/runs.js'
import * as effects from '../../src/plan/effects.js'
import { applyMigrations, createDatabase, dropDatabase } from '../support/database.js'
import { type Servers, startServers } from '../support/servers.js'
import { fuzz, type Options, type Report } from './fuzzer.js'
import { fuzzSchemas, type SchemaOptions, type SchemaReport } from './schemas/schema-fuzzer.js'
import { FEATURES } from './schemas/features.js'
import { seedsFor } from './schemas/generate.js'
import { feedOf, openStage } from './stage.js'
import type { Place } from './schemas/world.js'
import { VersionsFuzzer } from './versions/versions-fuzzer.js'
import { withoutRule } from '../support/without-rule.js'
import { WITHOUT } from './versions/without.js'

/** In 600 s, each kind of write meets each shape of read so often. */
const LEAST = 100
const LEAST_HITS = 0.3
/** Most of a pair of versions is waiting. */
const VERSIONS_AT_ONCE = 12
const LONG_RUN_OF_VERSIONS = 300
/** A rule whose absence is not noticed for so long, or over so many schemas, is none. */
const SECONDS_WITHOUT = 120
const SCHEMAS_WITHOUT = 60

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    without: { type: 'string' },
    rules: { type: 'boolean', default: false },
    table: { type: 'boolean', default: true },
    schemas: { type: 'boolean', default: false },
    versions: { type: 'boolean', default: false },
    no: { type: 'string', multiple: true, default: [] },
    'keep-going': { type: 'boolean', default: false },
    features: { type: 'boolean', default: false },
    feed: { type: 'boolean', default: false },
    near: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  },
  allowNegative: true,
})
if (values.near) process.env['NEAR'] = 'on'
if (values.strict) process.env['CONSISTENCY'] = 'strict'
const seed = Number(values.seed)
const seconds = Number(values.seconds)

/** Names of rules, and what they say. */
function rules(): Readonly<Record<string, string>> {
  const { RULES } = effects as { RULES?: Readonly<Record<string, string>> }
  if (RULES === undefined) throw new Error('src/plan/effects.ts exports no RULES: there is nothing to leave out')
  return RULES
}

if (values.features) {
  console.log(FEATURES.join('\n'))
  process.exit(0)
}

const servers = await startServers()
console.log(servers.chosen.join('\n'))
try {
  process.exitCode = await (values.rules ? withoutEach(servers) : once(servers))
} finally {
  await servers.stop()
}

async function once(on: Servers): Promise<number> {
  const { without: rule } = values
  const known: readonly string[] = values.versions ? WITHOUT : Object.keys(rules())
  if (rule !== undefined && !known.includes(rule)) {
    throw new Error(`There is no ${rule} to leave out. There are: ${known.join(', ')}`)
  }
  console.log(`seed ${seed}, ${seconds} s${rule === undefined ? '' : `, without ${rule}`}`)
  if (values.versions) return overVersions(on)
  if (values.schemas) return overSchemas(on, rule === undefined ? {} : withoutRule(rule))
  const report = await fuzzed(on, { seed, seconds, progress: console.log }, rule === undefined ? {} : withoutRule(rule))
  if (values.table) console.log(report.coverage.table())
  console.log(summaryOf(report))
  const complaints = complaintsOf(report)
  for (const complaint of complaints) console.log(complaint)
  await recordRun({
    command: ['npm run fuzz --', ...process.argv.slice(2)].join(' '),
    seed,
    seconds: report.seconds,
    result: `${complaints[0] ?? 'no mismatch'}: ${report.programs} programs, ${report.writes} writes, ${report.reads} reads, ${((100 * report.hits) / report.reads).toFixed(0)} % hits; each kind of write met each shape of read ${report.coverage.least} times or more`,
  })
  return complaints.length === 0 ? 0 : 1
}

async function withoutEach(on: Servers): Promise<number> {
  const began = performance.now()
  const unnoticed: string[] = []
  let longest = 0
  for (const rule of Object.keys(rules())) {
    const found = values.schemas ? await overSchemasWithout(on, rule) : await overOwnWithout(on, rule)
    if (found.seconds === undefined) unnoticed.push(rule)
    longest = Math.max(longest, found.seconds ?? 0)
    console.log(`without ${rule.padEnd(12)} ${found.text}`)
  }
  await recordRun({
    command: ['npm run fuzz --', ...process.argv.slice(2)].join(' '),
    seed,
    seconds: (performance.now() - began) / 1000,
    result: `${Object.keys(rules()).length} rules, each left out; found in ${longest.toFixed(0)} s or less; not found: ${unnoticed.join(', ') || 'none'}`,
  })
  return unnoticed.length === 0 ? 0 : 1
}

interface Found {
  /** Undefined: not at all. */
  readonly seconds: number | undefined
  readonly text: string
}

async function overOwnWithout(on: Servers, rule: string): Promise<Found> {
  const { failure } = await fuzzed(on, { seed, seconds: SECONDS_WITHOUT, secondsToShrink: 0 }, withoutRule(rule))
  if (failure === undefined) return { seconds: undefined, text: `not found in ${SECONDS_WITHOUT} s` }
  return { seconds: failure.seconds, text: `found in ${failure.seconds.toFixed(1)} s` }
}

async function overSchemasWithout(on: Servers, rule: string): Promise<Found> {
  const seeds = seedsFor(rule, seed, SCHEMAS_WITHOUT, values.no)
  const options = { seed, seconds: 0, seeds, secondsToShrink: 0, without: values.no }
  const { failures, schemas, seconds: took } = await fuzzedSchemas(on, options, withoutRule(rule))
  const [failure] = failures
  if (failure === undefined)
    return { seconds: undefined, text: `not found in ${schemas} schemas, ${took.toFixed(1)} s` }
  return { seconds: failure.seconds, text: `found in ${failure.seconds.toFixed(1)} s, with schema ${schemas}` }
}

async function fuzzed(on: Servers, options: Options, parts: Partial<Overrides>): Promise<Report> {
  const name = `cache_aside_fuzz_${process.pid}`
  const databaseUrl = await createDatabase(on.databaseUrl, name)
  try {
    await applyMigrations(databaseUrl)
    const stage = await openStage(
      { databaseUrl, redisUrl: on.redisUrl, prefix: `${name}:` },
      parts,
      values.feed ? feedOf : undefined,
    )
    try {
      return await fuzz(stage, options)
    } finally {
      await stage.close()
    }
  } finally {
    await dropDatabase(on.databaseUrl, name)
  }
}

async function overSchemas(on: Servers, parts: Partial<Overrides>): Promise<number> {
  const options = { seed, seconds, without: values.no, keepGoing: values['keep-going'], progress: console.log }
  const { coverage, refused, failures, ...report } = await fuzzedSchemas(on, options, parts)
  if (values.table) console.log(coverage.table())
  const { schemas, steps, writes, reads, hits, entries, seconds: took } = report
  const share = ((100 * hits) / reads).toFixed(0)
  console.log(
    `${schemas} schemas, ${refused.length} more that Prisma refuses, ${steps} steps, ${writes} writes, ${reads} reads (${share} % hits), ` +
      `${entries} entries at the end, in ${took.toFixed(0)} s`,
  )
  for (const text of refused) console.log(text)
  for (const each of failures) {
    console.log(
      `\n==== After ${each.seconds.toFixed(1)} s, --schemas --seed ${each.seed} fails:\n  ${each.message}\n\n${each.text}`,
    )
  }
  const missing = seconds >= 600 ? coverage.missing(values.no) : []
  for (const feature of missing) console.log(`${feature}: not met`)
  const verdict =
    failures.length === 0
      ? 'no mismatch'
      : `a cached client was wrong, with schemas of seeds ${failures.map(each => each.seed).join(', ')}`
  if (failures.length > 0) console.log(`A cached client was wrong, with ${failures.length} schemas.`)
  await recordRun({
    command: ['npm run fuzz --', ...process.argv.slice(2)].join(' '),
    seed,
    seconds: took,
    result: `${verdict}: ${schemas} schemas, ${refused.length} more that Prisma refuses, ${writes} writes, ${reads} reads, ${share} % hits; ${missing.length} features not met`,
  })
  return failures.length + refused.length + missing.length === 0 ? 0 : 1
}

async function overVersions(on: Servers): Promise<number> {
  const name = `cache_aside_versions_${process.pid}`
  const names = Array.from({ length: VERSIONS_AT_ONCE }, (_, n) => `${name}_${n}`)
  const places: Place[] = []
  const without = WITHOUT.find(each => each === values.without)
  const options = { seed, seconds, keepGoing: values['keep-going'], without, progress: console.log }
  let fuzzer: VersionsFuzzer
  try {
    for (const each of names) {
      const databaseUrl = await createDatabase(on.databaseUrl, each)
      places.push({ databaseUrl, redisUrl: on.redisUrl, prefix: `${each}:` })
    }
    fuzzer = await new VersionsFuzzer(places, options).run()
  } finally {
    for (const each of names) await dropDatabase(on.databaseUrl, each)
  }
  const { coverage, failures, pairs, writes, reads, hits } = fuzzer
  if (values.table) console.log(coverage.table())
  for (const each of failures) {
    console.log(
      `\n==== After ${each.seconds.toFixed(1)} s and ${each.pairs} pairs, --versions --seed ${each.seed} fails:\n  ${each.message}\n\n${each.text}`,
    )
  }
  for (const each of failures) console.log(`--seed ${each.seed}: ${each.changes}`)
  // A shorter run does not get to all of them.
  const isLong = seconds >= LONG_RUN_OF_VERSIONS
  const missing = isLong ? coverage.missing() : []
  for (const kind of missing) console.log(`${kind}: not met`)
  const verdict = failures.length === 0 ? 'no mismatch' : `${failures.length} pairs with a mismatch`
  const kinds = isLong
    ? `; ${coverage.size - missing.length} of ${coverage.size} kinds of change and ways to deploy met`
    : ''
  await recordRun({
    command: ['npm run fuzz --', ...process.argv.slice(2)].join(' '),
    seed,
    seconds: fuzzer.seconds,
    result: `${verdict}: ${pairs} pairs of versions, ${writes} writes, ${reads} reads, ${((100 * hits) / reads).toFixed(0)} % hits${kinds}`,
  })
  return failures.length + missing.length === 0 ? 0 : 1
}

async function fuzzedSchemas(on: Servers, options: SchemaOptions, parts: Partial<Overrides>): Promise<SchemaReport> {
  const name = `cache_aside_schemas_${process.pid}`
  const databaseUrl = await createDatabase(on.databaseUrl, name)
  try {
    return await fuzzSchemas({ databaseUrl, redisUrl: on.redisUrl, prefix: `${name}:` }, options, parts)
  } finally {
    await dropDatabase(on.databaseUrl, name)
  }
}

function summaryOf({ programs, writes, reads, hits, entries, seconds: took, coverage, failure }: Report): string {
  const share = ((100 * hits) / reads).toFixed(0)
  const numbers = `${programs} programs, ${writes} writes, ${reads} reads (${share} % hits), ${entries} entries at the end of programs, in ${took.toFixed(0)} s`
  if (failure === undefined)
    return `${numbers}; each kind of write met each shape of read ${coverage.least} times or more`
  return `${numbers}\n\nAfter ${failure.seconds.toFixed(1)} s, --seed ${failure.seed} fails:\n  ${failure.message}\n\n${failure.program}`
}

/** Why the run is not a good one. */
function complaintsOf({ failure, coverage, hits, reads }: Report): string[] {
  if (failure !== undefined) return ['A cached client was wrong.']
  // With a feed, most of a program is waiting for it.
  const least = Math.floor(((values.feed ? LEAST / 2 : LEAST) * seconds) / 600)
  const missing = coverage.missing(least)
  return [
    ...missing.slice(0, 40),
    ...(missing.length > 40 ? [`and ${missing.length - 40} more`] : []),
    ...(hits / reads < LEAST_HITS ? [`Only ${((100 * hits) / reads).toFixed(0)} % of the reads were hits.`] : []),
  ]
}

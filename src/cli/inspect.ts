/** `inspect`: what is stored of a row or a query, how old it is, and whether it would be served, in words. */
import { inspect as shown } from 'node:util'
import { factsOf } from '../plan/explain.js'
import { isModelEpoch } from '../wire/keys.js'
import { type Cache, messageOf } from './cache.js'
import { type Difference, differencesOf, type Sql } from './database.js'
import { type Entry, lookAtKey, lookAtPlan } from './entry.js'
import { bytes, duration, type Printer } from './print.js'
import { targetOf } from './query.js'

/** Of a list. */
const MOST_ROWS = 10

export interface Inspected extends Entry {
  /** How long ago it was stored, at least and at most; undefined: not known. */
  readonly ageMs: readonly [least: number, most: number] | undefined
  readonly ttlMs: number | undefined
  /** Columns whose value in the database is another; undefined: the database was not looked at. */
  readonly differences: readonly Difference[] | undefined
  /** Why it was not, where it should have been. */
  readonly notCompared: string | undefined
  /** One sentence: would it be served, and if not, because of what. */
  readonly verdict: string
}

/** @param sql - to compare rows with; undefined: they are not compared */
export async function inspect(
  cache: Cache,
  what: string,
  json: string | undefined,
  sql: Sql | undefined,
): Promise<Inspected[]> {
  const target = targetOf(cache, what, json)
  const entries = target.kind === 'key' ? [await lookAtKey(cache, target.key)] : await lookAtPlan(cache, target.plan)
  const found: Inspected[] = []
  for (const entry of entries) {
    const compared = await comparedWith(sql, entry)
    found.push({
      ...entry,
      ...compared,
      ...ageOf(cache, entry),
      verdict: verdictOf(cache, entry, compared.differences),
    })
  }
  return found
}

async function comparedWith(sql: Sql | undefined, entry: Entry) {
  try {
    return { differences: sql === undefined ? undefined : await differencesOf(sql, entry), notCompared: undefined }
  } catch (error) {
    return { differences: undefined, notCompared: messageOf(error) }
  }
}

/** An entry lives for its TTL less a random part, and when that was taken is not stored. */
function ageOf({ settings }: Cache, { name, leftMs, value }: Entry): Pick<Inspected, 'ageMs' | 'ttlMs'> {
  const policy = 'model' in name ? settings?.models.get(name.model.name) : undefined
  if (policy === undefined || leftMs === undefined || leftMs < 0 || value === null || value === undefined) {
    return { ageMs: undefined, ttlMs: undefined }
  }
  const ttlMs = name.kind === 'result' ? (policy.queriesTtlMs ?? policy.ttlMs) : policy.ttlMs
  // Of another TTL (`$cached`), or of related rows with a shorter one.
  if (leftMs > ttlMs) return { ageMs: undefined, ttlMs: undefined }
  return { ttlMs, ageMs: [Math.max(0, ttlMs * (1 - policy.jitter) - leftMs), ttlMs - leftMs] }
}

function verdictOf(cache: Cache, entry: Entry, differences: readonly Difference[] | undefined): string {
  const { state, dependsOn, name } = entry
  switch (state) {
    case 'absent': {
      const isCached = cache.settings === undefined || !('model' in name) || cache.settings.models.has(name.model.name)
      return isCached
        ? 'Not stored: the next read is a miss.'
        : `Not stored: the processes that run do not cache ${modelOf(entry)} (option models).`
    }
    case 'loading':
      return 'Not stored, but a read is loading it, or began to: a token stands at its key.'
    case 'held':
      return `Not served: a write to ${modelOf(entry)} has not ended (strict mode), or its outcome is not known: until its hold ends, reads go to the database.`
    case 'foreign':
      return 'Not served: the bytes are damaged, or were written by another version of the schema or for another database.'
    case 'unknown':
      return name.kind === 'result' || name.kind === 'related'
        ? `What it depends on does not follow from its key: give the query, as in inspect ${modelOf(entry)}.findMany '{"where":{…}}'.`
        : `This is ${kindOf(entry)}.`
    case 'expired':
      return (
        `Past its TTL, kept for a while: served only where the option swr of ${modelOf(entry)} says so, or staleIfError when the ` +
        `database can't be reached.`
      )
    case 'stale': {
      const changed = dependsOn.filter(({ isCurrent }) => !isCurrent)
      const [first] = changed
      const writes = changed.flatMap(({ key }) => writesOf(cache, key))
      const because = writes.length === 0 ? 'what it depends on has changed' : [...new Set(writes)].join(', or ')
      const key = first === undefined ? '' : ` (${changed.map(each => bare(cache, each.key)).join(', ')})`
      return `Stale, not served: since it was stored there was ${because}${key}.`
    }
    default:
      return servedVerdict(cache, entry, differences)
  }
}

function servedVerdict(cache: Cache, entry: Entry, differences: readonly Difference[] | undefined): string {
  if (differences === undefined || differences.length === 0) {
    const same = differences === undefined ? '' : ', and the database says the same'
    return `Served: nothing that it depends on has changed since it was stored${same}.`
  }
  const { name } = entry
  const what = differences.map(({ column }) => column).join(', ')
  const row = name.kind === 'row' ? `${name.model.name}:${name.id}` : bare(cache, entry.key)
  return (
    `Served, but wrong: the database has another ${what}, and no write through the cache has invalidated the entry since it was ` +
    `stored, so the row was changed by something else (psql, another program, a trigger, a client without the extension); ` +
    `invalidate ${row} ends it.`
  )
}

function writesOf({ catalog }: Cache, epoch: string): readonly string[] {
  if (isModelEpoch(epoch)) return factsOf(catalog).epochs([epoch])
  if (epoch.includes('#')) return [`a call of invalidateTags`]
  return [`a write to a row that belongs to ${epoch.slice(0, epoch.lastIndexOf(':'))}`]
}

function bare({ buckets }: Cache, key: string): string {
  return buckets.bare(key)
}

function modelOf({ name }: Entry): string {
  return 'model' in name ? name.model.name : 'its model'
}

export function kindOf({ name, value }: Entry): string {
  switch (name.kind) {
    case 'row':
      return value === null ? 'the answer "no such row"' : `a row of ${name.model.name}`
    case 'pointer':
      return `where the ${name.by.join(' and ')} of a ${name.model.name} points to`
    case 'result':
      return `the result of a query of ${name.model.name}`
    case 'related':
      return name.relation === '_count'
        ? `counts below a row of ${name.model.name}`
        : `the ${name.relation.field.name} of a row of ${name.model.name}`
    case 'value':
      return 'a value of getOrSet'
    case 'tag':
      return 'a tag, which entries depend on'
    case 'epoch':
      return 'an epoch, which entries depend on'
    case 'internal':
      return 'of the cache itself'
    default:
      return 'not a key of this schema'
  }
}

export function printInspected(printer: Printer, found: readonly Inspected[]): void {
  if (printer.isJson) return printer.json(found.map(plainOf))
  for (const [i, entry] of found.entries()) {
    if (i > 0) printer.line()
    printEntry(printer, entry)
  }
}

function printEntry(printer: Printer, entry: Inspected): void {
  const { key, value, leftMs, ageMs, ttlMs, dependsOn, differences = [], state, verdict } = entry
  const size = entry.bytes === 0 ? '' : ` · ${bytes(entry.bytes)}`
  printer.line(`${printer.style('bold', key)} · ${kindOf(entry)}${size}`)
  if (isRow(value)) {
    printer.table(Object.entries(value).map(([name, each]) => [`  ${printer.style('dim', name)}`, oneLine(each)]))
    for (const { column, database } of differences) {
      printer.paragraph('  ', `in the database, ${column} is ${oneLine(database)}`, '    ', 'red')
    }
  } else if (Array.isArray(value)) {
    for (const each of value.slice(0, MOST_ROWS)) printer.table([[`  ${oneLine(each)}`]])
    if (value.length > MOST_ROWS) printer.line(`  … and ${value.length - MOST_ROWS} more`)
  } else if (value !== undefined && value !== null) printer.table([[`  ${oneLine(value)}`]])
  if (entry.notCompared !== undefined) {
    printer.paragraph('  ', `it could not be compared with the database: ${entry.notCompared}`, '    ', 'yellow')
  }
  if (leftMs !== undefined) {
    const age = ageMs === undefined ? '' : `stored ${ageText(ageMs)} ago, `
    const ttl = ttlMs === undefined ? '' : ` (TTL ${duration(ttlMs)})`
    const isOver = state === 'expired'
    if (isOver) printer.line(`  expired ${duration(-leftMs)} ago`)
    else printer.paragraph('  ', leftMs < 0 ? 'has no TTL' : `${age}expires in ${duration(leftMs)}${ttl}`, '    ')
  }
  for (const { key: epoch, isCurrent } of dependsOn) {
    printer.line(`  depends on ${epoch}: ${isCurrent ? 'unchanged' : printer.style('yellow', 'changed')}`)
  }
  const isWrong = state === 'served' && differences.length > 0
  const colour = isWrong ? 'red' : state === 'served' ? 'green' : 'yellow'
  printer.paragraph('  ', verdict, '  ', colour)
}

function ageText([least, most]: readonly [number, number]): string {
  if (least === 0) return `at most ${duration(most)}`
  const [from, to] = [duration(least), duration(most)]
  return from === to ? from : `${from} to ${to}`
}

function isRow(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}

function oneLine(value: unknown): string {
  return shown(value, { breakLength: Number.POSITIVE_INFINITY, compact: true, depth: 6, maxStringLength: 200 })
}

function plainOf({ name, ...entry }: Inspected) {
  return { ...entry, kind: name.kind, ...('model' in name && { model: name.model.name }) }
}

/** `keys` and `stats`: what is stored under the prefix. They go through all keys of Redis with `SCAN`, a thousand at a time. */
import type { Redis } from 'ioredis'
import { type Cache, nodesOf, nowOf } from './cache.js'
import { type KeyKind, keyNameOf } from './key-names.js'
import { bytes, duration, type Printer } from './print.js'
import { modelNamed } from './query.js'

interface Stored {
  readonly key: string
  readonly kind: KeyKind
  readonly model: string | undefined
  readonly bytes: number
  readonly leftMs: number
}

const PAGE = 1_000

/** Each key under the prefix, with how long it is and how long it lives. */
async function* storedIn({ redis, prefix, buckets, catalog }: Cache): AsyncGenerator<Stored> {
  for (const node of nodesOf(redis)) {
    for await (const keys of pagesOf(node, prefix)) {
      const pipeline = node.pipeline()
      for (const key of keys) pipeline.strlen(key).pttl(key)
      const replies = (await pipeline.exec()) ?? []
      for (const [i, key] of keys.entries()) {
        const [length, left] = [replies[2 * i]?.[1], replies[2 * i + 1]?.[1]]
        const name = keyNameOf(catalog, buckets, key)
        const model = 'model' in name ? name.model.name : undefined
        yield { key, kind: name.kind, model, bytes: Number(length ?? 0), leftMs: Number(left ?? -2) }
      }
    }
  }
}

async function* pagesOf(node: Redis, prefix: string): AsyncGenerator<string[]> {
  const pattern = `${prefix.replaceAll(/[\\*?[\]]/g, String.raw`\$&`)}*`
  let cursor = '0'
  do {
    const [next, keys] = await node.scan(cursor, 'MATCH', pattern, 'COUNT', PAGE)
    cursor = next
    yield keys
  } while (cursor !== '0')
}

/** @param limit - at most so many are listed */
export async function listKeys(
  cache: Cache,
  printer: Printer,
  model: string | undefined,
  limit: number,
): Promise<void> {
  if (model !== undefined) modelNamed(cache.catalog, model)
  const found: Stored[] = []
  let isMore = false
  for await (const stored of storedIn(cache)) {
    if (stored.kind === 'internal' || stored.kind === 'other') continue
    if (model !== undefined && stored.model !== model) continue
    isMore = found.length === limit
    if (isMore) break
    found.push(stored)
  }
  if (printer.isJson) return printer.json(found)
  const rows = found.map(({ key, kind, bytes: size, leftMs }) => [
    key,
    kind,
    bytes(size),
    duration(Math.max(0, leftMs)),
  ])
  printer.table([['KEY', 'WHAT', 'BYTES', 'EXPIRES IN'], ...rows], 2)
  if (found.length === 0) printer.line(`Nothing is stored${model === undefined ? '' : ` of ${model}`}.`)
  if (isMore) printer.line(`… and more: --limit ${limit * 10}`)
}

const COUNTED = ['row', 'pointer', 'related', 'result'] as const

export async function printStats(cache: Cache, printer: Printer): Promise<void> {
  const { fleet, settings } = cache
  const models = new Map<string, Record<string, number>>()
  const others: Record<string, number> = {}
  for await (const { kind, model, bytes: size } of storedIn(cache)) {
    if (model === undefined || kind === 'tag') {
      others[kind] = (others[kind] ?? 0) + 1
      continue
    }
    const counts = models.get(model) ?? { bytes: 0 }
    counts[kind] = (counts[kind] ?? 0) + 1
    counts['bytes'] = (counts['bytes'] ?? 0) + size
    models.set(model, counts)
  }
  const alive = fleet?.versions.filter(({ isAlive }) => isAlive).length ?? 0
  const facts = {
    source: fleet?.source ?? null,
    inUse: fleet?.isLeased ?? false,
    versionsInUse: alive,
    cachedModels: settings === undefined ? null : Object.fromEntries(settingsOf(settings)),
    models: Object.fromEntries(models),
    others,
  }
  if (printer.isJson) return printer.json({ ...facts, at: await nowOf(cache.redis) })
  const rows = Array.from(models, ([name, counts]) => [
    name,
    ...COUNTED.map(kind => String(counts[kind] ?? 0)),
    bytes(counts['bytes'] ?? 0),
    ttlText(settings?.models.get(name)?.ttlMs),
  ])
  printer.table(
    [
      ['MODEL', 'ROWS', 'POINTERS', 'RELATED', 'RESULTS', 'BYTES', 'TTL'],
      ...rows.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)),
    ],
    1,
  )
  printer.line()
  const counts = Object.entries(others).map(([kind, count]) => `${count} of kind ${kind}`)
  if (counts.length > 0) printer.paragraph('', `Besides: ${counts.join(', ')}`, '  ')
  if (fleet === undefined) printer.line('No process has used this prefix yet.')
  else {
    const use = fleet.isLeased ? 'in use' : 'not in use now'
    printer.paragraph('', `Rows of ${fleet.source}, ${use}; versions of the schema in use: ${alive}`, '  ')
  }
}

function settingsOf({ models }: NonNullable<Cache['settings']>) {
  return Array.from(models, ([name, { exclude, ...policy }]) => [name, { ...policy, exclude: [...exclude] }])
}

function ttlText(ms: number | undefined): string {
  return ms === undefined ? '–' : duration(ms)
}

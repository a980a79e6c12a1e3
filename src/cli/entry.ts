/** Looks at entries as a read would, with the same code, and says of each what it is, and whether it would be served. */
import { Guesses } from '../local/guesses.js'
import type { Cached } from '../plan/catalog.js'
import type { CachedPlan } from '../plan/read.js'
import type { Snapshot } from '../redis/batches.js'
import { Deadline } from '../redis/deadline.js'
import { lookUp } from '../read/first-look.js'
import { TreeSnapshot } from '../read/tree-lookup.js'
import { epochsOfStamp } from '../read/why-missed.js'
import {
  expiryOf,
  graceOf,
  isTokenAlone,
  Kind,
  otherEpochs,
  PAYLOAD_AT,
  textOf,
  verifiedKind,
} from '../wire/envelope.js'
import { heldBy, isHeld } from '../wire/intents.js'
import type { Dependencies } from '../wire/keys.js'
import type { ResultCodec } from '../wire/results.js'
import { Packr } from 'msgpackr'
import { type Cache, nowOf } from './cache.js'
import { type KeyName, keyNameOf } from './key-names.js'

/** One entry, as it is now. */
export interface Entry {
  readonly key: string
  readonly name: KeyName
  readonly bytes: number
  /** How long its TTL still lasts, in ms; below 0: it is over, or there is none. Undefined: there is no entry. */
  readonly leftMs: number | undefined
  /** Of an entry whose bytes are whole and of this schema: the row by column, the id, or the result as it is stored. */
  readonly value: unknown
  readonly state: 'served' | 'expired' | 'absent' | 'loading' | 'held' | 'stale' | 'foreign' | 'unknown'
  /** Of an entry: what it depends on, and whether each is as it was. */
  readonly dependsOn: readonly { readonly key: string; readonly isCurrent: boolean }[]
  readonly holds: readonly string[]
}

/** Looks up all that a query needs, one after the other. */
export async function lookAtPlan(cache: Cache, plan: CachedPlan): Promise<Entry[]> {
  const looked = new Map<string, Seen & { readonly dependsOn: Dependencies }>()
  const look = async (key: string, dependsOn: Dependencies) => {
    const seen = await snapshotOf(cache, key, dependsOn)
    looked.set(key, { ...seen, dependsOn })
    return seen.snapshot
  }
  const store = {
    lookUp: async <T>(key: string, on: Dependencies, _: Deadline, read: (snapshot: Snapshot | undefined) => T) =>
      read(await look(key, on)),
    lookUpAll: <T>(
      keys: readonly string[],
      on: Dependencies,
      _: Deadline,
      read: (snapshot: Snapshot | undefined, index: number) => T,
    ) => Promise.all(keys.map(async (key, i) => read(await look(key, on), i))),
    fill() {},
    redisNow: Date.now,
  }
  const deadline = new Deadline(Number.POSITIVE_INFINITY)
  // As far as it goes, whatever is past its TTL.
  deadline.reloadsUntil = Number.NEGATIVE_INFINITY
  const found = await lookUp({ store, guesses: new Guesses(), random: () => 1 }, plan, deadline)
  const known = new Map<string, Known>()
  if (plan.kind === 'result') known.set(plan.key, { tagged: 0, codec: plan.codec })
  for (const each of [found].flat()) {
    if (!(each instanceof TreeSnapshot)) continue
    for (const [{ codec }, { keys }] of each.related) known.set(keys.key, { tagged: keys.tagged, codec })
  }
  return Array.from(looked, ([key, seen]) => entryOf(cache, key, seen.dependsOn, seen, known.get(key)))
}

/** What follows from the query, not from the key. */
interface Known {
  /** Of related rows: how many of the first epochs are those under its tags. */
  readonly tagged: number
  readonly codec: ResultCodec
}

/** Of a row or a pointer. What a result depends on does not follow from its key. */
export async function lookAtKey(cache: Cache, key: string): Promise<Entry> {
  const name = keyNameOf(cache.catalog, cache.buckets, key)
  const dependsOn = name.kind === 'row' || name.kind === 'pointer' ? name.model.keys : { epochs: [], holds: [] }
  return entryOf(cache, key, dependsOn, await snapshotOf(cache, key, dependsOn))
}

interface Seen {
  readonly snapshot: Snapshot
  readonly leftMs: number
  /** By the clock of Redis. */
  readonly now: number
}

async function snapshotOf({ redis, buckets }: Cache, key: string, { epochs, holds }: Dependencies): Promise<Seen> {
  const bucket = buckets.of(key) ?? 0
  const nameOf = (each: string) => buckets.nameIn(bucket, each)
  const get = (each: string) => redis.getBuffer(nameOf(each))
  const [entry, leftMs, now, ofEpochs, ofHolds] = await Promise.all([
    redis.getBuffer(key).catch(() => Buffer.alloc(0)),
    redis.pttl(key),
    nowOf(redis),
    Promise.all(epochs.map(get)),
    Promise.all(holds.map(get)),
  ])
  const held = isHeld(heldBy(ofHolds), key, epochs.map(nameOf))
  return { snapshot: { entry, epochs: ofEpochs, held }, leftMs, now }
}

function entryOf(
  cache: Cache,
  key: string,
  { epochs, holds }: Dependencies,
  { snapshot, leftMs, now }: Seen,
  known?: Known,
): Entry {
  const name = keyNameOf(cache.catalog, cache.buckets, key)
  const cached = cachedOf(name)
  const { entry } = snapshot
  const base = { key, name, bytes: entry?.length ?? 0, holds: snapshot.held ? holds : [] }
  if (entry === null) return { ...base, leftMs: undefined, value: undefined, state: 'absent', dependsOn: [] }
  if (isTokenAlone(entry)) return { ...base, leftMs, value: undefined, state: 'loading', dependsOn: [] }
  const kind = cached && verifiedKind(entry, cached.codec.fingerprint)
  if (cached === undefined || kind === undefined) {
    return { ...base, leftMs, value: undefined, state: cached === undefined ? 'unknown' : 'foreign', dependsOn: [] }
  }
  // Past its TTL it is kept for a grace.
  const left = leftMs < 0 || graceOf(entry) === 0 ? leftMs : expiryOf(entry) - now
  const [from, to] = epochsOfStamp(kind, known?.tagged ?? 0)
  const others = otherEpochs(entry, snapshot.epochs.slice(from, to))
  const dependsOn = epochs.slice(from, to).map((epoch, i) => ({ key: epoch, isCurrent: !others.includes(i) }))
  return { ...base, leftMs: left, value: valueIn(entry, kind, cached, known?.codec), state: stateOf(), dependsOn }

  function stateOf(): Entry['state'] {
    if (name.kind !== 'row' && name.kind !== 'pointer' && epochs.length === 0) return 'unknown'
    if (snapshot.held) return 'held'
    if (others.length > 0) return 'stale'
    return leftMs >= 0 && left <= 0 ? 'expired' : 'served'
  }
}

/** The model whose schema an entry follows: of related rows that of the rows inside. */
function cachedOf(name: KeyName): Cached | undefined {
  if (name.kind === 'row' || name.kind === 'pointer' || name.kind === 'result') return name.model.cached
  if (name.kind !== 'related') return undefined
  return name.relation === '_count' ? name.model.cached : name.relation.target.cached
}

const packr = new Packr({ useRecords: false })

function valueIn(entry: Buffer, kind: number, { codec }: Cached, ofResult: ResultCodec | undefined): unknown {
  if (kind === Kind.absent) return null
  if (kind === Kind.pointer) return textOf(entry)
  if (kind === Kind.row || kind === Kind.rowUnderAny) return codec.decode(entry, PAYLOAD_AT)
  if (ofResult !== undefined) return ofResult.decode(entry, PAYLOAD_AT)?.result
  return packr.unpack(entry, { start: PAYLOAD_AT, end: entry.length })
}

/**
 * Judges one round: the histories of rows that every process reads and increments, so that the versions of a row are 1, 2, 3 in the
 * order of their commits. A read is at least the highest version acknowledged before it began, at most the highest invoked before it
 * ended, and not below what an earlier-ended read returned. What is below is either inside a documented window, or red.
 *
 * A write is *acknowledged* when its promise has resolved. It *binds* other processes once Redis has acknowledged its `DEL` too, which is
 * before that, unless Redis did not answer: then it is when its process has replayed the journal.
 */
import { Floors } from '../chaos/floors.js'
import type { Key, Line } from '../chaos/history.js'
import { NEVER_COMMITTED } from '../chaos/workload.js'

export interface Played {
  /** `slot.incarnation` */
  readonly process: string
  readonly lines: readonly Line[]
  /** When it was killed, in µs. */
  readonly killedAt: number | undefined
}

export interface Rules {
  /** So late a process may be with the writes of others, in ms. */
  readonly staleMs: number
  /** No entry lives longer, in ms. */
  readonly ttlMs: number
}

/** Why a read may be below what was known. */
export type Window =
  | 'near cache'
  | 'in the journal'
  | 'between COMMIT and DEL'
  | 'writer killed there'
  | 'outcome unknown'

export interface Below {
  readonly kind: 'older than acknowledged' | 'went back'
  readonly process: string
  readonly query: string
  readonly key: Key
  readonly value: number
  /** What it should have been at least. */
  readonly known: number
  /** Since that was known, in ms. */
  readonly ms: number
  /** Undefined: no window explains it. */
  readonly window: Window | undefined
}

/** A write that its process did not live to see resolved, or whose `DEL` was lost with its journal. */
export interface Owed {
  readonly process: string
  readonly key: Key
  readonly at: number
  readonly cause:
    | 'writer killed between COMMIT and DEL'
    | 'writer killed in its write'
    | 'writer killed with the DEL in its journal'
}

export interface Judged {
  readonly reads: number
  readonly hits: number
  readonly writes: number
  readonly below: readonly Below[]
  /** Reads of what no write had begun to make, or of no number at all. */
  readonly above: readonly string[]
  /** From COMMIT until Redis had acknowledged the `DEL`, in ms. */
  readonly deleteMs: readonly number[]
  readonly owed: readonly Owed[]
  /** When each key was last written with an acknowledged `DEL`. */
  readonly boundAt: ReadonlyMap<Key, number>
}

/** A load that was under way when its writer died may be stored so much later. */
const LOAD_MS = 1_500

interface ReadSeen {
  readonly process: string
  readonly from: number
  readonly at: number
  readonly query: string
  readonly key: Key
  readonly value: number
}

/** What is known of one version of a row. */
interface Version {
  /** Its write has resolved; undefined: it never did. */
  acknowledgedAt?: number
  /** From here on no process may miss it. */
  bindsAt?: number
  window: Window
}

export function judge(played: readonly Played[], { staleMs, ttlMs }: Rules): Judged {
  const versions = new Map<string, Version>()
  const owed: Owed[] = []
  const boundAt = new Map<Key, number>()
  const begun = new Map<Key, number[]>()
  const unresolved = new Map<Key, { at: number; dies: boolean; killed: boolean }[]>()
  const own = new Floors()
  const [deleteMs, above]: [number[], string[]] = [[], []]
  let [writes, hits] = [0, 0]
  const reads: ReadSeen[] = []

  for (const { process, lines, killedAt } of played) {
    const trusts = lines.flatMap(line => (line[0] === 'trust' ? [line[1]] : []))
    const open = new Map<number, { keys: readonly Key[]; at: number; diesAt?: number; failed?: boolean }>()
    for (const line of lines) {
      if (line[0] === 'begin') open.set(line[1], { at: line[2], keys: line[3] })
      else if (line[0] === 'dies') {
        const write = open.get(line[1])
        if (write !== undefined) write.diesAt = line[2]
      } else if (line[0] === 'invalidated') deleteMs.push((line[3] - line[2]) / 1000)
      else if (line[0] === 'end') {
        const [, op, at, queuedAt, made] = line
        const write = open.get(op)
        open.delete(op)
        writes++
        const settled = queuedAt === 0 ? at : trusts.find(time => time > queuedAt)
        for (const [key, version] of made) {
          push(begun, key, write?.at ?? at)
          own.of(`${process} ${key}`).add(at, version)
          const bindsAt =
            settled === undefined ? killedAt && killedAt + 1000 * (ttlMs + LOAD_MS) : Math.max(at, settled)
          versions.set(`${key} ${version}`, {
            acknowledgedAt: at,
            ...(bindsAt !== undefined && { bindsAt }),
            window: queuedAt === 0 ? 'between COMMIT and DEL' : 'in the journal',
          })
          if (settled !== undefined) boundAt.set(key, Math.max(bindsAt ?? 0, boundAt.get(key) ?? 0))
          else if (killedAt !== undefined)
            owed.push({ process, key, at: killedAt, cause: 'writer killed with the DEL in its journal' })
        }
      } else if (line[0] === 'error') {
        const write = open.get(line[5])
        if (write !== undefined) write.failed = true
      } else if (line[0] === 'read') {
        const [, from, at, query, key, value, hit] = line
        if (hit) hits++
        if (typeof value !== 'number' || value >= NEVER_COMMITTED) {
          above.push(`${process} ${query} ${key}: ${value}`)
        }
        if (typeof value === 'number') reads.push({ process, from, at, query, key, value })
      }
    }
    // They may be committed or not. Where one is, the database has a version that no write has answered.
    for (const { keys, at, diesAt, failed } of open.values()) {
      for (const key of keys) {
        push(begun, key, at)
        const isKilled = killedAt !== undefined && failed !== true
        push(unresolved, key, {
          at: diesAt ?? (isKilled ? killedAt : at),
          dies: diesAt !== undefined,
          killed: isKilled,
        })
        if (!isKilled) continue
        const cause = diesAt === undefined ? 'writer killed in its write' : 'writer killed between COMMIT and DEL'
        owed.push({ process, key, at: diesAt ?? killedAt, cause })
      }
    }
  }
  for (const times of begun.values()) times.sort((a, b) => a - b)
  explainUnanswered(versions, unresolved, reads, ttlMs)

  const facts = { versions, own, staleMs }
  const below: Below[] = []
  const byEnd = reads.toSorted((a, b) => a.at - b.at)
  const seen = new Map<Key, { value: number; at: number }[]>()
  let ended = 0
  for (const read of reads.toSorted((a, b) => a.from - b.from)) {
    const { process, from, at, key, value } = read
    for (; (byEnd[ended] as ReadSeen).at < from; ended++) {
      const { key: of, value: got, at: gotAt } = byEnd[ended] as ReadSeen
      const highest = seen.get(of)?.at(-1)
      if (highest === undefined || highest.value < got) push(seen, of, { value: got, at: gotAt })
    }
    if (value > countBy(begun.get(key) ?? [], at)) above.push(`${process} ${read.query} ${key}: ${value} was not begun`)
    const older = olderThanAcknowledged(read, facts)
    if (older !== undefined) below.push(older)
    const known = seen.get(key) ?? []
    const highest = known.at(-1)
    if (highest === undefined || highest.value <= value) continue
    const first = known.find(one => one.value > value) as { value: number; at: number }
    below.push({
      ...described(read, 'went back', highest.value, from - first.at),
      window: windowOf(read, highest.value, facts),
    })
  }
  return { reads: reads.length, hits, writes, below, above, deleteMs, owed, boundAt }
}

interface Facts {
  readonly versions: ReadonlyMap<string, Version>
  readonly own: Floors
  readonly staleMs: number
}

/** Versions go up by one, so the first that is missed is the next. */
function olderThanAcknowledged(read: ReadSeen, facts: Facts): Below | undefined {
  let [since, known] = [Number.POSITIVE_INFINITY, 0]
  for (let version = read.value + 1; ; version++) {
    const of = facts.versions.get(`${read.key} ${version}`)
    if (of === undefined) break
    const { acknowledgedAt } = of
    if (acknowledgedAt === undefined || acknowledgedAt >= read.from) continue
    known = version
    since = Math.min(since, acknowledgedAt)
  }
  if (known === 0) return undefined
  return {
    ...described(read, 'older than acknowledged', known, read.from - since),
    window: windowOf(read, known, facts),
  }
}

/** Undefined: one of the versions that were missed, up to the one that was known, should have been seen. */
function windowOf(read: ReadSeen, known: number, { versions, own, staleMs }: Facts): Window | undefined {
  const { process, from, key, value } = read
  // Its own writes a process sees always.
  if (own.of(`${process} ${key}`).by(from) > value) return undefined
  const windows = new Set<Window>()
  for (let version = value + 1; version <= known; version++) {
    const { bindsAt, window } = versions.get(`${key} ${version}`) ?? { window: 'outcome unknown' as const }
    const isBound = bindsAt !== undefined && bindsAt < from
    if (isBound && bindsAt < from - 1000 * staleMs) return undefined
    windows.add(isBound ? 'near cache' : window)
  }
  const order: Window[] = ['writer killed there', 'in the journal', 'outcome unknown', 'near cache']
  return order.find(window => windows.has(window)) ?? 'between COMMIT and DEL'
}

/**
 * Versions that no write has answered belong to the writes without an answer, in the order of their time: a process that dies
 * between COMMIT and `DEL` has just committed.
 */
function explainUnanswered(
  versions: Map<string, Version>,
  unresolved: ReadonlyMap<Key, { at: number; dies: boolean; killed: boolean }[]>,
  reads: readonly ReadSeen[],
  ttlMs: number,
): void {
  const highest = new Map<Key, number>()
  for (const name of versions.keys()) {
    const [key, version] = name.split(' ') as [string, string]
    highest.set(key, Math.max(highest.get(key) ?? 0, Number(version)))
  }
  for (const { key, value } of reads) highest.set(key, Math.max(highest.get(key) ?? 0, value))
  for (const [key, most] of highest) {
    const writes = (unresolved.get(key) ?? []).toSorted((a, b) => a.at - b.at)
    const exact = writes.every(({ dies }) => dies)
    const lastKill = Math.max(...writes.map(({ at }) => at))
    for (let version = 1; version <= most; version++) {
      if (versions.has(`${key} ${version}`)) continue
      const write = exact ? writes.shift() : writes[0]
      // Where it is not known which of them it was, the last sets the bound.
      const from = exact ? write?.at : lastKill
      const killed = exact || writes.every(one => one.killed)
      versions.set(`${key} ${version}`, {
        ...(killed && from !== undefined && { bindsAt: from + 1000 * (ttlMs + LOAD_MS) }),
        window: killed ? 'writer killed there' : 'outcome unknown',
      })
    }
  }
}

function described({ process, query, key, value }: ReadSeen, kind: Below['kind'], known: number, us: number) {
  return { kind, process, query, key, value, known, ms: us / 1000 }
}

export function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key)
  if (values === undefined) map.set(key, [value])
  else values.push(value)
}

/** How many of the sorted times are up to this one. */
function countBy(times: readonly number[], time: number): number {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] as number) <= time) low = middle + 1
    else high = middle
  }
  return low
}

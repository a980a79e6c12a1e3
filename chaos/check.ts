/**
 * Judges the histories. A read that starts after a write whose invalidation was acknowledged returns that write or a newer
 * one, or, with a near cache, what was so `staleMs` before; in the process of the writer, acknowledged or not. Nothing is read that was never written or never committed.
 */
import { Floors } from './floors.js'
import type { Key, Line, Value } from './history.js'
import { NEVER_COMMITTED } from './workload.js'

export interface Told {
  /** `slot.incarnation` */
  readonly process: string
  readonly lines: readonly Line[]
  /** How old an answer may be, in ms. Default: 0. */
  readonly staleMs?: number | undefined
}

export interface WrongAnswer {
  readonly process: string
  readonly kind: string
  readonly key: Key
  readonly value: Value
  readonly hit: boolean
  readonly at: number
  readonly why: string
}

export interface Rejection {
  readonly process: string
  readonly kind: string
  readonly what: string
  readonly from: number
  readonly to: number
}

/** A write that may have left something behind: begun and not ended, or its `DEL` in the journal. */
export interface Loose {
  readonly process: string
  readonly key: Key
  readonly cause: 'no answer' | 'in the journal'
  readonly at: number
}

export interface Verdict {
  readonly reads: number
  readonly hits: number
  readonly writes: number
  readonly queued: number
  readonly wrong: readonly WrongAnswer[]
  readonly rejections: readonly Rejection[]
  readonly loose: readonly Loose[]
  /** When each key was last written with an acknowledged invalidation. */
  readonly acknowledgedAt: ReadonlyMap<Key, number>
  /** In µs: of hits, of other reads through the cache, and of reads without it. */
  readonly latencies: Readonly<Record<'hit' | 'miss' | 'plain', readonly number[]>>
}

interface State {
  readonly number: number
  readonly value: Value
  readonly begun: number
}

export function check(histories: readonly Told[]): Verdict {
  const floors = new Floors()
  const states = new Map<Key, State[]>()
  const loose: Loose[] = []
  const rejections: Rejection[] = []
  const acknowledgedAt = new Map<Key, number>()
  let [writes, queued] = [0, 0]

  for (const { process, lines } of histories) {
    const trusts = lines.flatMap(line => (line[0] === 'trust' ? [line[1]] : []))
    const begun = new Map<number, { keys: readonly Key[]; at: number }>()
    for (const line of lines) {
      if (line[0] === 'begin') {
        const [, op, at, keys, number, value] = line
        begun.set(op, { keys, at })
        for (const key of keys) {
          if (number === undefined) continue
          const of = states.get(key) ?? []
          states.set(key, of)
          of.push({ number, value: value ?? null, begun: at })
        }
      } else if (line[0] === 'end') {
        const [, op, at, queuedAt, versions] = line
        const { keys } = begun.get(op) as { keys: readonly Key[] }
        begun.delete(op)
        writes++
        // Acknowledged at once, or when this process trusted Redis again; or never.
        const settled = queuedAt === 0 ? at : trusts.find(time => time > queuedAt)
        if (queuedAt !== 0) queued++
        if (settled === undefined) {
          for (const key of keys) loose.push({ process, key, cause: 'in the journal', at })
        }
        for (const [key, version] of versions) {
          floors.of(`${process} ${key}`).add(at, version)
          if (settled === undefined) continue
          const acknowledged = Math.max(at, settled)
          floors.of(key).add(acknowledged, version)
          acknowledgedAt.set(key, Math.max(acknowledged, acknowledgedAt.get(key) ?? 0))
        }
      } else if (line[0] === 'error') {
        const [, from, to, kind, what, op, queuedAt] = line
        rejections.push({ process, kind, what, from, to })
        const write = begun.get(op)
        begun.delete(op)
        if (write === undefined || queuedAt === 0 || trusts.some(time => time > queuedAt)) continue
        for (const key of write.keys) loose.push({ process, key, cause: 'in the journal', at: to })
      }
    }
    for (const { keys, at } of begun.values())
      for (const key of keys) loose.push({ process, key, cause: 'no answer', at })
  }

  const wrong: WrongAnswer[] = []
  const latencies: Record<'hit' | 'miss' | 'plain', number[]> = { hit: [], miss: [], plain: [] }
  let [reads, hits] = [0, 0]
  for (const { process, lines, staleMs = 0 } of histories) {
    for (const line of lines) {
      if (line[0] !== 'read') continue
      const [, from, at, kind, key, value, hit, asked] = line
      reads++
      if (hit) hits++
      latencies[kind === 'plain' ? 'plain' : hit ? 'hit' : 'miss'].push(at - from)
      const floor = Math.max(floors.of(key).by(from - 1000 * staleMs), floors.of(`${process} ${key}`).by(from))
      const why = key.startsWith('counter:')
        ? wrongCount(value, floor)
        : wrongState(value, asked ?? undefined, states.get(key) ?? [], floor, at)
      if (why !== undefined) wrong.push({ process, kind, key, value, hit, at, why })
    }
  }
  return { reads, hits, writes, queued, wrong, rejections, loose, acknowledgedAt, latencies }
}

function wrongCount(value: Value, floor: number): string | undefined {
  if (typeof value !== 'number') return 'the row is there, and was not found'
  if (value >= NEVER_COMMITTED) return 'was never committed'
  return value < floor ? `${floor} was acknowledged before` : undefined
}

/** @param asked - the unique by which the row was looked for: in all other states there is no such row */
function wrongState(
  value: Value,
  asked: string | undefined,
  states: readonly State[],
  floor: number,
  at: number,
): string | undefined {
  // Before the first state there is no row.
  const possible = [{ number: 0, value: null, begun: 0 }, ...states].filter(
    ({ number, begun }) => number >= floor && begun <= at,
  )
  const fits = possible.some(state => value === (asked === undefined || state.value === asked ? state.value : null))
  if (fits) return undefined
  return `state ${floor} was acknowledged before; possible were ${possible.map(state => state.value).join(', ')}`
}

/** The script `CHECK_IN` (`fleet/fleet.ts`), line by line: what a process says of itself, and learns of the others. */
import type { Lua } from './lua.js'
import type { Reply } from './resp.js'

interface Version {
  readonly last: number
  readonly since?: unknown
  readonly plan?: string | undefined
  readonly settings?: string | undefined
}

interface FleetText {
  readonly source: string
  readonly until?: unknown
  readonly watched?: unknown
  readonly reporters?: unknown
  readonly versions: Readonly<Record<string, unknown>>
}

export function checkIn({ keys: [key], argv, call }: Lua): Reply {
  const [source = '', digest = '', leaseMs, rememberedMs, keptMs, replaces, knowledge = '', ...more] = argv.map(String)
  const [settings, id = '', ...known] = more
  const [seconds, microseconds] = call('TIME') as readonly Buffer[]
  const now = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
  const lease = Number(leaseMs)
  let fleet = fleetOf(call('GET', key))
  let until = numberOf(fleet.until) ?? 0
  let versions = versionsOf(fleet)
  const owner = fleet.source
  if (source !== '' && owner !== source) {
    if (until > now) return [bytes('foreign'), bytes(owner)]
    if (replaces !== `=${owner}`) return [bytes('vacant'), bytes(owner)]
    fleet = { source, versions: {} }
    until = 0
    versions = new Map()
  }
  let own: Version = versions.get(digest) ?? { last: 0 }
  const before = own.last
  const watched = Math.max((numberOf(fleet.watched) ?? 0) - now, 0)
  if (knowledge !== '') {
    own = { ...own, plan: knowledge, ...(own.last <= now && { since: now }), last: now + lease }
  }
  const isOurs = own.last > now && own.plan !== undefined
  if (isOurs) {
    own = { ...own, last: now + lease, settings }
    versions.set(digest, own)
    if (source !== '') until = now + lease
    if (watched > 0) fleet = { ...fleet, reporters: { ...reportersOf(fleet), [id]: now + lease } }
  }
  const others: Reply[] = []
  for (const [name, other] of versions) {
    if (name === digest) continue
    if (other.last + Number(rememberedMs) < now) {
      versions.delete(name)
      continue
    }
    const kept: Version = other.last + Number(keptMs) < now ? { ...other, plan: undefined } : other
    versions.set(name, kept)
    others.push(bytes(name), kept.last > now ? 1 : 0, bytes(known.includes(name) ? '' : (kept.plan ?? '')))
  }
  if (isOurs) {
    const text = JSON.stringify({ ...fleet, until, versions: Object.fromEntries(versions) })
    call('SET', key, text, 'PX', rememberedMs)
  }
  const age = isOurs ? now - (numberOf(own.since) ?? now) : before
  return [bytes(isOurs ? 'ours' : 'new'), bytes(owner), age, watched, ...others]
}

/** What is stored; nothing, where that is no fleet. */
function fleetOf(stored: Reply): FleetText {
  try {
    const fleet = JSON.parse(stored instanceof Buffer ? stored.toString() : '') as Partial<FleetText> | null
    if (typeof fleet?.source === 'string' && typeof fleet.versions === 'object' && fleet.versions !== null) {
      return fleet as FleetText
    }
  } catch {
    // It is not JSON.
  }
  return { source: '', versions: {} }
}

function reportersOf({ reporters }: FleetText): object {
  return typeof reporters === 'object' && reporters !== null ? reporters : {}
}

function versionsOf({ versions }: FleetText): Map<string, Version> {
  const isVersion = (version: unknown): version is Version =>
    typeof (version as Partial<Version> | null)?.last === 'number'
  return new Map(Object.entries(versions).flatMap(([name, version]) => (isVersion(version) ? [[name, version]] : [])))
}

/** `tonumber` of Lua. */
function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && !Number.isNaN(number) ? number : undefined
}

const bytes = (text: string) => Buffer.from(text)

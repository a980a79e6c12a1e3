/** What the fleet's key holds (`CHECK_IN` writes it), for the command line. */
import { readSettings, type Settings } from './settings.js'
import { readVersion, type Version } from './versions.js'

/** One version of the schema that uses the keys, or used them. */
export interface StoredVersion {
  readonly digest: string
  readonly isAlive: boolean
  /** When its last sign of life runs out, or ran out, in ms since 1970. */
  readonly last: number
  /** Undefined: it can't be read, or was forgotten. */
  readonly knowledge: Version | undefined
  /** Of the process that left the last sign of life. */
  readonly settings: Settings | undefined
}

export interface StoredFleet {
  /** The database and Postgres schema that the entries are of; empty: not known. */
  readonly source: string
  /** Whether a process of that source has been there within the last 40 s. */
  readonly isLeased: boolean
  readonly versions: readonly StoredVersion[]
  /** Processes that report, by id. */
  readonly reporters: readonly string[]
}

interface Text {
  readonly source?: unknown
  readonly until?: unknown
  readonly versions?: Readonly<Record<string, { last?: unknown; plan?: unknown; settings?: unknown } | undefined>>
  readonly reporters?: Readonly<Record<string, unknown>>
}

/** @param now - by the clock of Redis */
export function readFleet(text: string, now: number): StoredFleet | undefined {
  try {
    const { source, until, versions = {}, reporters = {} } = JSON.parse(text) as Text
    return {
      source: typeof source === 'string' ? source : '',
      isLeased: Number(until) > now,
      versions: Object.entries(versions).map(([digest, version]) => ({
        digest,
        last: Number(version?.last),
        isAlive: Number(version?.last) > now,
        knowledge: typeof version?.plan === 'string' ? readVersion(digest, version.plan) : undefined,
        settings: typeof version?.settings === 'string' ? readSettings(version.settings) : undefined,
      })),
      reporters: Object.entries(reporters).flatMap(([id, end]) => (Number(end) > now ? [id] : [])),
    }
  } catch {
    return undefined
  }
}

/**
 * Leaves word in the fleet that somebody watches. Answers 0 when there is no fleet.
 *
 * KEYS[1] the fleet · ARGV[1] for how many ms
 */
export const WATCH = `local text, time = redis.call('GET', KEYS[1]), redis.call('TIME')
if not text then return 0 end
local fleet = cjson.decode(text)
fleet.watched = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])
redis.call('SET', KEYS[1], cjson.encode(fleet), 'KEEPTTL')
return 1`

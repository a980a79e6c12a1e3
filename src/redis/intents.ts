/**
 * What strict mode puts into Redis: before a commit the intent of its writer, a line in the holds of the models, and after it the script that
 * takes the line away (`wire/intents.ts` has the lines, `scripts.ts` the scripts). In between, reads of the keys go to the database
 * and fill nothing, in every process.
 *
 * # How a writer that dies leaves nothing stale
 *
 * 1. The intent deletes what is cached, and with it the tokens of all loads that are in progress: none of them can fill.
 * 2. A read that looks up later sees the line, and fills nothing. One that takes a token asks for the holds behind it: either it sees the line, or
 *    the intent comes later and deletes the token.
 * 3. The writer commits, and dies. The line stays until it ends, longer than a commit can take. Only then entries come back, from
 *    loads that see the commit.
 */
import { complete, guardOf, hasToken, newToken, type Token } from '../wire/envelope.js'
import { intendedKeys } from '../wire/intents.js'
import type { Invalidation } from '../wire/keys.js'
import type { Command } from './command.js'
import { INTEND, RELEASE } from './scripts.js'

/** Of one write, or one transaction. */
export interface Intent extends Invalidation {
  /** Whose lines these are: no other writer has the same. */
  readonly member: string
  /** Undefined: no row is stored when it is released. */
  readonly through?: IntendedRow | undefined
}

/** Of a write-through. */
export interface IntendedRow {
  /** A key that every other write to the row deletes: that of the row, or of the epoch of all writes. */
  readonly guard: string
  readonly token: Token
  /** The key of the epoch that the row will be stamped with. */
  readonly epoch: string
}

/** What Redis says to an intent. */
export interface Intended {
  readonly isSet: boolean
  /** The epoch for a write-through, by bucket. */
  readonly stamps: readonly (Token | undefined)[]
}

/** What ends an intent. */
export interface Release {
  readonly intent: Intent
  /** The row that was written, sealed; undefined: nothing is stored. */
  readonly row?: WrittenRow | undefined
}

export interface WrittenRow {
  readonly key: string
  readonly entry: Buffer
  readonly ttlMs: number
  readonly graceMs: number
}

export interface IntentTimes {
  readonly lifeMs: number
  /** Of a new epoch. */
  readonly epochMs: number
}

export function intentOf({ member, holds, keys, through }: Intent, { lifeMs, epochMs }: IntentTimes): Command {
  const named = through === undefined ? keys : [...keys, through.guard, through.epoch]
  const texts = [holds.length, member, Math.ceil(lifeMs), intendedKeys(keys)]
  return [
    'eval',
    INTEND,
    holds.length + named.length,
    ...holds,
    ...named,
    ...texts,
    through?.token ?? '',
    newToken(),
    Math.ceil(epochMs),
  ]
}

export function intended(reply: unknown): Intended {
  if (!(reply instanceof Buffer)) return { isSet: Number(reply) === 1, stamps: [] }
  return { isSet: true, stamps: [hasToken(reply) ? reply : undefined] }
}

/**
 * @param keys - that are stale
 * @param now - by the clock of Redis
 */
export function releaseOf({ intent, row }: Release, keys: readonly string[], now: number): Command {
  const { holds, member, through } = intent
  const isStored = row !== undefined && through !== undefined
  const named = isStored ? [...keys, through.guard, row.key] : keys
  const written = isStored
    ? [
        complete(row.entry, { expiresAt: now + row.ttlMs, loadMs: 0, graceMs: row.graceMs }),
        guardOf(through.token),
        Math.ceil(row.ttlMs + row.graceMs),
      ]
    : ['', '', 0]
  return ['eval', RELEASE, holds.length + named.length, ...holds, ...named, holds.length, member, ...written]
}

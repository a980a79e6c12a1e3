/** Two versions of a random schema, and the database that serves both. Everything follows from the seed. */
import { type Dice, diceOf, numbersFrom } from '../dice.js'
import type { Blueprint } from '../schemas/blueprint.js'
import { clientsOf, Refused } from '../schemas/client.js'
import { blueprintOf } from '../schemas/generate.js'
import { prismaText, sqlOf } from '../schemas/text.js'
import { CHANGES, type Changed, KINDS } from './changes.js'
import { copyOf } from './copy.js'

export const VERSIONS = ['old', 'new'] as const
export type VersionName = (typeof VERSIONS)[number]

/** How the versions come and go. */
export const DEPLOYS = ['side by side', 'in the middle', 'rollback'] as const
export type Deploy = (typeof DEPLOYS)[number]
/** Most pairs run side by side, where most is compared. */
const OFTEN_OF_DEPLOYS: readonly Deploy[] = ['side by side', ...DEPLOYS]

export interface PairChange extends Changed {
  readonly kind: string
  readonly of: VersionName
}

export interface Pair {
  readonly seed: number
  readonly old: Blueprint
  readonly new: Blueprint
  readonly sql: readonly string[]
  readonly changes: readonly PairChange[]
  readonly deploy: Deploy
}

const ATTEMPTS = 200

/** In most pairs: rows that can't be kept, or writes that are mostly refused, say little of versions. */
const UNWANTED = [
  'id: citext',
  'id: date',
  'id: DateTime',
  'id: timestamptz',
  'id: collation',
  'id: none',
  'id: single, named',
  'model that is not cached',
  'type: collation',
  'names: ',
  'blanks',
  'other spellings',
]
const PLAIN = 75

/** One kind of change comes with each seed, in turns. */
export function pairOf(seed: number): Pair {
  const wanted = KINDS[seed % KINDS.length] as string
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const d = diceOf(numbersFrom(seed * 15_485_863 + attempt * 7, 4001))
    const pair = tried(blueprintOf(seed + attempt * 100_003, d.chance(PLAIN) ? UNWANTED : []), seed, wanted, d)
    if (pair !== undefined) return pair
  }
  throw new Error(`--seed ${seed}: no schema for "${wanted}" in ${ATTEMPTS}`)
}

function tried(base: Blueprint, seed: number, wanted: string, d: Dice): Pair | undefined {
  const versions = { old: copyOf(base), new: copyOf(base) }
  const changes: PairChange[] = []
  const sql = sqlOf(base)
  for (let n = 0, count = d([1, 1, 2, 2, 3]); n < count; n++) {
    const of = d(VERSIONS)
    const kind = n === 0 ? wanted : d(KINDS)
    const changed = versions[of]
    const copy = copyOf(changed)
    const what = CHANGES[kind]?.(copy, d)
    if (what === undefined || !isAccepted(copy)) {
      if (n === 0) return undefined
      continue
    }
    versions[of] = copy
    changes.push({ ...what, kind, of })
    sql.push(...(what.sql ?? []))
  }
  return { seed, ...versions, sql, changes, deploy: deployOf(changes, d) }
}

/** A version may know less of the database than the other one only while it knows of that one. */
function deployOf(changes: readonly PairChange[], d: Dice): Deploy {
  const deploy = d(OFTEN_OF_DEPLOYS)
  const left = { 'side by side': undefined, 'in the middle': 'old', rollback: 'new' }[deploy]
  return changes.some(({ of, knowsLess }) => of === left && knowsLess === true) ? 'side by side' : deploy
}

function isAccepted(blueprint: Blueprint): boolean {
  try {
    clientsOf(prismaText(blueprint), blueprint.preview)
    return true
  } catch (error) {
    if (error instanceof Refused) return false
    throw error
  }
}

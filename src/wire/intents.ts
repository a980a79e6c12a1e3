/**
 * What is stored at a hold. `1`: a write of unknown outcome holds the whole model. Otherwise there is a line for each writer in strict
 * mode that is about to commit: its name, until when it counts by the clock of Redis, and the keys that it makes stale. An older
 * version of this package takes that for a hold of the whole model.
 *
 *     k3JxVw 1795867200000 User:42 {User}@any
 */

/** What a hold keeps from being cached: all of the model, or these keys. */
export type Held = 'all' | ReadonlySet<string>

/** Stands for all keys of the model. */
const ALL = '*'
/** Each read of the model gets the line: a writer of more keys holds the whole model. */
const MOST_KEYS = 50

/** The keys of a writer as its line has them. */
export function intendedKeys(keys: readonly string[]): string {
  return keys.length > MOST_KEYS ? ALL : keys.join(' ')
}

export function heldBy(holds: readonly (Buffer | null)[]): Held | undefined {
  let keys: Set<string> | undefined
  for (const hold of holds) {
    if (hold === null) continue
    for (const line of String(hold).split('\n')) {
      const [, until, ...held] = line.split(' ')
      if (until === undefined || held.includes(ALL)) return 'all'
      keys ??= new Set()
      for (const key of held) keys.add(key)
    }
  }
  return keys
}

/**
 * Whether nothing may be read from the entry or stored there. An entry that is there and is stamped with an epoch that no writer intends to delete is
 * not concerned by what else they intend.
 *
 * @param key - of the entry; undefined: it is not known yet
 */
export function isHeld(held: Held | undefined, key: string | undefined, epochs: readonly string[]): boolean {
  if (held === undefined || held === 'all') return held !== undefined
  return (key !== undefined && held.has(key)) || (epochs.length > 0 && epochs.every(epoch => held.has(epoch)))
}

export function isHeldEpoch(held: Held | undefined, epoch: string): boolean {
  return held === 'all' || held?.has(epoch) === true
}

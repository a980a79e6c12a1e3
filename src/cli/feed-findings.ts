/** How the change feed is: what the database says of its slot, and when it was heard of last. */
import type { Slot } from '../feed/control.js'
import { bad, type Finding, note, ok } from './finding.js'
import { bytes, duration } from './print.js'

/** A slot of that much, and no feed that reads it. */
const MUCH_BYTES = 1024 ** 3
/** A feed that is alive says so four times a second. */
const ALIVE_MS = 5_000

export function slotFinding(
  name: string,
  slot: Pick<Slot, 'isActive' | 'isLost' | 'retainedBytes'> | undefined,
): Finding {
  if (slot === undefined) return bad('slot', `there is no ${name}`, 'Run prisma-extension-cache-aside feed')
  if (slot.isLost) {
    return bad('slot', `${name} was lost: the server has removed what it needs`, 'A feed that starts makes a new one')
  }
  const keeps = `the server keeps ${bytes(slot.retainedBytes)} of WAL for it`
  if (slot.isActive) return ok('slot', `${name} is read; ${keeps}`)
  const remedy = 'Run prisma-extension-cache-aside feed, or feed teardown if it is not needed any more'
  return slot.retainedBytes > MUCH_BYTES
    ? bad('slot', `${name} is read by no feed; ${keeps}`, remedy)
    : note('slot', `${name} is read by no feed; ${keeps}`, remedy)
}

export function signFinding(ageMs: number | undefined): Finding {
  if (ageMs === undefined) return bad('feed', 'no feed has left a sign of life in Redis', 'Is the prefix right?')
  const says = `all that was committed ${duration(ageMs)} ago is invalidated`
  return ageMs < ALIVE_MS ? ok('feed', says) : bad('feed', says, 'It does not run, or is that far behind')
}

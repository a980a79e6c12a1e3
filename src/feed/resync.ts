/** When everything has to be invalidated: changes may have been missed. */
import { type Lsn, lsnOf } from './lsn.js'
import type { FeedState } from './state.js'

/** Why changes may have been missed; undefined: they were not. */
export function whyResync(
  left: FeedState | undefined,
  now: Pick<FeedState, 'slot' | 'source' | 'tables'> & { readonly confirmed: Lsn },
  done: readonly string[],
): string | undefined {
  if (done.some(sql => sql.includes('pg_create_logical_replication_slot'))) {
    return 'the slot is new: what was committed before it is not in it'
  }
  if (left === undefined) return 'no feed has left in Redis how far it was'
  if (left.slot !== now.slot) return `the last feed used another slot, ${left.slot}`
  if (lsnOf(left.done) < now.confirmed)
    return 'the slot is further than the last feed was: it was made anew, or read by another program'
  const isPublished = !done.some(sql => sql.includes('PUBLICATION'))
  if (!isPublished || now.tables.some(table => !left.tables.includes(table))) return 'tables were not published'
  return left.source === now.source ? undefined : 'another server has taken over, or the database was restored'
}

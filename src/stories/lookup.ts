/** What Redis says about a row, by its key or by way of a pointer. */
import type { Row } from '../wire/codec.js'
import { Kind, kindOf, PAYLOAD_AT, stampedWith, textOf } from '../wire/envelope.js'
import { ANY, ROWS } from '../wire/keys.js'
import type { Lookup } from '../plan/query.js'
import type { Seen, Store } from '../redis/store.js'

export interface Looked {
  /** The row, or that there is none. */
  readonly found: Row | 'absent' | undefined
  /** What stands at the row's key; undefined: Redis is out of reach. */
  readonly seen: Seen | undefined
  /** The row's key, as far as it is known before a load. */
  readonly rowKey: string | undefined
}

const OUT_OF_REACH: Looked = { found: undefined, seen: undefined, rowKey: undefined }

/**
 * One round trip by primary key, two by another unique.
 *
 * @param places - of the fields that are needed; undefined for all
 * @param atRow - called when the row's key is known, in the tick in which the row is looked up
 */
export function lookUp(
  store: Store,
  lookup: Lookup,
  deadline: number,
  places?: readonly number[],
  atRow?: (rowKey: string) => void,
): Promise<Looked> {
  const { model, by, identity, key } = lookup
  if (by !== identity) return lookUpByPointer(store, lookup, deadline, atRow)
  atRow?.(key)
  const read = (seen: Seen | undefined) =>
    seen === undefined ? OUT_OF_REACH : { found: rowOf(lookup, seen, places), seen, rowKey: key }
  return store.look(key, model.keys, deadline, read, 'token')
}

async function lookUpByPointer(
  store: Store,
  lookup: Lookup,
  deadline: number,
  atRow?: (rowKey: string) => void,
): Promise<Looked> {
  const { model, by, key } = lookup
  const seen = await store.look(key, model.keys, deadline, found => found)
  if (seen === undefined) return OUT_OF_REACH
  const pointed = pointerOf(lookup, seen)
  if (pointed === 'absent') return { found: pointed, seen, rowKey: undefined }
  if (pointed === undefined) return { found: undefined, seen: { ...seen, entry: null }, rowKey: undefined }
  const rowKey = model.keys.row(pointed)
  atRow?.(rowKey)
  return store.look(rowKey, model.keys, deadline, seenRow => {
    if (seenRow === undefined) return OUT_OF_REACH
    const row = rowOf(lookup, seenRow)
    // A pointer proves itself: the row it leads to must have exactly the value that was asked for.
    const proven = row !== undefined && row !== 'absent' && by.idOf(row) === lookup.id
    return { found: proven ? row : undefined, seen: seenRow, rowKey }
  })
}

function rowOf(
  { cached }: Lookup,
  { entry, epochs, held }: Seen,
  places?: readonly number[],
): Row | 'absent' | undefined {
  const { codec } = cached
  if (entry === null || held) return undefined
  const kind = kindOf(entry, codec.fingerprint)
  if (kind === undefined) return undefined
  const epoch = kind === Kind.row ? epochs[ROWS] : epochs[ANY]
  if (epoch === null || epoch === undefined || !stampedWith(entry, epoch)) return undefined
  if (kind === Kind.absent) return 'absent'
  if (kind !== Kind.row && kind !== Kind.rowUnderAny) return undefined
  return codec.decode(entry, PAYLOAD_AT, places)
}

function pointerOf({ cached }: Lookup, { entry, epochs, held }: Seen): string | undefined {
  if (entry === null || held) return undefined
  const kind = kindOf(entry, cached.codec.fingerprint)
  if (kind === Kind.pointer) return textOf(entry)
  const any = epochs[ANY]
  return kind === Kind.absent && any !== null && any !== undefined && stampedWith(entry, any) ? 'absent' : undefined
}

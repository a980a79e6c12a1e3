/** What Redis says about a row, by its key or by way of a pointer. */
import type { Row } from '../wire/rows.js'
import { Kind, verifiedKind, PAYLOAD_AT, hasStamp, textOf } from '../wire/envelope.js'
import { EVERY_WRITE, UNNAMED_WRITES } from '../wire/keys.js'
import type { Lookup } from '../plan/read.js'
import type { Snapshot } from '../redis/batches.js'
import type { Store } from '../redis/store.js'

export interface Looked {
  /** The row, or that there is none. */
  readonly found: Row | 'absent' | undefined
  /** What stands at the row's key; undefined: Redis is out of reach. */
  readonly seen: Snapshot | undefined
  /** The row's key, as far as it is known before a load. */
  readonly rowKey: string | undefined
}

const OUT_OF_REACH: Looked = { found: undefined, seen: undefined, rowKey: undefined }

/**
 * One round trip by primary key, and by another unique that led this process to a row before; else two.
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
  const { model, by, identity, id, key } = lookup
  const at = (rowId: string): Promise<Looked> => {
    const rowKey = by === identity ? key : model.keys.row(rowId)
    atRow?.(rowKey)
    const read = (seen: Snapshot | undefined) => {
      if (seen === undefined) return OUT_OF_REACH
      const found = rowOf(lookup, seen, places)
      if (by === identity) return { found, seen, rowKey }
      // Whoever named it, the row has to prove itself: it must have exactly the value that was asked for.
      const proven = found !== undefined && found !== 'absent' && by.idOf(found) === id
      if (proven) store.ledTo.set(key, rowId)
      else store.ledTo.delete(key)
      return { found: proven ? found : undefined, seen, rowKey }
    }
    return store.lookUp(rowKey, model.keys, deadline, read, 'token')
  }
  const rowId = by === identity ? id : store.ledTo.get(key)
  return rowId === undefined ? lookUpByPointer(store, lookup, deadline, at) : at(rowId)
}

/** @param at - looks at the row of an id */
async function lookUpByPointer(
  store: Store,
  lookup: Lookup,
  deadline: number,
  at: (rowId: string) => Promise<Looked>,
): Promise<Looked> {
  const { model, key } = lookup
  const seen = await store.lookUp(key, model.keys, deadline, found => found)
  if (seen === undefined) return OUT_OF_REACH
  const pointed = pointerOf(lookup, seen)
  if (pointed === 'absent') return { found: pointed, seen, rowKey: undefined }
  if (pointed === undefined) return { found: undefined, seen: { ...seen, entry: null }, rowKey: undefined }
  return at(pointed)
}

function rowOf(
  { cached }: Lookup,
  { entry, epochs, held }: Snapshot,
  places?: readonly number[],
): Row | 'absent' | undefined {
  const { codec } = cached
  if (entry === null || held) return undefined
  const kind = verifiedKind(entry, codec.fingerprint)
  if (kind === undefined) return undefined
  const epoch = kind === Kind.row ? epochs[UNNAMED_WRITES] : epochs[EVERY_WRITE]
  if (epoch === null || epoch === undefined || !hasStamp(entry, epoch)) return undefined
  if (kind === Kind.absent) return 'absent'
  if (kind !== Kind.row && kind !== Kind.rowUnderAny) return undefined
  return codec.decode(entry, PAYLOAD_AT, places)
}

function pointerOf({ cached }: Lookup, { entry, epochs, held }: Snapshot): string | undefined {
  if (entry === null || held) return undefined
  const kind = verifiedKind(entry, cached.codec.fingerprint)
  if (kind === Kind.pointer) return textOf(entry)
  const any = epochs[EVERY_WRITE]
  return kind === Kind.absent && any !== null && any !== undefined && hasStamp(entry, any) ? 'absent' : undefined
}

/** What Redis says about a row, by its key or by way of a pointer. */
import type { Row } from '../wire/codec.js'
import { Kind, kindOf, PAYLOAD_AT, stampedWith, textOf } from '../wire/envelope.js'
import { ANY, ROWS } from '../wire/keys.js'
import type { RowRead } from '../plan/query.js'
import type { Seen, Store } from '../redis/store.js'

export interface Looked {
  /** The row as it may be served (with all its fields if it has to be looked at first), or that there is none. */
  readonly found: Row | 'absent' | undefined
  /** What stands at the row's key; undefined: Redis is out of reach. */
  readonly seen: Seen | undefined
  /** The row's key, as far as it is known before a load. */
  readonly rowKey: string | undefined
}

const OUT_OF_REACH: Looked = { found: undefined, seen: undefined, rowKey: undefined }

/** One round trip by primary key, two by another unique. */
export async function lookUp(store: Store, read: RowRead, deadline: number): Promise<Looked> {
  const { keys } = read.model
  const seen = await store.look(read.key, keys, deadline)
  if (seen === undefined) return OUT_OF_REACH
  if (read.by === read.identity) return { found: rowOf(read, seen), seen, rowKey: read.key }

  const pointed = pointerOf(read, seen)
  if (pointed === 'absent') return { found: pointed, seen, rowKey: undefined }
  if (pointed === undefined) return { found: undefined, seen: { ...seen, entry: null }, rowKey: undefined }
  const rowKey = keys.row(pointed)
  const seenRow = await store.look(rowKey, keys, deadline)
  if (seenRow === undefined) return OUT_OF_REACH
  const row = rowOf(read, seenRow)
  // A pointer proves itself: the row it leads to must have exactly the value that was asked for.
  const proven = row !== undefined && row !== 'absent' && read.by.idOf(row) === read.id
  return { found: proven ? row : undefined, seen: seenRow, rowKey }
}

/** Whether the whole row is needed before it can be served. */
export function isLookedAt(read: RowRead): boolean {
  return read.by !== read.identity || read.filters.length > 0
}

function rowOf(read: RowRead, { entry, epochs, held }: Seen): Row | 'absent' | undefined {
  const { codec } = read.cached
  if (entry === null || held) return undefined
  const kind = kindOf(entry, codec.fingerprint)
  if (kind === undefined) return undefined
  const epoch = kind === Kind.row ? epochs[ROWS] : epochs[ANY]
  if (epoch === null || epoch === undefined || !stampedWith(entry, epoch)) return undefined
  if (kind === Kind.absent) return 'absent'
  if (kind !== Kind.row && kind !== Kind.rowUnderAny) return undefined
  return codec.decode(entry, PAYLOAD_AT, isLookedAt(read) ? undefined : read.places)
}

function pointerOf({ cached }: RowRead, { entry, epochs, held }: Seen): string | undefined {
  if (entry === null || held) return undefined
  const kind = kindOf(entry, cached.codec.fingerprint)
  if (kind === Kind.pointer) return textOf(entry)
  const any = epochs[ANY]
  return kind === Kind.absent && any !== null && any !== undefined && stampedWith(entry, any) ? 'absent' : undefined
}

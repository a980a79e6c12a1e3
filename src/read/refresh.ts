/**
 * A load in the background: ahead of the expiry of an entry, or while it is served past its TTL. It is the load of any read, under
 * tokens from before it, so that a write that comes between leaves nothing of it. Others go on reading the old entry meanwhile.
 */
import type { Events } from '../events.js'
import type { Flight, Flights } from '../local/flights.js'
import type { LoadWaits } from '../local/load-waits.js'
import type { Refreshes } from '../local/refreshes.js'
import type { AnyStore } from '../redis/cluster-store.js'
import type { Deadline } from '../redis/deadline.js'

/** What is used of a reading. */
interface Reloaded<Found, Tokens, Loaded, Shared> {
  readonly model: string
  readonly operation: string
  readonly key: string
  readonly flightKey: string
  lookUp(deadline: Deadline): Promise<Found>
  answer(found: Found): { readonly kind: string }
  acquire(found: Found, deadline: Deadline, flight: Flight<Shared>): Promise<Tokens> | Tokens
  query(flight: Flight<Shared>): Promise<Loaded>
  fillAndShare(found: Found, tokens: Tokens, loaded: Loaded, loadMs: number): Shared | undefined
}

interface ReloadContext<Shared> {
  readonly store: AnyStore
  readonly events: Events
  readonly flights: Flights<Shared>
  readonly loadWaits: LoadWaits
}

interface RefreshContext<Shared> extends ReloadContext<Shared> {
  readonly refreshes: Refreshes
}

/** Begins a refresh of what a read has found due, unless another load of it is in progress. */
export function refreshLater<Found, Tokens, Loaded, Shared>(
  context: RefreshContext<Shared>,
  reading: Reloaded<Found, Tokens, Loaded, Shared>,
  { due }: Deadline,
): void {
  if (due === undefined) return
  const { refreshes, events } = context
  refreshes.begin({
    key: due.key,
    run: () => refresh(context, reading, due.until),
    failed: error => events.refreshFailed(reading, error),
  })
}

/**
 * Loads and fills anew, unless it was done meanwhile.
 *
 * @param until - the entries that end by then are loaded
 */
export async function refresh<Found, Tokens, Loaded, Shared>(
  context: ReloadContext<Shared>,
  reading: Reloaded<Found, Tokens, Loaded, Shared>,
  until: number,
): Promise<void> {
  const deadline = refreshDeadline(context.store, until)
  await reload(context, reading, await reading.lookUp(deadline), deadline)
}

/** Of a look-up that takes entries for missing that end until then. */
export function refreshDeadline(store: Pick<AnyStore, 'deadline'>, until: number): Deadline {
  const deadline = store.deadline()
  deadline.reloadsUntil = until
  return deadline
}

/** Loads what was not found, unless a load is in progress. */
export async function reload<Found, Tokens, Loaded, Shared>(
  { events, flights, loadWaits }: ReloadContext<Shared>,
  reading: Reloaded<Found, Tokens, Loaded, Shared>,
  found: Found,
  deadline: Deadline,
): Promise<void> {
  if (reading.answer(found).kind !== 'miss' || flights.inProgress(reading.flightKey) !== undefined) return
  const began = performance.now()
  const flight = flights.begin(reading.flightKey)
  let shared: Shared | undefined
  try {
    const tokens = await reading.acquire(found, deadline, flight)
    flight.close()
    const queriedAt = performance.now()
    const loaded = await reading.query(flight)
    const loadMs = performance.now() - queriedAt
    loadWaits.took(reading.model, loadMs)
    shared = reading.fillAndShare(found, tokens, loaded, loadMs)
  } finally {
    loadWaits.over(reading.key)
    flight.end(shared)
  }
  events.refreshed(reading, performance.now() - began)
}

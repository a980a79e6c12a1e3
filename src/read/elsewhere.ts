/**
 * The load of another process: its token is at the key, so what it fills will be there before long. It is waited for; what it has filled
 * is read and checked like any other entry.
 */
import type { LoadWaits } from '../local/load-waits.js'
import type { AnyStore } from '../redis/cluster-store.js'
import type { Deadline } from '../redis/deadline.js'
import type { Ticket } from '../redis/ticket.js'

export interface Elsewhere<Tokens> {
  /** The token of the process that is loading; undefined: none is. */
  loaderOf(tokens: Tokens): string | undefined
  /** Takes its place, unless another process has. */
  takeOver(tokens: Tokens): Promise<Tokens>
}

/** @param key - that the ticket is for */
export function elsewhere(store: AnyStore, key: string): Elsewhere<Ticket | undefined> {
  return {
    loaderOf: ticket => (ticket?.isLoadedElsewhere === true ? ticket.entry?.toString('latin1') : undefined),
    takeOver: async ticket => ticket && store.takeOver(key, ticket),
  }
}

/** What is used of a reading. */
interface Waiter<Found, Tokens, Flight> {
  readonly key: string
  readonly model: string
  readonly elsewhere?: Elsewhere<Tokens> | undefined
  lookUp(deadline: Deadline): Promise<Found>
  answer(found: Found): { readonly kind: string; readonly value?: unknown }
  acquire(found: Found, deadline: Deadline, flight: Flight): Promise<Tokens> | Tokens
}

/** What it has filled; or, where that was waited for in vain, what was found and taken since. */
interface Outcome<Found, Tokens> {
  readonly answer?: { readonly value?: unknown }
  readonly found?: Found
  readonly tokens: Tokens
}

/**
 * Waits as long as another process is loading.
 *
 * @param taken - the tokens that this reader has
 * @returns undefined where there is nothing to wait for
 */
export async function loadElsewhere<Found, Tokens, Flight>(
  { store, loadWaits }: { readonly store: AnyStore; readonly loadWaits: LoadWaits },
  reading: Waiter<Found, Tokens, Flight>,
  taken: Tokens,
  flight: Flight,
): Promise<Outcome<Found, Tokens> | undefined> {
  const { elsewhere: other } = reading
  if (other?.loaderOf(taken) === undefined) return undefined
  let tokens = taken
  let found: Found | undefined
  for (;;) {
    const loader = other.loaderOf(tokens)
    if (loader === undefined) break
    const next = await loadWaits.next(reading, loader)
    if (next === 'load') break
    if (next === 'take over') {
      tokens = await other.takeOver(tokens)
      if (other.loaderOf(tokens) === undefined) break
    }
    const deadline = store.deadline()
    found = await reading.lookUp(deadline)
    const answer = reading.answer(found)
    if (answer.kind === 'hit') return { answer, tokens }
    tokens = await reading.acquire(found, deadline, flight)
  }
  return { ...(found !== undefined && { found }), tokens }
}

/** Guards, turned off one at a time: a run without one of them has to go red, or a green run says nothing. */
import { Connection } from '../src/redis/connection.js'
import type { ServerInfo } from '../src/redis/server-info.js'
import type { Overrides } from '../src/assemble.js'
import { Health } from '../src/redis/health.js'
import { NearCache } from '../src/redis/near-cache.js'
import { Store } from '../src/redis/store.js'
import type { FillOptions } from '../src/redis/ticket.js'
import type { Invalidation } from '../src/wire/keys.js'

export type Guard = 'journal' | 'run_id' | 'hold' | 'token' | 'near' | 'intent'

/** Invalidations that were not acknowledged are forgotten, and said to be done. */
class NoJournal extends Health {
  override queue(): void {}
}

/** Every server is taken for the one that we know. */
class AnyServer extends Connection {
  override async server(ms: number): Promise<ServerInfo | undefined> {
    const real = await super.server(ms)
    return real && { ...real, identity: 'same' }
  }
}

/** A write of unknown outcome invalidates at once, and never again. */
class NoHold extends Store {
  override invalidate({ keys }: Invalidation): Promise<'done' | 'queued'> {
    return super.invalidate({ holds: [], keys })
  }
}

/** A load stores what it read, whatever was invalidated meanwhile. */
class NoToken extends Store {
  override fill(key: string, entry: Buffer, options: FillOptions): void {
    super.fill(key, entry, { ...options, guard: 'none' })
  }
}

/** Writes in strict mode without an intent. */
class NoIntent extends Store {
  override async intend(): ReturnType<Store['intend']> {
    return { isSet: true, stamps: [] }
  }
}

/** A near cache that hears nothing of what others have changed. */
class DeafNearCache extends NearCache {
  protected override changed(): void {}
}

export const WITHOUT: Record<Guard, Partial<Overrides>> = {
  journal: { Health: NoJournal },
  run_id: { Connection: AnyServer },
  hold: { Store: NoHold },
  token: { Store: NoToken },
  intent: { Store: NoIntent },
  near: { nearParts: { NearCache: DeafNearCache } },
}

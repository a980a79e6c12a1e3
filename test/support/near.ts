/** Processes with a near cache, whose connections a test can reach. */
import { expect } from 'vitest'
import type { Overrides } from '../../src/assemble.js'
import type { CacheAsideOptions } from '../../src/index.js'
import type { NearParts } from '../../src/redis/near-caches.js'
import { TrackedPair } from '../../src/redis/tracked-pair.js'
import type { World } from './world.js'

type Role = Parameters<TrackedPair['connection']>[0]

/** Ports that connections of a role go to, in place of the server's. */
export type Detours = { [Of in Role]?: number }

export interface Pairs {
  readonly parts: Partial<NearParts>
  /** The last that was opened. */
  readonly last: () => TrackedPair
  readonly count: () => number
  /** Resolves when all that had changed before was told. */
  readonly heard: () => Promise<void>
}

/** Knows the pairs of connections that are made. */
export function pairs(Pair: typeof TrackedPair = TrackedPair, detours: Detours = {}): Pairs {
  const made: TrackedPair[] = []
  class Known extends Pair {
    constructor(...of: ConstructorParameters<typeof TrackedPair>) {
      super(...of)
      made.push(this)
    }

    override connection(role: Role) {
      const connection = super.connection(role)
      const port = detours[role]
      if (port !== undefined) connection.options.port = port
      return connection
    }
  }
  return {
    parts: { TrackedPair: Known },
    last: () => made.at(-1) as TrackedPair,
    count: () => made.length,
    async heard() {
      await Promise.all(made.filter(pair => !pair.isLost).map(pair => pair.heard().catch(() => undefined)))
    },
  }
}

interface NearProcessOptions {
  readonly Pair?: typeof TrackedPair
  readonly Near?: NearParts['NearCache']
  readonly detours?: Detours
  readonly parts?: Partial<Overrides>
  /** `false`: other clients of this process are what they are, and not other processes. */
  readonly isAlone?: boolean
}

/** A process with a near cache. */
export function nearProcess(
  world: World,
  options: Partial<CacheAsideOptions> = {},
  { Pair, Near, detours, parts, isAlone = true }: NearProcessOptions = {},
) {
  const known = pairs(Pair, detours)
  const nearParts = { isAlone, ...known.parts, ...(Near && { NearCache: Near }) }
  const cached = world.process({ near: true, ...options }, { parts: { ...parts, nearParts } })
  const answered = () => cached.prisma.$cache.stats().near?.answered ?? 0
  return {
    cached,
    pairs: known,
    answered,
    /** Runs a read until it is answered without a round trip, and answers what it said last. */
    async kept<T>(read: () => PromiseLike<T>): Promise<T> {
      let value: T | undefined
      await expect
        .poll(async () => {
          const { result, events } = await cached.prisma.$cache.trace(async () => read())
          await cached.flushed()
          value = result
          return events
            .map(event => ('roundTrips' in event ? event.roundTrips : undefined))
            .filter(trips => trips !== 0)
        })
        .toEqual([])
      return value as T
    },
  }
}

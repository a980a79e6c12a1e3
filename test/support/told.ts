/** Near caches of tests that are not about them. */
import type { Overrides } from '../../src/assemble.js'
import { Connection } from '../../src/redis/connection.js'
import { TrackedPair } from '../../src/redis/tracked-pair.js'

/** All pairs of this process that tests have opened. */
const opened = new Set<TrackedPair>()

/** Resolves when all near caches of this process were told of what had changed before. */
export async function allHeard(): Promise<void> {
  const alive = [...opened].filter(pair => !pair.isLost)
  await Promise.all(alive.map(pair => pair.heard().catch(() => undefined)))
}

class OpenedPair extends TrackedPair {
  constructor(...of: ConstructorParameters<typeof TrackedPair>) {
    super(...of)
    opened.add(this)
  }

  override lose(): void {
    opened.delete(this)
    super.lose()
  }
}

/** A write has ended when all near caches of this process were told of it: then tests of what is read next hold with them, too. */
class ToldConnection extends Connection {
  override async del(...of: Parameters<Connection['del']>): Promise<boolean> {
    const isDone = await super.del(...of)
    await allHeard()
    return isDone
  }
}

/** Of processes with a near cache, whose writes the others have been told of when they end. */
export const TOLD: Partial<Overrides> = {
  Connection: ToldConnection,
  nearParts: { TrackedPair: OpenedPair, isAlone: true },
}

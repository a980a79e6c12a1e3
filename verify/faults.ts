/** What goes wrong in a round: nothing, the writer's death at the one moment that counts, or a fault of `npm run chaos`. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { FAULT_NAMES, Nemesis, type FaultName as ChaosFault } from '../chaos/nemesis.js'
import { clientOf } from '../chaos/place.js'
import type { Stage } from '../chaos/stage.js'
import type { Ground } from '../chaos/workload.js'
import type { Fault as ModelFault } from '../test/model/state.js'
import type { Random } from '../test/support/random.js'

export const NONE = 'none'
export const KILLED = 'writer killed between COMMIT and DEL'
/** Every invalidation that is sent meanwhile: none arrives, and the journal does not know. Only strict mode makes up for that. */
export const LOST = 'invalidations lost, without a trace'
/** Entries, epochs and tokens, at any moment. Not holds: those are small, and have a TTL of their own. */
export const EVICTED = 'entries and epochs evicted'
export type FaultName = typeof NONE | typeof KILLED | typeof LOST | typeof EVICTED | ChaosFault

export const ALL_FAULTS: readonly FaultName[] = [NONE, KILLED, LOST, EVICTED, ...FAULT_NAMES.single]

/** What each of them is in the model of the protocol (`test/model/state.ts`). */
export function modelFaultOf(fault: FaultName): ModelFault | 'none' {
  switch (fault) {
    case KILLED:
    case 'a process killed':
      return 'crash'
    case LOST:
      return 'lost DEL'
    case EVICTED:
      return 'eviction'
    case 'database: replies lost, then cut':
      return 'unknown outcome'
    // Intents and holds are gone as well.
    case 'Redis killed, back empty':
    case 'Redis killed, back from an old snapshot':
    case 'Redis flushed':
    case 'Redis evicting':
      return 'intent expiry'
    default:
      // Without an answer of Redis a write in strict mode is refused, and any other is in the journal.
      return 'none'
  }
}

/** What is looked at where nothing else is said. */
export function faultsOf(isStrict: boolean): readonly FaultName[] {
  return isStrict ? [...FAULTS.slice(0, 2), LOST, ...FAULTS.slice(2)] : FAULTS
}

/** Of each kind the ones that say most; the others by `--fault`. */
export const FAULTS: readonly FaultName[] = [
  NONE,
  KILLED,
  EVICTED,
  'a process killed',
  'database: slow',
  'database: replies lost, then cut',
  'network: partition',
  'network: requests late',
  'network: replies late',
  'Redis stopped (SIGSTOP)',
  'Redis killed, back empty',
  'Redis killed, back from an old snapshot',
]

interface Scene {
  readonly stage: Stage
  readonly random: Random
  readonly ground: Ground
}

/**
 * A process commits a write of one of the rows, and is gone before its `DEL` is sent.
 *
 * @returns starts another one in its place
 */
export async function killWriter({ stage, random, ground }: Scene): Promise<() => Promise<void>> {
  const slot = random.pick(stage.slots)
  const { child, tell } = slot.process
  const gone = once(child, 'exit')
  tell({ type: 'die', ground })
  await gone
  return () => stage.replace(slot, random.below(2 ** 31))
}

async function evict({ address, prefix }: Stage, until: number): Promise<void> {
  const redis = clientOf(address)
  try {
    while (performance.now() < until) {
      const keys = (await redis.keys(`${prefix}*`)).filter(key => !/@(?:hold|fleet)$/.test(key))
      if (keys.length > 0) await redis.del(keys)
      await sleep(30)
    }
  } finally {
    redis.disconnect()
  }
}

/** Causes the fault again and again, until the time is over and it has been undone. */
export async function inject(fault: FaultName, scene: Scene, seconds: number): Promise<void> {
  const until = performance.now() + 1000 * seconds
  if (fault === NONE) {
    await sleep(1000 * seconds)
    return
  }
  if (fault === LOST) {
    for (const { process: one } of scene.stage.slots) one.tell({ type: 'lose', isLosing: true })
    await sleep(1000 * seconds)
    for (const { process: one } of scene.stage.slots) one.tell({ type: 'lose', isLosing: false })
    return
  }
  if (fault === EVICTED) return evict(scene.stage, until)
  if (fault === KILLED) {
    while (performance.now() < until) {
      await sleep(scene.random.between(200, 800))
      const revive = await killWriter(scene)
      await revive()
    }
    return
  }
  const nemesis = new Nemesis(scene, [fault])
  const chaos = nemesis.run()
  await Promise.race([sleep(1000 * seconds), chaos])
  nemesis.end()
  await chaos
}

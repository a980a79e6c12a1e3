/** What goes wrong in a round: nothing, the writer's death at the one moment that counts, or a fault of `npm run chaos`. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { FAULT_NAMES, Nemesis, type FaultName as ChaosFault } from '../chaos/nemesis.js'
import type { Stage } from '../chaos/stage.js'
import type { Ground } from '../chaos/workload.js'
import type { Random } from '../test/support/random.js'

export const NONE = 'none'
export const KILLED = 'writer killed between COMMIT and DEL'
export type FaultName = typeof NONE | typeof KILLED | ChaosFault

export const ALL_FAULTS: readonly FaultName[] = [NONE, KILLED, ...FAULT_NAMES.single]

/** Of each kind the ones that say most; the others by `--fault`. */
export const FAULTS: readonly FaultName[] = [
  NONE,
  KILLED,
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

/** Causes the fault again and again, until the time is over and it has been undone. */
export async function inject(fault: FaultName, scene: Scene, seconds: number): Promise<void> {
  const until = performance.now() + 1000 * seconds
  if (fault === NONE) {
    await sleep(1000 * seconds)
    return
  }
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

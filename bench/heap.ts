/** What the process holds after many reads: its heap after a forced garbage collection, at each tenth. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { IN_FLIGHT } from './measure.js'

export interface Held {
  readonly reads: number
  /** In MB. */
  readonly heap: number
}

export async function heldHeap(read: (i: number) => PromiseLike<unknown>, count: number): Promise<Held[]> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const held: Held[] = []
  let next = 0
  for (let tenth = 1; tenth <= 10; tenth++) {
    const until = (count / 10) * tenth
    const worker = async () => {
      while (next < until) await read(next++)
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
    collect()
    collect()
    held.push({ reads: next, heap: process.memoryUsage().heapUsed / 2 ** 20 })
  }
  return held
}

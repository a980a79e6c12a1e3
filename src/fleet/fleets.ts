/** Who else uses the keys, on a Cluster: each bucket has signs of life of its own. */
import type { WriteTrace } from '../plan/effects.js'
import type { ReadPlan } from '../plan/read.js'
import type { Fleet } from './fleet.js'

/** What reads and writes use of a fleet. */
export interface AnyFleet extends Pick<Fleet, 'others' | 'check' | 'isOpen' | 'touch'> {
  alsoStale(write: WriteTrace, bucket: number): readonly string[]
}

export class Fleets implements AnyFleet {
  readonly #fleets: readonly Fleet[]

  /** @param fleets - of each bucket */
  constructor(fleets: readonly Fleet[]) {
    this.#fleets = fleets
  }

  get others(): number {
    return Math.max(...this.#fleets.map(({ others }) => others))
  }

  check(plan: ReadPlan): ReadPlan {
    let checked = plan
    for (const fleet of this.#fleets) checked = fleet.check(checked)
    return checked
  }

  isOpen(models: readonly string[]): boolean {
    return this.#fleets.every(fleet => fleet.isOpen(models))
  }

  alsoStale(write: WriteTrace, bucket: number): readonly string[] {
    return (this.#fleets[bucket] as Fleet).alsoStale(write)
  }

  touch(): void {
    for (const fleet of this.#fleets) fleet.touch()
  }
}

/** A store that knows the moment between COMMIT and `DEL`: it measures it, and can end the process there. */
import type { Store } from '../src/redis/store.js'

export interface Moment {
  /** The answer to COMMIT is there, the `DEL` is not sent. */
  readonly begins: () => void
  /** Whether the `DEL` is lost, without an answer that says so. */
  readonly isLost: boolean
  /** Redis has acknowledged the `DEL`. */
  readonly ends: () => void
}

/** @param moment - of the write that runs where it is called */
export function dyingStore(Base: typeof Store, moment: () => Moment): typeof Store {
  return class DyingStore extends Base {
    override async invalidate(...args: Parameters<Store['invalidate']>): ReturnType<Store['invalidate']> {
      const { begins, ends, isLost } = moment()
      begins()
      if (isLost) return 'done'
      const outcome = await super.invalidate(...args)
      if (outcome === 'done') ends()
      return outcome
    }
  }
}

/** Why a query goes to the database; thrown while it is planned, caught by `planRead`. */
export class Bypass {
  readonly kind = 'bypass'
  readonly why: string

  constructor(why: string) {
    this.why = why
  }
}

/** @throws Bypass, which is no `Error`: its stack is never used, and taking one costs more than the plan */
export function bypass(why: string): never {
  // oxlint-disable-next-line typescript/only-throw-error
  throw new Bypass(why)
}

export const TURNED_OFF = 'the cache is turned off'

/** The reason given while the database has not answered. */
export const NOT_KNOWN = 'the database has not said yet which one it is'

/** The reason given when the cache is behind Prisma's extension for read replicas. */
export const READ_REPLICAS =
  'read replicas were applied before the cache, and send reads to other clients: apply the cache first'

/** The reason given when query hooks run behind the cache. */
export const HOOKS_BEHIND =
  'an extension with query hooks was applied after the cache: apply it before, or set hooksBehind'

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

/** The reason given when query hooks run behind the cache. */
export const HOOKS_BEHIND =
  'an extension with query hooks was applied after the cache: apply it before, or set hooksBehind'

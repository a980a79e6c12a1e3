/**
 * Plans of rows by one value, `{ where: { id: 42 } }`: a hot row is read over and over, and to plan such a read takes a good part of
 * the time of a hit in the near cache. Used for the look-up alone: what is handed to Prisma is planned anew from the caller's args.
 */
import { isPlain } from '../plan/args.js'
import { type CachedPlan, isRowRead } from '../plan/read.js'
import type { RowRead } from '../plan/rows.js'

/** Of all methods of a client together. Then all are forgotten. */
const LIMIT = 5_000

type Value = string | number | bigint
type ByField = Map<string, Map<Value, RowRead>>

export class AllKnownPlans {
  readonly #each = new Set<ByField>()
  #count = 0

  /** Those of one method. */
  of(operation: string): KnownPlans | undefined {
    if (!isRowRead(operation)) return undefined
    const plans: ByField = new Map()
    this.#each.add(plans)
    return new KnownPlans(plans, () => this.#added())
  }

  #added(): void {
    if (++this.#count <= LIMIT) return
    this.#count = 0
    for (const plans of this.#each) plans.clear()
  }
}

export class KnownPlans {
  readonly #plans: ByField
  readonly #added: () => void

  constructor(plans: ByField, added: () => void) {
    this.#plans = plans
    this.#added = added
  }

  find(args: object): RowRead | undefined {
    const field = onlyMember(args, 'where')
    const plan = field === undefined ? undefined : this.#plans.get(field.name)?.get(field.value)
    // It may have turned out since that the database takes other spellings for the same.
    return plan?.by.isExact() === true ? plan : undefined
  }

  remember(args: object, plan: CachedPlan): void {
    if (plan.kind !== 'row' || plan.tree !== undefined) return
    const field = onlyMember(args, 'where')
    if (field === undefined) return
    let ofField = this.#plans.get(field.name)
    if (ofField === undefined) this.#plans.set(field.name, (ofField = new Map()))
    ofField.set(field.value, plan)
    this.#added()
  }
}

/** The one member of `args[outer]`, where there is nothing else in `args`, and it is a value that can't change. */
function onlyMember(args: object, outer: string): { readonly name: string; readonly value: Value } | undefined {
  let inner: unknown
  for (const name in args) {
    if (name !== outer) return undefined
    inner = (args as Record<string, unknown>)[name]
  }
  if (!isPlain(inner)) return undefined
  let only: string | undefined
  for (const name in inner) {
    if (only !== undefined) return undefined
    only = name
  }
  if (only === undefined) return undefined
  const value = inner[only]
  return typeof value === 'number' || typeof value === 'string' || typeof value === 'bigint'
    ? { name: only, value }
    : undefined
}

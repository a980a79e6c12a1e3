/** A read of a model as the front runs it: looked up first, and handed on to Prisma's own method unless the answer is there. */
import type { Context } from '../context.js'
import type { QueryConfig } from '../options.js'
import { isPlain } from '../plan/args.js'
import { namesCallSite, type PrismaPromise } from '../prisma7/calls.js'
import { type FirstLook, lookUp } from '../read/first-look.js'
import type { CachedPlan } from '../plan/read.js'
import type { RowRead } from '../plan/rows.js'
import { asOfNow, isSettled, planOf } from '../read/model-read.js'
import { copyOf } from './copy.js'
import type { FrontClient } from './front-client.js'
import type { KnownPlans } from './known-plans.js'

/** What a query is, for Prisma. */
interface Own {
  /** The caller's args, as they were when the query began. */
  readonly args: Record<string, unknown>
  readonly plan: CachedPlan
}

/** A look-up that is under way. */
export class PendingLook implements Omit<FirstLook, 'plan'> {
  readonly context: Context
  /** For the look-up, and the answer to it. */
  readonly plan: CachedPlan
  readonly deadline: FirstLook['deadline']
  readonly times: FirstLook['times']
  readonly found: Promise<unknown>
  readonly #own: () => Own
  #made: Own | undefined

  constructor(context: Context, plan: CachedPlan, own: () => Own) {
    this.context = context
    this.plan = plan
    this.times = context.events.times()
    this.deadline = context.store.deadline()
    this.found = lookUp(context, plan, this.deadline)
    this.#own = own
  }

  /** For all else than the look-up. */
  get own(): Own {
    return (this.#made ??= this.#own())
  }
}

export class Method {
  readonly operation: string
  /** Prisma's own method. */
  readonly call: (args: unknown) => PrismaPromise
  /** Whether Prisma has to be called when the application calls, because its errors say where that was. */
  readonly isEager: boolean
  readonly #model: string
  readonly #of: FrontClient
  readonly #hasHooksBehind: boolean
  readonly #query: QueryConfig | undefined
  readonly #known: KnownPlans | undefined

  /** @param query - what `$cached` says of it */
  constructor(
    of: FrontClient,
    model: string,
    operation: string,
    call: (args: unknown) => PrismaPromise,
    query: QueryConfig | undefined,
  ) {
    this.operation = operation
    this.call = call
    this.isEager = namesCallSite(of.client)
    this.#model = model
    this.#of = of
    this.#query = query
    this.#hasHooksBehind = of.hasHooksBehind(model, operation)
    // Tags are a part of the plan.
    this.#known = query === undefined ? of.knownPlans.of(operation) : undefined
  }

  /** Begins the look-up; undefined where the query is Prisma's from the beginning. */
  look(args: unknown): PendingLook | undefined {
    const of = this.#of
    const query = this.#query
    const context = query === undefined ? of.session.context : of.session.context?.for(query)
    if (context === undefined || !context.enabled || !isSettled(context) || of.isTraced) return undefined
    if (this.#hasHooksBehind && !context.hooksAreSameForAll) return undefined
    if (args !== undefined && !isPlain(args)) return undefined
    try {
      const known = args === undefined ? undefined : this.#known?.find(args)
      return known === undefined ? this.#planned(context, copyOf(args ?? {})) : this.#again(context, known)
    } catch {
      // The hook says what is wrong with these args.
      return undefined
    }
  }

  #planned(context: Context, args: Record<string, unknown>): PendingLook | undefined {
    const of = this.#of
    const plan = planOf(context, of.traits, this.#model, this.operation, args)
    if (plan.kind === 'bypass' || of.computes(plan.models)) return undefined
    this.#known?.remember(args, plan)
    return new PendingLook(context, plan, () => ({ args, plan }))
  }

  /** The same read as one before. What Prisma and its hooks are handed, they may change, so it is made anew. */
  #again(context: Context, known: RowRead): PendingLook | undefined {
    const of = this.#of
    const plan = asOfNow(context, known)
    if (plan.kind === 'bypass' || of.computes(plan.models)) return undefined
    return new PendingLook(context, plan, () => {
      const args = { where: { ...known.where } }
      const own = planOf(context, of.traits, this.#model, this.operation, args)
      return { args, plan: own.kind === 'bypass' ? plan : own }
    })
  }
}

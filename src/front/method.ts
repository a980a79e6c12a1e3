/** A read of a model as the front runs it: looked up first, and handed on to Prisma's own method unless the answer is there. */
import type { Context } from '../context.js'
import type { QueryConfig } from '../options.js'
import { isPlain } from '../plan/args.js'
import { namesCallSite, type PrismaPromise } from '../prisma7/calls.js'
import { type FirstLook, lookUp } from '../read/first-look.js'
import { isSettled, planOf } from '../read/model-read.js'
import { copyOf } from './copy.js'
import type { FrontClient } from './front-client.js'

/** A look-up that is under way. */
export interface PendingLook extends Omit<FirstLook, 'found'> {
  readonly context: Context
  /** As they were when the query began. */
  readonly args: Record<string, unknown>
  readonly found: Promise<unknown>
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
      const times = context.events.times()
      const own = copyOf(args ?? {})
      const plan = planOf(context, of.traits, this.#model, this.operation, own)
      if (plan.kind === 'bypass' || of.computes(plan.models)) return undefined
      const deadline = context.store.deadline()
      return { context, plan, args: own, deadline, times, found: lookUp(context, plan, deadline) }
    } catch {
      // The hook says what is wrong with these args.
      return undefined
    }
  }
}

/** The extended client that a front is of: what may be answered before Prisma is called, and why not the rest. */
import { Memo } from '../memo.js'
import { type CachedPlan, isRead } from '../plan/read.js'
import type { ClientTraits } from '../plan/selection.js'
import { detourBefore, hooksOf, memberOf, relationsOf, tracingOf } from '../prisma7/calls.js'
import { ComputedFields } from '../prisma7/client.js'
import type { Session } from '../session.js'
import { AllKnownPlans } from './known-plans.js'

/** A model's member of the client. */
export interface ModelShape {
  /** Prisma's own. */
  readonly own: object
  /** Reads that may be answered in the front. */
  readonly operations: readonly string[]
  /** The methods of a fluent call. */
  readonly relations: readonly string[]
}

export class FrontClient {
  readonly session: Session
  readonly traits: ClientTraits
  readonly knownPlans = new AllKnownPlans()
  readonly #hook: object
  readonly #shapes = new Memo<ModelShape>()
  #client: object | undefined
  #computed: ComputedFields | undefined
  #isTraced: (() => boolean) | undefined

  /** @param hook - the query hook of the cache, which the front goes before */
  constructor(session: Session, traits: ClientTraits, hook: object) {
    this.session = session
    this.traits = traits
    this.#hook = hook
  }

  /** The client is made with members that have to know of it. */
  set client(client: object) {
    this.#client = client
  }

  get client(): object {
    return this.#client as object
  }

  /** Which methods of a model may be answered in the front. */
  shapeOf(model: string): ModelShape {
    return this.#shapes.of(model, () => {
      const own = (this.client as Record<string, object>)[memberOf(model)] as object
      const relations = relationsOf(this.client, model)
      // Prisma, too, would take a relation of such a name for that.
      const isConfusing = relations.some(
        name => name in Promise.prototype || name === 'requestTransaction' || name === 'spec',
      )
      const operations = isConfusing
        ? []
        : Object.keys(own).filter(name => isRead(name) && this.whyNever(model, name) === undefined)
      return { own, operations, relations }
    })
  }

  /** Why reads by this method never are in the front; undefined: they may be. */
  whyNever(model: string, operation: string): string | undefined {
    if (!this.session.hasFront) return 'the option front is false'
    return detourBefore(this.#hook, this.client, model, operation)
  }

  /** Why this read is not in the front, with the client as it is now. */
  whyNot(model: string, operation: string, { models }: CachedPlan): string | undefined {
    const never = this.whyNever(model, operation)
    if (never !== undefined) return never
    if (this.isTraced) return 'tracing is switched on'
    return this.computes(models) ? 'the result has computed fields' : undefined
  }

  /** Whether query hooks that are not ours run behind the cache. */
  hasHooksBehind(model: string, operation: string): boolean {
    return this.session.hasHooksBehind(hooksOf(this.client, model, operation), this.#hook)
  }

  /** Whether a span of Prisma's would be missed. Tracing may be switched on at any time. */
  get isTraced(): boolean {
    this.#isTraced ??= tracingOf(this.client)
    return this.#isTraced()
  }

  /** Whether Prisma has fields to compute in rows of these models. */
  computes(models: readonly string[]): boolean {
    this.#computed ??= ComputedFields.of(this.client, [...this.session.catalog.keys()])
    const computed = this.#computed
    return !computed.isEmpty && models.some(name => computed.hasAny(name))
  }
}

/** The extended client that a front is of: what may be answered before Prisma is called, and why not the rest. */
import type { QueryConfig } from '../options.js'
import type { CachedPlan } from '../plan/read.js'
import type { ClientTraits } from '../plan/selection.js'
import { detourBefore, hooksOf, tracingOf } from '../prisma7/calls.js'
import { ComputedFields } from '../prisma7/client.js'
import type { Session } from '../session.js'

export class FrontClient {
  readonly session: Session
  readonly traits: ClientTraits
  /** What `$cached` says of its queries. */
  readonly query: QueryConfig | undefined
  readonly #hook: object
  #client: object | undefined
  #computed: ComputedFields | undefined
  #isTraced: (() => boolean) | undefined

  /** @param hook - the query hook of the cache, which the front goes before */
  constructor(session: Session, traits: ClientTraits, hook: object, query?: QueryConfig) {
    this.session = session
    this.traits = traits
    this.query = query
    this.#hook = hook
  }

  /** The client is made with members that have to know of it. */
  set client(client: object) {
    this.#client = client
  }

  get client(): object {
    return this.#client as object
  }

  /** Why reads by this method never are in the front; undefined: they may be. */
  whyNever(model: string, operation: string): string | undefined {
    if (!this.session.hasFront) return 'the option front is false'
    if (this.query?.fresh === true) return 'it reads the database'
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

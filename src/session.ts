/**
 * What the clients of one schema and one driver adapter share. Where the prefix follows from the source, there is no context
 * before the database has told which it is: until then reads go to the database, and what a write has made stale is
 * invalidated later.
 */
import { catalogOf, type Context, createContext, type Overrides } from './assemble.js'
import { Database } from './source/database.js'
import { nameOf } from './errors.js'
import { Events, type Outstanding } from './events.js'
import { type Config, prefixFor } from './options.js'
import type { Catalog } from './plan/catalog.js'
import { type ClientFacts, hasHooksBehind } from './prisma7/client.js'

export class Session {
  readonly events: Events
  readonly database: Database
  /** Whether hooks that may depend on the user run behind a hook of ours. */
  readonly hasHooksBehind: typeof hasHooksBehind
  /** Of the models; its keys lack the prefix while that is not known. */
  #catalog: Catalog
  #context: Context | undefined
  #enabled: boolean
  #closed = false

  /** @throws CacheAsideError `INVALID_MODEL` */
  constructor(config: Config, facts: Pick<ClientFacts, 'schema' | 'door'>, parts: Partial<Overrides>) {
    this.events = new Events(config.includeKeys)
    this.database = Database.of(facts.door)
    this.#enabled = config.enabled
    this.hasHooksBehind = config.hooksBehind === 'same-for-all' ? () => false : (parts.hasHooksBehind ?? hasHooksBehind)
    const { prefix } = config
    const create = (known: string) => createContext({ ...config, prefix: known }, facts.schema, this, parts)
    if (typeof prefix === 'string') {
      this.#context = create(prefix)
      this.#catalog = this.#context.catalog
      return
    }
    // Wrong models are an error now, not when the source is known.
    this.#catalog = catalogOf({ ...config, prefix: '' }, facts.schema, this.database)
    this.database.whenKnown(() => {
      if (this.#closed) return
      try {
        this.#context = create(prefixFor(prefix, this.database.facts?.source))
        this.#context.enabled = this.#enabled
      } catch (error) {
        const message = `The function prefix gave no prefix, so nothing is cached: ${nameOf(error)}.`
        this.events.emit({ type: 'error', code: 'PREFIX', message })
      }
    })
  }

  /** Undefined while the prefix is not known. */
  get context(): Context | undefined {
    return this.#context
  }

  get catalog(): Catalog {
    return this.#context?.catalog ?? this.#catalog
  }

  /** Waits for the context, but not for a database that does not answer. */
  async opened(): Promise<Context | undefined> {
    if (this.#context === undefined) await this.database.known()
    return this.#context
  }

  /** Calls back with the context, now or when there is one. */
  whenOpen(then: (context: Context) => void): void {
    this.database.whenKnown(() => this.#context !== undefined && then(this.#context))
  }

  get enabled(): boolean {
    return this.#context?.enabled ?? this.#enabled
  }

  set enabled(enabled: boolean) {
    this.#enabled = enabled
    if (this.#context !== undefined) this.#context.enabled = enabled
  }

  async close(): Promise<Outstanding> {
    this.#closed = true
    return this.#context === undefined ? { pendingInvalidations: 0, openHolds: 0 } : this.#context.close()
  }
}

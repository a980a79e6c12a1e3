/**
 * What the clients of one schema and one driver adapter share. Where the prefix follows from the source, there is no core
 * before the database has told which it is: until then reads go to the database, and what a write has made stale is
 * invalidated later.
 */
import { catalogOf, type Core, createCore, type Parts } from './core.js'
import { Database } from './database.js'
import { nameOf } from './errors.js'
import { Events, type Outstanding } from './events.js'
import { type Config, prefixFor } from './options.js'
import type { Catalog } from './plan/catalog.js'
import { type ClientFacts, hasHooksBehind } from './prisma7.js'

export class Session {
  readonly events: Events
  readonly database: Database
  /** Whether hooks that may depend on the user run behind a hook of ours. */
  readonly hasHooksBehind: typeof hasHooksBehind
  /** Whether what hooks behind the cache do to reads may be kept for all. */
  readonly sameForAll: boolean
  /** Of the models; its keys lack the prefix while that is not known. */
  #catalog: Catalog
  #core: Core | undefined
  #enabled: boolean
  #closed = false

  /** @throws CacheAsideError `INVALID_MODEL` */
  constructor(config: Config, facts: Pick<ClientFacts, 'schema' | 'door'>, parts: Partial<Parts>) {
    this.events = new Events(config.includeKeys)
    this.database = Database.of(facts.door)
    this.#enabled = config.enabled
    this.hasHooksBehind = parts.hasHooksBehind ?? hasHooksBehind
    this.sameForAll = config.hooksBehind === 'same-for-all'
    const { prefix } = config
    const create = (known: string) => createCore({ ...config, prefix: known }, facts.schema, this, parts)
    if (typeof prefix === 'string') {
      this.#core = create(prefix)
      this.#catalog = this.#core.catalog
      return
    }
    // Wrong models are an error now, not when the source is known.
    this.#catalog = catalogOf({ ...config, prefix: '' }, facts.schema, this.database)
    this.database.whenKnown(() => {
      if (this.#closed) return
      try {
        this.#core = create(prefixFor(prefix, this.database.facts?.source))
        this.#core.enabled = this.#enabled
      } catch (error) {
        const message = `The function prefix gave no prefix, so nothing is cached: ${nameOf(error)}.`
        this.events.emit({ type: 'error', code: 'PREFIX', message })
      }
    })
  }

  /** Undefined while the prefix is not known. */
  get core(): Core | undefined {
    return this.#core
  }

  get catalog(): Catalog {
    return this.#core?.catalog ?? this.#catalog
  }

  /** Waits for the core, but not for a database that does not answer. */
  async opened(): Promise<Core | undefined> {
    if (this.#core === undefined) await this.database.known()
    return this.#core
  }

  /** Calls back with the core, now or when there is one. */
  whenOpen(then: (core: Core) => void): void {
    this.database.whenKnown(() => this.#core !== undefined && then(this.#core))
  }

  get enabled(): boolean {
    return this.#core?.enabled ?? this.#enabled
  }

  set enabled(enabled: boolean) {
    this.#enabled = enabled
    if (this.#core !== undefined) this.#core.enabled = enabled
  }

  async close(): Promise<Outstanding> {
    this.#closed = true
    return this.#core === undefined ? { pendingInvalidations: 0, openHolds: 0 } : this.#core.close()
  }
}

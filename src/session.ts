/**
 * A session is shared by the clients of one schema and one driver adapter; it has a context once the prefix is known. Where the prefix follows from the source, there is no context
 * before the database has said which source it is: until then reads go to the database, and what a write has made stale is
 * invalidated later.
 */
import { catalogOf, createContext, type Overrides } from './assemble.js'
import { prefixFor } from './check-options.js'
import { Buckets } from './wire/buckets.js'
import type { Context } from './context.js'
import { nameOf } from './errors.js'
import { Events, type Outstanding } from './events.js'
import { Log } from './log.js'
import type { Config } from './options.js'
import type { Catalog } from './plan/catalog.js'
import { warningsOf } from './plan/check-models.js'
import { memberOf } from './prisma7/calls.js'
import type { ClientFacts } from './prisma7/client.js'
import { hasHooksBehind } from './prisma7/operation.js'
import { Database } from './source/database.js'

/** By adapter: a client with another adapter may read another database, or as another database user. */
export class Sessions {
  readonly #config: Config
  readonly #overrides: Partial<Overrides>
  readonly #byAdapter = new WeakMap<object, Map<string, Session>>()

  constructor(config: Config, overrides: Partial<Overrides>) {
    this.#config = config
    this.#overrides = overrides
  }

  /** @throws CacheAsideError `INVALID_MODEL` */
  of(facts: ClientFacts): Session {
    const { adapter } = facts.database
    const bySchema = this.#byAdapter.get(adapter) ?? new Map<string, Session>()
    this.#byAdapter.set(adapter, bySchema)
    const session = bySchema.get(facts.schemaText) ?? new Session(this.#config, facts, this.#overrides)
    bySchema.set(facts.schemaText, session)
    return session
  }
}

export class Session {
  readonly events: Events
  readonly database: Database
  /** Whether query hooks that are not ours run behind a hook of ours. */
  readonly hasHooksBehind: typeof hasHooksBehind
  /** Whether there is no Redis: then there will be no context. */
  readonly isOff: boolean
  /** Whether reads are looked up before Prisma is called. */
  readonly hasFront: boolean
  /** Its keys have no prefix while the prefix is not known. */
  #catalog: Catalog
  #context: Context | undefined
  #enabled: boolean
  #closed = false
  #members: ReadonlyMap<PropertyKey, string> | undefined

  /** @throws CacheAsideError `INVALID_MODEL` */
  constructor(
    config: Config,
    facts: Pick<ClientFacts, 'schema' | 'Decimal' | 'database'>,
    overrides: Partial<Overrides>,
  ) {
    this.events = new Events(config.includeKeys, new Log(config.log))
    this.database = Database.of(facts.database)
    this.#enabled = config.enabled
    this.hasHooksBehind = overrides.hasHooksBehind ?? hasHooksBehind
    const { prefix, redis } = config
    this.isOff = redis === undefined
    this.hasFront = config.front && !this.isOff
    const create = (known: string) =>
      createContext({ ...config, redis: redis as NonNullable<typeof redis>, prefix: known }, facts, this, overrides)
    if (typeof prefix === 'string' && !this.isOff) {
      this.#context = create(prefix)
      this.#catalog = this.#context.catalog
      this.#warn(config)
      return
    }
    // Wrong models are an error now, not when the source is known.
    this.#catalog = catalogOf(config, new Buckets('', false), facts, this.database)
    this.#warn(config)
    if (typeof prefix === 'string' || this.isOff) return
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

  /** The model that a member of the client stands for. */
  modelOfMember(name: PropertyKey): string | undefined {
    this.#members ??= new Map([...this.#catalog.keys()].map(model => [memberOf(model), model]))
    return this.#members.get(name)
  }

  #warn({ triggers }: Config): void {
    for (const [code, message] of warningsOf(this.#catalog, triggers)) this.events.warn(code, message)
  }

  /** Waits for the context, but not for a database that does not answer. */
  async opened(): Promise<Context | undefined> {
    if (this.#context === undefined && !this.isOff) await this.database.known()
    return this.#context
  }

  /** Calls back with the context, now or when there is one. */
  whenOpen(then: (context: Context) => void): void {
    if (this.isOff) return
    this.database.whenKnown(() => this.#context !== undefined && then(this.#context))
  }

  get enabled(): boolean {
    return this.#context?.enabled ?? this.#enabled
  }

  set enabled(enabled: boolean) {
    this.#enabled = enabled
    if (this.#context !== undefined) this.#context.enabled = enabled
  }

  /** Closes a Redis client that was made for a URL, until it is used again. */
  async rest(): Promise<void> {
    await this.#context?.rest()
  }

  async close(): Promise<Outstanding> {
    this.#closed = true
    this.events.endLog()
    return this.#context === undefined ? { pendingInvalidations: 0, openHolds: 0 } : this.#context.close()
  }
}

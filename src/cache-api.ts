/** `prisma.$cache`: the cache by hand. */
import { checkTags } from './check-options.js'
import { wrongCall } from './check-values.js'
import type { Context } from './context.js'
import { shown } from './errors.js'
import type { CacheEvent, Emit, Outstanding, Stats, Traced } from './events.js'
import type { Scope } from './local/open-transactions.js'
import { HOOKS_BEHIND, NOT_KNOWN, TURNED_OFF } from './plan/bypass.js'
import type { Catalog, CatalogModel } from './plan/catalog.js'
import type { QueryConfig } from './options.js'
import { anyWrite, Effects } from './plan/effects.js'
import { type Explanation, explainRead } from './plan/explain.js'
import { type CachedPlan, isRead } from './plan/read.js'
import type { ClientTraits } from './plan/selection.js'
import { anyWriteTo, outsideWrite, planWrite } from './plan/write.js'
import { checkGetOrSet, getOrSet, type GetOrSetOptions } from './read/get-or-set.js'
import { planOf } from './read/model-read.js'
import { notBegun, warm } from './read/warm.js'
import { checkWarm, type WarmArgs, type Warmed, type WarmOptions } from './read/warm-options.js'
import type { NearStats } from './redis/near-caches.js'
import type { Session } from './session.js'
import type { ManyWheres, Wheres } from './types.js'
import { tagKey, valuesEpoch } from './wire/keys.js'
import { invalidate } from './write/invalidate.js'

export type { Explanation } from './plan/explain.js'
export type { GetOrSetOptions } from './read/get-or-set.js'
export type { WarmArgs, Warmed, WarmOptions, WarmProgress } from './read/warm-options.js'

/** What is added to the client as `$cache`. `Client` is the Prisma client that was extended. */
export type CacheApi<Client> = CacheOf<Wheres<Client>, ManyWheres<Client>>

/** By what it takes, not by the client: the `$cache` of an extended client is also a `CacheApi<PrismaClient>`. */
interface CacheOf<Where, Filters> {
  /**
   * Caches a value of your own. On a hit, the value comes from Redis. On a miss, `fetch` is called and its value is stored.
   *
   * Within this process, calls with the same key share one `fetch`. An `invalidateTags` during a `fetch` wins: the value is
   * returned and not stored. When Redis is out of reach, the cache is turned off or the call is in a transaction, `fetch`
   * is called and nothing is stored.
   *
   * `null`, `undefined`, dates, bigints, `Uint8Array`s, plain objects and arrays come back as they were. Any other value,
   * such as an instance of a class, is returned and not stored unless `serialize` and `deserialize` are given.
   *
   * Redis: one `MGET`. On a miss also one `SET … NX GET` before `fetch`, and one script afterwards, which is not awaited.
   *
   * @param key - the value is stored at the key `=<key>`, behind the prefix
   * @param fetch - gives the value; an error that it throws is thrown to the caller
   * @param options - see {@link GetOrSetOptions}
   * @throws CacheAsideError `INVALID_CALL` when an argument is invalid
   * @example const rates = await prisma.$cache.getOrSet('rates', fetchRates, { ttl: '10m', tags: ['finance'] })
   */
  getOrSet<T>(key: string, fetch: () => T | PromiseLike<T>, options?: GetOrSetOptions<T>): Promise<T>

  /**
   * Invalidates all values of `getOrSet`, and all results of `$cached`, that have one of these tags.
   *
   * Redis: one `DEL` of the tags, however many entries have them. In a transaction: when it has ended.
   *
   * @throws CacheAsideError `INVALID_CALL` when a tag is not a string, or is empty
   * @example await prisma.$cache.invalidateTags(['finance'])
   */
  invalidateTags(tags: readonly string[]): Promise<Invalidated>

  /**
   * Invalidates one row, for a write that was made elsewhere. Cached "no such row" answers and results over the model are
   * invalidated too.
   *
   * All rows of the model are invalidated instead where the `where` does not contain the primary key, and where the key is a
   * text whose column may have a non-deterministic collation. Rows that a delete elsewhere cascades to are not
   * invalidated: use `invalidateModel` for that.
   *
   * Redis: one `DEL`. In a transaction: when it has ended.
   *
   * @param model - the name of the model in the schema
   * @param where - a unique `where`, as for `findUnique`
   * @throws CacheAsideError `INVALID_CALL` when the schema has no such model
   * @example await prisma.$cache.invalidate('User', { id: 42 })
   */
  invalidate<M extends Extract<keyof Where, string>>(model: M, where: Where[M]): Promise<Invalidated>

  /**
   * Invalidates everything that is cached about a model, and about the models that its referential actions reach.
   *
   * Redis: one `DEL` of a few keys per model, for ten rows as for ten million. In a transaction: when it has ended.
   *
   * @throws CacheAsideError `INVALID_CALL` when the schema has no such model
   * @example await prisma.$cache.invalidateModel('User')
   */
  invalidateModel(model: Extract<keyof Where, string>): Promise<Invalidated>

  /**
   * Invalidates everything, values of `getOrSet` included: after a restore of the database, or SQL whose effects are not
   * known.
   *
   * Redis: one `DEL` of a few keys per model.
   *
   * @example await prisma.$cache.invalidateAll()
   */
  invalidateAll(): Promise<Invalidated>

  /**
   * Loads rows of a model into the cache before they are asked for: after a deployment, or a flush of Redis. Rows that are cached
   * already are not loaded again. A write during the warming invalidates as ever: a row is stored only if no write came in between.
   *
   * It goes through the rows in the order of the primary key. Rows alone are stored, whole; no relations, no results of queries.
   * It resolves when Redis has replied to what was stored.
   *
   * It stops before the end, with the reason in `why`: at an abort, when Redis is not in use or takes nothing, when the cache is
   * turned off, and where reads of the model are not cached. Then nothing more is loaded. `cursor` says where it is:
   * pass it as `after` to go on.
   *
   * Postgres: per batch one query for the keys, and one for the rows that are not cached.
   * Redis: per batch one `MGET`; per row that is not cached one `SET … NX GET` before the query and one script after it.
   *
   * @param model - the name of the model in the schema
   * @param args - `where`, as for `findMany`. Default: all rows
   * @param options - see {@link WarmOptions}
   * @returns `done`, `loaded`, `finished`, `cursor` and `why`
   * @throws CacheAsideError `INVALID_CALL` when the model is not in the schema, or its rows are not cached; when an argument is
   *   invalid; and in a transaction. An error of Prisma, such as a lost connection to the database, as it is
   * @example
   * const { done, loaded, cursor, why } = await prisma.$cache.warm('User', { where: { role: 'ADMIN' } }, { concurrency: 4 })
   */
  warm<M extends Extract<keyof Where & keyof Filters, string>>(
    model: M,
    args?: WarmArgs<Filters[M]>,
    options?: WarmOptions<Where[M]>,
  ): Promise<Warmed<Where[M]>>

  /**
   * Shows how a query would be cached, or why it would not be, without running it. For a write it shows what the write
   * invalidates, as far as its arguments say; its result may name more rows.
   *
   * Redis: nothing. Postgres: nothing.
   *
   * @param model - the name of the model in the schema
   * @param operation - `'findUnique'`, `'update'`, and so on
   * @param args - the arguments of the operation. Default: `{}`
   * @throws CacheAsideError `INVALID_CALL` when the schema has no such model
   * @example
   * prisma.$cache.explain('Post', 'findFirst', { where: { authorId: 7 } })
   * // { cached: true, key: 'Post?…', invalidatedBy: ['a write to Post with this authorId', …], dependsOn: […] }
   */
  explain(model: Extract<keyof Where, string>, operation: string, args?: object): Explanation

  /** Stops reading from the cache and storing into it, in this process. Writes still invalidate. */
  disable(): void
  /**
   * Ends `disable`.
   *
   * @throws CacheAsideError `INVALID_CALL` when there is no Redis (`enabled: false` without `redis`)
   */
  enable(): void

  /**
   * Counters since the start of this process; `usable`, whether reads use Redis now (not before the first of them, which
   * connects); `share`, for which part of the keys they do, from 0 to 1; `pendingInvalidations`, how many invalidations wait until Redis can be
   * reached; `otherVersions`, how many other versions of the schema are in use under the same prefix; and `near`, what the near cache holds
   * and has answered, where there is one.
   *
   * @example const { hits, misses, pendingInvalidations } = prisma.$cache.stats()
   */
  stats(): Stats & {
    usable: boolean
    share: number
    pendingInvalidations: number
    otherVersions: number
    near: NearStats | undefined
  }

  /**
   * Calls `listener` with each event. Events are built only while there is a listener. The same events are published on
   * the `node:diagnostics_channel` named `prisma-extension-cache-aside`.
   *
   * @returns a function that ends it
   * @example const end = prisma.$cache.on(event => logger.debug(event))
   */
  on(listener: Emit): () => void

  /**
   * Runs a function, and answers its result with the events of all that it did: whether each query was a hit, why not, and where
   * its time went. What runs beside it is not contained, nor are `redis`, `error` and other events that come of no query.
   *
   * Nothing is measured outside of it. Fills are waited for, at most `deadlineMs`.
   *
   * Redis: nothing.
   *
   * @returns `result`, and `events` in their order
   * @throws what the function throws
   * @example
   * const { result, events } = await prisma.$cache.trace(() => prisma.user.findUnique({ where: { id: 1 } }))
   * // events: [{ type: 'hit', model: 'User', ms: 0.4, redisMs: 0.3, databaseMs: 0, roundTrips: 1, … }]
   */
  trace<T>(run: () => T | PromiseLike<T>): Promise<Traced<T, CacheEvent>>

  /**
   * Ends timers and listeners, after the invalidations that wait for Redis were sent, which takes at most
   * `invalidationDeadlineMs`. Afterwards reads go to the database and writes still invalidate. The Redis client is not
   * closed: close it when this promise has resolved.
   *
   * @returns what Redis has not acknowledged; the event `closed` reports it too
   * @example
   * await prisma.$cache.close()
   * redis.disconnect()
   */
  close(): Promise<Outstanding>
}

/**
 * What has become of an invalidation. `'done'`: Redis has acknowledged it. `'queued'`: Redis is out of reach; the journal of
 * this process keeps it, and it is done at the next reconnect. `'after-transaction'`: it is done when the transaction has
 * ended.
 */
export type Invalidated = 'done' | 'queued' | 'after-transaction'

/** What `explain` says of a client. */
export interface Explained {
  /** What `$cached` says of its queries. */
  readonly query: QueryConfig | undefined
  /** The client whose operations are a step of a warming. */
  readonly clientOf: (step: object) => object
  hasHooksBehind(model: string, operation: string): boolean
  /** Why a read is not answered in the front; undefined where it is. */
  whyNot(model: string, operation: string, plan: CachedPlan): string | undefined
}

/**
 * @param scope - the transaction whose end invalidations wait for, if the API is that of a transaction client
 * @param explained - undefined in a transaction
 */
export function cacheApi<Client>(
  session: Session,
  client: ClientTraits,
  inTransaction: { readonly scope: Scope | undefined } | undefined,
  explained?: Explained,
): CacheApi<Client> {
  /** @param staleIn - what is stale, and keys to invalidate besides */
  const invalidateIn = async (staleIn: (context: Context) => { effects: Effects; keys?: readonly string[] }) => {
    const run = async (context: Context) => {
      const { effects, keys = [] } = staleIn(context)
      const scope = inTransaction?.scope
      if (scope === undefined) return invalidate(context, effects, 'manual', { keys })
      scope.effects.add(effects)
      scope.keys.push(...keys)
      return 'after-transaction'
    }
    const context = await session.opened()
    if (context !== undefined) return run(context)
    if (session.isOff) return 'done'
    session.whenOpen(opened => void run(opened))
    return 'queued'
  }
  const modelIn = (catalog: Catalog, name: unknown): CatalogModel => {
    const model = typeof name === 'string' ? catalog.get(name) : undefined
    if (model !== undefined) return model
    throw wrongCall(`there is no model named ${shown(name)}. There are: ${[...catalog.keys()].join(', ')}.`)
  }

  return {
    async getOrSet(key, fetch, options = {}) {
      checkGetOrSet(key, fetch, options)
      if (inTransaction !== undefined || !session.enabled) return fetch()
      const context = await session.opened()
      if (context === undefined) return fetch()
      // Whose the keys are follows from the database, which a process without queries has not been asked yet.
      if (!context.access.known) await context.database.known()
      return getOrSet(context, key, fetch, options)
    },
    async invalidateTags(tags) {
      checkTags(tags)
      return invalidateIn(({ prefix }) => ({ effects: new Effects(), keys: tags.map(tag => tagKey(prefix, tag)) }))
    },
    async invalidate(name, where) {
      modelIn(session.catalog, name)
      return invalidateIn(({ catalog }) => ({ effects: outsideWrite(catalog, modelIn(catalog, name), where) }))
    },
    async invalidateModel(name) {
      modelIn(session.catalog, name)
      return invalidateIn(({ catalog }) => ({ effects: anyWriteTo(catalog, [modelIn(catalog, name)]) }))
    },
    async invalidateAll() {
      return invalidateIn(({ catalog, prefix }) => ({ effects: anyWrite(catalog), keys: [valuesEpoch(prefix)] }))
    },
    async warm(name, args = {}, options = {}) {
      modelIn(session.catalog, name)
      checkWarm(args, options)
      if (explained === undefined)
        throw wrongCall('warm was called in a transaction, whose reads are not cached. Call it on the client itself.')
      const { query, clientOf } = explained
      const opened = session.enabled ? await session.opened() : undefined
      if (opened === undefined) return notBegun(options, session.enabled ? NOT_KNOWN : TURNED_OFF)
      const context = query === undefined ? opened : opened.for(query)
      return warm({ context, model: modelIn(context.catalog, name), clientOf }, args, options)
    },
    explain(name, operation, args = {}) {
      const { context, catalog } = session
      const model = modelIn(catalog, name)
      if (!isRead(operation)) {
        const { effects } = planWrite(catalog, model, operation, args)
        return {
          cached: false,
          why: 'a write',
          invalidates: effects.invalidation().keys,
          allRowsOf: effects.unnamedModels,
        }
      }
      if (inTransaction !== undefined) return { cached: false, why: 'in a transaction' }
      const query = explained?.query
      if (!session.enabled) return { cached: false, why: TURNED_OFF }
      if (client.unseen !== undefined) return { cached: false, why: client.unseen }
      if (context === undefined) return { cached: false, why: NOT_KNOWN }
      const plan = planOf(query === undefined ? context : context.for(query), client, name, operation, args)
      if (plan.kind === 'bypass') return { cached: false, why: plan.why }
      if (!context.hooksAreSameForAll && explained?.hasHooksBehind(name, operation) === true)
        return { cached: false, why: HOOKS_BEHIND }
      const { obstacle } = context.health
      if (obstacle !== undefined) return { cached: false, why: `Redis is not used: ${obstacle}` }
      return explainRead(plan, context.catalog, explained?.whyNot(name, operation, plan))
    },
    disable() {
      session.enabled = false
    },
    enable() {
      if (session.isOff) {
        throw wrongCall('enable needs a Redis, and the option redis is undefined. Give cacheAside a URL or a client.')
      }
      session.enabled = true
    },
    stats() {
      const { context, enabled } = session
      const usable = enabled && (context?.health.inUse ?? false)
      return {
        ...session.events.stats,
        usable,
        share: enabled ? (context?.health.share ?? Number(usable)) : 0,
        pendingInvalidations: context?.health.pending ?? 0,
        otherVersions: context?.fleet.others ?? 0,
        near: context?.near?.stats,
      }
    },
    on: listener => session.events.on(listener),
    trace: run => session.events.trace(run),
    close: () => session.close(),
  }
}

/** `prisma.$cache`: the cache by hand. */
import type { Context } from './context.js'
import { shown } from './errors.js'
import type { Emit, Outstanding, Stats } from './events.js'
import type { Scope } from './local/scopes.js'
import { HOOKS_BEHIND } from './plan/bypass.js'
import type { Catalog, CatalogModel } from './plan/catalog.js'
import { anyWrite, Effects } from './plan/effects.js'
import { type CachedRead, explainRead } from './plan/explain.js'
import { isRead, planRead } from './plan/read.js'
import type { ClientTraits } from './plan/selection.js'
import { anyWriteTo, outsideWrite, planWrite } from './plan/write.js'
import { checkGetOrSet, checkTags, getOrSet, type GetOrSetOptions, wrongCall } from './read/value.js'
import type { Session } from './session.js'
import { NOT_KNOWN } from './source/database.js'
import type { Wheres } from './types.js'
import { tagKey, valuesEpoch } from './wire/keys.js'
import { invalidate } from './write/invalidate.js'

export type { GetOrSetOptions } from './read/value.js'

/** What is added to the client as `$cache`. `Client` is the Prisma client that was extended. */
export type CacheApi<Client> = CacheOf<Wheres<Client>>

/** By what it takes, not by the client: the `$cache` of an extended client is also a `CacheApi<PrismaClient>`. */
interface CacheOf<Where> {
  /**
   * Cache-aside for any value: looks in the cache, on a miss calls `fetch` and stores what it gives. One load at a time per
   * key and process, guarded like rows: an `invalidateTags` during the load wins. When Redis is out of reach, `fetch`
   * answers. In a transaction it answers too, and nothing is stored.
   *
   * `null`, `undefined`, dates, bigints, `Uint8Array`s, plain objects and arrays come back as they were; a value that would
   * not (an instance of a class, say) is not stored, unless `serialize` and `deserialize` say how.
   *
   * Redis: one `MGET`; on a miss `SET … NX GET` before `fetch` and one script after it.
   *
   * @param key - kept under `=<key>`
   * @param fetch - gives the value; what it throws goes to the caller
   * @param options - `ttl`: a number of seconds or a duration such as `'5m'`. Default: the top-level `ttl`
   * @throws CacheAsideError `INVALID_CALL` when an argument is wrong
   * @example const rates = await prisma.$cache.getOrSet('rates', fetchRates, { ttl: '10m', tags: ['rates'] })
   */
  getOrSet<T>(key: string, fetch: () => T | PromiseLike<T>, options?: GetOrSetOptions<T>): Promise<T>

  /**
   * Drops all values of `getOrSet` that have one of these tags.
   *
   * Redis: one `DEL` of the tags, however many values have them.
   */
  invalidateTags(tags: readonly string[]): Promise<'done' | 'deferred'>

  /**
   * Drops a row, for a write made elsewhere. Also drops what is known about missing rows of the model. A `where` that does
   * not pin the primary key names no row, and neither does a text whose column may be under a non-deterministic collation:
   * then all rows of the model are dropped. What a delete elsewhere cascades to is
   * not dropped: `invalidateModel` does that.
   *
   * Redis: one `DEL` of the row and of `{Model}@any`. In a transaction: when it has settled.
   *
   * @param model - name of the model in the schema
   * @param where - a unique `where`, as for `findUnique`
   * @returns `'done'` when Redis has acknowledged it; `'deferred'` when it will be done on reconnect, or at the end of the
   *   transaction
   * @throws CacheAsideError `INVALID_CALL` when there is no such model
   * @example await prisma.$cache.invalidate('User', { id: 42 })
   */
  invalidate<M extends Extract<keyof Where, string>>(model: M, where: Where[M]): Promise<'done' | 'deferred'>

  /**
   * Drops all that is cached about a model, and about the models that its referential actions reach.
   *
   * Redis: one `DEL` of the models' epochs; costs the same for ten rows and for ten million.
   *
   * @example await prisma.$cache.invalidateModel('User')
   */
  invalidateModel(model: Extract<keyof Where, string>): Promise<'done' | 'deferred'>

  /** Drops everything: after a restore of the database, or SQL that nobody knows the effects of. */
  invalidateAll(): Promise<'done' | 'deferred'>

  /**
   * Says, without running anything, how a query would be cached or why it would not, and what a write would drop (as far
   * as its args tell: its result may name more).
   *
   * @example prisma.$cache.explain('User', 'findUnique', { where: { id: 42 } }) // { cached: true, key: 'User:42', via: 'id' }
   */
  explain(model: Extract<keyof Where, string>, operation: string, args?: object): Explanation

  /** Turns reading and filling off, in this process; writes still drop what they make wrong. */
  disable(): void
  enable(): void

  /**
   * Counters since the start of the process, how many invalidations wait for Redis to come back, and how many other versions
   * of the schema are in use under the same prefix.
   */
  stats(): Stats & { pendingInvalidations: number; otherVersions: number }

  /**
   * Calls back at each event. Nothing is built while nobody listens. The same events are on the
   * `node:diagnostics_channel` named `prisma-extension-cache-aside`.
   *
   * @returns ends it
   */
  on(listener: Emit): () => void

  /**
   * Ends timers and listeners. The Redis client stays as it is: it is yours. Reads go to the database from here on; writes
   * still invalidate. Replays what is owed to Redis, no longer than `invalidationDeadlineMs`: wait for it before you close the
   * client.
   *
   * @returns what could not be done; there is an event `closed` then, too
   */
  close(): Promise<Outstanding>
}

export type Explanation =
  | CachedRead
  | { cached: false; why: string }
  /** A write. `drops`: keys of rows and epochs. `unnamed`: models of which it can't name all rows, so that all are dropped. */
  | { cached: false; why: 'a write'; drops: readonly string[]; unnamed: readonly string[] }

/** @param scope - the transaction whose end invalidations wait for, if the API is that of a transaction client */
export function cacheApi<Client>(
  session: Session,
  client: ClientTraits,
  inTransaction: { readonly scope: Scope | undefined } | undefined,
  behind: (model: string, operation: string) => boolean = () => false,
): CacheApi<Client> {
  /** @param staleIn - what is stale, and keys to invalidate besides */
  const invalidateIn = async (staleIn: (context: Context) => { effects: Effects; keys?: readonly string[] }) => {
    const run = async (context: Context) => {
      const { effects, keys = [] } = staleIn(context)
      const scope = inTransaction?.scope
      if (scope === undefined) return invalidate(context, effects, 'manual', { keys })
      scope.effects.add(effects)
      scope.keys.push(...keys)
      return 'deferred'
    }
    const context = await session.opened()
    if (context !== undefined) return run(context)
    session.whenOpen(opened => void run(opened))
    return 'deferred'
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
    explain(name, operation, args = {}) {
      const { context, catalog } = session
      const model = modelIn(catalog, name)
      if (!isRead(operation)) {
        const { effects } = planWrite(catalog, model, operation, args)
        return { cached: false, why: 'a write', drops: effects.invalidation().keys, unnamed: effects.unnamedModels }
      }
      if (inTransaction !== undefined) return { cached: false, why: 'in a transaction' }
      if (!session.enabled) return { cached: false, why: 'the cache is turned off' }
      if (context === undefined) return { cached: false, why: NOT_KNOWN }
      const plan = context.fleet.check(context.access.check(planRead(model, operation, args, client)))
      if (plan.kind !== 'bypass' && !context.hooksAreSameForAll && behind(name, operation))
        return { cached: false, why: HOOKS_BEHIND }
      return explainRead(plan)
    },
    disable() {
      session.enabled = false
    },
    enable() {
      session.enabled = true
    },
    stats: () => ({
      ...session.events.stats,
      pendingInvalidations: session.context?.health.pending ?? 0,
      otherVersions: session.context?.fleet.others ?? 0,
    }),
    on: listener => session.events.on(listener),
    close: () => session.close(),
  }
}

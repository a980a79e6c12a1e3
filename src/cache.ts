/** `prisma.$cache`: the cache by hand. */
import type { CatalogModel } from './catalog.js'
import type { Core } from './core.js'
import { anythingTo, Effects, everything, pinnedId } from './effects.js'
import { CacheAsideError, shown } from './errors.js'
import type { Emit, Stats } from './events.js'
import type { Scope } from './transaction.js'
import type { ModelName, UniqueWhere } from './types.js'
import { drop } from './write.js'

/** What is added to the client as `$cache`. `Client` is the Prisma client that was extended. */
export interface CacheApi<Client> {
  /**
   * Drops a row, for a write made elsewhere. Also drops what is known about missing rows of the model. A `where` that does
   * not pin the primary key names no row: then all rows of the model are dropped.
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
  invalidate<M extends ModelName<Client>>(model: M, where: UniqueWhere<Client, M>): Promise<'done' | 'deferred'>

  /**
   * Drops all that is cached about a model, and about the models that its referential actions reach.
   *
   * Redis: one `DEL` of the models' epochs; costs the same for ten rows and for ten million.
   *
   * @example await prisma.$cache.invalidateModel('User')
   */
  invalidateModel(model: ModelName<Client>): Promise<'done' | 'deferred'>

  /** Drops everything: after a restore of the database, or SQL that nobody knows the effects of. */
  invalidateAll(): Promise<'done' | 'deferred'>

  /** Turns reading and filling off, in this process; writes still drop what they make wrong. */
  disable(): void
  enable(): void

  /** Counters since the start of the process, and how many invalidations wait for Redis to come back. */
  stats(): Stats & { pendingInvalidations: number }

  /**
   * Calls back at each event. Nothing is built while nobody listens.
   *
   * @returns ends it
   */
  on(listener: Emit): () => void

  /** Ends timers and listeners. The Redis client stays as it is: it is yours. Reads go to the database from here on. */
  close(): void
}

/** @param scope - the transaction whose end invalidations wait for, if the API is that of a transaction client */
export function cacheApi<Client>(core: Core, scope?: Scope): CacheApi<Client> {
  const invalidate = async (effects: Effects): Promise<'done' | 'deferred'> => {
    if (scope === undefined) return drop(core, effects, 'manual')
    scope.effects.add(effects)
    return 'deferred'
  }
  const modelOf = (name: unknown): CatalogModel => {
    const model = typeof name === 'string' ? core.catalog.get(name) : undefined
    if (model !== undefined) return model
    throw new CacheAsideError(
      'INVALID_CALL',
      `there is no model named ${shown(name)}. There are: ${[...core.catalog.keys()].join(', ')}.`,
    )
  }

  return {
    async invalidate(name, where) {
      const model = modelOf(name)
      const effects = new Effects()
      const id = pinnedId(model, where)
      if (id === undefined) effects.unnamed(model)
      else effects.row(model, id)
      return invalidate(effects)
    },
    async invalidateModel(name) {
      return invalidate(anythingTo(core.catalog, modelOf(name)))
    },
    async invalidateAll() {
      return invalidate(everything(core.catalog))
    },
    disable() {
      core.enabled = false
    },
    enable() {
      core.enabled = true
    },
    stats: () => ({ ...core.events.stats, pendingInvalidations: core.health.owed }),
    on: listener => core.events.on(listener),
    close: () => core.close(),
  }
}

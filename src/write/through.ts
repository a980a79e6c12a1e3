/**
 * Write-through, of strict mode: the row that a write has returned is stored when its intent is released, so that the next read of it is a
 * hit. Only where the result is the row as the database has it, and the writer was alone at it (`RELEASE` in `redis/scripts.ts`); in all
 * other cases the row is deleted, as ever.
 */
import type { Context } from '../context.js'
import type { Cached, CatalogModel } from '../plan/catalog.js'
import type { Effects } from '../plan/effects.js'
import { graceMsOf, jittered } from '../plan/lives.js'
import { isObject } from '../plan/pins.js'
import type { ClientTraits } from '../plan/selection.js'
import type { Operation } from '../prisma7/operation.js'
import type { IntendedRow, WrittenRow } from '../redis/intents.js'
import { Kind, newToken, PAYLOAD_AT, seal, type Token } from '../wire/envelope.js'

/** Those whose result is the row that was written. */
const OPERATIONS = new Set(['create', 'update', 'upsert'])

export class WriteThrough {
  readonly #model: CatalogModel
  readonly #cached: Cached
  #result: unknown

  /** Undefined: what the operation returns is not stored. */
  static of(
    context: Context,
    client: ClientTraits,
    operation: Operation,
    { isWidened, hasHooksBehind }: { isWidened: boolean; hasHooksBehind: boolean },
  ): WriteThrough | undefined {
    const { strict, catalog, enabled } = context
    const model = catalog.get(operation.model ?? '')
    if (strict?.writesThrough(model?.name ?? '') !== true || model?.cached === undefined || !enabled) return undefined
    // Query hooks behind this one, and computed fields with the name of a column, may change the result.
    const isChanged = hasHooksBehind || model.cached.scalarNames.some(name => client.computed.has(model.name, name))
    if (!OPERATIONS.has(operation.operation) || isWidened || isChanged) return undefined
    // In a batch the write may be rolled back although it has returned, or be followed by another one.
    if (context.transactionOf(operation) !== undefined) return undefined
    return mayStore(context, model) ? new WriteThrough(model, model.cached) : undefined
  }

  private constructor(model: CatalogModel, cached: Cached) {
    this.#model = model
    this.#cached = cached
  }

  returned(result: unknown): void {
    this.#result = result
  }

  /** What to guard from the intent on. Undefined: the write changes more than its row. */
  guardOf(effects: Effects): Omit<IntendedRow, 'token'> | undefined {
    const { keys } = this.#model
    if (!effects.isOnlyOf(this.#model)) return undefined
    return { guard: effects.onlyRowOf(this.#model) ?? keys.everyWrite, epoch: keys.unnamedWrites }
  }

  /** @param stampIn - the epoch of the row in the bucket of a key, as it was when the intent was put there */
  row(guard: string, stampIn: (key: string) => Token | undefined): WrittenRow | undefined {
    const { policy, codec, fieldNames } = this.#cached
    const { identity, keys } = this.#model
    const row = this.#result
    if (!isObject(row) || !fieldNames.every(name => Object.hasOwn(row, name))) return undefined
    const id = identity?.idOf(row)
    const key = id === undefined ? undefined : keys.row(id)
    const stamp = key === undefined ? undefined : stampIn(key)
    if (key === undefined || stamp === undefined || (guard !== keys.everyWrite && guard !== key)) return undefined
    const payload = codec.encode(row)
    if (payload === undefined || PAYLOAD_AT + payload.length > policy.maxBytes) return undefined
    return {
      key,
      entry: seal(Kind.row, payload, newToken(), stamp, codec.fingerprint),
      ttlMs: jittered(policy.ttlMs, policy.jitter),
      graceMs: graceMsOf(policy),
    }
  }
}

/** Whether reads of the model may find what is stored, and the row stays what the statement has returned. */
function mayStore({ access, database, fleet }: Context, { name, definition }: CatalogModel): boolean {
  const { facts } = database
  if (facts === undefined || access.reasons().has(name) || !fleet.isOpen([name])) return false
  return !facts.changedAfter.has(`${definition.databaseSchema ?? facts.source.schema}.${definition.table}`)
}

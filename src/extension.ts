/**
 * The map: routes every operation of a client to the read story, to the write story, or straight to Prisma; adds `$cache`
 * and `$uncached`; follows interactive transactions to their end.
 */
import { type CacheApi, cacheApi } from './cache.js'
import type { Row } from './wire/codec.js'
import { type Core, createCore, type Parts } from './core.js'
import { nameOf } from './errors.js'
import { type CacheAsideOptions, checkOptions } from './options.js'
import {
  type ClientFacts,
  factsOf,
  fluentPath,
  isLoadOf,
  isTransactionClient,
  mayBeOfOtherColumns,
  mayNotReadAll,
  type Operation,
  outcomeOf,
  ownTick,
  queryWhole,
  saysNotFound,
  skipWalk,
  transactionIdOf,
} from './prisma7.js'
import { Bypass } from './plan/bypass.js'
import { isRead, planRead, type ReadPlan, type ResultRead, type RowRead, throwsWhenAbsent } from './plan/query.js'
import type { ClientShape } from './plan/shape.js'
import { loadArgs } from './plan/tree.js'
import { cacheAside } from './stories/read.js'
import { ResultReading } from './stories/result.js'
import { RowReading, type Source } from './stories/row.js'
import { TreeReading } from './stories/tree.js'
import type { Scope } from './stories/transaction.js'
import { drop, writeModel, writeRaw } from './stories/write.js'

// oxlint-disable-next-line typescript/no-empty-object-type -- as Prisma's own extension types have it
type Nothing = {}

/**
 * What `$extends` takes, with what it adds to the client. `$extends` infers `Client` from the last signature; the first one
 * lets an extension be typed before there is a client: `$extends` gives it a client without `$on`, which is no `PrismaClient`.
 */
interface Extension<Client, Added> {
  // oxlint-disable-next-line typescript/no-explicit-any
  (client: any): Extended<Added>
  (client: Client): Extended<Added>
}

interface Extended<Added> {
  $extends: { extArgs: { result: Nothing; model: Nothing; query: Nothing; client: Added } }
}

/** The extension, for `$extends`. */
export interface CacheAside<Client>
  extends Extension<Client, { $cache: () => CacheApi<Client>; $uncached: () => Client }> {
  /**
   * The write half alone. An extension that turns an operation into another one on its own client (the usual soft delete)
   * hides its writes from everything applied after it: apply this before it, and the whole after it. Dropping twice is
   * harmless.
   *
   * @example base.$extends(cache.invalidation).$extends(softDelete).$extends(cache)
   */
  readonly invalidation: Extension<Client, Nothing>
}

/** The client as it is at run time; its types are those of the application. */
interface AnyClient {
  $extends(this: object, extension: unknown): AnyClient
  $transaction(this: object, input: unknown, options?: unknown): Promise<unknown>
}

const NAME = 'prisma-extension-cache-aside'

/** @param parts - for tests: parts without their guards */
export function createExtension<Client>(
  options: CacheAsideOptions<Client>,
  parts?: Partial<Parts>,
): CacheAside<Client> {
  const config = checkOptions(options)
  const cores = new Map<string, Core>()
  const open = (client: AnyClient) => {
    const facts = factsOf(client)
    let core = cores.get(facts.schemaText)
    if (core === undefined) cores.set(facts.schemaText, (core = createCore(config, facts, parts)))
    return { core, shape: facts.shape, members: clientMembers(client, core, facts) }
  }

  const invalidation = (client: AnyClient) => {
    const { core, shape, members } = open(client)
    const $allOperations = (operation: Operation) => routeWrite(core, shape, operation) ?? passOn(core, operation)
    return client.$extends({ name: NAME, query: { $allOperations }, client: members })
  }
  const whole = (client: AnyClient) => {
    const { core, shape, members } = open(client)
    const $allOperations = (operation: Operation) => routeWrite(core, shape, operation) ?? read(core, shape, operation)
    const added = { ...members, $cache: cacheApi(core, shape, undefined), $uncached: invalidation(client) }
    return client.$extends({ name: NAME, query: { $allOperations }, client: added })
  }
  // The types of both are those of the application's client, which only the caller knows.
  return Object.assign(whole, { invalidation }) as unknown as CacheAside<Client>
}

function routeWrite(core: Core, shape: ClientShape, operation: Operation): Promise<unknown> | undefined {
  if (operation.model === undefined) return writeRaw(core, operation)
  return isRead(operation.operation) ? undefined : writeModel(core, shape, operation)
}

/** Counted, because Prisma may put it into one statement with loads of ours. */
function passOn(core: Core, operation: Operation): Promise<unknown> {
  if (operation.operation.startsWith('findUnique')) core.batches.join(operation.model as string)
  return passed(operation)
}

async function passed(operation: Operation): Promise<unknown> {
  return await operation.query(operation.args)
}

// ---- reads

function read(core: Core, shape: ClientShape, operation: Operation): Promise<unknown> {
  if (isLoadOf(operation, core)) return passed(operation)
  const plan = planOf(core, shape, operation)
  if (plan.kind === 'bypass') {
    core.events.bypass(operation.model as string, operation.operation, plan.why)
    return passOn(core, operation)
  }
  if (!core.security.known) return firstRead(core, shape, operation)
  return plan.kind === 'row' ? readRow(core, shape, operation, plan) : readResult(core, operation, plan)
}

async function firstRead(core: Core, shape: ClientShape, operation: Operation): Promise<unknown> {
  await core.security.settled()
  return core.security.known ? read(core, shape, operation) : passOn(core, operation)
}

function readRow(core: Core, shape: ClientShape, operation: Operation, plan: RowRead): Promise<unknown> {
  const { store, events, flights } = core
  const { operation: name } = operation
  const source = () => rowSource(core, shape, operation, plan)
  const { tree } = plan
  if (tree === undefined) return cacheAside(core, flights, new RowReading(store, events, plan, name, source))
  if (shape.computesNothing) skipWalk(operation)
  return cacheAside(core, flights, new TreeReading(store, events, plan, tree, name, fluentPath(operation), source))
}

function readResult(core: Core, operation: Operation, plan: ResultRead): Promise<unknown> {
  const { store, events, flights } = core
  const source = () => resultSource(core, operation)
  const reading = new ResultReading(store, events, plan, operation.operation, fluentPath(operation), source)
  return cacheAside(core, flights, reading)
}

function planOf(core: Core, shape: ClientShape, operation: Operation): ReadPlan {
  const { model, operation: name, args } = operation
  if (!core.enabled) return new Bypass('the cache is turned off')
  // Also because a batch that is not passed on to Prisma hangs for ever.
  if (core.transactionOf(operation) !== undefined) return new Bypass('in a transaction')
  if (operation.__internalParams === undefined) return new Bypass('the client does not say what is asked')
  try {
    const plan = planRead(core.catalog.get(model as string), name, args, shape)
    if (plan.kind === 'row' && core.unreadable.has(namesOfLoad(plan)))
      return new Bypass('the whole row may not be read')
    if (plan.kind === 'row' && isNarrow(plan) && core.store.isTooLarge(plan.key))
      return new Bypass('the row is larger than maxBytes')
    return core.security.check(plan)
  } catch (error) {
    // Args that we can't make sense of are Prisma's to judge.
    core.events.emit({ type: 'error', code: 'PLAN', message: `A ${name} could not be planned: ${nameOf(error)}.` })
    return new Bypass('args of an unknown form')
  }
}

/** A row, whole and by its key alone, with what hangs on it. */
function rowSource(core: Core, shape: ClientShape, operation: Operation, plan: RowRead): Source<Row | null> {
  const { cached, identity, model, places, strategy, tree, where } = plan
  const node = tree ?? { model, cached, identity, ones: [], parts: [] }
  const args = { where, ...loadArgs(node, shape), ...(strategy !== undefined && { relationLoadStrategy: strategy }) }
  const orThrow = throwsWhenAbsent(operation.operation)
  let batch = { size: 0 } as { readonly size: number }
  return {
    original: () => passOn(core, operation),
    async load() {
      if (plan.hasCursor) await ownTick()
      batch = core.batches.join(model.model.name)
      return (await queryWhole(operation, args, core)) as Row | null
    },
    saysAbsent: error => orThrow && saysNotFound(error),
    async insteadOf(error) {
      // The load asks for whole rows, and what is wrong may be with a column that the caller did not ask for, or with a row
      // that the caller's further filters leave out.
      const same = places === undefined && tree === undefined && plan.filters.length === 0
      if (same || !mayBeOfOtherColumns(error)) throw error
      if (mayNotReadAll(error)) core.unreadable.add(namesOfLoad(plan))
      return passOn(core, operation)
    },
    alone: () => batch.size === 1,
  }
}

/** Whether the caller asks for less of the row than a load does. */
function isNarrow({ places, tree }: RowRead): boolean {
  return (tree === undefined ? places : tree.shape.places) !== undefined
}

/** What a load asks for, by the models in it. */
function namesOfLoad({ model, tree }: RowRead): string {
  return tree === undefined ? model.model.name : tree.shape.text
}

/** The caller's own query. */
function resultSource(core: Core, operation: Operation): Source {
  const orThrow = throwsWhenAbsent(operation.operation)
  return {
    original: () => passOn(core, operation),
    load: () => queryWhole(operation, operation.args, core),
    saysAbsent: error => orThrow && saysNotFound(error),
    async insteadOf(error) {
      throw error
    },
    alone: () => true,
  }
}

// ---- the client

function clientMembers(client: AnyClient, core: Core, { shape, extended }: ClientFacts) {
  return {
    $extends(this: object, extension: unknown): object {
      const derived = client.$extends.call(this, extension)
      extended(derived)
      return derived
    },

    /** With the receiver, or the transaction client would lose this and all later extensions. */
    async $transaction(this: object, input: unknown, options?: unknown): Promise<unknown> {
      const run = (argument: unknown) => client.$transaction.call(this, argument, options)
      if (typeof input !== 'function') return run(input)
      const callback = input as (tx: object) => Promise<unknown>
      if (isTransactionClient(this)) {
        const scope = core.transactions.scope(transactionIdOf(this) ?? '')
        return run((tx: object) => callback(inTransaction(tx, core, shape, scope)))
      }
      return runToItsEnd(core, shape, run, callback)
    },
  }
}

/** Runs an interactive transaction and drops, when it has settled, what it made wrong. */
async function runToItsEnd(
  core: Core,
  shape: ClientShape,
  run: (callback: (tx: object) => Promise<unknown>) => Promise<unknown>,
  callback: (tx: object) => Promise<unknown>,
): Promise<unknown> {
  let id = ''
  let scope: Scope | undefined
  let committing = false
  let outcome: 'known' | 'unknown' = 'known'
  try {
    return await run(async tx => {
      id = transactionIdOf(tx) ?? ''
      if (id !== '') scope = core.transactions.open(id)
      const result = await callback(inTransaction(tx, core, shape, scope))
      committing = true
      return result
    })
  } catch (error) {
    // Before COMMIT was sent, whatever went wrong is rolled back.
    if (committing && outcomeOf(error) === 'unknown') outcome = 'unknown'
    throw error
  } finally {
    if (scope !== undefined) {
      await scope.quiet()
      core.transactions.close(id)
      if (!scope.effects.none || scope.keys.length > 0) {
        await drop(core, scope.effects, 'transaction', outcome, scope.keys)
      }
    }
  }
}

/** The transaction client, whose `$cache` and `$uncached` would otherwise leave the transaction. */
function inTransaction(tx: object, core: Core, shape: ClientShape, scope: Scope | undefined): object {
  const cache = cacheApi(core, shape, { scope })
  const client: object = new Proxy(tx, {
    get(target, name) {
      if (name === '$cache') return cache
      // Reads of a transaction go to the database anyway.
      if (name === '$uncached') return client
      return Reflect.get(target, name) as unknown
    },
  })
  return client
}

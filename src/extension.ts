/**
 * The map: routes every operation of a client to the read story, to the write story, or straight to Prisma; adds `$cache`
 * and `$uncached`; follows interactive transactions to their end.
 */
import { type CacheApi, cacheApi } from './cache.js'
import type { Row } from './wire/codec.js'
import { type Core, HOOKS_BEHIND, type Parts } from './core.js'
import { NOT_KNOWN } from './database.js'
import { nameOf } from './errors.js'
import { type CacheAsideOptions, checkOptions } from './options.js'
import {
  type ClientFacts,
  factsOf,
  fluentPath,
  hooksOf,
  isLoadOf,
  isTransactionClient,
  type Operation,
  ownTick,
  queryWhole,
  markHook,
  skipWalk,
  transactionIdOf,
} from './prisma7.js'
import { mayBeOfOtherColumns, mayNotReadAll, outcomeOf, saysNotFound } from './prisma7-errors.js'
import { Bypass } from './plan/bypass.js'
import { isRead, planRead, type ReadPlan, type ResultRead, type RowRead, throwsWhenAbsent } from './plan/query.js'
import type { ClientShape } from './plan/shape.js'
import { loadArgs } from './plan/tree.js'
import { everything } from './plan/effects.js'
import { Session } from './session.js'
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
  // By adapter: a client with another one may read another database, or as another database user.
  const sessions = new WeakMap<object, Map<string, Session>>()
  const attach = (client: AnyClient) => {
    const facts = factsOf(client)
    const { adapter } = facts.door
    const ofAdapter = sessions.get(adapter) ?? new Map<string, Session>()
    sessions.set(adapter, ofAdapter)
    const session = ofAdapter.get(facts.schemaText) ?? new Session(config, facts, parts ?? {})
    ofAdapter.set(facts.schemaText, session)
    const hook: { current?: object } = {}
    return { session, shape: facts.shape, hook, members: clientMembers(client, session, facts, hook) }
  }

  const invalidation = (client: AnyClient) => {
    const { session, shape, members } = attach(client)
    const $allOperations = through(
      session,
      (core, operation, behind) => routeWrite(core, shape, operation, behind) ?? passOn(core, operation),
    )
    return client.$extends({ name: NAME, query: { $allOperations }, client: members })
  }
  const whole = (client: AnyClient) => {
    const { session, shape, hook, members } = attach(client)
    const $allOperations = through(
      session,
      (core, operation, behind) =>
        routeWrite(core, shape, operation, behind) ?? read(core, shape, operation, behind && !session.sameForAll),
    )
    hook.current = $allOperations
    const added = { ...members, $cache: cacheApi(session, shape, undefined), $uncached: invalidation(client) }
    return client.$extends({ name: NAME, query: { $allOperations }, client: added })
  }
  // The types of both are those of the application's client, which only the caller knows.
  return Object.assign(whole, { invalidation }) as unknown as CacheAside<Client>
}

/** @param behind - whether query hooks run behind this one that are not ours */
type Route = (core: Core, operation: Operation, behind: boolean) => Promise<unknown>

function through(session: Session, route: Route) {
  function hook(this: unknown, operation: Operation): Promise<unknown> {
    const { core } = session
    const behind = session.hasHooksBehind(this, hook)
    return core === undefined ? untilOpen(session, operation, behind, route) : route(core, operation, behind)
  }
  markHook(hook)
  return hook
}

/** The prefix is not known yet: reads go to the database, and what a write may have made stale is invalidated later. */
async function untilOpen(session: Session, operation: Operation, behind: boolean, route: Route): Promise<unknown> {
  const core = await session.opened()
  if (core !== undefined) return route(core, operation, behind)
  if (operation.model !== undefined && isRead(operation.operation)) {
    session.events.bypass(operation.model, operation.operation, NOT_KNOWN)
    return passed(operation)
  }
  try {
    return await passed(operation)
  } finally {
    session.whenOpen(opened => void drop(opened, everything(opened.catalog), 'write'))
  }
}

function routeWrite(
  core: Core,
  shape: ClientShape,
  operation: Operation,
  behind: boolean,
): Promise<unknown> | undefined {
  if (operation.model === undefined) return writeRaw(core, operation, behind)
  if (isRead(operation.operation)) return undefined
  return core.access.known ? writeModel(core, shape, operation, behind) : firstWrite(core, shape, operation, behind)
}

/** How the database compares texts decides which of them name a row. */
async function firstWrite(core: Core, shape: ClientShape, operation: Operation, behind: boolean): Promise<unknown> {
  await core.database.known()
  return writeModel(core, shape, operation, behind)
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

function read(core: Core, shape: ClientShape, operation: Operation, behind: boolean): Promise<unknown> {
  if (isLoadOf(operation, core)) return passed(operation)
  const plan = planOf(core, shape, operation, behind)
  if (plan.kind === 'bypass') return bypassed(core, operation, plan.why)
  const isSettled = core.access.known && core.store.usable
  return isSettled ? readCached(core, shape, operation, plan) : readOnceSettled(core, shape, operation, behind)
}

/**
 * At the start, and when the process was idle, it has to be learnt first whose the keys are, who may see what, and who else
 * writes: what is learnt may change the plan.
 */
async function readOnceSettled(
  core: Core,
  shape: ClientShape,
  operation: Operation,
  behind: boolean,
): Promise<unknown> {
  await core.database.known()
  if (!core.access.known) return bypassed(core, operation, NOT_KNOWN)
  if (!core.store.usable) await core.store.started()
  const plan = planOf(core, shape, operation, behind)
  if (plan.kind === 'bypass') return bypassed(core, operation, plan.why)
  return readCached(core, shape, operation, plan)
}

function bypassed(core: Core, operation: Operation, why: string): Promise<unknown> {
  core.events.bypass(operation.model as string, operation.operation, why)
  return passOn(core, operation)
}

function readCached(
  core: Core,
  shape: ClientShape,
  operation: Operation,
  plan: RowRead | ResultRead,
): Promise<unknown> {
  return plan.kind === 'row' ? readRow(core, shape, operation, plan) : readResult(core, operation, plan)
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

function planOf(core: Core, shape: ClientShape, operation: Operation, behind: boolean): ReadPlan {
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
    return behind ? behindHooks(core, plan) : core.fleet.check(core.access.check(plan))
  } catch (error) {
    // Args that we can't make sense of are Prisma's to judge.
    core.events.emit({ type: 'error', code: 'PLAN', message: `A ${name} could not be planned: ${nameOf(error)}.` })
    return new Bypass('args of an unknown form')
  }
}

/** What the hooks make of the query would be kept for all, and a hit would run none of them. */
function behindHooks(core: Core, plan: ReadPlan): ReadPlan {
  if (plan.kind === 'bypass') return plan
  core.warnOfHooks()
  return new Bypass(HOOKS_BEHIND)
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

function clientMembers(
  client: AnyClient,
  session: Session,
  { shape, extended }: ClientFacts,
  own: { readonly current?: object },
) {
  return {
    $extends(this: object, extension: unknown): object {
      const derived = client.$extends.call(this, extension)
      extended(derived)
      if (own.current === undefined) return derived
      // Its `explain` tells of the hooks that run behind this one.
      const behind = (model: string, operation: string) =>
        !session.sameForAll && session.hasHooksBehind(hooksOf(derived, model, operation), own.current as object)
      return client.$extends.call(derived, {
        name: NAME,
        client: { $cache: cacheApi(session, shape, undefined, behind) },
      })
    },

    /** With the receiver, or the transaction client would lose this and all later extensions. */
    async $transaction(this: object, input: unknown, options?: unknown): Promise<unknown> {
      const run = (argument: unknown) => client.$transaction.call(this, argument, options)
      if (typeof input !== 'function') return run(input)
      const callback = input as (tx: object) => Promise<unknown>
      const core = session.core ?? (await session.opened())
      if (core === undefined)
        return runUntilOpen(session, run, tx => callback(inTransaction(tx, session, shape, undefined)))
      if (isTransactionClient(this)) {
        const scope = core.transactions.scope(transactionIdOf(this) ?? '')
        return run((tx: object) => callback(inTransaction(tx, session, shape, scope)))
      }
      return runToItsEnd(core, session, shape, run, callback)
    },
  }
}

type RunTransaction = (callback: (tx: object) => Promise<unknown>) => Promise<unknown>

async function runUntilOpen(session: Session, run: RunTransaction, callback: (tx: object) => Promise<unknown>) {
  try {
    return await run(callback)
  } finally {
    session.whenOpen(core => void drop(core, everything(core.catalog), 'transaction'))
  }
}

/** Runs an interactive transaction and drops, when it has settled, what it made wrong. */
async function runToItsEnd(
  core: Core,
  session: Session,
  shape: ClientShape,
  run: RunTransaction,
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
      const result = await callback(inTransaction(tx, session, shape, scope))
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
function inTransaction(tx: object, session: Session, shape: ClientShape, scope: Scope | undefined): object {
  const cache = cacheApi(session, shape, { scope })
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

/**
 * The map: routes every operation of a client to the read, to the write, or straight to Prisma; adds `$cache` and `$uncached`;
 * follows interactive transactions to their end.
 */
import type { Overrides } from './assemble.js'
import { type CacheApi, cacheApi, type Explained } from './cache-api.js'
import { checkOptions, checkQueryOptions } from './check-options.js'
import type { Context } from './context.js'
import { frontOf, frontOfQuery } from './front/front.js'
import { FrontClient } from './front/front-client.js'
import type { Scope } from './local/open-transactions.js'
import { Memo } from './memo.js'
import type { CacheAsideOptions, QueryConfig, QueryOptions } from './options.js'
import { NOT_KNOWN, TURNED_OFF } from './plan/bypass.js'
import { anyWrite } from './plan/effects.js'
import { isRead } from './plan/read.js'
import type { ClientTraits } from './plan/selection.js'
import { addTraitsOf, traitsOf } from './plan/traits.js'
import { factsOf } from './prisma7/client.js'
import {
  carryQuery,
  isTransactionClient,
  markHook,
  type Operation,
  passOn,
  queryCarriedBy,
  queryOf,
  transactionIdOf,
} from './prisma7/operation.js'
import { readModel } from './read/model-read.js'
import { callerQuery } from './read/row-load.js'
import { type Session, Sessions } from './session.js'
import { invalidate } from './write/invalidate.js'
import { type RunTransaction, runTransaction } from './write/transaction.js'
import { writeModel, writeRaw } from './write/write.js'

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

/** As Prisma's extension types have members of the client. */
type Members<Client> = {
  $cache: () => CacheApi<Client>
  $uncached: () => Client
  $cached: () => (options?: QueryOptions) => Client
}

/** The extension, for `$extends`. */
export interface CacheAside<Client> extends Extension<Client, Members<Client>> {
  /**
   * The write half alone. An extension that turns an operation into another one on its own client (the usual soft delete)
   * hides its writes from extensions that are applied after it. Apply this before it, and the whole cache after it. To
   * invalidate twice is harmless.
   *
   * @example base.$extends(cache.invalidation).$extends(softDelete).$extends(cache)
   */
  readonly invalidation: Extension<Client, Nothing>
}

/** The client as it is at run time; its types are those of the application. */
interface AnyClient {
  $extends(this: object, extension: unknown): AnyClient
  $disconnect(this: object): Promise<void>
  $transaction(this: object, input: unknown, options?: unknown): Promise<unknown>
}

const NAME = 'prisma-extension-cache-aside'

/** @param overrides - for tests: parts of the cache without their guards */
export function createExtension<Client>(
  options: CacheAsideOptions<Client>,
  overrides?: Partial<Overrides>,
): CacheAside<Client> {
  const config = checkOptions(options)
  const sessions = new Sessions(config, overrides ?? {})
  const attach = (client: AnyClient): Attached => {
    const facts = factsOf(client)
    const session = sessions.of(facts)
    const traits = traitsOf(facts)
    if (traits.unseen !== undefined) session.events.warn('READ_REPLICAS', `Nothing is cached: ${traits.unseen}.`)
    return { client, session, traits, own: {} }
  }

  const invalidation = (client: AnyClient) => {
    const attached = attach(client)
    const $allOperations = through(attached, 'invalidation')
    return client.$extends({ name: NAME, query: { $allOperations }, client: clientMembers(attached) })
  }
  const whole = (client: AnyClient) => {
    const attached = attach(client)
    const $allOperations = through(attached, 'all')
    attached.own.hook = $allOperations
    return inFront(attached, $allOperations, $cache => {
      const members = { ...clientMembers(attached), $cache, $uncached: invalidation(client) }
      return client.$extends({ name: NAME, query: { $allOperations }, client: members })
    })
  }
  // The types of both are those of the application's client, which only the caller knows.
  return Object.assign(whole, { invalidation }) as unknown as CacheAside<Client>
}

/**
 * Makes a client whose `$cache` knows of it, with the front.
 *
 * @param query - what `$cached` says of its queries
 */
function inFront(
  { session, traits }: Attached,
  hook: object,
  extend: ($cache: object) => object,
  query?: QueryConfig,
): object {
  const of = new FrontClient(session, traits, hook)
  of.client = extend(cacheApi(session, traits, undefined, explainedBy(of, query)))
  if (query !== undefined) carryQuery(behindFronts(of.client), query)
  Object.defineProperty(of.client, FRONT_CLIENT, { configurable: true, writable: true, value: of })
  if (!session.hasFront || query?.fresh === true) return of.client
  return query === undefined ? frontOf(of) : frontOfQuery(of, query, () => of.client)
}

/** Where a client has its `FrontClient`. */
const FRONT_CLIENT = Symbol('front client')

/** Prisma's own client: of a cached client that was extended by a cache again, what is extended is a front. */
function behindFronts(client: object): object {
  const { [FRONT_CLIENT]: of } = client as { [FRONT_CLIENT]?: FrontClient }
  return of === undefined || of.client === client ? client : behindFronts(of.client)
}

function explainedBy(of: FrontClient, query: QueryConfig | undefined): Explained {
  return {
    query,
    hasHooksBehind: (model, operation) => of.hasHooksBehind(model, operation),
    whyNot: (model, operation, plan) =>
      query?.fresh === true ? 'it reads the database' : of.whyNot(model, operation, plan),
  }
}

/** A client that the extension was applied to. */
interface Attached {
  readonly client: AnyClient
  readonly session: Session
  readonly traits: ClientTraits
  /** Its query hook, once there is one, where reads are cached too. */
  readonly own: { hook?: object }
}

/** @param hasHooksBehind - whether query hooks that are not ours run behind this one */
type Route = (context: Context, traits: ClientTraits, operation: Operation, hasHooksBehind: boolean) => Promise<unknown>

/** The query hook: every operation of the client comes through here. Its `this` is Prisma's list of hooks. */
function through({ session, traits }: Attached, does: 'all' | 'invalidation') {
  const route = does === 'all' ? readOrWrite : invalidateOnly
  function hook(this: unknown, operation: Operation): Promise<unknown> {
    const { context } = session
    if (session.isOff) return bypassedWithout(session, operation)
    const hasHooksBehind = session.hasHooksBehind(this, hook)
    if (context === undefined) return onceOpened(session, traits, operation, hasHooksBehind, route)
    return route(context, traits, operation, hasHooksBehind)
  }
  markHook(hook, does)
  return hook
}

/**
 * While the prefix is not known, reads go to the database, and what a write may have made stale is invalidated as soon as it
 * is.
 */
async function onceOpened(
  session: Session,
  traits: ClientTraits,
  operation: Operation,
  hasHooksBehind: boolean,
  route: Route,
): Promise<unknown> {
  const context = await session.opened()
  if (context !== undefined) return route(context, traits, operation, hasHooksBehind)
  if (operation.model !== undefined && isRead(operation.operation)) {
    const { model } = operation
    return session.events.bypass({ model, operation: operation.operation }, NOT_KNOWN, () => passOn(operation))
  }
  try {
    return await passOn(operation)
  } finally {
    session.whenOpen(opened => void invalidate(opened, anyWrite(opened.catalog), 'write'))
  }
}

function bypassedWithout({ events }: Session, operation: Operation): Promise<unknown> {
  const { model, operation: name } = operation
  if (model === undefined || !isRead(name)) return passOn(operation)
  return events.bypass({ model, operation: name }, TURNED_OFF, () => passOn(operation))
}

const readOrWrite: Route = (context, traits, operation, hasHooksBehind) => {
  if (operation.model === undefined) return writeRaw(context, operation, hasHooksBehind)
  if (isRead(operation.operation)) {
    const query = queryOf(operation) as QueryConfig | undefined
    return readModel(query === undefined ? context : context.for(query), traits, operation, hasHooksBehind)
  }
  // How the database compares texts decides which of them name a row.
  if (!context.access.known) return firstWrite(context, traits, operation, hasHooksBehind)
  return writeModel(context, traits, operation, hasHooksBehind)
}

const invalidateOnly: Route = (context, traits, operation, hasHooksBehind) => {
  if (operation.model !== undefined && isRead(operation.operation)) return callerQuery(context, operation)
  return readOrWrite(context, traits, operation, hasHooksBehind)
}

const firstWrite: Route = async (context, traits, operation, hasHooksBehind) => {
  await context.database.known()
  return writeModel(context, traits, operation, hasHooksBehind)
}

// ---- the client

function clientMembers(attached: Attached) {
  const { client, session, traits, own } = attached
  const cachedClients = new WeakMap<object, Memo<object>>()
  /** Its `explain` knows of the hooks that run behind the cache, and of what `$cached` says. */
  const derivedFrom = (from: object, hook: object, query: QueryConfig | undefined): object =>
    inFront(attached, hook, $cache => client.$extends.call(from, { name: NAME, client: { $cache } }), query)
  /** The same for `$cached`: the client is made when it is needed. */
  const lightFrom = (from: object, hook: object, query: QueryConfig): object => {
    const { [FRONT_CLIENT]: of } = from as { [FRONT_CLIENT]?: FrontClient }
    if (of === undefined || !session.hasFront || query.fresh) return derivedFrom(from, hook, query)
    let made: object | undefined
    return frontOfQuery(of, query, () => {
      if (made !== undefined) return made
      const $cache = cacheApi(session, traits, undefined, explainedBy(of, query))
      made = client.$extends.call(from, { name: NAME, client: { $cache } })
      carryQuery(behindFronts(made), query)
      return made
    })
  }
  return {
    async $disconnect(this: object): Promise<void> {
      await client.$disconnect.call(this)
      await session.rest()
    },

    $extends(this: object, extension: unknown): object {
      const derived = client.$extends.call(this, extension)
      // What it returns has come through here already, or is its own affair.
      if (typeof extension === 'function') return derived
      addTraitsOf(derived, traits)
      const { hook } = own
      if (hook === undefined) return derived
      return derivedFrom(derived, hook, queryCarriedBy(this) as QueryConfig | undefined)
    },

    /** A client is made once for the same options. */
    $cached(this: object, options: unknown = {}): object {
      const query = checkQueryOptions(options)
      const { hook } = own
      if (hook === undefined) return this
      let known = cachedClients.get(this)
      if (known === undefined) cachedClients.set(this, (known = new Memo()))
      return known.of(JSON.stringify(query), () => lightFrom(this, hook, query))
    },

    /** With the receiver, or the transaction client would lose this and all later extensions. */
    async $transaction(this: object, input: unknown, options?: unknown): Promise<unknown> {
      const run = (argument: unknown) => client.$transaction.call(this, argument, options)
      if (typeof input !== 'function') return run(input)
      const callback = (tx: object, scope: Scope | undefined) =>
        (input as (tx: object) => Promise<unknown>)(inTransaction(tx, session, traits, scope))
      const context = session.context ?? (await session.opened())
      if (context === undefined) return transactionBeforeOpen(session, run, callback)
      if (isTransactionClient(this)) {
        const scope = context.scopes.of(transactionIdOf(this) ?? '')
        return run((tx: object) => callback(tx, scope))
      }
      return runTransaction(context, run, callback)
    },
  }
}

async function transactionBeforeOpen(
  session: Session,
  run: RunTransaction,
  callback: (tx: object, scope: undefined) => Promise<unknown>,
): Promise<unknown> {
  try {
    return await run(tx => callback(tx, undefined))
  } finally {
    session.whenOpen(context => void invalidate(context, anyWrite(context.catalog), 'transaction'))
  }
}

/** The transaction client, whose `$cache` and `$uncached` would otherwise leave the transaction. */
function inTransaction(tx: object, session: Session, traits: ClientTraits, scope: Scope | undefined): object {
  const cache = cacheApi(session, traits, { scope })
  const client: object = new Proxy(tx, {
    get(target, name) {
      if (name === '$cache') return cache
      // Reads of a transaction go to the database anyway.
      if (name === '$uncached') return client
      if (name === '$cached') return () => client
      return Reflect.get(target, name) as unknown
    },
  })
  return client
}

/**
 * A client with the cache: `$cache` and `$cached`, what `$extends` gives of it, and its interactive transactions, which are followed to
 * their end.
 */
import { cacheApi, type Explained } from './cache-api.js'
import { checkQueryOptions } from './check-options.js'
import { frontOf, frontOfQuery } from './front/front.js'
import { FrontClient } from './front/front-client.js'
import type { Scope } from './local/open-transactions.js'
import { lazily, Recent } from './memo.js'
import type { QueryConfig } from './options.js'
import { anyWrite } from './plan/effects.js'
import type { ClientTraits } from './plan/selection.js'
import { addTraitsOf } from './plan/traits.js'
import { carryQuery, carryStep, isTransactionClient, queryCarriedBy, transactionIdOf } from './prisma7/operation.js'
import type { Session } from './session.js'
import { invalidate } from './write/invalidate.js'
import { type RunTransaction, runTransaction } from './write/transaction.js'

/** The client as it is at run time; its types are those of the application. */
export interface AnyClient {
  $extends(this: object, extension: unknown): AnyClient
  $disconnect(this: object): Promise<void>
  $transaction(this: object, input: unknown, options?: unknown): Promise<unknown>
}

export const NAME = 'prisma-extension-cache-aside'

/** A client that the extension was applied to. */
export interface Attached {
  readonly client: AnyClient
  readonly session: Session
  readonly traits: ClientTraits
  /** Its query hook, once there is one, where reads are cached too. */
  readonly own: { hook?: object }
}

/**
 * Makes a client whose `$cache` knows of it, with the front.
 *
 * @param query - what `$cached` says of its queries
 */
export function inFront(
  attached: Attached,
  hook: object,
  extend: ($cache: object) => object,
  query?: QueryConfig,
): object {
  const { session, traits } = attached
  const of = new FrontClient(session, traits, hook)
  of.client = carrying(query, extend(cacheApi(session, traits, undefined, explainedBy(attached, of, query))))
  Object.defineProperty(of.client, FRONT_CLIENT, { configurable: true, writable: true, value: of })
  if (!session.hasFront || query?.fresh === true) return of.client
  return query === undefined ? frontOf(of) : frontOfQuery(of, query, () => of.client)
}

/** Where a client has its `FrontClient`. */
const FRONT_CLIENT = Symbol('front client')

/** A client whose operations carry what `$cached` says of them. */
function carrying<Client extends object>(query: QueryConfig | undefined, client: Client): Client {
  if (query !== undefined) carryQuery(behindFronts(client), query)
  return client
}

/** Prisma's own client: of a cached client that was extended by a cache again, what is extended is a front. */
function behindFronts(client: object): object {
  const { [FRONT_CLIENT]: of } = client as { [FRONT_CLIENT]?: FrontClient }
  return of === undefined || of.client === client ? client : behindFronts(of.client)
}

function explainedBy({ client }: Attached, of: FrontClient, query: QueryConfig | undefined): Explained {
  return {
    query,
    clientOf(step) {
      const derived = behindFronts(carrying(query, client.$extends.call(of.client, { name: NAME })))
      carryStep(derived, step)
      return derived
    },
    hasHooksBehind: (model, operation) => of.hasHooksBehind(model, operation),
    whyNot: (model, operation, plan) =>
      query?.fresh === true ? 'it reads the database' : of.whyNot(model, operation, plan),
  }
}

/** Clients of `$cached` that are kept. */
const MOST_CLIENTS = 200

export function clientMembers(attached: Attached) {
  const { client, session, traits, own } = attached
  const cachedClients = new WeakMap<object, Recent<object>>()
  /** Its `explain` knows of the hooks that run behind the cache, and of what `$cached` says. */
  const derivedFrom = (from: object, hook: object, query: QueryConfig | undefined): object =>
    inFront(attached, hook, $cache => extended(from, $cache), query)
  const extended = (from: object, $cache: object) => client.$extends.call(from, { name: NAME, client: { $cache } })
  /** The same for `$cached`: the client is made when it is needed. */
  const lightFrom = (from: object, hook: object, query: QueryConfig): object => {
    const { [FRONT_CLIENT]: of } = from as { [FRONT_CLIENT]?: FrontClient }
    if (of === undefined || !session.hasFront || query.fresh) return derivedFrom(from, hook, query)
    const made = lazily(() =>
      carrying(query, extended(from, cacheApi(session, traits, undefined, explainedBy(attached, of, query)))),
    )
    return frontOfQuery(of, query, made)
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

    /** A client is made once for the same options, as long as there are few. */
    $cached(this: object, options: unknown = {}): object {
      const query = checkQueryOptions(options)
      const { hook } = own
      if (hook === undefined) return this
      let known = cachedClients.get(this)
      if (known === undefined) cachedClients.set(this, (known = new Recent(MOST_CLIENTS)))
      const name = JSON.stringify(query)
      let made = known.get(name)
      if (made === undefined) known.set(name, (made = lightFrom(this, hook, query)))
      return made
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

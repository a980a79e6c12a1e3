/**
 * The map: routes every operation of a client to the read, to the write, or straight to Prisma.
 */
import type { Overrides } from './assemble.js'
import type { CacheApi } from './cache-api.js'
import { checkOptions } from './check-options.js'
import { type AnyClient, type Attached, clientMembers, inFront, NAME } from './client.js'
import type { Context } from './context.js'
import type { CacheAsideOptions, QueryConfig, QueryOptions } from './options.js'
import { NOT_KNOWN, TURNED_OFF } from './plan/bypass.js'
import { anyWrite } from './plan/effects.js'
import { isRead } from './plan/read.js'
import type { ClientTraits } from './plan/selection.js'
import { traitsOf } from './plan/traits.js'
import { factsOf } from './prisma7/client.js'
import { markHook, type Operation, passOn, queryOf, stepOf } from './prisma7/operation.js'
import { readModel } from './read/model-read.js'
import { callerQuery } from './read/row-load.js'
import { takeStep } from './read/warm-step.js'
import { type Session, Sessions } from './session.js'
import { invalidate } from './write/invalidate.js'
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
    const of = query === undefined ? context : context.for(query)
    const step = stepOf(operation)
    if (step !== undefined) return takeStep(of, traits, operation, hasHooksBehind, step)
    return readModel(of, traits, operation, hasHooksBehind)
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

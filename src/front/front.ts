/**
 * The front: a client whose reads of cached models are looked up before Prisma knows of them. Prisma's own way to a query hook
 * costs several times what a hit does. Everything that is not a hit is Prisma's: its errors, hooks, spans and transactions.
 */
import { isRead, isRowRead } from '../plan/read.js'
import { memberOf, type PrismaPromise, relationsOf } from '../prisma7/calls.js'
import type { FrontClient } from './front-client.js'
import { Method } from './method.js'
import { FrontPromise, promiseWith } from './promise.js'

type Methods = Readonly<Record<string, unknown>>

export function frontOf(of: FrontClient): object {
  const { client, session } = of
  const front: object = Object.create(client) as object
  for (const { name, cached } of session.catalog.values()) {
    const mayBeCached = cached !== undefined || (of.query !== undefined && memberOf(name) in client)
    if (mayBeCached) defineOnce(front, memberOf(name), () => membersOf(of, name))
  }
  return looksLike(client, front)
}

/** The methods of a model. */
function membersOf(of: FrontClient, model: string): object {
  const { client } = of
  const own = (client as Record<string, object>)[memberOf(model)] as object
  const operations = Object.keys(own).filter(name => isRead(name) && of.whyNever(model, name) === undefined)
  const relations = relationsOf(client, model)
  // Prisma, too, would take a relation of such a name for that.
  const isConfusing = relations.some(
    name => name in Promise.prototype || name === 'requestTransaction' || name === 'spec',
  )
  if (operations.length === 0 || isConfusing) return own
  const members: object = Object.create(own) as object
  // The promise of one row is the beginning of a fluent call.
  const RowPromise = promiseWith(relations)
  for (const operation of operations) {
    const call = (own as Methods)[operation] as (args: unknown) => PrismaPromise
    const method = new Method(of, model, operation, call)
    const Promised = isRowRead(operation) ? RowPromise : FrontPromise
    const value = hideFrame((args?: unknown) => new Promised(method, args))
    define(members, operation, value)
  }
  return looksLike(own, members)
}

/**
 * Errors of Prisma name the line of the application: the first frame of the stack that is not one of Prisma's own. It takes
 * constructors, and functions with such a name, for its own.
 */
function hideFrame<T extends object>(method: T): T {
  return Object.defineProperty(method, 'name', { value: 'Proxy.read' })
}

/** To assign would reach the client that it inherits from. */
function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { configurable: true, enumerable: true, writable: true, value })
}

function defineOnce(target: object, name: string, make: () => object): void {
  const set = (value: unknown) => define(target, name, value)
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: true,
    get() {
      const value = make()
      set(value)
      return value
    },
    set,
  })
}

/** An object that has all that another one has lists it, too. */
function looksLike(original: object, own: object): object {
  return new Proxy(own, {
    ownKeys: () => [...new Set([...Reflect.ownKeys(original), ...Reflect.ownKeys(own)])],
    getPrototypeOf: () => Reflect.getPrototypeOf(original),
    getOwnPropertyDescriptor(_, name) {
      const described = Reflect.getOwnPropertyDescriptor(original, name) ?? Reflect.getOwnPropertyDescriptor(own, name)
      if (described === undefined) return undefined
      const { enumerable = false } = described
      return { configurable: true, enumerable, writable: true, value: (own as Record<PropertyKey, unknown>)[name] }
    },
  })
}

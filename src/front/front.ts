/**
 * The front: a client whose reads of cached models are looked up before Prisma knows of them. Prisma's own way to a query hook
 * costs several times what a hit does. Everything that is not a hit is Prisma's: its errors, hooks, spans and transactions.
 */
import type { QueryConfig } from '../options.js'
import { isRead, isRowRead } from '../plan/read.js'
import { memberOf, type PrismaPromise } from '../prisma7/calls.js'
import type { FrontClient, ModelShape } from './front-client.js'
import { Method } from './method.js'
import { FrontPromise, promiseWith } from './promise.js'

type Methods = Readonly<Record<string, unknown>>

export function frontOf(of: FrontClient): object {
  const { client, session } = of
  const front: object = Object.create(client) as object
  for (const { name, cached } of session.catalog.values()) {
    if (cached !== undefined) defineOnce(front, memberOf(name), () => membersOf(of, name))
  }
  return looksLike(client, front)
}

/**
 * The front of `$cached`, which may be made for each request. The Prisma client that it is for takes far longer to make:
 * that is done when something is no hit.
 *
 * @param of - the client that `$cached` was called on
 * @param client - the same client, of which all operations carry the query to the hook
 */
export function frontOfQuery(of: FrontClient, query: QueryConfig, client: () => object): object {
  const members = new Map<PropertyKey, object>()
  return new Proxy(of.client, {
    get(target, name) {
      if (name === '$cache') return (client() as Methods)[name]
      if (name === '$extends') return (extension: unknown) => (client() as Extendable).$extends(extension)
      const model = of.session.modelOfMember(name)
      if (model === undefined || !(name in target)) return Reflect.get(target, name) as unknown
      // A method that is Prisma's or another extension's has to be that of the client with the query.
      if (of.shapeOf(model).operations.length === 0) return (client() as Methods)[name as string]
      let known = members.get(name)
      if (known === undefined) members.set(name, (known = membersOfQuery(of, model, client, query)))
      return known
    },
  })
}

interface Extendable {
  $extends(extension: unknown): object
}

/** The methods of a model. */
function membersOf(of: FrontClient, model: string): object {
  const { own, operations } = of.shapeOf(model)
  if (operations.length === 0) return own
  const members: object = Object.create(own) as object
  for (const operation of operations) {
    define(members, operation, methodOf(of, model, operation, (own as Methods)[operation] as Call, undefined))
  }
  return looksLike(own, members)
}

/** The same for `$cached`; each method is made when it is used. */
function membersOfQuery(of: FrontClient, model: string, client: () => object, query: QueryConfig): object {
  const { own, operations } = of.shapeOf(model)
  const methods = new Map<PropertyKey, unknown>()
  const methodOfClient = (name: string) => (client() as Record<string, Methods>)[memberOf(model)]?.[name]
  return new Proxy(own, {
    get(target, name) {
      if (typeof name !== 'string' || !isRead(name)) return Reflect.get(target, name) as unknown
      if (!operations.includes(name)) return methodOfClient(name)
      let method = methods.get(name)
      if (method === undefined) {
        const call = (args: unknown) => (methodOfClient(name) as Call)(args)
        methods.set(name, (method = methodOf(of, model, name, call, query)))
      }
      return method
    },
  })
}

/** @param call - Prisma's method, for what is no hit */
function methodOf(of: FrontClient, model: string, operation: string, call: Call, query: QueryConfig | undefined) {
  const method = new Method(of, model, operation, call, query)
  const Promised = isRowRead(operation) ? rowPromiseOf(of.shapeOf(model)) : FrontPromise
  return hideFrame((args?: unknown) => new Promised(method, args))
}

/** The promise of one row is the beginning of a fluent call. */
function rowPromiseOf(shape: ModelShape): typeof FrontPromise {
  let known = rowPromises.get(shape)
  if (known === undefined) rowPromises.set(shape, (known = promiseWith(shape.relations)))
  return known
}

const rowPromises = new WeakMap<ModelShape, typeof FrontPromise>()

type Call = (args: unknown) => PrismaPromise

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

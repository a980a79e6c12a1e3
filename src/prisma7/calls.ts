/** What Prisma does around a call of a model's method: whether anything of it would be missed if the call were answered before. */
import { isInvalidationHook } from './operation.js'

/** The parts of a client that are read here. */
interface ClientInternals {
  readonly _errorFormat?: unknown
  readonly _tracingHelper?: { isEnabled?(): boolean }
  readonly _runtimeDataModel?: {
    readonly models?: Readonly<Record<string, { readonly fields: readonly { name: string; kind: string }[] }>>
  }
  readonly _extensions?: {
    getAllClientExtensions?(): object | undefined
    getAllModelExtensions?(model: string): object | undefined
    getAllQueryCallbacks?(model: string, operation: string): readonly object[]
  }
}

/** The promise of a query: it runs when it is awaited, and each time that it is part of a batch transaction. */
export interface PrismaPromise {
  readonly spec?: unknown
  then(onFulfilled?: Callback, onRejected?: Callback): Promise<unknown>
  requestTransaction(transaction: unknown): unknown
}

// oxlint-disable-next-line typescript/no-explicit-any -- as in the types of `Promise`
type Callback = ((value: any) => unknown) | null | undefined

/** The name of the client's member for a model. */
export function memberOf(model: string): string {
  return model.charAt(0).toLowerCase() + model.slice(1)
}

/** The query hooks of a client for an operation, in the order in which they run. */
export function hooksOf(client: object, model: string, operation: string): readonly object[] | undefined {
  return (client as ClientInternals)._extensions?.getAllQueryCallbacks?.(memberOf(model), operation)
}

/**
 * Why a model's method is not Prisma's own, or does not go straight to this hook: then the hook can't be asked in its place.
 * Undefined where it can.
 */
export function detourBefore(hook: object, client: object, model: string, operation: string): string | undefined {
  const { _extensions } = client as ClientInternals
  if (typeof _extensions?.getAllModelExtensions !== 'function')
    return 'this version of Prisma keeps its extensions elsewhere'
  if (memberOf(model) in (_extensions.getAllClientExtensions?.() ?? {}))
    return `an extension replaces ${memberOf(model)}`
  if (operation in (_extensions.getAllModelExtensions(model) ?? {})) return `an extension replaces ${operation}`
  const hooks = hooksOf(client, model, operation) ?? []
  const before = hooks.indexOf(hook)
  const goesStraight = before >= 0 && hooks.slice(0, before).every(isInvalidationHook)
  return goesStraight ? undefined : 'an extension with query hooks was applied before the cache'
}

/** Says whether a span of Prisma's would be missed. Tracing may be switched on at any time. */
export function tracingOf(client: object): () => boolean {
  const { _tracingHelper } = client as ClientInternals
  if (typeof _tracingHelper?.isEnabled !== 'function') return () => true
  return () => _tracingHelper.isEnabled?.() ?? true
}

/** Whether errors say where in the application the method was called: Prisma has to be there when it is. */
export function namesCallSite(client: object): boolean {
  return (client as ClientInternals)._errorFormat !== 'minimal'
}

/** The relation fields of a model: the methods of a fluent call. */
export function relationsOf(client: object, model: string): readonly string[] {
  const { fields = [] } = (client as ClientInternals)._runtimeDataModel?.models?.[model] ?? {}
  return fields.filter(({ kind }) => kind === 'object').map(({ name }) => name)
}

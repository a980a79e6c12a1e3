/**
 * The promise that a method of the front returns. As Prisma's, it runs when it is awaited, can be part of a batch transaction, and
 * has the methods of a fluent call. It answers hits by itself; everything else is up to Prisma's own promise.
 */
import { nameOf } from '../errors.js'
import { isPlain } from '../plan/args.js'
import type { PrismaPromise } from '../prisma7/calls.js'
import { answerOf, handOver, handToDatabase, handToRefresh, probed } from '../read/first-look.js'
import { type Answer, BYPASS } from '../read/read.js'
import type { Method, PendingLook } from './method.js'

type OnFulfilled = ((value: unknown) => unknown) | null | undefined
type OnRejected = ((error: unknown) => unknown) | null | undefined

export class FrontPromise {
  readonly #method: Method
  readonly #args: unknown
  #isBegun = false
  #look: PendingLook | undefined
  #answer: Answer | undefined
  #prisma: PrismaPromise | undefined
  /** What Prisma's promise was made with. */
  #prismaArgs: unknown

  constructor(method: Method, args: unknown) {
    this.#method = method
    this.#args = args
    if (!method.isEager) return
    // Here, and in no function: see `hideFrame`.
    this.#prismaArgs = args === undefined || isPlain(args) ? { ...args } : args
    this.#prisma = method.call(this.#prismaArgs)
  }

  // oxlint-disable-next-line unicorn/no-thenable -- as Prisma's
  then(onFulfilled?: OnFulfilled, onRejected?: OnRejected): Promise<unknown> {
    if (!this.#isBegun) {
      this.#isBegun = true
      this.#look = this.#method.look(this.#args)
    }
    const look = this.#look
    if (look === undefined) return this.prisma.then(onFulfilled, onRejected)
    const fromPrisma = () => this.#prismaWith(look.own.args).then(onFulfilled, onRejected)
    return look.found.then(found => {
      // An error here would go nowhere: an `await` waits for one of the two callbacks.
      const answer = (this.#answer ??= this.#answerOf(look, found))
      if (answer.kind !== 'hit') return fromPrisma()
      return typeof onFulfilled === 'function' ? onFulfilled(answer.value) : answer.value
    }, fromPrisma)
  }

  catch(onRejected?: OnRejected): Promise<unknown> {
    return this.then(undefined, onRejected)
  }

  finally(onFinally?: (() => void) | null): Promise<unknown> {
    return this.then(undefined).finally(onFinally)
  }

  requestTransaction(transaction: unknown): unknown {
    return this.prisma.requestTransaction(transaction)
  }

  get spec(): unknown {
    return this.prisma.spec
  }

  get [Symbol.toStringTag](): string {
    return 'PrismaPromise'
  }

  /** Prisma's own promise, with the args as they are now. */
  get prisma(): PrismaPromise {
    return this.#prismaWith(this.#args)
  }

  #answerOf(pending: PendingLook, found: unknown): Answer {
    const { context, plan, deadline, times } = pending
    try {
      const answer = answerOf(context, this.#method.operation, { plan, found, deadline, times })
      if (answer.kind === 'hit') {
        const { operation } = this.#method
        this.#refreshLater(context, deadline, plan, () => pending.own.args)
        context.probe?.sample(() => {
          const { args } = pending.own
          return probed(context, plan, { operation, args }, () => this.#fromDatabase(args))
        })
        return answer
      }
      const { args, plan: own } = pending.own
      this.#prismaWith(args)
      handOver(this.#prismaArgs as object, { plan: own, found, deadline, times })
      return answer
    } catch (error) {
      context.events.emit({ type: 'error', code: 'UNEXPECTED', message: `A look-up failed: ${nameOf(error)}.` })
      return BYPASS
    }
  }

  /** Begins to load anew what was found due: by Prisma's own method, whose hook knows these args. */
  #refreshLater(
    { refreshes, events }: PendingLook['context'],
    { due }: PendingLook['deadline'],
    plan: PendingLook['plan'],
    args: () => Record<string, unknown>,
  ): void {
    if (due === undefined) return
    const run = async () => {
      const own = { ...args() }
      handToRefresh(own, due.until)
      await this.#method.call(own)
    }
    const read = { model: plan.model.name, operation: this.#method.operation, key: due.key }
    refreshes.begin({ key: due.key, run, failed: error => events.refreshFailed(read, error) })
  }

  /** The same query, past the cache. */
  async #fromDatabase(args: Record<string, unknown>): Promise<unknown> {
    const own = { ...args }
    handToDatabase(own)
    return await this.#method.call(own)
  }

  #prismaWith(args: unknown): PrismaPromise {
    if (this.#prisma === undefined) {
      this.#prismaArgs = args
      this.#prisma = this.#method.call(args)
    } else if (isPlain(this.#prismaArgs)) fill(this.#prismaArgs, args ?? {})
    return this.#prisma
  }
}

/** Prisma's promise was made when the method was called, and reads its args when it runs. */
function fill(target: object, source: object): void {
  if (target === source) return
  for (const name of Object.keys(target)) delete (target as Record<string, unknown>)[name]
  Object.assign(target, source)
}

/** A promise with the methods of a fluent call, which are Prisma's. */
export function promiseWith(relations: readonly string[]): typeof FrontPromise {
  if (relations.length === 0) return FrontPromise
  const WithRelations = class extends FrontPromise {}
  for (const name of relations) {
    Object.defineProperty(WithRelations.prototype, name, {
      configurable: true,
      get(this: FrontPromise) {
        return (this.prisma as unknown as Record<string, unknown>)[name]
      },
    })
  }
  return WithRelations
}

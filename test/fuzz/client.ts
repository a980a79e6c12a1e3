/** Clients, whose types are too many for random calls. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { makeTypedQueryFactory } from '@prisma/client/runtime/client'
import { Prisma } from '../../generated/prisma/client.js'
import { type Call, printed, type Read } from './reads.js'
import type { Raw, Statement } from './writes/write.js'

type Delegates = Record<string, Record<string, (args: unknown) => Promise<unknown>>>
type Fluent = Record<string, (args?: unknown) => Promise<unknown>>

export function query(client: object, statement: Statement): Promise<unknown> {
  return 'text' in statement ? rawQuery(client, statement) : modelQuery(client, statement)
}

function modelQuery(client: object, { delegate, operation, args, fluent = [] }: Call): Promise<unknown> {
  let promise = (client as Delegates)[delegate]![operation]!(args)
  for (const [relation, more] of fluent) promise = (promise as unknown as Fluent)[relation]!(more)
  return promise
}

function rawQuery(client: object, { method, text }: Raw): Promise<unknown> {
  const execute = (client as Record<string, (text: unknown) => Promise<unknown>>)[method]!.bind(client)
  if (method === '$queryRawTyped') return execute(makeTypedQueryFactory(text)())
  return execute(method.endsWith('Unsafe') ? text : Prisma.raw(text))
}

/** Prisma's promises run nothing before somebody waits for them. */
export async function run(client: object, statement: Statement): Promise<unknown> {
  return await query(client, statement)
}

export function transaction(client: object, input: unknown): Promise<unknown> {
  return (client as { $transaction(input: unknown): Promise<unknown> }).$transaction(input)
}

/** What a read answers: a value, or an error by class and code. */
export interface Answer {
  readonly value?: unknown
  readonly error?: string
}

export async function answerOf(client: object, read: Call): Promise<Answer> {
  try {
    let value = await run(client, read)
    // Before 7.10 this is no answer: another lookup of its tick was a `findUniqueOrThrow` without a row.
    for (let n = 0; value === undefined && n < 5; n++) {
      await nextTurn()
      value = await run(client, read)
    }
    return { value }
  } catch (error) {
    const { name, code } = error as { name?: string; code?: string }
    return { error: `${name} ${code}` }
  }
}

export function same(answer: Answer, truth: Answer, { unordered }: Read): boolean {
  if (unordered === true) return printed(sorted(answer)) === printed(sorted(truth))
  // Whatever the order of the fields: lookups of one tick that differ in nothing else get one from Prisma.
  return isDeepStrictEqual(answer, truth)
}

/** Lists, and fields, in any order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted).toSorted((a, b) => (printed(a) < printed(b) ? -1 : 1))
  }
  const plain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  if (!plain) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, each]) => [name, sorted(each)]),
  )
}

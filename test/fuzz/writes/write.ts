/** What a write is to a program: data that can be printed and repeated. */
import type { Dice } from '../dice.js'
import type { Call } from '../reads.js'
import { type Subject, subjects } from '../space.js'

export interface Raw {
  readonly method: '$executeRaw' | '$executeRawUnsafe' | '$queryRaw' | '$queryRawUnsafe' | '$queryRawTyped'
  readonly text: string
}

export type Statement = Call | Raw

export interface Body {
  readonly statements: readonly Statement[]
  /** A transaction inside of this one, after its statements. */
  readonly nested?: Body
  /** Whether a statement that is refused is swallowed: Postgres then rolls back without a word. */
  readonly swallows?: boolean
  readonly end: 'commits' | 'rolls back'
}

export type Write =
  | { readonly how: 'alone'; readonly statement: Statement }
  /** Started in the same tick, the second by the other client. */
  | { readonly how: 'at once'; readonly statements: readonly [Statement, Statement] }
  | { readonly how: 'batch'; readonly statements: readonly Statement[] }
  | { readonly how: 'interactive'; readonly body: Body }
  /** Two transactions, one by each client, that run at the same time. */
  | { readonly how: 'interleaved'; readonly bodies: readonly [Body, Body] }

/** Writes that test the same. */
export interface Kind {
  readonly name: string
  readonly ways: readonly ((dice: Dice) => Write)[]
  /** It counts when the database refuses it. */
  readonly refused?: boolean
}

export type Way = Kind['ways'][number]
/** The ways of each kind, by its name. */
export type Ways = Readonly<Record<string, readonly Way[]>>

export const call = (delegate: string, operation: string, args: object): Call => ({ delegate, operation, args })

export const alone = (delegate: string, operation: string, args: object): Write => ({
  how: 'alone',
  statement: call(delegate, operation, args),
})

export const subjectOf = (delegate: string): Subject =>
  subjects.find(subject => subject.delegate === delegate) as Subject

/** How a write of a program is done: alone, in a transaction of some kind, or beside another. */
import { answerOf, query, run, transaction } from './client.js'
import type { Call } from './reads.js'
import type { Body, Write } from './writes/write.js'

/** What is done while a transaction is open. */
export interface Beside {
  readonly beside: () => Promise<void>
  /** Read by the transaction itself. */
  readonly reads: readonly Call[]
}

/**
 * Answers whether it was refused.
 *
 * @param other - who writes beside `client`, in writes of two
 */
export async function perform(write: Write, client: object, other: object, beside?: Beside): Promise<boolean> {
  switch (write.how) {
    case 'alone':
      return refusal(() => run(client, write.statement))
    case 'at once': {
      const [first, second] = write.statements
      const both = await Promise.all([refusal(() => run(client, first)), refusal(() => run(other, second))])
      return both.every(Boolean)
    }
    case 'batch':
      return refusal(() =>
        transaction(
          client,
          write.statements.map(each => query(client, each)),
        ),
      )
    case 'interactive':
      return interactive(client, write.body, beside)
    default: {
      const [first, second] = write.bodies
      const both = await Promise.all([interactive(client, first), interactive(other, second)])
      return both.every(Boolean)
    }
  }
}

/** Answers whether it was refused before the end that it should come to. */
async function interactive(client: object, body: Body, beside?: Beside): Promise<boolean> {
  let wrong: unknown
  let ended = false
  try {
    await transaction(client, async (tx: object) => {
      await statementsOf(tx, body)
      if (beside !== undefined) {
        for (const read of beside.reads) await answerOf(tx, read)
        await beside.beside().catch((error: unknown) => {
          wrong = error
        })
      }
      if (body.nested !== undefined) await inner(tx, body.nested)
      ended = true
      if (body.end === 'rolls back') throw new Error('rolled back')
    })
  } catch {
    // A statement that is refused ends the transaction too.
  }
  if (wrong !== undefined) throw wrong
  return !ended
}

/** Runs the statements of a transaction. */
async function statementsOf(tx: object, { statements, swallows }: Body): Promise<void> {
  for (const each of statements) {
    try {
      await run(tx, each)
    } catch (error) {
      if (swallows !== true) throw error
    }
  }
}

async function inner(tx: object, body: Body): Promise<void> {
  const rolledBack = new Error('rolled back')
  try {
    await transaction(tx, async (deep: object) => {
      await statementsOf(deep, body)
      if (body.end === 'rolls back') throw rolledBack
    })
  } catch (error) {
    // Refused: the whole transaction ends. Ended by will: the outer one goes on.
    if (error !== rolledBack) throw error
  }
}

/** Whether the database refuses it, as random writes are; what it leaves is compared all the same. */
async function refusal(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write()
    return false
  } catch {
    return true
  }
}

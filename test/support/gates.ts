/** Holds queries on their way to the database and answers on their way back, so that a schedule is what the test says. */

type Side = 'before' | 'after'

export interface Gate {
  /** Resolves when a query has come to the gate and waits there. */
  readonly arrived: Promise<void>
  /** Lets it pass. */
  open: () => void
}

/**
 * An extension to be applied after the cache, so next to the database.
 *
 * @example
 * const gates = new Gates()
 * const db = cached.prisma.$extends(gates.extension)
 * const gate = gates.hold('findUnique', 'after') // the next one: asked, answered, and not yet handed back
 * const read = db.user.findUnique(...)
 * await gate.arrived
 * gate.open()
 */
export class Gates {
  readonly #held: { operation: string; side: Side; arrive: () => void; opened: Promise<void> }[] = []

  hold(operation: string, side: Side): Gate {
    let arrive = () => {}
    let open = () => {}
    const arrived = new Promise<void>(resolve => {
      arrive = resolve
    })
    const opened = new Promise<void>(resolve => {
      open = resolve
    })
    this.#held.push({ operation, side, arrive, opened })
    return { arrived, open }
  }

  async #pass(operation: string, side: Side): Promise<void> {
    const at = this.#held.findIndex(held => held.operation === operation && held.side === side)
    const [held] = at < 0 ? [] : this.#held.splice(at, 1)
    if (held === undefined) return
    held.arrive()
    await held.opened
  }

  readonly extension = {
    query: {
      $allOperations: async ({ operation, args, query }: Hook): Promise<unknown> => {
        await this.#pass(operation, 'before')
        const result = await query(args as never)
        await this.#pass(operation, 'after')
        return result
      },
    },
  }
}

interface Hook {
  operation: string
  args: unknown
  query: (args: never) => PromiseLike<unknown>
}

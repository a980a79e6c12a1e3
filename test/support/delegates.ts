/** Models by name, for tests that run over many of them: Prisma's types know each delegate only by itself. */

export interface Delegate {
  findUnique(args: object): Promise<unknown>
  findUniqueOrThrow(args: object): Promise<unknown>
  findFirst(args: object): Promise<unknown>
  findFirstOrThrow(args: object): Promise<unknown>
  create(args: object): Promise<unknown>
  update(args: object): Promise<unknown>
  deleteMany(args: object): Promise<unknown>
}

/** The model of a client, extended or not. */
export function delegate(client: object, model: string): Delegate {
  return (client as Record<string, Delegate>)[model.charAt(0).toLowerCase() + model.slice(1)] as Delegate
}

/** What became of a query: its value, or name and code of its error. */
export async function outcome(query: Promise<unknown>): Promise<unknown> {
  try {
    return { value: await query }
  } catch (error) {
    const { name, code } = error as { name: string; code?: string }
    return { error: name, code }
  }
}

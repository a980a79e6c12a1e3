/**
 * The judge: the plain client. What it has answered counts again while none of the tables that the read may look at has
 * changed, so most of its answers about the state that programs begin with are asked for once.
 */
import { type Answer, answerOf } from './client.js'
import type { Read } from './reads.js'
import { subjects, tables } from './space.js'

interface Plain {
  $queryRawUnsafe(text: string): Promise<unknown>
}

/** A digest per table. */
export type State = Readonly<Record<string, string>>

/** Tables behind a relation field of any model. */
export type Relations = ReadonlyMap<string, readonly string[]>

const digests = Object.entries(tables).map(
  ([name, table]) =>
    `(SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text COLLATE "C"), '')) FROM "${table}" t) AS "${name}"`,
)
const stateQuery = `SELECT ${digests.join(', ')}`

export class Truth {
  readonly #plain: Plain
  readonly #relations: Relations
  readonly #tables = new Map<Read, readonly string[]>()
  readonly #known = new Map<Read, Map<string, Promise<Answer>>>()

  constructor(plain: Plain, relations: Relations) {
    this.#plain = plain
    this.#relations = relations
  }

  /** What the database holds now. */
  async state(): Promise<State> {
    const [state] = (await this.#plain.$queryRawUnsafe(stateQuery)) as [State]
    return state
  }

  /** What is to be answered in this state, which the database is in. */
  answer(read: Read, state: State): Promise<Answer> {
    let known = this.#known.get(read)
    if (known === undefined) this.#known.set(read, (known = new Map()))
    const key = this.#tablesOf(read)
      .map(table => state[table])
      .join()
    let answer = known.get(key)
    if (answer !== undefined) return answer
    // The first is of the state that programs begin with.
    if (known.size >= 4) known.delete([...known.keys()][1] as string)
    known.set(key, (answer = answerOf(this.#plain, read)))
    return answer
  }

  forget(): void {
    this.#known.clear()
    this.#tables.clear()
  }

  /** All that the read may look at, or more: every name in its args that is the name of a relation anywhere. */
  #tablesOf(read: Read): readonly string[] {
    let found = this.#tables.get(read)
    if (found !== undefined) return found
    const names = new Set<string>([subjects.find(({ delegate }) => delegate === read.delegate)?.model ?? ''])
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      for (const [name, inner] of Object.entries(value)) {
        if (name === '_count' && inner === true) for (const table of Object.keys(tables)) names.add(table)
        for (const table of this.#relations.get(name) ?? []) names.add(table)
        visit(inner)
      }
    }
    visit(read.args)
    for (const [relation, args] of read.fluent ?? []) visit({ [relation]: args ?? {} })
    found = [...names].filter(name => name in tables)
    this.#tables.set(read, found)
    return found
  }
}

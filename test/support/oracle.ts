/** The database as the judge: what the cache answers has to equal what plain Prisma answers, for every row there is or was. */
import { expect } from 'vitest'
import { factsOf } from '../../src/prisma7/client.js'
import type { CachedProcess, World } from './world.js'

interface Delegate {
  findMany(args?: unknown): Promise<Record<string, unknown>[]>
  findUnique(args: unknown): Promise<Record<string, unknown> | null>
}

/** Every cached model, with the `where` of each row that was ever seen. */
export class Oracle {
  readonly #world: World
  readonly #models: { name: string; where: (row: Record<string, unknown>) => object }[]
  readonly #known = new Map<string, object>()

  constructor(world: World, names: readonly string[]) {
    this.#world = world
    const { schema } = factsOf(world.plain)
    this.#models = names.map(name => {
      const key = schema.models.get(name)?.primaryKey
      if (key === undefined) throw new Error(`${name} has no primary key`)
      const fields = key.fields.map(field => field.name)
      return {
        name,
        where: row => {
          const values = Object.fromEntries(fields.map(field => [field, row[field]]))
          return fields.length === 1 ? values : { [key.name]: values }
        },
      }
    })
  }

  /** Reads every known row through the given processes, so that all of them are in the cache. */
  async warm(...processes: readonly CachedProcess[]): Promise<void> {
    await this.#meetRows()
    for (const cached of processes) await this.#read(cached)
  }

  /** Every row through every process equals the database. Answers how many of the reads were hits. */
  async check(...processes: readonly CachedProcess[]): Promise<number> {
    await this.#meetRows()
    let hits = 0
    for (const cached of processes) {
      const before = cached.prisma.$cache.stats().hits
      const answers = await this.#read(cached)
      hits += cached.prisma.$cache.stats().hits - before
      const truth = await this.#truth()
      for (const [key, answer] of answers) expect(answer, `${key}, as the cache has it`).toEqual(truth.get(key) ?? null)
    }
    return hits
  }

  async #meetRows(): Promise<void> {
    for (const [key, { where }] of (await this.#rows()).entries()) this.#known.set(key, where)
  }

  async #truth(): Promise<Map<string, unknown>> {
    return new Map([...(await this.#rows())].map(([key, { row }]) => [key, row]))
  }

  async #rows(): Promise<Map<string, { row: Record<string, unknown>; where: object }>> {
    const rows = new Map<string, { row: Record<string, unknown>; where: object }>()
    for (const { name, where } of this.#models) {
      for (const row of await delegate(this.#world.plain, name).findMany()) {
        rows.set(`${name} ${show(where(row))}`, { row, where: where(row) })
      }
    }
    return rows
  }

  async #read(cached: CachedProcess): Promise<[string, unknown][]> {
    return Promise.all(
      [...this.#known].map(async ([key, where]): Promise<[string, unknown]> => {
        const name = key.slice(0, key.indexOf(' '))
        return [key, await delegate(cached.prisma, name).findUnique({ where })]
      }),
    )
  }
}

function delegate(client: object, model: string): Delegate {
  return (client as Record<string, Delegate>)[model.charAt(0).toLowerCase() + model.slice(1)] as Delegate
}

function show(where: object): string {
  return JSON.stringify(where, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
}

/**
 * Row-level security: where it is in force, what is cached for one database user may not be shown to another, and nothing in
 * the schema shows it. So the database is asked once per process, before the first read is served.
 */
import { Bypass } from './plan/bypass.js'
import type { Catalog } from './plan/catalog.js'
import type { ReadPlan } from './plan/query.js'

/** A database that does not answer is asked again, not before this time. */
const RETRY_MS = 1_000

export class RowSecurity {
  readonly #ask: () => Promise<ReadonlySet<string>>
  readonly #catalog: Catalog
  #secured: ReadonlySet<string> | undefined
  #asking: Promise<void> | undefined
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(catalog: Catalog, ask: () => Promise<ReadonlySet<string>>) {
    this.#catalog = catalog
    this.#ask = ask
  }

  /** Whether it is known of which models rows depend on who asks. */
  get known(): boolean {
    return this.#secured !== undefined
  }

  /** The plan, or, where what it reads depends on who asks, why it goes to the database. */
  check(plan: ReadPlan): ReadPlan {
    const guarded = plan.kind === 'bypass' ? undefined : plan.models.find(model => this.#secured?.has(model))
    return guarded === undefined ? plan : new Bypass(`rows of ${guarded} depend on who asks: row-level security`)
  }

  /** Finds out; resolves when that is settled, one way or the other. */
  async settled(): Promise<void> {
    if (this.#asking === undefined && performance.now() - this.#askedAt >= RETRY_MS) {
      this.#askedAt = performance.now()
      this.#asking = this.#find()
    }
    await this.#asking
  }

  async #find(): Promise<void> {
    try {
      const tables = await this.#ask()
      const guarded = [...this.#catalog.values()].filter(({ model, cached }) => {
        const { databaseSchema, table } = model
        // Where the schema does not say which database schema it means, any may be meant.
        const isMeant = (name: string) =>
          databaseSchema === undefined ? name.endsWith(`.${table}`) : name === `${databaseSchema}.${table}`
        return cached?.policy.rowSecurity !== 'same-for-all' && [...tables].some(isMeant)
      })
      this.#secured = new Set(guarded.map(({ model }) => model.name))
    } catch {
      // Whatever is wrong, the caller's own query will meet it too.
    } finally {
      this.#asking = undefined
    }
  }
}

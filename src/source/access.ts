/**
 * What the client's database user may see. Rows that are not the same for every session (row-level security, a view that
 * reads the session) are not cached, and neither is what the user may not read: entries are shared by all clients of a source.
 */
import { Bypass } from '../plan/bypass.js'
import type { Catalog, CatalogModel, Relation } from '../plan/catalog.js'
import type { ReadPlan } from '../plan/read.js'
import type { Database, DatabaseFacts } from './database.js'

export class Access {
  readonly #catalog: Catalog
  readonly #database: Pick<Database, 'facts'>
  /** Key: a name from `plan.models`, of a model or of the links of a many-to-many relation. Value: why it is not cached. */
  #closed: ReadonlyMap<string, string> | undefined

  constructor(catalog: Catalog, database: Pick<Database, 'facts'>) {
    this.#catalog = catalog
    this.#database = database
  }

  /** Whether the database has answered. */
  get known(): boolean {
    return this.#database.facts !== undefined
  }

  /** Why models, and links between them, are not cached, by name; empty while the database has not answered. */
  reasons(): ReadonlyMap<string, string> {
    const { facts } = this.#database
    if (facts === undefined) return new Map()
    return (this.#closed ??= closedTo(this.#catalog, facts))
  }

  /** The plan, or a bypass where not all users may see what it reads. */
  check(plan: ReadPlan): ReadPlan {
    if (plan.kind === 'bypass') return plan
    const closed = this.#closed ?? this.reasons()
    if (closed.size === 0) return plan
    for (const name of plan.models) {
      const why = closed.get(name)
      if (why !== undefined) return new Bypass(why)
    }
    return plan
  }
}

function closedTo(catalog: Catalog, facts: DatabaseFacts): Map<string, string> {
  const closed = new Map<string, string>()
  for (const own of catalog.values()) {
    if (own.cached === undefined) continue
    const why = whyClosed(own, facts)
    if (why !== undefined) closed.set(own.name, why)
    for (const relation of own.relations.values()) {
      const { link } = relation
      const linkWhy = link === undefined ? undefined : whyLinksClosed(own, relation, facts)
      if (link !== undefined && linkWhy !== undefined) closed.set(link, linkWhy)
    }
  }
  return closed
}

function whyClosed({ definition, cached }: CatalogModel, facts: DatabaseFacts): string | undefined {
  const name = `${definition.databaseSchema ?? facts.source.schema}.${definition.table}`
  const guarded = facts.guarded.get(name)
  if (guarded !== undefined && cached?.policy.rowSecurity !== 'same-for-all') {
    return `rows of ${definition.name} are not the same for every user: ${guarded}`
  }
  const denied = facts.denied.get(name)
  if (denied === undefined || !definition.scalars.some(({ column }) => denied.has(column))) return undefined
  return `the database user may not read all of ${definition.name}`
}

function whyLinksClosed({ definition, cached }: CatalogModel, { field, target }: Relation, facts: DatabaseFacts) {
  const sameForAll = [cached, target.cached].every(end => end?.policy.rowSecurity === 'same-for-all')
  // The join table is in the schema of one of the two models.
  for (const schema of [definition, target.definition].map(end => end.databaseSchema ?? facts.source.schema)) {
    const name = `${schema}.${field.joinTable}`
    const guarded = facts.guarded.get(name)
    if (guarded !== undefined && !sameForAll) {
      return `links between ${definition.name} and ${target.name} are not the same for every user: ${guarded}`
    }
    if (facts.denied.has(name))
      return `the database user may not read the links between ${definition.name} and ${target.name}`
  }
  return undefined
}

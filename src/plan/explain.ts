/** A plan of a read in words: what `$cache.explain` answers. */
import type { Catalog, CatalogModel, ParentList } from './catalog.js'
import type { CachedPlan } from './read.js'
import type { WholeRow } from './rows.js'
import { type RelatedEntry, relatedKeysAt, type RowNode } from './tree.js'

export interface CachedRead {
  cached: true
  /** The key in Redis that is looked up; of several rows, that of the first. */
  key: string
  /** Of several rows: the keys of all. */
  keys?: readonly string[]
  /** Of one row: the name of the key that the `where` pins it by, such as `id` or `email`. */
  by?: string
  /** Which writes invalidate the entry, in words: `'a write to this row of User'`, `'any write to Post'`. */
  invalidatedBy: readonly string[]
  /** The same of each relation that the query reads, by its path: `{ author: […], 'author.profile': […] }`. */
  relations?: Record<string, readonly string[]>
  /** Of the result of a query: the keys in Redis that the entry depends on. */
  dependsOn?: readonly string[]
  /** `'front'`: a hit is answered before Prisma is called. `'hook'`: Prisma's query hook answers it, which takes longer. */
  way: 'front' | 'hook'
  /** Why it is the hook. */
  whyHook?: string
}

/** What `explain` answers. `why` is a reason in words. */
export type Explanation =
  | CachedRead
  | { cached: false; why: string }
  /**
   * A write. `invalidates`: the keys in Redis that it deletes, whatever its result is. `allRowsOf`: models of which it
   * invalidates all rows, because it does not say which of them change.
   */
  | { cached: false; why: 'a write'; invalidates: readonly string[]; allRowsOf: readonly string[] }

/** @param whyHook - why the query hook has to answer it; undefined: it does not */
export function explainRead(plan: CachedPlan, catalog: Catalog, whyHook: string | undefined): CachedRead {
  return { ...explainPlan(plan, catalog), ...(whyHook === undefined ? { way: 'front' } : { way: 'hook', whyHook }) }
}

function explainPlan(plan: CachedPlan, catalog: Catalog): Omit<CachedRead, 'way'> {
  const facts = factsOf(catalog)
  if (plan.kind === 'result') {
    const { key, list } = plan
    const { epochs } = plan.dependsOn
    return { cached: true, key, invalidatedBy: facts.epochs(epochs, list && [list]), dependsOn: epochs }
  }
  const { by, tree, model } = plan
  const keys = plan.kind === 'rows' ? plan.rows.map(({ key }) => key) : [plan.key]
  const row = {
    cached: true,
    key: keys[0] ?? '',
    by: by.key.name,
    invalidatedBy: facts.row(model, loadedBy(plan)),
  } as const
  return {
    ...row,
    ...(plan.kind === 'rows' && { keys }),
    ...(tree !== undefined && { relations: relationsOf(tree, '', facts) }),
  }
}

function loadedBy({ by, identity }: WholeRow): string | undefined {
  return by === identity ? undefined : `if it was loaded by ${by.key.name}`
}

function relationsOf(node: RowNode, path: string, facts: Facts): Record<string, readonly string[]> {
  const relations: Record<string, readonly string[]> = {}
  for (const { name, node: target } of node.toOne)
    relations[path + name] = facts.row(target.model, 'if it was loaded together with a row that leads to it')
  for (const entry of node.relatedEntries) relations[path + entry.name] = factsOfEntry(entry, facts)
  for (const { name, node: target } of node.toOne)
    Object.assign(relations, relationsOf(target, `${path}${name}.`, facts))
  return relations
}

function factsOfEntry(entry: RelatedEntry, facts: Facts): readonly string[] {
  const { lists, epochsBesideTags, everyWriteEpochs } = entry
  const noIds = lists.map(() => '')
  const hasTags = relatedKeysAt(entry, '', noIds).tagged > 0
  return hasTags ? facts.epochs(epochsBesideTags, lists) : facts.epochs(everyWriteEpochs)
}

interface Facts {
  /** @param loaded - how the row may have been loaded without that its id was known */
  row(model: CatalogModel, loaded: string | undefined): readonly string[]
  epochs(epochs: readonly string[], lists?: readonly ParentList[]): readonly string[]
}

/** Which writes invalidate what, in words. */
export function factsOf(catalog: Catalog): Facts {
  const byKey = new Map<string, readonly string[]>()
  for (const model of catalog.values()) {
    const { name, keys, relations } = model
    const triggered = [...catalog.values()]
      .filter(other => other.triggers.includes(model))
      .map(other => `any write to ${other.name}, which changes ${name}`)
    byKey.set(keys.unnamedWrites, [`a write to ${name} that does not say which rows`, ...triggered])
    byKey.set(keys.everyWrite, [`any write to ${name}`, ...triggered])
    byKey.set(keys.lists, [`a write to ${name} that does not say under which parent`])
    for (const { link, target } of relations.values()) {
      const ends = [name, target.name].toSorted().join(' and ')
      if (link !== undefined) byKey.set(link, [`a change of the links between ${ends}`])
    }
  }
  const ofKey = (key: string) => byKey.get(key) ?? []
  return {
    row({ name, keys }, loaded) {
      const when = loaded === undefined ? '' : `${loaded}, or `
      return [
        `a write to this row of ${name}`,
        ...ofKey(keys.unnamedWrites),
        `any write to ${name}, ${when}if there is no such row`,
      ]
    },
    epochs(epochs, lists = []) {
      const underParents = lists.map(
        ({ child, foreign }) => `a write to ${child.name} with this ${[...foreign.values()].join(' and ')}`,
      )
      return [...new Set([...underParents, ...epochs.flatMap(ofKey)])]
    },
  }
}

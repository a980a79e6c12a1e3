/** A read plan, shown. */
import type { Bypass } from './bypass.js'
import type { ReadPlan } from './read.js'
import { type RowNode, type RelatedEntry, relatedKeysAt } from './tree.js'

export interface CachedRead {
  cached: true
  /** What is looked up in Redis. */
  key: string
  /**
   * How: by the name of the unique that pins a row (`id`, `email`); `relation tag`, a result that dies with writes under one
   * parent; `every write`, a result that dies with each write to a model it looks at.
   */
  via: string
  /** The relations of a row, by path: `row`, followed to an entry of its own; `relation tag`; `every write`. */
  relations?: Record<string, string>
  /** The tokens that a result depends on. */
  dependsOn?: readonly string[]
}

export function explainRead(plan: ReadPlan): CachedRead | { cached: false; why: Bypass['why'] } {
  if (plan.kind === 'bypass') return { cached: false, why: plan.why }
  if (plan.kind === 'result') return { cached: true, key: plan.key, via: plan.via, dependsOn: plan.dependsOn.epochs }
  const { key, by, tree } = plan
  const via = by.key.name
  return tree === undefined ? { cached: true, key, via } : { cached: true, key, via, relations: relationsOf(tree, '') }
}

function relationsOf({ toOne, relatedEntries }: RowNode, path: string): Record<string, string> {
  const own = [
    ...toOne.map(({ name }) => [`${path}${name}`, 'row'] as const),
    ...relatedEntries.map(part => [`${path}${part.name}`, viaOf(part)] as const),
  ]
  return Object.assign(Object.fromEntries(own), ...toOne.map(({ name, node }) => relationsOf(node, `${path}${name}.`)))
}

function viaOf(part: RelatedEntry): string {
  return relatedKeysAt(
    part,
    '',
    part.lists.map(() => ''),
  ).tagged > 0
    ? 'relation tag'
    : 'every write'
}

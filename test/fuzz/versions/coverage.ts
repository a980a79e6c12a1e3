/** What a run over pairs of versions has met, per kind of change and per way to deploy. */
import { tableOf, type Model } from '../schemas/blueprint.js'
import { KINDS } from './changes.js'
import { DEPLOYS, type Pair } from './pair.js'

interface Row {
  pairs: number
  reads: number
  hits: number
  /** Reads whose right answer has changed since the read before. */
  changed: number
  writes: number
  mismatches: number
}

export class VersionsCoverage {
  readonly #rows = new Map<string, Row>(
    [...KINDS, ...DEPLOYS].map(name => [name, { pairs: 0, reads: 0, hits: 0, changed: 0, writes: 0, mismatches: 0 }]),
  )

  /** How many kinds of change and ways to deploy there are. */
  get size(): number {
    return this.#rows.size
  }

  pair(pair: Pair): void {
    for (const row of this.#met(pair)) row.pairs++
  }

  /** A read was compared; `hit`: it came from the cache. */
  read(pair: Pair, models: readonly Model[], { hit, changed }: { hit: boolean; changed: boolean }): void {
    for (const row of this.#met(pair, models)) {
      row.reads++
      if (hit) row.hits++
      if (changed) row.changed++
    }
  }

  write(pair: Pair, models: readonly Model[]): void {
    for (const row of this.#met(pair, models)) row.writes++
  }

  mismatch(pair: Pair): void {
    for (const row of this.#met(pair)) row.mismatches++
  }

  /** Kinds of changes and ways to deploy of which there were no pairs, or nothing was read, hit or written where they are. */
  missing(): string[] {
    return [...this.#rows].flatMap(([name, { pairs, reads, hits, writes }]) =>
      [pairs, reads, hits, writes].includes(0) ? [name] : [],
    )
  }

  table(): string {
    const width = Math.max(...[...this.#rows.keys()].map(name => name.length))
    const line = (name: string, cells: readonly (string | number)[]) =>
      `${name.padEnd(width)} ${cells.map(cell => String(cell).padStart(11)).join('')}`
    return [
      line('change', ['pairs', 'reads', 'hits', 'changed', 'writes', 'mismatches']),
      ...[...this.#rows].map(([name, row]) => line(name, Object.values(row) as number[])),
    ].join('\n')
  }

  /** Of the changes that concern one of these models, and of the deploy. */
  #met({ changes, deploy }: Pair, models?: readonly Model[]): Set<Row> {
    const tables = models?.map(tableOf)
    const kinds = changes.filter(change => tables === undefined || change.tables.some(table => tables.includes(table)))
    return new Set([...kinds.map(({ kind }) => kind), deploy].map(name => this.#rows.get(name) as Row))
  }
}

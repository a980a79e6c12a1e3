/** What a run over generated schemas has met, per feature of schemas. */
import { type Blueprint, featuresOf, type Model } from './blueprint.js'
import { allows, FEATURES } from './features.js'

interface Row {
  schemas: number
  reads: number
  hits: number
  writes: number
}

export class SchemaCoverage {
  readonly #rows = new Map<string, Row>(FEATURES.map(name => [name, { schemas: 0, reads: 0, hits: 0, writes: 0 }]))
  readonly #kinds = new Map<string, { done: number; refused: number }>()

  schema(blueprint: Blueprint): void {
    for (const feature of featuresOf(blueprint)) this.#of(feature).schemas++
  }

  /** A read was compared; `hit`: it came from the cache. */
  read(blueprint: Blueprint, models: readonly Model[], hit: boolean): void {
    for (const feature of met(blueprint, models)) {
      const row = this.#of(feature)
      row.reads++
      if (hit) row.hits++
    }
  }

  write(blueprint: Blueprint, models: readonly Model[], kind: string, refused: boolean): void {
    let counts = this.#kinds.get(kind)
    if (counts === undefined) this.#kinds.set(kind, (counts = { done: 0, refused: 0 }))
    counts[refused ? 'refused' : 'done']++
    const views = blueprint.models.filter(({ viewOf }) => viewOf !== undefined && models.includes(viewOf))
    if (!refused) for (const feature of met(blueprint, [...models, ...views])) this.#of(feature).writes++
  }

  /** Features that no schema had, or that nothing was read or written of. */
  missing(without: readonly string[] = []): string[] {
    return FEATURES.filter(allows(without)).filter(feature => {
      const { schemas, reads, writes } = this.#of(feature)
      return schemas === 0 || reads === 0 || writes === 0
    })
  }

  table(): string {
    const width = Math.max(...FEATURES.map(name => name.length))
    const line = (name: string, cells: readonly (string | number)[]) =>
      `${name.padEnd(width)} ${cells.map(cell => String(cell).padStart(8)).join('')}`
    const kinds = [...this.#kinds].map(([kind, { done, refused }]) => `${kind}: ${done} (${refused} refused)`)
    return [
      line('feature', ['schemas', 'reads', 'hits', 'writes']),
      ...[...this.#rows].map(([name, { schemas, reads, hits, writes }]) => line(name, [schemas, reads, hits, writes])),
      '',
      `writes: ${kinds.join(', ')}`,
    ].join('\n')
  }

  #of(feature: string): Row {
    const row = this.#rows.get(feature)
    if (row === undefined) throw new Error(`No feature is called ${feature}`)
    return row
  }
}

function met(blueprint: Blueprint, models: readonly Model[]): Set<string> {
  return new Set([...blueprint.features, ...models.flatMap(model => [...model.features])])
}

/** What a run has met: how often a read of some shape, cached before, was compared after a write of some kind. */
import { readShapes } from './reads.js'
import { kinds } from './writes/kinds.js'

export class Coverage {
  readonly #cells = new Map<string, Map<string, number>>()
  readonly #dropped = new Map<string, number>()
  readonly #done = new Map<string, number>()
  readonly #other = new Map<string, number>()

  /** A write of this kind was done. */
  wrote(kind: string): void {
    add(this.#done, kind)
  }

  /** A read that was in the cache before a write of this kind was compared after it; `dropped`: it was not there any more. */
  met(kind: string, shape: string, dropped: boolean): void {
    let row = this.#cells.get(kind)
    if (row === undefined) this.#cells.set(kind, (row = new Map()))
    add(row, shape)
    if (dropped) add(this.#dropped, kind)
  }

  /** Something else that has to come up. */
  also(what: string): void {
    add(this.#other, what)
  }

  cell(kind: string, shape: string): number {
    return this.#cells.get(kind)?.get(shape) ?? 0
  }

  /** What was met less often than this. */
  missing(least: number): string[] {
    const rare = kinds.flatMap(({ name }) =>
      readShapes
        .filter(shape => this.cell(name, shape) < least)
        .map(shape => `${name} × ${shape}: ${this.cell(name, shape)} of ${least}`),
    )
    const idle = kinds
      .filter(({ name }) => !this.#dropped.has(name))
      .map(({ name }) => `${name} has never dropped a live entry (done ${this.#done.get(name) ?? 0} times)`)
    const absent = others.filter(what => !this.#other.has(what)).map(what => `${what}: never`)
    return [...idle, ...rare, ...absent]
  }

  table(): string {
    const head = readShapes.map((shape, n) => `${String(n + 1).padStart(2)} ${shape}`)
    const width = Math.max(...kinds.map(({ name }) => name.length))
    const cellWidth = 5
    const rows = kinds.map(({ name }) => {
      const cells = readShapes.map(shape => String(this.cell(name, shape)).padStart(cellWidth))
      const done = String(this.#done.get(name) ?? 0).padStart(6)
      return `${name.padEnd(width)} ${done} ${String(this.#dropped.get(name) ?? 0).padStart(8)} ${cells.join('')}`
    })
    const columns = readShapes.map((_, n) => String(n + 1).padStart(cellWidth))
    const first = `${'kind of write'.padEnd(width)} ${'done'.padStart(6)} ${'dropped'.padStart(8)} ${columns.join('')}`
    const also = others.map(what => `${what}: ${this.#other.get(what) ?? 0}`)
    return [...columned(head), '', first, ...rows, '', also.join(', ')].join('\n')
  }

  get least(): number {
    return Math.min(...kinds.flatMap(({ name }) => readShapes.map(shape => this.cell(name, shape))))
  }
}

/** Things that programs do beside writes and reads. */
export const others = [
  'negative hit',
  'shared load',
  'reads in one tick',
  'reads and a write at once',
  'reads beside an open transaction',
  'write by $uncached',
  'write by worker',
]

function add(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1)
}

function columned(lines: readonly string[]): string[] {
  const width = Math.max(...lines.map(line => line.length)) + 2
  const height = Math.ceil(lines.length / 4)
  return Array.from({ length: height }, (_, row) =>
    [0, 1, 2, 3]
      .map(column => (lines[column * height + row] ?? '').padEnd(width))
      .join('')
      .trimEnd(),
  )
}

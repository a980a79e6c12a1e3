/**
 * The keys of one database, with the time at which each ends. Time is that of the wall clock, as in Redis: a test that sets
 * `Date` ahead sees keys expire. They are removed when they are looked at, so there is no timer.
 */
export interface Stored {
  readonly value: Buffer
  /** In ms since 1970; infinite: it does not end. */
  readonly until: number
}

export class Database {
  /** By their bytes, one character each: a key need not be text. */
  readonly #stored = new Map<string, Stored>()

  get(key: Buffer): Stored | undefined {
    const name = key.toString('latin1')
    const found = this.#stored.get(name)
    if (found === undefined || Date.now() <= found.until) return found
    this.#stored.delete(name)
    return undefined
  }

  set(key: Buffer, value: Buffer, until: number): void {
    this.#stored.set(key.toString('latin1'), { value, until })
  }

  /** Answers whether it was there. */
  delete(key: Buffer): boolean {
    return this.get(key) !== undefined && this.#stored.delete(key.toString('latin1'))
  }

  keys(): readonly Buffer[] {
    const names = [...this.#stored.keys()].map(name => Buffer.from(name, 'latin1'))
    return names.filter(key => this.get(key) !== undefined)
  }

  clear(): void {
    this.#stored.clear()
  }
}

/** More than an application has queries. */
const MOST = 1_000

/** What was made for a text before. Texts may hold values of the caller's, so there may come any number: then it forgets all. */
export class Memo<Value> {
  readonly #made = new Map<string, Value>()

  of(text: string, make: () => Value): Value {
    const known = this.#made.get(text)
    if (known !== undefined) return known
    if (this.#made.size >= MOST) this.#made.clear()
    const made = make()
    this.#made.set(text, made)
    return made
  }

  clear(): void {
    this.#made.clear()
  }
}

/** The last that was learnt of each of so many keys: the one that was new first goes first. */
export class Recent<Value> {
  readonly #known = new Map<string, Value>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  get(key: string): Value | undefined {
    return this.#known.get(key)
  }

  set(key: string, value: Value): void {
    if (this.#known.size >= this.#most && !this.#known.has(key)) {
      const [oldest] = this.#known.keys()
      if (oldest !== undefined) this.#known.delete(oldest)
    }
    this.#known.set(key, value)
  }

  delete(key: string): void {
    this.#known.delete(key)
  }
}

/** More than an application has queries. */
const LIMIT = 1_000

/** What was made for a text before. Texts may hold values of the caller, so there may be any number of them. At its limit it forgets all. */
export class Memo<Value> {
  readonly #made = new Map<string, Value>()

  of(text: string, make: () => Value): Value {
    const known = this.#made.get(text)
    if (known !== undefined) return known
    if (this.#made.size >= LIMIT) this.#made.clear()
    const made = make()
    this.#made.set(text, made)
    return made
  }

  clear(): void {
    this.#made.clear()
  }
}

/** Made when it is used first. */
export function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}

/** Remembers the keys that were used last, in two halves: when the young half is full, it replaces the old one. */
export class Recent<Value> {
  readonly #half: number
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()

  constructor(most: number) {
    this.#half = most / 2
  }

  get(key: string): Value | undefined {
    const value = this.#young.get(key)
    if (value !== undefined) return value
    const older = this.#old.get(key)
    if (older !== undefined) this.set(key, older)
    return older
  }

  set(key: string, value: Value): void {
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
}

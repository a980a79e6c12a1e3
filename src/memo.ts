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

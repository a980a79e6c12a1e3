/** What a read has to return at least, at a time. */

/** The largest version that was there by a time. */
class Floor {
  readonly #marks: { at: number; version: number }[] = []
  #sorted = false

  add(at: number, version: number): void {
    this.#marks.push({ at, version })
  }

  by(time: number): number {
    if (!this.#sorted) {
      this.#marks.sort((a, b) => a.at - b.at)
      let highest = 0
      for (const mark of this.#marks) highest = mark.version = Math.max(mark.version, highest)
      this.#sorted = true
    }
    let [low, high] = [0, this.#marks.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#marks[middle] as { at: number }).at < time) low = middle + 1
      else high = middle
    }
    return this.#marks[low - 1]?.version ?? 0
  }
}

/** One for each key, or for each process and key. */
export class Floors {
  readonly #floors = new Map<string, Floor>()

  of(name: string): Floor {
    let floor = this.#floors.get(name)
    if (floor === undefined) this.#floors.set(name, (floor = new Floor()))
    return floor
  }
}

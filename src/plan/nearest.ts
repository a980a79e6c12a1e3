/** The name that was probably meant: the one with the fewest changes to it, if they are few for its length. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  let [found, least] = [undefined as string | undefined, Math.max(1, Math.floor(name.length / 3)) + 1]
  for (const other of names) {
    const changes = distance(name.toLowerCase(), other.toLowerCase())
    if (changes < least) [found, least] = [other, changes]
  }
  return found
}

/** How many letters have to be put in, taken out, replaced, or swapped with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const above = row
    row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let changes = Math.min(at(above, j) + 1, at(row, j - 1) + 1, at(above, j - 1) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        changes = Math.min(changes, at(before, j - 2) + 1)
      row.push(changes)
    }
    before = above
  }
  return at(row, b.length)
}

function at(row: readonly number[], place: number): number {
  return row[place] ?? Number.POSITIVE_INFINITY
}

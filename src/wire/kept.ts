/**
 * Entries that this process keeps (the near cache), by their bytes, which never change. What was found out about one once is not found out
 * again for each read: that its checksum is right, and what its payload holds.
 */
export interface Kept {
  /** The payload of a row, as far as all of it is immutable: each reader makes objects of its own from it. */
  values: readonly unknown[] | undefined
}

const kept = new WeakMap<Buffer, Kept>()

/** Undefined: these bytes are read once, and thrown away. */
export function keptOf(bytes: Buffer): Kept | undefined {
  return kept.get(bytes)
}

export function rememberKept(bytes: Buffer): void {
  kept.set(bytes, { values: undefined })
}

/** Whether a value can be handed to several readers. */
export function isImmutable(value: unknown): boolean {
  return typeof value !== 'object' || value === null
}

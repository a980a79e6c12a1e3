/**
 * Which keys are in one hash slot. On a Cluster a command names keys of one slot, so all keys are in one of some buckets, each in a
 * slot of its own: a row by a hash of its id, with its lists and their tags, and every other entry by a hash of its name. Epochs and
 * holds are in each bucket, so that an entry and all that it depends on are in one. On a single Redis there is one bucket without a
 * name.
 */

/**
 * The buckets of a Cluster: the number in the hash tag of their keys, and the slot that follows from it (`CLUSTER KEYSLOT`). The slots
 * are near the middle of twelve equal parts. Twelve, because 1, 2, 3, 4, 6 and 12 masters share that evenly; with a power of two,
 * one of three masters has up to twice as much as another. The names of tables are percent-encoded, so that none looks like `/96`.
 */
const BUCKETS = [
  { number: 96, slot: 879 },
  { number: 52, slot: 1670 },
  { number: 38, slot: 3434 },
  { number: 97, slot: 4942 },
  { number: 53, slot: 5799 },
  { number: 39, slot: 7499 },
  { number: 98, slot: 8865 },
  { number: 58, slot: 10188 },
  { number: 36, slot: 11428 },
  { number: 68, slot: 12959 },
  { number: 59, slot: 14317 },
  { number: 37, slot: 15493 },
]
const HASH_TAGS = BUCKETS.map(({ number }) => `{/${number}}`)

const [BRACE, SLASH, ZERO] = ['{', '/', '0'].map(character => character.charCodeAt(0)) as [number, number, number]
const BY_DIGITS: readonly (number | undefined)[] = Array.from({ length: 100 }, (_, number) => {
  const bucket = BUCKETS.findIndex(each => each.number === number)
  return bucket < 0 ? undefined : bucket
})

export class Buckets {
  readonly prefix: string
  /** What the names in each bucket begin with. */
  readonly prefixes: readonly string[]

  constructor(prefix: string, isCluster: boolean) {
    this.prefix = prefix
    this.prefixes = isCluster ? HASH_TAGS.map(tag => prefix + tag) : [prefix]
  }

  /** The slot of each bucket on a Cluster. */
  get slots(): readonly (number | undefined)[] {
    return this.prefixes.length === 1 ? [undefined] : BUCKETS.map(({ slot }) => slot)
  }

  /** What the keys for an id begin with. */
  prefixFor(id: string): string {
    const { prefixes } = this
    return prefixes.length === 1 ? this.prefix : (prefixes[hashOf(id) % prefixes.length] as string)
  }

  /** How long what all keys begin with is. */
  get prefixLength(): number {
    return (this.prefixes[0] as string).length
  }

  /** The bucket of a key; undefined: it is the name of an epoch or a hold, which is in each of them. */
  of(key: string): number | undefined {
    if (this.prefixes.length === 1) return 0
    const at = this.prefix.length
    // By its characters: a piece of text, and a look into a Map, take several times as long.
    if (key.charCodeAt(at) !== BRACE || key.charCodeAt(at + 1) !== SLASH) return undefined
    return BY_DIGITS[(key.charCodeAt(at + 2) - ZERO) * 10 + key.charCodeAt(at + 3) - ZERO]
  }

  /** The key in a bucket of what is in each of them; a key that is in one already, as it is. */
  nameIn(bucket: number, name: string): string {
    if (this.prefixes.length === 1 || this.of(name) !== undefined) return name
    return this.prefixes[bucket] + name.slice(this.prefix.length)
  }

  /** A key without the prefix and without its bucket. */
  bare(key: string): string {
    return key.slice(this.of(key) === undefined ? this.prefix.length : this.prefixLength)
  }
}

/** FNV-1a, with a finish that spreads ids that differ in their last character only. */
function hashOf(id: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 12)) >>> 0
}

/** What one tick collects for each of the four kinds of traffic with Redis, and where in the replies each answer is. */
import type { Command } from './command.js'
import type { Reply } from './connection.js'
import type { EpochMemory } from './epoch-memory.js'
import type { Release } from './intents.js'
import { FILL } from './scripts.js'
import type { FillOptions } from './ticket.js'
import { guardOf, hasToken, newToken, type Token } from '../wire/envelope.js'
import { type Held, heldBy, isHeld, isHeldEpoch } from '../wire/intents.js'
import type { Dependencies } from '../wire/keys.js'

/** What is stored in Redis about an entry and what it depends on. */
export interface Snapshot {
  readonly entry: Buffer | null
  /** In the order of the dependencies' epochs. Null: it is not there, or a writer is about to delete it. */
  readonly epochs: readonly (Token | null)[]
  /** Whether a write that is not committed yet, or of unknown outcome, keeps the entry from being read and filled. */
  readonly held: boolean
}

/** The token of what is stored at a key: a token alone, or an entry that was filled under one. */
export function readableToken(bytes: Buffer | null): Token | undefined {
  return bytes !== null && hasToken(bytes) ? bytes : undefined
}

/** A batch waits no longer than any of its queries may. */
class WithDeadline {
  #ms = Number.POSITIVE_INFINITY
  done: Promise<boolean> = Promise.resolve(false)

  /** The time that a query has left when it joins the batch. Time spent on planning other queries is not Redis' time. */
  atMost(ms: number): void {
    if (ms < this.#ms) this.#ms = ms
  }

  get remainingMs(): number {
    return this.#ms
  }
}

/** A look-up that waits for its answer, and where in the replies the answer is. */
interface Waiting {
  readonly key: string
  readonly entry: number
  readonly at: Found
  readonly answer: (snapshot: Snapshot | undefined) => void
}

/** Where dependencies are in the replies, and what they are once the replies are there: the same for all look-ups of a model. */
interface Found {
  readonly dependsOn: Dependencies
  readonly epochs: readonly number[]
  /** Among the holds. */
  readonly holds: readonly number[]
  seen: SeenDependencies | undefined
}

interface SeenDependencies {
  readonly epochs: readonly (Token | null)[]
  readonly held: Held | undefined
}

export class LookUpBatch extends WithDeadline {
  readonly #entries = new Positions()
  readonly #holds = new Positions()
  readonly #dependencies = new Map<Dependencies, Found>()
  readonly #waiting: Waiting[] = []
  #keys: string[] | undefined
  #tokenKey: string | undefined

  mayTakeToken(key: string): void {
    this.#tokenKey = key
  }

  /**
   * Holds come last. Where the keys are read in several commands, a writer in strict mode may come in between: it takes away what was
   * read before, or its hold is read.
   */
  get keys(): string[] {
    return (this.#keys ??= [...this.#entries.keys, ...this.#holds.keys])
  }

  /** The key of the only look-up, whose token may be taken at once. */
  get onlyKey(): string | undefined {
    return this.#waiting.length === 1 ? this.#tokenKey : undefined
  }

  /** Where the entry of the only look-up is in the replies. */
  get onlyEntry(): number {
    return this.#waiting[0]?.entry ?? 0
  }

  lookUp<T>(key: string, dependsOn: Dependencies, read: (snapshot: Snapshot | undefined) => T): Promise<T> {
    const found = this.#found(dependsOn)
    const entry = this.#entries.of(key)
    return new Promise((resolve, reject) => {
      const answer = (snapshot: Snapshot | undefined) => {
        try {
          resolve(read(snapshot))
        } catch (error) {
          reject(error)
        }
      }
      this.#waiting.push({ key, entry, at: found, answer })
    })
  }

  /** Looks up many entries that depend on the same, with one promise for all of them. */
  lookUpAll<T>(
    keys: readonly string[],
    dependsOn: Dependencies,
    read: (snapshot: Snapshot | undefined, index: number) => T,
  ): Promise<T[]> {
    const at = this.#found(dependsOn)
    const results: T[] = []
    return new Promise((resolve, reject) => {
      for (const [i, key] of keys.entries()) {
        const answer = (snapshot: Snapshot | undefined) => {
          try {
            results.push(read(snapshot, i))
            if (results.length === keys.length) resolve(results)
          } catch (error) {
            reject(error)
          }
        }
        this.#waiting.push({ key, entry: this.#entries.of(key), at, answer })
      }
    })
  }

  /** What each of the keys is, and where in the replies. */
  *parts(): Generator<{ readonly key: string; readonly kind: 'entry' | 'epoch' | 'hold'; readonly at: number }> {
    const { keys } = this
    const part = (kind: 'entry' | 'epoch' | 'hold', at: number) => ({ kind, at, key: keys[at] as string })
    for (const { entry } of this.#waiting) yield part('entry', entry)
    for (const { epochs, holds } of this.#dependencies.values()) {
      for (const at of epochs) yield part('epoch', at)
      for (const at of holds) yield part('hold', this.#entries.keys.length + at)
    }
  }

  /**
   * @param replies - undefined: there are none that may be used
   * @param memory - remembers the epochs
   */
  answer(replies: readonly (Buffer | null)[] | undefined, memory?: EpochMemory): void {
    if (replies !== undefined && memory !== undefined) {
      for (const [dependsOn, found] of this.#dependencies) {
        found.seen = this.#seenIn(replies, found)
        if (found.seen.held === undefined) memory.saw(dependsOn, found.seen.epochs)
      }
    }
    for (const { key, entry, at, answer } of this.#waiting) {
      if (replies === undefined) answer(undefined)
      else {
        at.seen ??= this.#seenIn(replies, at)
        const { epochs, held } = at.seen
        answer({
          entry: replies[entry] ?? null,
          epochs,
          held: held !== undefined && isHeld(held, key, at.dependsOn.epochs),
        })
      }
    }
  }

  #seenIn(replies: readonly (Buffer | null)[], { dependsOn, epochs: at, holds }: Found): SeenDependencies {
    const from = this.#entries.keys.length
    const epochs = at.map(position => replies[position] ?? null)
    if (holds.every(position => replies[from + position] === null)) return { epochs, held: undefined }
    const held = heldBy(holds.map(position => replies[from + position] ?? null))
    return { epochs: epochs.map((epoch, i) => (isHeldEpoch(held, dependsOn.epochs[i] as string) ? null : epoch)), held }
  }

  #found(dependsOn: Dependencies): Found {
    let found = this.#dependencies.get(dependsOn)
    if (found === undefined) {
      const epochs = dependsOn.epochs.map(key => this.#entries.of(key))
      const holds = dependsOn.holds.map(key => this.#holds.of(key))
      found = { dependsOn, epochs, holds, seen: undefined }
      this.#dependencies.set(dependsOn, found)
    }
    return found
  }
}

/** Keys, each once. */
class Positions {
  readonly keys: string[] = []
  readonly #positions = new Map<string, number>()

  of(key: string): number {
    const known = this.#positions.get(key)
    if (known !== undefined) return known
    const position = this.keys.push(key) - 1
    this.#positions.set(key, position)
    return position
  }
}

interface Position {
  readonly index: number
  readonly token: Token
}

export class AcquireBatch extends WithDeadline {
  readonly commands: Command[] = []
  readonly #positions = new Map<string, Position>()
  /** Looked up behind all commands. */
  readonly holds = new Set<string>()
  replies: readonly Reply[] = []

  token(key: string, ms: number): Position {
    const known = this.#positions.get(key)
    if (known !== undefined) return known
    const token = newToken()
    const position = { index: this.commands.push(['set', key, token, 'NX', 'GET', 'PX', ms]) - 1, token }
    this.#positions.set(key, position)
    return position
  }

  ask(hold: string): void {
    this.holds.add(hold)
  }

  /** What the holds that were looked up keep from being filled. */
  heldBy(holds: readonly string[]): Held | undefined {
    const asked = [...this.holds]
    const found = holds.map(hold => this.replies[this.commands.length + asked.indexOf(hold)])
    if (found.every(reply => reply === null)) return undefined
    const lines = found.flatMap(reply => (reply instanceof Buffer ? [reply] : []))
    // An error may stand for any of them.
    return lines.length < found.filter(reply => reply !== null).length ? 'all' : heldBy(lines)
  }

  /** The token that is stored at a key now: the one that was there, or the new one. Undefined if it can't be read. */
  tokenAt(position: Position | undefined): Token | undefined {
    if (position === undefined) return undefined
    const reply = this.replies[position.index]
    if (reply === null) return position.token
    return reply instanceof Buffer ? readableToken(reply) : undefined
  }

  /** Keys that hold bytes of something else, or another type. */
  unreadableKeys(): string[] {
    const isForeign = (reply: Reply) =>
      reply instanceof Buffer ? !hasToken(reply) : reply instanceof Error && reply.message.startsWith('WRONGTYPE')
    return [...this.#positions].filter(([, position]) => isForeign(this.replies[position.index])).map(([key]) => key)
  }
}

export class FillBatch {
  done: Promise<boolean> = Promise.resolve(false)
  readonly commands: Command[] = []
  readonly epochs = new Map<string, number>()

  fill(key: string, entry: Buffer, ms: number, guard: FillOptions['guard']): void {
    if (guard === 'none') this.commands.push(['set', key, entry, 'PX', ms])
    else if (guard === 'if-absent') this.commands.push(['set', key, entry, 'PX', ms, 'NX'])
    else this.commands.push(['eval', FILL, 1, key, guardOf(guard), entry, ms])
  }

  extend(epoch: string, ms: number): void {
    this.epochs.set(epoch, Math.max(ms, this.epochs.get(epoch) ?? 0))
  }
}

export class InvalidateBatch extends WithDeadline {
  readonly keys = new Set<string>()
  readonly holds = new Set<string>()
  /** Of writes in strict mode, with what each has made stale. */
  readonly releases: { readonly release: Release; readonly keys: readonly string[] }[] = []
}

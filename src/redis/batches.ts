/** What one tick collects for each of the four kinds of traffic with Redis, and where in the replies each answer is. */
import type { Command } from './command.js'
import type { Reply } from './connection.js'
import type { EpochMemory } from './epoch-memory.js'
import { FILL } from './scripts.js'
import type { FillOptions } from './ticket.js'
import { guardOf, hasToken, newToken, type Token } from '../wire/envelope.js'
import type { Dependencies } from '../wire/keys.js'

/** What is stored in Redis about an entry and what it depends on. */
export interface Snapshot {
  readonly entry: Buffer | null
  /** In the order of the dependencies' epochs. */
  readonly epochs: readonly (Token | null)[]
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
  readonly entry: number
  readonly at: Found
  readonly answer: (snapshot: Snapshot | undefined) => void
}

/** Where dependencies are in the replies, and what they are once the replies are there: the same for all look-ups of a model. */
interface Found {
  readonly epochs: readonly number[]
  readonly holds: readonly number[]
  snapshot: Pick<Snapshot, 'epochs' | 'held'> | undefined
}

export class LookUpBatch extends WithDeadline {
  readonly keys: string[] = []
  readonly #positions = new Map<string, number>()
  readonly #dependencies = new Map<Dependencies, Found>()
  readonly #waiting: Waiting[] = []
  #tokenKey: string | undefined

  mayTakeToken(key: string): void {
    this.#tokenKey = key
  }

  /** The key of the only look-up, whose token may be taken at once. It is the last of the keys. */
  get onlyKey(): string | undefined {
    return this.#waiting.length === 1 ? this.#tokenKey : undefined
  }

  lookUp<T>(key: string, dependsOn: Dependencies, read: (snapshot: Snapshot | undefined) => T): Promise<T> {
    const found = this.#found(dependsOn)
    const entry = this.#add(key)
    return new Promise((resolve, reject) => {
      const answer = (snapshot: Snapshot | undefined) => {
        try {
          resolve(read(snapshot))
        } catch (error) {
          reject(error)
        }
      }
      this.#waiting.push({ entry, at: found, answer })
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
        this.#waiting.push({ entry: this.#add(key), at, answer })
      }
    })
  }

  /** What each of the keys is, and where in the replies. */
  *parts(): Generator<{ readonly key: string; readonly kind: 'entry' | 'epoch' | 'hold'; readonly at: number }> {
    const part = (kind: 'entry' | 'epoch' | 'hold', at: number) => ({ kind, at, key: this.keys[at] as string })
    for (const { entry } of this.#waiting) yield part('entry', entry)
    for (const { epochs, holds } of this.#dependencies.values()) {
      for (const at of epochs) yield part('epoch', at)
      for (const at of holds) yield part('hold', at)
    }
  }

  /**
   * @param replies - undefined: there are none that may be used
   * @param memory - remembers the epochs
   */
  answer(replies: readonly (Buffer | null)[] | undefined, memory?: EpochMemory): void {
    if (replies !== undefined && memory !== undefined) {
      for (const [dependsOn, found] of this.#dependencies) {
        found.snapshot = snapshotIn(replies, found)
        if (!found.snapshot.held) memory.saw(dependsOn, found.snapshot.epochs)
      }
    }
    for (const { entry, at, answer } of this.#waiting) {
      if (replies === undefined) answer(undefined)
      else {
        at.snapshot ??= snapshotIn(replies, at)
        answer({ entry: replies[entry] ?? null, epochs: at.snapshot.epochs, held: at.snapshot.held })
      }
    }
  }

  #add(key: string): number {
    const known = this.#positions.get(key)
    if (known !== undefined) return known
    const position = this.keys.push(key) - 1
    this.#positions.set(key, position)
    return position
  }

  #found(dependsOn: Dependencies): Found {
    let found = this.#dependencies.get(dependsOn)
    if (found === undefined) {
      const [epochs, holds] = [dependsOn.epochs, dependsOn.holds].map(keys => keys.map(key => this.#add(key)))
      found = { epochs: epochs as number[], holds: holds as number[], snapshot: undefined }
      this.#dependencies.set(dependsOn, found)
    }
    return found
  }
}

function snapshotIn(replies: readonly (Buffer | null)[], { epochs, holds }: Found): Pick<Snapshot, 'epochs' | 'held'> {
  return {
    epochs: epochs.map(position => replies[position] ?? null),
    held: holds.some(position => replies[position] !== null),
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

  /** Whether a hold that was looked up is there, or may be. */
  held(hold: string): boolean {
    const index = [...this.holds].indexOf(hold)
    return index >= 0 && this.replies[this.commands.length + index] !== null
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
}

/**
 * The near cache of one bucket: answers look-ups from the memory of this process, without I/O. It mirrors what Redis holds at the keys that
 * look-ups read: entries, epochs, and that there is no hold. What it answers is read by the same code as a reply of Redis, so stamps and
 * epochs prove an entry as ever; it can only be as old as `maxStaleMs`.
 *
 * # How what is kept can't outlive a change
 *
 * 1. A look-up reads `User:1` on the tracked connection, and the reply is on its way.
 * 2. Another process changes `User:1`. Redis tells so on the telling connection, and this may be heard before the reply.
 * 3. The reply is there. It holds what was so before the change, and Redis will not tell again.
 *
 * So each look-up that is under way has a mark for each of its keys. A change that is told removes the mark, and so does a write of this
 * process. A reply is kept only where its mark is still there.
 *
 * Nothing that stands for a miss is kept: an entry that is not there, or a token alone. Redis is asked before the database is.
 */
import type { Redis } from 'ioredis'
import { expiryOf, graceOf } from '../wire/envelope.js'
import type { Dependencies } from '../wire/keys.js'
import { LATE, within } from '../waiting.js'
import type { LookUpBatch, Snapshot } from './batches.js'
import { methodOf } from './command.js'
import type { Connection } from './connection.js'
import type { Health } from './health.js'
import { inspect } from './inspect.js'
import { CHUNK } from './key-groups.js'
import type { Era, Mirror } from './mirror.js'
import { type ServerInfo, serverInfoOf } from './server-info.js'
import type { ServerClock } from './server-clock.js'
import type { Reader, TrackedPair } from './tracked-pair.js'

export interface NearOptions {
  readonly mirror: Mirror
  /** Pairs of connections, by node. */
  readonly pairOf: (node: Redis) => TrackedPair
  /** The caller's connection to the server that has the keys; undefined: there is none now. */
  readonly node: () => Redis | undefined
  /** Whether what depends on this hold may be kept. */
  readonly mayKeep: (hold: string) => boolean
  /** Whether what depends on no hold may be kept: values of `getOrSet`. */
  readonly keepsValues: boolean
  readonly maxStaleMs: number
  readonly prefix: string
  readonly serverClock: ServerClock
  /** In tests: other clients of this process stand for other processes. */
  readonly isAlone?: boolean | undefined
  /** Says once why it can't be used. */
  readonly onRefused: (why: string) => void
}

/** A look-up that is on its way. */
interface UnderWay {
  readonly marks: Set<string>
  readonly era: Era
}

/** Near caches of this process that are in use, also those of other clients and of other copies of this module. */
const IN_USE = Symbol.for('prisma-extension-cache-aside.near')
const inUse = ((globalThis as { [IN_USE]?: Set<Pick<NearCache, 'drop'>> })[IN_USE] ??= new Set())

/** A write of this process changes these keys: before its `DEL`, and again after it. */
export function dropInProcess(keys: readonly string[]): void {
  for (const near of inUse) near.drop(keys)
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000
/** After Redis has refused it: permissions and versions do not change often. */
const REFUSED_PAUSE_MS = 60_000
/** To learn which server it is. */
const ARM_MS = 1_000

export class NearCache {
  readonly #connection: Connection
  readonly #health: Health
  readonly #options: NearOptions
  readonly #underWay = new Set<UnderWay>()
  readonly #reader: Reader
  /** Keys whose fills are on their way, and how many. */
  readonly #filling = new Map<string, number>()
  #pair: TrackedPair | undefined
  /** Undefined: it is not used. */
  #era: Era | undefined
  /** Of `Health`, under which it is used. */
  #generation = -1
  #isArming = false
  #pauseMs = FIRST_PAUSE_MS
  #notBefore = 0
  /** Look-ups that it has answered. */
  answered = 0

  constructor(connection: Connection, health: Health, options: NearOptions) {
    this.#connection = connection
    this.#health = health
    this.#options = options
    this.#reader = {
      absentKey: `${options.prefix}@near`,
      onChanged: key => this.changed(key),
      onLost: () => this.#stop(),
    }
  }

  /** Whether a look-up goes through it, now. If it is not in use yet, that begins here. */
  takes(keys: readonly string[], dependsOn: Dependencies): boolean {
    if (!this.#may(dependsOn)) return false
    // What is sent on the caller's connection is not there yet for what is sent on the other one.
    if (this.#filling.size > 0 && keys.some(key => this.#filling.has(key))) return false
    if (this.inUse) return true
    if (!this.#isArming && performance.now() >= this.#notBefore) void this.#arm()
    return false
  }

  /** What is kept of all the keys of a look-up; undefined: not all of it. */
  look(key: string, dependsOn: Dependencies): Snapshot | undefined {
    const now = this.#mayAnswerAt()
    if (now === undefined) return undefined
    const epochs = this.#epochsOf(dependsOn)
    const entry = this.#options.mirror.entry(key, this.#era as Era, now)
    if (epochs === undefined || entry === undefined) return undefined
    this.answered++
    return { entry, epochs, held: false }
  }

  /** The same for many entries that depend on the same. */
  lookAll(keys: readonly string[], dependsOn: Dependencies): Snapshot[] | undefined {
    const now = this.#mayAnswerAt()
    const epochs = now === undefined ? undefined : this.#epochsOf(dependsOn)
    if (now === undefined || epochs === undefined) return undefined
    const snapshots: Snapshot[] = []
    for (const key of keys) {
      const entry = this.#options.mirror.entry(key, this.#era as Era, now)
      if (entry === undefined) return undefined
      snapshots.push({ entry, epochs, held: false })
    }
    this.answered++
    return snapshots
  }

  /** The moment, by `performance.now`; undefined: what is kept may be too old. */
  #mayAnswerAt(): number | undefined {
    const pair = this.#pair
    if (pair === undefined) return undefined
    pair.isUsed = true
    const now = performance.now()
    return this.isTooOld(now - pair.freshAt) ? undefined : now
  }

  /** @param ms - since the moment up to which all changes have been told */
  protected isTooOld(ms: number): boolean {
    return ms > this.#options.maxStaleMs
  }

  /** Whether nothing was told of a key since it was asked for. */
  protected isMarked(marks: ReadonlySet<string>, key: string): boolean {
    return marks.has(key)
  }

  /** Undefined: they are not all kept, or a hold may be there. */
  #epochsOf({ epochs, holds }: Dependencies): Buffer[] | undefined {
    const { mirror } = this.#options
    const era = this.#era as Era
    const tokens: Buffer[] = []
    for (let i = 0; i < epochs.length; i++) {
      const bytes = mirror.dependency(epochs[i] as string, era)
      if (bytes === undefined || bytes === null) return undefined
      tokens.push(bytes)
    }
    for (let i = 0; i < holds.length; i++) if (mirror.dependency(holds[i] as string, era) !== null) return undefined
    return tokens
  }

  /**
   * Reads the keys of a batch on the tracked connection, and keeps what it finds.
   *
   * @returns undefined: Redis has to be asked on the caller's connection
   */
  async read(batch: LookUpBatch, ms: number): Promise<readonly (Buffer | null)[] | undefined> {
    const [pair, era] = [this.#pair, this.#era]
    if (pair === undefined || era === undefined || batch.keys.length > CHUNK) return undefined
    pair.isUsed = true
    const look: UnderWay = { marks: new Set(batch.keys), era }
    this.#underWay.add(look)
    try {
      const replies = await within(methodOf(pair.reading, 'mget').apply(pair.reading, batch.keys), ms)
      if (replies === LATE || !Array.isArray(replies)) {
        pair.lose()
        return undefined
      }
      this.#keep(batch, replies as (Buffer | null)[], look)
      return replies as (Buffer | null)[]
    } finally {
      this.#underWay.delete(look)
    }
  }

  /** A write changes these keys: before its `DEL`, and again after it. */
  drop(keys: readonly string[]): void {
    for (const key of keys) this.#forget(key)
  }

  /** When Redis ends an entry, by its clock. */
  protected expiryOf(entry: Buffer): number {
    return expiryOf(entry) + graceOf(entry)
  }

  /** Whether the near cache reads from the server that was checked. */
  protected isSame(seen: ServerInfo, checked: ServerInfo): boolean {
    return seen.identity === checked.identity
  }

  /** A fill of this process is on its way, on the caller's connection: until then, its key is looked up there, behind it. */
  async fills(key: string, done: Promise<unknown>): Promise<void> {
    this.#forget(key)
    this.#filling.set(key, (this.#filling.get(key) ?? 0) + 1)
    await done
    const others = (this.#filling.get(key) ?? 1) - 1
    if (others === 0) this.#filling.delete(key)
    else this.#filling.set(key, others)
  }

  #may({ holds }: Dependencies): boolean {
    return holds.length === 0 ? this.#options.keepsValues : holds.every(this.#options.mayKeep)
  }

  /** Since it began, there was no doubt of the server, nor of what this process has invalidated there. */
  get inUse(): boolean {
    return this.#era !== undefined && this.#health.usable && this.#generation === this.#health.generation
  }

  #stop(): void {
    inUse.delete(this)
    this.#pair?.leave(this.#reader)
    this.#pair = undefined
    this.#era = undefined
  }

  #keep(batch: LookUpBatch, replies: readonly (Buffer | null)[], { marks, era }: UnderWay): void {
    if (era !== this.#era) return
    const { mirror, serverClock } = this.#options
    const ahead = serverClock.now() - performance.now()
    const until = (entry: Buffer) => this.expiryOf(entry) - ahead
    for (const { key, kind, at } of batch.parts()) {
      const bytes = replies[at] ?? null
      if (!this.isMarked(marks, key)) continue
      if (kind === 'entry') {
        if (bytes === null) mirror.drop(key)
        else mirror.keepEntry(key, bytes, era, until)
      } else if ((kind === 'hold') === (bytes === null)) mirror.keepDependency(key, bytes, era)
      else mirror.drop(key)
    }
  }

  /** @param key - that Redis says has changed; undefined: any may have */
  protected changed(key: string | undefined): void {
    if (key !== undefined) this.#forget(key)
    // Nothing that was kept counts any more, nor what is on its way.
    else if (this.#era !== undefined) this.#era = {}
  }

  #forget(key: string): void {
    for (const { marks } of this.#underWay) marks.delete(key)
    this.#options.mirror.drop(key)
  }

  /** Begins its use, once both connections are tracked, and lead to the server that `Health` has checked. */
  async #arm(): Promise<void> {
    this.#isArming = true
    let pause = this.#pauseMs
    try {
      if (await this.#armOnce()) pause = 0
    } catch (error) {
      pause = REFUSED_PAUSE_MS
      this.#options.onRefused(error instanceof Error ? error.message : String(error))
    } finally {
      this.#isArming = false
      this.#notBefore = performance.now() + pause
      this.#pauseMs = pause === 0 ? FIRST_PAUSE_MS : Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS)
    }
  }

  async #armOnce(): Promise<boolean> {
    const { node: nodeNow, pairOf } = this.#options
    const { generation } = this.#health
    const node = nodeNow()
    if (node === undefined || !this.#health.usable) return false
    const pair = pairOf(node)
    if (!(await pair.open())) return false
    const [seen, checked] = await Promise.all([inspect(pair.reading, ARM_MS), this.#connection.server(ARM_MS)])
    if (typeof seen !== 'string' || checked === undefined || pair.isLost) return false
    if (checked.identity === '') throw new Error('it needs the permission INFO, to know which server it reads from')
    const isSame = this.isSame(serverInfoOf(seen), checked)
    if (!isSame || generation !== this.#health.generation || node !== nodeNow()) {
      // Of a Sentinel's master, or behind a name that leads to several servers.
      pair.lose()
      return false
    }
    this.#stop()
    pair.join(this.#reader)
    if (this.#options.isAlone !== true) inUse.add(this)
    this.#pair = pair
    this.#generation = generation
    this.#era = {}
    return true
  }
}

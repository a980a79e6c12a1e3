/**
 * The ioredis client: sends the commands of one tick, and answers all replies or, by the deadline, nothing. It never throws, and
 * beside the caller's client it never opens a connection, which would keep the process alive after the caller quits. The caller's options (offline
 * queue, retries, no time-out) do no harm: nothing is sent unless the client is `ready`.
 */
import type { Cluster, Redis } from 'ioredis'
import { ClusterNode } from './cluster-node.js'
import { type Command, methodOf, scriptOf } from './command.js'
import { inspect } from './inspect.js'
import { CHUNK, KeyGroups } from './key-groups.js'
import { forbiddenIn, refusalOf } from './redis-errors.js'
import { type ServerInfo, serverInfoOf } from './server-info.js'
import { isOwnClient, type OwnClient } from './own-client.js'
import { Sentinels } from './sentinels.js'
import { type ClientWatcher, watchClient } from './watchers.js'
import { eachWithin, LATE, patiently, within } from '../waiting.js'

/** A reply as buffers, or the error that Redis answered. */
export type Reply = unknown

/** What a connection reports by itself. */
export interface Watcher {
  /** At each (re)connect. */
  readonly onReady: () => void
  /** At each loss of a connection, on a Cluster of any node. */
  readonly onClose: () => void
  /**
   * Redis answered an error. Only its first word (`OOM`, `READONLY`, ...), as the rest may hold keys, and the command where
   * it is not permitted.
   */
  readonly onRefusal: (code: string, command?: string) => void
}

/** Up to this many commands are faster without ioredis' pipeline. */
const MAX_SINGLE_COMMANDS = 4

/** What ioredis knows of its connection: its socket, and the database that was selected in it. */
interface Wire {
  readonly stream?: unknown
  readonly condition?: { readonly select?: number } | null
  readonly options: { readonly db?: number }
}

export class Connection {
  readonly #redis: Redis | Cluster
  /** If the client was made here. */
  readonly #own: OwnClient | undefined
  #resting: boolean
  /** Kept, because the client's listeners hold it weakly. */
  #watcher: ClientWatcher | undefined
  readonly isCluster: boolean
  readonly #cluster: Cluster | undefined
  readonly #wire: Wire
  /** The database that the client was made for. */
  readonly #db: number
  #opened = false
  #opening: Promise<void> | undefined
  /** The first connect has come to an end, one way or the other. */
  #settled: (() => void) | undefined
  /** The node that has the slot of the keys, or the socket, at the last `rememberServer`. */
  #known: unknown
  /** That node has said since that the slot is with another one. */
  #moved = false
  readonly #node: ClusterNode | undefined
  readonly #groups = new KeyGroups()
  /** Undefined: there are none. */
  readonly sentinels: Sentinels | undefined
  #refusal: Watcher['onRefusal'] = () => undefined

  /**
   * @param isLazy - whether a client that is made here connects at its first use only
   * @param slot - of all keys, on a Cluster
   */
  constructor(client: Redis | Cluster | OwnClient, isLazy = false, slot = 0) {
    const own = isOwnClient(client) ? client : undefined
    const redis = isOwnClient(client) ? client.redis : client
    this.#redis = redis
    this.sentinels = Sentinels.of(redis)
    this.#own = own
    this.#resting = own !== undefined
    if (!isLazy) this.#wake()
    this.isCluster = redis.isCluster
    this.#cluster = redis.isCluster ? (redis as Cluster) : undefined
    this.#node = this.#cluster && new ClusterNode(this.#cluster, slot)
    this.#wire = redis as unknown as Wire
    this.#db = this.#wire.condition?.select ?? this.#wire.options.db ?? 0
    this.#opened = redis.status === 'ready'
  }

  /** Whether commands may be sent: the client is ready, and in its own database; on a Cluster, the node of the slot is there. */
  get ready(): boolean {
    if (this.#redis.status !== 'ready') return false
    return this.#node === undefined ? this.otherDatabase === undefined : this.#node.isReady
  }

  /** The database that the application has selected on its client, if it is not the one that the cache is in. */
  get otherDatabase(): number | undefined {
    if (this.#cluster !== undefined) return undefined
    const selected = this.#wire.condition?.select
    return selected === undefined || selected === this.#db ? undefined : selected
  }

  /** Remembers which server is at the other end. */
  rememberServer(): void {
    this.#moved = false
    this.#known = this.#server
  }

  /**
   * Whether it is still the same: the socket, or the node of a Cluster that has the slot, which another one may get without
   * an event. Looked at for each command and each reply.
   */
  get sameServer(): boolean {
    return !this.#moved && this.#server === this.#known
  }

  get #server(): unknown {
    return this.#node === undefined ? this.#wire.stream : this.#node.now
  }

  /**
   * Has a Cluster look up who has which slot. By itself ioredis does so only after a `MOVED` or a lost connection.
   *
   * @param onNews - called when it turns out that it is another server
   */
  refreshSlots(onNews?: () => void): void {
    if (this.#cluster?.status !== 'ready') return
    this.#cluster.refreshSlotsCache(() => {
      if (!this.sameServer) onNews?.()
    })
  }

  /** Answers how to stop that. */
  watch({ onReady, onClose, onRefusal }: Watcher): () => void {
    this.#refusal = onRefusal
    this.#watcher = {
      onReady: of => {
        if (!this.#isOurs(of)) return
        this.#opened = true
        this.#settled?.()
        onReady()
      },
      onClose: of => {
        if (!this.#isOurs(of)) return
        this.#settled?.()
        onClose()
      },
      onNodeError: error => void this.#errorOf(error),
    }
    return watchClient(this.#redis, this.#watcher)
  }

  /** Whether an event of a client is about this connection: not if it is of another node of the Cluster. */
  #isOurs(of: Redis | Cluster): boolean {
    return of === this.#redis || of === this.#node?.now || of === this.#known
  }

  /** Why commands can't be sent, in words. */
  get obstacle(): string {
    const { status } = this.#redis
    if (this.#node !== undefined && status === 'ready') return this.#node.obstacle
    const error = this.#own?.lastError
    return `it is not connected (${status}${error === undefined ? '' : `: ${error}`})`
  }

  /** Whether the client was made here. */
  get isOwn(): boolean {
    return this.#own !== undefined
  }

  /** Whether the client was made here, and is closed until it is used again. */
  get resting(): boolean {
    return this.#resting
  }

  /** Closes a client that was made here, until it is used again. */
  async rest(ms: number): Promise<void> {
    if (this.#own === undefined || this.#resting) return
    this.#resting = true
    await this.#own.release(this, ms)
  }

  #wake(): void {
    if (!this.#resting) return
    this.#resting = false
    this.#opened = false
    this.#opening = undefined
    this.#own?.use(this)
  }

  /**
   * Resolves when the client is ready, or when it is plain that it won't be within `ms`. Waits only for the very first
   * connect, so that the first query of a process is cached too; starts it if the client is lazy. Answers what is left of `ms`.
   */
  async opened(ms: number): Promise<number> {
    this.#wake()
    if (this.#opened || this.ready) return ms
    this.#opening ??= this.#firstConnect()
    const left = await patiently(this.#opening, ms)
    // The first connection did not come in time: don't wait again, the first `ready` is enough.
    this.#opened = true
    return left
  }

  #firstConnect(): Promise<void> {
    const { status } = this.#redis
    if (status === 'wait') this.#redis.connect().catch(() => undefined)
    else if (this.#own === undefined && status !== 'connecting' && status !== 'connect') return Promise.resolve()
    return new Promise(resolve => {
      this.#settled = resolve
    })
  }

  /** Values of many keys, in order; undefined when Redis did not answer all of them in time. */
  async get(keys: readonly string[], ms: number): Promise<readonly (Buffer | null)[] | undefined> {
    if (!this.ready) return undefined
    const groups = this.#groups.of(keys)
    if (groups.length > 1) {
      const replies = await this.#sendGroups('mget', groups, ms)
      return replies?.every(reply => Array.isArray(reply)) ? (replies as (Buffer | null)[][]).flat() : undefined
    }
    const values = await within(this.#call(['mget', ...keys]), ms)
    if (Array.isArray(values)) return this.otherDatabase === undefined ? (values as (Buffer | null)[]) : undefined
    this.#unanswered([values])
    return undefined
  }

  /** Whether all keys are gone for certain. One command where the keys share a node. */
  async del(keys: readonly string[], ms: number): Promise<boolean> {
    const replies = await this.#sendGroups('del', this.#groups.of(keys), ms)
    // A number: on a connection that is inside somebody's MULTI the answer is `QUEUED`.
    return replies?.every(reply => /^\d+$/.test(String(reply))) ?? false
  }

  /** Whether all holds are set for certain. Never `NX`: a later unknown outcome has to prolong an earlier one's hold. */
  async hold(keys: readonly string[], holdMs: number, ms: number): Promise<boolean> {
    const replies = await this.send(
      keys.map(key => ['set', key, 1, 'PX', holdMs]),
      ms,
    )
    return replies?.every(reply => String(reply) === 'OK') ?? false
  }

  /** One command per group. What a Cluster answers with `TRYAGAIN`, ioredis sends again until the slot has moved. */
  async #sendGroups(
    name: 'mget' | 'del',
    groups: readonly (readonly string[])[],
    ms: number,
  ): Promise<readonly Reply[] | undefined> {
    if (!this.ready) return undefined
    const calls = groups.map(keys => this.#call([name, ...keys]))
    const replies = await eachWithin(calls, ms)
    this.#unanswered(replies === LATE ? [LATE] : replies)
    return replies === LATE || this.otherDatabase !== undefined ? undefined : replies
  }

  /** A slot that is being moved may be the reason. */
  #unanswered(replies: readonly unknown[]): void {
    if (this.#node !== undefined && replies.some(reply => reply === LATE || isTryAgain(reply))) this.split()
  }

  /** From now on for a while, keys are sent one by one. */
  protected split(): void {
    this.#groups.split()
  }

  /** Replies in order, errors of Redis among them; undefined when not all replies came in time. */
  async send(commands: readonly Command[], ms: number): Promise<readonly Reply[] | undefined> {
    if (commands.length === 0) return []
    if (!this.ready) return undefined
    const replies = await (commands.length <= CHUNK
      ? within(this.#dispatch(commands), ms)
      : this.#sendInParts(commands, ms))
    // Another database may have been selected before they were sent.
    return replies === LATE || this.otherDatabase !== undefined ? undefined : replies
  }

  async #sendInParts(commands: readonly Command[], ms: number): Promise<Reply[] | typeof LATE> {
    const parts: Promise<Reply[]>[] = []
    for (let at = 0; at < commands.length; at += CHUNK) parts.push(this.#dispatch(commands.slice(at, at + CHUNK)))
    const replies = await eachWithin(parts, ms)
    return replies === LATE ? LATE : replies.flat()
  }

  async #dispatch(commands: readonly Command[]): Promise<Reply[]> {
    const [only] = commands
    if (commands.length === 1 && only !== undefined) return [await this.#call(only)]
    // One by one they go out and come back in one tick just as well. A Cluster refuses pipelines over slots.
    if (commands.length <= MAX_SINGLE_COMMANDS || this.#cluster !== undefined) {
      return Promise.all(commands.map(command => this.#call(command)))
    }
    const pipeline = this.#redis.pipeline()
    for (const [name, ...args] of commands) void methodOf(pipeline, name).apply(pipeline, args)
    const replies = await pipeline.exec()
    return (replies ?? []).map(([error, value], i) =>
      error === null ? value : this.#errorOf(error, scriptOf(commands[i])),
    )
  }

  async #call(command: Command): Promise<Reply> {
    const [name, ...args] = command
    try {
      const node = this.#node?.forThisTick
      if (node !== undefined) {
        try {
          return await methodOf(node, name).apply(node, args)
        } catch (error) {
          if (!this.follows(name, String(error))) throw error
        }
      }
      return await methodOf(this.#redis, name).apply(this.#redis, args)
    } catch (error) {
      return this.#errorOf(error, scriptOf(command))
    }
  }

  /**
   * Whether the client of the Cluster sends a command again that a node has refused. It follows what it is told. Where the slot is
   * with another node, what that one says may be used only after it was checked; it has to delete in any case.
   */
  protected follows(name: Command[0], error: string): boolean {
    if (/^ReplyError: MOVED\b/.test(error)) {
      this.#moved = true
      return name === 'del'
    }
    return /^ReplyError: (?:ASK|TRYAGAIN|CLUSTERDOWN)\b/.test(error)
  }

  #errorOf(error: unknown, script?: string): unknown {
    const code = refusalOf(error)
    if (code !== undefined) this.#refusal(code, code === 'NOPERM' ? forbiddenIn(String(error), script) : undefined)
    // Of several commands in one pipeline ioredis hands this to us, and does nothing about it.
    if (code === 'MOVED') this.refreshSlots()
    return error
  }

  /** Which server is at the other end; undefined when it does not answer in time. */
  async server(ms: number): Promise<ServerInfo | undefined> {
    if (this.#redis.status !== 'ready' || this.otherDatabase !== undefined) return undefined
    const node = this.#node === undefined ? (this.#redis as Redis) : this.#node.now
    const info = node && (await inspect(node, ms))
    if (info instanceof Error) this.#errorOf(info)
    if (info === undefined || !this.ready) return undefined
    return info instanceof Error ? undefined : serverInfoOf(info)
  }
}

function isTryAgain(reply: Reply): boolean {
  return reply instanceof Error && reply.message.startsWith('TRYAGAIN')
}

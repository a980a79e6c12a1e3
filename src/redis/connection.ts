/**
 * The caller's ioredis client, and all that we ask of it: send some commands in one tick, answer all replies or, by the
 * deadline, nothing. It never throws and never opens a connection of its own (a duplicate would keep the process alive
 * after the caller quits). The caller's options (offline queue, retries, no time-out) can't hurt: nothing is sent unless
 * the client is `ready`.
 */
import type { Cluster, Redis } from 'ioredis'

export type Command = [name: keyof typeof METHODS, ...args: (string | Buffer | number)[]]

/** A reply as buffers, or the error that Redis answered. */
export type Reply = unknown

export interface ServerInfo {
  /**
   * One per server, in a stable order: its process and its history. The history changes when a replica is promoted or the
   * data of another server is taken over, which leaves the process as it is. `''`: the server does not tell.
   */
  readonly identities: readonly string[]
  readonly tooOld: string | undefined
  /** Whether one of them follows another server: it may lack what was dropped there. */
  readonly replica: boolean
}

/** What a connection reports by itself. */
export interface Watcher {
  /** At each (re)connect. */
  readonly onReady: () => void
  /** At each loss of a connection, on a Cluster of any node. */
  readonly onClose: () => void
  /** Redis answered an error. Only its first word (`OOM`, `READONLY`, ...): the rest may hold keys. */
  readonly onRefusal: (code: string) => void
}

const OLDEST = 7
const CHUNK = 256
/** So many commands cost less than a pipeline of ioredis, which takes longer for two of them than both take alone. */
const FEW = 4

export class Connection {
  readonly #redis: Redis | Cluster
  readonly #cluster: Cluster | undefined
  #opened = false
  #opening: Promise<void> | undefined
  #asking: Promise<unknown> | undefined
  #refusal: (code: string) => void = () => undefined

  constructor(redis: Redis | Cluster) {
    this.#redis = redis
    this.#cluster = redis.isCluster ? (redis as Cluster) : undefined
    this.#opened = redis.status === 'ready'
  }

  get ready(): boolean {
    return this.#redis.status === 'ready'
  }

  /** Answers how to stop that. */
  watch({ onReady, onClose, onRefusal }: Watcher): () => void {
    this.#refusal = onRefusal
    const ready = () => {
      this.#opened = true
      onReady()
    }
    const isAttached = (client: Redis | Cluster) => client.listeners('ready').includes(ready)
    const attach = (client: Redis | Cluster) => {
      if (isAttached(client)) return
      allow(client, LISTENERS)
      client.on('ready', ready).on('close', onClose).on('end', onClose)
    }
    const detach = (client: Redis | Cluster) => {
      if (!isAttached(client)) return
      allow(client, -LISTENERS)
      client.off('ready', ready).off('close', onClose).off('end', onClose)
    }
    attach(this.#redis)
    if (this.#cluster === undefined) return () => detach(this.#redis)

    // A Cluster says nothing of a node that comes back, perhaps from an old snapshot.
    const cluster = this.#cluster
    const joined = (node: Redis) => {
      attach(node)
      onClose()
      onReady()
    }
    for (const node of cluster.nodes()) attach(node)
    cluster.on('+node', joined)
    return () => {
      detach(cluster)
      cluster.off('+node', joined)
      for (const node of cluster.nodes()) detach(node)
    }
  }

  /**
   * Resolves when the client is ready, or when it is plain that it won't be within `ms`. Waits only for the very first
   * connect, so that the first query of a process is cached too; starts it if the client is lazy.
   */
  async opened(ms: number): Promise<void> {
    if (this.#opened || this.ready) return
    this.#opening ??= this.#firstConnect()
    await patiently(this.#opening, ms)
    // Waited once for nothing: from now on queries don't wait, the first `ready` tells us.
    this.#opened = true
  }

  #firstConnect(): Promise<void> {
    const { status } = this.#redis
    if (status === 'wait') this.#redis.connect().catch(() => undefined)
    else if (status !== 'connecting' && status !== 'connect') return Promise.resolve()
    return new Promise(resolve => {
      this.#redis.once('ready', () => resolve())
      this.#redis.once('close', () => resolve())
    })
  }

  /** Values of many keys, in order; undefined when Redis did not answer all of them in time. */
  async get(keys: readonly string[], ms: number): Promise<readonly (Buffer | null)[] | undefined> {
    if (!this.ready) return undefined
    const groups = this.#groups(keys)
    if (groups.length === 1) {
      const values = await within(this.#call(['mget', ...keys]), ms)
      return Array.isArray(values) ? values : undefined
    }
    const replies = await this.send(
      groups.map(group => ['mget', ...group]),
      ms,
    )
    if (replies === undefined || !replies.every(reply => Array.isArray(reply))) return undefined
    const found = new Map<string, Buffer | null>()
    for (const [i, group] of groups.entries()) {
      for (const [j, key] of group.entries()) found.set(key, (replies[i] as (Buffer | null)[])[j] ?? null)
    }
    return keys.map(key => found.get(key) ?? null)
  }

  /** Whether all keys are gone for certain. One command where the keys share a node. */
  async del(keys: readonly string[], ms: number): Promise<boolean> {
    const replies = await this.send(
      this.#groups(keys).map(group => ['del', ...group]),
      ms,
    )
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

  /** Keys that one command may name: chunks of all keys, or on a Cluster the keys of one hash tag. */
  #groups(keys: readonly string[]): readonly (readonly string[])[] {
    if (this.#cluster !== undefined) {
      const tagged = new Map<string, string[]>()
      for (const key of keys) {
        const tag = /\{.+?\}/.exec(key)?.[0] ?? key
        const group = tagged.get(tag)
        if (group === undefined) tagged.set(tag, [key])
        else group.push(key)
      }
      return [...tagged.values()]
    }
    if (keys.length > 0 && keys.length <= CHUNK) return [keys]
    const chunks: string[][] = []
    for (let at = 0; at < keys.length; at += CHUNK) chunks.push(keys.slice(at, at + CHUNK))
    return chunks
  }

  /** Replies in order, errors of Redis among them; undefined when not all replies came in time. */
  async send(commands: readonly Command[], ms: number): Promise<readonly Reply[] | undefined> {
    if (commands.length === 0) return []
    if (!this.ready) return undefined
    const replies = await within(this.#dispatch(commands), ms)
    return replies === LATE ? undefined : replies
  }

  async #dispatch(commands: readonly Command[]): Promise<Reply[]> {
    const [only] = commands
    if (commands.length === 1 && only !== undefined) return [await this.#call(only)]
    // One by one they go out and come back in one tick just as well. A Cluster refuses pipelines over slots.
    if (commands.length <= FEW || this.#cluster !== undefined) {
      return Promise.all(commands.map(command => this.#call(command)))
    }
    const pipeline = this.#redis.pipeline()
    for (const [name, ...args] of commands) void methodOf(pipeline, name).apply(pipeline, args)
    const replies = await pipeline.exec()
    return (replies ?? []).map(([error, value]) => (error === null ? value : this.#errorOf(error)))
  }

  async #call([name, ...args]: Command): Promise<Reply> {
    try {
      return await methodOf(this.#redis, name).apply(this.#redis, args)
    } catch (error) {
      return this.#errorOf(error)
    }
  }

  #errorOf(error: unknown): unknown {
    const code = refusalOf(error)
    if (code !== undefined) this.#refusal(code)
    return error
  }

  /**
   * Who is at the other end; undefined when that is not answered in time. One question at a time: while Redis hangs, ones
   * that nobody answers would pile up in the caller's client.
   */
  async servers(ms: number): Promise<ServerInfo | undefined> {
    if (!this.ready || this.#asking !== undefined) return undefined
    const nodes = this.#cluster === undefined ? [this.#redis as Redis] : this.#cluster.nodes('master')
    const asking = Promise.all(nodes.map(node => this.#infoOf(node)))
    const answered = () => {
      this.#asking = undefined
    }
    this.#asking = asking.then(answered, answered)
    const infos = await within(asking, ms)
    if (infos === LATE || infos.includes(undefined)) return undefined
    const field = (info: string | undefined, name: string) =>
      new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info ?? '')?.[1]
    const versions = infos.map(info => field(info, 'redis_version')).filter(version => version !== undefined)
    return {
      // Where INFO is not permitted we can't tell servers apart: every connect is then one to an unknown server.
      identities: infos
        .map(info => [field(info, 'run_id'), field(info, 'master_replid')].filter(Boolean).join('.'))
        .toSorted(),
      tooOld: versions.find(version => Number.parseInt(version, 10) < OLDEST),
      replica: infos.some(info => field(info, 'role') === 'slave'),
    }
  }

  async #infoOf(node: Redis): Promise<string | undefined> {
    try {
      return await node.info()
    } catch (error) {
      if (/NOPERM|unknown command/i.test(String(error))) return ''
      this.#errorOf(error)
      return undefined
    }
  }
}

/** To one event, while the first connect is waited for. */
const LISTENERS = 2

/** Ours are no leak: an application may have a database, and with it a cache, per tenant. */
function allow(client: Redis | Cluster, more: number): void {
  const most = client.getMaxListeners()
  if (most > 0) client.setMaxListeners(most + more)
}

/** The first word of an error that Redis answered; undefined for errors of the client (a lost connection, a time-out). */
function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined
  return /^[A-Z]+/.exec(error.message)?.[0] ?? 'ERR'
}

const TURN_MS = 5

/**
 * Waits for a promise, but not much longer than `ms` of time in which the event loop turns: at the start of a process it is
 * often busy for longer than Redis may take, and a reply that is there already would count as late.
 */
export async function patiently(promise: Promise<unknown>, ms: number): Promise<void> {
  const settled = promise.then(() => true)
  for (let left = ms; left > 0; left -= TURN_MS) {
    const turn = new Promise<boolean>(resolve => setTimeout(resolve, TURN_MS, false))
    if (await Promise.race([settled, turn])) return
  }
}

type Method = (...args: readonly (string | Buffer | number)[]) => Promise<unknown>

/** Written out: a name that is put together for each command is looked up the slow way. */
const METHODS = {
  mget: 'mgetBuffer',
  get: 'getBuffer',
  set: 'setBuffer',
  del: 'delBuffer',
  eval: 'evalBuffer',
  pexpire: 'pexpireBuffer',
} as const

/** The method that answers buffers. By name, not by `call`: ioredis loses the name of a call that it pipelines by itself. */
function methodOf(client: object, name: keyof typeof METHODS): Method {
  return (client as Record<string, Method>)[METHODS[name]] as Method
}

const LATE = Symbol('late')

/**
 * The promise's value, or `LATE` when it is not there after `ms`, or rejects: for us both mean that Redis is out of reach.
 * A timer that fires looks again after `setImmediate`, or a stalled event loop would read as a slow Redis.
 */
function within<T>(promise: Promise<T>, ms: number): Promise<T | typeof LATE> {
  return new Promise(resolve => {
    const timer = setTimeout(() => setImmediate(resolve, LATE), Math.max(ms, 1))
    promise.then(
      value => {
        clearTimeout(timer)
        resolve(value)
      },
      () => {
        clearTimeout(timer)
        resolve(LATE)
      },
    )
  })
}

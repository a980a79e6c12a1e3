/**
 * The listeners on an ioredis client: one set per client and process, however many caches use it and however often their module is
 * loaded again (hot reload). The caches are held weakly, so one that the application has dropped can be collected.
 */
import type { Cluster, Redis } from 'ioredis'

export interface ClientWatcher {
  /** @param of - the client, or a node of a Cluster */
  readonly onReady: (of: Redis | Cluster) => void
  readonly onClose: (of: Redis | Cluster) => void
  /** An error of a Cluster's node, which it reports only as an event. */
  readonly onNodeError: (error: unknown) => void
}

/** Calls the watcher until the returned function is called; it has to be kept by the caller. */
export function watchClient(client: Redis | Cluster, watcher: ClientWatcher): () => void {
  const known = client as { [WATCHERS]?: Watchers }
  return (known[WATCHERS] ??= new Watchers(client)).add(watcher)
}

/** Shared by all copies of this module. */
const WATCHERS = Symbol.for('prisma-extension-cache-aside.watchers')

class Watchers {
  readonly #client: Redis | Cluster
  readonly #watchers = new Set<WeakRef<ClientWatcher>>()
  /** By the client or node that they listen to. */
  readonly #listeners = new WeakMap<Redis | Cluster, Listeners>()
  readonly #nodeError = (error: unknown) => this.#each(watcher => watcher.onNodeError(error))
  /** A Cluster says nothing of a node that comes back, perhaps from an old snapshot. */
  readonly #joined = (node: Redis) => {
    this.#attach(node)
    this.#each(watcher => watcher.onClose(node))
    this.#each(watcher => watcher.onReady(node))
  }

  constructor(client: Redis | Cluster) {
    this.#client = client
  }

  add(watcher: ClientWatcher): () => void {
    if (this.#watchers.size === 0) this.#begin()
    const ref = new WeakRef(watcher)
    this.#watchers.add(ref)
    return () => {
      if (this.#watchers.delete(ref) && this.#watchers.size === 0) this.#end()
    }
  }

  #each(call: (watcher: ClientWatcher) => void): void {
    for (const ref of this.#watchers) {
      const watcher = ref.deref()
      if (watcher === undefined) this.#watchers.delete(ref)
      else call(watcher)
    }
  }

  #begin(): void {
    this.#attach(this.#client)
    if (!this.#client.isCluster) return
    const cluster = this.#client as Cluster
    for (const node of cluster.nodes()) this.#attach(node)
    // It does not become ready without some commands, and says so only by `node error`.
    cluster.on('+node', this.#joined).on('node error', this.#nodeError)
  }

  #end(): void {
    this.#detach(this.#client)
    if (!this.#client.isCluster) return
    const cluster = this.#client as Cluster
    cluster.off('+node', this.#joined).off('node error', this.#nodeError)
    for (const node of cluster.nodes()) this.#detach(node)
  }

  #attach(client: Redis | Cluster): void {
    if (this.#listeners.has(client)) return
    const ready = () => this.#each(watcher => watcher.onReady(client))
    const close = () => this.#each(watcher => watcher.onClose(client))
    this.#listeners.set(client, { ready, close })
    allow(client, 1)
    client.on('ready', ready).on('close', close).on('end', close)
  }

  #detach(client: Redis | Cluster): void {
    const listeners = this.#listeners.get(client)
    if (listeners === undefined) return
    this.#listeners.delete(client)
    allow(client, -1)
    client.off('ready', listeners.ready).off('close', listeners.close).off('end', listeners.close)
  }
}

interface Listeners {
  readonly ready: () => void
  readonly close: () => void
}

/** Ours is no leak: an application may have as many listeners of its own as Node allows without a warning. */
function allow(client: Redis | Cluster, more: number): void {
  const most = client.getMaxListeners()
  if (most > 0) client.setMaxListeners(most + more)
}

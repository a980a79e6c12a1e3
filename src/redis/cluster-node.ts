/** The node of a Cluster that has a slot, as far as the client knows. */
import type { Writable } from 'node:stream'
import type { Cluster, Redis } from 'ioredis'

export class ClusterNode {
  readonly #cluster: Cluster
  readonly #slot: number
  #address: string | undefined
  #node: Redis | undefined

  constructor(cluster: Cluster, slot: number) {
    this.#cluster = cluster
    this.#slot = slot
  }

  /** Undefined: no master has the slot, or it is gone. */
  get now(): Redis | undefined {
    const address = this.#cluster.slots[this.#slot]?.[0]
    const isGone = this.#node === undefined || this.#node.status === 'end' || this.#node.status === 'close'
    if (isGone || address !== this.#address) {
      this.#address = address
      this.#node = this.#cluster.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === address)
    }
    return this.#node
  }

  /** Nodes are connected when they are needed. */
  get isReady(): boolean {
    const status = this.now?.status
    return status === 'ready' || status === 'wait'
  }

  /**
   * To send to, past the client of the Cluster: it looks at the slot of each key. All that is sent in one tick, for whichever bucket, goes
   * out in one piece. Undefined: it is not connected.
   */
  get forThisTick(): Redis | undefined {
    const node = this.now
    if (node?.status !== 'ready') return undefined
    const { stream } = node as unknown as { readonly stream: Writable }
    if (stream.writableCorked === 0) {
      stream.cork()
      process.nextTick(uncork, stream)
    }
    return node
  }

  get obstacle(): string {
    const status = this.now?.status
    return status === undefined
      ? 'no node of the Cluster that it is connected to has the slot'
      : `its node is not connected (${status})`
  }
}

function uncork(stream: Writable): void {
  stream.uncork()
}

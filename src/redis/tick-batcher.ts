/**
 * Collects what happens in one tick of the event loop into one batch. It is sent by `process.nextTick`, after all
 * microtasks: queries that the application starts together reach us in different microtasks of the same tick.
 */
export class TickBatcher<Batch extends { done: Promise<boolean> }> {
  readonly #open: () => Batch
  readonly #send: (batch: Batch) => Promise<boolean>
  readonly #later: (task: () => void) => void
  #batch: Batch | undefined

  /**
   * @param later - has the batch sent: `queueMicrotask` where that has to be before the caller goes on, which may close the client
   *   next; on a Cluster, with what goes to other nodes
   */
  constructor(
    open: () => Batch,
    send: (batch: Batch) => Promise<boolean>,
    later: (task: () => void) => void = task => process.nextTick(task),
  ) {
    this.#open = open
    this.#send = send
    this.#later = later
  }

  get isOpen(): boolean {
    return this.#batch !== undefined
  }

  /** The batch of this tick; its `done` resolves when the batch was answered, to whether it was. */
  current(): Batch {
    if (this.#batch !== undefined) return this.#batch
    const batch = this.#open()
    this.#batch = batch
    batch.done = new Promise(resolve => {
      this.#later(() => {
        this.#batch = undefined
        resolve(this.#send(batch))
      })
    })
    return batch
  }
}
